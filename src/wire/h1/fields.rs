//! What the fields of a head say: about framing, which must be beyond doubt, and about the rest.

use super::Reason;
use super::body::MAX_LENGTH;
use crate::wire::request_line::is_token;
use httparse::Header;

/// How the length of a body is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Framing {
    /// Not at all.
    #[default]
    None,
    /// `Content-Length`.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
}

/// The fields that matter here.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fields<'a> {
    length: Option<u64>,
    is_chunked: bool,
    /// The first `Host`.
    pub(super) host: Option<&'a [u8]>,
    /// There is another one.
    pub(super) is_host_repeated: bool,
    /// `User-Agent`, or empty.
    pub(super) user_agent: &'a [u8],
    /// `Referer`, or empty.
    pub(super) referer: &'a [u8],
    /// `Content-Type` begins with `application/grpc`.
    pub(super) is_grpc: bool,
    /// `grpc-status`, if it is a number.
    pub(super) grpc_status: Option<u32>,
    /// There is an `Upgrade`.
    pub(super) is_upgrade: bool,
    /// It names `h2c`.
    pub(super) is_h2c: bool,
    /// `HTTP2-Settings`, or empty.
    pub(super) settings: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Reads a head's fields.
    pub(super) fn read(headers: &[Header<'a>], strict: bool) -> Result<Fields<'a>, Reason> {
        let mut fields = Fields::default();
        for header in headers {
            fields.add(header, strict)?;
        }
        Ok(fields)
    }

    fn add(&mut self, header: &Header<'a>, strict: bool) -> Result<(), Reason> {
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        let value = header.value;
        match header.name.len() {
            4 if is("host") => {
                self.is_host_repeated = self.host.is_some();
                self.host = self.host.or(Some(value));
            }
            7 if is("upgrade") => {
                self.is_upgrade = true;
                self.is_h2c |= elements(value).any(|element| element.eq_ignore_ascii_case(b"h2c"));
            }
            7 if is("referer") => self.referer = value,
            10 if is("user-agent") => self.user_agent = value,
            11 if is("grpc-status") => self.grpc_status = number(value),
            12 if is("content-type") => self.is_grpc = begins(value, b"application/grpc"),
            14 if is("http2-settings") => self.settings = value,
            14 if is("content-length") => self.length(value, strict)?,
            17 if is("transfer-encoding") => self.coding(value, strict)?,
            14 | 17 if strict && is_disguise(header.name) => return Err(Reason::MalformedHead),
            _ => {}
        }
        Ok(())
    }

    /// How long the body is. A message of HTTP/1.0 with a `Transfer-Encoding` is faulty (RFC 9112, section 6.1).
    pub(super) fn framing(&self, is_http10: bool) -> Result<Framing, Reason> {
        match (self.length, self.is_chunked) {
            (Some(_), true) => Err(Reason::LengthAndEncoding),
            (None, true) if is_http10 => Err(Reason::TransferEncoding),
            (None, true) => Ok(Framing::Chunked),
            (Some(length), false) => Ok(Framing::Length(length)),
            (None, false) => Ok(Framing::None),
        }
    }

    fn length(&mut self, value: &[u8], strict: bool) -> Result<(), Reason> {
        if strict && (self.length.is_some() || (value.starts_with(b"0") && value.len() > 1)) {
            return Err(Reason::ContentLength);
        }
        for element in elements(value) {
            let length = length(element).ok_or(Reason::ContentLength)?;
            let is_repeated = self.length.replace(length);
            if is_repeated.is_some_and(|before| strict || before != length) {
                return Err(Reason::ContentLength);
            }
        }
        Ok(())
    }

    fn coding(&mut self, value: &[u8], strict: bool) -> Result<(), Reason> {
        let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
        let mut last_is_chunked = false;
        let mut count = 0usize;
        for coding in elements(value) {
            let is_coding = !coding.is_empty() && coding.iter().all(|&byte| is_token(byte));
            if self.is_chunked || last_is_chunked || !is_coding {
                return Err(Reason::TransferEncoding);
            }
            last_is_chunked = is_chunked(coding);
            count = count.saturating_add(1);
        }
        if strict && (count > 1 || !last_is_chunked) {
            return Err(Reason::UnknownCoding);
        }
        self.is_chunked = last_is_chunked;
        // What ends in another coding ends at the close, to those who know the coding. A second field would be read
        // by some as the end of this list, by some not at all.
        if last_is_chunked { Ok(()) } else { Err(Reason::TransferEncoding) }
    }
}

/// The elements of a list, without the blanks around them; there is always one.
pub(super) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(|element| {
        let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        let start = element.iter().position(|byte| !is_blank(byte)).unwrap_or(element.len());
        let end =
            element.iter().rposition(|byte| !is_blank(byte)).map_or(start, |last| last.saturating_add(1));
        element.get(start..end).unwrap_or_default()
    })
}

/// Whether `value` begins with `prefix`, in any case.
fn begins(value: &[u8], prefix: &[u8]) -> bool {
    value.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// `1*DIGIT` that every parser reads alike.
fn length(digits: &[u8]) -> Option<u64> {
    let mut length = 0u64;
    for digit in digits {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        length = length.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    (!digits.is_empty() && length <= MAX_LENGTH).then_some(length)
}

/// A `grpc-status`.
pub(super) fn number(digits: &[u8]) -> Option<u32> {
    u32::try_from(length(digits)?).ok()
}

/// Whether a name is a framing field's to servers that take `_` for `-`, as CGI and its heirs do.
pub(super) fn is_disguise(name: &str) -> bool {
    let is = |plain: &str| {
        let same = |(a, b): (u8, u8)| a.eq_ignore_ascii_case(&b) || (a == b'_' && b == b'-');
        name.len() == plain.len() && name.bytes().zip(plain.bytes()).all(same)
    };
    name.contains('_') && (is("content-length") || is("transfer-encoding"))
}
