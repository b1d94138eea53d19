//! What the tests share: random numbers, frames, and a conversation shown to an observer.

use wayside::wire::event::{Event, Peer};
use wayside::wire::h2::{Observer, Scratch};

/// xorshift64*.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() >> 33) as usize % end.max(1)
    }

    pub(crate) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// A number from the environment.
pub(crate) fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().expect("a number"))
}

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PUSH: u8 = 5;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const ACK: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
/// END_STREAM and END_HEADERS.
pub(crate) const ENDS: u8 = 5;
pub(crate) const PADDED: u8 = 8;
pub(crate) const PRIORITY: u8 = 32;

/// A frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A SETTINGS frame.
pub(crate) fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let one = |(id, value): &(u16, u32)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat();
    frame(SETTINGS, 0, 0, &values.iter().flat_map(one).collect::<Vec<u8>>())
}

/// What a client sends first.
pub(crate) fn preface() -> Vec<u8> {
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &settings(&[])[..]].concat()
}

/// A header block that uses no table: every field spelt out.
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| {
        assert!(text.len() < 127, "a short string");
        [&[text.len() as u8], text.as_bytes()].concat()
    };
    fields.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

/// Who sent what, in order.
pub(crate) type Talk = Vec<(Peer, Vec<u8>)>;

/// An event in words.
pub(crate) fn words(event: Event<'_>) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let grpc = |status: Option<u32>| status.map_or(String::new(), |status| format!(" grpc-status {status}"));
    match event {
        Event::Request { id, head } => {
            let mut line =
                format!("{} {} {} {}", id.0, text(head.method), text(head.authority), text(head.target));
            line += if head.is_grpc { " grpc" } else { "" };
            for (name, value) in [("agent", head.user_agent), ("referer", head.referer)] {
                if !value.is_empty() {
                    line += &format!(" {name} {}", text(value));
                }
            }
            line
        }
        Event::RequestEnd { id } => format!("{} sent", id.0),
        Event::Informational { id, status } => format!("{} interim {status}", id.0),
        Event::Response { id, status, grpc_status } => {
            format!("{} status {status}{}", id.0, grpc(grpc_status))
        }
        Event::ResponseEnd { id, grpc_status } => format!("{} answered{}", id.0, grpc(grpc_status)),
        Event::Reset { id, by, code } => format!("{} reset by {by:?} {code}", id.0),
        Event::Tunnel { id } => format!("{} tunnel", id.0),
        Event::Blind { reason } => format!("blind: {reason}"),
    }
}

/// An observer with its listener.
pub(crate) struct Watch {
    pub(crate) observer: Observer,
    pub(crate) scratch: Scratch,
    pub(crate) events: Vec<String>,
}

impl Watch {
    pub(crate) fn new(observer: Observer) -> Watch {
        Watch { observer, scratch: Scratch::new(), events: Vec::new() }
    }

    pub(crate) fn show(&mut self, from: Peer, bytes: &[u8]) {
        let Watch { observer, scratch, events } = self;
        let mut sink = |event: Event<'_>| events.push(words(event));
        match from {
            Peer::Client => observer.client(bytes, scratch, &mut sink),
            Peer::Server => observer.server(bytes, scratch, &mut sink),
        }
    }

    pub(crate) fn skip(&self, from: Peer) -> u64 {
        match from {
            Peer::Client => self.observer.client_skip(),
            Peer::Server => self.observer.server_skip(),
        }
    }

    pub(crate) fn skipped(&mut self, from: Peer, count: u64) {
        let Watch { observer, scratch, events } = self;
        let mut sink = |event: Event<'_>| events.push(words(event));
        match from {
            Peer::Client => observer.client_skipped(count, scratch, &mut sink),
            Peer::Server => observer.server_skipped(count, scratch, &mut sink),
        }
    }

    /// Shows what the observer wants to see of `bytes`, and says of the rest only that it passed.
    pub(crate) fn show_least(&mut self, from: Peer, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let skip = self.skip(from).min(bytes.len() as u64);
            if skip > 0 {
                self.skipped(from, skip);
                bytes = &bytes[skip as usize..];
            } else {
                // One byte at a time, or a payload would be seen before it can be skipped.
                self.show(from, &bytes[..1]);
                bytes = &bytes[1..];
            }
        }
    }
}

/// The events of a conversation, shown as it came.
pub(crate) fn whole(talk: &Talk) -> Vec<String> {
    let mut watch = Watch::new(Observer::new());
    for (from, bytes) in talk {
        watch.show(*from, bytes);
    }
    watch.events
}

/// Asserts that the conversation means `expected`: at once, byte by byte, cut in two at every place, and with
/// everything skipped that may be.
#[track_caller]
pub(crate) fn means(name: &str, talk: &Talk, expected: &[&str]) {
    assert_eq!(whole(talk), expected, "{name}, at once");
    let mut watch = Watch::new(Observer::new());
    for (from, bytes) in talk {
        bytes.chunks(1).for_each(|byte| watch.show(*from, byte));
    }
    assert_eq!(watch.events, expected, "{name}, byte by byte");
    let mut watch = Watch::new(Observer::new());
    for (from, bytes) in talk {
        watch.show_least(*from, bytes);
    }
    assert_eq!(watch.events, expected, "{name}, with skips");
    for (nth, (_, cut)) in talk.iter().enumerate() {
        for at in 0..=cut.len() {
            let mut watch = Watch::new(Observer::new());
            for (index, (from, bytes)) in talk.iter().enumerate() {
                let (before, behind) = bytes.split_at(if index == nth { at } else { 0 });
                watch.show(*from, before);
                watch.show(*from, behind);
            }
            assert_eq!(watch.events, expected, "{name}, record {nth} cut at {at}");
        }
    }
}
