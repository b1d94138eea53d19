//! Conversations, how they are cut, and events as text.

use wayside::wire::event::{Event, Peer, Version};
use wayside::wire::h1::{Fault, Observer};

/// One thing that happens on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    /// The client sends.
    C(&'a [u8]),
    /// The server sends.
    S(&'a [u8]),
    /// The client sends no more.
    ClientEnd,
    /// The server sends no more.
    ServerEnd,
}

pub(crate) use Step::{C, ClientEnd, S, ServerEnd};

/// How bytes are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Each step at once.
    Whole,
    /// In pieces of so many bytes.
    Pieces(usize),
    /// One step (by index) in two pieces, at a place.
    At(usize, usize),
}

/// What came of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// The events, one text each.
    pub(crate) events: Vec<String>,
    pub(crate) fault: Option<Fault>,
    /// How many bytes of the client may pass.
    pub(crate) client_passed: usize,
    /// How many bytes of the server may pass.
    pub(crate) server_passed: usize,
    pub(crate) is_at_boundary: bool,
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// An event in short: `>` request, `>|` its end, `<` response, `<|` its end, `<i` interim.
pub(crate) fn short(event: Event<'_>) -> String {
    let grpc = |status: Option<u32>| status.map_or(String::new(), |status| format!(" grpc={status}"));
    match event {
        Event::Request { id, head } => {
            let mut line = format!("> {} {} ", id.0, text(head.method));
            line.push_str(&format!("[{}] {}", text(head.authority), text(head.target)));
            line.push_str(if head.version == Version::Http10 { " 1.0" } else { "" });
            line.push_str(if head.is_grpc { " grpc" } else { "" });
            for (name, value) in [("ua", head.user_agent), ("from", head.referer)] {
                if !value.is_empty() {
                    line.push_str(&format!(" {name}={}", text(value)));
                }
            }
            line
        }
        Event::RequestEnd { id } => format!(">| {}", id.0),
        Event::Informational { id, status } => format!("<i {} {status}", id.0),
        Event::Response { id, status, grpc_status } => format!("< {} {status}{}", id.0, grpc(grpc_status)),
        Event::ResponseEnd { id, grpc_status } => format!("<| {}{}", id.0, grpc(grpc_status)),
        Event::Reset { id, by, code } => format!("reset {} {by:?} {code}", id.0),
        Event::Tunnel { id } => format!("tunnel {}", id.0),
        Event::Blind { reason } => format!("blind {reason}"),
    }
}

/// An observer and what it said.
pub(crate) struct Run {
    pub(crate) observer: Observer,
    pub(crate) events: Vec<String>,
    is_strict: bool,
    shown: [usize; 2],
    passed: [usize; 2],
    has_skips: bool,
}

impl Run {
    pub(crate) fn new(is_strict: bool, has_skips: bool) -> Run {
        let observer = Observer::new(is_strict);
        Run { observer, events: Vec::new(), is_strict, shown: [0; 2], passed: [0; 2], has_skips }
    }

    /// Shows one piece; with skips, what may pass unseen is not shown, and the rest byte by byte.
    pub(crate) fn piece(&mut self, peer: Peer, bytes: &[u8]) {
        let side = usize::from(peer == Peer::Server);
        let mut rest = bytes;
        while !rest.is_empty() {
            let skipped = if self.has_skips { self.skip(peer, rest.len()) } else { 0 };
            let count = if skipped > 0 {
                skipped
            } else if self.has_skips {
                1
            } else {
                rest.len()
            };
            let (piece, later) = rest.split_at(count);
            self.shown[side] += count;
            let mut sink = |event: Event<'_>| self.events.push(short(event));
            self.passed[side] += match peer {
                _ if skipped > 0 => skipped,
                Peer::Client => self.observer.client(piece, &mut sink),
                Peer::Server => self.observer.server(piece, &mut sink),
            };
            self.check(peer);
            rest = later;
        }
    }

    /// Lets bytes pass unseen, of `most` that there are. Returns how many.
    fn skip(&mut self, peer: Peer, most: usize) -> usize {
        let mut sink = |event: Event<'_>| self.events.push(short(event));
        let may =
            if peer == Peer::Client { self.observer.client_skip() } else { self.observer.server_skip() };
        let count = usize::try_from(may).unwrap_or(usize::MAX).min(most);
        match peer {
            Peer::Client => self.observer.client_skipped(count as u64, &mut sink),
            Peer::Server => self.observer.server_skipped(count as u64, &mut sink),
        }
        count
    }

    /// What was shown has passed or is held. What the other side's bytes released passes now.
    fn check(&mut self, peer: Peer) {
        let held = [self.observer.client_held(), self.observer.server_held()];
        let side = usize::from(peer == Peer::Server);
        let other = 1 - side;
        assert!(self.is_strict || held == [0, 0], "held without strict");
        self.passed[other] = self.passed[other].max(self.shown[other] - held[other]);
        assert_eq!(self.passed[side] + held[side], self.shown[side], "{peer:?}");
    }

    pub(crate) fn end(&mut self, peer: Peer) {
        let mut sink = |event: Event<'_>| self.events.push(short(event));
        match peer {
            Peer::Client => self.observer.client_end(&mut sink),
            Peer::Server => self.observer.server_end(&mut sink),
        }
    }

    pub(crate) fn outcome(self) -> Outcome {
        Outcome {
            events: self.events,
            fault: self.observer.fault(),
            client_passed: self.passed[0],
            server_passed: self.passed[1],
            is_at_boundary: self.observer.is_at_boundary(),
        }
    }
}

/// Shows a conversation.
pub(crate) fn run(steps: &[Step<'_>], is_strict: bool, cut: Cut, has_skips: bool) -> Outcome {
    let mut run = Run::new(is_strict, has_skips);
    for (index, step) in steps.iter().enumerate() {
        let (peer, bytes) = match step {
            C(bytes) => (Peer::Client, *bytes),
            S(bytes) => (Peer::Server, *bytes),
            ClientEnd => {
                run.end(Peer::Client);
                continue;
            }
            ServerEnd => {
                run.end(Peer::Server);
                continue;
            }
        };
        match cut {
            Cut::Pieces(size) => bytes.chunks(size).for_each(|piece| run.piece(peer, piece)),
            Cut::At(step, at) if step == index => {
                run.piece(peer, &bytes[..at]);
                run.piece(peer, &bytes[at..]);
            }
            _ => run.piece(peer, bytes),
        }
    }
    run.outcome()
}

/// Every way to cut the conversation that is tried.
pub(crate) fn cuts(steps: &[Step<'_>]) -> Vec<Cut> {
    let mut cuts: Vec<Cut> = vec![Cut::Whole, Cut::Pieces(1), Cut::Pieces(2), Cut::Pieces(3), Cut::Pieces(7)];
    for (index, step) in steps.iter().enumerate() {
        if let C(bytes) | S(bytes) = step {
            let stride = bytes.len() / 2000 + 1;
            cuts.extend((1..bytes.len()).step_by(stride).map(|at| Cut::At(index, at)));
        }
    }
    cuts
}

/// Shows the conversation in every cut, with and without skipping, and returns the one outcome that all have.
#[track_caller]
pub(crate) fn everywhere(name: &str, steps: &[Step<'_>], is_strict: bool) -> Outcome {
    let whole = run(steps, is_strict, Cut::Whole, false);
    for cut in cuts(steps) {
        for has_skips in [false, true] {
            let outcome = run(steps, is_strict, cut, has_skips);
            assert_eq!(outcome, whole, "{name}: strict {is_strict}, {cut:?}, skips {has_skips}");
        }
    }
    whole
}

/// How many bytes each side sends.
pub(crate) fn sizes(steps: &[Step<'_>]) -> (usize, usize) {
    let size = |of: fn(&Step<'_>) -> usize| steps.iter().map(of).sum();
    let client = size(|step| if let C(bytes) = step { bytes.len() } else { 0 });
    let server = size(|step| if let S(bytes) = step { bytes.len() } else { 0 });
    (client, server)
}

/// A conversation, its events, and what strict observation does: `None`: the same events and every byte passes.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) steps: &'static [Step<'static>],
    pub(crate) events: &'static str,
    pub(crate) strict: Option<u16>,
}

/// Checks a table of conversations.
#[track_caller]
pub(crate) fn hold(cases: &[Case]) {
    for Case { name, steps, events, strict } in cases {
        let expected: Vec<&str> = events.split("; ").filter(|event| !event.is_empty()).collect();
        let outcome = everywhere(name, steps, false);
        assert_eq!(outcome.events, expected, "{name}");
        let sizes = sizes(steps);
        assert_eq!((outcome.client_passed, outcome.server_passed), sizes, "{name}: transparency");
        assert_eq!(outcome.fault, None, "{name}");
        let outcome = everywhere(name, steps, true);
        match strict {
            None => {
                assert_eq!(outcome.fault, None, "{name}");
                assert_eq!(outcome.events, expected, "{name}");
                assert_eq!(
                    (outcome.client_passed, outcome.server_passed),
                    sizes,
                    "{name}: strict passes all"
                );
            }
            Some(status) => {
                assert_eq!(outcome.fault.map(|fault| fault.status), Some(*status), "{name}: {outcome:?}");
                assert!(!outcome.is_at_boundary, "{name}");
            }
        }
    }
}
