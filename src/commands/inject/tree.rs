//! A document as it was read: nodes that know where in the text they stand.

use std::collections::HashSet;

use super::value::{Scalar, Value};

/// A node's place in its [`Tree`].
pub(super) type Id = usize;

/// How deep nodes may lie in each other; what is deeper is an error. Kubernetes' own limit for JSON is beyond any manifest.
pub(super) const DEEPEST: usize = 128;

/// One chunk of a stream: a YAML document, or some JSON ones.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    /// Where each line ends.
    breaks: Vec<usize>,
    /// The documents. A YAML chunk has one at most.
    pub(super) roots: Vec<Id>,
}

/// One node. `start..end` are bytes of the chunk: from the anchor or tag to the last byte of the last leaf, so that what follows
/// on that line is a comment, a comma or nothing.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) kind: Kind,
    /// Written with brackets: where the opening one stands.
    pub(super) open: Option<usize>,
}

/// What a node is.
#[derive(Debug)]
pub(super) enum Kind {
    /// A scalar.
    Scalar(Scalar),
    /// `[..]` or `- ..`.
    Seq(Vec<Id>),
    /// `{..}` or `key: ..`.
    Map(Vec<(Id, Id)>),
    /// `*name`, and what it stands for.
    Alias(Id),
}

/// Why a chunk cannot be read, and the line in it, from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Broken {
    pub(super) line: usize,
    pub(super) why: String,
}

impl Tree {
    /// An empty tree over `text`.
    pub(super) fn over(text: &str) -> Tree {
        Tree {
            nodes: Vec::new(),
            breaks: memchr::memchr_iter(b'\n', text.as_bytes()).collect(),
            roots: Vec::new(),
        }
    }

    /// The line of a byte of the chunk, from 1.
    pub(super) fn line_at(&self, byte: usize) -> usize {
        self.breaks.partition_point(|&end| end < byte) + 1
    }

    /// The line where a node begins, from 1.
    pub(super) fn line(&self, id: Id) -> usize {
        self.line_at(self.node(id).start)
    }

    pub(super) fn add(&mut self, node: Node) -> Id {
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// Ids come from [`Tree::add`] alone, and no node is ever taken away.
    pub(super) fn node(&self, id: Id) -> &Node {
        &self.nodes[id]
    }

    pub(super) fn node_mut(&mut self, id: Id) -> &mut Node {
        &mut self.nodes[id]
    }

    /// What an alias stands for; any other node itself.
    pub(super) fn resolve(&self, id: Id) -> Id {
        match self.node(id).kind {
            // An alias of an alias cannot be written: an alias has no anchor.
            Kind::Alias(target) => target,
            _ => id,
        }
    }

    /// The node under `key` of a mapping, also by an alias or a merge key: as it is written there.
    pub(super) fn get(&self, map: Id, key: &str) -> Option<Id> {
        let (mut waiting, mut seen) = (vec![map], HashSet::new());
        while let Some(map) = waiting.pop().map(|map| self.resolve(map)) {
            if let Some((_, value)) = self.own(map, key) {
                return Some(value);
            }
            if seen.insert(map) {
                waiting.extend(self.merged(map).into_iter().rev());
            }
        }
        None
    }

    /// The mappings that are merged into this one; those before win.
    fn merged(&self, map: Id) -> Vec<Id> {
        let Kind::Map(entries) = &self.node(map).kind else { return Vec::new() };
        let merged = entries.iter().filter(|(key, _)| self.is_merge(*key));
        merged.flat_map(|&(_, sources)| self.sources(sources)).collect()
    }

    /// The nodes of a key of this mapping's own, and of its value.
    pub(super) fn own(&self, map: Id, key: &str) -> Option<(Id, Id)> {
        let Kind::Map(entries) = &self.node(self.resolve(map)).kind else { return None };
        entries.iter().copied().find(|&(found, _)| self.text(found) == Some(key))
    }

    /// Where nodes end, in order.
    pub(super) fn ends(&self) -> Vec<usize> {
        let mut ends: Vec<usize> = self.nodes.iter().map(|node| node.end).collect();
        ends.sort_unstable();
        ends
    }

    /// A scalar's text.
    pub(super) fn text(&self, id: Id) -> Option<&str> {
        match &self.node(self.resolve(id)).kind {
            Kind::Scalar(scalar) => Some(&scalar.text),
            _ => None,
        }
    }

    /// The items of a sequence; none of anything else.
    pub(super) fn items(&self, id: Id) -> &[Id] {
        match &self.node(self.resolve(id)).kind {
            Kind::Seq(items) => items,
            _ => &[],
        }
    }

    /// Whether it is a sequence.
    pub(super) fn is_list(&self, id: Id) -> bool {
        matches!(self.node(self.resolve(id)).kind, Kind::Seq(_))
    }

    /// `null` in each of its notations.
    pub(super) fn is_null(&self, id: Id) -> bool {
        let null =
            |scalar: &Scalar| scalar.plain && ["null", "Null", "NULL", "~"].contains(&scalar.text.as_str());
        matches!(&self.node(self.resolve(id)).kind, Kind::Scalar(scalar) if null(scalar))
    }

    /// `<<`, but not `"<<"`.
    fn is_merge(&self, key: Id) -> bool {
        matches!(&self.node(key).kind, Kind::Scalar(scalar) if scalar.plain && scalar.text == "<<")
    }

    /// The mappings that `<<` names: one, or a sequence of them, of which the first wins.
    fn sources(&self, id: Id) -> Vec<Id> {
        match &self.node(self.resolve(id)).kind {
            Kind::Seq(items) => items.clone(),
            _ => vec![id],
        }
    }

    /// A key that this mapping has twice: the second one.
    pub(super) fn twice(&self, map: Id) -> Option<Id> {
        let Kind::Map(entries) = &self.node(map).kind else { return None };
        let mut seen = HashSet::new();
        let keys = entries.iter().map(|&(key, _)| key).filter(|&key| !self.is_merge(key));
        keys.filter_map(|key| self.text(key).map(|text| (key, text)))
            .find(|&(_, text)| !seen.insert(text))
            .map(|(key, _)| key)
    }

    /// What a document means. An error where aliases make it ten times as large as it is written, or deeper than a document
    /// may be written, and for a key that is not a scalar.
    pub(super) fn value(&self, root: Id) -> Result<Value, Broken> {
        let budget = self.nodes.len().saturating_mul(10).saturating_add(10_000);
        self.expand(root, &mut Room { budget, depth: 0 })
    }

    fn expand(&self, id: Id, room: &mut Room) -> Result<Value, Broken> {
        let node = self.node(self.resolve(id));
        let broken = |why: &str| Broken { line: self.line(id), why: why.to_owned() };
        match &node.kind {
            Kind::Scalar(scalar) => {
                room.spend(1).map_err(broken)?;
                Ok(Value::Scalar(scalar.clone()))
            }
            Kind::Seq(items) => {
                room.enter().map_err(broken)?;
                let values: Result<_, _> = items.iter().map(|&item| self.expand(item, room)).collect();
                room.depth -= 1;
                values.map(Value::Seq)
            }
            Kind::Map(_) => self.entries(id, room).map(Value::Map),
            Kind::Alias(_) => Err(broken("an alias of an alias")),
        }
    }

    /// A mapping's entries, with those merged in at the place of their `<<`.
    fn entries(&self, map: Id, room: &mut Room) -> Result<Vec<(Scalar, Value)>, Broken> {
        let Kind::Map(entries) = &self.node(self.resolve(map)).kind else {
            return Err(Broken { line: self.line(map), why: "\"<<\" merges a mapping only".to_owned() });
        };
        let broken = |why: &str| Broken { line: self.line(map), why: why.to_owned() };
        room.enter().map_err(broken)?;
        let mut seen: HashSet<String> = entries
            .iter()
            .filter(|(key, _)| !self.is_merge(*key))
            .filter_map(|&(key, _)| self.text(key).map(str::to_owned))
            .collect();
        let mut found = Vec::new();
        for &(key, value) in entries {
            if self.is_merge(key) {
                for source in self.sources(value) {
                    let merged = self.entries(source, room)?;
                    room.spend(merged.len()).map_err(broken)?;
                    found.extend(merged.into_iter().filter(|(key, _)| seen.insert(key.text.clone())));
                }
            } else if let Kind::Scalar(key) = &self.node(self.resolve(key)).kind {
                found.push((key.clone(), self.expand(value, room)?));
            } else {
                return Err(Broken { line: self.line(key), why: "a key that is not a scalar".to_owned() });
            }
        }
        room.depth -= 1;
        Ok(found)
    }
}

/// What is left for a document to grow by aliases and merge keys.
struct Room {
    /// How many more nodes it may have.
    budget: usize,
    /// How many collections are open.
    depth: usize,
}

impl Room {
    fn spend(&mut self, nodes: usize) -> Result<(), &'static str> {
        self.budget = self.budget.checked_sub(nodes).ok_or("aliases make this document too large")?;
        Ok(())
    }

    fn enter(&mut self) -> Result<(), &'static str> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("aliases make this document deeper than 128 levels");
        }
        self.spend(1)
    }
}
