//! The first bytes of one side, kept only while they may still tell a name, and how signatures read them.

use super::protocol::Protocol;
use memchr::memchr;

/// How many bytes of a side are looked at for a name. What is not named by then has none.
/// An SMTP greeting has at most 512 (RFC 5321, section 4.5.3.1.5).
pub(super) const WINDOW: usize = 512;

/// What the first bytes of a side say about the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guess {
    /// This is it.
    Is(Protocol),
    /// More bytes of the same side may tell.
    More,
    /// SMTP or FTP: the client's first command will tell.
    Ask,
    /// Nothing that we know.
    No,
}

impl Guess {
    /// The next candidate, where this one is out. In this order only: a candidate that is still open hides those
    /// after it, so that a name never depends on how the bytes were cut.
    pub(super) fn or(self, next: impl FnOnce() -> Guess) -> Guess {
        if self == Guess::No { next() } else { self }
    }
}

/// A signature asks for a byte that is not there yet.
#[derive(Debug)]
pub(super) struct Short;

/// Whether a signature fits.
pub(super) type Fit = Result<bool, Short>;

/// The guess that a signature of `protocol` comes to.
pub(super) fn is(protocol: Protocol, fit: Fit) -> Guess {
    match fit {
        Ok(true) => Guess::Is(protocol),
        Ok(false) => Guess::No,
        Err(Short) => Guess::More,
    }
}

/// The first bytes of a side.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head<'a> {
    bytes: &'a [u8],
    line: Option<&'a [u8]>,
}

impl<'a> Head<'a> {
    /// Of a side's first segment.
    pub(super) fn of(bytes: &'a [u8]) -> Head<'a> {
        let bytes = bytes.get(..WINDOW).unwrap_or(bytes);
        Head { bytes, line: memchr(b'\n', bytes).and_then(|end| bytes.get(..end)) }
    }

    /// Whether no more bytes will be added.
    pub(super) fn is_full(self) -> bool {
        self.bytes.len() >= WINDOW
    }

    /// All that there is.
    pub(super) fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// The first line without its LF, once it is complete.
    pub(super) fn line(self) -> Result<&'a [u8], Short> {
        self.line.ok_or(Short)
    }

    /// The byte at `at`.
    pub(super) fn byte(self, at: usize) -> Result<u8, Short> {
        self.bytes.get(at).copied().ok_or(Short)
    }

    /// The 16-bit big-endian number at `at`.
    pub(super) fn be16(self, at: usize) -> Result<u16, Short> {
        Ok(u16::from_be_bytes(self.array(at)?))
    }

    /// The 32-bit big-endian number at `at`.
    pub(super) fn be32(self, at: usize) -> Result<u32, Short> {
        Ok(u32::from_be_bytes(self.array(at)?))
    }

    /// The 32-bit little-endian number at `at`.
    pub(super) fn le32(self, at: usize) -> Result<u32, Short> {
        Ok(u32::from_le_bytes(self.array(at)?))
    }

    /// The `len` bytes at `at`.
    pub(super) fn slice(self, at: usize, len: usize) -> Result<&'a [u8], Short> {
        self.bytes.get(at..).and_then(|rest| rest.get(..len)).ok_or(Short)
    }

    /// Whether `text` stands at `at`. The first byte that differs says no, however few there are.
    pub(super) fn has(self, at: usize, text: &[u8]) -> Fit {
        let there = self.bytes.get(at..).unwrap_or_default();
        for (index, expected) in text.iter().enumerate() {
            match there.get(index) {
                None => return Err(Short),
                Some(byte) if byte != expected => return Ok(false),
                Some(_) => {}
            }
        }
        Ok(true)
    }

    /// Whether one of `texts` stands at the beginning.
    pub(super) fn begins(self, texts: &[&[u8]]) -> Fit {
        let mut fit = Ok(false);
        for text in texts {
            match self.has(0, text) {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                short => fit = short,
            }
        }
        fit
    }

    fn array<const N: usize>(self, at: usize) -> Result<[u8; N], Short> {
        self.slice(at, N)?.try_into().map_err(|_| Short)
    }
}

/// The first bytes of a side over several segments: nothing for a side named by its first.
#[derive(Debug, Default)]
pub(super) struct Window {
    bytes: Vec<u8>,
    line: Option<u16>,
}

impl Window {
    /// Adds bytes, as far as there is room.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        let have = self.bytes.len();
        let new = bytes.get(..WINDOW.saturating_sub(have)).unwrap_or(bytes);
        let need = have.saturating_add(new.len());
        if need > self.bytes.capacity() {
            let room = need.max(have.saturating_mul(2)).clamp(32, WINDOW);
            self.bytes.reserve_exact(room.saturating_sub(have));
        }
        if self.line.is_none() {
            let end = memchr(b'\n', new).map(|at| have.saturating_add(at));
            self.line = end.and_then(|end| u16::try_from(end).ok());
        }
        self.bytes.extend_from_slice(new);
    }

    /// What is there.
    pub(super) fn head(&self) -> Head<'_> {
        let line = self.line.and_then(|end| self.bytes.get(..usize::from(end)));
        Head { bytes: &self.bytes, line }
    }

    /// Asks `tell` about what is there and `bytes` after it, and keeps them if that did not settle it.
    /// What is still open when the window is full has no name.
    pub(super) fn guess(&mut self, bytes: &[u8], tell: fn(Head<'_>) -> Guess) -> Guess {
        let first = self.bytes.is_empty();
        if !first {
            self.add(bytes);
        }
        let head = if first { Head::of(bytes) } else { self.head() };
        let full = head.is_full();
        match tell(head) {
            Guess::More if full => Guess::No,
            Guess::More => {
                if first {
                    self.add(bytes);
                }
                Guess::More
            }
            told => told,
        }
    }

    /// Gives the memory back.
    pub(super) fn clear(&mut self) {
        *self = Window::default();
    }
}
