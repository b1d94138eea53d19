//! What happens at each bound, the way it is cut notwithstanding.

use crate::support::{C, Cut, Outcome, S, ServerEnd, Step, run};
use wayside::wire::event::Event;
use wayside::wire::h1::{MAX_FIELDS, MAX_HEAD, MAX_OPEN, Observer};

/// Shows the conversation in a few cuts: it is long.
#[track_caller]
fn few(steps: &[Step<'_>], is_strict: bool) -> Outcome {
    let whole = run(steps, is_strict, Cut::Whole, false);
    for size in [1, 1460, MAX_HEAD - 1, MAX_HEAD, MAX_HEAD + 1] {
        assert_eq!(
            run(steps, is_strict, Cut::Pieces(size), false),
            whole,
            "pieces of {size}, strict {is_strict}"
        );
    }
    whole
}

/// A request whose head has `len` bytes.
fn request(len: usize) -> Vec<u8> {
    let mut head = b"GET / HTTP/1.1\r\nHost: h\r\nX: ".to_vec();
    head.resize(len - 4, b'x');
    head.extend_from_slice(b"\r\n\r\n");
    head
}

#[test]
fn heads_are_followed_up_to_the_bound() {
    for is_strict in [false, true] {
        let outcome = few(&[C(&request(MAX_HEAD))], is_strict);
        assert_eq!(outcome.events, ["> 0 GET [h] /", ">| 0"]);
        assert_eq!(outcome.client_passed, MAX_HEAD);
    }
    let outcome = few(&[C(&request(MAX_HEAD + 1))], false);
    assert_eq!(outcome.events, ["blind head too large"]);
    let outcome = few(&[C(&request(MAX_HEAD + 1))], true);
    assert_eq!((outcome.fault.map(|fault| fault.status), outcome.client_passed), (Some(431), 0));
    let endless = vec![b'x'; 3 * MAX_HEAD];
    assert_eq!(few(&[C(&endless)], false).events, ["blind head too large"]);
}

#[test]
fn fields_are_followed_up_to_the_bound() {
    let head = |count: usize| {
        let fields: String = (1..count).map(|index| format!("x-{index}: y\r\n")).collect();
        format!("GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n").into_bytes()
    };
    assert_eq!(few(&[C(&head(MAX_FIELDS))], true).events, ["> 0 GET [h] /", ">| 0"]);
    assert_eq!(few(&[C(&head(MAX_FIELDS + 1))], false).events, ["blind head too large"]);
    assert_eq!(few(&[C(&head(MAX_FIELDS + 1))], true).fault.map(|fault| fault.status), Some(431));
}

#[test]
fn trailers_are_followed_up_to_the_bound() {
    let head = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n";
    let trailers = |len: usize| [&head[..], b"x: ", &vec![b'y'; len - 7], b"\r\n\r\n"].concat();
    assert_eq!(few(&[C(&trailers(MAX_HEAD))], true).events, ["> 0 POST [h] /", ">| 0"]);
    assert_eq!(few(&[C(&trailers(MAX_HEAD + 1))], false).events, ["> 0 POST [h] /", "blind trailers"]);
    let outcome = few(&[C(&trailers(MAX_HEAD + 1))], true);
    assert_eq!(outcome.fault.map(|fault| (fault.status, fault.begun)), Some((400, true)));
    assert_eq!(outcome.client_passed, head.len());
}

#[test]
fn pipelines_are_followed_up_to_the_bound() {
    let one = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    let most = one.repeat(MAX_OPEN);
    let answers = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n".repeat(MAX_OPEN);
    let outcome = few(&[C(&most), S(&answers), C(&most), S(&answers)], true);
    assert_eq!(outcome.events.iter().filter(|event| event.starts_with("<|")).count(), 2 * MAX_OPEN);
    assert!(outcome.is_at_boundary);
    let outcome = few(&[C(&most), C(one)], false);
    assert_eq!(outcome.events.last().map(String::as_str), Some("blind pipeline"));
    let outcome = few(&[C(&most), C(one)], true);
    assert_eq!((outcome.fault.map(|fault| fault.status), outcome.client_passed), (Some(503), most.len()));
}

#[test]
fn a_boundary_is_where_nothing_has_begun() {
    let mut sink = |_: Event<'_>| {};
    let mut observer = Observer::new(false);
    let mut at = |observer: &mut Observer, is_client: bool, bytes: &[u8]| {
        if is_client {
            observer.client(bytes, &mut sink)
        } else {
            observer.server(bytes, &mut sink)
        };
        observer.is_at_boundary()
    };
    assert!(observer.is_at_boundary());
    assert!(!at(&mut observer, true, b"G"));
    assert!(!at(&mut observer, true, b"ET / HTTP/1.1\r\n\r\n"));
    assert!(!at(&mut observer, false, b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"));
    assert!(at(&mut observer, false, b"x"));
    assert!(at(&mut observer, true, b"\r\n"));
    assert!(at(&mut observer, true, b"\r") && !observer.is_as_new());
    assert!(at(&mut observer, true, b"\n"));
    assert!(!at(&mut observer, true, b"\0"));
    assert!(observer.is_blind() && observer.client_skip() == u64::MAX);
}

#[test]
fn skipping_further_than_told_is_noticed() {
    let mut events = Vec::new();
    let mut observer = Observer::new(false);
    let mut sink = |event: Event<'_>| events.push(crate::support::short(event));
    observer.client(b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\n", &mut sink);
    assert_eq!(observer.client_skip(), 5);
    observer.client_skipped(4, &mut sink);
    assert_eq!((observer.client_skip(), observer.server_skip()), (1, 0));
    observer.client_skipped(2, &mut sink);
    assert_eq!(events, ["> 0 POST [] /", "blind skipped too far"]);
}

#[test]
fn nothing_is_said_once_blind() {
    let steps = [C(b"\0"), C(b"GET / HTTP/1.1\r\n\r\n"), S(b"HTTP/1.1 200 OK\r\n\r\n"), ServerEnd];
    assert_eq!(few(&steps, false).events, ["blind malformed head"]);
}
