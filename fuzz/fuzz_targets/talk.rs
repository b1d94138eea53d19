//! Both sides. The input is a list of turns: a byte that says who (high bit) and how much (the other bits), then the bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wayside::wire::detect::{DecidedBy, Detector, Verdict};

fuzz_target!(|input: &[u8]| {
    assert_eq!(talk(input, usize::MAX), talk(input, 1));
});

fn talk(mut input: &[u8], most: usize) -> Verdict {
    let mut detector = Detector::default();
    while let Some((&turn, rest)) = input.split_first() {
        let length = usize::from(turn & 0x7f).min(rest.len());
        let (bytes, rest) = rest.split_at(length);
        input = rest;
        for piece in bytes.chunks(most) {
            let verdict = if turn < 0x80 { detector.client(piece) } else { detector.server(piece) };
            if let Some(verdict) = verdict {
                return verdict;
            }
        }
    }
    detector.give_up(DecidedBy::Timeout)
}
