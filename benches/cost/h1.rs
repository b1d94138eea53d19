//! What it costs to observe an HTTP/1 exchange, request and response: read whole, strictly, and byte by byte.

use std::hint::black_box;

use wayside::wire::event::{Event, Sink};
use wayside::wire::h1::Observer;

use crate::harness::{Case, case};

pub(crate) const WRK: &[u8] = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";
pub(crate) const SMALL: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
pub(crate) const CURL: &[u8] =
    b"GET /index.html HTTP/1.1\r\nHost: example.com\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n";
pub(crate) const NGINX: &[u8] =
    b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sun, 06 Sep 2026 10:00:00 GMT\r\nContent-Type: text/html\r\n\
    Content-Length: 5\r\nLast-Modified: Sat, 05 Sep 2026 10:00:00 GMT\r\nConnection: keep-alive\r\n\
    ETag: \"64f6e5a0-5\"\r\nAccept-Ranges: bytes\r\n\r\nhello";
pub(crate) const BROWSER: &[u8] = b"GET /assets/app.js?v=1 HTTP/1.1\r\nHost: shop.example.com\r\nConnection: keep-alive\r\n\
    sec-ch-ua: \"Chromium\";v=\"128\", \"Not;A=Brand\";v=\"24\"\r\nsec-ch-ua-mobile: ?0\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36\r\n\
    sec-ch-ua-platform: \"Linux\"\r\nAccept: */*\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: no-cors\r\n\
    Sec-Fetch-Dest: script\r\nReferer: https://shop.example.com/\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-US,en;q=0.9\r\nCookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n\r\n";
const CHUNKS: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
    1a\r\nabcdefghijklmnopqrstuvwxyz\r\n1a\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n";

pub(crate) fn cases() -> Vec<Case> {
    let pairs =
        [("wrk", WRK, SMALL), ("curl", CURL, NGINX), ("browser", BROWSER, NGINX), ("chunks", CURL, CHUNKS)];
    let ways = pairs.into_iter().flat_map(|(name, request, response)| {
        let way = |way: &str, is_strict, piece| {
            case(format!("h1/{name}{way}"), 1, move || exchange(is_strict, request, response, piece))
        };
        [way("", false, usize::MAX), way("/strict", true, usize::MAX), way("/bytewise", false, 1)]
    });
    ways.collect()
}

/// An exchange on a connection that lives on.
fn exchange(is_strict: bool, request: &'static [u8], response: &'static [u8], piece: usize) -> impl FnMut() {
    let mut observer = Observer::new(is_strict);
    let mut show = move |sink: &mut dyn Sink| {
        for bytes in request.chunks(piece) {
            black_box(observer.client(black_box(bytes), sink));
        }
        for bytes in response.chunks(piece) {
            black_box(observer.server(black_box(bytes), sink));
        }
        observer.is_at_boundary()
    };
    let mut events = 0;
    assert!(show(&mut |_: Event<'_>| events += 1) && events == 4, "{events} events");
    let mut sink = |event: Event<'_>| {
        black_box(&event);
    };
    move || {
        black_box(show(&mut sink));
    }
}
