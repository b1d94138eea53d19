//! Heads that two parsers read in two ways: refused before a byte of them has passed, or, without `strict`, followed only
//! where the reading is one.

use crate::check::{Blind, Follow, Lenient, Pass, Refuse, Strict, check};
use crate::support::C;

const MALFORMED: Lenient = Blind("malformed head");
const LENGTH: Lenient = Blind("content-length");
const CODING: Lenient = Blind("transfer-encoding");

#[test]
fn request_lines() {
    let payloads: [(&[u8], Lenient, Strict); 26] = [
        (b"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", MALFORMED, Refuse(400)),
        (b"GET /  HTTP/1.1\r\nHost: h\r\n\r\n", MALFORMED, Refuse(400)),
        (b"GET / HTTP/1.1 \r\nHost: h\r\n\r\n", MALFORMED, Refuse(400)),
        (b"GET\t/\tHTTP/1.1\r\nHost: h\r\n\r\n", MALFORMED, Refuse(400)),
        (b" GET / HTTP/1.1\r\nHost: h\r\n\r\n", MALFORMED, Refuse(400)),
        (b"G\0T / HTTP/1.1\r\nHost: h\r\n\r\n", MALFORMED, Refuse(400)),
        (b"GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n", MALFORMED, Refuse(400)),
        (b"GET /\r HTTP/1.1\r\nHost: h\r\n\r\n", MALFORMED, Refuse(400)),
        (b"GET / HTTP/1.1\rHost: h\r\n\r\n", MALFORMED, Refuse(400)),
        (b"GET / HTTP/1.1\r\r\nHost: h\r\n\r\n", MALFORMED, Refuse(400)),
        (b"GET / HTTP/1.2\r\nHost: h\r\n\r\n", MALFORMED, Refuse(400)),
        (b"GET / HTTP/2.0\r\nHost: h\r\n\r\n", MALFORMED, Refuse(400)),
        (b"GET / HTTP/0.9\r\nHost: h\r\n\r\n", MALFORMED, Refuse(400)),
        (b"GET / http/1.1\r\nHost: h\r\n\r\n", MALFORMED, Refuse(400)),
        (b"GET /\r\n\r\n", MALFORMED, Refuse(400)),
        (b"GET / HTTP/1.1\x0b\r\nHost: h\r\n\r\n", MALFORMED, Refuse(400)),
        (b"(GET) / HTTP/1.1\r\nHost: h\r\n\r\n", MALFORMED, Refuse(400)),
        (b"GET /\xff HTTP/1.1\r\nHost: h\r\n\r\n", Follow(">| 0"), Refuse(400)),
        (b"G\xffT / HTTP/1.1\r\nHost: h\r\n\r\n", MALFORMED, Refuse(400)),
        (b"GET /\xff  HTTP/1.1\r\nHost: h\r\n\r\n", MALFORMED, Refuse(400)),
        (b"GET /\xc3\xa9 HTTP/1.1\r\nHost: h\r\n\r\n", Follow(">| 0"), Refuse(400)),
        (b"GET /#x HTTP/1.1\r\nHost: h\r\n\r\n", Follow(">| 0"), Refuse(400)),
        (b"GET http:/// HTTP/1.1\r\nHost: h\r\n\r\n", Follow(">| 0"), Refuse(400)),
        (b"CONNECT /x HTTP/1.1\r\nHost: h\r\n\r\n", Follow(">| 0"), Refuse(400)),
        (b"\rGET / HTTP/1.1\r\nHost: h\r\n\r\n", MALFORMED, Refuse(400)),
        (b"\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", Follow(">| 0"), Refuse(400)),
    ];
    for (payload, lenient, strict) in payloads {
        check(&[], C(payload), lenient, strict);
    }
}

/// A POST whose fields are `fields`, and the five bytes `hello` behind.
#[track_caller]
fn post(fields: &[u8], lenient: Lenient, strict: Strict) {
    let payload = [b"POST / HTTP/1.1\r\nHost: h\r\n", fields, b"\r\nhello"].concat();
    check(&[], C(&payload), lenient, strict);
}

#[test]
fn lengths() {
    for value in ["+5", "-5", " 5 5", "0x5", "5.0", "5e0", "5,", ",5", "5;", "\"5\"", "five", "5\t5", ""] {
        post(format!("Content-Length: {value}\r\n").as_bytes(), LENGTH, Refuse(400));
    }
    let huge =
        ["9223372036854775808", "18446744073709551615", "18446744073709551621", "99999999999999999999999"];
    for value in huge {
        post(format!("Content-Length: {value}\r\n").as_bytes(), LENGTH, Refuse(400));
    }
    post(b"Content-Length: 5\r\nContent-Length: 6\r\n", LENGTH, Refuse(400));
    post(b"Content-Length: 5\r\ncontent-length: 0\r\n", LENGTH, Refuse(400));
    post(b"Content-Length: 5, 6\r\n", LENGTH, Refuse(400));
    post(b"Content-Length: 5\xb2\r\n", LENGTH, Refuse(400));
    post(b"Content-Length: 5\r\nContent-Length: 5\r\n", Follow(">| 0"), Refuse(400));
    post(b"Content-Length: 5, 5\r\n", Follow(">| 0"), Refuse(400));
    post(b"Content-Length: 005\r\n", Follow(">| 0"), Refuse(400));
    post(b"Content-Length:5\r\n", Follow(">| 0"), Pass);
    post(b"cOnTeNt-LeNgTh: \t5\t \r\n", Follow(">| 0"), Pass);
}

#[test]
fn codings() {
    let both = Blind("content-length and transfer-encoding");
    post(b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", both, Refuse(400));
    post(b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", both, Refuse(400));
    post(b"Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", both, Refuse(400));
    for value in ["xchunked", "chunk", "identity", "gzip", "cow", "'chunked'", "chunkedchunked"] {
        post(format!("Transfer-Encoding: {value}\r\n").as_bytes(), CODING, Refuse(501));
    }
    let wrong = [
        "",
        ",chunked",
        "chunked,",
        "chunked, chunked",
        "chunked, gzip",
        "chunked;q=1",
        "\"chunked\"",
        "chunked chunked",
        "chunked\u{a0}",
        "chunked, identity",
        "[chunked]",
        "chunked/1",
    ];
    for value in wrong {
        post(format!("Transfer-Encoding: {value}\r\n").as_bytes(), CODING, Refuse(400));
    }
    post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", CODING, Refuse(400));
    post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", CODING, Refuse(400));
    post(b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", CODING, Refuse(501));
    let old = b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    check(&[], C(old), CODING, Refuse(400));
    let connect = b"CONNECT a:1 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";
    check(&[], C(connect), Blind("forbidden body"), Refuse(400));
}

#[test]
fn hosts_that_differ_from_the_target() {
    for (target, host) in [
        ("http://a/", "b"),
        ("http://a:81/", "a"),
        ("http://a/", "a:443"),
        ("https://a/", "a:80"),
        ("http://a/", ""),
    ] {
        let payload = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        check(&[], C(payload.as_bytes()), Follow(">| 0"), Refuse(400));
    }
    for (target, host) in
        [("http://A/", "a"), ("http://a:80", "a"), ("HTTPS://a/", "a:443"), ("ws://a:81/?x", "a:81")]
    {
        let payload = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        check(&[], C(payload.as_bytes()), Follow(">| 0"), Pass);
    }
}

#[test]
fn field_lines() {
    let broken: [&[u8]; 20] = [
        b"Content-Length : 5\r\n",
        b"Transfer-Encoding : chunked\r\n",
        b"Transfer-Encoding\t: chunked\r\n",
        b"Transfer-Encoding\x0b: chunked\r\n",
        b"Transfer-Encoding: \x0bchunked\r\n",
        b"Transfer-Encoding: chun\0ked\r\n",
        b"Transfer-Encoding: chunked\r\r\n",
        b"X: a\rTransfer-Encoding: chunked\r\n",
        b"X: a\r\r\nTransfer-Encoding: chunked\r\n",
        b"X: a\0b\r\n",
        b"X: a\x7fb\r\n",
        b"X\xff: a\r\n",
        b"X(: a\r\n",
        b": a\r\n",
        b"nothing\r\n",
        b"X\r\n: a\r\n",
        b"\x00Content-Length: 5\r\n",
        b"Transfer-Encoding:\r\n chunked\r\n",
        b"Content-Length: 5\r\n 5\r\n",
        b"Content-Length:\n\t5\r\n",
    ];
    for fields in broken {
        post(fields, MALFORMED, Refuse(400));
    }
    check(&[], C(b"POST / HTTP/1.1\r\n Host: h\r\nContent-Length: 5\r\n\r\n"), MALFORMED, Refuse(400));
    // A field that is none to us, and one to servers with CGI's names.
    let hidden = |name: &str| format!("{name}: 5\r\n").into_bytes();
    for name in ["Content_Length", "content_length", "Transfer_Encoding"] {
        let payload = [b"GET / HTTP/1.1\r\nHost: h\r\n", hidden(name).as_slice(), b"\r\n"].concat();
        check(&[], C(&payload), Follow(">| 0"), Refuse(400));
    }
    check(&[], C(b"GET / HTTP/1.1\r\nHost: h\r\nX: a\nY: b\r\n\r\n"), Follow(">| 0"), Refuse(400));
    check(&[], C(b"GET / HTTP/1.1\r\nHost: h\r\n\n"), Follow(">| 0"), Refuse(400));
    check(&[], C(b"GET / HTTP/1.1\r\nHost: h\n\r\n"), Follow(">| 0"), Refuse(400));
}

/// RFC 9112, section 3.2: one field with the host and perhaps the port, or with nothing.
#[test]
fn hosts_that_are_none() {
    for lines in ["Host: h\r\nHost: h\r\n", "Host: h\r\nhOST: i\r\n", "Host:\r\nHost: h\r\n", "X-Host: h\r\n"]
    {
        let payload = format!("GET / HTTP/1.1\r\n{lines}\r\n");
        check(&[], C(payload.as_bytes()), Follow(">| 0"), Refuse(400));
    }
    let bad = "h i;h/i;h@i;h,i;h:65536;h:99999;h:0;h:-1;h:+1;h:x;h:8 0;h:1:2;:80;::1;[::1;[::1]x;[::1]:x;::1];[];[h];[1.2.3.4];\
               [fe80::1%25eth0];h];[h;h#i;h|i;h^i;h`i;h%;h%2;h%zz";
    for host in bad.split(';') {
        let payload = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        check(&[], C(payload.as_bytes()), Follow(">| 0"), Refuse(400));
        if !host.contains(['/', ' ', '#']) {
            let payload = format!("GET http://{host}/ HTTP/1.1\r\nHost: {host}\r\n\r\n");
            check(&[], C(payload.as_bytes()), Follow(">| 0"), Refuse(400));
        }
    }
    for host in [
        "",
        "h",
        "h:",
        "h:1",
        "h.:65535",
        "H_i.j-k",
        "h%2Ei",
        "h!$&'()*+;=~",
        "1.2.3.4:80",
        "[::1]",
        "[::ffff:1.2.3.4]:80",
    ] {
        let payload = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        check(&[], C(payload.as_bytes()), Follow(">| 0"), Pass);
    }
}
