//! How lines look: tables, and what any bytes at all come to.

use proptest::prelude::*;

use super::*;

#[test]
fn a_line_of_json() {
    let expected = concat!(
        r#"{"timestamp":"2000-10-10T20:55:36.123456Z","direction":"inbound","client.addr":"127.0.0.1:40112","#,
        r#""target.addr":"10.0.0.9:80","method":"GET","host":"example.org","uri":"/apache_pb.gif?a=b","#,
        r#""version":"HTTP/1.1","status":200,"request_bytes":120,"response_bytes":2326,"total_ns":1500001,"#,
        r#""user_agent":"Mozilla/4.08 [en] (Win98; I ;Nav)","referer":"http://www.example.com/start.html","#,
        r#""protocol":"http/1","error":""}"#,
        "\n"
    );
    assert_eq!(json(&record()), expected);
}

#[test]
fn what_is_not_known_is_left_out_of_json() {
    let record = Record {
        upstream: None,
        status: 0,
        request_bytes: 0,
        response_bytes: 0,
        grpc_status: Some(14),
        error: "client_reset",
        version: Version::Http2,
        direction: Direction::Outbound,
        ..record()
    };
    let parsed = Parsed::of(&json(&record));
    for absent in ["target.addr", "status", "cut"] {
        assert!(!parsed.has(absent), "{absent}");
    }
    for (key, expected) in [("error", "client_reset"), ("version", "HTTP/2.0"), ("direction", "outbound")] {
        assert_eq!(parsed.text(key), expected, "{key}");
    }
    assert_eq!(parsed.number("grpc_status"), 14.0);
}

#[test]
fn a_line_of_apache() {
    let from_v6 = Record { client: "[fd00::1]:5".parse().unwrap(), ..record() };
    let nothing = Record {
        status: 0,
        response_bytes: 0,
        user_agent: b"",
        referer: b"",
        method: b"",
        target: b"",
        version: Version::Http10,
        ..record()
    };
    for (record, expected) in [
        (
            record(),
            r#"127.0.0.1 - - [10/Oct/2000:20:55:36 +0000] "GET /apache_pb.gif?a=b HTTP/1.1" 200 2326 "http://www.example.com/start.html" "Mozilla/4.08 [en] (Win98; I ;Nav)""#,
        ),
        (
            Record { version: Version::Http2, status: 404, response_bytes: 0, ..from_v6 },
            r#"fd00::1 - - [10/Oct/2000:20:55:36 +0000] "GET /apache_pb.gif?a=b HTTP/2.0" 404 - "http://www.example.com/start.html" "Mozilla/4.08 [en] (Win98; I ;Nav)""#,
        ),
        (nothing, r#"127.0.0.1 - - [10/Oct/2000:20:55:36 +0000] "- - HTTP/1.0" - - "-" "-""#),
    ] {
        assert_eq!(apache(&record), format!("{expected}\n"));
    }
}

#[test]
fn awkward_bytes() {
    for (bytes, in_json, in_apache) in [
        (&b"a\"b\\c"[..], r#"a\"b\\c"#, r#"a\"b\\c"#),
        (b"a\r\nb\tc", r"a\u000d\u000ab\u0009c", r"a\r\nb\tc"),
        (b"\x00\x08\x0b\x1b[31m\x7f", r"\u0000\u0008\u000b\u001b[31m\u007f", r"\x00\b\v\x1b[31m\x7f"),
        ("é€😀".as_bytes(), "é€😀", r"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
        (b"a\xff\xc3b\xe2\x82", r"a\u00ff\u00c3b\u00e2\u0082", r"a\xff\xc3b\xe2\x82"),
        (
            "\u{85}\u{9b}\u{2028}\u{2029}\u{202e}\u{2066}".as_bytes(),
            r"\u0085\u009b\u2028\u2029\u202e\u2066",
            r"\xc2\x85\xc2\x9b\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xae\xe2\x81\xa6",
        ),
        (b"-", "-", "-"),
    ] {
        let record = Record { user_agent: bytes, ..record() };
        let (json, apache) = (json(&record), apache(&record));
        assert!(json.contains(&format!(r#","user_agent":"{in_json}","#)), "{json}");
        assert!(apache.ends_with(&format!(" \"{in_apache}\"\n")), "{apache}");
        assert_eq!(Parsed::of(&json).text("user_agent"), as_text(bytes));
    }
    let spaced = Record { target: b"/a b", ..record() };
    assert!(apache(&spaced).contains("\"GET /a\\x20b HTTP/1.1\""));
}

#[test]
fn long_fields_are_cut_and_say_so() {
    let exact = vec![b'x'; TARGET];
    let long = vec![b'y'; TARGET + 1];
    let fits = Record { target: &exact, user_agent: &exact[..FIELD], ..record() };
    let parsed = Parsed::of(&json(&fits));
    assert_eq!((parsed.text("uri").len(), parsed.has("cut")), (TARGET, false));
    let cut = Record { target: &long, user_agent: &long, method: &long, ..record() };
    let parsed = Parsed::of(&json(&cut));
    assert_eq!(parsed.list("cut"), ["method", "uri", "user_agent"]);
    assert_eq!(parsed.text("uri"), format!("{}...", "y".repeat(TARGET)));
    assert_eq!(parsed.text("method"), format!("{}...", "y".repeat(FIELD)));
    assert!(apache(&cut).contains(&format!("/start.html\" \"{}...\"\n", "y".repeat(FIELD))));
    // Never in the middle of a character; but bytes that are none are cut where the limit is.
    for (unit, kept) in [("é", 256), ("€", 255), ("😀", 256), ("a€", 256)] {
        let text = unit.repeat(200);
        let parsed = Parsed::of(&json(&Record { referer: text.as_bytes(), ..record() }));
        let shown = parsed.text("referer").strip_suffix("...").unwrap();
        assert!(text.starts_with(shown) && shown.len() == kept, "{unit}: {}", shown.len());
    }
    assert_eq!(line::bounded(&[0x80; 300], FIELD), (&[0x80; FIELD - 3][..], true));
}

#[test]
fn numbers_and_addresses() {
    for (number, width, expected) in
        [(0, 1, "0"), (0, 0, "0"), (7, 2, "07"), (99, 2, "99"), (100, 2, "100"), (1, 6, "000001")]
    {
        let mut out = Vec::new();
        line::decimal(&mut out, number, width);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
    let mut out = Vec::new();
    line::decimal(&mut out, u64::MAX, 1);
    assert_eq!(out, u64::MAX.to_string().as_bytes());
    for (given, expected) in [
        ("0.0.0.0:0", "0.0.0.0:0"),
        ("255.10.100.1:65535", "255.10.100.1:65535"),
        ("[::ffff:1.2.3.4]:5", "1.2.3.4:5"),
        ("[::1]:80", "[::1]:80"),
        ("[fe80::1:2]:80", "[fe80::1:2]:80"),
    ] {
        let mut out = Vec::new();
        line::addr(&mut out, given.parse().unwrap());
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

#[test]
fn the_longest_line_is_as_long_as_we_think() {
    let bytes = [0xff; TARGET + 1];
    let worst = Record {
        client: "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535".parse().unwrap(),
        upstream: Some("[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535".parse().unwrap()),
        began: UNIX_EPOCH + Duration::from_secs(1 << 40),
        method: &bytes,
        authority: &bytes,
        target: &bytes,
        status: u16::MAX,
        request_bytes: u64::MAX,
        response_bytes: u64::MAX,
        duration: Duration::MAX,
        user_agent: &bytes,
        referer: &bytes,
        grpc_status: Some(u32::MAX),
        error: "h2(INADEQUATE_SECURITY)",
        ..record()
    };
    let length = json(&worst).len();
    assert!((18_900..=line::LONGEST).contains(&length), "{length} {}", line::LONGEST);
    assert!(apache(&worst).len() < length);
}

/// The bytes that httpd's escapes stand for.
fn unescaped(text: &str) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), text.as_bytes());
    while let [byte, after @ ..] = rest {
        rest = after;
        if *byte != b'\\' {
            out.push(*byte);
            continue;
        }
        let (byte, length) = match after[0] {
            b'x' => (u8::from_str_radix(std::str::from_utf8(&after[1..3]).unwrap(), 16).unwrap(), 3),
            b'n' => (b'\n', 1),
            b'r' => (b'\r', 1),
            b't' => (b'\t', 1),
            b'b' => (8, 1),
            b'v' => (11, 1),
            other => (other, 1),
        };
        out.push(byte);
        rest = &after[length..];
    }
    out
}

/// UTF-8 with every other byte as the character of its number.
fn as_text(bytes: &[u8]) -> String {
    let chunks = bytes.utf8_chunks();
    let texts = chunks.map(|chunk| {
        let invalid = chunk.invalid().iter().map(|byte| char::from(*byte)).collect::<String>();
        chunk.valid().to_owned() + &invalid
    });
    texts.collect()
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let awkward = prop::sample::select(b"\"\\\r\n\t ]}{,\x00\x1b\x7f\x80\xc3\xa9\xe2\x80\xa8\xff".to_vec());
    let byte = prop_oneof![awkward, any::<u8>()];
    prop_oneof![
        prop::collection::vec(byte, 0..=FIELD),
        any::<String>().prop_map(|text| {
            let end = text.floor_char_boundary(FIELD);
            text.as_bytes()[..end].to_vec()
        })
    ]
}

proptest! {
    /// One line each, nothing but text in it, and every byte can be had back.
    #[test]
    fn any_bytes(method in bytes(), authority in bytes(), target in bytes(), agent in bytes(), referer in bytes()) {
        let record = Record {
            method: &method,
            authority: &authority,
            target: &target,
            user_agent: &agent,
            referer: &referer,
            ..record()
        };
        let (json, apache) = (json(&record), apache(&record));
        for line in [&json, &apache] {
            prop_assert_eq!(line.find(char::is_control), Some(line.len() - 1));
            prop_assert_eq!(line.lines().count(), 1);
        }
        prop_assert!(apache.is_ascii());
        let parsed = Parsed::of(&json);
        let fields = [("method", &method), ("host", &authority), ("uri", &target), ("user_agent", &agent), ("referer", &referer)];
        for (key, bytes) in fields {
            prop_assert_eq!(parsed.text(key), as_text(bytes), "{}", key);
        }
        prop_assert_eq!(parsed.number("status"), 200.0);
        // As a parser of logs reads it: quotes that no backslash stands before.
        let mut parts = vec![String::new()];
        let mut chars = apache.trim_end().chars();
        while let Some(c) = chars.next() {
            match c {
                '"' => parts.push(String::new()),
                '\\' => parts.last_mut().unwrap().extend([Some('\\'), chars.next()].into_iter().flatten()),
                c => parts.last_mut().unwrap().push(c),
            }
        }
        prop_assert_eq!(parts.len(), 7, "{}", apache);
        let line: Vec<&str> = parts[1].split(' ').collect();
        let or_dash = |bytes: &[u8]| if bytes.is_empty() { b"-".to_vec() } else { bytes.to_vec() };
        prop_assert_eq!(line.len(), 3);
        prop_assert_eq!(unescaped(line[0]), or_dash(&method));
        prop_assert_eq!(unescaped(line[1]), or_dash(&target));
        prop_assert_eq!(unescaped(&parts[3]), or_dash(&referer));
        prop_assert_eq!(unescaped(&parts[5]), or_dash(&agent));
    }
}
