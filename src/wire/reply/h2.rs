//! Our own answers on a connection of HTTP/2, where no server has spoken: frames of RFC 9113.

use super::{ERROR_HEADER, clean, reason};
use crate::wire::h2::{Call, Open};

/// The most streams that are answered. Those above are left out by the GOAWAY, and may be tried again elsewhere.
pub const MAX_STREAMS: usize = 100;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const END_HEADERS: u8 = 4;

/// The server's part of the connection preface: SETTINGS that leave all as it is.
pub fn http2_greeting() -> Vec<u8> {
    let mut bytes = Vec::with_capacity(9);
    frame(&mut bytes, SETTINGS, 0, 0, &[]);
    bytes
}

/// Answers to the streams of one connection, and the end of it.
#[derive(Debug, Clone, Copy)]
pub struct Http2<'a> {
    /// The status code. Outside 400 to 599 it becomes 500. A gRPC call gets [`grpc_status`] of it.
    pub status: u16,
    /// Why, in plain words. Anything but printable ASCII in it becomes `?`.
    pub cause: &'a str,
    /// [`http2_greeting`] has been sent.
    pub is_greeted: bool,
    /// The client's SETTINGS have come: they are acknowledged.
    pub has_settings: bool,
    /// The client's SETTINGS_INITIAL_WINDOW_SIZE. A body that is larger is left out.
    pub window: u32,
}

impl Http2<'_> {
    /// The answers to the first [`MAX_STREAMS`] of `streams`, which rise, and a GOAWAY (NO_ERROR) that leaves out all above.
    ///
    /// A gRPC call whose request has not ended is reset with NO_ERROR behind its answer, as gRPC's servers do: else its client tells of a
    /// closed connection. Other requests are not: curl 7.88 takes that for a failure and shows no answer.
    pub fn bytes(&self, streams: &[Open]) -> Vec<u8> {
        let mut bytes = if self.is_greeted { Vec::new() } else { http2_greeting() };
        if self.has_settings {
            frame(&mut bytes, SETTINGS, ACK, 0, &[]);
        }
        let cause = clean(self.cause);
        let mut last = 0;
        for stream in streams.iter().take(MAX_STREAMS) {
            match stream.call {
                Call::Grpc => self.grpc(&mut bytes, stream, &cause),
                call => self.plain(&mut bytes, stream.number, call == Call::Head, &cause),
            }
            last = stream.number;
        }
        goaway(&mut bytes, last, cause.as_bytes());
        bytes
    }

    /// Trailers only, as gRPC calls it: a response that is one HEADERS frame.
    fn grpc(&self, bytes: &mut Vec<u8>, stream: &Open, cause: &str) {
        let mut block = Vec::new();
        field(&mut block, ":status", b"200");
        field(&mut block, "content-type", b"application/grpc");
        field(&mut block, "grpc-status", grpc_status(self.status).to_string().as_bytes());
        // What is left is printable; of that only `%` is written in another way.
        field(&mut block, "grpc-message", cause.replace('%', "%25").as_bytes());
        field(&mut block, ERROR_HEADER, cause.as_bytes());
        frame(bytes, HEADERS, END_HEADERS | END_STREAM, stream.number, &block);
        if !stream.request_ended {
            frame(bytes, RST_STREAM, 0, stream.number, &[0; 4]);
        }
    }

    fn plain(&self, bytes: &mut Vec<u8>, stream: u32, is_head: bool, cause: &str) {
        let status = super::own(self.status);
        let body = format!("{status} {}: {cause}\n", reason(status));
        let has_body = !is_head && u32::try_from(body.len()).is_ok_and(|length| length <= self.window);
        let mut block = Vec::new();
        field(&mut block, ":status", status.to_string().as_bytes());
        field(&mut block, ERROR_HEADER, cause.as_bytes());
        if has_body || is_head {
            field(&mut block, "content-type", b"text/plain");
            field(&mut block, "content-length", body.len().to_string().as_bytes());
        }
        if has_body {
            frame(bytes, HEADERS, END_HEADERS, stream, &block);
            frame(bytes, DATA, END_STREAM, stream, body.as_bytes());
        } else {
            frame(bytes, HEADERS, END_HEADERS | END_STREAM, stream, &block);
        }
    }
}

/// What a status of ours is to a gRPC call, as Linkerd has it: UNAVAILABLE for 502 and 503, DEADLINE_EXCEEDED for 408 and 504,
/// PERMISSION_DENIED for 403, NOT_FOUND for 404, ABORTED for 508, else INTERNAL.
pub fn grpc_status(status: u16) -> u32 {
    match status {
        403 => 7,
        404 => 5,
        408 | 504 => 4,
        502 | 503 => 14,
        508 => 10,
        _ => 13,
    }
}

/// The greeting and a GOAWAY: no stream was looked at, so each may be tried again elsewhere.
pub fn http2_goaway(cause: &str) -> Vec<u8> {
    let mut bytes = http2_greeting();
    goaway(&mut bytes, 0, clean(cause).as_bytes());
    bytes
}

/// The last stream of a GOAWAY that refuses none, not even those that are on their way.
pub const EVERY_STREAM: u32 = 0x7fff_ffff;

/// A GOAWAY without an error: the client is asked to open no more streams, and those above `last_stream` were not looked at
/// (RFC 9113, section 6.8).
pub fn http2_shutdown(last_stream: u32) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(17);
    goaway(&mut bytes, last_stream, b"");
    bytes
}

fn goaway(out: &mut Vec<u8>, last_stream: u32, debug: &[u8]) {
    let payload = [&last_stream.to_be_bytes(), &[0; 4][..], debug].concat();
    frame(out, GOAWAY, 0, 0, &payload);
}

/// A frame. No payload of ours comes near 16,384 bytes, which every client takes.
fn frame(out: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    let [_, length @ ..] = u32::try_from(payload.len()).unwrap_or_default().to_be_bytes();
    out.extend_from_slice(&length);
    out.extend_from_slice(&[kind, flags]);
    out.extend_from_slice(&stream.to_be_bytes());
    out.extend_from_slice(payload);
}

/// A field that is not put into the table, its name spelt out (RFC 7541, section 6.2.2): there is no table of ours to keep.
fn field(block: &mut Vec<u8>, name: &str, value: &[u8]) {
    block.push(0);
    string(block, name.as_bytes());
    string(block, value);
}

/// A string without the Huffman code (RFC 7541, sections 5.1 and 5.2).
fn string(block: &mut Vec<u8>, bytes: &[u8]) {
    const MOST: usize = 0x7f;
    if bytes.len() < MOST {
        block.push(bytes.len() as u8);
    } else {
        block.push(MOST as u8);
        let mut rest = bytes.len().saturating_sub(MOST);
        while rest >= 0x80 {
            block.push((rest & 0x7f) as u8 | 0x80);
            rest >>= 7;
        }
        block.push(rest as u8);
    }
    block.extend_from_slice(bytes);
}
