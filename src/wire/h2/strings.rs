//! Integers and strings of RFC 7541, section 5.

use std::ops::Range;

use super::frame::Lost;
use super::huffman;

/// An integer whose first `bits` bits are in `first`. More than 32 bits, or more than five bytes behind the first, are an error.
#[inline]
pub(super) fn integer(first: u8, bits: u32, block: &mut &[u8]) -> Result<usize, Lost> {
    let mask = u8::MAX >> (8 - bits);
    let begin = first & mask;
    if begin < mask { Ok(usize::from(begin)) } else { long_integer(begin, block) }
}

fn long_integer(begin: u8, block: &mut &[u8]) -> Result<usize, Lost> {
    let mut value = u32::from(begin);
    for shift in [0, 7, 14, 21, 28] {
        let byte = take_byte(block)?;
        let part = u32::from(byte & 0x7f);
        let shifted = part << shift;
        if shifted >> shift != part {
            return Err(Lost::Integer);
        }
        value = value.checked_add(shifted).ok_or(Lost::Integer)?;
        if byte & 0x80 == 0 {
            return Ok(value as usize);
        }
    }
    Err(Lost::Integer)
}

pub(super) fn take_byte(block: &mut &[u8]) -> Result<u8, Lost> {
    let (&byte, rest) = block.split_first().ok_or(Lost::Truncated)?;
    *block = rest;
    Ok(byte)
}

/// A string where it stands: as it was sent, or decoded.
pub(super) enum Text<'b> {
    Plain(&'b [u8]),
    Decoded(Range<usize>),
}

impl Text<'_> {
    pub(super) fn get<'s>(&'s self, decoded: &'s [u8]) -> &'s [u8] {
        match self {
            Text::Plain(text) => text,
            Text::Decoded(range) => decoded.get(range.clone()).unwrap_or_default(),
        }
    }
}

/// Copies `text` behind what is decoded.
pub(super) fn copy(text: &[u8], decoded: &mut Vec<u8>) -> Text<'static> {
    let begin = decoded.len();
    decoded.extend_from_slice(text);
    Text::Decoded(begin..decoded.len())
}

/// The next string; a Huffman code goes to `decoded`.
pub(super) fn string<'b>(block: &mut &'b [u8], decoded: &mut Vec<u8>) -> Result<Text<'b>, Lost> {
    let first = take_byte(block)?;
    let length = integer(first, 7, block)?;
    let (text, rest) = block.split_at_checked(length).ok_or(Lost::Truncated)?;
    *block = rest;
    if first & 0x80 == 0 {
        return Ok(Text::Plain(text));
    }
    let begin = decoded.len();
    huffman::decode(text, decoded)?;
    Ok(Text::Decoded(begin..decoded.len()))
}
