//! Names from what a client sends first. Labels only, and asked for only when HTTP/1, HTTP/2 and TLS are ruled out.
//!
//! A weak signature is left out: a wrong name is worse than none. Each signature reads from the front and says no at the
//! first byte that differs, so that what it says never depends on how the bytes were cut.

use super::banner;
use super::head::{Fit, Guess, Head, Short, is};
use super::protocol::Protocol;

mod binary;
mod text;

/// The name that the client's first bytes tell.
pub(super) fn guess(head: Head<'_>) -> Guess {
    is(Protocol::Ssh, banner::ssh(head))
        .or(|| is(Protocol::Rsync, banner::rsync(head)))
        .or(|| text::guess(head))
        .or(|| binary::guess(head))
}

/// Whether the client's first command after a `220` greeting is SMTP's or FTP's.
pub(super) fn command(head: Head<'_>) -> Guess {
    // RFC 5321, section 4.1.1.1; RFC 2033, section 4.1.
    const SMTP: [&[u8]; 3] = [b"EHLO ", b"HELO ", b"LHLO "];
    // RFC 959, section 5.3.1; RFC 4217, section 4; RFC 2389, sections 3 and 4.
    const FTP: [&[u8]; 6] = [b"USER ", b"AUTH TLS", b"AUTH SSL", b"FEAT\r\n", b"SYST\r\n", b"OPTS "];
    let mut upper = [0; 8];
    let said =
        head.bytes().iter().zip(&mut upper).map(|(byte, place)| *place = byte.to_ascii_uppercase()).count();
    let upper = Head::of(upper.get(..said).unwrap_or_default());
    is(Protocol::Smtp, upper.begins(&SMTP)).or(|| is(Protocol::Ftp, upper.begins(&FTP)))
}

/// The name, where it takes the beginning of the server's answer to tell.
///
/// SOCKS 5 (RFC 1928, section 3): the client sends 5, a number of methods and the methods, and waits; the server answers
/// with 5. The client's part alone is too weak a sign: it is as short as `05 01 00`.
pub(super) fn answered(head: Head<'_>, answer: &[u8]) -> Protocol {
    match (socks5(head), answer.first()) {
        (Err(Short), Some(5)) if head.byte(1).is_ok_and(|n| head.bytes().len() == usize::from(n) + 2) => {
            Protocol::Socks5
        }
        _ => Protocol::Unknown,
    }
}

/// Open as long as there is no more than a SOCKS 5 greeting; never a yes.
fn socks5(head: Head<'_>) -> Fit {
    if !head.has(0, &[5])? {
        return Ok(false);
    }
    let count = head.byte(1)?;
    if !(1..=8).contains(&count) {
        return Ok(false);
    }
    for at in 2..usize::from(count) + 2 {
        // Methods registered with IANA go up to 9.
        if head.byte(at)? > 9 {
            return Ok(false);
        }
    }
    head.byte(usize::from(count) + 2)?;
    Ok(false)
}
