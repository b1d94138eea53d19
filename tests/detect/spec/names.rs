//! The signatures of names, as patterns over whole buffers. `Some(Unknown)` where nothing more is looked at.

use wayside::wire::detect::Protocol;

/// Whether the bytes are this; none where they are too few.
type Pattern = fn(&[u8]) -> Option<bool>;

fn window(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(512)]
}

fn be(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |number, byte| number * 256 + usize::from(*byte))
}

fn le(bytes: &[u8]) -> usize {
    bytes.iter().rev().fold(0, |number, byte| number * 256 + usize::from(*byte))
}

fn printable(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| (b' '..=b'~').contains(byte))
}

/// The first line without its LF.
fn line(bytes: &[u8]) -> Option<&[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').next()?.strip_suffix(b"\n")
}

fn begins(bytes: &[u8], texts: &[&[u8]]) -> bool {
    texts.iter().any(|text| bytes.starts_with(text))
}

/// From the client's first packet.
pub(crate) fn first_packet(client: &[u8]) -> Option<Protocol> {
    let c = window(client);
    let table: [(Protocol, Pattern); 20] = [
        (Protocol::Ssh, |c| Some(begins(c, &[b"SSH-2.0-", b"SSH-1.99-", b"SSH-1.5-"]))),
        (Protocol::Rsync, |c| Some(c.starts_with(b"@RSYNCD: "))),
        (Protocol::Redis, redis),
        (Protocol::Smtp, |c| {
            Some(begins(&c.to_ascii_lowercase(), &[b"ehlo ", b"helo ", b"lhlo "]) && same_case(c))
        }),
        (Protocol::Nats, |c| Some(c.starts_with(b"CONNECT {"))),
        (Protocol::Proxy, |c| {
            let two = b"\r\n\r\n\0\r\nQUIT\n";
            Some(begins(c, &[b"PROXY TCP4 ", b"PROXY TCP6 ", b"PROXY UNKNOWN", two]))
        }),
        (Protocol::Rtsp, |c| version(c, &["RTSP/1.0\r\n", "RTSP/2.0\r\n"])),
        (Protocol::Sip, |c| version(c, &["SIP/2.0\r\n"])),
        (Protocol::Memcached, |c| memcached_text(c).or_else(|| memcached_binary(c))),
        (Protocol::Amqp, |c| {
            let c = c.strip_prefix(b"AMQP")?;
            Some(matches!(
                c,
                [0, 0, 9, 1, ..] | [1, 1, 9, 1, ..] | [1, 1, 0, 9 | 10, ..] | [0 | 2 | 3, 1, 0, 0, ..]
            ))
        }),
        (Protocol::Postgres, postgres),
        (Protocol::Smb, |c| Some(matches!(c, [0, 0, _, _, 0xfe | 0xff, b'S', b'M', b'B', ..]))),
        (Protocol::Zookeeper, |c| {
            Some(
                matches!(c.get(..20)?, [0, 0, 0, 44 | 45, 0, 0, 0, 0, .., 0..=127, _, _, _])
                    && c.get(28..32)? == [0, 0, 0, 16],
            )
        }),
        (Protocol::Kafka, kafka),
        (Protocol::Dns, dns),
        (Protocol::Mqtt, mqtt),
        (Protocol::Ldap, ldap),
        (Protocol::Rdp, rdp),
        (Protocol::Cassandra, cassandra),
        (Protocol::Mongodb, mongodb),
    ];
    let named = table.iter().find(|(_, fits)| fits(c) == Some(true)).map(|(protocol, _)| *protocol);
    let mssql = matches!(c, [0x12, 1, _, _, 0, 0, 0 | 1, 0, 0, _, _, 0, 6, ..])
        && (14..=4096).contains(&be(&c[2..4]))
        && be(&c[9..11]) < be(&c[2..4]);
    named.or(mssql.then_some(Protocol::Mssql)).or((c.len() == 512).then_some(Protocol::Unknown))
}

fn same_case(c: &[u8]) -> bool {
    c[..4].iter().all(u8::is_ascii_lowercase) || c[..4].iter().all(u8::is_ascii_uppercase)
}

fn version(c: &[u8], versions: &[&str]) -> Option<bool> {
    // The window ends after the version; where two blanks stand before it, the line is like HTTP's.
    let at = versions.iter().find_map(|version| {
        let text = [b" ".as_slice(), version.as_bytes()].concat();
        c.windows(text.len()).position(|part| part == text)
    })?;
    let words: Vec<&[u8]> = c[..at].split(|byte| *byte == b' ').collect();
    let [method, target] = words[..] else { return Some(false) };
    let line = [method, b" ", target, b" HTTP/1.1\n"].concat();
    Some(
        super::request_line(&line) == super::Is::Yes
            && !method.starts_with(b"\r")
            && !method.starts_with(b"\n"),
    )
}

fn redis(c: &[u8]) -> Option<bool> {
    if begins(c, &[b"PING\r\n", b"ping\r\n"]) {
        return Some(true);
    }
    let count = c.strip_prefix(b"*")?.split(|byte| *byte == b'\r').next()?;
    let rest = c.get(1 + count.len()..)?.strip_prefix(b"\r\n$")?;
    Some(
        (1..=6).contains(&count.len())
            && count.iter().all(u8::is_ascii_digit)
            && rest.first()?.is_ascii_digit(),
    )
}

fn memcached_text(c: &[u8]) -> Option<bool> {
    let text: String = line(c)?.strip_suffix(b"\r")?.iter().map(|byte| char::from(*byte)).collect();
    let key = |word: &&str| {
        (1..=250).contains(&word.chars().count()) && word.chars().all(|c| c > ' ' && c != '\x7f')
    };
    let number = |word: &&str| {
        let digits = word.strip_prefix('-').unwrap_or(word);
        (1..=20).contains(&digits.len()) && digits.chars().all(|c| c.is_ascii_digit())
    };
    let words: Vec<&str> = text.split(' ').collect();
    let fits = match &words[..] {
        ["version"] => true,
        ["get" | "gets", keys @ ..] => !keys.is_empty() && keys.iter().all(key),
        [command, name, rest @ ..] => {
            let rest = rest.strip_suffix(&["noreply"]).unwrap_or(rest);
            let numbers = match *command {
                "set" | "add" | "replace" | "append" | "prepend" => 3,
                "cas" => 4,
                "incr" | "decr" => 1,
                _ => return None,
            };
            key(name) && rest.len() == numbers && rest.iter().all(number)
        }
        _ => return None,
    };
    Some(fits)
}

fn memcached_binary(c: &[u8]) -> Option<bool> {
    let [0x80, opcode, k1, k2, extras, 0, ..] = *c else { return None };
    let (key, extras, body) = (be(&[k1, k2]), usize::from(extras), be(c.get(8..12)?));
    let exact = body == key + extras;
    Some(match (opcode, extras) {
        (0 | 9 | 12 | 13, 0) | (5 | 6, 20) => (1..=250).contains(&key) && exact,
        (1..=3, 8) => (1..=250).contains(&key) && (key + 8..=key + 8 + 1_048_576).contains(&body),
        (7 | 10 | 11 | 32, 0) => key == 0 && exact && c.get(16..24)? == [0; 8],
        (33, 0) => (1..=250).contains(&key) && (key..=key + 4096).contains(&body),
        _ => false,
    })
}

fn postgres(c: &[u8]) -> Option<bool> {
    let length = be(c.get(..4)?);
    Some(match c.get(4..8)? {
        [4, 0xd2, 0x16, 0x2f | 0x30] => length == 8,
        [4, 0xd2, 0x16, 0x2e] => (16..=268).contains(&length),
        [0, 3, 0, 0 | 2] => (9..=10_000).contains(&length) && matches!(c.get(8)?, b'a'..=b'z' | b'_'),
        _ => false,
    })
}

fn kafka(c: &[u8]) -> Option<bool> {
    let [0, 0, l1, l2, 0, key, 0, version, 0, 0, _, _, i1, i2, rest @ ..] = c else { return None };
    let length = be(&[*l1, *l2]);
    let id = match be(&[*i1, *i2]) {
        0xffff => 0,
        id @ 0..=255 => id,
        _ => return None,
    };
    if !printable(rest.get(..id)?) {
        return None;
    }
    let body = length.checked_sub(10 + id)?;
    Some(match (key, version) {
        (18, 0..=2) => body == 0,
        (18, 3 | 4) => (3..=512).contains(&body),
        (3, 0..=13) => id > 0 && body >= 3,
        (17, 0 | 1) => id > 0 && body == 2 + be(rest.get(id..id + 2)?),
        _ => false,
    })
}

fn dns(c: &[u8]) -> Option<bool> {
    let [l1, l2, _, _, flags, more, 0, 1, 0, 0, 0, 0, 0, additional, name @ ..] = c else { return None };
    if flags & !1 != 0 || more & !0x30 != 0 {
        return None;
    }
    let (mut labels, mut used) = (name, 0);
    while let Some((label @ 1..=63, rest)) = labels.split_first() {
        used += 1 + usize::from(*label);
        labels = rest.get(usize::from(*label)..)?;
    }
    let [0, _, _, class1, class2, ..] = labels else { return None };
    let (length, question) = (be(&[*l1, *l2]), 12 + used + 5);
    let fits = match additional {
        0 => length == question,
        1 => length >= question + 11,
        _ => false,
    };
    Some(
        fits && used <= 254 && (17..=512).contains(&length) && matches!(be(&[*class1, *class2]), 1 | 3 | 255),
    )
}

fn mqtt(c: &[u8]) -> Option<bool> {
    let rest = c.strip_prefix(&[0x10])?;
    let length = rest.iter().take(5).position(|byte| *byte < 128)?;
    if length > 3 {
        return None;
    }
    let rest = &rest[length + 1..];
    Some(matches!(rest, [0, 4, b'M', b'Q', b'T', b'T', 4 | 5, ..]) || rest.starts_with(b"\0\x06MQIsdp\x03"))
}

/// A tag's length and the bytes after it.
fn ber(c: &[u8]) -> Option<(usize, &[u8])> {
    match c {
        [short @ 0..=127, rest @ ..] => Some((usize::from(*short), rest)),
        [long @ 0x81..=0x84, rest @ ..] => {
            let count = usize::from(*long - 0x80);
            Some((be(rest.get(..count)?), &rest[count..]))
        }
        _ => None,
    }
}

fn ldap(c: &[u8]) -> Option<bool> {
    let (length, message) = ber(c.strip_prefix(&[0x30])?)?;
    let [2, count @ 1..=4, 0..=127, ..] = message else { return None };
    let operation = message.get(2 + usize::from(*count)..)?;
    let (inner, body) = ber(operation.get(1..)?)?;
    let header = message.len() - body.len();
    let first = match operation.first()? {
        0x60 => body.starts_with(&[2, 1, 3]),
        0x63 => body.starts_with(&[4]),
        0x77 => body.starts_with(&[0x80]),
        _ => false,
    };
    Some(first && (7..=1_048_576).contains(&length) && header + inner <= length)
}

fn rdp(c: &[u8]) -> Option<bool> {
    let [3, 0, l1, l2, indicator, 0xe0, 0, 0, _, _, 0, rest @ ..] = c else { return None };
    let length = be(&[*l1, *l2]);
    let request = matches!(rest, [1, _, 8, 0, ..]) || begins(rest, &[b"Cookie: mstshash=", b"Cookie: msts="]);
    Some(length > 11 && length == usize::from(*indicator) + 5 && request)
}

fn cassandra(c: &[u8]) -> Option<bool> {
    let [3..=5, flags, 0..=127, _, opcode, rest @ ..] = c else { return None };
    if !(*flags == 0 || (*flags == 0x10 && c[0] == 5)) {
        return None;
    }
    let length = be(rest.get(..4)?);
    if *opcode == 5 {
        return Some(length == 0);
    }
    let text = rest.get(4..4 + length)?;
    let count = be(text.get(..2)?);
    let key = text.windows(11).any(|part| part == b"CQL_VERSION");
    Some(*opcode == 1 && (17..=480).contains(&length) && (1..=16).contains(&count) && key)
}

fn mongodb(c: &[u8]) -> Option<bool> {
    let [_, _, 0, 0, _, _, _, _, 0, 0, 0, 0, op1, 7, 0, 0, f1, f2, f3, f4, body @ ..] = c else {
        return None;
    };
    let length = le(&c[..4]);
    match op1 {
        0xdd => {
            let [0, document @ ..] = body else { return None };
            let document = le(document.get(..4)?);
            let flags = f1 & !3 == 0 && *f2 == 0 && f3 & !1 == 0 && *f4 == 0;
            Some(flags && document >= 5 && document + 21 <= length)
        }
        0xd4 => {
            let end = body.iter().take(128).position(|byte| *byte == 0)?;
            Some([*f2, *f3, *f4] == [0, 0, 0] && body[..end].ends_with(b".$cmd"))
        }
        _ => None,
    }
}

/// SOCKS 5: nothing but the greeting, and an answer with the same version.
pub(crate) fn answered(client: &[u8], server: &[u8]) -> Protocol {
    match (client, server) {
        ([5, count @ 1..=8, methods @ ..], [5, ..])
            if methods.len() == usize::from(*count) && methods.iter().all(|method| *method <= 9) =>
        {
            Protocol::Socks5
        }
        _ => Protocol::Unknown,
    }
}

/// From the server's banner, and where that is not enough, the client's command.
pub(crate) fn banner(server: &[u8], client: &[u8]) -> Option<Protocol> {
    let s = window(server);
    let full = s.len() == 512;
    let first = line(s).or(full.then_some(s));
    let text = String::from_utf8_lossy(first.unwrap_or_default()).to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if begins(s, &[b"220 ", b"220-", b"421 ", b"421-", b"554 ", b"554-"]) {
        first?;
        return match (has(&["smtp", "lmtp"]), has(&["ftp"])) {
            (true, false) => Some(Protocol::Smtp),
            (false, true) => Some(Protocol::Ftp),
            _ if s.starts_with(b"220") => command(window(client)),
            _ => Some(Protocol::Unknown),
        };
    }
    let nntp = begins(s, &[b"200 ", b"201 "]) && has(&["nntp", "nnrp", "internetnews"]);
    let rfb = s.len() >= 12
        && s[..12]
            .iter()
            .zip(b"RFB 000.000\n")
            .all(|(a, b)| if *b == b'0' { a.is_ascii_digit() } else { a == b });
    let table = [
        (Protocol::Ssh, begins(s, &[b"SSH-2.0-", b"SSH-1.99-", b"SSH-1.5-"])),
        (Protocol::Mysql, mysql(s) == Some(true)),
        (Protocol::Nats, s.starts_with(b"INFO {")),
        (Protocol::Pop3, begins(s, &[b"+OK ", b"+OK\r\n"])),
        (Protocol::Imap, begins(s, &[b"* OK ", b"* PREAUTH ", b"* BYE "])),
        (Protocol::Nntp, nntp),
        (Protocol::Vnc, rfb),
        (Protocol::Rsync, s.starts_with(b"@RSYNCD: ")),
    ];
    let named = table.iter().find(|(_, fits)| *fits).map(|(protocol, _)| *protocol);
    named.or(full.then_some(Protocol::Unknown))
}

fn command(c: &[u8]) -> Option<Protocol> {
    let c = c.to_ascii_uppercase();
    if begins(&c, &[b"EHLO ", b"HELO ", b"LHLO "]) {
        return Some(Protocol::Smtp);
    }
    let ftp = begins(&c, &[b"USER ", b"AUTH TLS", b"AUTH SSL", b"FEAT\r\n", b"SYST\r\n", b"OPTS "]);
    ftp.then_some(Protocol::Ftp)
}

fn mysql(s: &[u8]) -> Option<bool> {
    let [_, _, _, 0, kind, rest @ ..] = s else { return None };
    if !(9..=1024).contains(&le(&s[..3])) {
        return None;
    }
    if *kind == 0xff {
        let code = le(rest.get(..2)?);
        return Some((1000..5000).contains(&code) && printable(rest.get(2..6)?));
    }
    let end = rest.iter().take(128).position(|byte| *byte == 0)?;
    let version = &rest[..end];
    let graphic = version.first()?.is_ascii_digit() && version.iter().all(u8::is_ascii_graphic);
    Some(*kind == 10 && graphic && *rest.get(end + 13)? == 0)
}
