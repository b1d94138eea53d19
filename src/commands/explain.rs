//! `wayside check --explain`: which route a request would take, why, and which others would have matched; or what it would be
//! answered.

mod request;

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;

use crate::config::{Authority, Config, Entry, Loaded, PathMatch, Route, listen};
use crate::route::{Match, Router};
use request::{Place, Ruling};

/// What is asked.
#[derive(Debug)]
pub struct Explain {
    /// Each is answered for itself.
    pub questions: Vec<Question>,
    /// Fields that every request has.
    pub headers: Vec<Field>,
    /// Where they come in.
    pub from: From,
}

/// One request or TLS name, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// `GET http://host/path`.
    Request {
        /// As it stands.
        method: String,
        /// As it stands.
        target: String,
    },
    /// `TLS name`; the name is empty for a ClientHello without one.
    Tls(String),
}

impl Question {
    /// An error says what to write.
    pub fn parse(text: &str) -> Result<Question, String> {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        match words.as_slice() {
            ["TLS"] => Ok(Question::Tls(String::new())),
            ["TLS", name] => Ok(Question::Tls((*name).to_owned())),
            // Whatever it is: live traffic is answered, too.
            &[method, target] => {
                Ok(Question::Request { method: method.to_owned(), target: target.to_owned() })
            }
            _ => Err("write \"GET http://host/path\", \"CONNECT host:port\" or \"TLS name\"".to_owned()),
        }
    }
}

/// `name: value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    name: String,
    value: String,
}

impl Field {
    /// An error says what to write.
    pub fn parse(text: &str) -> Result<Field, String> {
        let (name, value) = text.split_once(':').ok_or("write \"name: value\"")?;
        Ok(Field {
            name: name.trim().to_ascii_lowercase(),
            value: value.trim_matches([' ', '\t']).to_owned(),
        })
    }
}

/// Which listener it comes in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// An inbound one.
    Inbound,
    /// An outbound one, as to a proxy: nothing was redirected there.
    Outbound,
    /// An outbound one, redirected there: it has an original destination.
    Redirected,
    /// The forward that listens there.
    Forward(SocketAddr),
}

impl From {
    /// An error says what to write.
    pub fn parse(text: &str) -> Result<From, String> {
        match text {
            "inbound" => Ok(From::Inbound),
            "outbound" => Ok(From::Outbound),
            "redirected" => Ok(From::Redirected),
            _ => listen(text).map(From::Forward).map_err(|_| {
                "write inbound, outbound, redirected or the listen address of a forward, as in 127.0.0.1:8080"
                    .to_owned()
            }),
        }
    }

    fn entry(self, config: &Config) -> Option<Entry> {
        match self {
            From::Inbound => Some(Entry::Inbound),
            From::Outbound | From::Redirected => Some(Entry::Outbound),
            From::Forward(addr) => {
                config.forwards.iter().position(|forward| forward.listen == addr).map(Entry::Forward)
            }
        }
    }
}

/// Answers every question on stdout. 0: each takes a route; 1: one of them takes none; 2: there is no such listener.
pub fn explain(loaded: &Loaded, explain: &Explain) -> ExitCode {
    let Some(entry) = explain.from.entry(&loaded.config) else {
        let text = "--explain-listen: no forward listens there; write inbound, outbound, redirected or an address of \
                    --forward";
        let _ = writeln!(std::io::stderr().lock(), "{text}");
        return ExitCode::from(2);
    };
    let place = Place { config: &loaded.config, listen: entry, has_target: explain.from != From::Outbound };
    let router = Router::new(&loaded.config);
    let mut text = String::new();
    let mut all = true;
    for question in &explain.questions {
        let ruling = match question {
            Question::Request { method, target } => {
                let _ = writeln!(text, "{method} {target}");
                request::judge(&place, &router, (method, target), &explain.headers)
            }
            Question::Tls(name) => {
                let _ = writeln!(text, "{}", format!("TLS {name}").trim_end());
                request::judge_tls(&place, &router, name)
            }
        };
        all &= matches!(ruling, Ruling::Route(_));
        match ruling {
            Ruling::Route(matches) => answer(loaded, &matches, &mut text),
            Ruling::NoRoute(instead) => drop(writeln!(text, "  no route: {instead}")),
            Ruling::Answer((status, "")) => drop(writeln!(text, "  answered {status}")),
            Ruling::Answer((status, cause)) => drop(writeln!(text, "  answered {status}: {cause}")),
        }
    }
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    ExitCode::from(u8::from(!all))
}

fn answer(loaded: &Loaded, matches: &[Match], text: &mut String) {
    let config = &loaded.config;
    let of = |found: &Match| Some((config.routes.get(found.route.index())?, *found));
    let name = |route: &Route, found: Match| {
        format!("{:?} ({})", route.name, loaded.route_place(found.route.index()))
    };
    let mut found = matches.iter().filter_map(of);
    let Some((taken, first)) = found.next() else { return };
    let _ = writeln!(text, "  route {}", name(taken, first));
    let _ = writeln!(text, "  because of {}", criteria(taken, authority(taken, first)));
    for &(index, weight) in &taken.backends {
        let Some(set) = config.backends.get(index) else { continue };
        let servers: Vec<String> = set
            .servers
            .iter()
            .map(|server| format!("{} (weight {})", server.target, server.weight))
            .collect();
        let _ = writeln!(text, "  backend {:?} (weight {weight}): {}", set.name, servers.join(", "));
    }
    for (route, lost) in found {
        let why = why_first((taken, first), (route, lost));
        let _ = writeln!(text, "  also matches {}, but the first {why}", name(route, lost));
    }
}

/// The authority that matched.
fn authority(route: &Route, found: Match) -> Option<&Authority> {
    route.authorities.get(found.authority?)
}

/// What the route asked for, and was met.
fn criteria(route: &Route, authority: Option<&Authority>) -> String {
    let mut met = Vec::new();
    met.extend((!route.listen.is_empty()).then(|| "listen".to_owned()));
    met.extend(authority.map(|authority| format!("authority {authority}")));
    match &route.path {
        PathMatch::Any => {}
        PathMatch::Exact(path) => met.push(format!("path {path}")),
        PathMatch::Prefix(prefix) if prefix.is_empty() => met.push("path-prefix /".to_owned()),
        PathMatch::Prefix(prefix) => met.push(format!("path-prefix {prefix}")),
    }
    met.extend((!route.methods.is_empty()).then(|| format!("method {}", route.methods.join(" or "))));
    met.extend(route.headers.iter().map(|(name, value)| format!("header {name} = {value:?}")));
    if met.is_empty() { "nothing: it takes all".to_owned() } else { met.join(", ") }
}

/// The first thing in which the one that is taken is ahead.
fn why_first(taken: (&Route, Match), lost: (&Route, Match)) -> &'static str {
    let host = |(route, found)| match authority(route, found) {
        None => (0, 0),
        Some(authority) if authority.wildcard => (1, authority.host.len()),
        Some(_) => (2, 0),
    };
    let port = |(route, found)| authority(route, found).is_some_and(|authority| authority.port.is_some());
    let path = |(route, _): (&Route, Match)| match &route.path {
        PathMatch::Any => (0, 0),
        PathMatch::Prefix(prefix) => (1, prefix.len()),
        PathMatch::Exact(_) => (2, 0),
    };
    let steps = [
        (host(taken).cmp(&host(lost)), "has the more exact host"),
        (port(taken).cmp(&port(lost)), "names the port"),
        (path(taken).cmp(&path(lost)), "has the more exact path"),
        (lost.0.methods.is_empty().cmp(&taken.0.methods.is_empty()), "names the method"),
        (taken.0.headers.len().cmp(&lost.0.headers.len()), "asks for more headers"),
    ];
    let step = steps.into_iter().find(|(order, _)| *order != Ordering::Equal);
    step.map_or("comes first in the file", |(_, why)| why)
}
