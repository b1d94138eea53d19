//! Feeding a detector.

use wayside::wire::detect::{DecidedBy, Detector, Protocol, Verdict};

/// Who sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// What one side sends at once.
pub(crate) type Event = (Side, Vec<u8>);

/// The verdict, and how many events it took; at the end of the events the detector is told to give up.
pub(crate) fn run(events: &[Event], end: DecidedBy) -> (Verdict, usize) {
    let mut detector = Detector::default();
    let mut opaque = None;
    for (count, (side, bytes)) in events.iter().enumerate() {
        let verdict = match side {
            Side::Client => detector.client(bytes),
            Side::Server => detector.server(bytes),
        };
        if let Some(verdict) = verdict {
            check_opaque(opaque, &verdict);
            assert_eq!(detector.client(b"GET / HTTP/1.1\r\n"), None, "a second verdict");
            return (verdict, count + 1);
        }
        assert!(opaque.is_none() || opaque == detector.opaque(), "who decided changed");
        opaque = detector.opaque();
    }
    let verdict = detector.give_up(end);
    check_opaque(opaque, &verdict);
    (verdict, events.len() + 1)
}

/// Once HTTP is ruled out, the verdict keeps to it.
fn check_opaque(opaque: Option<DecidedBy>, verdict: &Verdict) {
    if let Some(by) = opaque {
        assert_eq!(verdict.decided_by, by);
        assert!(!matches!(verdict.protocol, Protocol::Http1 | Protocol::Http2));
    }
}

/// The verdict on a client that says this and then nothing.
pub(crate) fn client_says(bytes: &[u8]) -> Verdict {
    run(&[(Side::Client, bytes.to_vec())], DecidedBy::Timeout).0
}

/// The same bytes: at once, cut in two at every point, and one at a time. All must agree.
pub(crate) fn at_every_split(side: Side, bytes: &[u8]) -> Verdict {
    let whole = run(&[(side, bytes.to_vec())], DecidedBy::Timeout).0;
    for cut in 1..bytes.len() {
        let (first, second) = bytes.split_at(cut);
        let (verdict, _) = run(&[(side, first.to_vec()), (side, second.to_vec())], DecidedBy::Timeout);
        assert_eq!(verdict, whole, "cut at {cut} of {:?}", String::from_utf8_lossy(bytes));
    }
    let single: Vec<Event> = bytes.iter().map(|byte| (side, vec![*byte])).collect();
    assert_eq!(run(&single, DecidedBy::Timeout).0, whole, "byte by byte");
    whole
}

/// A verdict without a ClientHello.
pub(crate) fn plain(protocol: Protocol, decided_by: DecidedBy) -> Verdict {
    Verdict { protocol, decided_by, hello: None }
}
