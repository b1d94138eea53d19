//! Which request goes to which backend set. Pure: made once from the configuration, asked for each request or TLS name.
//!
//! What a look-up costs: a hash of the host, one for each of its suffixes that is no longer than the longest `*.` of a
//! route, then the routes of those hosts and those without a host, one after the other, until one matches. Nothing is
//! allocated. So a thousand routes of a thousand hosts cost as much as one; a thousand of one host are a thousand
//! comparisons of paths.

mod asked;
mod judge;

use crate::base::map::Map;
use std::cmp::Reverse;
use std::ops::ControlFlow;

pub use asked::Asked;
use asked::{Host, HostBuffer, Place};
pub use judge::{Case, Goal, Refusal};

use crate::config::{Config, Entry, PathMatch, Route};

/// A route: its place in [`Config::routes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteId(u16);

/// A backend set: its place in [`Config::backends`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BackendId(u16);

impl RouteId {
    /// The place in [`Config::routes`].
    pub fn index(self) -> usize {
        self.0.into()
    }
}

impl BackendId {
    /// The backend set at this place of [`Config::backends`]; `None` beyond what a configuration can hold.
    pub fn new(index: usize) -> Option<BackendId> {
        u16::try_from(index).ok().map(BackendId)
    }

    /// The place in [`Config::backends`].
    pub fn index(self) -> usize {
        self.0.into()
    }
}

/// A route that matches, and by which of its authorities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Match {
    /// The route.
    pub route: RouteId,
    /// The place in its `authorities`; `None` where it has none.
    pub authority: Option<usize>,
}

/// All routes, sorted so that the first that matches is the one to take.
#[derive(Debug, Clone, Default)]
pub struct Router {
    rules: Vec<Rule>,
    /// By host.
    exact: Map<Box<[u8]>, Vec<Row>>,
    /// By what follows `*.`.
    suffixes: Map<Box<[u8]>, Vec<Row>>,
    /// Of the keys of `suffixes`, in bytes.
    longest_suffix: usize,
    /// Routes without a host.
    any: Vec<Row>,
}

/// What a route asks for besides its host.
#[derive(Debug, Clone)]
struct Rule {
    listen: Box<[Entry]>,
    path: PathMatch,
    methods: Box<[Box<[u8]>]>,
    headers: Vec<(String, String)>,
    backends: Box<[(BackendId, u16)]>,
    /// Of the weights of `backends`.
    total: u32,
}

/// One authority of a route.
#[derive(Debug, Clone, Copy)]
struct Row {
    found: Match,
    port: Option<u16>,
}

impl Router {
    /// The routes of `config`.
    pub fn new(config: &Config) -> Router {
        let mut router = Router::default();
        for (id, route) in (0..).map(RouteId).zip(&config.routes) {
            router.rules.push(Rule::of(route));
            if route.authorities.is_empty() {
                router.any.push(Row { found: Match { route: id, authority: None }, port: None });
            }
            for (index, authority) in route.authorities.iter().enumerate() {
                let rows = if authority.wildcard { &mut router.suffixes } else { &mut router.exact };
                let row = Row { found: Match { route: id, authority: Some(index) }, port: authority.port };
                rows.entry(authority.host.as_bytes().into()).or_default().push(row);
            }
        }
        let Router { rules, exact, suffixes, any, .. } = &mut router;
        let buckets = exact.values_mut().chain(suffixes.values_mut()).chain([any]);
        // The sort is stable: at last the order of the file counts.
        buckets.for_each(|rows| rows.sort_by_key(|row| rank(rules, row)));
        router.longest_suffix = suffixes.keys().map(|suffix| suffix.len()).max().unwrap_or(0);
        router
    }

    /// The route that a request takes.
    pub fn route(&self, asked: &Asked<'_>) -> Option<RouteId> {
        self.first(asked.listen, &asked.place(), Some(asked))
    }

    /// The route that a TLS connection takes by the name of its ClientHello; `""` where it has none.
    ///
    /// Routes that ask for a path, a method, a header or a port never match: none of them is known.
    pub fn sni(&self, listen: Entry, name: &str) -> Option<RouteId> {
        self.first(listen, &Place::of_name(name.as_bytes()), None)
    }

    /// Every route that matches a request, the one that is taken first. For people: it allocates.
    pub fn matches(&self, asked: &Asked<'_>) -> Vec<Match> {
        self.all(asked.listen, &asked.place(), Some(asked))
    }

    /// The same for a TLS name.
    pub fn sni_matches(&self, listen: Entry, name: &str) -> Vec<Match> {
        self.all(listen, &Place::of_name(name.as_bytes()), None)
    }

    /// The backend set of a route, by weight; `draw` is a number from all of `u32`, each as likely as the next.
    pub fn backends(&self, route: RouteId, draw: u32) -> BackendId {
        let Some(rule) = self.rules.get(route.index()) else { return BackendId(0) };
        // Below `total`, for it is `draw` as a fraction of 2^32.
        let mut left = u64::from(draw).saturating_mul(rule.total.into()) >> 32;
        for &(backend, weight) in &rule.backends {
            match left.checked_sub(weight.into()) {
                Some(rest) => left = rest,
                None => return backend,
            }
        }
        rule.backends.first().map_or(BackendId(0), |&(backend, _)| backend)
    }

    /// Whether any route asks for a header.
    pub fn needs_headers(&self) -> bool {
        self.rules.iter().any(|rule| !rule.headers.is_empty())
    }

    /// Whether any route holds for connections of this listener.
    pub fn applies_to(&self, listen: Entry) -> bool {
        self.rules.iter().any(|rule| rule.holds_for(listen))
    }

    fn first(&self, listen: Entry, place: &Place<'_>, request: Option<&Asked<'_>>) -> Option<RouteId> {
        self.visit(listen, place, request, &mut |found| ControlFlow::Break(found.route)).break_value()
    }

    fn all(&self, listen: Entry, place: &Place<'_>, request: Option<&Asked<'_>>) -> Vec<Match> {
        let mut all: Vec<Match> = Vec::new();
        let _ = self.visit(listen, place, request, &mut |found| {
            if all.iter().all(|earlier| earlier.route != found.route) {
                all.push(found);
            }
            ControlFlow::<()>::Continue(())
        });
        all
    }

    /// Shows every match, by precedence.
    fn visit<B>(
        &self,
        listen: Entry,
        place: &Place<'_>,
        request: Option<&Asked<'_>>,
        see: &mut dyn FnMut(Match) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let mut buffer = HostBuffer::default();
        let host = Host::read(place.authority, place.default_port, &mut buffer);
        let port = host.as_ref().and_then(|host| host.port);
        let mut bucket = |rows: Option<&Vec<Row>>| -> ControlFlow<B> {
            for row in rows.into_iter().flatten() {
                let rule = self.rules.get(row.found.route.index());
                if (row.port.is_none() || row.port == port)
                    && rule.is_some_and(|rule| rule.matches(listen, place.path, request))
                {
                    see(row.found)?;
                }
            }
            ControlFlow::Continue(())
        };
        if let Some(host) = &host {
            bucket(self.exact.get(host.name))?;
            for suffix in host.suffixes().filter(|suffix| suffix.len() <= self.longest_suffix) {
                bucket(self.suffixes.get(suffix))?;
            }
        }
        bucket(Some(&self.any))
    }
}

/// Where a row stands among those of the same host: what comes first is smaller.
fn rank(rules: &[Rule], row: &Row) -> impl Ord + use<> {
    let rule = rules.get(row.found.route.index());
    let path = rule.map(|rule| match &rule.path {
        PathMatch::Exact(_) => (0, Reverse(0)),
        PathMatch::Prefix(prefix) => (1, Reverse(prefix.len())),
        PathMatch::Any => (2, Reverse(0)),
    });
    let methods = rule.map(|rule| rule.methods.is_empty());
    (row.port.is_none(), path, methods, Reverse(rule.map(|rule| rule.headers.len())))
}

impl Rule {
    fn of(route: &Route) -> Rule {
        let backends: Box<[(BackendId, u16)]> = route
            .backends
            .iter()
            .filter_map(|&(index, weight)| Some((BackendId::new(index)?, weight)))
            .collect();
        Rule {
            listen: route.listen.as_slice().into(),
            path: route.path.clone(),
            methods: route.methods.iter().map(|method| method.as_bytes().into()).collect(),
            headers: route.headers.clone(),
            total: backends.iter().map(|&(_, weight)| u32::from(weight)).sum(),
            backends,
        }
    }

    fn holds_for(&self, listen: Entry) -> bool {
        self.listen.is_empty() || self.listen.contains(&listen)
    }

    /// Whether all but the host is as the rule wants it. Headers, the dearest, are looked at last.
    fn matches(&self, listen: Entry, path: Option<&[u8]>, request: Option<&Asked<'_>>) -> bool {
        self.holds_for(listen)
            && self.matches_path(path)
            && (self.methods.is_empty()
                || request.is_some_and(|asked| self.methods.iter().any(|method| **method == *asked.method)))
            && self.headers.iter().all(|(name, value)| {
                let found = request.and_then(|asked| (asked.header)(name));
                found.is_some_and(|found| *found == *value.as_bytes())
            })
    }

    fn matches_path(&self, path: Option<&[u8]>) -> bool {
        match (&self.path, path) {
            (PathMatch::Any, _) => true,
            (_, None) => false,
            (PathMatch::Exact(exact), Some(path)) => path == exact.as_bytes(),
            (PathMatch::Prefix(prefix), Some(path)) => path
                .strip_prefix(prefix.as_bytes())
                .is_some_and(|rest| rest.first().is_none_or(|&byte| byte == b'/')),
        }
    }
}

#[cfg(test)]
mod tests;
