//! What strict lets pass has one meaning: careless readers of many kinds, each with the liberties of some server, read the
//! same requests in it as the observer did.

use crate::mutated::{CLIENTS, mutated};
use crate::random::{Random, number};
use crate::support::{C, Cut, run};

/// A reader's liberties.
#[derive(Debug, Clone, Copy)]
struct Reader {
    /// A lone CR ends a line.
    is_cr_an_end: bool,
    /// Of several lengths the last counts, not the first.
    takes_last: bool,
    /// A length outdoes a coding.
    prefers_length: bool,
    /// A coding needs only to have `chunked` somewhere in it.
    is_coding_loose: bool,
    /// Folded lines belong to the value before.
    unfolds: bool,
    /// `_` is `-`.
    is_cgi: bool,
    /// A chunk's size is counted in 32 bits.
    is_narrow: bool,
    /// A length that begins with 0 is octal.
    is_octal: bool,
}

const READERS: [Reader; 6] = [
    PLAIN,
    Reader { is_cr_an_end: true, is_coding_loose: true, unfolds: true, ..PLAIN },
    Reader { takes_last: true, prefers_length: true, is_cgi: true, ..PLAIN },
    Reader { is_narrow: true, is_octal: true, is_coding_loose: true, ..PLAIN },
    Reader { unfolds: true, takes_last: true, is_cgi: true, is_coding_loose: true, ..PLAIN },
    Reader { is_cr_an_end: true, prefers_length: true, is_octal: true, is_narrow: true, ..PLAIN },
];

const PLAIN: Reader = Reader {
    is_cr_an_end: false,
    takes_last: false,
    prefers_length: false,
    is_coding_loose: false,
    unfolds: false,
    is_cgi: false,
    is_narrow: false,
    is_octal: false,
};

/// The digits that `text` begins with, blanks and a plus before them read over.
fn number_in(text: &str, radix: u32) -> u64 {
    let text = text.trim_start_matches([' ', '\t', '+']);
    let digits = text.chars().map_while(|digit| digit.to_digit(radix));
    digits.fold(0u64, |number, digit| number.wrapping_mul(u64::from(radix)).wrapping_add(u64::from(digit)))
}

impl Reader {
    /// The next line, without its end.
    fn line(self, bytes: &mut &[u8]) -> Option<String> {
        let is_end = |&byte: &u8| byte == b'\n' || (self.is_cr_an_end && byte == b'\r');
        let at = bytes.iter().position(is_end)?;
        let is_crlf = bytes[at] == b'\r' && bytes.get(at + 1) == Some(&b'\n');
        let line = bytes[..at].strip_suffix(b"\r").unwrap_or(&bytes[..at]);
        *bytes = &bytes[at + 1 + usize::from(is_crlf)..];
        Some(String::from_utf8_lossy(line).into_owned())
    }

    fn length(self, value: &str) -> u64 {
        let is_octal = self.is_octal && value.starts_with('0');
        number_in(value, if is_octal { 8 } else { 10 })
    }

    /// The next request, if it is whole: its method, target and how long its body is.
    fn request(self, bytes: &mut &[u8]) -> Option<String> {
        let mut line = self.line(bytes)?;
        while line.is_empty() {
            line = self.line(bytes)?;
        }
        let mut words = line.split_ascii_whitespace();
        let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
        let mut fields: Vec<(String, String)> = Vec::new();
        loop {
            let line = self.line(bytes)?;
            match fields.last_mut() {
                _ if line.is_empty() => break,
                Some((_, value)) if self.unfolds && line.starts_with([' ', '\t']) => {
                    value.push_str(line.trim())
                }
                _ => {
                    let (name, value) = line.split_once(':').unwrap_or((&line, ""));
                    let name = name.trim().to_ascii_lowercase();
                    let name = if self.is_cgi { name.replace('_', "-") } else { name };
                    fields.push((name, value.trim().to_ascii_lowercase()));
                }
            }
        }
        let mut lengths = fields.iter().filter(|(name, _)| name == "content-length").map(|(_, value)| value);
        let length = if self.takes_last { lengths.next_back() } else { lengths.next() }
            .map(|value| self.length(value));
        let is_chunked = fields.iter().any(|(name, value)| {
            name == "transfer-encoding"
                && if self.is_coding_loose { value.contains("chunked") } else { value == "chunked" }
        });
        let size = match length {
            Some(length) if self.prefers_length || !is_chunked => {
                let length = usize::try_from(length).ok()?;
                *bytes = bytes.get(length..)?;
                length
            }
            _ if is_chunked => self.chunks(bytes)?,
            _ => 0,
        };
        Some(format!("{method} {target} {size}"))
    }

    fn chunks(self, bytes: &mut &[u8]) -> Option<usize> {
        let mut total = 0usize;
        loop {
            let size = number_in(&self.line(bytes)?, 16);
            let size = if self.is_narrow { u64::from(size as u32) } else { size };
            if size == 0 {
                break;
            }
            let size = usize::try_from(size).ok()?;
            *bytes = bytes.get(size..)?;
            total += size;
            self.line(bytes)?;
        }
        while !self.line(bytes)?.is_empty() {}
        Some(total)
    }

    fn requests(self, mut bytes: &[u8]) -> Vec<String> {
        std::iter::from_fn(|| self.request(&mut bytes)).collect()
    }
}

/// The requests that the observer saw the end of: method and target.
fn seen(events: &[String]) -> Vec<String> {
    let ends = events.iter().filter(|event| event.starts_with(">|")).count();
    let heads = events.iter().filter(|event| event.starts_with("> "));
    let words = heads.map(|event| event.split(' ').collect::<Vec<_>>()).take(ends);
    words.map(|words| format!("{} {}", words[2], words[4])).collect()
}

#[test]
fn readers_differ_where_strict_refuses() {
    let payload =
        b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    let read: std::collections::BTreeSet<Vec<String>> =
        READERS.iter().map(|reader| reader.requests(payload)).collect();
    assert!(read.len() > 1, "{read:?}");
}

#[test]
fn what_strict_lets_pass_has_one_meaning() {
    let count = number("WAYSIDE_MUTATIONS", 50_000);
    let mut random = Random::new(number("WAYSIDE_SEED", 2));
    let (mut read, mut refused) = (0usize, 0usize);
    for _ in 0..count {
        let bytes = mutated(&mut random, &CLIENTS);
        let outcome = run(&[C(&bytes)], true, Cut::Whole, false);
        let passed = &bytes[..outcome.client_passed];
        let expected = seen(&outcome.events);
        let first = READERS[0].requests(passed);
        for reader in READERS {
            assert_eq!(reader.requests(passed), first, "{reader:?}: {}", String::from_utf8_lossy(passed));
        }
        let plain: Vec<&str> = first.iter().filter_map(|line| Some(line.rsplit_once(' ')?.0)).collect();
        assert_eq!(plain, expected, "{}", String::from_utf8_lossy(passed));
        read += expected.len();
        refused += usize::from(outcome.fault.is_some());
    }
    println!("{count} streams: {read} requests read alike, {refused} streams refused");
    assert!(read as u64 > count / 4 && refused as u64 > count / 4, "{read} {refused}");
}
