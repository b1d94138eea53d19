//! What a proxy that its client knows of makes of a head (RFC 9110, section 7.6, and RFC 9112, section 3.2).

use super::super::facts::{self, Refused};
use super::super::lines::{Field, blank, fields, fields_end, first_line};
use super::super::parse::absolute;
use super::copy::Copier;
use super::{MAX_OPTIONS, PROTECTED, Rewritten, add_via, thin};
use crate::wire::event::Version;

pub(super) fn request(
    head: &[u8],
    (method, target, version): (&[u8], &[u8], Version),
    via: &str,
    out: &mut Vec<u8>,
) -> Result<Rewritten, Refused> {
    let connection = Connection::of(head)?;
    let authority = authority(method, target)?;
    let (_, fields_begin) = first_line(head);
    let mut copier = Copier::new(head, out);
    copier.drop(0, blank(head));
    if let Some(authority) = authority {
        let start = blank(head).saturating_add(method.len()).saturating_add(1);
        copier.drop(start, start.saturating_add(target.len()));
        copier.insert(start.saturating_add(target.len()), &origin(method, target));
        if !fields(head).any(|field| field.is(b"host")) {
            copier.insert(fields_begin, &[b"Host: ", authority, b"\r\n"]);
        }
    }
    let mut is_host_seen = false;
    for field in fields(head) {
        if connection.takes_away(&field) {
            copier.drop(field.start, field.end);
        } else if let Some(authority) = authority.filter(|_| field.is(b"host")) {
            copier.drop(field.start, field.end);
            if !std::mem::replace(&mut is_host_seen, true) {
                copier.insert(field.end, &[field.name, b": ", authority, b"\r\n"]);
            }
        } else if field.is(b"upgrade") {
            thin(&field, is_h2c, &mut copier);
        } else if field.is(b"max-forwards") && facts::counts_forwards(method) {
            forwards(&field, &mut copier);
        }
    }
    connection.write(head, b"", &mut copier);
    add_via(head, version, via, &mut copier);
    Ok(copier.finish())
}

pub(super) fn response(
    head: &[u8],
    (version, status): (Version, u16),
    option: &[u8],
    via: &str,
    out: &mut Vec<u8>,
) -> Result<Rewritten, Refused> {
    let mut connection = Connection::of(head)?;
    connection.is_te = false;
    connection.is_upgrade |= status == 101;
    let mut copier = Copier::new(head, out);
    for field in fields(head) {
        if connection.takes_away(&field) {
            copier.drop(field.start, field.end);
        } else if field.is(b"upgrade") && status != 101 {
            thin(&field, is_h2c, &mut copier);
        }
    }
    connection.write(head, option, &mut copier);
    add_via(head, version, via, &mut copier);
    Ok(copier.finish())
}

/// The authority of an absolute-form target; `None` for the other forms.
fn authority<'a>(method: &[u8], target: &'a [u8]) -> Result<Option<&'a [u8]>, Refused> {
    let Some(authority) = absolute(target).filter(|_| method != b"CONNECT" && !target.starts_with(b"/"))
    else {
        return Ok(None);
    };
    if !facts::is_http(target) {
        Err(Refused::Scheme)
    } else if authority.contains(&b'@') {
        Err(Refused::UserInfo)
    } else if facts::split_authority(authority).is_none() {
        Err(Refused::Authority)
    } else {
        Ok(Some(authority))
    }
}

/// The target in origin-form, in two parts.
fn origin<'a>(method: &[u8], target: &'a [u8]) -> [&'a [u8]; 2] {
    match facts::behind_authority(target) {
        [] if method == b"OPTIONS" => [b"*", b""],
        rest @ [b'/', ..] => [rest, b""],
        rest => [b"/", rest],
    }
}

/// One less; what is no number stays as it is, as does 0, which is not to be sent on at all.
fn forwards(field: &Field<'_>, copier: &mut Copier<'_, '_>) {
    if let Some(left) = super::super::fields::number(field.value).and_then(|left| left.checked_sub(1)) {
        copier.drop(field.start, field.end);
        copier.insert(field.end, &[field.name, b": ", left.to_string().as_bytes(), b"\r\n"]);
    }
}

/// What `Connection` names, and what of it goes on.
struct Connection<'a> {
    options: [&'a [u8]; MAX_OPTIONS],
    count: usize,
    /// `Upgrade` goes on.
    is_upgrade: bool,
    /// `TE: trailers` goes on.
    is_te: bool,
}

impl<'a> Connection<'a> {
    fn of(head: &'a [u8]) -> Result<Connection<'a>, Refused> {
        let mut connection =
            Connection { options: [b""; MAX_OPTIONS], count: 0, is_upgrade: false, is_te: false };
        let mut has_upgrade = false;
        let (mut has_te, mut is_te_more) = (false, false);
        for field in fields(head) {
            match field.name.len() {
                2 if field.is(b"te") => {
                    has_te = true;
                    is_te_more |= field.elements().any(|coding| !coding.eq_ignore_ascii_case(b"trailers"));
                    is_te_more |= field.value.is_empty();
                }
                7 if field.is(b"upgrade") => {
                    // By `h2c` alone nothing is to be had.
                    has_upgrade |= field.elements().any(|protocol| !is_h2c(protocol));
                }
                10 if field.is(b"connection") => {
                    for option in field.elements() {
                        let place = connection.options.get_mut(connection.count).ok_or(Refused::Options)?;
                        *place = option;
                        connection.count = connection.count.saturating_add(1);
                    }
                }
                _ => {}
            }
        }
        connection.is_upgrade = has_upgrade && connection.names(b"upgrade");
        connection.is_te = has_te && !is_te_more;
        Ok(connection)
    }

    fn names(&self, name: &[u8]) -> bool {
        let options = self.options.get(..self.count).unwrap_or_default();
        options.iter().any(|option| option.eq_ignore_ascii_case(name))
    }

    /// Whether a field ends at this hop.
    fn takes_away(&self, field: &Field<'_>) -> bool {
        let own: [&[u8]; 6] = [
            b"connection",
            b"keep-alive",
            b"proxy-connection",
            b"proxy-authorization",
            b"proxy-authenticate",
            b"proxy-authentication-info",
        ];
        if field.is(b"upgrade") {
            !self.is_upgrade
        } else if field.is(b"te") {
            !self.is_te
        } else {
            own.iter().any(|name| field.is(name)) || (self.names(field.name) && !is_protected(field))
        }
    }

    /// Our own `Connection`, if there is anything to say: what goes on, and `option` unless it is empty.
    fn write(&self, head: &[u8], option: &[u8], copier: &mut Copier<'_, '_>) {
        let at = fields_end(head);
        let mut before: &[u8] = b"Connection: ";
        let said: [(bool, &[u8]); 3] =
            [(self.is_te, b"TE"), (self.is_upgrade, b"Upgrade"), (!option.is_empty(), option)];
        for (_, option) in said.iter().filter(|(is_said, _)| *is_said) {
            copier.insert(at, &[before, option]);
            before = b", ";
        }
        if before == b", " {
            copier.insert(at, &[b"\r\n"]);
        }
    }
}

/// Whether this is HTTP/2 in clear, which would lead past the proxy.
fn is_h2c(protocol: &[u8]) -> bool {
    protocol.eq_ignore_ascii_case(b"h2c")
}

/// Whether `Connection` cannot take this field away.
fn is_protected(field: &Field<'_>) -> bool {
    let begins =
        |prefix: &[u8]| field.name.get(..prefix.len()).is_some_and(|it| it.eq_ignore_ascii_case(prefix));
    begins(b"content-") || begins(b"x-forwarded-") || PROTECTED.iter().any(|name| field.is(name.as_bytes()))
}
