//! What strict observation asks of a head beyond what httparse does: one meaning, to every parser.

use super::Reason;
use super::fields::{Fields, is_disguise};
use crate::wire::request_line::is_token;
use httparse::Header;
use memchr::memchr_iter;
use std::net::Ipv6Addr;

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

/// Whether a body is nothing to the method (RFC 9110, section 9.3), so that some servers do not read it and find the next
/// request in it. TRACE must not have one; with DELETE and OPTIONS bodies are in use.
pub(super) fn is_bodiless(method: &[u8]) -> bool {
    [b"GET".as_slice(), b"HEAD", b"TRACE"].iter().any(|known| method.eq_ignore_ascii_case(known))
}

/// HTTP/1.1 asks for exactly one `Host` (RFC 9112, section 3.2); HTTP/1.0 may have one.
pub(super) fn host(fields: &Fields<'_>, is_http10: bool) -> Result<(), Reason> {
    let fits = match fields.host {
        None => is_http10,
        Some(_) if fields.is_host_repeated => false,
        Some(host) => host.is_empty() || authority(host),
    };
    if fits { Ok(()) } else { Err(Reason::Host) }
}

/// Whether `Host` repeats the authority of an absolute-form target. Some servers go by the one, some by the other. Its scheme's
/// port may be left out.
pub(super) fn is_targets(host: &[u8], target: &[u8]) -> bool {
    let Some(named) = super::parse::absolute(target) else { return true };
    let is_https = target.get(..6).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"https:"));
    let port: &[u8] = if is_https { b":443" } else { b":80" };
    let plain = |text: &'_ [u8]| text.len().saturating_sub(if text.ends_with(port) { port.len() } else { 0 });
    let (named, host) = (named.get(..plain(named)), host.get(..plain(host)));
    named.zip(host).is_some_and(|(named, host)| named.eq_ignore_ascii_case(host))
}

/// Field names that some servers take for others, and field values that are not text to some.
pub(super) fn trailers(headers: &[Header<'_>]) -> Result<(), Reason> {
    let forbidden = ["content-length", "transfer-encoding", "host", "connection", "upgrade", "trailer", "te"];
    let is_forbidden = |header: &Header<'_>| {
        is_disguise(header.name) || forbidden.iter().any(|name| header.name.eq_ignore_ascii_case(name))
    };
    if headers.iter().any(is_forbidden) { Err(Reason::Trailers) } else { Ok(()) }
}

/// `host [":" port]`: a name, an IPv4 address, or an IPv6 address in brackets (RFC 3986, section 3.2.2); a port that can be
/// connected to. Left out of the names is `,`, for it joins two of them.
fn authority(text: &[u8]) -> bool {
    let Some((host, _)) = super::facts::split_authority(text) else { return false };
    if text.starts_with(b"[") {
        return std::str::from_utf8(host).is_ok_and(|ip| ip.parse::<Ipv6Addr>().is_ok());
    }
    let fits = |&byte: &u8| {
        (is_token(byte) && !matches!(byte, b'#' | b'^' | b'`' | b'|'))
            || matches!(byte, b'(' | b')' | b';' | b'=')
    };
    let is_escape = |digits: &[u8]| digits.len() == 2 && digits.iter().all(u8::is_ascii_hexdigit);
    host.iter().all(fits)
        && memchr_iter(b'%', host)
            .all(|at| host.get(at.saturating_add(1)..at.saturating_add(3)).is_some_and(is_escape))
}
