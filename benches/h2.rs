//! What following HTTP/2 costs: header blocks alone, and whole streams both ways. `cargo bench --bench h2`.
//!
//! Prints nanoseconds of the quickest of many rounds: on a machine that others use, the least disturbed round says most.

use std::hint::black_box;
use std::time::Instant;

use wayside::wire::event::Event;
use wayside::wire::h2::{Decoder, Observer, Scratch};

const ROUNDS: usize = 200;
/// Few enough that a round fits between two turns of the scheduler.
const CALLS: u32 = 1_000;

/// Nanoseconds a call, of the quickest round.
fn measure(calls: u32, mut call: impl FnMut()) -> f64 {
    let round = |_| {
        let began = Instant::now();
        for _ in 0..calls {
            call();
        }
        began.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
    };
    (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min)
}

/// The first block of nghttp2's gRPC story.
fn head() -> Vec<u8> {
    let text = include_str!("../tests/data/h2/story-nghttp2.txt");
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

/// A fresh observer behind the greetings.
fn greeted(scratch: &mut Scratch) -> Observer {
    let mut observer = Observer::new();
    let settings = frame(4, 0, 0, &[]);
    let mut sink = |_: Event<'_>| {};
    observer.client(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &settings[..]].concat(), scratch, &mut sink);
    observer.server(&settings, scratch, &mut sink);
    observer
}

/// Nanoseconds a stream of a unary gRPC call, with so many streams in one read. `first` is the block of a call before.
fn streams(first: &[u8], request: &[u8], count: u32) -> f64 {
    let mut scratch = Scratch::new();
    let mut observer = greeted(&mut scratch);
    let mut events = 0_u64;
    let mut sink = |_: Event<'_>| events += 1;
    let answer = [field(":status", "200"), field("content-type", "application/grpc")].concat();
    let trailers = field("grpc-status", "0");
    let (before, after) = (frame(1, 5, 1, first), frame(1, 5, 1, &answer));
    observer.client(&before, &mut scratch, &mut |_: Event<'_>| {});
    observer.server(&after, &mut scratch, &mut |_: Event<'_>| {});
    let mut next = 3;
    let (mut up, mut down) = (Vec::new(), Vec::new());
    for _ in 0..count {
        up.push([frame(1, 4, 0, request), frame(0, 1, 0, &[7; 64]), frame(8, 0, 0, &[0; 4])].concat());
        down.push([frame(1, 4, 0, &answer), frame(0, 0, 0, &[7; 128]), frame(1, 5, 0, &trailers)].concat());
    }
    let (mut up, mut down) = (up.concat(), down.concat());
    let (up_frames, down_frames) = (heads(&up), heads(&down));
    let calls = CALLS / count;
    let per_call = measure(calls, || {
        // The stream numbers, three frames a stream.
        for (nth, at) in up_frames.iter().enumerate() {
            up[at + 5..at + 9].copy_from_slice(&(next + nth as u32 / 3 * 2).to_be_bytes());
        }
        for (nth, at) in down_frames.iter().enumerate() {
            down[at + 5..at + 9].copy_from_slice(&(next + nth as u32 / 3 * 2).to_be_bytes());
        }
        next += 2 * count;
        observer.client(black_box(&up), &mut scratch, &mut sink);
        observer.server(black_box(&down), &mut scratch, &mut sink);
    });
    assert!(!observer.is_blind() && observer.open_exchanges() == 0);
    assert_eq!(events, 4 * u64::from(count) * u64::from(calls) * ROUNDS as u64);
    per_call / f64::from(count)
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

fn main() {
    let first = head();
    let mut space = Vec::new();
    let mut decode = |decoder: &mut Decoder, block: &[u8]| {
        let mut count = 0;
        decoder
            .decode(black_box(block), &mut space, |field| count += black_box(field).name.len())
            .expect("valid");
        count
    };
    let spelt = measure(CALLS, || {
        black_box(decode(&mut Decoder::new(), &first));
    });
    let mut decoder = Decoder::new();
    let again = measure(CALLS, || {
        black_box(decode(&mut decoder, &first));
    });
    let indices = indexed(&first);
    let mut decoder = Decoder::new();
    decode(&mut decoder, &first);
    let indexed = measure(CALLS, || {
        black_box(decode(&mut decoder, &indices));
    });
    println!("{:<52} {:>8}", "", "ns");
    println!("{:<52} {spelt:>8.0}", "a gRPC head of 9 fields, Huffman, into an empty table");
    println!("{:<52} {again:>8.0}", "the same, into a full one");
    println!("{:<52} {indexed:>8.0}", "the same, all but the path in the table");
    // Blocks that can be sent for ever: the first pushes its own fields out again, the others leave the table alone.
    let plain = [
        field(":method", "POST"),
        field(":path", "/pkg.Svc/Get"),
        field(":authority", "svc-2.ns.svc.cluster.local:50051"),
        field("content-type", "application/grpc"),
        field("user-agent", "grpc-python/1.85.1 grpc-c/53.0.0 (linux; chttp2)"),
    ];
    for (name, block) in
        [("indexed", &indices), ("5 fields, plain", &plain.concat()), ("9 fields, Huffman", &first)]
    {
        for count in [1, 32] {
            let took = streams(&first, block, count);
            println!("{:<52} {took:>8.0}", format!("a unary call both ways, {count} in a read, {name}"));
        }
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
