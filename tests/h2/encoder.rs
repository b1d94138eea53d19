//! A small HPACK encoder that makes use of everything an encoder may do, at random.

use std::collections::VecDeque;

use crate::support::Random;

const CODES: &str = include_str!("../data/h2/huffman-codes.txt");
const STATIC: &str = include_str!("../data/h2/static-table.txt");

/// The RFC's code: symbol, code, bits.
pub(crate) fn codes() -> Vec<(usize, u32, u32)> {
    let one = |line: &str| {
        let mut parts = line.split(' ');
        let mut next = || parts.next().expect("three columns");
        let symbol = next().parse().expect("a symbol");
        (symbol, u32::from_str_radix(next(), 16).expect("a code"), next().parse().expect("a length"))
    };
    CODES.lines().filter(|line| !line.starts_with('#')).map(one).collect()
}

/// The RFC's static table.
pub(crate) fn statics() -> Vec<(Vec<u8>, Vec<u8>)> {
    let one = |line: &str| {
        let mut parts = line.split('\t').skip(1).map(|part| part.as_bytes().to_vec());
        (parts.next().expect("a name"), parts.next().expect("a value"))
    };
    STATIC.lines().filter(|line| !line.starts_with('#')).map(one).collect()
}

/// `text` in the RFC's Huffman code.
pub(crate) fn huffman(codes: &[(usize, u32, u32)], text: &[u8]) -> Vec<u8> {
    let (mut out, mut bits, mut count) = (Vec::new(), 0_u64, 0);
    for &byte in text {
        let (_, code, length) = codes[usize::from(byte)];
        bits = bits << length | u64::from(code);
        count += length;
        while count >= 8 {
            count -= 8;
            out.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    if count > 0 {
        out.push((bits << (8 - count)) as u8 | 0xff >> count);
    }
    out
}

/// An integer behind the pattern in `first`.
pub(crate) fn integer(first: u8, bits: u32, mut value: usize) -> Vec<u8> {
    let mask = (1 << bits) - 1;
    if value < mask {
        return vec![first | value as u8];
    }
    let mut out = vec![first | mask as u8];
    value -= mask;
    while value >= 128 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

type Field = (Vec<u8>, Vec<u8>);

/// One direction's encoder.
pub(crate) struct Encoder {
    codes: Vec<(usize, u32, u32)>,
    statics: Vec<Field>,
    table: VecDeque<Field>,
    max: usize,
    /// Sizes to tell at the beginning of the next block.
    tell: Vec<usize>,
}

impl Encoder {
    pub(crate) fn new() -> Encoder {
        Encoder { codes: codes(), statics: statics(), table: VecDeque::new(), max: 4096, tell: Vec::new() }
    }

    /// Changes the table's size, to be told in the next block.
    pub(crate) fn resize(&mut self, size: usize) {
        self.tell.push(size);
        self.max = size;
        self.evict(0);
    }

    fn evict(&mut self, more: usize) {
        let size = |table: &VecDeque<Field>| table.iter().map(|(n, v)| n.len() + v.len() + 32).sum::<usize>();
        while !self.table.is_empty() && size(&self.table) + more > self.max {
            self.table.pop_back();
        }
    }

    fn string(&self, random: &mut Random, text: &[u8]) -> Vec<u8> {
        let (mark, bytes) =
            if random.one_in(3) { (0, text.to_vec()) } else { (0x80, huffman(&self.codes, text)) };
        [integer(mark, 7, bytes.len()), bytes].concat()
    }

    /// A header block, in one of the many ways there are.
    pub(crate) fn encode(&mut self, random: &mut Random, fields: &[(&str, &str)]) -> Vec<u8> {
        // The lowest and the last are all that is told (RFC 7541, 4.2).
        let lowest = self.tell.iter().min().filter(|lowest| self.tell.last() != Some(lowest));
        let sizes = lowest.into_iter().chain(self.tell.last());
        let mut out: Vec<u8> = sizes.flat_map(|size| integer(0x20, 5, *size)).collect();
        self.tell.clear();
        for (name, value) in fields {
            let field = (name.as_bytes().to_vec(), value.as_bytes().to_vec());
            out.extend(self.field(random, field));
        }
        out
    }

    fn field(&mut self, random: &mut Random, field: Field) -> Vec<u8> {
        let known = |matches: &dyn Fn(&Field) -> bool| {
            let at = self.statics.iter().chain(&self.table).position(matches)?;
            Some(at + 1)
        };
        if let Some(index) = known(&|it| *it == field)
            && !random.one_in(5)
        {
            return integer(0x80, 7, index);
        }
        let is_kept = !random.one_in(4);
        let (mark, bits) = if is_kept { (0x40, 6) } else { (random.pick(&[0, 0x10]), 4) };
        let name = known(&|it| it.0 == field.0).filter(|_| !random.one_in(4));
        let mut out = integer(mark, bits, name.unwrap_or(0));
        if name.is_none() {
            out.extend(self.string(random, &field.0));
        }
        out.extend(self.string(random, &field.1));
        if is_kept {
            let size = field.0.len() + field.1.len() + 32;
            self.evict(size);
            if size <= self.max {
                self.table.push_front(field);
            }
        }
        out
    }
}
