//! What heads say.

use crate::head;
use wayside::wire::event::Version;
use wayside::wire::h1::{
    Form, Refused, RequestFacts, ResponseFacts, fields, is_idempotent, is_loop, split_authority,
};

fn facts(head: &[u8]) -> RequestFacts<'_> {
    RequestFacts::of(head).expect("a head")
}

/// Form, authority, host, port and path.
fn place(head: &[u8]) -> (Form, String, String, Option<u16>, String) {
    let facts = facts(head);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (facts.form, text(facts.authority), text(facts.host), facts.port, text(facts.path))
}

#[test]
fn where_a_request_is_addressed() {
    use Form::{Absolute, Asterisk, Authority, Origin};
    #[rustfmt::skip]
    let table = [
        ("GET /p/q?r=/s HTTP/1.1|Host: a.b", Origin, "a.b", "a.b", None, "/p/q"),
        ("GET / HTTP/1.1|hOST: A.b:81|Host: c", Origin, "A.b:81", "A.b", Some(81), "/"),
        ("GET / HTTP/1.0", Origin, "", "", None, "/"),
        ("GET / HTTP/1.1|Host:", Origin, "", "", None, "/"),
        ("GET / HTTP/1.1|Host: a:", Origin, "a:", "a", None, "/"),
        ("GET / HTTP/1.1|Host: a:b", Origin, "a:b", "", None, "/"),
        ("GET / HTTP/1.1|Host: [::1]:82", Origin, "[::1]:82", "::1", Some(82), "/"),
        ("GET http://c:83/x?y HTTP/1.1|Host: a", Absolute, "c:83", "c", Some(83), "/x"),
        ("GET http://c?y/z HTTP/1.1|Host: a", Absolute, "c", "c", None, ""),
        ("GET http://[fe80::1]/ HTTP/1.1|Host: a", Absolute, "[fe80::1]", "fe80::1", None, "/"),
        ("GET http://u:p@c/ HTTP/1.1|Host: a", Absolute, "c", "c", None, "/"),
        ("GET https://c/ HTTP/1.1|Host: a", Absolute, "c", "c", None, "/"),
        ("OPTIONS * HTTP/1.1|Host: a:1", Asterisk, "a:1", "a", Some(1), "*"),
        ("CONNECT c:443 HTTP/1.1|Host: a", Authority, "c:443", "c", Some(443), "c:443"),
        ("CONNECT [::1]:443 HTTP/1.1|Host: a", Authority, "[::1]:443", "::1", Some(443), "[::1]:443"),
    ];
    for (from, form, authority, host, port, path) in table {
        assert_eq!(place(&head(from)), (form, authority.into(), host.into(), port, path.into()), "{from}");
    }
}

#[test]
fn where_a_proxy_is_to_send_it() {
    #[rustfmt::skip]
    let table = [
        ("GET http://c/ HTTP/1.1|Host: a:9", Ok(("c", 80))),
        ("GET HTTP://c:8080 HTTP/1.1|Host: a", Ok(("c", 8080))),
        ("GET http://[::1]:81/ HTTP/1.1|Host: a", Ok(("::1", 81))),
        ("CONNECT c:443 HTTP/1.1|Host: a", Ok(("c", 443))),
        ("CONNECT [::1]:22 HTTP/1.1|Host: a", Ok(("::1", 22))),
        ("CONNECT c HTTP/1.1|Host: a", Err(Refused::Authority)),
        ("CONNECT c: HTTP/1.1|Host: a", Err(Refused::Authority)),
        ("CONNECT :1 HTTP/1.1|Host: a", Err(Refused::Authority)),
        ("CONNECT ::1:443 HTTP/1.1|Host: a", Err(Refused::Authority)),
        ("CONNECT u@c:1 HTTP/1.1|Host: a", Err(Refused::UserInfo)),
        ("GET http://u@c/ HTTP/1.1|Host: a", Err(Refused::UserInfo)),
        ("GET https://c/ HTTP/1.1|Host: a", Err(Refused::Scheme)),
        ("GET http:///c HTTP/1.1|Host: a", Err(Refused::Authority)),
        ("GET http://c:99999/ HTTP/1.1|Host: a", Err(Refused::Authority)),
        ("GET / HTTP/1.1|Host: a", Err(Refused::NoTarget)),
        ("OPTIONS * HTTP/1.1|Host: a", Err(Refused::NoTarget)),
    ];
    for (from, expected) in table {
        let expected = expected.map(|(host, port): (&str, u16)| (host.as_bytes(), port));
        assert_eq!(facts(&head(from)).proxied(), expected, "{from}");
    }
}

#[test]
fn who_wants_its_connection_kept() {
    for (version, connection, is_kept) in [
        ("1.1", "", true),
        ("1.1", "Connection: close", false),
        ("1.1", "Connection: x, CLOSE", false),
        ("1.1", "Connection: keep-alive|Connection: close", false),
        ("1.1", "Connection: upgrade|X: close", true),
        ("1.0", "", false),
        ("1.0", "Connection: Keep-Alive", true),
        ("1.0", "Connection: keep-alive, close", false),
        ("1.0", "Proxy-Connection: keep-alive", false),
    ] {
        let fields = if connection.is_empty() { String::new() } else { format!("|{connection}") };
        let request = head(&format!("GET / HTTP/{version}|Host: a{fields}"));
        assert_eq!(facts(&request).keep_alive, is_kept, "{version} {connection}");
        let response = head(&format!("HTTP/{version} 204 No{fields}"));
        let version = if version == "1.0" { Version::Http10 } else { Version::Http11 };
        let expected = ResponseFacts { status: 204, version, keep_alive: is_kept };
        assert_eq!(ResponseFacts::of(&response), Ok(expected));
    }
}

#[test]
fn the_last_hop_the_upgrade_and_the_rest_of_the_head() {
    for (from, is_final) in [
        ("TRACE / HTTP/1.1|Host: a|Max-Forwards: 0", true),
        ("OPTIONS * HTTP/1.1|Host: a|max-FORWARDS: 000", true),
        ("OPTIONS * HTTP/1.1|Host: a|Max-Forwards: 1", false),
        ("OPTIONS * HTTP/1.1|Host: a|Max-Forwards:", false),
        ("OPTIONS * HTTP/1.1|Host: a|Max-Forwards: -0", false),
        ("GET / HTTP/1.1|Host: a|Max-Forwards: 0", false),
    ] {
        assert_eq!(facts(&head(from)).is_final_hop, is_final, "{from}");
    }
    let bytes = [b"\r\n".to_vec(), head("PUT /a HTTP/1.1|Host: b|upgrade: x|X:  y\t")].concat();
    let facts = facts(&bytes);
    assert!(facts.is_upgrade && (facts.method, facts.target) == (&b"PUT"[..], &b"/a"[..]));
    let all: Vec<_> = fields(&bytes).map(|field| (field.name, field.value)).collect();
    assert_eq!(all, [(&b"Host"[..], &b"b"[..]), (b"upgrade", b"x"), (b"X", b"y")]);
}

#[test]
fn a_loop_is_seen_in_via() {
    for (via, is_ours) in [
        ("Via: 1.1 way", true),
        ("Via: 1.0 x, HTTP/1.1  WAY (Apache)", true),
        ("via: 1.1 x|VIA:1.1 y ,1.1\tway", true),
        ("Via: 1.1 way2, 1.1 wa", false),
        ("Via: way, 1.1", false),
        ("Via: 1.1 x (1.1 way)", false),
        ("X-Via: 1.1 way", false),
    ] {
        assert_eq!(is_loop(&head(&format!("GET / HTTP/1.1|Host: a|{via}")), "way"), is_ours, "{via}");
    }
}

#[test]
fn idempotent_methods() {
    for method in ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"] {
        assert!(is_idempotent(method.as_bytes()), "{method}");
    }
    for method in ["POST", "PATCH", "CONNECT", "get", "", "GETS", "PRI"] {
        assert!(!is_idempotent(method.as_bytes()), "{method}");
    }
}

#[test]
fn authorities_in_two() {
    #[rustfmt::skip]
    let table = [
        ("a", Some(("a", None))), ("a:", Some(("a", None))), ("a:1", Some(("a", Some(1)))), ("a:65535", Some(("a", Some(65535)))),
        ("[::1]", Some(("::1", None))), ("[::1]:", Some(("::1", None))), ("[::1]:2", Some(("::1", Some(2)))),
        ("", None), (":1", None), ("a:0", None), ("a:65536", None), ("a:+1", None), ("a:1:2", None), ("::1", None), ("[::1", None),
        ("[]", None), ("[]:1", None), ("[::1]2", None), ("[[::1]]", None), ("a]", None), ("u@a", None), ("a:99999999999999999999", None),
    ];
    for (authority, expected) in table {
        let expected = expected.map(|(host, port): (&str, Option<u16>)| (host.as_bytes(), port));
        assert_eq!(split_authority(authority.as_bytes()), expected, "{authority}");
    }
}
