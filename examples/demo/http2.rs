//! HTTP/2 with prior knowledge, as little of it as one exchange needs. Frames are written by hand: RFC 9113.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use super::kinds::{BODY, Pause};
use super::wire::Wire;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;

/// Of SETTINGS and PING; the same bit says "end of the stream" on HEADERS and DATA.
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// `:method GET`, `:path /`, `:scheme http` of HPACK's static table, and `:authority` with its value.
const REQUEST: &[u8] = b"\x82\x84\x86\x41\x0cdemo.example";
/// `:status 200`.
const OK: &[u8] = b"\x88";

struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

fn read_frame(from: &mut impl Read) -> io::Result<Frame> {
    let mut head = [0; 9];
    from.read_exact(&mut head)?;
    let [a, b, c, kind, flags, stream @ ..] = head;
    let length = u32::from_be_bytes([0, a, b, c]);
    // The most that a peer may send that was not told otherwise.
    if length > 16_384 {
        return Err(io::Error::other(format!("an HTTP/2 frame of {length} bytes")));
    }
    let mut payload = vec![0; length as usize];
    from.read_exact(&mut payload)?;
    Ok(Frame { kind, flags, stream: u32::from_be_bytes(stream) & 0x7fff_ffff, payload })
}

/// The server: 200 and a body for each stream that a client has ended.
pub(crate) fn serve(mut stream: TcpStream) -> io::Result<()> {
    let mut preface = [0; PREFACE.len()];
    stream.read_exact(&mut preface)?;
    if preface != PREFACE {
        return Err(io::Error::other("not the preface"));
    }
    stream.write_all(&frame(SETTINGS, 0, 0, &[]))?;
    loop {
        let got = read_frame(&mut stream)?;
        match got.kind {
            SETTINGS if got.flags & ACK == 0 => stream.write_all(&frame(SETTINGS, ACK, 0, &[]))?,
            PING if got.flags & ACK == 0 => stream.write_all(&frame(PING, ACK, 0, &got.payload))?,
            GOAWAY => return Ok(()),
            HEADERS | DATA if got.flags & END_STREAM != 0 => {
                let mut answer = frame(HEADERS, END_HEADERS, got.stream, OK);
                answer.extend(frame(DATA, END_STREAM, got.stream, BODY));
                stream.write_all(&answer)?;
            }
            _ => {}
        }
    }
}

/// The client: one request on stream 1.
pub(crate) fn talk(wire: &mut Wire, pause: Pause<'_>) -> io::Result<()> {
    let mut request = PREFACE.to_vec();
    request.extend(frame(SETTINGS, 0, 0, &[]));
    request.extend(frame(HEADERS, END_HEADERS | END_STREAM, 1, REQUEST));
    wire.write_all(&request)?;
    let (mut head, mut body) = (Vec::new(), Vec::new());
    loop {
        let got = read_frame(wire)?;
        match (got.kind, got.stream) {
            (SETTINGS, 0) if got.flags & ACK == 0 => wire.write_all(&frame(SETTINGS, ACK, 0, &[]))?,
            (HEADERS, 1) => head = got.payload,
            (DATA, 1) => body.extend(got.payload),
            _ => {}
        }
        if got.stream == 1 && got.flags & END_STREAM != 0 {
            break;
        }
    }
    if head != OK || body != BODY {
        return Err(io::Error::other(format!("the HTTP/2 answer is {head:x?}, {body:x?}")));
    }
    pause(wire)?;
    // No further stream is of interest, and nothing was wrong.
    wire.write_all(&frame(GOAWAY, 0, 0, &[0; 8]))
}
