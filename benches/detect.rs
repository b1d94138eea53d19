//! What a verdict costs: each kind of first bytes, whole and byte by byte. `cargo bench --bench detect`.
//!
//! Prints nanoseconds of the quickest of many rounds: on a machine that others use, the least disturbed round says most.

use std::hint::black_box;
use std::time::Instant;

use wayside::wire::detect::Detector;

const ROUNDS: usize = 200;
const CALLS: u32 = 1_000;

/// Nanoseconds a call, of the quickest round.
fn measure(mut call: impl FnMut()) -> f64 {
    let round = |_| {
        let began = Instant::now();
        for _ in 0..CALLS {
            call();
        }
        began.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
    };
    (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min)
}

/// A ClientHello of 517 bytes, as OpenSSL pads it: the server name is its only extension beside the padding.
fn client_hello() -> Vec<u8> {
    let name = b"example.com";
    let entry = [&[0, 0, name.len() as u8][..], name].concat();
    let server_name = [&[0, 0, 0, entry.len() as u8 + 2, 0, entry.len() as u8][..], &entry].concat();
    let before = [&[3, 3][..], &[7; 32], &[0, 0, 2, 0x13, 0x01, 1, 0]].concat();
    let padding_len = 517 - 5 - 4 - before.len() - 2 - server_name.len() - 4;
    let padding = [&[0, 21][..], &(padding_len as u16).to_be_bytes(), &vec![0; padding_len]].concat();
    let extensions = [server_name, padding].concat();
    let body = [&before[..], &(extensions.len() as u16).to_be_bytes(), &extensions].concat();
    let handshake = [&[1, 0][..], &(body.len() as u16).to_be_bytes(), &body].concat();
    [&[22, 3, 1][..], &(handshake.len() as u16).to_be_bytes(), &handshake].concat()
}

fn main() {
    let hello = client_hello();
    assert_eq!(hello.len(), 517);
    let inputs: [(&str, &str, &[u8]); 4] = [
        ("HTTP/1 request", "http/1", b"GET /index.html HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\n\r\n"),
        ("HTTP/2 preface", "http/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"),
        ("TLS ClientHello", "tls", &hello),
        ("nothing known", "unknown", b"\x00\x01\x02\x03\x04\x05\x06\x07 something else"),
    ];
    println!("{:<16} {:>6} {:>10} {:>14}", "client's bytes", "bytes", "whole, ns", "one by one, ns");
    for (name, protocol, bytes) in inputs {
        let verdict = Detector::default().client(bytes).map(|verdict| verdict.protocol.as_str());
        assert_eq!(verdict, Some(protocol), "{name}");
        let whole = measure(|| {
            black_box(Detector::default().client(black_box(bytes)));
        });
        let single = measure(|| {
            let mut detector = Detector::default();
            black_box(bytes.chunks(1).find_map(|byte| detector.client(black_box(byte))));
        });
        println!("{name:<16} {:>6} {whole:>10.0} {single:>14.0}", bytes.len());
    }
}
