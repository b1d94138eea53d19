//! What a head says to whoever chooses where it goes next: where to, and whether its connection is kept.

use super::lines::{Field, fields, first_line, request_line, status_line};
use super::parse::absolute;
use crate::wire::event::Version;

/// The four forms of a request target (RFC 9112, section 3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `/path?query`
    Origin,
    /// `http://host/path`: as it is said to a proxy.
    Absolute,
    /// `host:port`: CONNECT.
    Authority,
    /// `*`: OPTIONS.
    Asterisk,
}

/// Why a request cannot go on as an explicit proxy's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// No head of HTTP/1.
    Malformed,
    /// Neither an absolute target nor CONNECT: it does not say where to.
    NoTarget,
    /// The target's scheme is not `http`. Anything else goes by CONNECT.
    Scheme,
    /// There is user information in the target (RFC 9110, section 4.2.4).
    UserInfo,
    /// No host, no port where one must be, or a port that is none.
    Authority,
    /// `Connection` names more than [`MAX_OPTIONS`](super::rewrite::MAX_OPTIONS) options.
    Options,
}

impl Refused {
    /// The cause to tell the client.
    pub fn as_str(self) -> &'static str {
        match self {
            Refused::Malformed => "malformed head",
            Refused::NoTarget => "no absolute request target",
            Refused::Scheme => "scheme is not http",
            Refused::UserInfo => "user information in the request target",
            Refused::Authority => "host or port of the request target",
            Refused::Options => "too many connection options",
        }
    }

    /// The status to tell the client, where it was the client's head. For a server's it is 502.
    pub fn status(self) -> u16 {
        if self == Refused::Scheme { 501 } else { 400 }
    }
}

/// What a request's head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestFacts<'a> {
    /// The method.
    pub method: &'a [u8],
    /// The target as sent.
    pub target: &'a [u8],
    /// The target's form.
    pub form: Form,
    /// The version.
    pub version: Version,
    /// The target's path without its query; `*` and CONNECT's target as they are. Empty: as good as `/`.
    pub path: &'a [u8],
    /// What the request is addressed to, as sent but without user information: that of the target, else the first `Host`.
    pub authority: &'a [u8],
    /// The authority's host, as sent, without the brackets of an IPv6 literal. Empty where there is none, or where the authority
    /// is not `host [":" port]`.
    pub host: &'a [u8],
    /// The authority's port, if it names one: never 0.
    pub port: Option<u16>,
    /// The client wants its connection kept: HTTP/1.1 unless `Connection` says `close`; HTTP/1.0 if it says `keep-alive` and not
    /// `close`. An explicit proxy keeps no connection of HTTP/1.0 all the same (RFC 9112, appendix C.2.2).
    pub keep_alive: bool,
    /// OPTIONS or TRACE with `Max-Forwards: 0`: an explicit proxy answers it itself (RFC 9110, section 7.6.2).
    pub is_final_hop: bool,
    /// There is an `Upgrade`.
    pub is_upgrade: bool,
    /// `Host` names another authority than an absolute-form target. A proxy goes by the target, and sends that on
    /// (RFC 9112, section 3.2.2); of servers some go by the one, some by the other.
    pub is_host_other: bool,
    /// How many options `Connection` names.
    pub options: usize,
}

impl<'a> RequestFacts<'a> {
    /// Reads a whole head that strict parsing has accepted. Nothing is allocated.
    pub fn of(head: &'a [u8]) -> Result<RequestFacts<'a>, Refused> {
        let (method, target, version) = request_line(first_line(head).0).ok_or(Refused::Malformed)?;
        let (form, mut authority, path) = split_target(method, target);
        let mut host_field = None;
        let (mut persistence, mut is_final_hop, mut is_upgrade) = (Options::default(), false, false);
        let mut options = 0usize;
        for field in fields(head) {
            match field.name.len() {
                4 if field.is(b"host") => host_field = host_field.or(Some(field.value)),
                7 if field.is(b"upgrade") => is_upgrade = true,
                10 if field.is(b"connection") => {
                    persistence.add(&field);
                    options = options.saturating_add(field.elements().count());
                }
                12 if field.is(b"max-forwards") && counts_forwards(method) => {
                    is_final_hop |= super::fields::number(field.value) == Some(0);
                }
                _ => {}
            }
        }
        if matches!(form, Form::Origin | Form::Asterisk) {
            authority = host_field.unwrap_or_default();
        }
        let is_host_other = host_field.is_some_and(|host| !super::strict::is_targets(host, target));
        let authority = authority.rsplit(|&byte| byte == b'@').next().unwrap_or(authority);
        let (host, port) = split_authority(authority).unwrap_or_default();
        let keep_alive = persistence.keeps(version);
        #[rustfmt::skip]
        let facts = RequestFacts {
            method, target, form, version, path, authority, host, port, keep_alive, is_final_hop, is_upgrade, is_host_other,
            options,
        };
        Ok(facts)
    }

    /// Where an explicit proxy is to send it: host, as [`RequestFacts::host`], and port, which is 80 unless the target says else.
    pub fn proxied(&self) -> Result<(&'a [u8], u16), Refused> {
        let raw = match self.form {
            Form::Origin | Form::Asterisk => return Err(Refused::NoTarget),
            Form::Authority => self.target,
            Form::Absolute if !is_http(self.target) => return Err(Refused::Scheme),
            Form::Absolute => absolute(self.target).unwrap_or_default(),
        };
        if raw.contains(&b'@') {
            return Err(Refused::UserInfo);
        }
        if self.options > super::rewrite::MAX_OPTIONS {
            return Err(Refused::Options);
        }
        let default = (self.form == Form::Absolute).then_some(80);
        let port = self.port.or(default).ok_or(Refused::Authority)?;
        if self.host.is_empty() { Err(Refused::Authority) } else { Ok((self.host, port)) }
    }
}

/// What a response's head says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseFacts {
    /// The status.
    pub status: u16,
    /// The version.
    pub version: Version,
    /// The server keeps its connection, as [`RequestFacts::keep_alive`] is the client's.
    pub keep_alive: bool,
}

impl ResponseFacts {
    /// Reads a whole head that strict parsing has accepted.
    pub fn of(head: &[u8]) -> Result<ResponseFacts, Refused> {
        let (version, status) = status_line(first_line(head).0).ok_or(Refused::Malformed)?;
        let mut persistence = Options::default();
        fields(head).filter(|field| field.is(b"connection")).for_each(|field| persistence.add(&field));
        Ok(ResponseFacts { status, version, keep_alive: persistence.keeps(version) })
    }
}

/// Whether a server's bytes begin with a status line that says 408: it has waited too long for a request.
pub fn is_408(bytes: &[u8]) -> bool {
    status_line(first_line(bytes).0).is_some_and(|(_, status)| status == 408)
}

/// Whether `Via` names `pseudonym`: the message has been here before.
pub fn is_loop(head: &[u8], pseudonym: &str) -> bool {
    let is_ours = |hop: &[u8]| {
        // protocol, blank, who; then perhaps a comment.
        let mut words = hop.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
        words.nth(1).is_some_and(|who| who.eq_ignore_ascii_case(pseudonym.as_bytes()))
    };
    fields(head).filter(|field| field.is(b"via")).any(|field| field.elements().any(is_ours))
}

/// The values of the fields with this name, in any case, in their order.
pub fn values<'a, 'n>(head: &'a [u8], name: &'n [u8]) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
    fields(head).filter(move |field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value)
}

/// Whether a request with this method may be sent again when nobody knows what became of it (RFC 9110, section 9.2.2).
pub fn is_idempotent(method: &[u8]) -> bool {
    matches!(method, b"GET" | b"HEAD" | b"OPTIONS" | b"TRACE" | b"PUT" | b"DELETE")
}

/// `host [":" port]` in two: the host without the brackets of an IPv6 literal. An empty port is none; `None` for a port that is no
/// number from 1 to 65535, and for what is no host.
pub fn split_authority(authority: &[u8]) -> Option<(&[u8], Option<u16>)> {
    let (host, rest) = match authority.strip_prefix(b"[") {
        Some(literal) => {
            let end = literal.iter().position(|&byte| byte == b']')?;
            let (host, rest) = literal.split_at_checked(end)?;
            (host, rest.get(1..)?)
        }
        None => {
            let end = authority.iter().position(|&byte| byte == b':').unwrap_or(authority.len());
            authority.split_at_checked(end)?
        }
    };
    let port = match rest {
        [] | [b':'] => None,
        [b':', digits @ ..] => {
            let port = super::fields::number(digits).and_then(|port| u16::try_from(port).ok());
            Some(port.filter(|&port| port > 0)?)
        }
        _ => return None,
    };
    let is_host = !host.is_empty() && !host.iter().any(|byte| matches!(byte, b'[' | b']' | b'@'));
    is_host.then_some((host, port))
}

/// Whether a request's `Max-Forwards` is heeded.
pub(super) fn counts_forwards(method: &[u8]) -> bool {
    matches!(method, b"OPTIONS" | b"TRACE")
}

/// Whether an absolute-form target begins with `http:`.
pub(super) fn is_http(target: &[u8]) -> bool {
    target.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"http:"))
}

/// A target's form, its authority (empty where it has none) and its path.
fn split_target<'a>(method: &[u8], target: &'a [u8]) -> (Form, &'a [u8], &'a [u8]) {
    match target {
        _ if method == b"CONNECT" => (Form::Authority, target, target),
        b"*" => (Form::Asterisk, b"", target),
        [b'/', ..] => (Form::Origin, b"", path(target)),
        _ => match absolute(target) {
            Some(authority) => (Form::Absolute, authority, path(behind_authority(target))),
            None => (Form::Origin, b"", path(target)),
        },
    }
}

/// What follows the authority of an absolute-form target: path and query, or nothing.
pub(super) fn behind_authority(target: &[u8]) -> &[u8] {
    let colon = target.iter().position(|&byte| byte == b':').unwrap_or_default();
    let authority = absolute(target).unwrap_or_default();
    target.get(colon.saturating_add(3).saturating_add(authority.len())..).unwrap_or_default()
}

fn path(target: &[u8]) -> &[u8] {
    target.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default()
}

/// The options of `Connection` that say whether it is kept.
#[derive(Debug, Clone, Copy, Default)]
struct Options {
    closes: bool,
    keeps: bool,
}

impl Options {
    fn add(&mut self, connection: &Field<'_>) {
        self.closes |= connection.names(b"close");
        self.keeps |= connection.names(b"keep-alive");
    }

    /// RFC 9112, section 9.3.
    fn keeps(self, version: Version) -> bool {
        !self.closes && (self.keeps || version != Version::Http10)
    }
}
