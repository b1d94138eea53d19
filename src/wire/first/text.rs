//! Names from a first packet that is text.

use crate::wire::head::{Fit, Guess, Head, is};
use crate::wire::protocol::Protocol;
use crate::wire::request_line::{is_target, is_token};

/// memcached's doc/protocol.txt. Not `delete`, `touch` and `stats`, which beanstalkd has as well, nor what
/// Redis takes as inline commands with the same arguments.
const MEMCACHED: [&[u8]; 11] = [
    b"get ",
    b"gets ",
    b"set ",
    b"add ",
    b"replace ",
    b"append ",
    b"prepend ",
    b"cas ",
    b"incr ",
    b"decr ",
    b"version\r\n",
];

/// Those that a few bytes decide come before those that need a line.
pub(super) fn guess(head: Head<'_>) -> Guess {
    is(Protocol::Redis, redis(head))
        // A client that does not wait for the greeting. RFC 5321, section 4.1.1.1; RFC 2033, section 4.1.
        .or(|| is(Protocol::Smtp, head.begins(&[b"EHLO ", b"HELO ", b"LHLO ", b"ehlo ", b"helo ", b"lhlo "])))
        // docs.nats.io, "NATS Client Protocol", CONNECT.
        .or(|| is(Protocol::Nats, head.has(0, b"CONNECT {")))
        // haproxy.org, "The PROXY protocol", sections 2.1 and 2.2.
        .or(|| is(Protocol::Proxy, head.begins(&[b"PROXY TCP4 ", b"PROXY TCP6 ", b"PROXY UNKNOWN"])))
        .or(|| is(Protocol::Proxy, head.has(0, b"\r\n\r\n\0\r\nQUIT\n")))
        // RFC 2326, section 6.1; RFC 7826, section 7.1.
        .or(|| is(Protocol::Rtsp, request(head, &[b"RTSP/1.0\r\n", b"RTSP/2.0\r\n"])))
        // RFC 3261, section 7.1.
        .or(|| is(Protocol::Sip, request(head, &[b"SIP/2.0\r\n"])))
        .or(|| is(Protocol::Memcached, memcached(head)))
}

/// A request line like HTTP's whose version is one of `versions`.
fn request(head: Head<'_>, versions: &[&[u8]]) -> Fit {
    let mut words = head.bytes().splitn(3, |byte| *byte == b' ');
    let (Some(method), Some(target), Some(version)) = (words.next(), words.next(), words.next()) else {
        // With the version still to come it would not be ruled out as HTTP/1.
        return Ok(false);
    };
    let fits = |word: &[u8], test: fn(u8) -> bool| !word.is_empty() && word.iter().all(|byte| test(*byte));
    if !fits(method, is_token) || !fits(target, is_target) {
        return Ok(false);
    }
    Head::of(version).begins(versions)
}

/// redis.io, "Redis serialization protocol specification": a command is an array of bulk strings. And the one inline
/// command in use, by load balancers.
fn redis(head: Head<'_>) -> Fit {
    if !head.has(0, b"*")? {
        return head.begins(&[b"PING\r\n", b"ping\r\n"]);
    }
    for at in 1..8 {
        let byte = head.byte(at)?;
        if byte == b'\r' && at > 1 {
            return Ok(head.has(at, b"\r\n$")? && head.byte(at + 3)?.is_ascii_digit());
        }
        if !byte.is_ascii_digit() {
            return Ok(false);
        }
    }
    Ok(false)
}

fn memcached(head: Head<'_>) -> Fit {
    if !head.begins(&MEMCACHED)? {
        return Ok(false);
    }
    let Some(line) = head.line()?.strip_suffix(b"\r") else { return Ok(false) };
    let mut words = line.split(|byte| *byte == b' ');
    let command = words.next().unwrap_or_default();
    let words: Vec<&[u8]> = words.collect();
    let numbers = match command {
        b"version" => return Ok(true),
        b"get" | b"gets" => return Ok(words.iter().all(|word| is_key(word))),
        b"incr" | b"decr" => 1,
        b"cas" => 4,
        _ => 3,
    };
    let Some((key, rest)) = words.split_first() else { return Ok(false) };
    let Some((values, option)) = rest.split_at_checked(numbers) else { return Ok(false) };
    let plain = option.is_empty() || option == [b"noreply".as_slice()];
    Ok(is_key(key) && plain && values.iter().all(|word| is_number(word)))
}

/// doc/protocol.txt, "Keys": at most 250 bytes, no control characters or white space.
fn is_key(word: &[u8]) -> bool {
    (1..=250).contains(&word.len()) && word.iter().all(|byte| is_target(*byte))
}

/// The expiry time may be negative.
fn is_number(word: &[u8]) -> bool {
    let digits = word.strip_prefix(b"-").unwrap_or(word);
    (1..=20).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
}
