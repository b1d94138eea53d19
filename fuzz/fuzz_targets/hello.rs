//! The inside of a ClientHello: the input is the hello's body, put into one record and into records of 7 bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wayside::wire::detect::{DecidedBy, Detector, Protocol, Verdict};

fuzz_target!(|body: &[u8]| {
    let length = body.len().clamp(41, 16_000);
    let body = &body[..body.len().min(16_000)];
    let message = [&[1, 0, (length >> 8) as u8, length as u8, 3, 3], body].concat();
    let expected = verdict(&message, 16_384);
    assert_eq!(expected.protocol, Protocol::Tls);
    assert_eq!(verdict(&message, 7), expected);
});

fn verdict(message: &[u8], size: usize) -> Verdict {
    let mut detector = Detector::default();
    for fragment in message.chunks(size) {
        let [high, low] = (fragment.len() as u16).to_be_bytes();
        let record = [&[22, 3, 1, high, low], fragment].concat();
        if let Some(verdict) = detector.client(&record) {
            return verdict;
        }
    }
    detector.give_up(DecidedBy::Eof)
}
