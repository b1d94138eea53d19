//! What a verdict costs: each kind of first bytes, whole and byte by byte.

use std::hint::black_box;

use wayside::wire::detect::Detector;

use crate::harness::{Case, case};

const HTTP1: &[u8] = b"GET /index.html HTTP/1.1\r\nHost: example.com\r\nAccept: */*\r\n\r\n";
const HTTP2: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
const NONE: &[u8] = b"\x00\x01\x02\x03\x04\x05\x06\x07 something else";

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

pub(crate) fn cases() -> Vec<Case> {
    let inputs = [
        ("http1", "http/1", HTTP1.to_vec()),
        ("http2", "http/2", HTTP2.to_vec()),
        ("tls", "tls", client_hello()),
        ("none", "unknown", NONE.to_vec()),
    ];
    let both = inputs.into_iter().map(|(name, protocol, bytes)| {
        let verdict = Detector::default().client(&bytes).map(|verdict| verdict.protocol.as_str());
        assert_eq!(verdict, Some(protocol), "{name}");
        [(format!("detect/{name}"), bytes.clone(), usize::MAX), (format!("detect/{name}/bytewise"), bytes, 1)]
    });
    both.flatten()
        .map(|(name, bytes, piece)| case(name, 1, move || detection(bytes.clone(), piece)))
        .collect()
}

fn detection(bytes: Vec<u8>, piece: usize) -> impl FnMut() {
    move || {
        let mut detector = Detector::default();
        black_box(bytes.chunks(piece).find_map(|piece| detector.client(black_box(piece))));
    }
}
