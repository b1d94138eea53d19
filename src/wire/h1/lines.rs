//! A whole head taken apart into its lines, each with where it stands.
//!
//! The head is one that strict parsing has accepted: CRLF lines, no folds, no blank before a colon. Of any other bytes something
//! harmless is made, never a panic.

use super::fields::elements;
use crate::wire::event::Version;
use memchr::memchr;

/// A field line of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name as sent. Compare it in any case.
    pub name: &'a [u8],
    /// The value without the blanks around it.
    pub value: &'a [u8],
    /// Where its line begins and, line end included, ends in the head.
    pub(super) start: usize,
    pub(super) end: usize,
}

impl<'a> Field<'a> {
    /// Whether it has this name, which is in lower case.
    pub fn is(&self, name: &[u8]) -> bool {
        self.name.len() == name.len() && self.name.eq_ignore_ascii_case(name)
    }

    /// The elements of a list, the empty ones left out.
    pub(super) fn elements(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        elements(self.value).filter(|element| !element.is_empty())
    }

    /// Whether its value, a list, has this element, in any case.
    pub(super) fn names(&self, element: &[u8]) -> bool {
        self.elements().any(|found| found.eq_ignore_ascii_case(element))
    }
}

/// The field lines of a whole head, in order.
pub fn fields(head: &[u8]) -> Fields<'_> {
    let (_, at) = first_line(head);
    Fields { head, at }
}

/// An iterator over the field lines of a head.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    head: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        let start = self.at;
        let rest = self.head.get(start..)?;
        let length = memchr(b'\n', rest)?.saturating_add(1);
        let line = rest.get(..length)?;
        let colon = memchr(b':', line)?;
        self.at = start.saturating_add(length);
        let (name, value) = line.split_at_checked(colon)?;
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        Some(Field { name, value, start, end: self.at })
    }
}

/// Where the fields end: at the empty line.
pub(super) fn fields_end(head: &[u8]) -> usize {
    fields(head).last().map_or_else(|| first_line(head).1, |field| field.end)
}

/// The first line without its line end, and where the fields begin. An empty line before it, which a client may send
/// (RFC 9112, section 2.2), is passed over.
pub(super) fn first_line(head: &[u8]) -> (&[u8], usize) {
    let begin = blank(head);
    let rest = head.get(begin..).unwrap_or_default();
    let length = memchr(b'\n', rest).map_or(rest.len(), |end| end.saturating_add(1));
    let line = rest.get(..length).unwrap_or_default();
    (line.trim_ascii_end(), begin.saturating_add(length))
}

/// How many bytes of an empty line stand before the head.
pub(super) fn blank(head: &[u8]) -> usize {
    if head.starts_with(b"\r\n") { 2 } else { 0 }
}

/// Method, target and version of a request line.
pub(super) fn request_line(line: &[u8]) -> Option<(&[u8], &[u8], Version)> {
    let mut parts = line.split(|&byte| byte == b' ');
    let (method, target, version) = (parts.next()?, parts.next()?, parts.next()?);
    let is_whole = !method.is_empty() && !target.is_empty() && parts.next().is_none();
    is_whole.then_some((method, target, self::version(version)?))
}

/// Version and status of a status line.
pub(super) fn status_line(line: &[u8]) -> Option<(Version, u16)> {
    let (name, rest) = line.split_at_checked(8)?;
    let [b' ', digits @ ..] = rest else { return None };
    let (digits, reason) = digits.split_at_checked(3)?;
    if !matches!(reason, [] | [b' ', ..]) {
        return None;
    }
    let status = super::fields::number(digits).and_then(|status| u16::try_from(status).ok())?;
    (status >= 100).then_some((version(name)?, status))
}

fn version(name: &[u8]) -> Option<Version> {
    match name {
        b"HTTP/1.0" => Some(Version::Http10),
        b"HTTP/1.1" => Some(Version::Http11),
        _ => None,
    }
}
