//! `[[route]]`: a route.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Reader;
use super::criteria::{authority, header_value, listen, path, token};
use super::tables::{Draft, NAME, Table, Tables, is_name};
use crate::config::problem::{Origin, Problem, nearest, quote};
use crate::config::routes::{MOST_ITEMS, MOST_ROUTES, PathMatch, Route};

const KEYS: &[&str] = &["name", "listen", "authority", "path", "path-prefix", "method", "header", "backend"];
const BACKEND: &str = "write backend = \"NAME\", or with weights: backend = { NAME = 9, OTHER = 1 }";

/// Reads all of `route` into `tables`, which has the backend sets.
pub(super) fn read(
    reader: &Reader<'_>,
    value: &Spanned<DeValue<'_>>,
    tables: &mut Tables,
    problems: &mut Vec<Problem>,
) {
    let mut all = Table { reader, what: "route".to_owned(), problems };
    let DeValue::Array(values) = value.get_ref() else {
        all.fault(
            value.span(),
            &format!("{} where tables must stand; write [[route]]", value.get_ref().type_str()),
        );
        return;
    };
    if let Some(value) = values.get(MOST_ROUTES) {
        all.too_many("routes", value.span(), values.len(), MOST_ROUTES);
        return;
    }
    for (index, value) in values.iter().enumerate() {
        let name = format!("route-{}", index.saturating_add(1));
        let mut table = Table { reader, what: format!("route {name:?}"), problems: all.problems };
        match value.get_ref() {
            DeValue::Table(fields) => {
                let draft = one(&mut table, name, value.span(), fields, tables);
                tables.routes.push(draft);
            }
            other => table.fault(value.span(), &format!("{} where a table must stand", other.type_str())),
        }
    }
    duplicates(&tables.routes, problems);
}

fn one(
    table: &mut Table<'_, '_>,
    default_name: String,
    at: Range<usize>,
    fields: &DeTable<'_>,
    tables: &Tables,
) -> Draft {
    let name = match fields.get("name") {
        Some(value) => table.text("name", value, NAME).map(|text| (text, value.span())),
        None => None,
    };
    let name = match name {
        Some((text, span)) if !is_name(text) => {
            table.fault(span, &format!("name: {} is not a name; {NAME}", quote(text)));
            default_name
        }
        Some((text, _)) => text.to_owned(),
        None => default_name,
    };
    table.what = format!("route {name:?}");
    table.known_keys(fields, KEYS);
    let plain = |items: Vec<(_, Origin)>| items.into_iter().map(|(item, _)| item).collect();
    let route = Route {
        name,
        listen: Vec::new(),
        authorities: plain(table.list("authority", fields.get("authority"), "write a host", authority)),
        path: path_match(table, fields),
        methods: table
            .list("method", fields.get("method"), "write a method, as in \"GET\"", |text| {
                token(text, "method")
            })
            .into_iter()
            .map(|(method, _)| method)
            .collect(),
        headers: headers(table, fields.get("header")),
        backends: backends(table, at.clone(), fields.get("backend"), tables),
    };
    let accepted = "write \"inbound\", \"outbound\" or the listen address of a forward";
    let listen = table.list("listen", fields.get("listen"), accepted, |text| listen(text, accepted));
    Draft { route, at: table.at(at), listen }
}

fn path_match(table: &mut Table<'_, '_>, fields: &DeTable<'_>) -> PathMatch {
    let accepted = "write it with a \"/\" at its beginning";
    let mut read = |key: &str| {
        let value = fields.get(key)?;
        let text = table.text(key, value, accepted)?;
        let checked = path(text);
        checked.map_err(|fault| table.fault(value.span(), &format!("{key}: {fault}"))).ok()
    };
    let (exact, prefix) = (read("path"), read("path-prefix"));
    if let (Some(_), Some(value)) = (fields.get("path"), fields.get("path-prefix")) {
        table.fault(value.span(), "path and path-prefix together; write one or the other");
    }
    match (exact, prefix) {
        (Some(exact), _) => PathMatch::Exact(exact),
        (None, Some(prefix)) => {
            PathMatch::Prefix(prefix.strip_suffix('/').map(str::to_owned).unwrap_or(prefix))
        }
        (None, None) => PathMatch::Any,
    }
}

fn headers(table: &mut Table<'_, '_>, value: Option<&Spanned<DeValue<'_>>>) -> Vec<(String, String)> {
    const FORM: &str = "write header = { name = \"value\" }";
    let Some(value) = value else { return Vec::new() };
    let DeValue::Table(fields) = value.get_ref() else {
        table.fault(value.span(), &format!("header: {} is no table; {FORM}", value.get_ref().type_str()));
        return Vec::new();
    };
    if fields.is_empty() {
        table.fault(value.span(), "header: an empty table; leave it out to mean all");
    }
    if table.too_many("header", value.span(), fields.len(), MOST_ITEMS) {
        return Vec::new();
    }
    let mut headers = BTreeMap::new();
    for (key, value) in fields {
        let written = key.get_ref().as_ref();
        let name = match token(written, "header") {
            Ok(name) => name.to_ascii_lowercase(),
            Err(fault) => {
                table.fault(key.span(), &format!("header: {fault}"));
                continue;
            }
        };
        let Some(text) = table.text("header", value, FORM) else { continue };
        if let Err(fault) = header_value(text) {
            table.fault(value.span(), &format!("header: {fault}"));
        }
        if headers.insert(name, text.to_owned()).is_some() {
            let text =
                format!("header: {} stands there twice; names are the same in any case", quote(written));
            table.fault(key.span(), &text);
        }
    }
    headers.into_iter().collect()
}

fn backends(
    table: &mut Table<'_, '_>,
    at: Range<usize>,
    value: Option<&Spanned<DeValue<'_>>>,
    tables: &Tables,
) -> Vec<(usize, u16)> {
    let Some(value) = value else {
        table.fault(at, &format!("it has no backend; {BACKEND}"));
        return Vec::new();
    };
    let find = |table: &mut Table<'_, '_>, name: &str, span: Range<usize>| {
        let found = tables.backends.iter().position(|set| set.name == name);
        if found.is_none() {
            let names = tables.backends.iter().map(|set| set.name.as_str());
            let hint = nearest(name, names)
                .map_or_else(|| format!("write [backends.{name}]"), |near| format!("did you mean {near:?}?"));
            table.fault(span, &format!("backend: there is no backend set {}; {hint}", quote(name)));
        }
        found
    };
    match value.get_ref() {
        DeValue::String(name) => find(table, name, value.span()).map(|set| (set, 1)).into_iter().collect(),
        DeValue::Table(fields) if fields.is_empty() => {
            table.fault(value.span(), &format!("backend: an empty table; {BACKEND}"));
            Vec::new()
        }
        DeValue::Table(fields) => {
            let mut weighted = Vec::new();
            for (key, weight) in fields {
                let weight = table.weight("backend", Some(weight));
                weighted.extend(find(table, key.get_ref(), key.span()).map(|set| (set, weight)));
            }
            if !weighted.is_empty() && weighted.iter().all(|&(_, weight)| weight == 0) {
                let text = "backend: every weight is 0, so none could be chosen; give one a weight";
                table.fault(value.span(), text);
            }
            weighted
        }
        other => {
            table.fault(value.span(), &format!("backend: {} is no name; {BACKEND}", other.type_str()));
            Vec::new()
        }
    }
}

/// Routes of the same name, and those that ask for the very same as an earlier one: they could never be taken.
fn duplicates(routes: &[Draft], problems: &mut Vec<Problem>) {
    let (mut names, mut criteria) = (BTreeMap::new(), BTreeMap::new());
    for draft in routes {
        let route = &draft.route;
        let mut fault = |text: String| {
            problems.push(Problem { at: draft.at.clone(), text: format!("route {:?}: {text}", route.name) });
        };
        if let Some(at) = names.insert(&route.name, &draft.at) {
            fault(format!("there is another of this name ({}); give each its own", Origin::place(at)));
        }
        let set = (
            draft.listen.iter().map(|(name, _)| *name).collect::<BTreeSet<_>>(),
            route.authorities.iter().collect::<BTreeSet<_>>(),
            &route.path,
            route.methods.iter().collect::<BTreeSet<_>>(),
            &route.headers,
        );
        if let Some(earlier) = criteria.get(&set) {
            let earlier: &&Draft = earlier;
            fault(format!(
                "it asks for the same as route {:?} ({}), which always comes first; take one away",
                earlier.route.name,
                earlier.at.place()
            ));
        } else {
            criteria.insert(set, draft);
        }
    }
}
