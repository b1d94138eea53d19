//! A stream to its documents. YAML forbids a line that starts with `---` or `...` inside a document, be it in a quoted scalar: so
//! lines decide, as they do for kubectl, and each document is read, changed and written by itself.

/// The text of one YAML document with its markers, or of some JSON ones; all chunks in a row are the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunk<'a> {
    pub(super) text: &'a str,
    /// The lines before it.
    pub(super) lines_before: usize,
}

/// Cuts a stream.
pub(super) fn chunks(stream: &str) -> Vec<Chunk<'_>> {
    let mut found = Vec::new();
    let (mut start, mut at, mut lines, mut lines_before) = (0, 0, 0, 0);
    let mut has_begun = false;
    for line in stream.split_inclusive('\n') {
        let is_start = is_marker(line, "---");
        if is_start && has_begun {
            found.push(Chunk { text: stream.get(start..at).unwrap_or_default(), lines_before });
            (start, lines_before) = (at, lines);
        }
        has_begun |= is_start
            || !(line.trim().is_empty() || line.trim_start().starts_with('#') || line.starts_with('%'));
        at += line.len();
        lines += 1;
        if is_marker(line, "...") {
            found.push(Chunk { text: stream.get(start..at).unwrap_or_default(), lines_before });
            (start, lines_before, has_begun) = (at, lines, false);
        }
    }
    if start < stream.len() {
        found.push(Chunk { text: stream.get(start..).unwrap_or_default(), lines_before });
    }
    found
}

impl Chunk<'_> {
    /// The document without its markers: the bytes before it, up to the end of a `---` line, and those after it, from a `...` line.
    pub(super) fn around(&self) -> (&str, &str) {
        let mut at = 0;
        let (mut before, mut after) = ("", "");
        for line in self.text.split_inclusive('\n') {
            if is_marker(line, "---") {
                before = self.text.get(..at).unwrap_or_default();
            } else if is_marker(line, "...") {
                after = self.text.get(at..).unwrap_or_default();
            }
            at += line.len();
        }
        (before, after)
    }

    /// Whether a `---` line opens it.
    pub(super) fn has_start(&self) -> bool {
        self.text.split_inclusive('\n').any(|line| is_marker(line, "---"))
    }
}

fn is_marker(line: &str, marker: &str) -> bool {
    line.strip_prefix(marker).is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}
