//! A change of a pod's containers, twice: to what the document means, which is the rule, and to its text, which keeps the
//! user's comments and notation, and counts only where it comes to the same.

use super::manifest::Step;
use super::sidecar::{INIT, PROXY};
use super::tree::Id;
use super::value::{Scalar, Value};

/// What happens to one pod.
#[derive(Debug)]
pub(super) struct Change {
    /// The document among those of the chunk.
    pub(super) root: usize,
    /// From there to the pod's `spec`.
    pub(super) path: Vec<Step>,
    /// The node of the `spec`.
    pub(super) spec: Id,
    pub(super) edits: Vec<Edit>,
}

/// What happens to one list of containers.
#[derive(Debug)]
pub(super) enum Edit {
    /// Puts containers before the first, or behind the last.
    Add { list: &'static str, is_front: bool, items: Vec<Value> },
    /// Takes ours away; an `initContainers` without any other goes, too.
    Remove { list: &'static str },
}

/// Before which key a list of init containers is put.
pub(super) const CONTAINERS: &str = "containers";
/// The list that may be missing.
pub(super) const INIT_CONTAINERS: &str = "initContainers";

/// Whether a container is one of ours.
pub(super) fn is_ours(name: Option<&str>) -> bool {
    name.is_some_and(|name| [INIT, PROXY].contains(&name))
}

impl Change {
    /// Does it to what the documents mean.
    pub(super) fn apply(&self, documents: &mut [Value]) {
        let mut at = documents.get_mut(self.root);
        for step in &self.path {
            at = match (at, step) {
                (Some(value), Step::Key(key)) => value.get_mut(key),
                (Some(Value::Seq(items)), Step::Item(index)) => items.get_mut(*index),
                _ => None,
            };
        }
        let Some(spec) = at else { return };
        for edit in &self.edits {
            match edit {
                Edit::Add { list, is_front, items } => add(spec, list, *is_front, items),
                Edit::Remove { list } => remove(spec, list),
            }
        }
    }
}

fn add(spec: &mut Value, list: &str, is_front: bool, items: &[Value]) {
    match spec.get_mut(list) {
        Some(Value::Seq(present)) => {
            let at = if is_front { 0 } else { present.len() };
            present.splice(at..at, items.iter().cloned());
        }
        Some(nothing) => *nothing = Value::Seq(items.to_vec()),
        None => {
            if let Value::Map(entries) = spec {
                let at = entries.iter().position(|(key, _)| key.text == CONTAINERS).unwrap_or(0);
                let key = Scalar { text: list.to_owned(), plain: true, tag: None };
                entries.insert(at, (key, Value::Seq(items.to_vec())));
            }
        }
    }
}

fn remove(spec: &mut Value, list: &str) {
    let Some(Value::Seq(items)) = spec.get_mut(list) else { return };
    let before = items.len();
    items.retain(|item| !is_ours(item.string_at("name")));
    let is_gone = list == INIT_CONTAINERS && items.is_empty() && before > 0;
    if let Value::Map(entries) = spec {
        entries.retain(|(key, _)| !(is_gone && key.text == list));
    }
}
