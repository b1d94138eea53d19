//! What becomes of a request of HTTP/1: where it goes, or what it is answered. Live traffic and `wayside check --explain` ask here.

use std::borrow::Cow;

use super::{Asked, RouteId, Router};
use crate::config::{Entry, PortSet};
use crate::wire::h1::facts::{self, Form, RequestFacts};

/// The status of an answer of ours, and its cause.
pub type Refusal = (u16, &'static str);

/// Nothing is wrong, but the request ends here: we are whom it asks (RFC 9110, section 7.6.2).
const OPTIONS: Refusal = (200, "");

/// A request, and how it came in.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// The whole head, as strict parsing has accepted it.
    pub head: &'a [u8],
    /// What it says.
    pub facts: &'a RequestFacts<'a>,
    /// The listener that it came in by.
    pub listen: Entry,
    /// Its connection has an original destination, or its forward's target. Without one we are a proxy that the client
    /// knows of.
    pub has_target: bool,
}

/// Where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal<'a> {
    /// It takes a route.
    Route(RouteId),
    /// To where its connection wanted to go.
    Target,
    /// To the host and port that it names to a proxy.
    Host(&'a [u8], u16),
}

impl<'a> Case<'a> {
    /// Whether it is said to us as to a proxy.
    pub fn is_proxied(&self) -> bool {
        !self.has_target && matches!(self.facts.form, Form::Absolute | Form::Authority)
    }

    /// Where it goes, or what it is answered. To `connect_ports` may go what asks us as a proxy for a tunnel; `pseudonym` is our name
    /// in `Via`.
    pub fn judge(
        &self,
        router: &Router,
        connect_ports: &PortSet,
        pseudonym: &str,
    ) -> Result<Goal<'a>, Refusal> {
        if !self.has_target && facts::is_loop(self.head, pseudonym) {
            return Err((508, "request has been here before"));
        }
        let host = if self.is_proxied() { Some(self.proxied(connect_ports)?) } else { None };
        if host.is_none() && self.facts.is_host_other {
            return Err((400, "host"));
        }
        let is_routed = router.applies_to(self.listen);
        let route = if is_routed { self.with_asked(|asked| router.route(asked)) } else { None };
        match (route, host) {
            (Some(route), _) => Ok(Goal::Route(route)),
            (None, _) if self.has_target => Ok(Goal::Target),
            (None, Some((host, port))) => Ok(Goal::Host(host, port)),
            (None, None) => Err((404, "no route")),
        }
    }

    /// The request as routes look at it.
    pub fn with_asked<R>(&self, look: impl FnOnce(&Asked<'_>) -> R) -> R {
        let header = |name: &str| field(self.head, name);
        let RequestFacts { authority, target, method, .. } = *self.facts;
        look(&Asked { listen: self.listen, authority, target, method, header: &header })
    }

    /// Where a proxy is asked to send it, if it may.
    fn proxied(&self, connect_ports: &PortSet) -> Result<(&'a [u8], u16), Refusal> {
        let (host, port) = self.facts.proxied().map_err(|refused| (refused.status(), refused.as_str()))?;
        if self.facts.form == Form::Authority && !connect_ports.contains(port) {
            return Err((403, "port not allowed for CONNECT"));
        }
        match self.facts.method {
            b"OPTIONS" if self.facts.is_final_hop => Err(OPTIONS),
            _ if self.facts.is_final_hop => Err((405, "this proxy does not answer TRACE")),
            _ => Ok((host, port)),
        }
    }
}

/// The values of a field, joined (RFC 9110, section 5.3).
fn field<'a>(head: &'a [u8], name: &str) -> Option<Cow<'a, [u8]>> {
    let mut found: Option<Cow<'a, [u8]>> = None;
    for value in facts::values(head, name.as_bytes()) {
        found = Some(match found {
            None => Cow::Borrowed(value),
            Some(before) => Cow::Owned([&before, &b", "[..], value].concat()),
        });
    }
    found
}
