//! What a request asks for: its authority and its path, as routes look at them.

use std::borrow::Cow;
use std::io::Write;
use std::net::Ipv6Addr;

use crate::config::Entry;

/// The facts of a request.
pub struct Asked<'a> {
    /// The listener that it came in by.
    pub listen: Entry,
    /// The Host field or `:authority`, as it stands. The authority of a request target counts for more (RFC 9112, 3.2.2).
    pub authority: &'a [u8],
    /// The request target in any of its forms, or `:path`. The query is left aside here.
    pub target: &'a [u8],
    /// As it stands.
    pub method: &'a [u8],
    /// The value of a field by its name in lower case: where it is repeated, all values joined by `", "`.
    /// Called only for routes that ask for a header and match otherwise.
    pub header: &'a dyn Fn(&str) -> Option<Cow<'a, [u8]>>,
}

/// Where a request goes, taken apart.
pub(super) struct Place<'a> {
    pub(super) authority: &'a [u8],
    /// The port where `authority` has none; `None`: not known.
    pub(super) default_port: Option<u16>,
    /// `None` where there is none: CONNECT, and `OPTIONS *`.
    pub(super) path: Option<&'a [u8]>,
}

impl Asked<'_> {
    /// RFC 9112, 3.2: the four forms of a request target.
    pub(super) fn place(&self) -> Place<'_> {
        let Asked { authority, target, method, .. } = *self;
        let place = |authority, port, path| Place { authority, default_port: Some(port), path };
        if target.first() == Some(&b'/') {
            return place(authority, 80, Some(before_query(target)));
        }
        if method == b"CONNECT" {
            return place(if target.is_empty() { authority } else { target }, 80, None);
        }
        let Some((scheme, rest)) = split_scheme(target) else {
            return place(authority, 80, None);
        };
        let end = rest.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(rest.len());
        let (host, path) = rest.split_at(end);
        let port = if scheme.eq_ignore_ascii_case(b"https") { 443 } else { 80 };
        let path = match path.first() {
            Some(b'/') => Some(before_query(path)),
            // RFC 9112, 3.2.4: it goes on as `OPTIONS *`.
            None if method == b"OPTIONS" => None,
            // RFC 9110, 4.2.3: an empty path is "/".
            _ => Some(&b"/"[..]),
        };
        place(host, port, path)
    }
}

impl<'a> Place<'a> {
    /// A name alone, of TLS.
    pub(super) fn of_name(name: &'a [u8]) -> Place<'a> {
        // A port has no place in it.
        let authority = if name.contains(&b':') { &[] } else { name };
        Place { authority, default_port: None, path: None }
    }
}

fn before_query(path: &[u8]) -> &[u8] {
    path.split(|byte| b"?#".contains(byte)).next().unwrap_or_default()
}

/// `scheme://` and the rest.
fn split_scheme(target: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = target.iter().position(|&byte| byte == b':')?;
    let (scheme, rest) = target.split_at_checked(end)?;
    Some((scheme, rest.strip_prefix(b"://")?))
}

/// The longest host name in text (RFC 1035, 2.3.4).
const LONGEST_HOST: usize = 253;

/// Room for a host in lower case.
pub(super) struct HostBuffer([u8; LONGEST_HOST]);

impl Default for HostBuffer {
    fn default() -> HostBuffer {
        HostBuffer([0; LONGEST_HOST])
    }
}

/// The host of an authority, to compare with those of routes.
pub(super) struct Host<'b> {
    /// In lower case, without a dot at the end; an IPv6 address without brackets.
    pub(super) name: &'b [u8],
    pub(super) port: Option<u16>,
    is_name: bool,
}

impl<'b> Host<'b> {
    /// `None` for what is no host and port: then only routes without a host can match. What servers might read in
    /// different ways, as `user@host`, an empty label or a port that is none, is not guessed at.
    pub(super) fn read(
        authority: &[u8],
        default_port: Option<u16>,
        buffer: &'b mut HostBuffer,
    ) -> Option<Host<'b>> {
        if let Some(rest) = authority.strip_prefix(b"[") {
            let end = rest.iter().position(|&byte| byte == b']')?;
            let (ip, after) = rest.split_at_checked(end)?;
            let port = port(after.strip_prefix(b"]")?, default_port)?;
            let ip: Ipv6Addr = str::from_utf8(ip).ok()?.parse().ok()?;
            let mut room = &mut buffer.0[..];
            write!(room, "{ip}").ok()?;
            let left = room.len();
            let name = buffer.0.get(..LONGEST_HOST.checked_sub(left)?)?;
            return Some(Host { name, port, is_name: false });
        }
        let end = authority.iter().position(|&byte| byte == b':').unwrap_or(authority.len());
        let (name, after) = authority.split_at_checked(end)?;
        let port = port(after, default_port)?;
        let name = name.strip_suffix(b".").unwrap_or(name);
        let room = buffer.0.get_mut(..name.len())?;
        let mut before = b'.';
        for (to, byte) in room.iter_mut().zip(name) {
            *to = byte.to_ascii_lowercase();
            let fits =
                byte.is_ascii_alphanumeric() || b"-_".contains(byte) || (*byte == b'.' && before != b'.');
            if !fits {
                return None;
            }
            before = *byte;
        }
        (before != b'.').then_some(Host { name: room, port, is_name: true })
    }

    /// What follows each dot, the longest first.
    pub(super) fn suffixes(&self) -> impl Iterator<Item = &'b [u8]> {
        let name = if self.is_name { self.name } else { &[] };
        let dots = name.iter().enumerate().filter(|&(_, &byte)| byte == b'.');
        dots.filter_map(|(dot, _)| name.get(dot.checked_add(1)?..))
    }
}

/// What follows a host: nothing, `:`, or `:` and a port. The outer `None` is something else.
fn port(after: &[u8], default: Option<u16>) -> Option<Option<u16>> {
    match after.strip_prefix(b":") {
        None if after.is_empty() => Some(default),
        Some([]) => Some(default),
        Some(digits) if digits.iter().all(u8::is_ascii_digit) => {
            str::from_utf8(digits).ok()?.parse().ok().map(Some)
        }
        _ => None,
    }
}
