//! What is known of one exchange, and what its fields may be at most.

use crate::metrics::Direction;
use crate::wire::event::Version;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

/// The most bytes of a request target that are shown. Of a longer one so many, then `...`; whoever keeps a target
/// for the log needs to keep one byte more than this at most.
pub const TARGET: usize = 2048;
/// The same for every other field.
pub const FIELD: usize = 256;

/// No line is longer: four fields and the target with each byte written as six, and what stands around them.
pub(super) const LONGEST: usize = 6 * (TARGET + 4 * FIELD) + 1024;

/// What stands at the end of a field that was cut.
pub(super) const CUT: &str = "...";

/// One exchange.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// When the request's head was complete, by the wall clock.
    pub began: SystemTime,
    /// Inbound or outbound.
    pub direction: Direction,
    /// Where the connection came from.
    pub client: SocketAddr,
    /// Where the connection went to; `None`: nowhere.
    pub upstream: Option<SocketAddr>,
    /// The method.
    pub method: &'a [u8],
    /// Where the request is addressed; may be empty.
    pub authority: &'a [u8],
    /// The target as sent.
    pub target: &'a [u8],
    /// The version.
    pub version: Version,
    /// The final response's status; 0: there was none.
    pub status: u16,
    /// The request's bytes as they passed, head and framing included.
    pub request_bytes: u64,
    /// The same for the response.
    pub response_bytes: u64,
    /// From the request's complete head to the exchange's end.
    pub duration: Duration,
    /// `user-agent`, or empty.
    pub user_agent: &'a [u8],
    /// `referer`, or empty.
    pub referer: &'a [u8],
    /// The connection's protocol: `http/1`, `http/2`.
    pub protocol: &'static str,
    /// Why the exchange did not come to its end, as in `response_total`; `""`: it did.
    pub error: &'static str,
    /// `grpc-status`, where there was one.
    pub grpc_status: Option<u32>,
}

/// As a log shows it.
pub(super) fn version(version: Version) -> &'static str {
    match version {
        Version::Http10 => "HTTP/1.0",
        Version::Http11 => "HTTP/1.1",
        Version::Http2 => "HTTP/2.0",
    }
}

/// Appends all of them. This and what follows is `write!` by hand: a line of JSON takes 8,000 instructions, not 12,000.
pub(super) fn put(out: &mut Vec<u8>, parts: &[&str]) {
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Appends `number` with at least `width` digits.
pub(super) fn decimal(out: &mut Vec<u8>, number: u64, width: usize) {
    // 2^64 has 20 digits.
    let (mut digits, mut rest, mut count) = ([b'0'; 20], number, 0);
    for digit in digits.iter_mut().rev() {
        if rest == 0 && count >= width.max(1) {
            break;
        }
        *digit = b'0' + (rest % 10) as u8;
        (rest, count) = (rest / 10, count + 1);
    }
    out.extend_from_slice(digits.get(20 - count..).unwrap_or_default());
}

/// Appends an address; IPv4 comes out of its IPv6 mapping.
pub(super) fn ip(out: &mut Vec<u8>, ip: IpAddr) {
    match ip.to_canonical() {
        IpAddr::V4(v4) => {
            for (index, octet) in v4.octets().into_iter().enumerate() {
                put(out, &[if index == 0 { "" } else { "." }]);
                decimal(out, octet.into(), 1);
            }
        }
        // Writing to a Vec never fails.
        IpAddr::V6(v6) => drop(write!(out, "{v6}")),
    }
}

/// The same with a port.
pub(super) fn addr(out: &mut Vec<u8>, addr: SocketAddr) {
    let (open, close) = if addr.ip().to_canonical().is_ipv6() { ("[", "]:") } else { ("", ":") };
    put(out, &[open]);
    ip(out, addr.ip());
    put(out, &[close]);
    decimal(out, addr.port().into(), 1);
}

/// What is shown of `field`, and whether it was cut. A character of UTF-8 is not cut in two.
pub(super) fn bounded(field: &[u8], most: usize) -> (&[u8], bool) {
    let mut end = most;
    // The first byte left out must not be the second, third or fourth of a character.
    while field.get(end).is_some_and(|byte| byte & 0xc0 == 0x80) && end + 3 > most {
        end -= 1;
    }
    match field.get(..end) {
        Some(begin) if field.len() > most => (begin, true),
        _ => (field, false),
    }
}

/// `0123456789abcdef`
pub(super) fn hex(nibble: u8) -> u8 {
    b"0123456789abcdef".get(usize::from(nibble & 15)).copied().unwrap_or(b'0')
}
