//! The Huffman code of RFC 7541, decoded by a table for short codes and by comparison for long ones.

use super::frame::Lost;

/// Bits of each symbol's code (RFC 7541, appendix B). The code is canonical, so the lengths say it all. Symbol 256
/// is the end of the string, which must not be sent.
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];

/// What the first eight bits say: the symbol in the upper byte, the code's length in the lower; 0 where the code is longer.
/// 512 bytes hold every symbol that text is made of.
const SHORT: [u16; 256] = short();

/// Codes of one length above eight bits.
#[derive(Clone, Copy)]
struct Length {
    /// The first of them.
    first: u32,
    /// How many there are.
    count: u32,
    /// Where their symbols begin in `SORTED`.
    at: u32,
}

const LONGEST: usize = 30;
const BY_LENGTH: [Length; LONGEST + 1] = by_length();
/// The symbols in the order of their codes.
const SORTED: [u16; 257] = sorted();

const fn sorted() -> [u16; 257] {
    let mut out = [0; 257];
    let (mut length, mut at) = (1, 0);
    while length <= LONGEST {
        let mut symbol = 0;
        while symbol < 257 {
            if LENGTHS[symbol] as usize == length {
                out[at] = symbol as u16;
                at += 1;
            }
            symbol += 1;
        }
        length += 1;
    }
    out
}

const fn by_length() -> [Length; LONGEST + 1] {
    let mut out = [Length { first: 0, count: 0, at: 0 }; LONGEST + 1];
    let (mut length, mut code, mut at) = (1, 0, 0);
    while length <= LONGEST {
        let mut count = 0;
        while at + count < 257 && LENGTHS[SORTED[at + count] as usize] as usize == length {
            count += 1;
        }
        out[length] = Length { first: code, count: count as u32, at: at as u32 };
        code = (code + count as u32) << 1;
        at += count;
        length += 1;
    }
    out
}

const fn short() -> [u16; 256] {
    let mut out = [0; 256];
    let mut length = 1;
    while length <= 8 {
        let Length { first, count, at } = BY_LENGTH[length];
        let mut nth = 0;
        while nth < count {
            let begin = ((first + nth) as usize) << (8 - length);
            let mut follow = 0;
            while follow < 1 << (8 - length) {
                out[begin + follow] = SORTED[(at + nth) as usize] << 8 | length as u16;
                follow += 1;
            }
            nth += 1;
        }
        length += 1;
    }
    out
}

/// Appends what `coded` says to `out`.
pub fn decode(coded: &[u8], out: &mut Vec<u8>) -> Result<(), Lost> {
    let before = out.len();
    // No code is shorter than five bits.
    out.resize(before + coded.len() * 8 / 5, 0);
    let end = before + fill(coded, out.get_mut(before..).unwrap_or_default())?;
    out.truncate(end);
    Ok(())
}

/// Fills the front of `out`, which is long enough; how much of it.
fn fill(mut coded: &[u8], out: &mut [u8]) -> Result<usize, Lost> {
    let room = out.len();
    let mut slots = out.iter_mut();
    // The next bits, from the top.
    let (mut bits, mut count) = (0_u64, 0_u32);
    loop {
        refill(&mut coded, &mut bits, &mut count);
        if coded.is_empty() {
            return last(bits, count, &mut slots).map(|()| room - slots.len());
        }
        // With so many bits there, no code is cut short.
        while count >= LONGEST as u32 {
            let (symbol, length) = next(bits);
            put(symbol, &mut slots)?;
            bits <<= length;
            count -= length;
        }
    }
}

/// The end: the last bits, behind which ones are thought.
fn last(mut bits: u64, mut count: u32, slots: &mut std::slice::IterMut<'_, u8>) -> Result<(), Lost> {
    loop {
        bits |= u64::MAX.checked_shr(count).unwrap_or(0);
        // Padding: less than a byte, all ones. No code looks like that.
        if bits == u64::MAX && count < 8 {
            return Ok(());
        }
        let (symbol, length) = next(bits);
        count = count.checked_sub(length).ok_or(Lost::Huffman)?;
        put(symbol, slots)?;
        bits <<= length;
    }
}

#[inline]
fn put(symbol: u16, slots: &mut std::slice::IterMut<'_, u8>) -> Result<(), Lost> {
    let (Ok(symbol), Some(slot)) = (u8::try_from(symbol), slots.next()) else {
        return Err(Lost::Huffman);
    };
    *slot = symbol;
    Ok(())
}

/// Tops up the bits to 56 at least, or to the end.
#[inline]
fn refill(coded: &mut &[u8], bits: &mut u64, count: &mut u32) {
    if let Some((eight, _)) = coded.split_first_chunk::<8>() {
        *bits |= u64::from_be_bytes(*eight) >> *count;
        let taken = (63 - *count) / 8;
        *coded = coded.get(taken as usize..).unwrap_or_default();
        *count += taken * 8;
        // What came along of the next byte comes again.
        *bits &= !(u64::MAX >> *count);
        return;
    }
    while *count <= 56
        && let Some((&byte, rest)) = coded.split_first()
    {
        *bits |= u64::from(byte) << (56 - *count);
        *count += 8;
        *coded = rest;
    }
}

/// The symbol whose code the bits begin with, and the code's length.
#[inline]
fn next(bits: u64) -> (u16, u32) {
    match SHORT[(bits >> 56) as usize] {
        0 => next_long(bits),
        found => (found >> 8, u32::from(found & 0xff)),
    }
}

#[cold]
fn next_long(bits: u64) -> (u16, u32) {
    for (length, &Length { first, count, at }) in BY_LENGTH.iter().enumerate().skip(10) {
        let nth = ((bits >> (64 - length)) as u32).wrapping_sub(first);
        if nth < count {
            return (SORTED.get((at + nth) as usize).copied().unwrap_or(256), length as u32);
        }
    }
    // The code is complete: not reached.
    (256, LONGEST as u32)
}
