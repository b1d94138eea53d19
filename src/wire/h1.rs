//! HTTP/1 as it passes: requests, responses, their ends, and the tunnels they turn into.
//!
//! [`Observer`] is shown the bytes of both sides and says what they meant. It changes nothing. What it cannot follow
//! with certainty makes it blind, or, where it was asked to be strict, is refused before it has passed.
//! [`RequestFacts`] and [`ResponseFacts`] are what a strictly read head says to whoever chooses its way, and [`rewrite`] is the head as
//! it goes that way.
//!
//! What is followed though it is not as it should be, or not read alike by all:
//!
//! | found | taken as | strict |
//! |---|---|---|
//! | LF for CRLF in a head or trailer section | a line's end, as httparse and RFC 9112, section 2.2, take it | refused |
//! | empty lines before a head | nothing | one CRLF before a request passes |
//! | a folded field line (`obs-fold`), in a trailer section too | one line; blind, if the field decides framing | refused |
//! | a target with bytes from 0x80 up, UTF-8 or not | itself | refused |
//! | `Content-Length` several times with one value | that value (RFC 9112, section 6.3, point 5) | refused |
//! | `Content-Length` with leading zeros | decimal | refused |
//! | `Transfer-Encoding` with codings before `chunked` | chunked | refused, 501 |
//! | a length or coding in 1xx, 204 and a CONNECT's 2xx | no body | refused, but for a length of 0 |
//! | a length or coding in 304 and a HEAD's answer | no body | passes |
//! | blanks after a chunk's size, any byte but CR and LF in its extension | nothing | refused |
//! | `Host` missing from HTTP/1.1, several times, or no host | the first, or none | refused |
//! | `Host` other than an absolute target's authority | the target's authority | refused |
//! | a GET, HEAD or TRACE with a body | a body | refused |
//! | a DELETE or OPTIONS with a body | a body | passes |
//! | a status above 599 | a final response | passes |
//!
//! Bounds: a head or trailer section has at most [`MAX_HEAD`] bytes, a head [`MAX_FIELDS`] fields, a trailer section 64, a chunk's size
//! line [`MAX_CHUNK_LINE`] bytes, and at most [`MAX_OPEN`] exchanges are open at once; at most [`MAX_EARLY`] bytes wait
//! behind a request that may become a tunnel. Beyond each of them the observer is blind (strict: refuses).
//!
//! When it is told: with the byte that settles it. What lies behind a CONNECT or a request with `Upgrade` is read only once
//! the response says whether it is HTTP. A head that is wrong may be noticed before it is complete.
//!
//! How an exchange ends: with the later of `RequestEnd` and `ResponseEnd`; or with `Reset`, by the side that ended first, if
//! the connection's end cut it short. A response is over, and counted, with its `ResponseEnd`: an early one before its
//! request. A tunnel's `ResponseEnd` comes when both sides have ended.
//!
//! Memory: one that stands between messages owns no heap, and a message whose head came in one piece needs none. Only a client
//! that has more than 64 exchanges open takes some for them, until all are answered.

mod body;
mod exchange;
pub mod facts;
mod fields;
mod gather;
mod lines;
mod observer;
mod parse;
mod reason;
pub mod rewrite;
mod side;
mod strict;
mod turn;

pub use exchange::MAX_OPEN;
pub use facts::{Form, Refused, RequestFacts, ResponseFacts, is_idempotent, is_loop, split_authority};
pub use lines::{Field, Fields, fields};
pub use observer::{H2c, Observer};
pub use reason::{Fault, Reason};

/// The most bytes of a head, its empty line included, or of a trailer section.
pub const MAX_HEAD: usize = 64 * 1024;

/// The most field lines of a head.
pub const MAX_FIELDS: usize = 256;

/// The most bytes of the line with a chunk's size, its extensions included.
pub const MAX_CHUNK_LINE: u32 = 4096;

/// The most bytes that may wait behind a CONNECT or an `Upgrade` until its answer says what they are.
pub const MAX_EARLY: usize = 64 * 1024;
