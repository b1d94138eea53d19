//! Why HTTP/1 could not be followed, or was refused.

use crate::wire::event::Peer;

/// What was wrong with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Not a head at all, or one that is read in more than one way.
    MalformedHead,
    /// More than [`MAX_HEAD`](super::MAX_HEAD) bytes or [`MAX_FIELDS`](super::MAX_FIELDS) fields.
    HeadTooLarge,
    /// Line ends other than CRLF, or empty lines (strict only).
    LineEnd,
    /// The request target has none of the four forms (strict only).
    Target,
    /// `Host` is missing, there twice, or not a host (strict only).
    Host,
    /// A `Content-Length` that is no number, too large a number, or several numbers.
    ContentLength,
    /// A `Transfer-Encoding` other than one that ends in `chunked`, or with HTTP/1.0.
    TransferEncoding,
    /// A transfer coding that is not `chunked` (strict only).
    UnknownCoding,
    /// Both `Content-Length` and `Transfer-Encoding`.
    LengthAndEncoding,
    /// A body where there must be none: with CONNECT; strict also with GET, HEAD, TRACE, 1xx and 204.
    ForbiddenBody,
    /// A chunk's size line, or what follows its data.
    Chunk,
    /// The trailer section.
    Trailers,
    /// The server said something that nobody asked for.
    NoRequest,
    /// A 101 to a request without `Upgrade`.
    UnaskedUpgrade,
    /// More requests open than are followed.
    Pipeline,
    /// Too many bytes behind a request that may become a tunnel.
    EarlyData,
    /// The side ended within a head (strict only).
    CutShort,
    /// The first line did not come to its end in time (strict only).
    TooSlow,
    /// More bytes were skipped than [`Observer::client_skip`](super::Observer::client_skip) or its like had told.
    Skipped,
}

impl Reason {
    /// As in `http_blind_total{reason}`.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::MalformedHead => "malformed head",
            Reason::HeadTooLarge => "head too large",
            Reason::LineEnd => "line end",
            Reason::Target => "request target",
            Reason::Host => "host",
            Reason::ContentLength => "content-length",
            Reason::TransferEncoding => "transfer-encoding",
            Reason::UnknownCoding => "unknown transfer coding",
            Reason::LengthAndEncoding => "content-length and transfer-encoding",
            Reason::ForbiddenBody => "forbidden body",
            Reason::Chunk => "chunk",
            Reason::Trailers => "trailers",
            Reason::NoRequest => "no request",
            Reason::UnaskedUpgrade => "unasked upgrade",
            Reason::Pipeline => "pipeline",
            Reason::EarlyData => "early data",
            Reason::CutShort => "cut short",
            Reason::TooSlow => "request head too slow",
            Reason::Skipped => "skipped too far",
        }
    }

    /// The status to answer where the client's message was refused for this.
    fn status(self) -> u16 {
        match self {
            Reason::TooSlow => 408,
            Reason::HeadTooLarge => 431,
            Reason::UnknownCoding => 501,
            Reason::Pipeline => 503,
            _ => 400,
        }
    }
}

/// A message that strict observation refused. Nothing more of its side may pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Whose message it was.
    pub by: Peer,
    /// What to answer the client: 400, 408, 431, 501 or 503 for its own message, 502 for the server's.
    pub status: u16,
    /// Why.
    pub reason: Reason,
    /// A part of the message has passed already (its head was good, its chunks or trailers are not). A response can then
    /// only be cut off.
    pub begun: bool,
}

impl Fault {
    /// For what is no request by the rules and might be taken for one, or whose first line did not come to its end in time.
    pub fn of_first_line(is_late: bool, begun: bool) -> Fault {
        Fault::new(Peer::Client, if is_late { Reason::TooSlow } else { Reason::MalformedHead }, begun)
    }

    /// For a server that answers in HTTP/1 what was no request.
    pub fn unasked(begun: bool) -> Fault {
        Fault::new(Peer::Server, Reason::NoRequest, begun)
    }

    pub(super) fn new(by: Peer, reason: Reason, begun: bool) -> Fault {
        let status = if by == Peer::Server { 502 } else { reason.status() };
        Fault { by, status, reason, begun }
    }
}
