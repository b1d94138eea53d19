//! The file's `[backends.NAME]` and `[[route]]` tables: what they have in common.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Reader;
use crate::config::options::find;
use crate::config::problem::{Origin, Problem, nearest, quote};
use crate::config::routes::{Backends, MOST_ITEMS, Route};

/// All tables of a file.
#[derive(Debug, Clone, Default)]
pub(in crate::config) struct Tables {
    /// In the order of their names.
    pub(in crate::config) backends: Vec<Backends>,
    /// Where each backend set stands, and each of its servers.
    pub(in crate::config) backends_at: Vec<(Origin, Vec<Origin>)>,
    pub(in crate::config) routes: Vec<Draft>,
}

/// A route whose listeners are not looked up yet: forwards may come from other sources.
#[derive(Debug, Clone)]
pub(in crate::config) struct Draft {
    /// All but its `listen`.
    pub(in crate::config) route: Route,
    pub(in crate::config) at: Origin,
    pub(in crate::config) listen: Vec<(ListenName, Origin)>,
}

/// A listener, as a route names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::config) enum ListenName {
    Inbound,
    Outbound,
    /// A forward, by its listen address.
    Forward(std::net::SocketAddr),
}

/// One table, and where its faults go.
pub(super) struct Table<'r, 'p> {
    pub(super) reader: &'r Reader<'r>,
    /// What a fault begins with: `route "api"`.
    pub(super) what: String,
    pub(super) problems: &'p mut Vec<Problem>,
}

impl Table<'_, '_> {
    /// A fault at this place of the file.
    pub(super) fn fault(&mut self, span: Range<usize>, text: &str) {
        let at = self.at(span);
        self.problems.push(Problem { at, text: format!("{}: {text}", self.what) });
    }

    /// Where this is.
    pub(super) fn at(&self, span: Range<usize>) -> Origin {
        self.reader.origin(span.start, None)
    }

    /// Each key that is not one of `known` is a fault.
    pub(super) fn known_keys(&mut self, table: &DeTable<'_>, known: &'static [&'static str]) {
        for key in table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            let name = key.get_ref().as_ref();
            let hint = match nearest(name, known.iter().copied()) {
                _ if find(name).is_some() => "it is an option: it stands above the first table".to_owned(),
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("there are {}", known.join(", ")),
            };
            self.fault(key.span(), &format!("{} is not a key of it; {hint}", quote(name)));
        }
    }

    /// A text, or a fault that says what to write.
    pub(super) fn text<'v>(
        &mut self,
        key: &str,
        value: &'v Spanned<DeValue<'_>>,
        accepted: &str,
    ) -> Option<&'v str> {
        let text = value.get_ref().as_str();
        if text.is_none() {
            let kind = value.get_ref().type_str();
            self.fault(value.span(), &format!("{key}: {kind} where a text must stand; {accepted}"));
        }
        text
    }

    /// Each value of a list, or the one that stands without brackets, as `read` takes it. None twice.
    pub(super) fn list<T: Ord + Clone>(
        &mut self,
        key: &str,
        value: Option<&Spanned<DeValue<'_>>>,
        accepted: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<(T, Origin)> {
        let Some(value) = value else { return Vec::new() };
        let values: Vec<&Spanned<DeValue<'_>>> = match value.get_ref() {
            DeValue::Array(array) => array.iter().collect(),
            _ => vec![value],
        };
        if values.is_empty() {
            self.fault(value.span(), &format!("{key}: an empty list; leave it out to mean all"));
        }
        if self.too_many(key, value.span(), values.len(), MOST_ITEMS) {
            return Vec::new();
        }
        let (mut items, mut seen) = (Vec::new(), BTreeSet::new());
        for value in values {
            let Some(text) = self.text(key, value, accepted) else { continue };
            match read(text) {
                Ok(item) if seen.insert(item.clone()) => items.push((item, self.at(value.span()))),
                Ok(_) => self.fault(value.span(), &format!("{key}: {} stands there twice", quote(text))),
                Err(fault) => self.fault(value.span(), &format!("{key}: {fault}")),
            }
        }
        items
    }

    /// Whether there are more than `most`, which is a fault.
    pub(super) fn too_many(&mut self, key: &str, span: Range<usize>, count: usize, most: usize) -> bool {
        if count > most {
            self.fault(span, &format!("{key}: {count} of them; the most is {most}"));
        }
        count > most
    }

    /// A weight; 1 where there is none.
    pub(super) fn weight(&mut self, key: &str, value: Option<&Spanned<DeValue<'_>>>) -> u16 {
        let Some(value) = value else { return 1 };
        let weight = match value.get_ref() {
            DeValue::Integer(integer) => u16::from_str_radix(integer.as_str(), integer.radix()).ok(),
            _ => None,
        };
        weight.unwrap_or_else(|| {
            let text = format!("{key}: the weight is not an integer from 0 to 65535");
            self.fault(value.span(), &text);
            1
        })
    }
}

/// Whether it can name a route or a backend set, in logs and metrics too.
pub(super) fn is_name(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// What is a name.
pub(super) const NAME: &str = "write 1 to 63 letters, digits, \"-\" and \"_\"";
