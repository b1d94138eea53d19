//! A whole head in, the head as it goes to the next hop out. What is not changed keeps every byte: case, order and blanks.
//!
//! [`Hop::Gateway`] is [`Hop::Shared`] with a `Via` line behind all others of a request.
//!
//! | in the head | [`Hop::Shared`] | [`Hop::Explicit`] |
//! |---|---|---|
//! | `Connection: close`, `keep-alive` | these options are left out, and the line with the last of them | the field is left out |
//! | what else `Connection` names | stays | is left out, but for [fields that no option may take away](PROTECTED) |
//! | `Keep-Alive`, `Proxy-Connection` | left out | left out |
//! | `Upgrade` that `Connection` names | stays | stays, with a new `Connection: Upgrade`; but `h2c`, which leads past the proxy, is left out |
//! | `TE` | stays | `trailers` alone stays, with a new `Connection: TE`; else it is left out (RFC 9110, section 10.1.4) |
//! | `Proxy-Authorization`, `Proxy-Authenticate`, `Proxy-Authentication-Info` | stay | left out: they are ours, or nobody's |
//! | absolute-form target | stays | origin-form; `*` for OPTIONS without a path (RFC 9112, section 3.2) |
//! | `Host` | stays | with an absolute-form target: the target's authority; put first if it is missing |
//! | `Max-Forwards` of OPTIONS and TRACE | stays | one less |
//! | `Via` | stays | a line of its own is added behind the others |
//! | an empty line before the head | left out | left out |
//!
//! **HTTP/1.0.** The version is never changed: bodies pass as they are, and a client of 1.0 cannot read chunks. With it,
//! `keep-alive` is how a connection is kept at all. So with `Shared` a request's `Connection: keep-alive` stays, unless `close` stands
//! beside it: the server keeps its connection only if it is asked to. It is never added. With `Explicit` nothing is asked:
//! a proxy keeps no connection of HTTP/1.0. A response says `keep-alive` where either side speaks 1.0 and the client's connection is kept.
//!
//! 101 is a hop's own business and the end of HTTP: with `Shared` it passes as it is.

mod copy;
mod explicit;

use super::facts::Refused;
use super::lines::{Field, blank, fields, fields_end, first_line, request_line, status_line};
use crate::wire::event::Version;
use copy::Copier;

/// The most options of `Connection` with [`Hop::Explicit`]. A head with more is refused: each field is compared with each option.
pub const MAX_OPTIONS: usize = 64;

/// How many bytes a head grows at the most: `Connection`, `Via`, `Host:` and a blank for each of [`MAX_FIELDS`](super::MAX_FIELDS).
pub const MAX_GROWTH: usize = 400;

/// Fields that `Connection` cannot take away, as they decide framing, routing or authority, and the `content-` and `x-forwarded-`
/// fields. RFC 9110, section 7.6.1, forbids to name such fields; a sender that does wants to have them missed further on.
pub const PROTECTED: [&str; 12] = [
    "host",
    "transfer-encoding",
    "trailer",
    "authorization",
    "cookie",
    "set-cookie",
    "cache-control",
    "expect",
    "range",
    "max-forwards",
    "via",
    "forwarded",
];

/// What wayside is between the two connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hop<'a> {
    /// Not to be seen: only what is about one connection is taken out, as the other is not bound to it.
    Shared,
    /// As [`Hop::Shared`], but a request came to us by itself, and not on its way to another: so that routes that lead round in
    /// circles end, it gets a `Via` (RFC 9110, section 7.6.3). A response gets none.
    Gateway {
        /// What it calls itself in `Via`: a token.
        via: &'a str,
    },
    /// A proxy that the client knows of (RFC 9110, section 7.6).
    Explicit {
        /// What it calls itself in `Via`: a token.
        via: &'a str,
    },
}

/// What becomes of the client's connection after a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// It is kept; the request was HTTP/1.1.
    Keep,
    /// It is kept; the request was HTTP/1.0, whose client must be told so.
    KeepHttp10,
    /// It is closed: the response says so.
    Close,
}

/// What came of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Rewritten {
    /// Nothing is to be changed, and nothing was written: send the head itself.
    AsItIs,
    /// The new head has been appended.
    Changed,
}

/// Rewrites a request's head that strict parsing has accepted, and appends it to `out`. Nothing is appended where it is refused.
///
/// The new head has at most [`MAX_GROWTH`] bytes and the length of `via` more than the old one.
pub fn request(head: &[u8], hop: Hop<'_>, out: &mut Vec<u8>) -> Result<Rewritten, Refused> {
    let (method, target, version) = request_line(first_line(head).0).ok_or(Refused::Malformed)?;
    match hop {
        Hop::Shared => Ok(shared(head, asked_option(head, version), false, None, out)),
        Hop::Gateway { via } => {
            Ok(shared(head, asked_option(head, version), false, Some((version, via)), out))
        }
        Hop::Explicit { via } => explicit::request(head, (method, target, version), via, out),
    }
}

/// Rewrites a response's head that strict parsing has accepted, interim ones too, and appends it to `out`. It grows as a request's.
pub fn response(head: &[u8], hop: Hop<'_>, after: After, out: &mut Vec<u8>) -> Result<Rewritten, Refused> {
    let (version, status) = status_line(first_line(head).0).ok_or(Refused::Malformed)?;
    let option: &[u8] = match after {
        _ if status < 200 => b"",
        After::Close => CLOSE,
        After::KeepHttp10 => KEEP_ALIVE,
        After::Keep if version == Version::Http10 => KEEP_ALIVE,
        After::Keep => b"",
    };
    match hop {
        Hop::Shared | Hop::Gateway { .. } if status == 101 => Ok(Rewritten::AsItIs),
        Hop::Shared | Hop::Gateway { .. } => Ok(shared(head, option, true, None, out)),
        Hop::Explicit { via } => explicit::response(head, (version, status), option, via, out),
    }
}

const CLOSE: &[u8] = b"close";
const KEEP_ALIVE: &[u8] = b"keep-alive";

/// The option of a request's `Connection` that its server has to see.
fn asked_option(head: &[u8], version: Version) -> &'static [u8] {
    let says = |option| fields(head).any(|field| field.is(b"connection") && field.names(option));
    if version == Version::Http10 && says(KEEP_ALIVE) && !says(CLOSE) { KEEP_ALIVE } else { b"" }
}

/// Takes out what is about one connection, but for `option` (one of the two, or empty), which is added if it is missing and
/// must be there. Adds a `Via` where one is given.
fn shared(
    head: &[u8],
    option: &[u8],
    is_added: bool,
    via: Option<(Version, &str)>,
    out: &mut Vec<u8>,
) -> Rewritten {
    let mut copier = Copier::new(head, out);
    copier.drop(0, blank(head));
    let mut is_there = option.is_empty() || !is_added;
    for field in fields(head) {
        match field.name.len() {
            10 if field.is(b"connection") => {
                is_there |= field.names(option);
                connection(&field, option, &mut copier);
            }
            10 if field.is(b"keep-alive") => copier.drop(field.start, field.end),
            16 if field.is(b"proxy-connection") => copier.drop(field.start, field.end),
            _ => {}
        }
    }
    if !is_there {
        copier.insert(fields_end(head), &[b"Connection: ", option, b"\r\n"]);
    }
    if let Some((version, via)) = via {
        add_via(head, version, via, &mut copier);
    }
    copier.finish()
}

fn add_via(head: &[u8], version: Version, via: &str, copier: &mut Copier<'_, '_>) {
    let version: &[u8] = if version == Version::Http10 { b"1.0 " } else { b"1.1 " };
    copier.insert(fields_end(head), &[b"Via: ", version, via.as_bytes(), b"\r\n"]);
}

/// Takes `close` and `keep-alive`, but for `kept`, out of a `Connection` line.
fn connection(field: &Field<'_>, kept: &[u8], copier: &mut Copier<'_, '_>) {
    let goes = |element: &[u8]| {
        let is = |option: &[u8]| element.eq_ignore_ascii_case(option) && option != kept;
        is(CLOSE) || is(KEEP_ALIVE)
    };
    thin(field, goes, copier);
}

/// Takes the elements out of a list that `goes` names, and its line with the last of them.
fn thin(field: &Field<'_>, goes: impl Fn(&[u8]) -> bool, copier: &mut Copier<'_, '_>) {
    if !field.elements().any(&goes) {
        return;
    }
    copier.drop(field.start, field.end);
    let mut is_first = true;
    for element in field.elements().filter(|element| !goes(element)) {
        let before: [&[u8]; 2] = if is_first { [field.name, b": "] } else { [b",", b""] };
        copier.insert(field.end, &[before[0], before[1], element]);
        is_first = false;
    }
    if !is_first {
        copier.insert(field.end, &[b"\r\n"]);
    }
}
