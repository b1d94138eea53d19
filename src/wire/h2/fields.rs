//! Header fields: which ones mean something to us, and what is kept of them.

use std::ops::Range;

use crate::wire::event::{RequestHead, Version};

/// A field's name, as far as we know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// `:authority`
    Authority,
    /// `:method`
    Method,
    /// `:path`
    Path,
    /// `:status`
    Status,
    /// `content-type`
    ContentType,
    /// `grpc-status`
    GrpcStatus,
    /// `host`
    Host,
    /// `referer`
    Referer,
    /// `user-agent`
    UserAgent,
    /// Any other.
    Other,
}

impl Known {
    pub(super) fn of(name: &[u8]) -> Known {
        match name {
            b":authority" => Known::Authority,
            b":method" => Known::Method,
            b":path" => Known::Path,
            b":status" => Known::Status,
            b"content-type" => Known::ContentType,
            b"grpc-status" => Known::GrpcStatus,
            b"host" => Known::Host,
            b"referer" => Known::Referer,
            b"user-agent" => Known::UserAgent,
            _ => Known::Other,
        }
    }
}

/// One field of a header block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// Which of those we know.
    pub known: Known,
    /// Its name.
    pub name: &'a [u8],
    /// Its value.
    pub value: &'a [u8],
}

/// What is kept of a request's fields. Of a name that comes twice, the first counts.
#[derive(Default)]
pub(super) struct Request {
    method: Range<usize>,
    authority: Range<usize>,
    host: Range<usize>,
    path: Range<usize>,
    user_agent: Range<usize>,
    referer: Range<usize>,
    is_grpc: bool,
}

impl Request {
    /// Takes a field, whose value is kept in `text` if it matters.
    pub(super) fn take(&mut self, field: Field<'_>, text: &mut Vec<u8>) {
        let place = match field.known {
            Known::Method => &mut self.method,
            Known::Authority => &mut self.authority,
            Known::Host => &mut self.host,
            Known::Path => &mut self.path,
            Known::UserAgent => &mut self.user_agent,
            Known::Referer => &mut self.referer,
            Known::ContentType => {
                const GRPC: &[u8] = b"application/grpc";
                self.is_grpc |= field.value.get(..GRPC.len()).is_some_and(|it| it.eq_ignore_ascii_case(GRPC));
                return;
            }
            Known::Status | Known::GrpcStatus | Known::Other => return,
        };
        if place.end == 0 {
            let begin = text.len();
            text.extend_from_slice(field.value);
            *place = begin..text.len();
        }
    }

    pub(super) fn head<'a>(&self, text: &'a [u8]) -> RequestHead<'a> {
        let get = |range: &Range<usize>| text.get(range.clone()).unwrap_or_default();
        let authority = get(&self.authority);
        RequestHead {
            method: get(&self.method),
            authority: if authority.is_empty() { get(&self.host) } else { authority },
            target: get(&self.path),
            version: Version::Http2,
            is_grpc: self.is_grpc,
            user_agent: get(&self.user_agent),
            referer: get(&self.referer),
        }
    }
}

/// What is kept of a response's fields, head or trailers.
#[derive(Default)]
pub(super) struct Response {
    /// `:status`, if it is three digits from 100 to 999.
    pub(super) status: Option<u16>,
    /// `grpc-status`, if it is a number.
    pub(super) grpc_status: Option<u32>,
}

impl Response {
    pub(super) fn take(&mut self, field: Field<'_>) {
        match field.known {
            Known::Status if self.status.is_none() && field.value.len() == 3 => {
                self.status =
                    number(field.value).and_then(|it| u16::try_from(it).ok()).filter(|it| *it >= 100);
            }
            Known::GrpcStatus if self.grpc_status.is_none() => self.grpc_status = number(field.value),
            _ => {}
        }
    }
}

/// Digits only; none where it is empty or too large.
fn number(digits: &[u8]) -> Option<u32> {
    let add = |sum: u32, &digit: &u8| {
        let digit = digit.is_ascii_digit().then(|| u32::from(digit - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    };
    if digits.is_empty() { None } else { digits.iter().try_fold(0, add) }
}
