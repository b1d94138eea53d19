//! The fields of a request, for those who choose by them.

use super::fields::Field;
use std::borrow::Cow;

/// The fields of one header block, but for pseudo-header fields. Bounded as the block is, by
/// [`bounds::LIST`](super::bounds::LIST).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    text: Vec<u8>,
    /// Where each field's name ends in `text`, and where its value does.
    ends: Vec<(usize, usize)>,
}

impl Kept {
    /// Forgets all, but for the memory.
    pub fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }

    /// Bytes of memory owned.
    pub fn owned(&self) -> usize {
        self.text.capacity().saturating_add(self.ends.capacity().saturating_mul(size_of::<(usize, usize)>()))
    }

    pub(super) fn add(&mut self, field: Field<'_>) {
        if field.name.first() == Some(&b':') {
            return;
        }
        self.text.extend_from_slice(field.name);
        let name = self.text.len();
        self.text.extend_from_slice(field.value);
        self.ends.push((name, self.text.len()));
    }

    /// The value of the field of this name, which is in lower case as HTTP/2 has it. Repeated ones are joined by `", "`,
    /// and those of `cookie`, which clients take apart, by `"; "` (RFC 9113, section 8.2.3).
    pub fn value(&self, name: &[u8]) -> Option<Cow<'_, [u8]>> {
        let between: &[u8] = if name == b"cookie" { b"; " } else { b", " };
        let mut found: Option<Cow<'_, [u8]>> = None;
        let mut begin = 0;
        for &(name_end, end) in &self.ends {
            let its_name = self.text.get(begin..name_end).unwrap_or_default();
            begin = end;
            if its_name != name {
                continue;
            }
            let value = self.text.get(name_end..end).unwrap_or_default();
            found = Some(match found {
                None => Cow::Borrowed(value),
                Some(before) => Cow::Owned([&before, between, value].concat()),
            });
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::h2::Known;

    #[test]
    fn a_value_by_its_name() {
        let mut kept = Kept::default();
        let fields: [(&[u8], &[u8]); 7] = [
            (b":path", b"/x"),
            (b"x-a", b"1"),
            (b"cookie", b"a=b"),
            (b"x-empty", b""),
            (b"x-a", b"2"),
            (b"cookie", b"c=d"),
            (b"x-b", b"x-c\r\nx-d: 1"),
        ];
        for (name, value) in fields {
            kept.add(Field { known: Known::Other, name, value });
        }
        let value = |name: &str| kept.value(name.as_bytes()).map(Cow::into_owned);
        assert_eq!(value("x-a").as_deref(), Some(&b"1, 2"[..]));
        assert_eq!(value("cookie").as_deref(), Some(&b"a=b; c=d"[..]));
        assert_eq!(value("x-empty").as_deref(), Some(&b""[..]));
        assert_eq!(value("x-b").as_deref(), Some(&b"x-c\r\nx-d: 1"[..]));
        assert_eq!([":path", "x-", "x-d", "X-A"].map(value), [None, None, None, None]);
    }
}
