//! How many bytes each message had: whole frames at its end, and what has passed of them where it is cut off.

use wayside::wire::event::{Event, Id, Peer, Sink};
use wayside::wire::h2::{Observer, Scratch};

use crate::support::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, ENDS, HEADERS, PADDED, PING, PRIORITY, RST, WINDOW, frame,
    settings,
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

#[derive(Default)]
struct Measures {
    /// What was told last, of each exchange's request and response.
    last: [[u64; 2]; 4],
    /// What had been told by the exchange's last event.
    ended: Vec<(Id, [u64; 2])>,
}

impl Sink for Measures {
    fn event(&mut self, event: Event<'_>) {
        if let Event::ResponseEnd { id, .. } | Event::Reset { id, .. } = event {
            self.ended.push((id, self.last[usize::from(id.0)]));
        }
    }

    fn measured(&mut self, id: Id, by: Peer, bytes: u64) {
        self.last[usize::from(id.0)][usize::from(by == Peer::Server)] = bytes;
    }
}

/// Shows both sides' bytes in pieces of a size, the client's first, and then the end.
fn shown(client: &[u8], server: &[u8], size: usize, has_skips: bool) -> Measures {
    let (mut observer, mut scratch, mut sink) = (Observer::new(), Scratch::default(), Measures::default());
    for (peer, bytes) in [(Peer::Client, client), (Peer::Server, server)] {
        let mut rest = bytes;
        while !rest.is_empty() {
            let skip = if peer == Peer::Client { observer.client_skip() } else { observer.server_skip() };
            let skip = usize::try_from(skip).expect("not blind").min(rest.len());
            let count = if has_skips && skip > 0 { skip } else { size.min(rest.len()) };
            let (piece, later) = rest.split_at(count);
            match (peer, has_skips && skip > 0) {
                (Peer::Client, false) => observer.client(piece, &mut scratch, &mut sink),
                (Peer::Server, false) => observer.server(piece, &mut scratch, &mut sink),
                (Peer::Client, true) => observer.client_skipped(skip as u64, &mut scratch, &mut sink),
                (Peer::Server, true) => observer.server_skipped(skip as u64, &mut scratch, &mut sink),
            }
            rest = later;
        }
    }
    observer.close(&mut sink);
    sink
}

/// Two streams, interleaved. Each frame, and which stream's message it belongs to.
fn streams(peer: Peer) -> Vec<(Vec<u8>, Option<usize>)> {
    let first = if peer == Peer::Client { PREFACE } else { b"" };
    let head: &[u8] = if peer == Peer::Client { b"\x82\x86\x84" } else { b"\x88" };
    let trailer = b"\0\x01a\x01b";
    vec![
        ([first, &settings(&[])].concat(), None),
        (frame(HEADERS, END_HEADERS, 1, head), Some(0)),
        (frame(HEADERS, PADDED | PRIORITY, 3, &[b"\x04\0\0\0\0\0", head, &[0; 4]].concat()), Some(1)),
        (frame(CONTINUATION, 0, 3, b"\0\x01a"), Some(1)),
        (frame(CONTINUATION, END_HEADERS, 3, b"\x01b"), Some(1)),
        (frame(DATA, 0, 1, &[b'd'; 40]), Some(0)),
        (frame(WINDOW, 0, 1, &[0, 0, 0, 9]), None),
        (frame(DATA, PADDED, 3, &[7; 20]), Some(1)),
        (frame(PING, 0, 0, &[0; 8]), None),
        (frame(DATA, END_STREAM, 3, b""), Some(1)),
        (frame(HEADERS, ENDS, 1, trailer), Some(0)),
    ]
}

fn bytes(frames: &[(Vec<u8>, Option<usize>)]) -> Vec<u8> {
    frames.iter().flat_map(|(bytes, _)| bytes.clone()).collect()
}

fn sum(frames: &[(Vec<u8>, Option<usize>)], stream: usize) -> u64 {
    frames.iter().filter(|(_, of)| *of == Some(stream)).map(|(bytes, _)| bytes.len() as u64).sum()
}

#[test]
fn whole_messages_however_they_are_cut() {
    let (client, server) = (streams(Peer::Client), streams(Peer::Server));
    let wanted = [1, 0].map(|of| (Id(of as u16), [sum(&client, of), sum(&server, of)]));
    for (size, has_skips) in [(usize::MAX, false), (1, false), (5, false), (1, true), (7, true)] {
        let measures = shown(&bytes(&client), &bytes(&server), size, has_skips);
        assert_eq!(measures.ended, wanted, "pieces of {size}, {has_skips}");
    }
}

/// Cut off at every byte: whole frames, and so much of the last as has passed behind its head.
#[test]
fn messages_that_are_cut_off() {
    let (client, server) = (streams(Peer::Client), streams(Peer::Server));
    let all = bytes(&server);
    for cut in 0..all.len() {
        let mut wanted = [0, 0];
        let mut place = 0;
        for (bytes, of) in &server {
            let passed = cut.saturating_sub(place).min(bytes.len());
            place += bytes.len();
            // Nobody knows whose a frame is before its head is complete.
            if let Some(of) = of
                && passed >= 9
            {
                wanted[*of] += passed as u64;
            }
        }
        for has_skips in [false, true] {
            let measures = shown(&bytes(&client), &all[..cut], 1, has_skips);
            for (of, wanted) in wanted.into_iter().enumerate() {
                let found = measures.last[of][1];
                // Padding is counted with the block that it is behind.
                let padding = if of == 1 { 4 } else { 0 };
                assert!(
                    (wanted..=wanted + padding).contains(&found),
                    "cut at {cut}: {of}: {found}, not {wanted}"
                );
            }
        }
    }
}

#[test]
fn resets_tell_both_sides() {
    let client = [
        PREFACE,
        &settings(&[]),
        &frame(HEADERS, END_HEADERS, 1, b"\x82\x86\x84"),
        &frame(DATA, 0, 1, b"12345"),
    ]
    .concat();
    let answer = [settings(&[]), frame(HEADERS, END_HEADERS, 1, b"\x88")].concat();
    let reset = frame(RST, 0, 1, &[0, 0, 0, 8]);
    let measures = shown(&client, &[&answer[..], &reset].concat(), usize::MAX, false);
    assert_eq!(measures.ended, [(Id(0), [12 + 14, 10])]);
    // The thread is lost: what came before that.
    let measures = shown(&client, &[&answer[..], &frame(PING, 0, 0, b"?")].concat(), usize::MAX, false);
    assert_eq!(measures.last[0], [12 + 14, 10]);
    // By upgrade: what both have had in HTTP/1 is theirs, too.
    let (mut observer, mut scratch) = (Observer::after_upgrade(Id(2), b"", [70, 90]), Scratch::default());
    let mut sink = Measures::default();
    observer.client(&[PREFACE, &settings(&[])].concat(), &mut scratch, &mut sink);
    observer.server(&[&answer[..], &frame(DATA, END_STREAM, 1, b"yes")].concat(), &mut scratch, &mut sink);
    assert_eq!(sink.ended, [(Id(2), [0, 90 + 10 + 12])]);
}
