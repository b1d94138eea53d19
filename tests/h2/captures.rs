//! Real conversations (`tests/data/h2/capture.py` recorded them): curl, nghttp, h2load and gRPC with their servers.

use wayside::wire::event::{Id, Peer};
use wayside::wire::h2::Observer;

use crate::support::{Random, Talk, Watch};

pub(crate) const CURL: &[u8] = include_bytes!("../data/h2/curl.capture");
pub(crate) const NGHTTP: &[u8] = include_bytes!("../data/h2/nghttp.capture");
pub(crate) const PUSH: &[u8] = include_bytes!("../data/h2/nghttp-push.capture");
pub(crate) const H2LOAD: &[u8] = include_bytes!("../data/h2/h2load.capture");
pub(crate) const GRPC: &[u8] = include_bytes!("../data/h2/grpc.capture");
const UPGRADE: &[u8] = include_bytes!("../data/h2/upgrade.capture");

/// The records of a capture.
pub(crate) fn talk(mut capture: &[u8]) -> Talk {
    let mut talk = Talk::new();
    while let Some((head, rest)) = capture.split_first_chunk::<5>() {
        let [from, a, b, c, d] = *head;
        let (bytes, behind) = rest.split_at(u32::from_be_bytes([a, b, c, d]) as usize);
        talk.push((if from == b'C' { Peer::Client } else { Peer::Server }, bytes.to_vec()));
        capture = behind;
    }
    talk
}

/// The events, the same however it is cut.
fn events(talk: &Talk, start: impl Fn() -> Observer) -> Vec<String> {
    let mut whole = Watch::new(start());
    talk.iter().for_each(|(from, bytes)| whole.show(*from, bytes));
    for seed in 1..30 {
        let mut random = Random(seed);
        let most = random.pick(&[1, 3, 20, 700, 20_000]);
        let mut watch = Watch::new(start());
        for (from, bytes) in talk {
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let (part, behind) = rest.split_at(rest.len().min(1 + random.below(most)));
                if random.one_in(2) {
                    watch.show_least(*from, part)
                } else {
                    watch.show(*from, part)
                }
                rest = behind;
            }
        }
        assert_eq!(watch.events, whole.events, "seed {seed}");
        assert!(watch.observer.is_at_frame_boundary(Peer::Client));
        assert!(watch.observer.is_at_frame_boundary(Peer::Server));
    }
    whole.events
}

/// Ports differ from capture to capture.
fn without_port(events: Vec<String>) -> Vec<String> {
    let hide = |event: String| match event.split_once("127.0.0.1:") {
        Some((before, behind)) => {
            format!("{before}HOST{}", behind.trim_start_matches(|it: char| it.is_ascii_digit()))
        }
        None => event,
    };
    events.into_iter().map(hide).collect()
}

#[track_caller]
fn tells(capture: &[u8], expected: &[&str]) {
    assert_eq!(without_port(events(&talk(capture), Observer::new)), expected);
}

#[test]
fn curl() {
    tells(CURL, &["0 GET HOST /big agent curl/7.88.1", "0 sent", "0 status 200", "0 answered"]);
}

#[test]
fn nghttp_with_trailers_and_continuation() {
    tells(
        NGHTTP,
        &[
            "0 POST HOST /index.html agent nghttp2/1.52.0",
            "1 POST HOST /empty agent nghttp2/1.52.0",
            "0 sent",
            "1 sent",
            "0 status 200",
            "1 status 200",
            "0 answered grpc-status 3",
            "1 answered grpc-status 3",
        ],
    );
}

#[test]
fn pushed_streams_are_no_exchanges() {
    tells(
        PUSH,
        &[
            "0 GET HOST /index.html agent nghttp2/1.52.0",
            "0 sent",
            "1 GET HOST /big agent nghttp2/1.52.0",
            "1 sent",
            "0 status 200",
            "1 status 200",
            "0 answered",
            "1 answered",
        ],
    );
}

#[test]
fn grpc() {
    let fine = ["0 status 200", "0 answered grpc-status 0"];
    let expected: Vec<String> = [
        ("Unary", fine),
        ("Unary", fine),
        ("Unary", fine),
        // Aborted, and not implemented: trailers only.
        ("Unary", ["0 status 200 grpc-status 5", "0 answered grpc-status 5"]),
        ("Nowhere", ["0 status 200 grpc-status 12", "0 answered grpc-status 12"]),
        ("Stream", fine),
        ("Upload", fine),
        // Cancelled, and the deadline.
        ("Slow", ["0 status 200", "0 reset by Client 8"]),
        ("Slow", ["0 status 200", "0 reset by Client 8"]),
    ]
    .into_iter()
    .flat_map(|(method, answer)| {
        let agent = "grpc-python/1.85.1 grpc-c/58.0.0 (linux; chttp2)";
        let head = format!("0 POST HOST /pkg.Svc/{method} grpc agent {agent}");
        [head, "0 sent".to_owned()].into_iter().chain(answer.map(str::to_owned))
    })
    .collect();
    tells(GRPC, &expected.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn h2load_is_counted_exactly() {
    let events = without_port(events(&talk(H2LOAD), Observer::new));
    let count = |end: &str| events.iter().filter(|event| event.ends_with(end)).count();
    assert_eq!(events.len(), 4 * 60);
    assert_eq!(count(" GET HOST /index.html agent h2load nghttp2/1.52.0"), 60);
    assert_eq!((count(" sent"), count(" status 200"), count(" answered")), (60, 60, 60));
}

#[test]
fn an_upgrade_goes_on_as_stream_one() {
    let mut talk = talk(UPGRADE);
    // What HTTP/1 said is not ours.
    let mut heads = 0;
    for from in [Peer::Client, Peer::Server] {
        let (_, bytes) = talk.iter_mut().find(|(by, _)| *by == from).expect("a head");
        let at = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("its end");
        heads += bytes.drain(..at + 4).count();
    }
    assert!(heads > 200);
    let start = || Observer::after_upgrade(Id(0), b"AAMAAABkAAQAAP__", [0; 2]);
    assert_eq!(
        without_port(events(&talk, start)),
        [
            "1 GET HOST /gone agent nghttp2/1.52.0",
            "1 sent",
            "2 GET HOST /empty agent nghttp2/1.52.0",
            "2 sent",
            "0 status 200",
            "0 answered",
            "2 status 200",
            "2 answered",
            "1 status 404",
            "1 answered",
        ]
    );
}
