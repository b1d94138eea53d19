//! Header blocks that share a decoder: no panic, and bounded memory.
//!
//! The input is a row of records: a byte that says how many bytes of a block follow; 255 is a table size instead, acknowledged
//! at once, in the next byte (in units of 512).
#![no_main]

use libfuzzer_sys::fuzz_target;
use wayside::wire::h2::{Decoder, bounds};

fuzz_target!(|input: &[u8]| {
    let mut decoder = Decoder::new();
    let mut space = Vec::new();
    let mut input = input;
    while let Some((&head, rest)) = input.split_first() {
        let length = if head == 255 { 1 } else { usize::from(head) };
        let (bytes, behind) = rest.split_at(length.min(rest.len()));
        input = behind;
        if head == 255 {
            decoder.offer(bytes.first().map_or(0, |&units| u32::from(units) * 512));
            if decoder.offered().is_ok() {
                decoder.acknowledged();
            }
            continue;
        }
        let mut decoded = 0;
        let outcome = decoder.decode(bytes, &mut space, |field| decoded += field.name.len() + field.value.len() + 32);
        assert!(decoded <= bounds::LIST);
        assert!(decoder.owned() < 3 * bounds::TABLE as usize);
        if outcome.is_err() {
            return;
        }
    }
});
