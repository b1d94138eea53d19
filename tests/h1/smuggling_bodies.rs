//! Chunks, trailers and answers that two parsers read in two ways.

use crate::check::{After, Blind, Follow, Lenient, Pass, Refuse, Strict, check};
use crate::support::{C, S, Step};

const CHUNKED: &[u8] = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
const CHUNK: Lenient = Blind("chunk");
const TRAILERS: Lenient = Blind("trailers");

/// A chunked request with `body`; strict refuses it after `passed` bytes of that.
#[track_caller]
fn chunked(body: &[u8], lenient: Lenient, passed: usize) {
    let payload = [CHUNKED, body].concat();
    check(&[], C(&payload), lenient, After(400, CHUNKED.len() + passed));
}

#[test]
fn size_lines() {
    let sizes: [&[u8]; 22] = [
        b"\r\n",
        b"+1\r\na\r\n",
        b"-1\r\na\r\n",
        b"0x1\r\na\r\n",
        b" 1\r\na\r\n",
        b"1g\r\na\r\n",
        b"g\r\n",
        b";a\r\n",
        b"1 1\r\na\r\n",
        b"1\na\r\n",
        b"1\ra\r\n",
        b"1;a\nb\r\na\r\n",
        b"1;a\rb\r\na\r\n",
        b"1;\n",
        b"1\0\r\na\r\n",
        b"\n",
        b"1\r\r\na\r\n",
        b"8000000000000000\r\n",
        b"ffffffffffffffff\r\n",
        b"10000000000000001\r\n",
        b"00000000000000001\r\na\r\n",
        b"1_0\r\n",
    ];
    for size in sizes {
        chunked(size, CHUNK, 0);
        // Also when it is not the first.
        chunked(&[b"3\r\nabc\r\n", size].concat(), CHUNK, 8);
    }
    chunked(b"1 \r\na\r\n0\r\n\r\n", Follow(">| 0"), 0);
    chunked(b"1\t;x\r\na\r\n0\r\n\r\n", Follow(">| 0"), 0);
    chunked(b"1;\0\r\na\r\n0\r\n\r\n", Follow(">| 0"), 0);
    chunked(b"1;\xff\r\na\r\n0\r\n\r\n", Follow(">| 0"), 0);
    chunked(b"100000000\r\n", Follow("/"), 0);
    chunked(b"80000000\r\n", Follow("/"), 0);
    chunked(b"000000001\r\na\r\n0\r\n\r\n", Follow(">| 0"), 0);
    let long = |len: usize| [b"1;", vec![b'x'; len].as_slice(), b"\r\na\r\n0\r\n\r\n"].concat();
    chunked(&long(5000), CHUNK, 0);
    check(&[], C(&[CHUNKED, &long(4000)].concat()), Follow(">| 0"), Pass);
    check(&[], C(&[CHUNKED, b"1;a=\"\\\"\"; b\r\na\r\n0\r\n\r\n"].concat()), Follow(">| 0"), Pass);
}

#[test]
fn chunk_ends() {
    chunked(b"1\r\nab\r\n", CHUNK, 4);
    chunked(b"1\r\na\n0\r\n\r\n", CHUNK, 4);
    chunked(b"1\r\na\rb", CHUNK, 4);
    chunked(b"1\r\na0\r\n\r\n", CHUNK, 4);
    chunked(b"2\r\na\r\n0\r\n\r\n", CHUNK, 5);
}

#[test]
fn trailer_sections() {
    chunked(b"0\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", TRAILERS, 3);
    chunked(b"0\r\n\0\r\n\r\n", TRAILERS, 3);
    chunked(b"0\r\na: b\rc: d\r\n\r\n", TRAILERS, 3);
    chunked(b"0\r\na : b\r\n\r\n", TRAILERS, 3);
    chunked(b"0\r\n a: b\r\n\r\n", TRAILERS, 3);
    chunked(b"0\r\nContent-Length: 1\r\n 2\r\n\r\n", TRAILERS, 3);
    chunked(b"0\r\na: b\r\n c\r\n\r\n", Follow(">| 0"), 3);
    chunked(b"0\r\n\ra: b\r\n\r\n", TRAILERS, 3);
    chunked(b"0\r\nContent-Length: 5\r\n\r\n", Follow(">| 0"), 3);
    chunked(b"0\r\nTransfer_Encoding: x\r\n\r\n", Follow(">| 0"), 3);
    chunked(b"0\r\nHost: i\r\n\r\n", Follow(">| 0"), 3);
    chunked(b"0\r\n\n", Follow(">| 0"), 3);
    chunked(b"0\r\na: b\n\r\n", Follow(">| 0"), 3);
    check(&[], C(&[CHUNKED, b"0\r\nX-Sum: 1\r\n\r\n"].concat()), Follow(">| 0"), Pass);
}

#[test]
fn answers() {
    let asked: [Step<'_>; 1] = [C(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")];
    let malformed = Blind("malformed head");
    let payloads: [(&[u8], Lenient, Strict); 25] = [
        (b"HTTP/1.1  200 OK\r\n\r\n", malformed, Refuse(502)),
        (b"HTTP/1.1 20 OK\r\n\r\n", malformed, Refuse(502)),
        (b"HTTP/1.1 2000 OK\r\n\r\n", malformed, Refuse(502)),
        (b"HTTP/1.1 +20 OK\r\n\r\n", malformed, Refuse(502)),
        (b"HTTP/1.1 099 OK\r\n\r\n", malformed, Refuse(502)),
        (b"HTTP/2.0 200 OK\r\n\r\n", malformed, Refuse(502)),
        (b"HTTP/1.1 200 O\0K\r\n\r\n", malformed, Refuse(502)),
        (b"HTTP/1.1 200 O\rK\r\n\r\n", malformed, Refuse(502)),
        (b"ICY 200 OK\r\n\r\n", malformed, Refuse(502)),
        (b"<html>", malformed, Refuse(502)),
        (b"HTTP/1.1 200 OK\r\nX : a\r\n\r\n", malformed, Refuse(502)),
        (b"HTTP/1.1 200 OK\r\nX: a\0\r\n\r\n", malformed, Refuse(502)),
        (b"HTTP/1.1 200 OK\r\n X: a\r\n\r\n", malformed, Refuse(502)),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n 2\r\n\r\n", malformed, Refuse(502)),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            Blind("content-length"),
            Refuse(502),
        ),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", Blind("content-length"), Refuse(502)),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            Blind("content-length and transfer-encoding"),
            Refuse(502),
        ),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", Blind("transfer-encoding"), Refuse(502)),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, identity\r\n\r\n",
            Blind("transfer-encoding"),
            Refuse(502),
        ),
        (
            b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            Blind("transfer-encoding"),
            Refuse(502),
        ),
        (b"HTTP/1.1 100 Continue\r\nContent-Length: 3\r\n\r\n", Follow("<i 0 100"), Refuse(502)),
        (b"HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n", Follow("<| 0"), Refuse(502)),
        (b"HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n", Follow("<| 0"), Pass),
        (b"HTTP/1.1 200 OK\nContent-Length: 0\n\n", Follow("<| 0"), Refuse(502)),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab", Blind("chunk"), After(502, 51)),
    ];
    for (payload, lenient, strict) in payloads {
        check(&asked, S(payload), lenient, strict);
    }
    check(&[], S(b"HTTP/1.1 408 Request Timeout\r\n\r\n"), Blind("no request"), Refuse(502));
    let answered = [asked[0], S(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")];
    check(&answered, S(b"HTTP/1.1 200 OK\r\n\r\n"), Blind("no request"), Refuse(502));
}
