//! The kinds of traffic: for each a server, a client, and what wayside must say of it.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use super::http2;
use super::tls::Tls;
use super::wire::{Serve, Wire, expect};

/// The host that requests and the ClientHello name.
pub(crate) const HOST: &str = "demo.example";
/// What the ClientHello offers, as the label has it.
pub(crate) const ALPN: &str = "h2,http/1.1";
pub(crate) const REQUEST: &[u8] = b"GET /hello HTTP/1.1\r\nHost: demo.example\r\n\r\n";
pub(crate) const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\nhello\n";
pub(crate) const BODY: &[u8] = b"hello\n";

/// What the raw client sends.
const BULK: usize = 1 << 20;

/// Called by a client when everything it sent was answered, before it says good-bye.
pub(crate) type Pause<'a> = &'a mut dyn FnMut(&Wire) -> io::Result<()>;

type Talk = Box<dyn Fn(&mut Wire, Pause<'_>) -> io::Result<()>>;

/// One kind of traffic.
pub(crate) struct Kind {
    /// One word for it.
    pub(crate) name: &'static str,
    /// What the client sends.
    pub(crate) sent: &'static str,
    pub(crate) protocol: &'static str,
    pub(crate) decided_by: &'static str,
    pub(crate) serve: Serve,
    pub(crate) talk: Talk,
    /// How to try it by hand, with `{}` for the address.
    pub(crate) by_hand: &'static str,
}

/// All of them, in the order of the table.
pub(crate) fn all() -> io::Result<Vec<Kind>> {
    let tls = Arc::new(Tls::new()?);
    let tls_server = Arc::clone(&tls);
    let bulk: Vec<u8> = (0..BULK).map(|n| (n.wrapping_mul(2_654_435_761) >> 16) as u8).collect();
    let kind = |name, sent, (protocol, decided_by), serve, talk, by_hand| Kind {
        name,
        sent,
        protocol,
        decided_by,
        serve,
        talk,
        by_hand,
    };
    Ok(vec![
        kind(
            "HTTP/1",
            "a GET",
            ("http/1", "client"),
            Arc::new(serve_http1),
            Box::new(|wire, pause| talk_http1(wire, pause, REQUEST.len())),
            "curl http://{}/",
        ),
        kind(
            "HTTP/1",
            "the same, a byte at a time",
            ("http/1", "client"),
            Arc::new(serve_http1),
            Box::new(|wire, pause| talk_http1(wire, pause, 1)),
            "",
        ),
        kind(
            "HTTP/2",
            "preface, SETTINGS, HEADERS",
            ("http/2", "client"),
            Arc::new(http2::serve),
            Box::new(http2::talk),
            "curl --http2-prior-knowledge http://{}/",
        ),
        kind(
            "TLS",
            "a handshake, a GET inside",
            ("tls", "client"),
            Arc::new(move |stream| tls_server.serve(stream)),
            Box::new(move |wire, pause| tls.talk(wire, pause)),
            "curl --insecure --connect-to ::{} https://demo.example/",
        ),
        kind(
            "SMTP",
            "nothing: the server greets",
            ("smtp", "server"),
            Arc::new(serve_smtp),
            Box::new(talk_smtp),
            "curl telnet://{}    # type QUIT",
        ),
        kind(
            "raw",
            "1 MiB, which is echoed",
            ("unknown", "client"),
            Arc::new(serve_echo),
            Box::new(move |wire, pause| talk_raw(wire, pause, &bulk)),
            "curl telnet://{}    # type anything",
        ),
    ])
}

/// Answers each request head; bodies are not for here.
pub(crate) fn serve_http1(mut stream: impl Read + Write) -> io::Result<()> {
    let mut input = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        while let Some(end) = input.windows(4).position(|window| window == b"\r\n\r\n") {
            input.drain(..end + 4);
            stream.write_all(ANSWER)?;
            stream.flush()?;
        }
        let count = stream.read(&mut buffer)?;
        if count == 0 || input.len() > 16_384 {
            return Ok(());
        }
        input.extend_from_slice(buffer.get(..count).unwrap_or_default());
    }
}

/// Sends the request in pieces of `size` bytes, each in a segment of its own.
fn talk_http1(wire: &mut Wire, pause: Pause<'_>, size: usize) -> io::Result<()> {
    REQUEST.chunks(size).try_for_each(|piece| wire.write_all(piece))?;
    expect(wire, ANSWER)?;
    pause(wire)
}

const GREETING: &[u8] = b"220 demo.example ESMTP\r\n";

fn serve_smtp(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(GREETING)?;
    let mut lines = BufReader::new(stream.try_clone()?).take(16_384).lines();
    while let Some(line) = lines.next().transpose()? {
        let command = line.split_whitespace().next().unwrap_or_default().to_ascii_uppercase();
        match command.as_str() {
            "EHLO" | "HELO" | "NOOP" => stream.write_all(b"250 demo.example\r\n")?,
            "QUIT" => return stream.write_all(b"221 bye\r\n"),
            _ => stream.write_all(b"502 only EHLO, NOOP and QUIT\r\n")?,
        }
    }
    Ok(())
}

fn talk_smtp(wire: &mut Wire, pause: Pause<'_>) -> io::Result<()> {
    expect(wire, GREETING)?;
    wire.write_all(b"EHLO client.example\r\n")?;
    expect(wire, b"250 demo.example\r\n")?;
    pause(wire)?;
    wire.write_all(b"QUIT\r\n")?;
    expect(wire, b"221 bye\r\n")
}

fn serve_echo(mut stream: TcpStream) -> io::Result<()> {
    let mut reader = stream.try_clone()?;
    io::copy(&mut reader, &mut stream).map(drop)
}

/// A few bytes there and back, then many at once.
fn talk_raw(wire: &mut Wire, pause: Pause<'_>, bytes: &[u8]) -> io::Result<()> {
    let (first, rest) = bytes.split_at(64);
    wire.write_all(first)?;
    expect(wire, first)?;
    wire.expect_echo(rest)?;
    pause(wire)
}
