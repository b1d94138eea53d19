//! From what was asked to where it goes.

use crate::config::Entry;
use crate::course::{Choice, Course, Purpose, Role, Traits, Trouble};
use crate::flow::Next;
use crate::flow::http::Connection;
use crate::flow::ledger::Account;
use crate::flow::steer::{SteeredFlow, Way};
use crate::kit::Kit;
use crate::metrics::Counter;
use crate::resolve::{Dialable, Guest};
use crate::route::{Asked, Case, Goal, Refusal, RouteId};
use crate::wire::detect::Verdict;
use crate::wire::event::{Peer, Version};
use crate::wire::h1::facts::{self, Form, RequestFacts};
use crate::wire::observer::Observer;
use log::warn;
use std::net::SocketAddr;

/// The client is none of those that we are a proxy for.
const NOT_SERVED: Refusal = (403, "client not allowed to use this proxy");

impl SteeredFlow {
    /// Whether its client may ask us for anything: where its target is known, or it may use us as a proxy.
    pub(super) fn is_served(&self, kit: &Kit) -> bool {
        self.way.target.is_some() || may_use_proxy(&self.account, kit)
    }

    /// A request of HTTP/1 has come.
    pub(super) fn choose(&mut self, kit: &mut Kit) -> Next {
        let is_whole = matches!(&self.observer, Observer::Http1(http) if http.is_paused(Peer::Client));
        let Some(course) = &mut self.course else { return Next::Wait };
        self.up.forgo(course.drop_empty_line());
        self.account.not_dialled();
        if let Some(verdict) = course.verdict.take() {
            self.account.decide(verdict, kit);
        }
        match aim(course, &self.way, &self.account, is_whole, kit) {
            Ok(()) => self.seek(kit),
            Err((status, cause)) => {
                if status == 508 {
                    kit.count(Counter::RefusedLoop(self.account.direction));
                }
                self.answer(status, cause, kit)
            }
        }
    }

    /// HTTP/2, TLS and all else are steered once.
    pub(super) fn choose_once(&mut self, kit: &mut Kit) -> Next {
        let is_served = self.is_served(kit);
        let course = self.course.get_or_insert_with(|| kit.courses.take());
        course.traits.purpose = Purpose::Relay;
        // All that has come goes, and the observer has seen it.
        course.ready = course.held.len();
        let route = if self.observer.http2().is_some() {
            course.asked.id.and_then(|_| route_of_http2(course, self.way.listen, kit))
        } else {
            route_of_tls(course.verdict.as_ref(), self.way.listen, kit)
        };
        match (route, self.way.target) {
            (Some(route), _) => course.choice = backends(route, kit),
            (None, Some(target)) => course.go_to(target),
            (None, None) => {
                not_redirected(&self.account.connection(), kit);
                course.trouble = Trouble { status: 404, cause: "no route" };
            }
        }
        if !is_served {
            let (status, cause) = NOT_SERVED;
            course.trouble = Trouble { status, cause };
            course.choice = Choice::None;
        }
        self.seek(kit)
    }
}

/// It came to us as to a proxy, and asks for nothing that one does.
fn not_redirected(connection: &Connection, kit: &mut Kit) {
    kit.count(Counter::RefusedNotRedirected(connection.direction));
    if let Some(more) = kit.refusals.pass(kit.now) {
        let (direction, source) = (connection.direction.as_str(), SocketAddr::from(connection.source));
        warn!(
            "{direction}: connection from {source} closed: it was not redirected here and is not a proxy's HTTP/1, so its \
             target is not known; redirect it, or use --forward ({more} such lines left out)"
        );
    }
}

/// Whether a connection's client may use us as a proxy.
fn may_use_proxy(account: &Account, kit: &Kit) -> bool {
    kit.config.proxy_clients.contains(account.source().ip())
}

/// Reads the head and sets where the request goes.
fn aim(
    course: &mut Course,
    way: &Way,
    account: &Account,
    is_whole: bool,
    kit: &mut Kit,
) -> Result<(), Refusal> {
    let Course { held, asked, traits, .. } = course;
    let head = held.get(..asked.request).unwrap_or_default();
    let facts = RequestFacts::of(head).map_err(|refused| (refused.status(), refused.as_str()))?;
    let has_target = way.target.is_some();
    if !has_target && !may_use_proxy(account, kit) {
        return Err(NOT_SERVED);
    }
    let case = Case { head, facts: &facts, listen: way.listen, has_target };
    let (is_proxied, is_connect) = (case.is_proxied(), facts.form == Form::Authority);
    // Refused or not: whether the connection is kept is for the request to say.
    *traits = Traits {
        purpose: if is_proxied && is_connect { Purpose::Connect } else { Purpose::Exchange },
        keep_alive: facts.keep_alive && !(is_proxied && facts.version == Version::Http10),
        is_http10: facts.version == Version::Http10,
        is_idempotent: facts::is_idempotent(facts.method),
        role: match has_target {
            true => Role::Transparent,
            false if is_proxied => Role::Proxy,
            false => Role::Gateway,
        },
        may_reuse: is_whole && !facts.is_upgrade && !is_connect,
    };
    match (case.judge(&kit.router, &kit.config.connect_ports, &kit.pseudonym)?, way.target) {
        (Goal::Route(route), _) => course.choice = backends(route, kit),
        (Goal::Target, Some(target)) => course.go_to(target),
        (Goal::Target, None) => {}
        (Goal::Host(host, port), _) => {
            let target = find(host, port, account, kit)?;
            course.go_to(target);
        }
    }
    Ok(())
}

fn backends(route: RouteId, kit: &mut Kit) -> Choice {
    Choice::Backends(kit.router.backends(route, kit.backends.draw()))
}

fn route_of_http2(course: &Course, listen: Entry, kit: &Kit) -> Option<RouteId> {
    let asked = &course.asked;
    let header = |name: &str| asked.fields.value(name.as_bytes());
    kit.router.route(&Asked {
        listen,
        authority: &asked.authority,
        target: &asked.target,
        method: &asked.method,
        header: &header,
    })
}

fn route_of_tls(verdict: Option<&Verdict>, listen: Entry, kit: &Kit) -> Option<RouteId> {
    let hello = verdict?.hello.as_ref()?;
    kit.router.sni(listen, hello.sni.as_deref().unwrap_or_default())
}

/// The host that a client has named.
fn find(host: &[u8], port: u16, account: &Account, kit: &mut Kit) -> Result<Dialable, Refusal> {
    let host = std::str::from_utf8(host).map_err(|_| (400, "host of the request target"))?;
    match kit.resolver.guest(host, account.source().ip().into(), kit.instant) {
        Ok(Guest::Address(ip)) => Ok(Dialable::Addr(SocketAddr::new(ip, port))),
        Ok(Guest::Name(name)) => Ok(Dialable::Name(name, port)),
        Err(failure) => Err((failure.status(), failure.as_str())),
    }
}
