//! First packets that are requests with fields of varying length.

use super::ber_length;
use crate::wire::head::{Fit, Head};

/// Kafka protocol guide, "Protocol Primitive Types", "Headers" and the requests ApiVersions (18), Metadata (3) and
/// SaslHandshake (17): a length, the API's key and version, a correlation id, the client's id.
pub(super) fn kafka(head: Head<'_>) -> Fit {
    if !head.has(0, &[0, 0])? {
        return Ok(false);
    }
    let (length, key, version) = (head.be32(0)?, head.be16(4)?, head.be16(6)?);
    // The first correlation id is small in every client.
    if !matches!((key, version), (18, 0..=4) | (3, 0..=13) | (17, 0..=1)) || !head.has(8, &[0, 0])? {
        return Ok(false);
    }
    let id = match head.be16(12)? {
        u16::MAX => 0,
        id @ 0..=255 => usize::from(id),
        _ => return Ok(false),
    };
    for at in 14..14 + id {
        let byte = head.byte(at)?;
        if !byte.is_ascii_graphic() && byte != b' ' {
            return Ok(false);
        }
    }
    // What follows the header.
    let Some(body) = (length as usize).checked_sub(10 + id) else { return Ok(false) };
    Ok(match (key, version) {
        (18, 0..=2) => body == 0,
        (18, _) => (3..=512).contains(&body),
        (3, _) => id > 0 && body >= 3,
        _ => id > 0 && body == usize::from(head.be16(14 + id)?) + 2,
    })
}

/// RFC 1035, sections 4.1 and 4.2.2: a standard query with one question, and RFC 6891's OPT record at most.
pub(super) fn dns(head: Head<'_>) -> Fit {
    // RFC 1035: QR, opcode, AA, TC, RA, Z and RCODE are 0 in a query; RFC 6840: AD and CD may be 1.
    const ZERO: u16 = 0b1111_1110_1100_1111;
    let length = usize::from(head.be16(0)?);
    if !(17..=512).contains(&length) || head.be16(4)? & ZERO != 0 || !head.has(6, &[0, 1, 0, 0, 0, 0, 0])? {
        return Ok(false);
    }
    let additional = head.byte(13)?;
    let mut at = 14;
    loop {
        match head.byte(at)? {
            0 => break,
            label @ 1..=63 => at += usize::from(label) + 1,
            _ => return Ok(false),
        }
        if at > 14 + 254 {
            return Ok(false);
        }
    }
    // The length counts from behind itself.
    let question_end = at + 5 - 2;
    let whole = match additional {
        0 => question_end == length,
        1 => question_end + 11 <= length,
        _ => false,
    };
    Ok(whole && matches!(head.be16(at + 3)?, 1 | 3 | 255))
}

/// RFC 4511, sections 4.1.1, 4.2, 4.5.1 and 4.12: an LDAPMessage with a bind, search or extended request.
pub(super) fn ldap(head: Head<'_>) -> Fit {
    if !head.has(0, &[0x30])? {
        return Ok(false);
    }
    let Some((length, at)) = ber_length(head, 1)? else { return Ok(false) };
    if !(7..=1 << 20).contains(&length) || !head.has(at, &[0x02])? {
        return Ok(false);
    }
    let id = head.byte(at + 1)?;
    if !(1..=4).contains(&id) || head.byte(at + 2)? >= 0x80 {
        return Ok(false);
    }
    let operation = at + 2 + usize::from(id);
    let first: &[u8] = match head.byte(operation)? {
        0x60 => &[0x02, 0x01, 0x03],
        0x63 => &[0x04],
        0x77 => &[0x80],
        _ => return Ok(false),
    };
    let Some((inner, body)) = ber_length(head, operation + 1)? else { return Ok(false) };
    let used = (body - at) as u64 + u64::from(inner);
    Ok(used <= u64::from(length) && head.has(body, first)?)
}

/// Cassandra's native_protocol_v3, v4 and v5.spec, sections 2, 4.1.1 and 4.1.3: OPTIONS without a body, or STARTUP with
/// a CQL_VERSION among its options.
pub(super) fn cassandra(head: Head<'_>) -> Fit {
    let version = head.byte(0)?;
    if !(3..=5).contains(&version) || !matches!((version, head.byte(1)?), (_, 0) | (5, 0x10)) {
        return Ok(false);
    }
    if head.byte(2)? >= 0x80 {
        return Ok(false);
    }
    match head.byte(4)? {
        5 => head.has(5, &[0, 0, 0, 0]),
        1 => {
            let length = head.be32(5)? as usize;
            if !(2 + 2 + 11 + 2..=480).contains(&length) || !(1..=16).contains(&head.be16(9)?) {
                return Ok(false);
            }
            let body = head.slice(9, length)?;
            Ok(body.windows(11).any(|part| part == b"CQL_VERSION"))
        }
        _ => Ok(false),
    }
}

/// MongoDB manual, "MongoDB Wire Protocol": a message header that answers nothing, then OP_MSG with a body section, or
/// the OP_QUERY on a `$cmd` collection that old drivers open with.
pub(super) fn mongodb(head: Head<'_>) -> Fit {
    // Every first message has less than 64 KiB.
    if !head.has(2, &[0, 0])? || !head.has(8, &[0, 0, 0, 0])? {
        return Ok(false);
    }
    let length = head.le32(0)?;
    match head.le32(12)? {
        2013 => {
            // Bits 0, 1 and 16 have a meaning.
            let flags = head.le32(16)? & !0x1_0003 == 0;
            let document = if flags && head.byte(20)? == 0 { head.le32(21)? } else { 0 };
            Ok(document >= 5 && document.checked_add(21).is_some_and(|end| end <= length))
        }
        2004 => {
            if head.le32(16)? > 0xff {
                return Ok(false);
            }
            for at in 20..20 + 128 {
                if head.byte(at)? == 0 {
                    return Ok(head.slice(20, at - 20)?.ends_with(b".$cmd"));
                }
            }
            Ok(false)
        }
        _ => Ok(false),
    }
}
