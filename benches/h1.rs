//! What it costs to observe an HTTP/1 exchange. `cargo bench --bench h1`.
//!
//! Prints nanoseconds of the quickest of many rounds: on a machine that others use, the least disturbed round says most.

use std::hint::black_box;
use std::time::Instant;

use wayside::wire::event::Event;
use wayside::wire::h1::Observer;

const ROUNDS: usize = 200;
const CALLS: u32 = 1_000;

const WRK: &[u8] = b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";
const SMALL: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const CURL: &[u8] =
    b"GET /index.html HTTP/1.1\r\nHost: example.com\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n";
const NGINX: &[u8] =
    b"HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sun, 06 Sep 2026 10:00:00 GMT\r\nContent-Type: text/html\r\n\
    Content-Length: 5\r\nLast-Modified: Sat, 05 Sep 2026 10:00:00 GMT\r\nConnection: keep-alive\r\n\
    ETag: \"64f6e5a0-5\"\r\nAccept-Ranges: bytes\r\n\r\nhello";
const BROWSER: &[u8] = b"GET /assets/app.js?v=1 HTTP/1.1\r\nHost: shop.example.com\r\nConnection: keep-alive\r\n\
    sec-ch-ua: \"Chromium\";v=\"128\", \"Not;A=Brand\";v=\"24\"\r\nsec-ch-ua-mobile: ?0\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 Safari/537.36\r\n\
    sec-ch-ua-platform: \"Linux\"\r\nAccept: */*\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: no-cors\r\n\
    Sec-Fetch-Dest: script\r\nReferer: https://shop.example.com/\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\
    Accept-Language: en-US,en;q=0.9\r\nCookie: session=0123456789abcdef0123456789abcdef; theme=dark\r\n\r\n";
const CHUNKS: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n\
    1a\r\nabcdefghijklmnopqrstuvwxyz\r\n1a\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n";

/// Nanoseconds a call, of the quickest round.
fn measure(mut call: impl FnMut()) -> f64 {
    let round = |_| {
        let began = Instant::now();
        for _ in 0..CALLS {
            call();
        }
        began.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
    };
    (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min)
}

/// Nanoseconds for an exchange on a connection that lives on.
fn exchange(is_strict: bool, request: &[u8], response: &[u8], piece: usize) -> f64 {
    let mut observer = Observer::new(is_strict);
    let mut events = 0u64;
    let mut sink = |event: Event<'_>| {
        black_box(&event);
        events += 1;
    };
    let nanos = measure(|| {
        for bytes in request.chunks(piece) {
            black_box(observer.client(black_box(bytes), &mut sink));
        }
        for bytes in response.chunks(piece) {
            black_box(observer.server(black_box(bytes), &mut sink));
        }
    });
    assert!(observer.is_at_boundary());
    assert_eq!(events, 4 * ROUNDS as u64 * u64::from(CALLS));
    nanos
}

fn main() {
    let pairs = [
        ("wrk, a short answer", WRK, SMALL),
        ("curl and nginx", CURL, NGINX),
        ("a browser and nginx", BROWSER, NGINX),
        ("curl, in chunks", CURL, CHUNKS),
    ];
    println!(
        "{:<22} {:>6} {:>10} {:>10} {:>14}",
        "exchange", "bytes", "whole, ns", "strict, ns", "one by one, ns"
    );
    for (name, request, response) in pairs {
        let whole = exchange(false, request, response, usize::MAX);
        let strict = exchange(true, request, response, usize::MAX);
        let single = exchange(false, request, response, 1);
        let bytes = request.len() + response.len();
        println!("{name:<22} {bytes:>6} {whole:>10.0} {strict:>10.0} {single:>14.0}");
    }
}
