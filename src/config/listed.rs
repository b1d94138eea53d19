//! Routes and backend sets once all sources are known: which listeners they mean, and how `wayside check` shows them.

use std::fmt::Write;

use toml::Value;

use super::file::tables::{Draft, ListenName, Tables};
use super::problem::Problem;
use super::routes::{Authority, Backends, Entry, PathMatch};
use super::{Forward, Server};

/// Finds the listeners that routes name. Of several forwards with one address (port 0) all are meant.
pub(super) fn look_up(tables: &mut Tables, forwards: &[Forward]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for draft in &mut tables.routes {
        for (name, at) in &draft.listen {
            let before = draft.route.listen.len();
            match name {
                ListenName::Inbound => draft.route.listen.push(Entry::Inbound),
                ListenName::Outbound => draft.route.listen.push(Entry::Outbound),
                ListenName::Forward(addr) => {
                    let same = forwards.iter().enumerate().filter(|(_, forward)| forward.listen == *addr);
                    draft.route.listen.extend(same.map(|(index, _)| Entry::Forward(index)));
                }
            }
            if let ListenName::Forward(addr) = name
                && draft.route.listen.len() == before
            {
                let text = format!(
                    "route {:?}: listen: no forward listens on {addr}; {}",
                    draft.route.name,
                    known(forwards)
                );
                problems.push(Problem { at: at.clone(), text });
            }
        }
    }
    problems
}

fn known(forwards: &[Forward]) -> String {
    let listed: Vec<String> = forwards.iter().take(8).map(|forward| forward.listen.to_string()).collect();
    let more = if forwards.len() > listed.len() { ", ..." } else { "" };
    match listed.is_empty() {
        true => "there is no forward; write \"inbound\" or \"outbound\"".to_owned(),
        false => format!("write \"inbound\", \"outbound\" or one of {}{more}", listed.join(", ")),
    }
}

/// The tables as a file that gives the same again, and where each stands.
pub(super) fn to_toml(tables: &Tables, forwards: &[Forward]) -> String {
    let mut text = String::new();
    for (set, (at, _)) in tables.backends.iter().zip(&tables.backends_at) {
        let servers: Vec<String> = set.servers.iter().map(server).collect();
        let place = comment(&at.place());
        let _ = write!(text, "\n[backends.{}]  # {place}\nservers = [{}]\n", set.name, servers.join(", "));
    }
    for draft in &tables.routes {
        let _ = write!(text, "\n[[route]]  # {}\n", comment(&draft.at.place()));
        text.push_str(&route(draft, &tables.backends, forwards));
    }
    text
}

fn comment(place: &str) -> String {
    place.replace(char::is_control, "?")
}

fn server(server: &Server) -> String {
    let address = quoted(&server.target.to_string());
    match server.weight {
        1 => address,
        weight => format!("{{ address = {address}, weight = {weight} }}"),
    }
}

fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

fn list(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.map(|item| quoted(&item)).collect::<Vec<_>>().join(", "))
}

fn route(draft: &Draft, backends: &[Backends], forwards: &[Forward]) -> String {
    let route = &draft.route;
    let mut lines = format!("name = {}\n", quoted(&route.name));
    let mut line = |key: &str, value: String| {
        let _ = writeln!(lines, "{key} = {value}");
    };
    if !route.listen.is_empty() {
        let mut names: Vec<String> = route.listen.iter().map(|&entry| listener(entry, forwards)).collect();
        names.dedup();
        line("listen", list(names.into_iter()));
    }
    if !route.authorities.is_empty() {
        line("authority", list(route.authorities.iter().map(Authority::to_string)));
    }
    match &route.path {
        PathMatch::Any => {}
        PathMatch::Exact(path) => line("path", quoted(path)),
        PathMatch::Prefix(prefix) => {
            line("path-prefix", quoted(if prefix.is_empty() { "/" } else { prefix }));
        }
    }
    if !route.methods.is_empty() {
        line("method", list(route.methods.iter().cloned()));
    }
    if !route.headers.is_empty() {
        let fields =
            route.headers.iter().map(|(name, value)| format!("{} = {}", quoted(name), quoted(value)));
        line("header", format!("{{ {} }}", fields.collect::<Vec<_>>().join(", ")));
    }
    let name = |set: usize| backends.get(set).map_or("", |set| &set.name);
    match route.backends.as_slice() {
        [(set, 1)] => line("backend", quoted(name(*set))),
        several => {
            let weights = several.iter().map(|(set, weight)| format!("{} = {weight}", name(*set)));
            line("backend", format!("{{ {} }}", weights.collect::<Vec<_>>().join(", ")));
        }
    }
    lines
}

/// A listener as a route names it.
fn listener(entry: Entry, forwards: &[Forward]) -> String {
    match entry {
        Entry::Inbound => "inbound".to_owned(),
        Entry::Outbound => "outbound".to_owned(),
        Entry::Forward(index) => {
            forwards.get(index).map_or_else(String::new, |forward| forward.listen.to_string())
        }
    }
}
