//! Our own answers: whatever the cause, one head and one line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wayside::wire::reply::http1;

fuzz_target!(|input: (u16, &str)| {
    let (status, cause) = input;
    let bytes = http1(status, cause);
    let text = std::str::from_utf8(&bytes).expect("ASCII");
    assert!(text.is_ascii());
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    // 405 names the methods that are allowed.
    assert_eq!(head.lines().count(), if status == 405 { 6 } else { 5 });
    assert_eq!(body.lines().count(), 1);
});
