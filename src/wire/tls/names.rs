//! The two things kept of a ClientHello, made fit to be printed: a host name and a list of protocols.

/// The longest ALPN list kept. The protocol that does not fit, and those after it, are left out.
const MAX_ALPN: usize = 64;

/// The host name in lower case; none where it is not one.
///
/// RFC 6066, section 3: a DNS name without a trailing dot, never an IP address. Here: 1 to 253 bytes, labels of 1 to 63
/// letters, digits, hyphens and underscores (names with underscores are in use), and a last label that is not all digits.
/// One trailing dot is dropped.
pub(super) fn host(name: &[u8]) -> Option<String> {
    let name = name.strip_suffix(b".").unwrap_or(name);
    let fits = |label: &[u8]| {
        (1..=63).contains(&label.len())
            && label.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-' || *byte == b'_')
    };
    let last = name.rsplit(|byte| *byte == b'.').next()?;
    if name.len() > 253
        || !name.split(|byte| *byte == b'.').all(fits)
        || last.iter().all(|byte| byte.is_ascii_digit())
    {
        return None;
    }
    Some(name.iter().map(|byte| char::from(byte.to_ascii_lowercase())).collect())
}

/// The ALPN list as it is read.
#[derive(Debug, Default)]
pub(super) struct Alpn {
    text: String,
    /// So much of the text is complete protocols.
    complete: usize,
    full: bool,
}

impl Alpn {
    /// The next bytes of a protocol. What is not printable, and what would be mistaken, becomes `\xNN`.
    pub(super) fn extend(&mut self, bytes: &[u8]) {
        if self.text.len() == self.complete && self.complete > 0 && !bytes.is_empty() {
            self.push(",");
        }
        for &byte in bytes {
            if byte.is_ascii_graphic() && !matches!(byte, b',' | b'"' | b'\\') {
                self.push(char::from(byte).encode_utf8(&mut [0; 4]));
            } else {
                self.push(&format!("\\x{byte:02x}"));
            }
        }
    }

    /// The protocol is complete.
    pub(super) fn commit(&mut self) {
        if !self.full {
            self.complete = self.text.len();
        }
    }

    /// The complete protocols, joined by commas.
    pub(super) fn finish(mut self) -> Option<String> {
        self.text.truncate(self.complete);
        (!self.text.is_empty()).then_some(self.text)
    }

    fn push(&mut self, text: &str) {
        self.full |= self.text.len().saturating_add(text.len()) > MAX_ALPN;
        if !self.full {
            self.text.push_str(text);
        }
    }
}
