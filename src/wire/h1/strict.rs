//! What strict observation asks of a head beyond what httparse does: one meaning, to every parser.

use super::Reason;
use super::fields::{Fields, is_disguise};
use crate::wire::request_line::is_token;
use httparse::Header;
use memchr::memchr_iter;

/// Every line ends with CRLF. httparse takes a lone LF; a lone CR it refuses itself.
pub(super) fn lines(bytes: &[u8]) -> Result<(), Reason> {
    let is_crlf = |at: usize| at.checked_sub(1).and_then(|before| bytes.get(before)) == Some(&b'\r');
    if memchr_iter(b'\n', bytes).all(is_crlf) { Ok(()) } else { Err(Reason::LineEnd) }
}

/// The target has the form that its method asks for (RFC 9112, section 3.2).
pub(super) fn target(method: &[u8], target: &[u8]) -> Result<(), Reason> {
    let fits = match target {
        _ if !target.is_ascii() || target.contains(&b'#') => false,
        _ if method == b"CONNECT" => authority(target) && target.contains(&b':'),
        [b'/', ..] => true,
        b"*" => method == b"OPTIONS",
        _ => super::parse::absolute(target).is_some_and(|found| !found.is_empty() && authority(found)),
    };
    if fits { Ok(()) } else { Err(Reason::Target) }
}

/// HTTP/1.1 asks for exactly one `Host` (RFC 9112, section 3.2); HTTP/1.0 may have one.
pub(super) fn host(fields: &Fields<'_>, is_http10: bool) -> Result<(), Reason> {
    let fits = match fields.host {
        None => is_http10,
        Some(host) => !fields.is_host_repeated && (host.is_empty() || authority(host)),
    };
    if fits { Ok(()) } else { Err(Reason::Host) }
}

/// Field names that some servers take for others, and field values that are not text to some.
pub(super) fn trailers(headers: &[Header<'_>]) -> Result<(), Reason> {
    let forbidden = ["content-length", "transfer-encoding", "host", "connection", "upgrade", "trailer", "te"];
    let is_forbidden = |header: &Header<'_>| {
        is_disguise(header.name) || forbidden.iter().any(|name| header.name.eq_ignore_ascii_case(name))
    };
    if headers.iter().any(is_forbidden) { Err(Reason::Trailers) } else { Ok(()) }
}

/// `host [":" port]`, roughly: no byte that would end it, or be skipped, elsewhere.
fn authority(text: &[u8]) -> bool {
    let fits = |&byte: &u8| is_token(byte) || matches!(byte, b':' | b'[' | b']' | b'(' | b')' | b';' | b'=');
    !text.is_empty() && text.iter().all(fits)
}
