//! A record as a JSON object on one line. Keys that Linkerd's access log has too are called as there.

use super::line::{CUT, FIELD, Record, TARGET, addr, bounded, decimal, hex, put, version};
use super::time::Utc;

/// Appends the line.
pub(super) fn write(out: &mut Vec<u8>, record: &Record<'_>) {
    put(out, &["{\"timestamp\":\""]);
    Utc::of(record.began).write_rfc3339(out);
    put(out, &["\",\"direction\":\"", record.direction.as_str(), "\",\"client.addr\":\""]);
    addr(out, record.client);
    if let Some(upstream) = record.upstream {
        put(out, &["\",\"target.addr\":\""]);
        addr(out, upstream);
    }
    put(out, &["\""]);
    let mut cuts = Cuts::default();
    cuts.field(out, "method", record.method, FIELD);
    cuts.field(out, "host", record.authority, FIELD);
    cuts.field(out, "uri", record.target, TARGET);
    put(out, &[",\"version\":\"", version(record.version), "\""]);
    number(out, "status", (record.status != 0).then_some(u64::from(record.status)));
    number(out, "grpc_status", record.grpc_status.map(u64::from));
    number(out, "request_bytes", Some(record.request_bytes));
    number(out, "response_bytes", Some(record.response_bytes));
    number(out, "total_ns", Some(u64::try_from(record.duration.as_nanos()).unwrap_or(u64::MAX)));
    cuts.field(out, "user_agent", record.user_agent, FIELD);
    cuts.field(out, "referer", record.referer, FIELD);
    put(out, &[",\"protocol\":\"", record.protocol, "\",\"error\":\"", record.error, "\""]);
    cuts.finish(out);
    put(out, &["}\n"]);
}

fn number(out: &mut Vec<u8>, key: &str, value: Option<u64>) {
    if let Some(value) = value {
        put(out, &[",\"", key, "\":"]);
        decimal(out, value, 1);
    }
}

/// The keys of the fields that were cut.
#[derive(Default)]
struct Cuts {
    keys: [&'static str; 5],
    count: usize,
}

impl Cuts {
    fn field(&mut self, out: &mut Vec<u8>, key: &'static str, value: &[u8], most: usize) {
        let (shown, is_cut) = bounded(value, most);
        put(out, &[",\"", key, "\":\""]);
        escape(out, shown);
        if is_cut {
            put(out, &[CUT]);
            if let Some(place) = self.keys.get_mut(self.count) {
                *place = key;
                self.count += 1;
            }
        }
        out.push(b'"');
    }

    fn finish(&self, out: &mut Vec<u8>) {
        for (index, key) in self.keys.iter().take(self.count).enumerate() {
            let begin = if index == 0 { ",\"cut\":[" } else { "," };
            put(out, &[begin, "\"", key, "\""]);
        }
        if self.count > 0 {
            out.push(b']');
        }
    }
}

/// Appends `bytes` as they stand between the quotes of a JSON string. A byte that is no UTF-8 is the character of
/// that number, as in Latin-1.
pub(super) fn escape(out: &mut Vec<u8>, bytes: &[u8]) {
    // Mostly that is all there is.
    let end = bytes.iter().position(|byte| !is_plain(*byte)).unwrap_or(bytes.len());
    let (plain, rest) = bytes.split_at(end);
    out.extend_from_slice(plain);
    for chunk in rest.utf8_chunks() {
        escape_text(out, chunk.valid());
        for byte in chunk.invalid() {
            escape_unit(out, u16::from(*byte));
        }
    }
}

fn escape_text(out: &mut Vec<u8>, text: &str) {
    let mut rest = text;
    while let Some((at, c)) = rest.char_indices().find(|(_, c)| is_awkward(*c)) {
        let (plain, after) = rest.split_at(at);
        out.extend_from_slice(plain.as_bytes());
        match c {
            '"' | '\\' => out.extend_from_slice(&[b'\\', c as u8]),
            _ => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| escape_unit(out, *unit)),
        }
        rest = after.get(c.len_utf8()..).unwrap_or_default();
    }
    out.extend_from_slice(rest.as_bytes());
}

fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

/// What JSON must escape; and what a terminal or a viewer takes for a command, an end of line, or an order to write
/// from right to left.
fn is_awkward(c: char) -> bool {
    match c {
        '"' | '\\' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        c => c.is_control(),
    }
}

fn escape_unit(out: &mut Vec<u8>, unit: u16) {
    let [high, low] = unit.to_be_bytes();
    out.extend_from_slice(&[b'\\', b'u', hex(high >> 4), hex(high), hex(low >> 4), hex(low)]);
}
