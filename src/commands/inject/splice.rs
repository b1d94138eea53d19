//! A change of a pod's containers as insertions into the text and deletions from it. None of it needs to be right in every
//! notation there is: who calls compares what comes of it with what is meant.

use std::ops::Range;

use super::edit::{CONTAINERS, Change, Edit, INIT_CONTAINERS, is_ours};
use super::tree::{Id, Kind, Tree};
use super::value::Value;

/// Some bytes to put in the place of others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Splice {
    start: usize,
    end: usize,
    text: String,
}

/// The text after all changes. `None` where it cannot be done by splices.
pub(super) fn rewrite(tree: &Tree, text: &str, changes: &[Change]) -> Option<String> {
    let newline = if text.find('\n').is_some_and(|at| text[..at].ends_with('\r')) { "\r\n" } else { "\n" };
    let page = Page { tree, text, newline, ends: tree.ends() };
    let mut splices = Vec::new();
    for change in changes {
        for edit in &change.edits {
            splices.extend(match edit {
                Edit::Add { list, is_front, items } => vec![page.add(change.spec, list, *is_front, items)?],
                Edit::Remove { list } => page.remove(change.spec, list)?,
            });
        }
    }
    splices.sort();
    // Two pods may be one node, by an alias.
    splices.dedup();
    let mut out = String::with_capacity(text.len() + 4096);
    let mut at = 0;
    for splice in splices {
        out.push_str(text.get(at..splice.start)?);
        out.push_str(&splice.text);
        at = splice.end;
    }
    out.push_str(text.get(at..)?);
    Some(out)
}

struct Page<'a> {
    tree: &'a Tree,
    text: &'a str,
    newline: &'static str,
    /// Where nodes end, in order.
    ends: Vec<usize>,
}

impl Page<'_> {
    fn add(&self, spec: Id, list: &str, is_front: bool, items: &[Value]) -> Option<Splice> {
        let Some(found) = self.tree.get(spec, list) else { return self.new_list(spec, list, items) };
        let node = self.tree.node(self.tree.resolve(found));
        let Kind::Seq(present) = &node.kind else {
            return Some(self.instead_of_null(node.start, node.end, items));
        };
        let (first, last) = match (present.first(), present.last()) {
            (Some(&first), Some(&last)) => (first, last),
            _ => return Some(insert(node.open? + 1, in_brackets(items))),
        };
        match (node.open, is_front) {
            (Some(open), true) => {
                Some(self.before(self.tree.node(first).start, open, |style| style.items(items)))
            }
            (Some(open), false) => {
                let style = self.style(self.tree.node(last).start, open);
                Some(insert(self.tree.node(last).end, format!("{}{}", style.comma(), style.items(items))))
            }
            (None, true) => {
                let (line, column) = self.dash(first)?;
                Some(insert(self.above_comments(line, column), self.lines(spec, column, items)))
            }
            (None, false) => {
                let (_, column) = self.dash(last)?;
                let at = self.line_after(self.tree.node(last).end);
                let lines = self.lines(spec, column, items);
                let ends = at == 0 || self.text.get(..at)?.ends_with('\n');
                let text = if ends { lines } else { format!("{}{}", self.newline, lines.trim_end()) };
                Some(insert(at, text))
            }
        }
    }

    /// In the place of `null`, `~` or no word at all: then what begins here is the colon.
    fn instead_of_null(&self, start: usize, end: usize, items: &[Value]) -> Splice {
        let text = Value::Seq(items.to_vec()).json();
        match self.text.get(end..).is_some_and(|rest| start == end && rest.starts_with(':')) {
            true => insert(start + 1, format!(" {text}")),
            false => Splice { start, end, text },
        }
    }

    /// A list that is not there yet, before the containers.
    fn new_list(&self, spec: Id, list: &str, items: &[Value]) -> Option<Splice> {
        let (key, _) = self.tree.own(spec, CONTAINERS)?;
        let key = self.tree.node(key);
        if let Some(open) = self.tree.node(self.tree.resolve(spec)).open {
            let map = Value::map([(list, Value::Seq(items.to_vec()))]);
            return Some(self.before(key.start, open, |style| style.entry(&map)));
        }
        let (line, column) = self.only_spaces_before(key.start)?;
        let step = self.step(spec);
        let lines = Value::map([(list, Value::Seq(items.to_vec()))]).yaml(step);
        Some(insert(self.above_comments(line, column), self.indented(column, lines)))
    }

    fn remove(&self, spec: Id, list: &str) -> Option<Vec<Splice>> {
        let Some(found) = self.tree.get(spec, list) else { return Some(Vec::new()) };
        let node = self.tree.node(self.tree.resolve(found));
        let Kind::Seq(items) = &node.kind else { return Some(Vec::new()) };
        let name = |item: Id| self.tree.get(item, "name").and_then(|name| self.tree.text(name));
        let ours: Vec<bool> = items.iter().map(|&item| is_ours(name(item))).collect();
        if !ours.contains(&true) {
            return Some(Vec::new());
        }
        if list == INIT_CONTAINERS && !ours.contains(&false) {
            return self.remove_entry(spec, list).map(|splice| vec![splice]);
        }
        let Some(open) = node.open else {
            let ours = items.iter().zip(&ours).filter(|(_, is_ours)| **is_ours);
            return ours
                .map(|(&item, _)| Some(self.delete_lines(self.dash(item)?.0, self.tree.node(item).end)))
                .collect();
        };
        let spans: Vec<_> =
            items.iter().map(|&item| self.tree.node(item)).map(|node| node.start..node.end).collect();
        Some(runs(&ours).map(|run| delete(with_comma(&spans, run, open))).collect())
    }

    /// Takes away a key with its value.
    fn remove_entry(&self, spec: Id, list: &str) -> Option<Splice> {
        let node = self.tree.node(self.tree.resolve(spec));
        let (Kind::Map(entries), (key, value)) = (&node.kind, self.tree.own(spec, list)?) else {
            return None;
        };
        let span = |key: Id, value: Id| self.tree.node(key).start..self.tree.node(value).end;
        let Some(open) = node.open else {
            let (line, _) = self.only_spaces_before(self.tree.node(key).start)?;
            return Some(self.delete_lines(line, self.tree.node(value).end));
        };
        let spans: Vec<_> = entries.iter().map(|&(key, value)| span(key, value)).collect();
        let at = entries.iter().position(|&(found, _)| found == key)?;
        Some(delete(with_comma(&spans, at..at + 1, open)))
    }

    /// The lines from the one that starts at `line` to the one in which `end` is.
    fn delete_lines(&self, line: usize, end: usize) -> Splice {
        let end = self.line_after(end);
        let before = self.text.get(..line).unwrap_or_default();
        if end < self.text.len() || self.text.ends_with('\n') {
            return delete(line..end);
        }
        // The last line has no end: neither has the one before it then.
        let before = before.strip_suffix('\n').unwrap_or(before);
        delete(before.strip_suffix('\r').unwrap_or(before).len()..end)
    }

    /// How far the dashes stand in under their key in this pod.
    fn step(&self, spec: Id) -> usize {
        let dash_of = |(key, list): (Id, Id)| {
            let first = self.tree.items(list).first()?;
            let (_, dash) =
                self.dash(*first).filter(|_| self.tree.node(self.tree.resolve(list)).open.is_none())?;
            let (_, column) = self.only_spaces_before(self.tree.node(key).start)?;
            dash.checked_sub(column)
        };
        self.tree.own(spec, CONTAINERS).and_then(dash_of).unwrap_or(0)
    }

    fn lines(&self, spec: Id, column: usize, items: &[Value]) -> String {
        self.indented(column, Value::Seq(items.to_vec()).yaml(self.step(spec)))
    }

    fn indented(&self, column: usize, lines: Vec<String>) -> String {
        lines.into_iter().map(|line| format!("{:column$}{line}{}", "", self.newline)).collect()
    }

    fn line_start(&self, at: usize) -> usize {
        self.text.get(..at).and_then(|text| text.rfind('\n')).map_or(0, |newline| newline + 1)
    }

    /// The start of the line after the one with the last byte before `end`.
    fn line_after(&self, end: usize) -> usize {
        let from = end.saturating_sub(1);
        let rest = self.text.get(from..).or(self.text.get(end..)).unwrap_or_default();
        let from = self.text.len() - rest.len();
        rest.find('\n').map_or(self.text.len(), |newline| from + newline + 1)
    }

    /// The start of the line and the column of `at`, where nothing stands before it.
    fn only_spaces_before(&self, at: usize) -> Option<(usize, usize)> {
        let line = self.line_start(at);
        let prefix = self.text.get(line..at)?;
        prefix.bytes().all(|byte| byte == b' ').then_some((line, prefix.len()))
    }

    /// The start of the line and the column of an item's dash; between it and the item may be comments.
    fn dash(&self, item: Id) -> Option<(usize, usize)> {
        let mut end = self.tree.node(item).start;
        loop {
            let line = self.line_start(end);
            let before = self.text.get(line..end)?;
            let column = before.len() - before.trim_start_matches(' ').len();
            let what = before.get(column..)?.trim();
            match what.strip_prefix('-') {
                Some(rest) if rest.is_empty() || rest.starts_with([' ', '\t']) => {
                    return Some((line, column));
                }
                None if (what.is_empty() || what.starts_with('#')) && line > 0 => end = line - 1,
                _ => return None,
            }
        }
    }

    /// From the line that starts at `line`, up over comments of the same indentation: they belong to it.
    fn above_comments(&self, mut line: usize, column: usize) -> usize {
        let before = self.ends.partition_point(|&end| end <= line).checked_sub(1);
        let floor = before.and_then(|at| self.ends.get(at)).copied().unwrap_or(0);
        while line > 0 {
            let above = self.line_start(line - 1);
            let text = self.text.get(above..line).unwrap_or_default();
            let indent = text.len() - text.trim_start_matches(' ').len();
            if above < floor || indent != column || !text.trim_start().starts_with('#') {
                break;
            }
            line = above;
        }
        line
    }

    /// Before the element of brackets that begins at `at`.
    fn before(&self, at: usize, open: usize, write: impl Fn(&Style) -> String) -> Splice {
        let style = self.style(at, open);
        insert(at, format!("{}{}", write(&style), style.comma()))
    }

    fn style(&self, at: usize, open: usize) -> Style {
        let line = self.line_start(at);
        let prefix = self.text.get(line..at).unwrap_or_default();
        if !prefix.trim().is_empty() || line <= open {
            return Style { line: None, unit: String::new() };
        }
        let outer = self.text.get(self.line_start(open)..open).unwrap_or_default();
        let outer = outer.get(..outer.len() - outer.trim_start().len()).unwrap_or_default();
        let unit = prefix.strip_prefix(outer).filter(|unit| !unit.is_empty()).unwrap_or("  ");
        Style { line: Some(format!("{}{prefix}", self.newline)), unit: unit.to_owned() }
    }
}

/// How the elements between brackets are laid out.
struct Style {
    /// Each on a line of its own: what separates it from the line before.
    line: Option<String>,
    unit: String,
}

impl Style {
    fn comma(&self) -> String {
        self.line.as_ref().map_or(", ".to_owned(), |line| format!(",{line}"))
    }

    fn write(&self, value: &Value) -> String {
        match &self.line {
            Some(line) => value.json_lines(&self.unit).join(line),
            None => value.json(),
        }
    }

    fn items(&self, items: &[Value]) -> String {
        let items: Vec<String> = items.iter().map(|item| self.write(item)).collect();
        items.join(&self.comma())
    }

    /// The entries of a mapping without its braces.
    fn entry(&self, map: &Value) -> String {
        match &self.line {
            Some(line) => {
                let lines = map.json_lines(&self.unit);
                let inside = lines.get(1..lines.len().saturating_sub(1)).unwrap_or_default();
                let inside: Vec<&str> =
                    inside.iter().filter_map(|text| text.strip_prefix(&self.unit)).collect();
                inside.join(line)
            }
            None => {
                let text = map.json();
                text.get(1..text.len().saturating_sub(1)).unwrap_or_default().to_owned()
            }
        }
    }
}

fn insert(at: usize, text: String) -> Splice {
    Splice { start: at, end: at, text }
}

fn delete(span: Range<usize>) -> Splice {
    Splice { start: span.start, end: span.end, text: String::new() }
}

fn in_brackets(items: &[Value]) -> String {
    items.iter().map(Value::json).collect::<Vec<_>>().join(", ")
}

/// The runs of `true`.
fn runs(ours: &[bool]) -> impl Iterator<Item = Range<usize>> {
    let starts = (0..ours.len()).filter(|&at| ours[at] && (at == 0 || !ours[at - 1]));
    starts.map(|start| start..start + ours[start..].iter().take_while(|is_ours| **is_ours).count())
}

/// The bytes of some elements between brackets with one comma: the one behind, or before the last.
fn with_comma(spans: &[Range<usize>], run: Range<usize>, open: usize) -> Range<usize> {
    let start = spans.get(run.start).map_or(open + 1, |span| span.start);
    if let Some(next) = spans.get(run.end) {
        return start..next.start;
    }
    let before = run.start.checked_sub(1).and_then(|before| spans.get(before)).map(|span| span.end);
    before.unwrap_or(open + 1)..spans.last().map_or(start, |span| span.end)
}
