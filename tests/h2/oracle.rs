//! Our decoder against libnghttp2's: the same fields, or an error from both, for valid, mutated and random blocks.
//!
//! `WAYSIDE_ORACLE=3000000 cargo test --test h2 oracle` compares three million blocks. It needs a C compiler (which
//! rustc needs too) and `libnghttp2.so.14` (which curl brings); without them it says `skipped`.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use wayside::wire::h2::Decoder;

use crate::encoder::Encoder;
use crate::hpack::{hex, limit};
use crate::support::{Random, number};

/// Builds the oracle; none where that cannot be.
fn build() -> Option<PathBuf> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/h2/oracle.c");
    let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("h2-oracle-{}", std::process::id()));
    let built = Command::new("cc").args(["-O2", "-o"]).arg(&out).args([source, "-ldl"]).status();
    if !built.is_ok_and(|status| status.success()) {
        println!("skipped: the HPACK oracle: cc cannot build it");
        return None;
    }
    let run = Command::new(&out).stdin(Stdio::null()).status();
    if !run.is_ok_and(|status| status.success()) {
        println!("skipped: the HPACK oracle: libnghttp2.so.14 is not there");
        return None;
    }
    Some(out)
}

enum Op {
    Story,
    Limit(u32),
    Block(Vec<u8>),
}

/// FNV-1a of the fields, as the oracle makes it.
fn hash(sum: u64, bytes: &[u8]) -> u64 {
    let length = (bytes.len() as u32).to_be_bytes();
    length.iter().chain(bytes).fold(sum, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(1_099_511_628_211))
}

/// What we say to a block: the hash of its fields, or none for an error.
fn ours(decoder: &mut Decoder, space: &mut Vec<u8>, block: &[u8]) -> Option<u64> {
    let mut sum = 14_695_981_039_346_656_037;
    let take = |field: wayside::wire::h2::Field<'_>| sum = hash(hash(sum, field.name), field.value);
    decoder.decode(block, space, take).ok()?;
    Some(sum)
}

/// Recorded blocks to begin with: the stories of the encoders, in order.
fn recorded() -> Vec<Vec<u8>> {
    let texts =
        [include_str!("../data/h2/story-nghttp2.txt"), include_str!("../data/h2/story-hpack-huffman.txt")];
    texts
        .iter()
        .flat_map(|text| text.lines())
        .filter_map(|line| line.strip_prefix("block "))
        .map(hex)
        .collect()
}

fn random_block(random: &mut Random) -> Vec<u8> {
    const TELLING: &[u8] =
        &[0x00, 0x01, 0x0f, 0x10, 0x1f, 0x20, 0x3f, 0x40, 0x7f, 0x80, 0x81, 0x82, 0xbe, 0xbf, 0xc0, 0xff];
    let length = random.below(40);
    (0..length).map(|_| if random.one_in(2) { random.pick(TELLING) } else { random.next() as u8 }).collect()
}

fn mutate(random: &mut Random, block: &mut Vec<u8>) {
    for _ in 0..1 + random.below(3) {
        let at = random.below(block.len());
        match random.below(5) {
            0 => block.truncate(at),
            1 => block.insert(at.min(block.len()), random.next() as u8),
            2 if !block.is_empty() => {
                block.remove(at);
            }
            3 => block.extend(random_block(random)),
            _ => {
                if let Some(byte) = block.get_mut(at) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
    }
}

/// A story's operations; how many blocks it has.
fn story(random: &mut Random, recorded: &[Vec<u8>], ops: &mut Vec<Op>) -> u64 {
    ops.push(Op::Story);
    let mut encoder = Encoder::new();
    let begin = random.below(recorded.len());
    let kind = random.below(4);
    let blocks = 1 + random.below(6);
    for nth in 0..blocks {
        if random.one_in(6) {
            let size = random.pick(&[0, 40, 100, 1000, 4096, 8192, 65_536]);
            ops.push(Op::Limit(size));
            if !random.one_in(4) {
                encoder.resize(size as usize);
            }
        }
        let mut block = match kind {
            0 => recorded.get(begin + nth).cloned().unwrap_or_default(),
            1 => random_block(random),
            _ => {
                let names = ["x-a", "cookie", ":path", "a-long-name-that-nobody-has", "te", "\u{fc}"];
                let values: Vec<String> = (0..5).map(|_| "v~\u{e9}".repeat(random.below(40))).collect();
                let fields: Vec<_> =
                    (0..random.below(6)).map(|at| (random.pick(&names), values[at % 5].as_str())).collect();
                encoder.encode(random, &fields)
            }
        };
        if random.one_in(3) {
            mutate(random, &mut block);
        }
        ops.push(Op::Block(block));
    }
    blocks as u64
}

/// What the oracle says to each block.
fn oracle(program: &PathBuf, ops: &[Op]) -> Vec<Option<u64>> {
    let mut input = Vec::new();
    for op in ops {
        let (mark, number, bytes) = match op {
            Op::Story => (b'S', 0, &[][..]),
            Op::Limit(size) => (b'L', *size, &[][..]),
            Op::Block(block) => (b'B', block.len() as u32, &block[..]),
        };
        input.extend([&[mark][..], &number.to_be_bytes(), bytes].concat());
    }
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the oracle starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let writer = std::thread::spawn(move || stdin.write_all(&input).expect("the oracle reads"));
    let mut output = Vec::new();
    child.stdout.take().expect("a pipe").read_to_end(&mut output).expect("the oracle writes");
    writer.join().expect("all is written");
    assert!(child.wait().expect("the oracle ends").success());
    let say =
        |answer: &[u8]| (answer[0] == 1).then(|| u64::from_be_bytes(answer[1..].try_into().expect("eight")));
    output.chunks_exact(9).map(say).collect()
}

#[test]
fn the_oracle_agrees() {
    let Some(program) = build() else { return };
    let recorded = recorded();
    let mut random = Random(number("WAYSIDE_SEED", 0xace));
    let wanted = number("WAYSIDE_ORACLE", 60_000);
    let (mut compared, mut valid) = (0, 0);
    let mut space = Vec::new();
    while compared < wanted {
        let mut ops = Vec::new();
        let mut blocks = 0;
        while blocks < 50_000.min(wanted - compared) {
            blocks += story(&mut random, &recorded, &mut ops);
        }
        let mut theirs = oracle(&program, &ops).into_iter();
        let mut decoder = Decoder::new();
        let mut is_valid = true;
        for op in &ops {
            match op {
                Op::Story => (decoder, is_valid) = (Decoder::new(), true),
                Op::Limit(size) => limit(&mut decoder, *size),
                Op::Block(block) => {
                    let ours = if is_valid { ours(&mut decoder, &mut space, block) } else { None };
                    is_valid = ours.is_some();
                    valid += u64::from(is_valid);
                    assert_eq!(Some(ours), theirs.next(), "block {block:02x?}");
                }
            }
        }
        assert_eq!(theirs.next(), None);
        compared += blocks;
    }
    println!("{compared} blocks compared, {valid} of them valid");
    assert!(valid > compared / 5 && valid < compared - compared / 20, "{valid} of {compared} are valid");
    std::fs::remove_file(program).expect("the oracle was built");
}
