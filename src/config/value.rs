//! How a value is written: text in, value out. The same for flags, environment and file.

use std::net::{Ipv6Addr, SocketAddr};
use std::time::Duration;

use super::problem::quote;
use super::{AccessLogFormat, Cidr, Forward, PortSet, Target};

/// What kind of text an option takes.
#[derive(Debug)]
pub struct Form {
    /// What stands for it in the help.
    pub metavar: &'static str,
    /// `is not ...`.
    pub(super) noun: &'static str,
    /// What to write instead.
    pub(super) accepted: &'static str,
    /// Whether it may be several values: separated by commas, a flag given again, or a list in the file.
    pub(super) list: List,
    /// Whether the file may hold it as a bare integer.
    pub(super) integer: bool,
    /// Whether the file may hold it as a bare boolean, and the flag stand without a value.
    pub(super) boolean: bool,
}

/// How many values make up an option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum List {
    /// One.
    No,
    /// One or more.
    Some,
    /// Any number; a blank text is none.
    Any,
}

const PLAIN: Form =
    Form { metavar: "", noun: "", accepted: "", list: List::No, integer: false, boolean: false };

/// `--inbound-listen` and its like.
pub(super) const LISTEN: Form = Form {
    metavar: "ADDR:PORT",
    noun: "an address and port to listen on",
    accepted: "write \"127.0.0.1:8080\", \"[::1]:8080\", \":8080\" (all addresses) or \"off\"",
    list: List::Some,
    ..PLAIN
};

/// `--forward`.
pub(super) const FORWARD: Form = Form {
    metavar: "LISTEN=TARGET",
    noun: "a forward",
    accepted: "write LISTEN=TARGET, as in \"127.0.0.1:8080=db:3306\" or \"inbound::8080=127.0.0.1:80\"",
    list: List::Any,
    ..PLAIN
};

/// `--proxy-clients`.
pub(super) const CIDRS: Form = Form {
    metavar: "CIDRS",
    noun: "a block of addresses",
    accepted: "write \"10.0.0.0/8\", \"fd00::/8\", or an address alone",
    list: List::Any,
    ..PLAIN
};

/// A server of a backend set.
pub(super) const SERVER: Form = Form {
    noun: "a server",
    accepted: "write \"host:port\", as in \"10.0.0.1:8080\", \"[::1]:8080\" or \"api.internal:8080\"",
    ..PLAIN
};

/// `--opaque-ports` and its like.
pub(super) const PORTS: Form = Form {
    metavar: "PORTS",
    noun: "a port or a range of ports",
    accepted: "write numbers from 1 to 65535 and ranges, as in \"25,3306,4000-4100\"",
    list: List::Any,
    integer: true,
    ..PLAIN
};

/// `--incoming-proxy-port` and its like.
pub(super) const PROXY_PORT: Form = Form {
    metavar: "PORT",
    noun: "a port",
    accepted: "write a number from 1 to 65535, or \"off\" to leave this direction alone",
    ..PLAIN
};

/// `--proxy-uid` and its like.
pub(super) const ID: Form = Form {
    metavar: "ID",
    noun: "a user or group id",
    accepted: "write a number from 0 to 4294967294, or \"none\"",
    ..PLAIN
};

/// `--detect-timeout` and its like.
pub(super) const DURATION: Form = Form {
    metavar: "DUR",
    noun: "a duration",
    accepted: "write an integer and ms, s, m or h, as in \"10s\"",
    integer: true,
    ..PLAIN
};

/// `--pool-size`.
pub(super) const POOL_SIZE: Form = Form {
    metavar: "N",
    noun: "a number of connections",
    accepted: "write an integer from 0 to 65535",
    integer: true,
    ..PLAIN
};

/// `--max-connections`.
pub(super) const COUNT: Form = Form {
    metavar: "N",
    noun: "a number of connections",
    accepted: "write an integer from 1 to 16777216, or \"auto\"",
    integer: true,
    ..PLAIN
};

/// `--log`.
pub(super) const FILTER: Form = Form {
    metavar: "LEVEL",
    noun: "a log level",
    accepted: "write off, error, warn, info, debug or trace, or a level for a part, as in \"warn,wayside::flow=debug\"",
    ..PLAIN
};

/// `--http-strict` and its like.
pub(super) const SWITCH: Form =
    Form { metavar: "true|false", noun: "a switch", accepted: "write true or false", boolean: true, ..PLAIN };

/// `--workers`.
pub(super) const WORKERS: Form = Form {
    metavar: "N|auto",
    noun: "a number of workers",
    accepted: "write an integer from 1 to 1024, or \"auto\"",
    integer: true,
    ..PLAIN
};

/// `--access-log`.
pub(super) const ACCESS_LOG: Form = Form {
    metavar: "off|json|apache",
    noun: "a form of access log",
    accepted: "write off, json or apache",
    ..PLAIN
};

/// The longest duration: a year. Beyond it sums of times could overflow, and `0` says "no limit" better.
pub(super) const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);
/// The most connections: what a slab of flows may hold, well above any limit on descriptors.
const MOST_CONNECTIONS: u64 = 1 << 24;
const MOST_WORKERS: u64 = 1024;

/// The line for `text` where it does not have the form.
pub(super) fn refuse(text: &str, form: &Form) -> String {
    format!("{} is not {}; {}", quote(text), form.noun, form.accepted)
}

/// The same, and why.
fn refuse_because(text: &str, form: &Form, why: &str) -> String {
    format!("{} is not {} ({why}); {}", quote(text), form.noun, form.accepted)
}

/// Digits, and nothing else: no sign, no space. `None` where they overflow, too.
fn integer(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

fn port(text: &str) -> Option<u16> {
    integer(text).and_then(|number| u16::try_from(number).ok())
}

/// `10s`, `300ms`, `5m`, `1h` or `0`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = text.strip_suffix(unit).unwrap_or_default();
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "" if !digits.is_empty() && digits.bytes().all(|digit| digit == b'0') => 0,
        _ => return Err(refuse(text, &DURATION)),
    };
    if digits.is_empty() {
        return Err(refuse(text, &DURATION));
    }
    integer(digits)
        .and_then(|number| number.checked_mul(milliseconds))
        .map(Duration::from_millis)
        .filter(|&duration| duration <= LONGEST)
        .ok_or_else(|| {
            format!("{} is too long; the most is \"8760h\" (a year), or 0 for no limit", quote(text))
        })
}

/// A short way to write it: from two of a unit on, in that unit.
pub(super) fn show_duration(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    for (unit, length) in [("h", 3_600_000), ("m", 60_000)] {
        if milliseconds >= 2 * length && milliseconds.is_multiple_of(length) {
            return format!("{}{unit}", milliseconds / length);
        }
    }
    match (milliseconds, milliseconds % 1_000) {
        (0, _) => "0".to_owned(),
        (_, 0) => format!("{}s", milliseconds / 1_000),
        _ => format!("{milliseconds}ms"),
    }
}

/// `25` or `4000-4100`.
pub(super) fn port_range(text: &str) -> Result<(u16, u16), String> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    match (port(low.trim()), port(high.trim())) {
        (Some(0), Some(_)) => Err(refuse_because(text, &PORTS, "there is no port 0")),
        (Some(low), Some(high)) if low > high => {
            Err(refuse_because(text, &PORTS, "the range is the wrong way round"))
        }
        (Some(low), Some(high)) => Ok((low, high)),
        _ => Err(refuse(text, &PORTS)),
    }
}

/// `4143` or `off`.
pub(super) fn proxy_port(text: &str) -> Result<Option<u16>, String> {
    match port_of(text) {
        Some(0) => Err(refuse_because(text, &PROXY_PORT, "there is no port 0")),
        Some(port) => Ok(Some(port)),
        None if text == "off" => Ok(None),
        None => Err(refuse(text, &PROXY_PORT)),
    }
}

/// `2102` or `none`; also `-1`, as linkerd2-proxy-init has it.
pub(super) fn id(text: &str) -> Result<Option<u32>, String> {
    let number = integer(text).filter(|_| !text.is_empty()).and_then(|number| u32::try_from(number).ok());
    match number {
        // The last one stands for "unchanged" in setuid(2) and its kin: nobody has it.
        Some(id) if id != u32::MAX => Ok(Some(id)),
        None if ["none", "-1"].contains(&text) => Ok(None),
        _ => Err(refuse(text, &ID)),
    }
}

/// `25,3306,4000-4100`. An error says what to write.
pub fn ports(text: &str) -> Result<PortSet, String> {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    items.map(port_range).collect::<Result<_, _>>().map(PortSet::of)
}

/// `127.0.0.1:8080`, `[::1]:8080`, or `:8080` for `[::]:8080`. An error says what to write.
pub fn listen(text: &str) -> Result<SocketAddr, String> {
    listen_addr(text).ok_or_else(|| refuse(text, &LISTEN))
}

fn listen_addr(text: &str) -> Option<SocketAddr> {
    match text.strip_prefix(':') {
        // The standard parser takes care of everything that starts with an address.
        Some(number) if !number.starts_with(':') => Some((Ipv6Addr::UNSPECIFIED, port_of(number)?).into()),
        _ => text.parse().ok(),
    }
}

/// A port where one must stand: at least one digit.
pub(super) fn port_of(text: &str) -> Option<u16> {
    if text.is_empty() { None } else { port(text) }
}

/// `LISTEN=TARGET`, `inbound:LISTEN=TARGET` or `outbound:LISTEN=TARGET`.
pub(super) fn forward(text: &str) -> Result<Forward, String> {
    let because = |why: &str| refuse_because(text, &FORWARD, why);
    let (inbound, plain) = match text.strip_prefix("inbound:") {
        Some(plain) => (true, plain),
        None => (false, text.strip_prefix("outbound:").unwrap_or(text)),
    };
    let (left, right) = plain.split_once('=').ok_or_else(|| because("there is no \"=\""))?;
    let listen = listen_addr(left.trim())
        .ok_or_else(|| because(&format!("{} is not an address and port", quote(left))))?;
    let target = target(right.trim()).map_err(|why| because(&why))?;
    Ok(Forward { listen, target, inbound })
}

/// `10.0.0.0/8`, or an address.
pub(super) fn cidr(text: &str) -> Result<Cidr, String> {
    Cidr::parse(text).map_err(|why| refuse_because(text, &CIDRS, &why))
}

/// `host:port` of a backend set.
pub(super) fn server(text: &str) -> Result<Target, String> {
    target(text.trim()).map_err(|why| refuse_because(text, &SERVER, &why))
}

/// `host:port`, or why it is not one.
fn target(text: &str) -> Result<Target, String> {
    if let Ok(addr) = text.parse::<SocketAddr>() {
        return if addr.port() == 0 { Err(NO_PORT_0.to_owned()) } else { Ok(Target::Addr(addr)) };
    }
    let (host, number) = text.rsplit_once(':').ok_or("the target has no port")?;
    if host.contains(':') || host.starts_with('[') {
        return Err(format!("{} is not an IPv6 address in brackets", quote(host)));
    }
    match port_of(number) {
        Some(0) => Err(NO_PORT_0.to_owned()),
        Some(_) if !is_host_name(host) => Err(format!("{} is not a host name", quote(host))),
        Some(port) => Ok(Target::Name(host.to_owned(), port)),
        None => Err(format!("{} is not a port from 1 to 65535", quote(number))),
    }
}

const NO_PORT_0: &str = "there is no port 0 to connect to";

/// RFC 1123, section 2.1: labels of letters, digits and hyphens; a trailing dot means "as it stands, no search".
/// Underscores besides, because container platforms give such names to services.
/// The last label is not a number, so that a mistyped IPv4 address is not taken for a name.
pub(super) fn is_host_name(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= 253 && name.split('.').all(is_label) && !last.bytes().all(|byte| byte.is_ascii_digit())
}

/// `N` or `auto`.
pub(super) fn connections(text: &str) -> Result<Option<usize>, String> {
    numbered(text, MOST_CONNECTIONS, &COUNT).map(|number| number.and_then(|number| number.try_into().ok()))
}

/// `N` or `auto`.
pub(super) fn workers(text: &str) -> Result<Option<usize>, String> {
    numbered(text, MOST_WORKERS, &WORKERS).map(|number| number.and_then(|number| number.try_into().ok()))
}

fn numbered(text: &str, most: u64, form: &Form) -> Result<Option<u64>, String> {
    match integer(text) {
        Some(number) if !text.is_empty() && (1..=most).contains(&number) => Ok(Some(number)),
        _ if text == "auto" => Ok(None),
        _ => Err(refuse(text, form)),
    }
}

/// 0 to 65535.
pub(super) fn pool_size(text: &str) -> Result<usize, String> {
    port_of(text).map(usize::from).ok_or_else(|| refuse(text, &POOL_SIZE))
}

/// `true` or `false`; also `on` and `off`.
pub(super) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "true" | "on" => Ok(true),
        "false" | "off" => Ok(false),
        _ => Err(refuse(text, &SWITCH)),
    }
}

/// `off`, `json` or `apache`.
pub(super) fn access_log(text: &str) -> Result<AccessLogFormat, String> {
    let format = AccessLogFormat::ALL.into_iter().find(|format| format.as_str() == text);
    format.ok_or_else(|| refuse(text, &ACCESS_LOG))
}

/// `LEVEL`, `PART=LEVEL`, or several of them with commas.
pub(super) fn filter(text: &str) -> Result<String, String> {
    let is_level = |text: &str| {
        ["off", "error", "warn", "info", "debug", "trace"]
            .iter()
            .any(|level| level.eq_ignore_ascii_case(text))
    };
    let is_part = |text: &str| {
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_:-".contains(&byte))
    };
    let valid = text.split(',').all(|directive| match directive.trim_matches(' ').split_once('=') {
        Some((part, level)) => is_part(part.trim_matches(' ')) && is_level(level.trim_matches(' ')),
        None => is_level(directive.trim_matches(' ')),
    });
    // `env_logger` does not trim within a directive.
    if valid { Ok(text.replace(' ', "")) } else { Err(refuse(text, &FILTER)) }
}

#[cfg(test)]
mod tests;
