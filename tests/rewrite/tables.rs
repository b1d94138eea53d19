//! Heads in, heads out.

use crate::{head, is_strict_head};
use wayside::wire::event::Peer;
use wayside::wire::h1::Refused;
use wayside::wire::h1::rewrite::{After, Hop, MAX_GROWTH, MAX_OPTIONS, Rewritten, request, response};

const EXPLICIT: Hop<'static> = Hop::Explicit { via: "way" };

/// What is expected: the head itself with `=`.
#[track_caller]
fn check(peer: Peer, hop: Hop<'_>, after: After, from: &[u8], to: &str) {
    assert!(is_strict_head(peer, from), "no head: {}", String::from_utf8_lossy(from));
    let mut out = b"before".to_vec();
    let result = match peer {
        Peer::Client => request(from, hop, &mut out),
        Peer::Server => response(from, hop, after, &mut out),
    };
    let rest = out.strip_prefix(b"before").expect("what was there stays");
    let text = String::from_utf8_lossy(rest);
    if to == "=" {
        assert_eq!((result, &*text), (Ok(Rewritten::AsItIs), ""));
    } else {
        assert_eq!((result, &*text), (Ok(Rewritten::Changed), &*String::from_utf8_lossy(&head(to))));
        assert!(is_strict_head(peer, rest), "{text}");
    }
}

#[track_caller]
fn requests(hop: Hop<'_>, table: &[(&str, &str)]) {
    for (from, to) in table {
        check(Peer::Client, hop, After::Keep, &head(from), to);
    }
}

#[track_caller]
fn responses(hop: Hop<'_>, table: &[(After, &str, &str)]) {
    for (after, from, to) in table {
        check(Peer::Server, hop, *after, &head(from), to);
    }
}

#[test]
fn a_shared_hop_takes_out_what_is_about_one_connection() {
    #[rustfmt::skip]
    requests(Hop::Shared, &[
        ("GET / HTTP/1.1|Host: a", "="),
        ("GET / HTTP/1.1|HOST:a|x-Odd:   v \t|Empty:|Empty:", "="),
        ("GET http://b/ HTTP/1.1|Host: a|Via: 1.1 x|Max-Forwards: 3|Proxy-Authorization: b", "="),
        ("GET / HTTP/1.1|Host: a|Connection: Upgrade|Upgrade: websocket", "="),
        ("GET / HTTP/1.1|Host: a|Connection: x-close, closed|Connection:", "="),
        ("GET / HTTP/1.1|Host: a|X-Connection: close|Connection2: close", "="),
        ("GET / HTTP/1.1|Host: a|Connection: close|X: y", "GET / HTTP/1.1|Host: a|X: y"),
        ("GET / HTTP/1.1|Connection: close|Host: a", "GET / HTTP/1.1|Host: a"),
        ("GET / HTTP/1.1|Host: a|connection:CLOSE", "GET / HTTP/1.1|Host: a"),
        ("GET / HTTP/1.1|Host: a|Connection: keep-alive", "GET / HTTP/1.1|Host: a"),
        ("GET / HTTP/1.1|Host: a|Connection: ,close ,, Keep-Alive\t,", "GET / HTTP/1.1|Host: a"),
        ("GET / HTTP/1.1|Host: a|Connection: close|Connection: TE|TE: trailers", "GET / HTTP/1.1|Host: a|Connection: TE|TE: trailers"),
        ("GET / HTTP/1.1|Host: a|cOnnection:  close,TE ,  close,x|X:  1", "GET / HTTP/1.1|Host: a|cOnnection: TE,x|X:  1"),
        ("GET / HTTP/1.1|Host: a|Keep-Alive: timeout=5|KEEP-ALIVE:", "GET / HTTP/1.1|Host: a"),
        ("GET / HTTP/1.1|Host: a|Proxy-Connection: keep-alive", "GET / HTTP/1.1|Host: a"),
        ("POST / HTTP/1.1|Host: a|Connection: close, content-length|Content-Length: 0", "POST / HTTP/1.1|Host: a|Connection: content-length|Content-Length: 0"),
        ("GET / HTTP/1.0", "="),
        ("GET / HTTP/1.0|Connection: close", "GET / HTTP/1.0"),
        ("GET / HTTP/1.0|Connection: Keep-Alive|User-Agent: ApacheBench/2.3", "="),
        ("GET / HTTP/1.0|Connection: Keep-Alive|Keep-Alive: 5", "GET / HTTP/1.0|Connection: Keep-Alive"),
        ("GET / HTTP/1.0|Connection: Keep-Alive, x|X: y", "="),
        ("GET / HTTP/1.0|Connection: keep-alive, close", "GET / HTTP/1.0"),
        ("GET / HTTP/1.0|Connection: keep-alive|Connection: close|X: y", "GET / HTTP/1.0|X: y"),
        ("CONNECT a:1 HTTP/1.1|Host: a:1|Proxy-Connection: x", "CONNECT a:1 HTTP/1.1|Host: a:1"),
    ]);
    let blank = [b"\r\n".to_vec(), head("GET / HTTP/1.1|Host: a")].concat();
    check(Peer::Client, Hop::Shared, After::Keep, &blank, "GET / HTTP/1.1|Host: a");
    let options = ",a".repeat(30_000);
    let long = format!("GET / HTTP/1.1|Host: a|Connection:close{options}");
    let shorter = format!("GET / HTTP/1.1|Host: a|Connection: {}", &options[1..]);
    check(Peer::Client, Hop::Shared, After::Keep, &head(&long), &shorter);
    let latin = b"GET / HTTP/1.1\r\nHost: a\r\nX: \xff\xfe\r\nConnection: close\r\n\r\n";
    let mut out = Vec::new();
    assert_eq!(request(latin, Hop::Shared, &mut out), Ok(Rewritten::Changed));
    assert_eq!(out, b"GET / HTTP/1.1\r\nHost: a\r\nX: \xff\xfe\r\n\r\n");
}

#[test]
fn a_gateway_adds_its_via_to_a_request_and_else_does_what_a_shared_hop_does() {
    let hop = Hop::Gateway { via: "way" };
    #[rustfmt::skip]
    requests(hop, &[
        ("GET / HTTP/1.1|hOST:a", "GET / HTTP/1.1|hOST:a|Via: 1.1 way"),
        ("GET / HTTP/1.0|Via: 1.1 x|A: b", "GET / HTTP/1.0|Via: 1.1 x|A: b|Via: 1.0 way"),
        ("GET / HTTP/1.1|Host: a|Connection: close, TE|TE: gzip", "GET / HTTP/1.1|Host: a|Connection: TE|TE: gzip|Via: 1.1 way"),
        ("GET / HTTP/1.0|Connection: keep-alive", "GET / HTTP/1.0|Connection: keep-alive|Via: 1.0 way"),
        ("GET / HTTP/1.1|Host: a|Proxy-Authorization: b", "GET / HTTP/1.1|Host: a|Proxy-Authorization: b|Via: 1.1 way"),
    ]);
    responses(
        hop,
        &[
            (After::Keep, "HTTP/1.1 200 OK|A: b", "="),
            (After::Close, "HTTP/1.1 200 OK", "HTTP/1.1 200 OK|Connection: close"),
            (After::Keep, "HTTP/1.1 101 S|Connection: upgrade, close|Upgrade: x", "="),
        ],
    );
}

#[test]
fn a_shared_hop_says_to_the_client_what_becomes_of_its_connection() {
    use After::{Close, Keep, KeepHttp10};
    #[rustfmt::skip]
    responses(Hop::Shared, &[
        (Keep, "HTTP/1.1 200 OK|Content-Length: 0", "="),
        (Keep, "HTTP/1.1 200 |X: y", "="),
        (Keep, "HTTP/1.1 200 OK|Connection: close|Content-Length: 0", "HTTP/1.1 200 OK|Content-Length: 0"),
        (Keep, "HTTP/1.1 200 OK|Connection: keep-alive|Keep-Alive: timeout=5|X: y", "HTTP/1.1 200 OK|X: y"),
        (Keep, "HTTP/1.1 426 U|Connection: Upgrade, close|Upgrade: h2", "HTTP/1.1 426 U|Connection: Upgrade|Upgrade: h2"),
        (Close, "HTTP/1.1 200 OK|Content-Length: 0", "HTTP/1.1 200 OK|Content-Length: 0|Connection: close"),
        (Close, "HTTP/1.1 200 OK|Connection: Close|X: y", "="),
        (Close, "HTTP/1.1 200 OK|Connection: keep-alive|X: y", "HTTP/1.1 200 OK|X: y|Connection: close"),
        (Close, "HTTP/1.1 200 OK|Connection: keep-alive, close", "HTTP/1.1 200 OK|Connection: close"),
        (Close, "HTTP/1.0 200 OK", "HTTP/1.0 200 OK|Connection: close"),
        (Close, "HTTP/1.1 100 Continue", "="),
        (Close, "HTTP/1.1 103 E|Link: a|Connection: close", "HTTP/1.1 103 E|Link: a"),
        (Close, "HTTP/1.1 101 S|Connection: Upgrade|Upgrade: x", "="),
        (Keep, "HTTP/1.1 101 S|Connection: Upgrade, keep-alive|Upgrade: x", "="),
        (KeepHttp10, "HTTP/1.1 200 OK|Connection: keep-alive|Content-Length: 0", "="),
        (KeepHttp10, "HTTP/1.1 200 OK|Content-Length: 0", "HTTP/1.1 200 OK|Content-Length: 0|Connection: keep-alive"),
        (KeepHttp10, "HTTP/1.0 200 OK|Connection: close", "HTTP/1.0 200 OK|Connection: keep-alive"),
        (Keep, "HTTP/1.0 200 OK|Content-Length: 0", "HTTP/1.0 200 OK|Content-Length: 0|Connection: keep-alive"),
        (Keep, "HTTP/1.0 200 OK|Connection: Keep-Alive|Content-Length: 0", "="),
    ]);
}

#[test]
fn a_proxy_makes_a_request_its_own() {
    #[rustfmt::skip]
    requests(EXPLICIT, &[
        ("GET / HTTP/1.1|Host: a", "GET / HTTP/1.1|Host: a|Via: 1.1 way"),
        ("GET http://a/ HTTP/1.1|Host: a", "GET / HTTP/1.1|Host: a|Via: 1.1 way"),
        ("GET http://a/p?q=http://x HTTP/1.1|hOst:b|X: y", "GET /p?q=http://x HTTP/1.1|hOst: a|X: y|Via: 1.1 way"),
        ("GET HTTP://a:8080 HTTP/1.1|X: y|Host: b", "GET / HTTP/1.1|X: y|Host: a:8080|Via: 1.1 way"),
        ("GET http://[::1]:81?q HTTP/1.1|Host: b", "GET /?q HTTP/1.1|Host: [::1]:81|Via: 1.1 way"),
        ("GET http://a//b HTTP/1.1|Host:", "GET //b HTTP/1.1|Host: a|Via: 1.1 way"),
        ("OPTIONS http://a HTTP/1.1|Host: b", "OPTIONS * HTTP/1.1|Host: a|Via: 1.1 way"),
        ("OPTIONS http://a/ HTTP/1.1|Host: b", "OPTIONS / HTTP/1.1|Host: a|Via: 1.1 way"),
        ("OPTIONS http://a?q HTTP/1.1|Host: b", "OPTIONS /?q HTTP/1.1|Host: a|Via: 1.1 way"),
        ("OPTIONS * HTTP/1.1|Host: b", "OPTIONS * HTTP/1.1|Host: b|Via: 1.1 way"),
        ("GET http://a/ HTTP/1.0|X: y", "GET / HTTP/1.0|Host: a|X: y|Via: 1.0 way"),
        ("GET http://a/ HTTP/1.0", "GET / HTTP/1.0|Host: a|Via: 1.0 way"),
        ("GET http://a/ HTTP/1.0|Connection: keep-alive", "GET / HTTP/1.0|Host: a|Via: 1.0 way"),
        ("CONNECT a:443 HTTP/1.1|Host: b|Proxy-Authorization: c", "CONNECT a:443 HTTP/1.1|Host: b|Via: 1.1 way"),
        ("GET / HTTP/1.1|Host: a|Via: 1.0 x, 1.1 y (z)|A: b", "GET / HTTP/1.1|Host: a|Via: 1.0 x, 1.1 y (z)|A: b|Via: 1.1 way"),
        ("GET / HTTP/1.1|Host: a|Connection: close, X-Mine|x-mine: 1|X-Other: 2", "GET / HTTP/1.1|Host: a|X-Other: 2|Via: 1.1 way"),
        ("GET / HTTP/1.1|X-Mine: 0|Host: a|Connection: a,X-MINE|Connection: b|B: 1|X-Mine: 2", "GET / HTTP/1.1|Host: a|Via: 1.1 way"),
        ("GET / HTTP/1.1|Host: a|Keep-Alive: 5|Proxy-Connection: keep-alive|Proxy-Authorization: x", "GET / HTTP/1.1|Host: a|Via: 1.1 way"),
        ("POST / HTTP/1.1|Host: a|Connection: content-length, host, Content-Type|Content-Type: t|Content-Length: 0", "POST / HTTP/1.1|Host: a|Content-Type: t|Content-Length: 0|Via: 1.1 way"),
        ("POST / HTTP/1.1|Host: a|Connection: Transfer-Encoding, trailer|Transfer-Encoding: chunked|Trailer: t", "POST / HTTP/1.1|Host: a|Transfer-Encoding: chunked|Trailer: t|Via: 1.1 way"),
        ("GET / HTTP/1.1|Host: a|Connection: X-Forwarded-For, cookie, authorization, via|X-Forwarded-For: b|Cookie: c|Authorization: d|Via: 1.1 e", "GET / HTTP/1.1|Host: a|X-Forwarded-For: b|Cookie: c|Authorization: d|Via: 1.1 e|Via: 1.1 way"),
        ("GET / HTTP/1.1|Host: a|TE: trailers|Connection: TE", "GET / HTTP/1.1|Host: a|TE: trailers|Connection: TE|Via: 1.1 way"),
        ("GET / HTTP/1.1|Host: a|te:Trailers", "GET / HTTP/1.1|Host: a|te:Trailers|Connection: TE|Via: 1.1 way"),
        ("GET / HTTP/1.1|Host: a|TE: trailers, gzip;q=0.5|Connection: TE", "GET / HTTP/1.1|Host: a|Via: 1.1 way"),
        ("GET / HTTP/1.1|Host: a|TE:|Connection: TE, close", "GET / HTTP/1.1|Host: a|Via: 1.1 way"),
        ("GET / HTTP/1.1|Host: a|Upgrade: websocket|Connection: keep-alive, upgrade", "GET / HTTP/1.1|Host: a|Upgrade: websocket|Connection: Upgrade|Via: 1.1 way"),
        ("GET / HTTP/1.1|Host: a|TE: trailers|Upgrade: websocket|Connection: upgrade", "GET / HTTP/1.1|Host: a|TE: trailers|Upgrade: websocket|Connection: TE, Upgrade|Via: 1.1 way"),
        ("GET / HTTP/1.1|Host: a|Upgrade: websocket", "GET / HTTP/1.1|Host: a|Via: 1.1 way"),
        ("GET / HTTP/1.1|Host: a|Upgrade: h2c, websocket|Connection: upgrade", "GET / HTTP/1.1|Host: a|Upgrade: websocket|Connection: Upgrade|Via: 1.1 way"),
        ("GET / HTTP/1.1|Host: a|Upgrade: H2C|Upgrade: x/1, h2c ,y|HTTP2-Settings: z|Connection: Upgrade, HTTP2-Settings", "GET / HTTP/1.1|Host: a|Upgrade: x/1,y|Connection: Upgrade|Via: 1.1 way"),
        ("GET / HTTP/1.1|Host: a|Upgrade: h2c,h2c|Connection: Upgrade", "GET / HTTP/1.1|Host: a|Via: 1.1 way"),
        ("GET / HTTP/1.1|Host: a|Upgrade: x, H2C|Connection: Upgrade, HTTP2-Settings|HTTP2-Settings: AA", "GET / HTTP/1.1|Host: a|Upgrade: x|Connection: Upgrade|Via: 1.1 way"),
        ("OPTIONS / HTTP/1.1|Host: a|Max-Forwards: 10", "OPTIONS / HTTP/1.1|Host: a|Max-Forwards: 9|Via: 1.1 way"),
        ("TRACE / HTTP/1.1|Host: a|max-forwards:1|X: y", "TRACE / HTTP/1.1|Host: a|max-forwards: 0|X: y|Via: 1.1 way"),
        ("TRACE / HTTP/1.1|Host: a|Max-Forwards: x|Max-Forwards: 0", "TRACE / HTTP/1.1|Host: a|Max-Forwards: x|Max-Forwards: 0|Via: 1.1 way"),
        ("GET / HTTP/1.1|Host: a|Max-Forwards: 10", "GET / HTTP/1.1|Host: a|Max-Forwards: 10|Via: 1.1 way"),
        ("GET / HTTP/1.1|Host: a|Expect: 100-continue|Proxy-Authenticate: x", "GET / HTTP/1.1|Host: a|Expect: 100-continue|Via: 1.1 way"),
    ]);
    let forwards =
        |count: u32| format!("TRACE http://a HTTP/1.0{}", format!("|a:b|max-forwards:{count}").repeat(128));
    let most = head(&forwards(9));
    let mut out = Vec::new();
    assert_eq!(request(&most, EXPLICIT, &mut out), Ok(Rewritten::Changed));
    assert!(out.len() <= most.len() + MAX_GROWTH + 3, "{} bytes of {}", out.len(), most.len());
    let blank = [b"\r\n".to_vec(), head("GET http://a HTTP/1.0")].concat();
    check(Peer::Client, EXPLICIT, After::Keep, &blank, "GET / HTTP/1.0|Host: a|Via: 1.0 way");
}

#[test]
fn a_proxy_makes_a_response_its_own() {
    use After::{Close, Keep, KeepHttp10};
    #[rustfmt::skip]
    responses(EXPLICIT, &[
        (Keep, "HTTP/1.1 200 OK|Content-Length: 0", "HTTP/1.1 200 OK|Content-Length: 0|Via: 1.1 way"),
        (Keep, "HTTP/1.1 204 ", "HTTP/1.1 204 |Via: 1.1 way"),
        (Close, "HTTP/1.1 200 OK|Connection: X, Content-Length|X: 1|Content-Length: 0", "HTTP/1.1 200 OK|Content-Length: 0|Connection: close|Via: 1.1 way"),
        (Keep, "HTTP/1.0 200 OK|Content-Length: 0", "HTTP/1.0 200 OK|Content-Length: 0|Connection: keep-alive|Via: 1.0 way"),
        (KeepHttp10, "HTTP/1.1 200 OK|Content-Length: 0", "HTTP/1.1 200 OK|Content-Length: 0|Connection: keep-alive|Via: 1.1 way"),
        (Keep, "HTTP/1.1 200 OK|Keep-Alive: 5|Connection: keep-alive|Set-Cookie: a|Set-Cookie: b", "HTTP/1.1 200 OK|Set-Cookie: a|Set-Cookie: b|Via: 1.1 way"),
        (Close, "HTTP/1.1 426 U|Upgrade: x|Connection: Upgrade", "HTTP/1.1 426 U|Upgrade: x|Connection: Upgrade, close|Via: 1.1 way"),
        (Keep, "HTTP/1.1 200 OK|Upgrade: h2,h2c|Connection: Upgrade", "HTTP/1.1 200 OK|Upgrade: h2|Connection: Upgrade|Via: 1.1 way"),
        (Keep, "HTTP/1.1 200 OK|Upgrade: h2c|Connection: Upgrade", "HTTP/1.1 200 OK|Via: 1.1 way"),
        (Keep, "HTTP/1.1 407 P|Proxy-Authenticate: Basic|Proxy-Authentication-Info: x|TE: trailers", "HTTP/1.1 407 P|Via: 1.1 way"),
        (Close, "HTTP/1.1 101 S|Upgrade: websocket|Connection: Upgrade|Sec-A: b", "HTTP/1.1 101 S|Upgrade: websocket|Sec-A: b|Connection: Upgrade|Via: 1.1 way"),
        (Close, "HTTP/1.1 100 Continue", "HTTP/1.1 100 Continue|Via: 1.1 way"),
    ]);
}

#[test]
fn what_cannot_go_on_is_refused_and_nothing_is_written() {
    let options = |count: usize| {
        let names: Vec<String> = (0..count).map(|number| format!("x{number}")).collect();
        format!("GET / HTTP/1.1|Host: a|Connection: {}|x63: y", names.join(","))
    };
    let (most, over) = (options(MAX_OPTIONS), options(MAX_OPTIONS + 1));
    requests(EXPLICIT, &[(&most, "GET / HTTP/1.1|Host: a|Via: 1.1 way")]);
    for (from, refused, status) in [
        ("GET https://a/ HTTP/1.1|Host: a", Refused::Scheme, 501),
        ("GET ftp://a/ HTTP/1.1|Host: a", Refused::Scheme, 501),
        ("GET http://u:p@a/ HTTP/1.1|Host: a", Refused::UserInfo, 400),
        ("GET http:///x HTTP/1.1|Host: a", Refused::Authority, 400),
        ("GET http://:80/x HTTP/1.1|Host: a", Refused::Authority, 400),
        ("GET http://a:b/ HTTP/1.1|Host: a", Refused::Authority, 400),
        ("GET http://a:0/ HTTP/1.1|Host: a", Refused::Authority, 400),
        ("GET http://a:65536/ HTTP/1.1|Host: a", Refused::Authority, 400),
        ("GET http://::1/ HTTP/1.1|Host: a", Refused::Authority, 400),
        (&over, Refused::Options, 400),
        ("GET / HTTP/2.0|Host: a", Refused::Malformed, 400),
        ("", Refused::Malformed, 400),
    ] {
        let mut out = Vec::new();
        assert_eq!(request(&head(from), EXPLICIT, &mut out), Err(refused), "{from}");
        assert_eq!((refused.status(), out.len()), (status, 0));
        assert!(!refused.as_str().is_empty());
    }
    let mut out = Vec::new();
    assert_eq!(request(&head(&over), Hop::Shared, &mut out), Ok(Rewritten::AsItIs));
    for from in ["", "HTTP/1.1", "HTTP/1.1 20 OK", "HTTP/1.2 200 OK", "GET / HTTP/1.1"] {
        assert_eq!(response(&head(from), Hop::Shared, After::Close, &mut out), Err(Refused::Malformed));
    }
    assert_eq!(out, b"");
}
