//! A record in the combined format of Apache httpd:
//! `%h %l %u [%d/%b/%Y:%H:%M:%S +0000] "%r" %>s %b "%{Referer}i" "%{User-agent}i"`.

use super::line::{CUT, FIELD, Record, TARGET, bounded, decimal, hex, ip, put, version};
use super::time::Utc;

/// Appends the line.
pub(super) fn write(out: &mut Vec<u8>, record: &Record<'_>) {
    ip(out, record.client.ip());
    put(out, &[" - - ["]);
    Utc::of(record.began).write_apache(out);
    put(out, &["] \""]);
    field(out, record.method, FIELD, Spaces::Escaped);
    out.push(b' ');
    field(out, record.target, TARGET, Spaces::Escaped);
    put(out, &[" ", version(record.version), "\" "]);
    number_or_dash(out, u64::from(record.status));
    out.push(b' ');
    number_or_dash(out, record.response_bytes);
    for header in [record.referer, record.user_agent] {
        put(out, &[" \""]);
        field(out, header, FIELD, Spaces::Kept);
        out.push(b'"');
    }
    out.push(b'\n');
}

fn number_or_dash(out: &mut Vec<u8>, number: u64) {
    if number == 0 {
        out.push(b'-');
    } else {
        decimal(out, number, 1);
    }
}

/// A space inside the method or the target would make one part of the request line two.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spaces {
    Kept,
    Escaped,
}

fn field(out: &mut Vec<u8>, value: &[u8], most: usize, spaces: Spaces) {
    let (shown, is_cut) = bounded(value, most);
    if shown.is_empty() {
        out.push(b'-');
    }
    for &byte in shown {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0x08 => out.extend_from_slice(b"\\b"),
            0x0b => out.extend_from_slice(b"\\v"),
            b' ' if spaces == Spaces::Kept => out.push(byte),
            0x21..=0x7e => out.push(byte),
            _ => out.extend_from_slice(&[b'\\', b'x', hex(byte >> 4), hex(byte)]),
        }
    }
    if is_cut {
        out.extend_from_slice(CUT.as_bytes());
    }
}
