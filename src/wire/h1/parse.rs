//! A head's bytes in, its meaning out: httparse, and what decides framing.

use super::exchange::Asked;
use super::fields::{Fields, Framing};
use super::{MAX_FIELDS, Reason, strict};
use crate::wire::event::{RequestHead, Version};
use httparse::{Error, Header, ParserConfig, Status};
use std::mem::MaybeUninit;

/// A request's head.
#[derive(Debug)]
pub(super) struct Request<'a> {
    /// How many bytes it has.
    pub(super) len: usize,
    pub(super) head: RequestHead<'a>,
    pub(super) asked: Asked,
    pub(super) framing: Framing,
    /// `HTTP2-Settings`, or empty.
    pub(super) settings: &'a [u8],
    /// `Host` names another authority than the target; only strict parsing looks.
    pub(super) is_host_other: bool,
}

/// A response's head.
#[derive(Debug)]
pub(super) struct Response {
    /// How many bytes it has.
    pub(super) len: usize,
    pub(super) status: u16,
    pub(super) framing: Framing,
    pub(super) grpc_status: Option<u32>,
    /// `Upgrade` names `h2c`.
    pub(super) is_h2c: bool,
}

/// A request's head, if `bytes` begin with a whole one. `scratch` is written to only for folded lines.
pub(super) fn request<'a>(
    bytes: &'a [u8],
    is_strict: bool,
    scratch: &'a mut Vec<u8>,
) -> Result<Option<Request<'a>>, Reason> {
    match request_plain(bytes, is_strict) {
        Err(Failure::Fold) if !is_strict => {}
        Err(Failure::Token) if !is_strict => return latin(bytes, scratch),
        other => return other.map_err(Failure::reason),
    }
    if !unfold(bytes, 2, scratch)? {
        return Ok(None);
    }
    request_plain(scratch, is_strict).map_err(Failure::reason)
}

/// A response's head, if `bytes` begin with a whole one. `scratch` is written to only for folded lines.
pub(super) fn response(
    bytes: &[u8],
    is_strict: bool,
    scratch: &mut Vec<u8>,
) -> Result<Option<Response>, Reason> {
    match response_plain(bytes, is_strict) {
        Err(Failure::Fold) if !is_strict => {}
        other => return other.map_err(Failure::reason),
    }
    if !unfold(bytes, 2, scratch)? {
        return Ok(None);
    }
    response_plain(scratch, is_strict).map_err(Failure::reason)
}

/// Why a head is not understood.
enum Failure {
    /// Perhaps a folded line.
    Fold,
    /// Perhaps a target that is not UTF-8.
    Token,
    For(Reason),
}

impl Failure {
    fn reason(self) -> Reason {
        match self {
            Failure::Fold | Failure::Token => Reason::MalformedHead,
            Failure::For(reason) => reason,
        }
    }
}

impl From<Reason> for Failure {
    fn from(reason: Reason) -> Failure {
        Failure::For(reason)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        match error {
            Error::HeaderName => Failure::Fold,
            Error::Token => Failure::Token,
            Error::TooManyHeaders => Failure::For(Reason::HeadTooLarge),
            _ => Failure::For(Reason::MalformedHead),
        }
    }
}

fn request_plain(bytes: &[u8], is_strict: bool) -> Result<Option<Request<'_>>, Failure> {
    let mut headers = [const { MaybeUninit::<Header<'_>>::uninit() }; MAX_FIELDS];
    let mut parsed = httparse::Request::new(&mut []);
    let Status::Complete(len) = parsed.parse_with_uninit_headers(bytes, &mut headers)? else {
        return Ok(None);
    };
    let method = parsed.method.unwrap_or_default().as_bytes();
    let target = parsed.path.unwrap_or_default().as_bytes();
    let is_http10 = parsed.version == Some(0);
    if is_strict {
        strict::lines(bytes.get(..len).unwrap_or(bytes))?;
    }
    let fields = Fields::read(parsed.headers, is_strict)?;
    if is_strict {
        strict::target(method, target)?;
        strict::host(&fields, is_http10)?;
    }
    let framing = fields.framing(is_http10)?;
    let is_connect = method == b"CONNECT";
    let asked = Asked::default()
        .with(Asked::HEAD, method == b"HEAD")
        .with(Asked::CONNECT, is_connect)
        .with(Asked::UPGRADE, fields.is_upgrade)
        .with(Asked::H2C, fields.is_h2c);
    let is_bodiless = is_connect || (is_strict && strict::is_bodiless(method));
    if is_bodiless && !matches!(framing, Framing::None | Framing::Length(0)) {
        return Err(Reason::ForbiddenBody.into());
    }
    let head = RequestHead {
        method,
        authority: authority(is_connect, target, fields.host.unwrap_or_default()),
        target,
        version: if is_http10 { Version::Http10 } else { Version::Http11 },
        is_grpc: fields.is_grpc,
        user_agent: fields.user_agent,
        referer: fields.referer,
    };
    let is_host_other = is_strict && fields.host.is_some_and(|host| !strict::is_targets(host, target));
    Ok(Some(Request { len, head, asked, framing, settings: fields.settings, is_host_other }))
}

fn response_plain(bytes: &[u8], is_strict: bool) -> Result<Option<Response>, Failure> {
    let mut headers = [const { MaybeUninit::<Header<'_>>::uninit() }; MAX_FIELDS];
    let mut parsed = httparse::Response::new(&mut []);
    let config = ParserConfig::default();
    let status = config.parse_response_with_uninit_headers(&mut parsed, bytes, &mut headers)?;
    let Status::Complete(len) = status else { return Ok(None) };
    let status = parsed.code.unwrap_or_default();
    if status < 100 {
        return Err(Reason::MalformedHead.into());
    }
    if is_strict {
        strict::lines(bytes.get(..len).unwrap_or(bytes))?;
    }
    let fields = Fields::read(parsed.headers, is_strict)?;
    let framing = fields.framing(parsed.version == Some(0))?;
    Ok(Some(Response { len, status, framing, grpc_status: fields.grpc_status, is_h2c: fields.is_h2c }))
}

/// A head whose target has bytes from 0x80 up that are not UTF-8, as old clients send them: httparse is shown letters in
/// their place.
fn latin<'a>(bytes: &'a [u8], out: &'a mut Vec<u8>) -> Result<Option<Request<'a>>, Reason> {
    let line = memchr::memchr(b'\n', bytes).unwrap_or(bytes.len());
    let method = memchr::memchr(b' ', bytes).unwrap_or(0);
    let foreign = bytes.iter().take(line).position(|byte| !byte.is_ascii());
    if foreign.is_none_or(|at| at <= method || method == 0) {
        return Err(Reason::MalformedHead);
    }
    let Some(len) = super::gather::End::default().find(bytes) else { return Ok(None) };
    out.clear();
    out.extend_from_slice(bytes.get(..len).unwrap_or(bytes));
    for byte in out.iter_mut().take(line).filter(|byte| !byte.is_ascii()) {
        *byte = b'x';
    }
    let Some(mut request) = request_plain(out, false).map_err(Failure::reason)? else { return Ok(None) };
    let head = &mut request.head;
    let target = bytes.get(method.saturating_add(1)..).and_then(|rest| rest.get(..head.target.len()));
    head.target = target.unwrap_or(head.target);
    head.authority = authority(request.asked.has(Asked::CONNECT), head.target, head.authority);
    Ok(Some(request))
}

/// Where the request is addressed.
fn authority<'a>(is_connect: bool, target: &'a [u8], host: &'a [u8]) -> &'a [u8] {
    let found = match target {
        _ if is_connect => target,
        [b'/' | b'*', ..] => host,
        _ => absolute(target).unwrap_or(host),
    };
    // Nobody's password belongs into a label.
    found.rsplit(|&byte| byte == b'@').next().unwrap_or(found)
}

/// The authority of an absolute-form target, user information included.
pub(super) fn absolute(target: &[u8]) -> Option<&[u8]> {
    let colon = target.iter().position(|&byte| byte == b':')?;
    let (scheme, rest) = target.split_at_checked(colon)?;
    let is_scheme = scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(|&byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
    let rest = rest.strip_prefix(b"://").filter(|_| is_scheme)?;
    rest.split(|byte| matches!(byte, b'/' | b'?' | b'#')).next()
}

/// Writes a head or trailer section to `out` with its folded lines joined by blanks, which leaves every length as it was (RFC 9112,
/// section 5.2). False: it is not complete.
///
/// The first `whole` lines must not be folded ones. A folded framing field is refused: parsers differ in what they make of it.
pub(super) fn unfold(bytes: &[u8], whole: usize, out: &mut Vec<u8>) -> Result<bool, Reason> {
    let Some(len) = super::gather::End::default().find(bytes) else {
        // Whatever else is wrong, without a fold it stays wrong.
        return if has_fold(bytes) { Ok(false) } else { Err(Reason::MalformedHead) };
    };
    out.clear();
    let mut field: &[u8] = b"";
    let mut lines = 0usize;
    for line in bytes.get(..len).unwrap_or(bytes).split_inclusive(|&byte| byte == b'\n') {
        lines = lines.saturating_add(1);
        if !matches!(line.first(), Some(b' ' | b'\t')) {
            field = line.split(|&byte| byte == b':').next().unwrap_or_default();
        } else if lines <= whole || decides_framing(field) {
            return Err(Reason::MalformedHead);
        } else {
            join(out);
        }
        out.extend_from_slice(line);
    }
    Ok(true)
}

/// Makes a blank of the line end that `out` has last.
fn join(out: &mut [u8]) {
    for byte in out.iter_mut().rev().take(2).filter(|byte| matches!(byte, b'\r' | b'\n')) {
        *byte = b' ';
    }
}

fn has_fold(bytes: &[u8]) -> bool {
    memchr::memchr_iter(b'\n', bytes)
        .any(|at| matches!(at.checked_add(1).and_then(|next| bytes.get(next)), Some(b' ' | b'\t')))
}

fn decides_framing(name: &[u8]) -> bool {
    let names: [&[u8]; 4] = [b"content-length", b"transfer-encoding", b"connection", b"upgrade"];
    names.iter().any(|known| name.eq_ignore_ascii_case(known))
}
