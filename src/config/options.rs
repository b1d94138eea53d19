//! Every option, once. Flags, environment, file, help and `wayside check` are all made from this table.

use std::time::Duration;

use super::value::{self, Form, List};
use super::{Cidr, Cidrs, Config, Forward, Listen, PortSet};

/// Where an option stands in the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    /// Where connections come from and go to.
    Connections,
    /// What is looked at.
    Detection,
    /// How long and how many.
    Limits,
    /// The process itself.
    Process,
}

impl Group {
    /// The heading in the help.
    pub fn heading(self) -> &'static str {
        match self {
            Group::Connections => "Connections",
            Group::Detection => "Detection",
            Group::Limits => "Limits",
            Group::Process => "Process",
        }
    }
}

/// One option.
pub struct Opt {
    /// The flag without its hyphens, and the key in the file.
    pub name: &'static str,
    /// How its value is written.
    pub form: &'static Form,
    /// Where it stands in the help.
    pub group: Group,
    /// The default, as it would be written.
    pub default: &'static str,
    /// What it means, in few words.
    pub help: &'static str,
    pub(super) set: fn(&mut Config, &[&str]) -> Result<(), Faults>,
    pub(super) show: fn(&Config) -> Shown,
}

impl Opt {
    /// The environment variable.
    pub fn env(&self) -> String {
        env(self.name)
    }

    /// Whether the flag may be repeated, and the file may hold a list.
    pub fn is_list(&self) -> bool {
        self.form.list != List::No
    }

    /// Whether the flag may stand without a value.
    pub fn is_switch(&self) -> bool {
        self.form.boolean
    }
}

/// Which of the values are wrong, and how.
pub(super) type Faults = Vec<(usize, String)>;

/// An option's value as `wayside check` prints it.
pub(super) enum Shown {
    /// A line of TOML.
    Value(toml::Value),
    /// The same, but as a comment: the default that holds where nothing is said is more than the value.
    Unset(toml::Value),
}

/// The name of the option that names the file; it is no key of the file.
pub const CONFIG: &str = "config";
/// What our environment variables begin with.
pub(super) const PREFIX: &str = "WAYSIDE_";

/// The most values of one option.
const MOST_VALUES: usize = 256;

/// The environment variable of the option called `name`.
pub fn env(name: &str) -> String {
    format!("{PREFIX}{}", name.to_ascii_uppercase().replace('-', "_"))
}

/// The option called `name`.
pub fn find(name: &str) -> Option<&'static Opt> {
    OPTIONS.iter().find(|option| option.name == name)
}

/// The table.
pub static OPTIONS: &[Opt] = &[
    Opt {
        name: "inbound-listen",
        form: &value::LISTEN,
        group: Group::Connections,
        default: "[::]:4143",
        help: "Redirected to the application",
        set: |config, items| listeners(items).map(|listen| config.inbound = listen),
        show: |config| show_listen(&config.inbound),
    },
    Opt {
        name: "outbound-listen",
        form: &value::LISTEN,
        group: Group::Connections,
        default: "127.0.0.1:4140,[::1]:4140",
        help: "From the application; a proxy",
        set: |config, items| listeners(items).map(|listen| config.outbound = listen),
        show: |config| show_listen(&config.outbound),
    },
    Opt {
        name: "admin-listen",
        form: &value::LISTEN,
        group: Group::Connections,
        default: "127.0.0.1:4191",
        help: "/metrics /ready /live /connections",
        set: |config, items| listeners(items).map(|listen| config.admin = listen),
        show: |config| show_listen(&config.admin),
    },
    Opt {
        name: "forward",
        form: &value::FORWARD,
        group: Group::Connections,
        default: "",
        help: "A listener that needs no redirection",
        set: |config, items| each(items, value::forward).map(|forwards| config.forwards = forwards),
        show: |config| Shown::Value(strings(config.forwards.iter().map(Forward::to_string))),
    },
    Opt {
        name: "proxy-clients",
        form: &value::CIDRS,
        group: Group::Connections,
        default: "127.0.0.0/8,::1/128",
        help: "May use us as HTTP proxy",
        set: |config, items| subnets(items).map(|blocks| config.proxy_clients = Cidrs::of(blocks)),
        show: |config| Shown::Value(strings(config.proxy_clients.iter().map(|block| block.to_string()))),
    },
    Opt {
        name: "connect-ports",
        form: &value::PORTS,
        group: Group::Connections,
        default: "1-65535",
        help: "Where CONNECT may go to",
        set: |config, items| ports(items).map(|ports| config.connect_ports = ports),
        show: |config| text(&config.connect_ports),
    },
    Opt {
        name: "opaque-ports",
        form: &value::PORTS,
        group: Group::Detection,
        default: "25,587,3306",
        help: "Destination ports never looked into",
        set: |config, items| ports(items).map(|ports| config.opaque_ports = ports),
        show: |config| text(&config.opaque_ports),
    },
    Opt {
        name: "skip-inbound-ports",
        form: &value::PORTS,
        group: Group::Detection,
        default: "",
        help: "Not redirected on the way in",
        set: |config, items| ports(items).map(|ports| config.skip_inbound_ports = ports),
        show: |config| text(&config.skip_inbound_ports),
    },
    Opt {
        name: "skip-outbound-ports",
        form: &value::PORTS,
        group: Group::Detection,
        default: "",
        help: "Not redirected on the way out",
        set: |config, items| ports(items).map(|ports| config.skip_outbound_ports = ports),
        show: |config| text(&config.skip_outbound_ports),
    },
    Opt {
        name: "detect-timeout",
        form: &value::DURATION,
        group: Group::Detection,
        default: "10s",
        help: "Undecided after this is opaque",
        set: |config, items| one(items, value::duration).map(|duration| config.detect_timeout = duration),
        show: |config| duration(config.detect_timeout),
    },
    Opt {
        name: "http-strict",
        form: &value::SWITCH,
        group: Group::Detection,
        default: "false",
        help: "Refuse malformed or ambiguous HTTP/1",
        set: |config, items| one(items, value::switch).map(|on| config.http_strict = on),
        show: |config| Shown::Value(toml::Value::Boolean(config.http_strict)),
    },
    Opt {
        name: "http-reuse",
        form: &value::SWITCH,
        group: Group::Detection,
        default: "false",
        help: "Share upstream connections; implies http-strict",
        set: |config, items| one(items, value::switch).map(|on| config.http_reuse = on),
        show: |config| Shown::Value(toml::Value::Boolean(config.http_reuse)),
    },
    Opt {
        name: "connect-timeout",
        form: &value::DURATION,
        group: Group::Limits,
        default: "1s, inbound 300ms",
        help: "For each address of a target",
        set: |config, items| {
            one(items, value::duration).map(|duration| {
                config.inbound_connect_timeout = duration;
                config.outbound_connect_timeout = duration;
            })
        },
        show: show_connect_timeout,
    },
    Opt {
        name: "idle-timeout",
        form: &value::DURATION,
        group: Group::Limits,
        default: "0",
        help: "Close after no byte either way for this long",
        set: |config, items| one(items, value::duration).map(|duration| config.idle_timeout = duration),
        show: |config| duration(config.idle_timeout),
    },
    Opt {
        name: "half-close-timeout",
        form: &value::DURATION,
        group: Group::Limits,
        default: "60s",
        help: "The same, once one side has ended",
        set: |config, items| one(items, value::duration).map(|duration| config.half_close_timeout = duration),
        show: |config| duration(config.half_close_timeout),
    },
    Opt {
        name: "pool-idle-timeout",
        form: &value::DURATION,
        group: Group::Limits,
        default: "3s",
        help: "Close an unused upstream connection after this",
        set: |config, items| one(items, value::duration).map(|duration| config.pool_idle_timeout = duration),
        show: |config| duration(config.pool_idle_timeout),
    },
    Opt {
        name: "pool-size",
        form: &value::POOL_SIZE,
        group: Group::Limits,
        default: "64",
        help: "The most unused upstream connections for each target",
        set: |config, items| one(items, value::pool_size).map(|count| config.pool_size = count),
        show: |config| count(config.pool_size),
    },
    Opt {
        name: "drain-timeout",
        form: &value::DURATION,
        group: Group::Limits,
        default: "25s",
        help: "After SIGTERM, close what still runs",
        set: |config, items| one(items, value::duration).map(|duration| config.drain_timeout = duration),
        show: |config| duration(config.drain_timeout),
    },
    Opt {
        name: "max-connections",
        form: &value::COUNT,
        group: Group::Limits,
        default: "auto",
        help: "Above it accepting pauses; auto is RLIMIT_NOFILE's",
        set: |config, items| one(items, value::connections).map(|count| config.max_connections = count),
        show: |config| match config.max_connections {
            Some(most) => count(most),
            None => text(&"auto"),
        },
    },
    Opt {
        name: "access-log",
        form: &value::ACCESS_LOG,
        group: Group::Process,
        default: "off",
        help: "A line per request, to stdout",
        set: |config, items| one(items, value::access_log).map(|format| config.access_log = format),
        show: |config| text(&config.access_log.as_str()),
    },
    Opt {
        name: "log",
        form: &value::FILTER,
        group: Group::Process,
        default: "warn",
        help: "To stderr; RUST_LOG is honoured",
        set: |config, items| one(items, value::filter).map(|filter| config.log = filter),
        show: |config| text(&config.log),
    },
    Opt {
        name: "workers",
        form: &value::WORKERS,
        group: Group::Process,
        default: "1",
        help: "Processes that share the work; auto: one a core",
        set: |config, items| one(items, value::workers).map(|workers| config.workers = workers),
        show: |config| match config.workers {
            Some(workers) => count(workers),
            None => text(&"auto"),
        },
    },
    Opt {
        name: "pin",
        form: &value::SWITCH,
        group: Group::Process,
        default: "false",
        help: "Keep each worker on a core of its own",
        set: |config, items| one(items, value::switch).map(|on| config.pin = on),
        show: |config| Shown::Value(toml::Value::Boolean(config.pin)),
    },
];

/// The value of an option that takes one.
pub(super) fn one<T>(items: &[&str], parse: fn(&str) -> Result<T, String>) -> Result<T, Faults> {
    parse(items.first().copied().unwrap_or_default()).map_err(|fault| vec![(0, fault)])
}

/// The values of an option that takes several: all of them, or everything that is wrong.
fn each<T>(items: &[&str], parse: fn(&str) -> Result<T, String>) -> Result<Vec<T>, Faults> {
    if items.len() > MOST_VALUES {
        return Err(vec![(MOST_VALUES, format!("{} values; the most is {MOST_VALUES}", items.len()))]);
    }
    let (mut values, mut faults) = (Vec::new(), Vec::new());
    for (index, item) in items.iter().enumerate() {
        match parse(item) {
            Ok(value) => values.push(value),
            Err(fault) => faults.push((index, fault)),
        }
    }
    if faults.is_empty() { Ok(values) } else { Err(faults) }
}

fn listeners(items: &[&str]) -> Result<Listen, Faults> {
    if items == ["off"] {
        return Ok(Listen { addrs: Vec::new(), by_default: false });
    }
    if let Some(index) = items.iter().position(|&item| item == "off") {
        return Err(vec![(
            index,
            "\"off\" cannot stand beside an address; write one or the other".to_owned(),
        )]);
    }
    each(items, value::listen).map(|addrs| Listen { addrs, by_default: false })
}

pub(super) fn ports(items: &[&str]) -> Result<PortSet, Faults> {
    each(items, value::port_range).map(PortSet::of)
}

pub(super) fn subnets(items: &[&str]) -> Result<Vec<Cidr>, Faults> {
    each(items, value::cidr)
}

fn text(value: &dyn ToString) -> Shown {
    Shown::Value(toml::Value::String(value.to_string()))
}

fn count(count: usize) -> Shown {
    Shown::Value(toml::Value::Integer(i64::try_from(count).unwrap_or(i64::MAX)))
}

fn duration(duration: Duration) -> Shown {
    text(&value::show_duration(duration))
}

fn strings(values: impl Iterator<Item = String>) -> toml::Value {
    toml::Value::Array(values.map(toml::Value::String).collect())
}

fn show_listen(listen: &Listen) -> Shown {
    let addrs = strings(listen.addrs.iter().map(ToString::to_string));
    match (listen.by_default, listen.addrs.is_empty()) {
        (true, _) => Shown::Unset(addrs),
        (false, true) => text(&"off"),
        (false, false) => Shown::Value(addrs),
    }
}

fn show_connect_timeout(config: &Config) -> Shown {
    let (inbound, outbound) = (config.inbound_connect_timeout, config.outbound_connect_timeout);
    let outbound_text = value::show_duration(outbound);
    if inbound == outbound {
        return text(&outbound_text);
    }
    let both = format!("{outbound_text}, inbound {}", value::show_duration(inbound));
    Shown::Unset(toml::Value::String(both))
}

#[cfg(test)]
mod tests;
