//! One request, made into a head and judged as live traffic is.

use super::Field;
use crate::config::{Config, Entry, Target};
use crate::listener::opaque_by_port;
use crate::metrics::Direction;
use crate::resolve::{self, Failure};
use crate::route::{Case, Goal, Match, Refusal, Router};
use crate::wire::event::{Event, Peer};
use crate::wire::h1::RequestFacts;
use crate::wire::means::Means;
use crate::wire::observer::Observer;

/// What becomes of a request.
pub(super) enum Ruling {
    /// It takes the first of these routes.
    Route(Vec<Match>),
    /// It takes none, and goes there.
    NoRoute(String),
    /// It is answered by us.
    Answer(Refusal),
}

/// How it comes in.
pub(super) struct Place<'a> {
    /// What is set.
    pub(super) config: &'a Config,
    /// The listener.
    pub(super) listen: Entry,
    /// It has an original destination, or its forward's target; else it comes as to a proxy.
    pub(super) has_target: bool,
}

/// Judges a request.
pub(super) fn judge(
    place: &Place<'_>,
    router: &Router,
    (method, target): (&str, &str),
    fields: &[Field],
) -> Ruling {
    let Place { config, listen, has_target } = *place;
    let is_steered = !has_target || config.http_reuse || router.applies_to(listen);
    let head = head(method, target, fields);
    let original = || Ruling::NoRoute(no_route(place, "404"));
    if is_opaque(config, listen) || (!is_steered && !config.http_strict) {
        return original();
    }
    let (is_request, fault) = read(&head, is_steered);
    if let Some(refusal) = fault {
        return Ruling::Answer(refusal);
    }
    if !is_request {
        return Ruling::NoRoute(no_route(place, "a reset"));
    }
    let facts = match RequestFacts::of(&head) {
        Ok(facts) => facts,
        Err(refused) => return Ruling::Answer((refused.status(), refused.as_str())),
    };
    let case = Case { head: &head, facts: &facts, listen, has_target };
    match case.judge(router, &config.connect_ports, "") {
        Ok(Goal::Route(_)) => Ruling::Route(case.with_asked(|asked| router.matches(asked))),
        Ok(Goal::Target) | Err((404, _)) => original(),
        Ok(Goal::Host(host, port)) => {
            let host = String::from_utf8_lossy(host);
            if !resolve::is_host(&host) {
                return Ruling::Answer((Failure::BadName.status(), Failure::BadName.as_str()));
            }
            let to = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
            Ruling::NoRoute(no_route(place, &to))
        }
        Err(refusal) => Ruling::Answer(refusal),
    }
}

/// Judges a ClientHello with this name.
pub(super) fn judge_tls(place: &Place<'_>, router: &Router, name: &str) -> Ruling {
    match router.sni_matches(place.listen, name) {
        matches if matches.is_empty() || is_opaque(place.config, place.listen) => {
            Ruling::NoRoute(no_route(place, "a reset"))
        }
        matches => Ruling::Route(matches),
    }
}

/// Where a connection goes that takes no route; `instead` as to a proxy.
fn no_route(place: &Place<'_>, instead: &str) -> String {
    match place.listen {
        Entry::Forward(_) => "the forward's target".to_owned(),
        _ if place.has_target => "original destination".to_owned(),
        _ => format!("original destination, or {instead} where there is none"),
    }
}

/// Whether nobody looks into what a forward carries.
fn is_opaque(config: &Config, listen: Entry) -> bool {
    let Entry::Forward(index) = listen else { return false };
    config.forwards.get(index).is_some_and(|forward| {
        let direction = if forward.inbound { Direction::Inbound } else { Direction::Outbound };
        let port = match forward.target {
            Target::Addr(addr) => addr.port(),
            Target::Name(_, port) => port,
        };
        opaque_by_port(config, direction, port).is_some()
    })
}

/// The request as a client sends it, with the `Host` that belongs to its target unless `fields` have one.
fn head(method: &str, target: &str, fields: &[Field]) -> Vec<u8> {
    let mut head = format!("{method} {target} HTTP/1.1\r\n");
    if fields.iter().all(|field| field.name != "host") {
        let authority = match target.split_once("://") {
            Some((_, rest)) => rest.split(['/', '?', '#']).next().unwrap_or_default(),
            None if method == "CONNECT" => target,
            None => "",
        };
        head.push_str(&format!("Host: {authority}\r\n"));
    }
    for Field { name, value } in fields {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// Reads a head strictly: whether it is a request, and what is wrong with it.
fn read(head: &[u8], is_one_by_one: bool) -> (bool, Option<Refusal>) {
    let (mut observer, mut is_request) = (Observer::default(), false);
    let mut means = Means::default();
    means.is_one_by_one = is_one_by_one;
    observer.look(Peer::Client, head, true, &mut means, &mut |event: Event<'_>| {
        is_request |= matches!(event, Event::Request { .. });
    });
    (is_request, observer.fault().map(|fault| (fault.status, fault.reason.as_str())))
}
