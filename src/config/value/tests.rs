//! Tables of what is accepted and what is not.

use super::*;

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

#[test]
fn durations() {
    for (text, expected) in [
        ("0", ms(0)),
        ("00", ms(0)),
        ("0s", ms(0)),
        ("1ms", ms(1)),
        ("300ms", ms(300)),
        ("10s", ms(10_000)),
        ("010s", ms(10_000)),
        ("5m", ms(300_000)),
        ("2h", ms(7_200_000)),
        ("8760h", LONGEST),
    ] {
        assert_eq!(duration(text), Ok(expected), "{text}");
    }
    for text in [
        "", "s", "10", "10 s", " 10s", "10s ", "10 sec", "10sec", "1.5s", "-1s", "+1s", "1d", "10S",
        "1s500ms", "0x1s", "٣s", "1e3ms", "s10", "ms", "1us",
    ] {
        let refused =
            format!("{} is not a duration; write an integer and ms, s, m or h, as in \"10s\"", quote(text));
        assert_eq!(duration(text), Err(refused), "{text}");
    }
    for text in [
        "8761h",
        "31536001s",
        "18446744073709551615h",
        "18446744073709551616ms",
        "99999999999999999999999999s",
    ] {
        let refused = duration(text).expect_err(text);
        assert!(refused.contains("is too long; the most is \"8760h\""), "{refused}");
    }
}

#[test]
fn a_shown_duration_reads_back() {
    for (milliseconds, expected) in [
        (0, "0"),
        (1, "1ms"),
        (999, "999ms"),
        (1_000, "1s"),
        (1_500, "1500ms"),
        (60_000, "60s"),
        (120_000, "2m"),
        (90_000, "90s"),
        (3_600_000, "60m"),
        (7_200_000, "2h"),
        (7_260_000, "121m"),
    ] {
        assert_eq!(show_duration(ms(milliseconds)), expected);
        assert_eq!(duration(expected), Ok(ms(milliseconds)));
    }
}

#[test]
fn port_ranges() {
    for (text, expected) in [
        ("1", (1, 1)),
        ("65535", (65535, 65535)),
        ("4000-4100", (4000, 4100)),
        ("7-7", (7, 7)),
        ("1 - 2", (1, 2)),
    ] {
        assert_eq!(port_range(text), Ok(expected), "{text}");
    }
    for (text, why) in [
        ("", "\"\" is not a port"),
        ("0", "there is no port 0"),
        ("0-10", "there is no port 0"),
        ("10-9", "the wrong way round"),
        ("10-0", "the wrong way round"),
        ("65536", "is not a port"),
        ("1-65536", "is not a port"),
        ("99999999999999999999", "is not a port"),
        ("-1", "is not a port"),
        ("1-", "is not a port"),
        ("-", "is not a port"),
        ("1-2-3", "is not a port"),
        ("+25", "is not a port"),
        ("25x", "is not a port"),
        ("http", "is not a port"),
        ("25;26", "is not a port"),
    ] {
        let refused = port_range(text).expect_err(text);
        assert!(refused.contains(why), "{text}: {refused}");
    }
}

#[test]
fn listeners() {
    for (text, expected) in [
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("[::]:8080", "[::]:8080"),
        ("[::1]:1", "[::1]:1"),
        (":8080", "[::]:8080"),
        (":0", "[::]:0"),
        ("0.0.0.0:0", "0.0.0.0:0"),
        ("0.0.0.0:65535", "0.0.0.0:65535"),
    ] {
        assert_eq!(listen(text).map(|addr| addr.to_string()), Ok(expected.to_owned()), "{text}");
    }
    for text in [
        "",
        ":",
        "8080",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:65536",
        ":65536",
        ":+80",
        ":-1",
        "::1:80",
        "::",
        "[::1]",
        "[::1:80",
        "localhost:80",
        "256.0.0.1:80",
        "127.0.0.1:80x",
        "127.0.0.1 :80",
        "*:80",
        "tcp://127.0.0.1:80",
        "on",
    ] {
        assert_eq!(listen(text), Err(refuse(text, &LISTEN)), "{text}");
    }
}

#[test]
fn forwards() {
    for (text, listen, target, inbound) in [
        ("127.0.0.1:8080=db:3306", "127.0.0.1:8080", "db:3306", false),
        ("outbound:127.0.0.1:8080=db:3306", "127.0.0.1:8080", "db:3306", false),
        ("inbound:127.0.0.1:8080=db:3306", "127.0.0.1:8080", "db:3306", true),
        ("inbound::8080=127.0.0.1:80", "[::]:8080", "127.0.0.1:80", true),
        (":0=[::1]:80", "[::]:0", "[::1]:80", false),
        ("[::1]:1 = a.example.:80", "[::1]:1", "a.example.:80", false),
        (":1=A-1.b2.C:65535", "[::]:1", "A-1.b2.C:65535", false),
        (":1=3com.com:1", "[::]:1", "3com.com:1", false),
    ] {
        let forward = forward(text).expect(text);
        assert_eq!(forward.listen.to_string(), listen);
        assert_eq!(forward.target.to_string(), target);
        assert_eq!(forward.inbound, inbound);
    }
    assert!(matches!(forward(":1=1.2.3.4:5").expect("an address").target, Target::Addr(_)));
    assert!(matches!(forward(":1=localhost:5").expect("a name").target, Target::Name(..)));
}

#[test]
fn wrong_forwards() {
    let long_label = format!(":1={}:80", "a".repeat(64));
    let long_name = format!(":1={}{}:80", format!("{}.", "a".repeat(63)).repeat(3), "b".repeat(62));
    for (text, why) in [
        ("", "there is no \"=\""),
        ("127.0.0.1:8080", "there is no \"=\""),
        ("=db:1", "\"\" is not an address and port"),
        ("localhost:1=db:1", "\"localhost:1\" is not an address and port"),
        ("sideways::1=db:1", "\"sideways::1\" is not an address and port"),
        ("inbound:=db:1", "\"\" is not an address and port"),
        (":65536=db:1", "\":65536\" is not an address and port"),
        (":1=", "the target has no port"),
        (":1=db", "the target has no port"),
        (":1=db:", "\"\" is not a port from 1 to 65535"),
        (":1=db:0", "there is no port 0 to connect to"),
        (":1=1.2.3.4:0", "there is no port 0 to connect to"),
        (":1=[::1]:0", "there is no port 0 to connect to"),
        (":1=db:65536", "\"65536\" is not a port"),
        (":1=db:+1", "\"+1\" is not a port"),
        (":1=db:http", "\"http\" is not a port"),
        (":1=:80", "\"\" is not a host name"),
        (":1=.:80", "\".\" is not a host name"),
        (":1=a..b:80", "\"a..b\" is not a host name"),
        (":1=a..:80", "\"a..\" is not a host name"),
        (":1=-a:80", "\"-a\" is not a host name"),
        (":1=a-.b:80", "\"a-.b\" is not a host name"),
        (":1=é.example:80", "is not a host name"),
        (":1=a b:80", "\"a b\" is not a host name"),
        (":1=256.1.1.1:80", "\"256.1.1.1\" is not a host name"),
        (":1=1.2.3:80", "\"1.2.3\" is not a host name"),
        (":1=a=b:80", "\"a=b\" is not a host name"),
        (":1=::1:80", "\"::1\" is not an IPv6 address in brackets"),
        (":1=[::1:80", "\"[::1\" is not an IPv6 address in brackets"),
        (":1=[x]:80", "\"[x]\" is not an IPv6 address in brackets"),
        (":1=http://db:80", "\"http://db\" is not an IPv6 address in brackets"),
        (long_label.as_str(), "is not a host name"),
        (long_name.as_str(), "is not a host name"),
    ] {
        let refused = forward(text).expect_err(text);
        assert!(refused.contains(why), "{text}: {refused}");
        assert!(refused.contains("write LISTEN=TARGET"), "{text}: {refused}");
    }
    let longest = format!(":1={}{}.:80", format!("{}.", "a".repeat(63)).repeat(3), "b".repeat(61));
    assert!(forward(&longest).is_ok());
}

#[test]
fn counts_and_switches() {
    assert_eq!(connections("auto"), Ok(None));
    assert_eq!(connections("1"), Ok(Some(1)));
    assert_eq!(connections("16777216"), Ok(Some(1 << 24)));
    for text in ["", "0", "16777217", "-1", "1k", "99999999999999999999", "Auto"] {
        assert_eq!(connections(text), Err(refuse(text, &COUNT)), "{text}");
    }
    assert_eq!(workers("auto"), Ok(None));
    assert_eq!(workers("1024"), Ok(Some(1024)));
    for text in ["", "0", "1025", "two"] {
        assert_eq!(workers(text), Err(refuse(text, &WORKERS)), "{text}");
    }
    for (text, expected) in [("true", true), ("on", true), ("false", false), ("off", false)] {
        assert_eq!(switch(text), Ok(expected));
    }
    for text in ["", "yes", "1", "TRUE"] {
        assert_eq!(switch(text), Err(refuse(text, &SWITCH)), "{text}");
    }
    for (text, expected) in
        [("off", AccessLogFormat::Off), ("json", AccessLogFormat::Json), ("apache", AccessLogFormat::Apache)]
    {
        assert_eq!(access_log(text), Ok(expected));
    }
    for text in ["", "none", "JSON"] {
        assert_eq!(access_log(text), Err(refuse(text, &ACCESS_LOG)), "{text}");
    }
}

#[test]
fn log_filters() {
    for (text, expected) in [
        ("warn", "warn"),
        ("OFF", "OFF"),
        ("info,wayside::flow=debug", "info,wayside::flow=debug"),
        ("warn, mio = trace", "warn,mio=trace"),
    ] {
        assert_eq!(filter(text), Ok(expected.to_owned()), "{text}");
    }
    for text in
        ["", "wran", "wayside", "warn,", "wayside=loud", "=warn", "info/regex", "a b=warn", "warn\n=info"]
    {
        assert_eq!(filter(text), Err(refuse(text, &FILTER)), "{text}");
    }
}
