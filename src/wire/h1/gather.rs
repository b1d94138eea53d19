//! Sections that end in an empty line, heads and trailers, put together from pieces without looking at a byte twice.

use memchr::memchr;

/// How the bytes so far end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Tail {
    /// Within a line.
    #[default]
    Text,
    /// With a line's end.
    Lf,
    /// With a CR at the beginning of a line.
    LfCr,
}

/// Finds the empty line, LF standing for CRLF too.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct End {
    tail: Tail,
}

impl End {
    /// For a trailer section, which may be nothing but the empty line.
    pub(super) fn at_line_start() -> End {
        End { tail: Tail::Lf }
    }

    /// How many of the next bytes belong to the section, if its end is among them.
    pub(super) fn find(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0usize;
        loop {
            let rest = bytes.get(at..)?;
            if self.tail == Tail::Text {
                at = at.checked_add(memchr(b'\n', rest)?)?.checked_add(1)?;
                self.tail = Tail::Lf;
                continue;
            }
            match (self.tail, *rest.first()?) {
                (_, b'\n') => return at.checked_add(1),
                (Tail::Lf, b'\r') => {
                    self.tail = Tail::LfCr;
                    at = at.checked_add(1)?;
                }
                _ => self.tail = Tail::Text,
            }
        }
    }
}

/// The bytes of a section whose end has not come yet, or of those that wait. Owns no heap while it is empty.
#[derive(Debug, Default)]
pub(super) struct Gather {
    kept: Vec<u8>,
    end: End,
    tried: usize,
}

/// What adding to a section came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Added {
    /// How many bytes were taken.
    pub(super) used: usize,
    /// The section is complete.
    pub(super) is_complete: bool,
    /// It is not, but it cannot grow any more.
    pub(super) is_full: bool,
}

impl Gather {
    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether nothing is kept.
    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// What is kept.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.kept
    }

    /// Gives up what is kept.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(self).kept
    }

    /// Begins a section with its first bytes, which do not complete it.
    pub(super) fn begin(&mut self, end: End, bytes: &[u8]) {
        *self = Gather { kept: bytes.to_vec(), end, tried: bytes.len() };
    }

    /// Adds bytes up to the section's end, or until there are `most`.
    pub(super) fn add(&mut self, bytes: &[u8], most: usize) -> Added {
        let room = most.saturating_sub(self.kept.len());
        let bytes = bytes.get(..room).unwrap_or(bytes);
        let end = self.end.find(bytes);
        let used = end.unwrap_or(bytes.len());
        self.kept.extend_from_slice(bytes.get(..used).unwrap_or(bytes));
        Added { used, is_complete: end.is_some(), is_full: end.is_none() && self.kept.len() >= most }
    }

    /// Keeps bytes as they are. False: there would be more than `most`.
    pub(super) fn keep(&mut self, bytes: &[u8], most: usize) -> bool {
        let fits = self.kept.len().saturating_add(bytes.len()) <= most;
        if fits {
            self.kept.extend_from_slice(bytes);
        }
        fits
    }

    /// Whether an incomplete section has doubled since it was last looked at: all looks together cost as much as two.
    pub(super) fn is_due(&mut self) -> bool {
        let is_due = self.kept.len() >= self.tried.saturating_mul(2);
        if is_due {
            self.tried = self.kept.len();
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_found_at_every_split() {
        let sections: [(&[u8], bool); 7] = [
            (b"GET / HTTP/1.1\r\nA: b\r\n\r\n", false),
            (b"GET / HTTP/1.1\nA: b\n\n", false),
            (b"GET / HTTP/1.1\r\n\n", false),
            (b"GET / HTTP/1.1\n\r\n", false),
            (b"a\n\rb\n\r\n", false),
            (b"\r\n", true),
            (b"x: y\r\n\r\n", true),
        ];
        for (section, is_trailer) in sections {
            let more = [section, b"\r\n\r\nbody"].concat();
            for cut in 0..section.len() {
                let mut end = if is_trailer { End::at_line_start() } else { End::default() };
                assert_eq!(end.find(&more[..cut]), None, "{section:?} at {cut}");
                assert_eq!(end.find(&more[cut..]), Some(section.len() - cut), "{section:?} at {cut}");
            }
        }
    }

    #[test]
    fn looks_at_an_incomplete_section_are_few() {
        let mut gather = Gather::default();
        gather.begin(End::default(), b"x");
        let looks = (0..10_000).filter(|_| {
            gather.add(b"x", 20_000);
            gather.is_due()
        });
        assert_eq!(looks.count(), 13);
    }
}
