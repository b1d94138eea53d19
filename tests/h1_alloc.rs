//! What the HTTP/1 observer takes from the heap: nothing for messages whose heads come in one piece, and nothing that it
//! keeps between messages.

use wayside::wire::event::Event;
use wayside::wire::h1::Observer;

const REQUEST: &[u8] =
    b"POST /index.html HTTP/1.1\r\nHost: example.com\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\
    Content-Length: 5\r\n\r\nhello";
const CHUNKED: &[u8] =
    b"PUT / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
const RESPONSE: &[u8] =
    b"HTTP/1.1 200 OK\r\nServer: nginx\r\nContent-Type: text/html\r\nContent-Length: 5\r\n\r\nhello";
const CHUNKS: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x\r\nhello\r\n0\r\n\r\n";

/// A few exchanges, one after the other and pipelined, each in pieces that leave heads whole.
fn exchanges(observer: &mut Observer, sink: &mut impl FnMut(Event<'_>)) {
    for (request, response) in [(REQUEST, RESPONSE), (CHUNKED, CHUNKS)] {
        observer.client(request, sink);
        observer.server(response, sink);
        for _ in 0..20 {
            observer.client(request, sink);
        }
        for _ in 0..20 {
            let (head, body) = response.split_at(response.len() - 5);
            observer.server(head, sink);
            observer.server(body, sink);
        }
    }
}

#[test]
fn steady_state_takes_nothing() {
    for is_strict in [false, true] {
        let mut count = 0u64;
        let mut sink = |_: Event<'_>| count += 1;
        let taken = allocation_counter::measure(|| {
            let mut observer = Observer::new(is_strict);
            for _ in 0..100 {
                exchanges(&mut observer, &mut sink);
            }
            assert!(observer.is_at_boundary());
        });
        assert_eq!(taken.count_total, 0, "strict: {is_strict}");
        assert_eq!(count, 100 * 42 * 4, "strict: {is_strict}");
    }
}

#[test]
fn heads_in_pieces_are_given_back() {
    let mut sink = |_: Event<'_>| {};
    let mut observer = Observer::new(false);
    let taken = allocation_counter::measure(|| {
        for byte in REQUEST.chunks(1) {
            observer.client(byte, &mut sink);
        }
        for byte in RESPONSE.chunks(1) {
            observer.server(byte, &mut sink);
        }
    });
    assert!(taken.count_total > 0, "pieces are put together on the heap");
    assert_eq!(taken.count_current, 0, "and nothing is left there");
    assert!(taken.bytes_max < 2 * REQUEST.len() as u64, "{taken:?}");
    assert!(observer.is_at_boundary());
}

#[test]
fn a_deep_pipeline_is_given_back() {
    let mut count = 0u64;
    let mut sink = |_: Event<'_>| count += 1;
    let mut observer = Observer::new(true);
    let taken = allocation_counter::measure(|| {
        for _ in 0..200 {
            observer.client(REQUEST, &mut sink);
        }
        for _ in 0..200 {
            observer.server(RESPONSE, &mut sink);
        }
    });
    assert!(taken.count_total > 0, "so many are on the heap");
    assert_eq!((taken.count_current, count), (0, 200 * 4));
    assert!(taken.bytes_max < 4096, "{taken:?}");
    assert!(observer.is_as_new());
}

#[test]
fn an_observer_is_small() {
    assert!(std::mem::size_of::<Observer>() <= 384, "{}", std::mem::size_of::<Observer>());
}
