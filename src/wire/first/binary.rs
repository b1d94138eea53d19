//! Names from a first packet that is not text.

use crate::wire::head::{Fit, Guess, Head, Short, is};
use crate::wire::protocol::Protocol;

mod requests;
use requests::{cassandra, dns, kafka, ldap, mongodb};

/// AMQP 0-9-1, section 4.2.2 (and 0-9, 0-10 alike); OASIS AMQP 1.0, part 2, section 2.2: plain, TLS, SASL.
const AMQP: [&[u8]; 7] = [
    b"AMQP\x00\x00\x09\x01",
    b"AMQP\x01\x01\x09\x01",
    b"AMQP\x01\x01\x00\x09",
    b"AMQP\x01\x01\x00\x0a",
    b"AMQP\x00\x01\x00\x00",
    b"AMQP\x02\x01\x00\x00",
    b"AMQP\x03\x01\x00\x00",
];

/// Those whose clients wait after few bytes come before those that need many.
pub(super) fn guess(head: Head<'_>) -> Guess {
    is(Protocol::Amqp, head.begins(&AMQP))
        .or(|| is(Protocol::Postgres, postgres(head)))
        .or(|| is(Protocol::Smb, smb(head)))
        .or(|| is(Protocol::Zookeeper, zookeeper(head)))
        .or(|| is(Protocol::Kafka, kafka(head)))
        .or(|| is(Protocol::Dns, dns(head)))
        .or(|| is(Protocol::Mqtt, mqtt(head)))
        .or(|| is(Protocol::Ldap, ldap(head)))
        .or(|| is(Protocol::Rdp, rdp(head)))
        .or(|| is(Protocol::Mssql, mssql(head)))
        .or(|| is(Protocol::Memcached, memcached(head)))
        .or(|| is(Protocol::Cassandra, cassandra(head)))
        .or(|| is(Protocol::Mongodb, mongodb(head)))
        .or(|| is(Protocol::Socks5, super::socks5(head)))
}

/// PostgreSQL documentation, "Message Formats": SSLRequest, GSSENCRequest, CancelRequest, StartupMessage (3.0, 3.2).
fn postgres(head: Head<'_>) -> Fit {
    // The server takes no more than 10,000 bytes (MAX_STARTUP_PACKET_LENGTH).
    if !head.has(0, &[0, 0])? {
        return Ok(false);
    }
    let length = head.be32(0)?;
    match head.be32(4)? {
        80_877_103 | 80_877_104 => Ok(length == 8),
        80_877_102 => Ok((16..=268).contains(&length)),
        // A parameter's name follows; in Kafka's Metadata request, which begins alike, a small number.
        0x0003_0000 | 0x0003_0002 => {
            let name = head.byte(8)?;
            Ok((9..=10_000).contains(&length) && (name.is_ascii_lowercase() || name == b'_'))
        }
        _ => Ok(false),
    }
}

/// [MS-SMB2], section 2.1 (transport header) and 2.2.1; [MS-CIFS], section 2.2.3.1.
fn smb(head: Head<'_>) -> Fit {
    Ok(head.has(0, &[0, 0])? && matches!(head.byte(4)?, 0xfe | 0xff) && head.has(5, b"SMB")?)
}

/// ZooKeeper's zookeeper.jute, `ConnectRequest`: length 44 or 45, protocol version 0, zxid, time-out, session,
/// a password of 16 bytes.
fn zookeeper(head: Head<'_>) -> Fit {
    Ok(head.has(0, &[0, 0, 0])?
        && matches!(head.byte(3)?, 44 | 45)
        && head.has(4, &[0, 0, 0, 0])?
        && head.byte(16)? < 0x80
        && head.has(28, &[0, 0, 0, 16])?)
}

/// OASIS MQTT 3.1.1 and 5.0, section 3.1; MQTT 3.1, section 3.1.
fn mqtt(head: Head<'_>) -> Fit {
    if !head.has(0, &[0x10])? {
        return Ok(false);
    }
    // The remaining length: 7 bits a byte, up to 4 bytes.
    let mut at = 1;
    while head.byte(at)? & 0x80 != 0 {
        at += 1;
        if at > 4 {
            return Ok(false);
        }
    }
    if head.has(at + 1, b"\0\x06MQIsdp")? {
        return head.has(at + 9, &[3]);
    }
    Ok(head.has(at + 1, b"\0\x04MQTT")? && matches!(head.byte(at + 7)?, 4 | 5))
}

/// [MS-RDPBCGR], section 2.2.1.1: TPKT, an X.224 connection request, and RDP's own cookie or negotiation request; without
/// these it may be any user of RFC 1006.
fn rdp(head: Head<'_>) -> Fit {
    if !head.has(0, &[3, 0])? {
        return Ok(false);
    }
    let length = head.be16(2)?;
    let ours = u16::from(head.byte(4)?).checked_add(5) == Some(length)
        && head.has(5, &[0xe0, 0, 0])?
        && head.byte(10)? == 0
        && length > 11;
    if !ours {
        return Ok(false);
    }
    if head.byte(11)? == 1 {
        return head.has(13, &[8, 0]);
    }
    for cookie in [b"Cookie: mstshash=".as_slice(), b"Cookie: msts="] {
        if head.has(11, cookie)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// [MS-TDS], sections 2.2.3.1 and 2.2.6.5: a PRELOGIN packet whose first option is the version.
fn mssql(head: Head<'_>) -> Fit {
    Ok(head.has(0, &[0x12, 1])?
        && (14..=4096).contains(&head.be16(2)?)
        && head.has(4, &[0, 0])?
        && head.byte(6)? <= 1
        && head.has(7, &[0, 0])?
        && head.be16(9)? < head.be16(2)?
        && head.has(11, &[0, 6])?)
}

/// memcached wiki, "BinaryProtocolRevamped": magic 0x80, an opcode, and the lengths that go with it.
fn memcached(head: Head<'_>) -> Fit {
    if !head.has(0, &[0x80])? {
        return Ok(false);
    }
    let opcode = head.byte(1)?;
    let key = u32::from(head.be16(2)?);
    let extras = u32::from(head.byte(4)?);
    if key > 250 || !head.has(5, &[0])? {
        return Ok(false);
    }
    let value = head.be32(8)?.checked_sub(key + extras);
    Ok(match opcode {
        // Get and its kin; Set, Add, Replace; Increment, Decrement.
        0x00 | 0x09 | 0x0c | 0x0d => extras == 0 && key > 0 && value == Some(0),
        0x01..=0x03 => extras == 8 && key > 0 && value.is_some_and(|value| value <= 1 << 20),
        0x05 | 0x06 => extras == 20 && key > 0 && value == Some(0),
        // Quit, No-op, Version, SASL mechanisms; SASL auth.
        0x07 | 0x0a | 0x0b | 0x20 => extras == 0 && key == 0 && value == Some(0) && head.has(16, &[0; 8])?,
        0x21 => extras == 0 && key > 0 && value.is_some_and(|value| value <= 4096),
        _ => false,
    })
}

/// A length in BER's definite form at `at`, and where it ends; none where it is not one of at most 4 bytes.
fn ber_length(head: Head<'_>, at: usize) -> Result<Option<(u32, usize)>, Short> {
    let first = head.byte(at)?;
    let count = match first {
        0..=0x7f => return Ok(Some((u32::from(first), at + 1))),
        0x81..=0x84 => usize::from(first & 0x7f),
        _ => return Ok(None),
    };
    let bytes = head.slice(at + 1, count)?;
    let length = bytes.iter().fold(0u32, |length, byte| length << 8 | u32::from(*byte));
    Ok(Some((length, at + 1 + count)))
}
