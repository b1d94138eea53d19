//! A server of HTTP/1 that says who it is and counts what it is asked.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::Server;

/// How a record of TLS begins that carries a ClientHello.
const TLS_HANDSHAKE: u8 = 22;

/// One of a backend set's servers, or an original destination.
#[derive(Debug)]
pub(crate) struct Backend {
    server: Server,
    requests: Arc<AtomicUsize>,
}

impl Backend {
    /// Its answers carry `name`, and begin after `delay`.
    pub(crate) fn start(name: &str, delay: Duration) -> Self {
        let requests = Arc::new(AtomicUsize::new(0));
        let (name, count) = (name.to_owned(), Arc::clone(&requests));
        let server = Server::start(move |stream| serve(&stream, &name, delay, &count));
        Backend { server, requests }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// How many requests it has read.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }
}

/// Answers each head, for none of the requests here has a body. A CONNECT makes a tunnel to itself; a record of TLS gets the
/// name alone, and the end.
pub(crate) fn serve(stream: &TcpStream, name: &str, delay: Duration, count: &AtomicUsize) -> io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut to = stream;
    if reader.fill_buf()?.first() == Some(&TLS_HANDSHAKE) {
        count.fetch_add(1, Ordering::SeqCst);
        to.write_all(name.as_bytes())?;
        stream.shutdown(Shutdown::Write)?;
        return io::copy(&mut reader, &mut io::sink()).map(drop);
    }
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if reader.read_until(b'\n', &mut head)? == 0 {
                return Ok(());
            }
        }
        count.fetch_add(1, Ordering::SeqCst);
        std::thread::sleep(delay); // pace: how slow it is
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut words = head.split(' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let body = format!("{name} {method} {target}");
        let answer = match method {
            "HEAD" => format!("HTTP/1.1 200 OK\r\nx-who: {name}\r\nContent-Length: {}\r\n\r\n", body.len()),
            "CONNECT" => format!("HTTP/1.1 200 OK\r\nx-who: {name}\r\n\r\n"),
            _ => {
                format!("HTTP/1.1 200 OK\r\nx-who: {name}\r\nContent-Length: {}\r\n\r\n{body}", body.len())
            }
        };
        to.write_all(answer.as_bytes())?;
    }
}

/// An answer as a client has read it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    /// The name of the server that gave it; none if it is one of ours.
    pub(crate) fn who(&self) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix("x-who: "))
    }
}

/// Reads the answer to a request of this method.
pub(crate) fn read_answer(from: &mut impl BufRead, method: &str) -> io::Result<Answer> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if from.read_line(&mut head)? == 0 {
            return Err(io::Error::other(format!("the end after {head:?}")));
        }
    }
    let head = head.to_lowercase();
    let status: u16 = head.get(9..12).and_then(|code| code.parse().ok()).expect("a status");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let has_body = method != "HEAD" && !(method == "CONNECT" && status == 200);
    let length = if has_body { length.map_or(0, |it| it.parse().expect("a length")) } else { 0 };
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    Ok(Answer { status, head, body: String::from_utf8(body).expect("text") })
}

/// A record of TLS with a ClientHello for this name; empty: without one.
pub(crate) fn client_hello(name: &str) -> Vec<u8> {
    fn sized<const WIDTH: usize>(bytes: &[u8]) -> Vec<u8> {
        let length = u32::try_from(bytes.len()).expect("a length").to_be_bytes();
        [&length[4 - WIDTH..], bytes].concat()
    }
    let names = sized::<2>(&[&[0], &sized::<2>(name.as_bytes())[..]].concat());
    let server_name = [&[0, 0], &sized::<2>(&names)[..]].concat();
    let extensions = sized::<2>(if name.is_empty() { &[] } else { &server_name });
    // TLS 1.2, no session, one cipher suite, no compression.
    let hello = [&[3, 3], &[7; 32][..], &[0, 0, 2, 0x13, 1, 1, 0], &extensions].concat();
    let handshake = [&[1], &sized::<3>(&hello)[..]].concat();
    [&[TLS_HANDSHAKE, 3, 1], &sized::<2>(&handshake)[..]].concat()
}
