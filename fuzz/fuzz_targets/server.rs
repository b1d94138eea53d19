//! The server's banner. At once and byte by byte must agree.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wayside::wire::detect::{DecidedBy, Detector};

fuzz_target!(|bytes: &[u8]| {
    let mut whole = Detector::default();
    let expected = whole.server(bytes).unwrap_or_else(|| whole.give_up(DecidedBy::Eof));
    let mut single = Detector::default();
    let early = bytes.chunks(1).find_map(|byte| single.server(byte));
    assert_eq!(early.unwrap_or_else(|| single.give_up(DecidedBy::Eof)), expected);
});
