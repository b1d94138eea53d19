//! The line with a chunk's size, across any split.

use super::{MAX_CHUNK_LINE, Reason};

/// The most digits: what fits a `u64`, and in strict mode what fits the smallest integer a parser may have.
const MAX_DIGITS: u8 = 16;
const MAX_DIGITS_STRICT: u8 = 8;

/// The largest chunk in strict mode, for parsers that count in 32 bits with a sign.
const MAX_SIZE_STRICT: u64 = i32::MAX as u64;

/// The largest number of bytes that a length can say: beyond it, parsers that count with a sign see less than nothing.
pub(super) const MAX_LENGTH: u64 = i64::MAX as u64;

/// Which part of the line is next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Part {
    #[default]
    Digits,
    /// Blanks after the digits, which nobody should send and many read over.
    Blanks,
    Extension,
    /// The LF after the CR.
    Lf,
}

/// A chunk's size line in passing: `size [;extension] CRLF`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SizeLine {
    size: u64,
    digits: u8,
    part: Part,
    len: u32,
}

impl SizeLine {
    /// How many bytes of it have come.
    pub(super) fn len(self) -> usize {
        usize::try_from(self.len).unwrap_or(usize::MAX)
    }

    /// Takes the next bytes, as far as they belong to it: how many, and the size once it is complete.
    pub(super) fn feed(&mut self, bytes: &[u8], strict: bool) -> Result<(usize, Option<u64>), Reason> {
        for (index, &byte) in bytes.iter().enumerate() {
            self.len = self.len.saturating_add(1);
            if self.len > MAX_CHUNK_LINE {
                return Err(Reason::Chunk);
            }
            if self.byte(byte, strict)? {
                return Ok((index.saturating_add(1), Some(self.size)));
            }
        }
        Ok((bytes.len(), None))
    }

    /// Takes one byte. True: the line is complete.
    fn byte(&mut self, byte: u8, strict: bool) -> Result<bool, Reason> {
        self.part = match (self.part, byte) {
            (Part::Lf, b'\n') => return Ok(true),
            (Part::Digits, _) if byte.is_ascii_hexdigit() => self.digit(byte, strict)?,
            (Part::Digits | Part::Blanks, b';') if self.digits > 0 => Part::Extension,
            (Part::Digits | Part::Blanks, b' ' | b'\t') if self.digits > 0 && !strict => Part::Blanks,
            (Part::Digits | Part::Blanks | Part::Extension, b'\r') if self.digits > 0 => Part::Lf,
            (Part::Extension, b'\n') => return Err(Reason::Chunk),
            (Part::Extension, b' '..=b'~' | b'\t') => Part::Extension,
            (Part::Extension, _) if !strict => Part::Extension,
            _ => return Err(Reason::Chunk),
        };
        Ok(false)
    }

    fn digit(&mut self, byte: u8, strict: bool) -> Result<Part, Reason> {
        let (digits, largest) =
            if strict { (MAX_DIGITS_STRICT, MAX_SIZE_STRICT) } else { (MAX_DIGITS, MAX_LENGTH) };
        let value = char::from(byte).to_digit(16).map(u64::from).ok_or(Reason::Chunk)?;
        self.size =
            self.size.checked_mul(16).and_then(|size| size.checked_add(value)).ok_or(Reason::Chunk)?;
        self.digits = self.digits.saturating_add(1);
        if self.digits > digits || self.size > largest { Err(Reason::Chunk) } else { Ok(Part::Digits) }
    }
}
