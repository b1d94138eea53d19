//! Recorded exchanges: what real clients and servers send, ordinary and odd.

use crate::support::{C, Case, ClientEnd, S, ServerEnd, hold};

const fn good(
    name: &'static str,
    steps: &'static [crate::support::Step<'static>],
    events: &'static str,
) -> Case {
    Case { name, steps, events, strict: None }
}

const fn odd(
    name: &'static str,
    steps: &'static [crate::support::Step<'static>],
    events: &'static str,
    status: u16,
) -> Case {
    Case { name, steps, events, strict: Some(status) }
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const OK0: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
const PLAIN: &str = "> 0 GET [h] /; >| 0; < 0 200; <| 0";

const HEADS: &[Case] = &[
    good(
        "curl and nginx",
        &[
            C(b"GET /index.html HTTP/1.1\r\nHost: example.com\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n"),
            S(b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sun, 06 Sep 2026 10:00:00 GMT\r\n\
                Content-Type: text/html\r\nContent-Length: 5\r\nConnection: keep-alive\r\nETag: \"64\"\r\n\r\nhello"),
        ],
        "> 0 GET [example.com] /index.html ua=curl/7.88.1; >| 0; < 0 200; <| 0",
    ),
    good(
        "wrk",
        &[
            C(b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"),
            S(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"),
        ],
        "> 0 GET [127.0.0.1:8080] /; >| 0; < 0 200; <| 0",
    ),
    good(
        "mixed case and order",
        &[
            C(b"GET /x HTTP/1.1\r\nuser-AGENT: A\r\nACCEPT: */*\r\nhOsT: MiXeD.Example\r\nReFeReR: http://r/\r\n\r\n"),
            S(b"HTTP/1.1 200 OK\r\ncONTENT-lENGTH: 3\r\n\r\nabc"),
        ],
        "> 0 GET [MiXeD.Example] /x ua=A from=http://r/; >| 0; < 0 200; <| 0",
    ),
    good(
        "repeated fields",
        &[
            C(b"GET / HTTP/1.1\r\nHost: h\r\nCookie: a=1\r\nCookie: b=2\r\nX: 1\r\nX: 1\r\nx: 1\r\n\r\n"),
            S(b"HTTP/1.1 200 OK\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 0\r\n\r\n"),
        ],
        PLAIN,
    ),
    good("an unusual method", &[C(b"M-SEARCH /d HTTP/1.1\r\nHost: h\r\n\r\n"), S(OK0)],
        "> 0 M-SEARCH [h] /d; >| 0; < 0 200; <| 0"),
    good("a method nobody knows", &[C(b"BREW!# /pot HTTP/1.1\r\nHost: h\r\n\r\n"), S(OK0)],
        "> 0 BREW!# [h] /pot; >| 0; < 0 200; <| 0"),
    good("a method in lower case", &[C(b"get / HTTP/1.1\r\nHost: h\r\n\r\n"), S(OK0)],
        "> 0 get [h] /; >| 0; < 0 200; <| 0"),
    good("OPTIONS *", &[C(b"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"), S(OK0)],
        "> 0 OPTIONS [h] *; >| 0; < 0 200; <| 0"),
    good("absolute form", &[C(b"GET http://a.example:81/p?q HTTP/1.1\r\nHost: a.example:81\r\n\r\n"), S(OK0)],
        "> 0 GET [a.example:81] http://a.example:81/p?q; >| 0; < 0 200; <| 0"),
    good("absolute form of another scheme", &[C(b"GET ws+x://a?b HTTP/1.1\r\nHost: a\r\n\r\n"), S(OK0)],
        "> 0 GET [a] ws+x://a?b; >| 0; < 0 200; <| 0"),
    good("a colon in the path", &[C(b"GET /a:b://c HTTP/1.1\r\nHost: h\r\n\r\n"), S(OK0)],
        "> 0 GET [h] /a:b://c; >| 0; < 0 200; <| 0"),
    good("an IPv6 host", &[C(b"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), S(OK0)],
        "> 0 GET [[::1]:80] /; >| 0; < 0 200; <| 0"),
    good("an empty host", &[C(b"GET / HTTP/1.1\r\nHost:\r\n\r\n"), S(OK0)],
        "> 0 GET [] /; >| 0; < 0 200; <| 0"),
    good("HTTP/1.0 without Host", &[C(b"GET / HTTP/1.0\r\n\r\n"), S(b"HTTP/1.0 200 OK\r\n\r\nbody"), ServerEnd],
        "> 0 GET [] / 1.0; >| 0; < 0 200; <| 0"),
    good("HTTP/1.0 with Host", &[C(b"GET / HTTP/1.0\r\nHost: h\r\n\r\n"), S(b"HTTP/1.1 200 OK\r\n\r\n"), ServerEnd],
        "> 0 GET [h] / 1.0; >| 0; < 0 200; <| 0"),
    good(
        "HTTP/1.0 kept alive",
        &[
            C(b"GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
            S(b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n1"),
            C(b"GET /2 HTTP/1.0\r\n\r\n"),
            S(b"HTTP/1.0 200 OK\r\n\r\n2"),
            ServerEnd,
        ],
        "> 0 GET [] /1 1.0; >| 0; < 0 200; <| 0; > 0 GET [] /2 1.0; >| 0; < 0 200; <| 0",
    ),
    good("fields named by Connection",
        &[C(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nTE: trailers\r\n\r\n"), S(OK0)],
        PLAIN),
    good("blanks around values", &[C(b"GET / HTTP/1.1\r\nHost:\t h \t\r\nX:a\r\nY: \r\n\r\n"), S(OK0)], PLAIN),
    good("Latin-1 in a value", &[C(b"GET / HTTP/1.1\r\nHost: h\r\nX: caf\xe9\r\n\r\n"), S(OK0)], PLAIN),
    good("no reason phrase", &[C(GET), S(b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n")], PLAIN),
    good("an empty reason phrase", &[C(GET), S(b"HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n")], PLAIN),
    good("Latin-1 in the reason phrase", &[C(GET), S(b"HTTP/1.1 200 \xfcber\r\nContent-Length: 0\r\n\r\n")], PLAIN),
    good("a status of 999", &[C(GET), S(b"HTTP/1.1 999 No\r\nContent-Length: 1\r\n\r\nx")],
        "> 0 GET [h] /; >| 0; < 0 999; <| 0"),
    good("gRPC by content type",
        &[C(b"POST /s/m HTTP/1.1\r\nHost: h\r\nContent-Type: Application/GRPC+proto\r\nContent-Length: 1\r\n\r\nx"),
          S(b"HTTP/1.1 200 OK\r\ngrpc-status: 5\r\nContent-Length: 0\r\n\r\n")],
        "> 0 POST [h] /s/m grpc; >| 0; < 0 200 grpc=5; <| 0 grpc=5"),
    good("an empty line before the request", &[C(b"\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"), S(OK0)], PLAIN),
];

#[test]
fn heads() {
    hold(HEADS);
}

const ODD_HEADS: &[Case] = &[
    odd(
        "absolute form, another host",
        &[C(b"GET http://a.example HTTP/1.1\r\nHost: b.example\r\n\r\n"), S(OK0)],
        "> 0 GET [a.example] http://a.example; >| 0; < 0 200; <| 0",
        400,
    ),
    odd(
        "user information",
        &[C(b"GET http://u:p@a.example/ HTTP/1.1\r\nHost: h\r\n\r\n"), S(OK0)],
        "> 0 GET [a.example] http://u:p@a.example/; >| 0; < 0 200; <| 0",
        400,
    ),
    odd(
        "* with another method",
        &[C(b"M-SEARCH * HTTP/1.1\r\nHost: h\r\n\r\n"), S(OK0)],
        "> 0 M-SEARCH [h] *; >| 0; < 0 200; <| 0",
        400,
    ),
    odd(
        "a target in Latin-1",
        &[C(b"GET http://caf\xe9.example/\xfc?\xff HTTP/1.1\r\nHost: h\r\n\r\n"), S(OK0)],
        "> 0 GET [caf\u{fffd}.example] http://caf\u{fffd}.example/\u{fffd}?\u{fffd}; >| 0; < 0 200; <| 0",
        400,
    ),
    odd(
        "LF only",
        &[C(b"GET / HTTP/1.1\nHost: h\n\n"), S(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok")],
        PLAIN,
        400,
    ),
    odd("LF only, from the server", &[C(GET), S(b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok")], PLAIN, 502),
    odd("mixed line ends", &[C(b"GET / HTTP/1.1\r\nHost: h\n\r\n"), S(OK0)], PLAIN, 400),
    odd(
        "a folded field",
        &[C(b"GET / HTTP/1.1\r\nX: a\r\n  b\r\n\tc\r\nHost: h\r\n\r\n"), S(OK0)],
        PLAIN,
        400,
    ),
    odd(
        "a folded field of the answer",
        &[C(GET), S(b"HTTP/1.1 200 OK\r\nX: a\r\n \r\n\tb\r\nContent-Length: 1\r\n\r\nx")],
        PLAIN,
        502,
    ),
    odd("folded with LF", &[C(b"GET / HTTP/1.1\nX:\n a\nHost: h\n\n"), S(OK0)], PLAIN, 400),
    odd(
        "a folded user agent",
        &[C(b"GET / HTTP/1.1\r\nHost: h\r\nUser-Agent: a\r\n b\r\n\r\n"), S(OK0)],
        "> 0 GET [h] / ua=a   b; >| 0; < 0 200; <| 0",
        400,
    ),
    odd("two hosts", &[C(b"GET / HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n"), S(OK0)], PLAIN, 400),
    odd("no host", &[C(b"GET / HTTP/1.1\r\n\r\n"), S(OK0)], "> 0 GET [] /; >| 0; < 0 200; <| 0", 400),
    odd(
        "a path without a slash",
        &[C(b"GET index HTTP/1.1\r\nHost: h\r\n\r\n"), S(OK0)],
        "> 0 GET [h] index; >| 0; < 0 200; <| 0",
        400,
    ),
    odd("many empty lines", &[C(b"\r\n\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"), S(OK0)], PLAIN, 400),
    odd(
        "empty lines before and after an answer",
        &[C(GET), S(b"\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), S(b"\r\n")],
        PLAIN,
        502,
    ),
];

#[test]
fn odd_heads() {
    hold(ODD_HEADS);
}

const BODIES: &[Case] = &[
    good("a request with a length",
        &[C(b"POST /f HTTP/1.1\r\nHost: h\r\nContent-Length: 11\r\n\r\nhello world"), S(OK0)],
        "> 0 POST [h] /f; >| 0; < 0 200; <| 0"),
    good("a request in chunks",
        &[C(b"PUT /f HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), S(OK0)],
        "> 0 PUT [h] /f; >| 0; < 0 200; <| 0"),
    good("an answer in chunks, in upper case hex, with zeros before",
        &[C(GET), S(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n0A\r\n0123456789\r\n00001\r\nx\r\n000\r\n\r\n")],
        PLAIN),
    good("chunk extensions",
        &[C(GET), S(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;a=1;b=\"x; y\"\r\nabc\r\n0;last\r\n\r\n")],
        PLAIN),
    good("trailers",
        &[C(b"POST / HTTP/1.1\r\nHost: h\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
             1\r\na\r\n0\r\nX-Sum: 1\r\nX-B: 2\r\n\r\n"),
          S(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nGrpc-Status: 14\r\nx: y\r\n\r\n")],
        "> 0 POST [h] /; >| 0; < 0 200; <| 0 grpc=14"),
    good("trailers outdo the head",
        &[C(GET), S(b"HTTP/1.1 200 OK\r\ngrpc-status: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\ngrpc-status: 2\r\n\r\n")],
        "> 0 GET [h] /; >| 0; < 0 200 grpc=1; <| 0 grpc=2"),
    good("until the end", &[C(GET), S(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nHTTP/1.1 500 no\r\n\r\n"), ServerEnd], PLAIN),
    good("HEAD", &[C(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"), S(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n"),
          C(GET), S(OK0)],
        "> 0 HEAD [h] /; >| 0; < 0 200; <| 0; > 0 GET [h] /; >| 0; < 0 200; <| 0"),
    good("HEAD, chunked", &[C(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"), S(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")],
        "> 0 HEAD [h] /; >| 0; < 0 200; <| 0"),
    good("204", &[C(GET), S(b"HTTP/1.1 204 No Content\r\n\r\n"), C(GET), S(OK0)],
        "> 0 GET [h] /; >| 0; < 0 204; <| 0; > 0 GET [h] /; >| 0; < 0 200; <| 0"),
    odd("204 with a length", &[C(GET), S(b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n"), C(GET), S(OK0)],
        "> 0 GET [h] /; >| 0; < 0 204; <| 0; > 0 GET [h] /; >| 0; < 0 200; <| 0", 502),
    good("304 with a length", &[C(GET), S(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 1000\r\n\r\n"), C(GET), S(OK0)],
        "> 0 GET [h] /; >| 0; < 0 304; <| 0; > 0 GET [h] /; >| 0; < 0 200; <| 0"),
    good("100-continue",
        &[C(b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"),
          S(b"HTTP/1.1 100 Continue\r\n\r\n"), C(b"abc"), S(OK0)],
        "> 0 POST [h] /; <i 0 100; >| 0; < 0 200; <| 0"),
    good("103 twice, then the answer behind it",
        &[C(GET), S(b"HTTP/1.1 103 Early Hints\r\nLink: </s>; rel=preload\r\n\r\nHTTP/1.1 103 E\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")],
        "> 0 GET [h] /; >| 0; <i 0 103; <i 0 103; < 0 200; <| 0"),
    good("refused before the body",
        &[C(b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"),
          S(b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n"), ClientEnd],
        "> 0 POST [h] /; < 0 417; <| 0; reset 0 Client 0"),
    good("answered before the request's end",
        &[C(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\nabc"), S(b"HTTP/1.1 413 Big\r\nContent-Length: 1\r\n\r\nx"), C(b"def"),
          C(GET), S(OK0)],
        "> 0 POST [h] /; < 0 413; <| 0; >| 0; > 0 GET [h] /; >| 0; < 0 200; <| 0"),
    good("head of the answer before the request's end, body after",
        &[C(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\na"), S(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nx"), C(b"b"), S(b"y")],
        "> 0 POST [h] /; < 0 200; >| 0; <| 0"),
    odd("a GET with a body", &[C(b"GET /s HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}"), S(OK0)],
        "> 0 GET [h] /s; >| 0; < 0 200; <| 0", 400),
    odd("a GET with a body in chunks, of none", &[C(b"GET /s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), S(OK0)],
        "> 0 GET [h] /s; >| 0; < 0 200; <| 0", 400),
    odd("a HEAD with a body", &[C(b"HEAD /s HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}"), S(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")],
        "> 0 HEAD [h] /s; >| 0; < 0 200; <| 0", 400),
    odd("a TRACE with a body", &[C(b"TRACE /s HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}"), S(OK0)],
        "> 0 TRACE [h] /s; >| 0; < 0 200; <| 0", 400),
    good("a GET with a length of 0", &[C(b"GET /s HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"), S(OK0)],
        "> 0 GET [h] /s; >| 0; < 0 200; <| 0"),
    good("a DELETE with a body", &[C(b"DELETE /s HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}"), S(OK0)],
        "> 0 DELETE [h] /s; >| 0; < 0 200; <| 0"),
    good("an OPTIONS with a body", &[C(b"OPTIONS * HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}"), S(OK0)],
        "> 0 OPTIONS [h] *; >| 0; < 0 200; <| 0"),
    odd("one length, thrice", &[C(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2, 2\r\nContent-Length: 02\r\n\r\nab"), S(OK0)],
        "> 0 POST [h] /; >| 0; < 0 200; <| 0", 400),
    odd("two codings", &[C(GET), S(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n")], PLAIN, 502),
    odd("padded chunk sizes", &[C(GET), S(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1  \r\nx\r\n0\t;e\r\n\r\n")], PLAIN, 502),
    odd("folded trailers of a request",
        &[C(b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\na: b\r\n\tc\r\n d\r\nx: y\r\n\r\n"), C(GET), S(OK0), S(OK0)],
        "> 0 POST [h] /; >| 0; > 1 GET [h] /; >| 1; < 0 200; <| 0; < 1 200; <| 1", 400),
    odd("folded trailers of a response",
        &[C(GET), S(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\na:\n b\r\ngrpc-status: 5\r\n\r\n")],
        "> 0 GET [h] /; >| 0; < 0 200; <| 0 grpc=5", 502),
    odd("trailers with LF", &[C(GET), S(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\na: b\n\n")], PLAIN, 502),
];

#[test]
fn bodies() {
    hold(BODIES);
}

const PIPELINES_AND_ENDS: &[Case] = &[
    good("three at once",
        &[C(b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\nHEAD /2 HTTP/1.1\r\nHost: h\r\n\r\nPOST /3 HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx"),
          S(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nHTTP/1.1 500 no\r\nContent-Length: 1\r\n\r\n3")],
        "> 0 GET [h] /1; >| 0; > 1 HEAD [h] /2; >| 1; > 2 POST [h] /3; >| 2; < 0 200; <| 0; < 1 200; <| 1; < 2 500; <| 2"),
    good("the lowest free id",
        &[C(GET), C(GET), S(OK0), C(GET), S(OK0), S(OK0)],
        "> 0 GET [h] /; >| 0; > 1 GET [h] /; >| 1; < 0 200; <| 0; > 0 GET [h] /; >| 0; < 1 200; <| 1; < 0 200; <| 0"),
    good("an empty line after a body", &[C(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n")],
        "> 0 POST [h] /; >| 0; > 1 GET [h] /; >| 1"),
    good("the client leaves while the answer is on its way", &[C(GET), S(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"), ClientEnd, ServerEnd],
        "> 0 GET [h] /; >| 0; < 0 200; reset 0 Client 0"),
    good("the server leaves in its answer", &[C(GET), S(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab"), ServerEnd],
        "> 0 GET [h] /; >| 0; < 0 200; reset 0 Server 0"),
    good("the server leaves in a chunk", &[C(GET), S(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"), ServerEnd],
        "> 0 GET [h] /; >| 0; < 0 200; reset 0 Server 0"),
    good("the server leaves without an answer", &[C(GET), C(GET), ServerEnd, C(GET)],
        "> 0 GET [h] /; >| 0; > 1 GET [h] /; >| 1; reset 0 Server 0; reset 1 Server 0; > 0 GET [h] /; >| 0; reset 0 Server 0"),
    good("the client ends its side and gets its answer", &[C(GET), ClientEnd, S(OK0), ServerEnd], PLAIN),
    good("the client leaves in its request", &[C(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab"), ClientEnd, S(b"HTTP/1.1 400 no\r\n\r\n"), ServerEnd],
        "> 0 POST [h] /; < 0 400; <| 0; reset 0 Client 0"),
    good("the client leaves in its request, the server too", &[C(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab"), ClientEnd, ServerEnd],
        "> 0 POST [h] /; reset 0 Client 0"),
    good("the server answers, ends, and the request goes on", &[C(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab"), S(b"HTTP/1.1 400 no\r\n\r\n"), ServerEnd, C(b"cde")],
        "> 0 POST [h] /; < 0 400; <| 0; >| 0"),
    good("closed after an answer with its pipeline unanswered", &[C(GET), C(GET), S(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nx"), ServerEnd],
        "> 0 GET [h] /; >| 0; > 1 GET [h] /; >| 1; < 0 200; <| 0; reset 1 Server 0"),
    good("nothing at all", &[ClientEnd, ServerEnd], ""),
];

#[test]
fn pipelines_and_ends() {
    hold(PIPELINES_AND_ENDS);
}
