//! How the criteria of a route are written: text in, value out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::tables::ListenName;
use crate::config::problem::quote;
use crate::config::routes::Authority;
use crate::config::value::{self, is_host_name, port_of};

/// `inbound`, `outbound`, or the listen address of a forward.
pub(super) fn listen(text: &str, accepted: &str) -> Result<ListenName, String> {
    match text {
        "inbound" => Ok(ListenName::Inbound),
        "outbound" => Ok(ListenName::Outbound),
        _ => match value::listen(text) {
            Ok(addr) => Ok(ListenName::Forward(addr)),
            Err(_) => Err(format!("{} is not a listener; {accepted}", quote(text))),
        },
    }
}

/// `api.example.com`, `*.api.example.com`, `192.0.2.1` or `[2001:db8::1]`, each with or without `:port`.
pub(super) fn authority(text: &str) -> Result<Authority, String> {
    let because = |why: &str| {
        let accepted = "write \"api.example.com\", \"*.example.com\", \"192.0.2.1\" or \"[::1]\", with or without \":port\"";
        format!("{} is not an authority ({why}); {accepted}", quote(text))
    };
    if text == "*" {
        return Err(because("leave authority out to mean all hosts"));
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !host.starts_with('[') || host.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let port = match port.map(port_of) {
        None => None,
        Some(Some(port)) if port > 0 => Some(port),
        Some(_) => return Err(because("the port is not one from 1 to 65535")),
    };
    if let Some(ip) = host.strip_prefix('[') {
        let ip = ip.strip_suffix(']').and_then(|ip| ip.parse::<Ipv6Addr>().ok());
        let ip = ip.ok_or_else(|| because("not an IPv6 address in brackets"))?;
        return Ok(Authority { host: ip.to_string(), wildcard: false, port });
    }
    let (wildcard, host) = host.strip_prefix("*.").map_or((false, host), |rest| (true, rest));
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    if host.contains('*') {
        return Err(because("a \"*\" stands alone, as the first label"));
    }
    if host.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv6()) || host.contains(':') {
        return Err(because("an IPv6 address stands in brackets"));
    }
    if !is_host_name(&host) && (wildcard || host.parse::<Ipv4Addr>().is_err()) {
        return Err(because("not a host name"));
    }
    Ok(Authority { host, wildcard, port })
}

/// A path as a request has it.
pub(super) fn path(text: &str) -> Result<String, String> {
    let why = if !text.starts_with('/') {
        "it does not begin with \"/\""
    } else if text.contains(['?', '#']) {
        "the query is no part of the path"
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        "other than plain ASCII stands percent-encoded in a request, so write it so"
    } else {
        return Ok(text.to_owned());
    };
    Err(format!("{} is not a path; {why}", quote(text)))
}

/// RFC 9110, 5.6.2: the name of a method or of a field.
pub(super) fn token(text: &str, what: &str) -> Result<String, String> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if text.is_empty() || !text.bytes().all(is_token) {
        return Err(format!(
            "{} is not the name of a {what}; write letters, digits and hyphens",
            quote(text)
        ));
    }
    Ok(text.to_owned())
}

/// A field value that can come: no control characters, no space at its ends (RFC 9110, 5.5).
pub(super) fn header_value(text: &str) -> Result<(), String> {
    if text.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
        return Err(format!("{} has control characters, and no value can; take them out", quote(text)));
    }
    if text.trim_matches([' ', '\t']) != text {
        return Err(format!(
            "{} has space at its ends, which is no part of a value; take it away",
            quote(text)
        ));
    }
    Ok(())
}
