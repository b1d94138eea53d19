//! A domain name in wire form, lower case: what is asked for, and what answers are compared with.

/// RFC 1035, 2.3.4: with all length bytes and the final zero.
const LONGEST: usize = 255;

/// Length-prefixed labels and the final zero byte; ASCII letters are lower case, so that comparing bytes compares names.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Name(Box<[u8]>);

impl Name {
    /// The name written `text`, with or without its final dot. `None` where it is not a host name: an empty label,
    /// one over 63 bytes, over 253 in all, or a byte besides letters, digits, `-` and `_`.
    pub(super) fn parse(text: &str) -> Option<Name> {
        let text = text.strip_suffix('.').unwrap_or(text);
        let mut wire = Vec::with_capacity(text.len() + 2);
        for label in text.split('.') {
            let fine = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
            if label.is_empty() || label.len() > 63 || !fine {
                return None;
            }
            wire.push(label.len() as u8);
            wire.extend(label.bytes().map(|byte| byte.to_ascii_lowercase()));
        }
        wire.push(0);
        (wire.len() <= LONGEST).then(|| Name(wire.into()))
    }

    /// This name below `domain`; `None` where that is too long.
    pub(super) fn below(&self, domain: &Name) -> Option<Name> {
        let (_zero, own) = self.0.split_last()?;
        let wire = [own, &domain.0].concat();
        (wire.len() <= LONGEST).then(|| Name(wire.into()))
    }

    /// The name that stands at `at` in `message`, and where reading goes on after it.
    ///
    /// A compression pointer must point before everything read so far, so that reading ends. No panic on any bytes.
    pub(super) fn read(message: &[u8], at: usize) -> Option<(Name, usize)> {
        let mut wire = Vec::with_capacity(32);
        let (mut position, mut first_seen, mut after) = (at, at, None);
        loop {
            let &length = message.get(position)?;
            let next = position.checked_add(1)?;
            match length >> 6 {
                0b00 => {
                    let end = next.checked_add(usize::from(length))?;
                    let label = message.get(next..end)?;
                    if wire.len() + 1 + label.len() > LONGEST {
                        return None;
                    }
                    wire.push(length);
                    wire.extend(label.iter().map(u8::to_ascii_lowercase));
                    position = end;
                    if length == 0 {
                        return Some((Name(wire.into()), after.unwrap_or(end)));
                    }
                }
                0b11 => {
                    let low = usize::from(*message.get(next)?);
                    let target = usize::from(length & 0b0011_1111) << 8 | low;
                    if target >= first_seen {
                        return None;
                    }
                    after.get_or_insert(next.checked_add(1)?);
                    (position, first_seen) = (target, target);
                }
                _ => return None,
            }
        }
    }

    /// The wire form.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// As it is written, without the final dot; bytes that are no host name's are shown as `?`.
impl std::fmt::Display for Name {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (mut rest, mut dot) = (&self.0[..], "");
        while let Some((&length, tail)) = rest.split_first() {
            let Some((label, tail)) = tail.split_at_checked(usize::from(length)) else { break };
            if length > 0 {
                out.write_str(dot)?;
            }
            for &byte in label {
                write!(out, "{}", if byte.is_ascii_graphic() { char::from(byte) } else { '?' })?;
            }
            (rest, dot) = (tail, ".");
        }
        Ok(())
    }
}

impl std::fmt::Debug for Name {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_names() {
        for (text, shown) in [
            ("a", Some("a")),
            ("Example.COM", Some("example.com")),
            ("example.com.", Some("example.com")),
            ("_srv.x-1", Some("_srv.x-1")),
            ("", None),
            (".", None),
            ("a..b", None),
            (".a", None),
            ("a b", None),
            ("bücher.de", None),
            ("a\0b", None),
            (&"x".repeat(63), Some(&*"x".repeat(63))),
            (&"x".repeat(64), None),
        ] {
            assert_eq!(Name::parse(text).map(|name| name.to_string()).as_deref(), shown, "{text:?}");
        }
        let longest =
            format!("{}.{}", ["x".repeat(63), "y".repeat(63), "z".repeat(63)].join("."), "w".repeat(61));
        assert_eq!(longest.len(), 253);
        assert!(Name::parse(&longest).is_some());
        assert!(Name::parse(&format!("{longest}w")).is_none());
        assert!(Name::parse(&longest).unwrap().below(&Name::parse("a").unwrap()).is_none());
    }

    #[test]
    fn reading_from_a_message() {
        let message = b"\x03wWw\x01a\x00\xc0\x04\x01b\xc0\x00\xff\xc0\x0d\x40";
        let at = |position| Name::read(message, position).map(|(name, next)| (name.to_string(), next));
        assert_eq!(at(0), Some(("www.a".into(), 7)));
        assert_eq!(at(4), Some(("a".into(), 7)));
        assert_eq!(at(7), Some(("a".into(), 9)), "a pointer");
        assert_eq!(at(9), Some(("b.www.a".into(), 13)), "a label and a pointer");
        assert_eq!(at(13), None, "a pointer forward, out of the message");
        assert_eq!(at(14), None, "a pointer to the byte before, which is a broken pointer");
        assert_eq!(at(16), None, "a reserved label type");
        assert_eq!(at(17), None, "past the end");
        assert_eq!(at(usize::MAX), None);
        assert_eq!(Name::read(b"\xc0\x00", 0), None, "a pointer to itself");
        assert_eq!(Name::read(b"\x01a\xc0\x00", 0), None, "a loop");
        let long = [[b"\x3f".as_slice(), &[b'x'; 63]].concat().repeat(4), vec![0]].concat();
        assert_eq!(Name::read(&long, 0), None, "257 bytes");
        assert_eq!(Name::read(&long, 2 * 64).map(|(_, next)| next), Some(257));
    }
}
