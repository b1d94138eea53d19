//! Names from what a server says first. Labels only: that the server spoke first is the decision.

use super::head::{Fit, Guess, Head, Short, is};
use super::protocol::Protocol;

/// The name that the server's first bytes tell.
pub(super) fn guess(head: Head<'_>) -> Guess {
    is(Protocol::Ssh, ssh(head))
        .or(|| greeting(head))
        .or(|| is(Protocol::Mysql, mysql(head)))
        // docs.nats.io, "NATS Client Protocol", INFO.
        .or(|| is(Protocol::Nats, head.has(0, b"INFO {")))
        // RFC 1939, section 4: the greeting is a positive response.
        .or(|| is(Protocol::Pop3, head.begins(&[b"+OK ", b"+OK\r\n"])))
        // RFC 9051, section 7.1 and `greeting` in section 9.
        .or(|| is(Protocol::Imap, head.begins(&[b"* OK ", b"* PREAUTH ", b"* BYE "])))
        .or(|| is(Protocol::Nntp, nntp(head)))
        .or(|| is(Protocol::Vnc, vnc(head)))
        .or(|| is(Protocol::Rsync, rsync(head)))
}

/// RFC 4253, section 4.2. Both sides send it.
pub(super) fn ssh(head: Head<'_>) -> Fit {
    head.begins(&[b"SSH-2.0-", b"SSH-1.99-", b"SSH-1.5-"])
}

/// rsync's csprotocol.txt, "Client/Server Protocol": both sides send `@RSYNCD: <version>`.
pub(super) fn rsync(head: Head<'_>) -> Fit {
    head.has(0, b"@RSYNCD: ")
}

/// SMTP (RFC 5321, sections 3.1 and 4.2) and FTP (RFC 959, section 5.4) greet alike. The first line names one of
/// the two, or else a 220 leaves it to the client's first command.
fn greeting(head: Head<'_>) -> Guess {
    match head.begins(&[b"220 ", b"220-", b"421 ", b"421-", b"554 ", b"554-"]) {
        Ok(true) => {}
        Ok(false) => return Guess::No,
        Err(Short) => return Guess::More,
    }
    let Ok(line) = line(head) else { return Guess::More };
    let smtp = contains(line, b"smtp") || contains(line, b"lmtp");
    match (smtp, contains(line, b"ftp")) {
        (true, false) => Guess::Is(Protocol::Smtp),
        (false, true) => Guess::Is(Protocol::Ftp),
        _ if line.starts_with(b"220") => Guess::Ask,
        _ => Guess::No,
    }
}

/// RFC 3977, section 5.1. The codes alone are too weak a sign: the line must say what it is.
fn nntp(head: Head<'_>) -> Fit {
    if !head.begins(&[b"200 ", b"201 "])? {
        return Ok(false);
    }
    let line = line(head)?;
    Ok([b"nntp".as_slice(), b"nnrp", b"internetnews"].iter().any(|word| contains(line, word)))
}

/// RFC 6143, section 7.1.1: `RFB ddd.ddd\n`.
fn vnc(head: Head<'_>) -> Fit {
    if !head.has(0, b"RFB ")? {
        return Ok(false);
    }
    for at in 4..11 {
        let byte = head.byte(at)?;
        if (at == 7 && byte != b'.') || (at != 7 && !byte.is_ascii_digit()) {
            return Ok(false);
        }
    }
    head.has(11, b"\n")
}

/// MySQL's and MariaDB's protocol documentation, "Protocol::HandshakeV10" and "ERR_Packet": the first packet has a 24-bit
/// length and sequence number 0, and is a greeting or, for a host that may not connect, an error.
fn mysql(head: Head<'_>) -> Fit {
    // The sequence number is the high byte. No greeting is longer than this.
    let length = head.le32(0)?;
    if !(9..=1024).contains(&length) {
        return Ok(false);
    }
    match head.byte(4)? {
        10 => mysql_greeting(head),
        0xff => mysql_error(head),
        _ => Ok(false),
    }
}

/// Version 10, the server's version up to a NUL, 4 bytes of thread id, 8 of the scramble, and a NUL.
fn mysql_greeting(head: Head<'_>) -> Fit {
    const VERSION: usize = 5;
    if !head.byte(VERSION)?.is_ascii_digit() {
        return Ok(false);
    }
    for at in VERSION..VERSION + 128 {
        match head.byte(at)? {
            0 => return head.has(at + 1 + 4 + 8, &[0]),
            byte if !byte.is_ascii_graphic() => return Ok(false),
            _ => {}
        }
    }
    Ok(false)
}

/// 0xff, an error code of the server's (1000 and up), a text.
fn mysql_error(head: Head<'_>) -> Fit {
    let code = u16::from_le_bytes([head.byte(5)?, head.byte(6)?]);
    if !(1000..5000).contains(&code) {
        return Ok(false);
    }
    for at in 7..11 {
        let byte = head.byte(at)?;
        if !byte.is_ascii_graphic() && byte != b' ' {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The first line; where it is longer than what is kept, its beginning.
fn line(head: Head<'_>) -> Result<&[u8], Short> {
    if head.is_full() { Ok(head.line().unwrap_or(head.bytes())) } else { head.line() }
}

/// Whether `text` contains `word` (lower case), in whatever case.
fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|part| part.eq_ignore_ascii_case(word))
}
