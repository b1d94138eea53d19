//! What following HTTP/2 costs: header blocks alone, and whole streams both ways.

use std::hint::black_box;

use wayside::wire::event::{Event, Sink};
use wayside::wire::h2::{Decoder, Field, Observer, Scratch};

use crate::harness::{Case, Subject, case};

/// The first block of nghttp2's gRPC story.
fn head() -> Vec<u8> {
    let text = include_str!("../../tests/data/h2/story-nghttp2.txt");
    let mut blocks = text.lines().filter_map(|line| line.strip_prefix("block ")).map(|hex| {
        let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal");
        (0..hex.len()).step_by(2).map(byte).collect::<Vec<u8>>()
    });
    blocks.next().expect("a block")
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A field without use of the table.
fn field(name: &str, value: &str) -> Vec<u8> {
    [&[0, name.len() as u8], name.as_bytes(), &[value.len() as u8], value.as_bytes()].concat()
}

/// The greetings of a connection and a first call, whose block is `first`; client and server.
fn begun(first: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let settings = frame(4, 0, 0, &[]);
    let client = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &settings[..], &frame(1, 5, 1, first)].concat();
    (client, [settings, frame(1, 5, 1, &answer())].concat())
}

/// How a connection begins, both sides, and the calls on it: their fields are in the table.
pub(crate) fn connection(count: usize) -> (Vec<u8>, Vec<u8>, Calls) {
    let first = head();
    let (client, server) = begun(&first);
    (client, server, Calls::new(&indexed(&first), count))
}

/// Unary gRPC calls both ways on one connection, so many streams in a read.
pub(crate) struct Calls {
    pub(crate) up: Vec<u8>,
    pub(crate) down: Vec<u8>,
    /// Where frames begin, three for each stream.
    up_frames: Vec<usize>,
    down_frames: Vec<usize>,
    /// The number of the next stream.
    next: u32,
}

impl Calls {
    /// The requests have `block` as their header block.
    fn new(block: &[u8], count: usize) -> Calls {
        let answer = answer();
        let trailers = field("grpc-status", "0");
        let up = [frame(1, 4, 0, block), frame(0, 1, 0, &[7; 64]), frame(8, 0, 0, &[0, 0, 0, 1])].concat();
        let down = [frame(1, 4, 0, &answer), frame(0, 0, 0, &[7; 128]), frame(1, 5, 0, &trailers)].concat();
        let (up, down) = (up.repeat(count), down.repeat(count));
        Calls { up_frames: heads(&up), down_frames: heads(&down), up, down, next: 3 }
    }

    /// Numbers the streams: they are new ones with each call.
    pub(crate) fn renumber(&mut self) {
        let sides = [(&mut self.up, &self.up_frames), (&mut self.down, &self.down_frames)];
        for (bytes, frames) in sides {
            for (nth, at) in frames.iter().enumerate() {
                bytes[at + 5..at + 9].copy_from_slice(&(self.next + nth as u32 / 3 * 2).to_be_bytes());
            }
        }
        self.next += self.up_frames.len() as u32 / 3 * 2;
    }
}

fn answer() -> Vec<u8> {
    [field(":status", "200"), field("content-type", "application/grpc")].concat()
}

/// The calls as an observer sees them.
struct Observed {
    scratch: Scratch,
    observer: Observer,
    calls: Calls,
}

impl Observed {
    /// `first` is the block of a call before.
    fn new(first: &[u8], block: &[u8], count: usize) -> Observed {
        let mut scratch = Scratch::new();
        let mut observer = Observer::new();
        let (client, server) = begun(first);
        observer.client(&client, &mut scratch, &mut |_: Event<'_>| {});
        observer.server(&server, &mut scratch, &mut |_: Event<'_>| {});
        let mut observed = Observed { scratch, observer, calls: Calls::new(block, count) };
        let mut events = 0;
        observed.calls.renumber();
        observed.show(&mut |_: Event<'_>| events += 1);
        assert!(!observed.observer.is_blind() && observed.observer.open_exchanges() == 0);
        assert_eq!(events, 4 * count);
        observed
    }

    fn show(&mut self, sink: &mut dyn Sink) {
        self.observer.client(black_box(&self.calls.up), &mut self.scratch, sink);
        self.observer.server(black_box(&self.calls.down), &mut self.scratch, sink);
    }
}

impl Subject for Observed {
    fn prepare(&mut self) {
        self.calls.renumber();
    }

    fn call(&mut self) {
        self.show(&mut |event: Event<'_>| {
            black_box(&event);
        });
    }
}

/// Where the frames begin.
fn heads(bytes: &[u8]) -> Vec<usize> {
    let mut at = 0;
    let mut heads = Vec::new();
    while at < bytes.len() {
        heads.push(at);
        at += 9 + u32::from_be_bytes([0, bytes[at], bytes[at + 1], bytes[at + 2]]) as usize;
    }
    heads
}

pub(crate) fn cases() -> Vec<Case> {
    let first = head();
    let indices = indexed(&first);
    // Blocks that can be sent for ever: `huffman` pushes its own fields out again, the others leave the table alone.
    let plain = [
        field(":method", "POST"),
        field(":path", "/pkg.Svc/Get"),
        field(":authority", "svc-2.ns.svc.cluster.local:50051"),
        field("content-type", "application/grpc"),
        field("user-agent", "grpc-python/1.85.1 grpc-c/53.0.0 (linux; chttp2)"),
    ];
    let mut cases = Vec::new();
    for (name, block) in [("empty", &first), ("full", &first), ("indexed", &indices)] {
        let (first, block) = (first.clone(), block.clone());
        let is_empty = name == "empty";
        cases
            .push(case(format!("hpack/{name}"), 1, move || decoding(is_empty, first.clone(), block.clone())));
    }
    for (name, block) in [("indexed", indices), ("plain", plain.concat()), ("huffman", first.clone())] {
        for count in [1, 32] {
            let (first, block) = (first.clone(), block.clone());
            let name = format!("h2/{name}/{count}");
            cases.push(case(name, count, move || Observed::new(&first, &block, count as usize)));
        }
    }
    cases
}

/// A gRPC head of 9 fields: into an empty table, or into one that `first` has filled.
fn decoding(is_empty: bool, first: Vec<u8>, block: Vec<u8>) -> impl FnMut() {
    let mut space = Vec::new();
    let mut decoder = Decoder::new();
    let mut decode = move |decoder: &mut Decoder, block: &[u8]| {
        let mut count = 0;
        let see = |field: Field<'_>| count += black_box(field).name.len();
        decoder.decode(black_box(block), &mut space, see).expect("valid");
        count
    };
    decode(&mut decoder, &first);
    move || {
        if is_empty {
            decoder = Decoder::new();
        }
        black_box(decode(&mut decoder, &block));
    }
}

/// The same head in its later form: indices of what `first` has put into an empty table, and the path, which nghttp2 keeps out.
fn indexed(first: &[u8]) -> Vec<u8> {
    let mut decoder = Decoder::new();
    decoder.decode(first, &mut Vec::new(), |_| {}).expect("valid");
    let mut block = vec![0x83, 0x86];
    for index in 62.. {
        if decoder.decode(&[0x80 | index], &mut Vec::new(), |_| {}).is_err() {
            break;
        }
        block.push(0x80 | index);
    }
    block.extend(field(":path", "/pkg.Svc/Get"));
    let mut count = 0;
    decoder.decode(&block, &mut Vec::new(), |_| count += 1).expect("valid");
    assert_eq!(count, 9);
    block
}
