//! The decoder of one direction's header blocks (RFC 7541).

use super::bounds;
use super::fields::{Field, Known};
use super::frame::Lost;
use super::limit::{self, Limit};
use super::statics;
use super::strings::{Text, copy, integer, string, take_byte};
use super::table::Table;

/// The state that header blocks share: the dynamic table and its limit.
#[derive(Debug)]
pub struct Decoder {
    table: Table,
    limit: Limit,
    /// The limit was lowered below the table's size: the next block must begin with a size of at most this.
    must_shrink: Option<u32>,
}

impl Default for Decoder {
    fn default() -> Decoder {
        Decoder::new()
    }
}

impl Decoder {
    /// A decoder with RFC 7541's default of 4,096 bytes.
    pub fn new() -> Decoder {
        Decoder { table: Table::new(limit::DEFAULT), limit: Limit::new(), must_shrink: None }
    }

    /// The receiver of the blocks names a `SETTINGS_HEADER_TABLE_SIZE`.
    pub fn offer(&mut self, size: u32) {
        self.limit.offer(size);
    }

    /// The end of the receiver's SETTINGS frame.
    pub fn offered(&mut self) -> Result<(), Lost> {
        self.limit.offered()
    }

    /// The sender of the blocks acknowledges the oldest SETTINGS frame.
    pub fn acknowledged(&mut self) {
        let Some(lowest) = self.limit.acknowledge() else {
            return;
        };
        if self.table.max() > lowest {
            self.must_shrink = Some(self.must_shrink.map_or(lowest, |least| least.min(lowest)));
        }
    }

    /// Bytes of memory owned beside the decoder itself.
    pub fn owned(&self) -> usize {
        self.table.owned()
    }

    /// Decodes a whole header block. `decoded` is working space; `take` sees each field in order. After an error the
    /// direction cannot be followed any more.
    pub fn decode(
        &mut self,
        mut block: &[u8],
        decoded: &mut Vec<u8>,
        mut take: impl FnMut(Field<'_>),
    ) -> Result<(), Lost> {
        self.sizes(&mut block)?;
        let mut left = bounds::LIST;
        while let Some((&first, rest)) = block.split_first() {
            block = rest;
            if first & 0x80 != 0 {
                let field = self.field(integer(first, 7, &mut block)?)?;
                left = less(left, field)?;
                take(field);
            } else if first & 0xe0 == 0x20 {
                return Err(Lost::LateSize);
            } else {
                left = self.literal(first, &mut block, decoded, left, &mut take)?;
            }
        }
        Ok(())
    }

    /// The changes of the table's size that a block begins with.
    fn sizes(&mut self, block: &mut &[u8]) -> Result<(), Lost> {
        while let Some(&first) = block.first().filter(|first| **first & 0xe0 == 0x20) {
            take_byte(block)?;
            let size = u32::try_from(integer(first, 5, block)?).map_err(|_| Lost::Integer)?;
            if size > self.must_shrink.take().unwrap_or(u32::MAX) || size > self.limit.most() {
                return Err(Lost::Size);
            }
            if size > bounds::TABLE {
                return Err(Lost::Table);
            }
            self.table.resize(size);
        }
        // Even a block of no fields has to begin with the size.
        if self.must_shrink.is_some() { Err(Lost::MissingSize) } else { Ok(()) }
    }

    /// The field with that index, static or dynamic.
    #[inline]
    fn field(&self, index: usize) -> Result<Field<'_>, Lost> {
        let index = index.checked_sub(1).ok_or(Lost::Index)?;
        if let Some(&(known, name, value)) = statics::FIELDS.get(index) {
            return Ok(Field { known, name, value });
        }
        self.table.get(index - statics::FIELDS.len()).ok_or(Lost::Index)
    }

    /// A field whose value is spelt out, its name perhaps too; how much of the list's bound is left.
    fn literal(
        &mut self,
        first: u8,
        block: &mut &[u8],
        decoded: &mut Vec<u8>,
        left: usize,
        take: &mut impl FnMut(Field<'_>),
    ) -> Result<usize, Lost> {
        decoded.clear();
        let is_kept = first & 0x40 != 0;
        let index = integer(first, if is_kept { 6 } else { 4 }, block)?;
        let (known, name) = if index == 0 {
            let name = string(block, decoded)?;
            (Known::of(name.get(decoded)), name)
        } else if let Some(&(known, name, _)) = statics::FIELDS.get(index - 1) {
            (known, Text::Plain(name))
        } else {
            // Copied: the entry may be evicted by the one it gives its name to.
            let field = self.field(index)?;
            (field.known, copy(field.name, decoded))
        };
        let value = string(block, decoded)?;
        let field = Field { known, name: name.get(decoded), value: value.get(decoded) };
        let left = less(left, field)?;
        take(field);
        if is_kept {
            self.table.insert(field);
        }
        Ok(left)
    }
}

/// What is left of the list's bound behind `field`.
fn less(left: usize, field: Field<'_>) -> Result<usize, Lost> {
    left.checked_sub(field.name.len() + field.value.len() + 32).ok_or(Lost::List)
}
