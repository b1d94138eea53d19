//! Blocks: what is one, and what lies in it.

use super::*;

#[test]
fn what_lies_in_a_block() {
    for (block, inside, outside) in [
        (
            "10.0.0.0/8",
            &["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"][..],
            &["11.0.0.0", "::10.1.2.3"][..],
        ),
        ("::ffff:10.0.0.0/104", &["10.9.9.9", "::ffff:10.9.9.9"], &["11.0.0.0"]),
        ("192.0.2.1", &["192.0.2.1"], &["192.0.2.0", "192.0.2.2"]),
        ("0.0.0.0/0", &["1.2.3.4", "::ffff:1.2.3.4"], &["::", "2001:db8::1"]),
        ("::/0", &["::1", "2001:db8::1"], &["127.0.0.1", "::ffff:127.0.0.1"]),
        ("fd00::/8", &["fd00::", "fdff::1"], &["fe00::", "fc00::"]),
        ("::1/128", &["::1"], &["::2", "127.0.0.1"]),
        ("10.0.0.128/25", &["10.0.0.128", "10.0.0.255"], &["10.0.0.127"]),
    ] {
        let cidr = Cidr::parse(block).expect(block);
        for ip in inside {
            assert!(cidr.contains(ip.parse().unwrap()), "{block} {ip}");
        }
        for ip in outside {
            assert!(!cidr.contains(ip.parse().unwrap()), "{block} {ip}");
        }
        assert_eq!(Cidr::parse(&cidr.to_string()), Ok(cidr));
    }
}

#[test]
fn what_is_not_a_block() {
    for (text, why) in [
        ("", "not an address"),
        ("10.0.0/8", "not an address"),
        ("10.0.0.0/", "number from 0 to 32"),
        ("10.0.0.0/+8", "number from 0 to 32"),
        ("10.0.0.0/33", "number from 0 to 32"),
        ("::/129", "number from 0 to 128"),
        ("10.0.0.1/8", "did you mean 10.0.0.0/8?"),
        ("::1/64", "did you mean ::/64?"),
        ("::ffff:10.0.0.1/104", "did you mean 10.0.0.0/8?"),
    ] {
        let error = Cidr::parse(text).expect_err(text);
        assert!(error.contains(why), "{text}: {error}");
    }
}

#[test]
fn what_is_loopback() {
    for (text, expected) in [
        ("127.0.0.0/8", true),
        ("127.0.0.1", true),
        ("::1", true),
        ("::ffff:127.0.0.0/104", true),
        ("126.0.0.0/7", false),
        ("0.0.0.0/0", false),
        ("::/127", false),
        ("10.0.0.0/8", false),
    ] {
        assert_eq!(Cidr::parse(text).expect(text).is_loopback(), expected, "{text}");
    }
    assert!(Cidrs::loopback().iter().all(Cidr::is_loopback));
    assert!(Cidrs::loopback().contains("::ffff:127.0.0.2".parse().unwrap()));
    assert!(!Cidrs::loopback().contains("192.0.2.1".parse().unwrap()));
}
