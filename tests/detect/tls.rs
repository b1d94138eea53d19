//! ClientHellos.

use crate::hello::{Hello, alpn, chromium, go, nss, record, server_name};
use crate::support::{Side, at_every_split, client_says, plain, run};
use wayside::wire::detect::{ClientHello, DecidedBy, Detector, Protocol, Verdict};

pub(crate) fn captures() -> [(&'static [u8], Option<&'static str>, Option<&'static str>); 3] {
    [
        (include_bytes!("../data/openssl-sni-alpn.hello"), Some("service.example.com"), Some("h2,http/1.1")),
        (include_bytes!("../data/openssl-plain.hello"), None, None),
        (include_bytes!("../data/openssl-tls12-sni.hello"), Some("a.example"), None),
    ]
}

fn tls(sni: Option<&str>, alpn: Option<&str>) -> Verdict {
    let hello = ClientHello { sni: sni.map(str::to_owned), alpn: alpn.map(str::to_owned) };
    Verdict { protocol: Protocol::Tls, decided_by: DecidedBy::Client, hello: Some(Box::new(hello)) }
}

fn shapes() -> Vec<(Hello, Option<&'static str>, Option<&'static str>)> {
    let bare = Hello { session: 0, suites: vec![0x2f], extensions: vec![] };
    vec![
        (go(b"go.example.com", &[b"h2"]), Some("go.example.com"), Some("h2")),
        (chromium(b"WWW.Chromium.example"), Some("www.chromium.example"), Some("h2,http/1.1")),
        (nss(Some(b"nss.example")), Some("nss.example"), Some("h2,http/1.1")),
        (nss(None), None, Some("h2,http/1.1")),
        (bare, None, None),
    ]
}

#[test]
fn captured_hellos_at_every_split() {
    for (bytes, sni, alpn) in captures() {
        assert_eq!(at_every_split(Side::Client, bytes), tls(sni, alpn));
    }
}

#[test]
fn built_hellos_at_every_split() {
    for (hello, sni, alpn) in shapes() {
        assert_eq!(at_every_split(Side::Client, &hello.bytes()), tls(sni, alpn));
    }
    assert!(chromium(b"x.example").bytes().len() > 1500);
    assert!(nss(None).bytes().len() > 2700);
}

#[test]
fn hellos_over_records_cut_at_every_point() {
    for (hello, sni, alpn) in shapes() {
        let message = hello.message();
        for cut in 1..message.len() {
            let (first, second) = message.split_at(cut);
            let bytes = [record(first), record(&[]), record(second)].concat();
            assert_eq!(client_says(&bytes), tls(sni, alpn), "cut at {cut}");
            let inside = 5 + cut / 2;
            let events = [(Side::Client, bytes[..inside].to_vec()), (Side::Client, bytes[inside..].to_vec())];
            assert_eq!(run(&events, DecidedBy::Timeout).0, tls(sni, alpn), "cut at {cut}");
        }
        for size in [1, 2, 3, 5, 100, 1000] {
            let bytes: Vec<u8> = message.chunks(size).flat_map(record).collect();
            assert_eq!(at_every_split(Side::Client, &bytes), tls(sni, alpn), "records of {size}");
        }
    }
}

#[test]
fn bytes_after_the_hello_do_not_matter() {
    let bytes = [go(b"a.example", &[b"h2"]).bytes(), vec![20, 3, 3, 0, 1, 1, 0xff, 0xff]].concat();
    assert_eq!(at_every_split(Side::Client, &bytes), tls(Some("a.example"), Some("h2")));
}

#[test]
fn eleven_bytes_make_it_certain() {
    let bytes = go(b"a.example", &[]).bytes();
    for cut in 1..11 {
        let mut detector = Detector::default();
        assert_eq!(detector.client(&bytes[..cut]), None);
        assert_eq!(detector.opaque(), None);
        assert_eq!(detector.give_up(DecidedBy::Eof), plain(Protocol::Unknown, DecidedBy::Eof));
    }
    let mut detector = Detector::default();
    assert_eq!(detector.client(&bytes[..11]), None);
    assert_eq!(detector.opaque(), Some(DecidedBy::Client));
    assert_eq!(detector.give_up(DecidedBy::Timeout), tls(None, None));
    // The server answers half a hello: an alert.
    let mut detector = Detector::default();
    assert_eq!(detector.client(&bytes[..200]), None);
    assert_eq!(detector.server(&[21, 3, 3, 0, 2, 2, 40]), Some(tls(Some("a.example"), None)));
}

#[test]
fn what_is_known_when_it_breaks_off() {
    let bytes = go(b"a.example", &[b"h2", b"http/1.1"]).bytes();
    let name_ends = bytes.windows(9).position(|part| part == b"a.example").unwrap() + 9;
    let alpn_ends = bytes.windows(8).position(|part| part == b"http/1.1").unwrap() + 8;
    assert_eq!(client_says(&bytes[..name_ends - 1]), tls(None, None));
    assert_eq!(client_says(&bytes[..name_ends]), tls(Some("a.example"), None));
    assert_eq!(client_says(&bytes[..alpn_ends - 1]), tls(Some("a.example"), Some("h2")));
    assert_eq!(client_says(&bytes[..alpn_ends]), tls(Some("a.example"), Some("h2,http/1.1")));
    // A record that is none, in the middle of the hello.
    let cut = name_ends - 5;
    let broken = [record(&bytes[5..][..cut]), vec![23, 3, 3, 0, 1, 0]].concat();
    assert_eq!(at_every_split(Side::Client, &broken), tls(Some("a.example"), None));
    assert!(Detector::default().client(&broken).is_some(), "at once");
}

#[test]
fn garbage_inside_a_certain_hello_is_still_tls() {
    let bytes = go(b"a.example", &[b"h2"]).bytes();
    for at in 11..bytes.len() {
        for value in [0x00, 0xff, bytes[at] ^ 0x80, bytes[at].wrapping_add(1)] {
            let mut bad = bytes.clone();
            bad[at] = value;
            assert_eq!(client_says(&bad).protocol, Protocol::Tls, "{at}");
        }
    }
}

#[test]
fn what_is_no_hello() {
    let good = go(b"a.example", &[b"h2"]).bytes();
    // Byte, value: record type, versions, record length, handshake type, length, hello version.
    let wrong = [(0, 21), (0, 23), (1, 2), (2, 5), (3, 0x41), (5, 2), (5, 0), (6, 3), (9, 2), (10, 5)];
    for (at, value) in wrong {
        let mut bad = good.clone();
        bad[at] = value;
        assert_eq!(at_every_split(Side::Client, &bad).protocol, Protocol::Unknown, "byte {at} = {value}");
    }
    // SSLv2-compatible (RFC 5246, appendix E.2).
    let v2 = [&[0x80, 0x2e, 1, 3, 1, 0, 0x15, 0, 0, 0, 0x10][..], &[7; 37]].concat();
    assert_eq!(at_every_split(Side::Client, &v2), plain(Protocol::Unknown, DecidedBy::Client));
    // A hello of 40 bytes is too short to be one.
    assert_eq!(client_says(&[22, 3, 1, 0, 44, 1, 0, 0, 40, 3, 3]).protocol, Protocol::Unknown);
}

#[test]
fn server_names() {
    let long = [b"a".repeat(63), b"b".repeat(63), b"c".repeat(63), b"d".repeat(61)].join(&b'.');
    let table: [(&[u8], bool); 18] = [
        (b"localhost", true),
        (b"a-b.c_d.xn--p1ai", true),
        (b"trailing.dot.", true),
        (&long, true),
        (b"1.2.3.example", true),
        (b"", false),
        (b".", false),
        (b"a..b", false),
        (b".a", false),
        (b"a b", false),
        (b"a\0b", false),
        (b"a\nb", false),
        (b"\xc3\xa9.example", false),
        (b"192.0.2.1", false),
        (b"2001:db8::1", false),
        (b"*.example", false),
        (&[b'a'; 64], false),
        (&[b"x.".as_slice(), &long].concat(), false),
    ];
    for (name, good) in table {
        let sni = client_says(&go(name, &[b"h2"]).bytes()).hello.unwrap();
        let expected = good.then(|| String::from_utf8_lossy(name).trim_end_matches('.').to_lowercase());
        assert_eq!(sni.sni, expected, "{:?}", String::from_utf8_lossy(name));
        assert_eq!(sni.alpn.as_deref(), Some("h2"), "the walk goes on");
    }
}

#[test]
fn alpn_lists() {
    let table: [(&[&[u8]], Option<&str>); 7] = [
        (&[b"h2"], Some("h2")),
        (&[b"http/1.1", b"acme-tls/1"], Some("http/1.1,acme-tls/1")),
        (&[b"\x0a\x0a", b"a,b", b"\"", b"\\", b" "], Some("\\x0a\\x0a,a\\x2cb,\\x22,\\x5c,\\x20")),
        (&[&[b'a'; 64]], Some("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")),
        (&[&[b'a'; 65], b"h2"], None),
        (
            &[b"h2", &[b'a'; 61], b"h3"],
            Some("h2,aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        ),
        (&[b"h2", &[b'a'; 62], b"h3"], Some("h2")),
    ];
    for (protocols, expected) in table {
        let verdict = at_every_split(Side::Client, &go(b"a.example", protocols).bytes());
        assert_eq!(verdict, tls(Some("a.example"), expected));
    }
}

#[test]
fn spoilt_extensions_cost_only_themselves() {
    let spoilt_names: [Vec<u8>; 6] = [
        vec![],
        vec![0],
        vec![0, 9],
        vec![0, 3, 1, 0, 0],
        vec![0, 8, 0, 0, 9, b'a', b'b', b'c', b'd', b'e'],
        vec![0, 3, 0, 0, 0],
    ];
    for body in spoilt_names {
        let hello = Hello { extensions: vec![(0, body), alpn(&[b"h2"])], ..go(b"", &[]) };
        assert_eq!(at_every_split(Side::Client, &hello.bytes()), tls(None, Some("h2")));
    }
    let twice = vec![server_name(b"one.example"), server_name(b"two.example"), alpn(&[b"a"]), alpn(&[b"b"])];
    let hello = Hello { extensions: twice, ..go(b"", &[]) };
    assert_eq!(at_every_split(Side::Client, &hello.bytes()), tls(Some("one.example"), Some("a")));
}

#[test]
fn a_hello_is_bounded() {
    let padded = |size: usize| {
        let hello = Hello {
            extensions: vec![server_name(b"a.example"), (21, vec![0; size]), alpn(&[b"h2"])],
            ..go(b"", &[])
        };
        hello.message().chunks(1 << 14).flat_map(record).collect::<Vec<u8>>()
    };
    assert_eq!(client_says(&padded(60_000)), tls(Some("a.example"), Some("h2")));
    let long = padded(65_400);
    assert!(long.len() > 65_536);
    let mut detector = Detector::default();
    assert_eq!(detector.client(&long[..65_535]), None);
    assert_eq!(detector.client(&long[65_535..65_536]), Some(tls(Some("a.example"), None)));
    // Empty records for ever.
    let mut detector = Detector::default();
    for count in 1..=13_107 {
        assert_eq!(detector.client(&record(&[])), None, "{count}");
    }
    assert_eq!(detector.client(&record(&[])), Some(plain(Protocol::Unknown, DecidedBy::Client)));
}

#[test]
fn lengths_that_no_hello_has_end_the_walk() {
    let shape = |session, suites| Hello { session, suites, extensions: vec![server_name(b"a.example")] };
    assert_eq!(client_says(&shape(32, vec![1]).bytes()), tls(Some("a.example"), None));
    assert_eq!(client_says(&shape(33, vec![1]).bytes()), tls(None, None));
    assert_eq!(client_says(&shape(0, vec![]).bytes()), tls(None, None));
    // In a hello without a session: the low bytes of the suites' and of the extensions' length, the methods' length.
    let good = shape(0, vec![1]).bytes();
    for (at, value) in [(45, 3), (48, 0), (51, good[51] + 1), (51, good[51] - 1)] {
        let mut bad = good.clone();
        bad[at] = value;
        assert_eq!(at_every_split(Side::Client, &bad), tls(None, None), "byte {at}");
    }
}
