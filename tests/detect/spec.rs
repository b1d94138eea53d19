//! The specification of detection: slow, over whole buffers, from the front at each event, in another style than the
//! detector's. It says what the verdict is, not when it comes.

use crate::support::{Event, Side};
use wayside::wire::detect::{ClientHello, DecidedBy, Protocol, Verdict};

mod names;
mod tls;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Whether bytes are something, cannot become it, or may yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Is {
    Yes,
    No,
    Maybe,
}

/// The verdict on a conversation that ends so.
pub(crate) fn verdict(events: &[Event], end: DecidedBy) -> Verdict {
    let (mut client, mut server) = (Vec::new(), Vec::new());
    let mut ruled_out: Option<DecidedBy> = None;
    for (side, bytes) in events.iter().filter(|(_, bytes)| !bytes.is_empty()) {
        let earlier = client.clone();
        match side {
            Side::Client => client.extend_from_slice(bytes),
            Side::Server => server.extend_from_slice(bytes),
        }
        if ruled_out.is_none() {
            if let Some(verdict) = open(*side, &earlier, &client, &server) {
                return verdict;
            }
            ruled_out = who_ruled_out(&client, &server);
        } else if ruled_out == Some(DecidedBy::Client) && *side == Side::Server {
            return plain(names::answered(&client, &server), DecidedBy::Client);
        }
        let name = match ruled_out {
            None => None,
            Some(DecidedBy::Client) => names::first_packet(&client),
            Some(_) => names::banner(&server, &client),
        };
        if let (Some(protocol), Some(by)) = (name, ruled_out) {
            return plain(protocol, by);
        }
    }
    match tls::look(&client) {
        tls::Look::Certain(hello) if server.is_empty() => tls_verdict(hello),
        _ if !server.is_empty() && ruled_out.is_none() => plain(Protocol::Unknown, DecidedBy::Server),
        _ => plain(Protocol::Unknown, ruled_out.unwrap_or(end)),
    }
}

fn plain(protocol: Protocol, decided_by: DecidedBy) -> Verdict {
    Verdict { protocol, decided_by, hello: None }
}

fn tls_verdict(hello: ClientHello) -> Verdict {
    Verdict { hello: Some(Box::new(hello)), ..plain(Protocol::Tls, DecidedBy::Client) }
}

/// The verdicts that need no name.
fn open(side: Side, earlier: &[u8], client: &[u8], server: &[u8]) -> Option<Verdict> {
    if side == Side::Server {
        // Half a hello, and the server speaks.
        let tls::Look::Certain(hello) = tls::look(earlier) else { return None };
        return Some(tls_verdict(hello));
    }
    if client.starts_with(PREFACE) {
        return Some(plain(Protocol::Http2, DecidedBy::Client));
    }
    if !server.is_empty() {
        return None;
    }
    if request_line(client) == Is::Yes {
        return Some(plain(Protocol::Http1, DecidedBy::Client));
    }
    match tls::look(client) {
        tls::Look::Over(hello) => Some(tls_verdict(hello)),
        _ => None,
    }
}

/// By whom HTTP/1, HTTP/2 and TLS are ruled out, if they are.
fn who_ruled_out(client: &[u8], server: &[u8]) -> Option<DecidedBy> {
    let http2 = PREFACE.starts_with(client);
    if !server.is_empty() {
        return (!http2 || !settings(server)).then_some(DecidedBy::Server);
    }
    let out = !http2 && request_line(client) == Is::No && matches!(tls::look(client), tls::Look::No);
    out.then_some(DecidedBy::Client)
}

/// Whether this can be the beginning of an HTTP/2 server's SETTINGS.
fn settings(server: &[u8]) -> bool {
    (0..=252u8).step_by(6).any(|length| {
        let header = [0, 0, length, 4, 0, 0, 0, 0, 0];
        header.starts_with(server) || server.starts_with(&header)
    })
}

/// httparse's opinion on the first line alone.
pub(crate) fn request_line(client: &[u8]) -> Is {
    let mut line = client;
    while let Some(rest) = line.strip_prefix(b"\r\n").or(line.strip_prefix(b"\n")) {
        line = rest;
    }
    let empty = client.len() - line.len();
    if empty > 16 || (empty == 15 || empty == 16) && line.first() == Some(&b'\r') {
        return Is::No;
    }
    let end = line.iter().position(|byte| *byte == b'\n').map(|end| end + 1);
    if empty + end.unwrap_or(line.len() + 1) > 65_536 {
        return Is::No;
    }
    // httparse wants UTF-8 in targets; we do not.
    let ascii = |byte: &u8| {
        if *byte >= 0x80 && line.iter().take_while(|b| **b != b' ').all(|b| *b < 0x80) { b'x' } else { *byte }
    };
    let mut text: Vec<u8> = line[..end.unwrap_or(line.len())].iter().map(ascii).collect();
    if end.is_some() {
        text.extend(b"\r\n");
    }
    match httparse::Request::new(&mut []).parse(&text) {
        Ok(httparse::Status::Complete(_)) => Is::Yes,
        Ok(httparse::Status::Partial) => Is::Maybe,
        Err(_) => Is::No,
    }
}
