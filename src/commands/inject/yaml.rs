//! One YAML document to a [`Tree`].

use std::collections::HashMap;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};

use super::indent;
use super::tree::{Broken, DEEPEST, Id, Kind, Node, Tree};
use super::value::Scalar;

/// Reads a chunk. `text` does not start with a byte order mark.
pub(super) fn read(text: &str) -> Result<Tree, Broken> {
    parse(text, Reading::new(text)).or_else(|broken| {
        let (moved, bytes) = indent::moved(text).ok_or_else(|| broken.clone())?;
        parse(&moved, Reading { bytes, ..Reading::new(text) }).map_err(|_| broken)
    })
}

/// Reads `text` for `reading`, whose own may have less white space.
fn parse(text: &str, mut reading: Reading<'_>) -> Result<Tree, Broken> {
    for event in Parser::new_from_str(text) {
        match event {
            Ok((event, span)) => reading.take(event, span)?,
            Err(error) => return Err(Broken { line: error.marker().line(), why: error.info().to_owned() }),
        }
    }
    Ok(reading.tree)
}

struct Reading<'a> {
    text: &'a str,
    /// The byte of each character that the parser counts, unless they are the same.
    bytes: Vec<usize>,
    tree: Tree,
    /// The collections that are open, outermost first.
    open: Vec<Id>,
    /// A key of the mapping on top that waits for its value.
    keys: Vec<Option<Id>>,
    anchors: HashMap<usize, Id>,
}

impl<'a> Reading<'a> {
    fn new(text: &'a str) -> Reading<'a> {
        let bytes =
            if text.is_ascii() { Vec::new() } else { text.char_indices().map(|(byte, _)| byte).collect() };
        Reading {
            text,
            bytes,
            tree: Tree::over(text),
            open: Vec::new(),
            keys: Vec::new(),
            anchors: HashMap::new(),
        }
    }

    fn byte(&self, marker: &Marker) -> usize {
        // Not `text.is_ascii()` again: that reads the whole text.
        let byte = if self.bytes.is_empty() {
            Some(marker.index())
        } else {
            self.bytes.get(marker.index()).copied()
        };
        byte.unwrap_or(self.text.len()).min(self.text.len())
    }

    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Broken> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.scalar(&text, style, anchor, tag.as_deref(), span)
            }
            Event::SequenceStart(anchor, _) => self.begin(Kind::Seq(Vec::new()), anchor, span),
            Event::MappingStart(anchor, _) => self.begin(Kind::Map(Vec::new()), anchor, span),
            Event::SequenceEnd | Event::MappingEnd => self.finish(span),
            Event::Alias(anchor) => self.alias(anchor, span),
            _ => Ok(()),
        }
    }

    fn node(&self, kind: Kind, span: Span) -> Node {
        let (start, end) = (self.byte(&span.start), self.byte(&span.end));
        Node { start, end, kind, open: None }
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&Tag>,
        span: Span,
    ) -> Result<(), Broken> {
        // A line break in a plain scalar makes it a string to every reader; and no text is null.
        let plain = style == ScalarStyle::Plain && !text.contains('\n');
        let text = if plain && text.is_empty() { "null" } else { text };
        let tag = tag.map(written);
        let scalar = Scalar { text: text.to_owned(), plain, tag };
        let mut node = self.node(Kind::Scalar(scalar), span);
        if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
            // The parser's end is after the blank lines that follow, which are part of it with `|+` only.
            let body = self.text.get(node.start..node.end).unwrap_or_default();
            if !text.ends_with("\n\n") {
                node.end = node.start + body.trim_end().len();
            }
            // A last line without its end gives none to the scalar; the parser adds one.
            let is_cut = node.end == self.text.len() && !self.text.ends_with('\n');
            if let (Kind::Scalar(scalar), true) = (&mut node.kind, is_cut) {
                scalar.text.truncate(scalar.text.trim_end_matches('\n').len());
            }
        }
        let id = self.tree.add(node);
        self.anchors.insert(anchor, id);
        self.put(id)
    }

    fn begin(&mut self, kind: Kind, anchor: usize, span: Span) -> Result<(), Broken> {
        if self.open.len() >= DEEPEST {
            return Err(Broken { line: span.start.line(), why: format!("deeper than {DEEPEST} levels") });
        }
        let id = self.tree.add(self.node(kind, span));
        self.open.push(id);
        self.keys.push(None);
        if anchor != 0 {
            self.anchors.insert(anchor, id);
        }
        Ok(())
    }

    fn finish(&mut self, span: Span) -> Result<(), Broken> {
        let (Some(id), Some(_)) = (self.open.pop(), self.keys.pop()) else { return Ok(()) };
        let (start, head, end) = (self.byte(&span.start), self.tree.node(id), self.byte(&span.end));
        let in_brackets = matches!(self.text.get(start..end), Some("]" | "}"));
        let opening = self.text.get(head.start..head.end).and_then(|text| text.rfind(['[', '{']));
        let open = opening.filter(|_| in_brackets).map(|at| head.start + at);
        let last = match &head.kind {
            Kind::Seq(items) => items.last().copied(),
            Kind::Map(entries) => entries.last().map(|&(_, value)| value),
            _ => None,
        };
        let end = if in_brackets { end } else { last.map_or(head.start, |last| self.tree.node(last).end) };
        let node = self.tree.node_mut(id);
        (node.open, node.end) = (open, end);
        if let Some(key) = self.tree.twice(id) {
            let name = self.tree.text(key).unwrap_or_default();
            let line = self.tree.line(key);
            return Err(Broken { line, why: format!("the key {name:?} stands here a second time") });
        }
        self.put(id)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Broken> {
        let target = self.anchors.get(&anchor).copied().filter(|target| !self.open.contains(target));
        let Some(target) = target else {
            let why = "an alias of nothing, or of what it stands in".to_owned();
            return Err(Broken { line: span.start.line(), why });
        };
        let id = self.tree.add(self.node(Kind::Alias(target), span));
        self.put(id)
    }

    /// A whole node goes into the collection on top.
    fn put(&mut self, id: Id) -> Result<(), Broken> {
        let (Some(&parent), Some(waiting)) = (self.open.last(), self.keys.last_mut()) else {
            self.tree.roots.push(id);
            return Ok(());
        };
        match &mut self.tree.node_mut(parent).kind {
            Kind::Map(entries) => match waiting.take() {
                Some(key) => entries.push((key, id)),
                None => *waiting = Some(id),
            },
            Kind::Seq(items) => items.push(id),
            Kind::Scalar(_) | Kind::Alias(_) => {}
        }
        Ok(())
    }
}

/// A tag that needs no `%TAG` to be understood.
fn written(tag: &Tag) -> String {
    match tag.handle.as_str() {
        "tag:yaml.org,2002:" => format!("!!{}", tag.suffix),
        "!" | "" => format!("!{}", tag.suffix),
        handle => format!("!<{handle}{}>", tag.suffix),
    }
}
