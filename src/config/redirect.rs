//! What `wayside init` redirects: its own options, on top of the configuration that `wayside run` has.

use std::ffi::OsString;

use super::load::{Sources, load};
use super::options::{Faults, env, one, ports, subnets};
use super::problem::{Failure, Origin, Problem, quote};
use super::value::{self, Form, List};
use super::{Cidr, Config, Listen, PortSet};

/// What the packet filter is to do. Everything else is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// The port that connections from elsewhere are sent to; `None`: they are left alone.
    pub incoming: Option<u16>,
    /// The port that connections of this host are sent to; `None`: they are left alone.
    pub outgoing: Option<u16>,
    /// The user that wayside runs as: nothing it sends is redirected.
    pub uid: Option<u32>,
    /// The group that wayside runs as: nothing it sends is redirected.
    pub gid: Option<u32>,
    /// If not empty, nothing else is redirected on the way in.
    pub only_inbound_ports: PortSet,
    /// Destination ports that are left alone on the way in.
    pub skip_inbound_ports: PortSet,
    /// Destination ports that are left alone on the way out.
    pub skip_outbound_ports: PortSet,
    /// Sources that are left alone on the way in.
    pub skip_inbound_subnets: Vec<Cidr>,
    /// Destinations that are left alone on the way out.
    pub skip_outbound_subnets: Vec<Cidr>,
    /// Whether IPv6 is redirected too.
    pub ipv6: bool,
}

impl Default for Redirect {
    /// What `wayside init` does where the user says nothing.
    fn default() -> Redirect {
        Redirect::of(&Config::default())
    }
}

impl Redirect {
    /// What follows from the configuration of `wayside run`.
    pub fn of(config: &Config) -> Redirect {
        let port = |listen: &Listen| listen.addrs.first().map(std::net::SocketAddr::port);
        // Probes and scrapes come from elsewhere, and must not depend on what they look at.
        let admin = config.admin.addrs.iter().filter(|addr| !addr.ip().to_canonical().is_loopback());
        let admin = admin.map(|addr| (addr.port(), addr.port()));
        let skipped = config.skip_inbound_ports.ranges().iter().copied().chain(admin).collect();
        Redirect {
            incoming: port(&config.inbound),
            outgoing: port(&config.outbound),
            uid: Some(2102),
            gid: None,
            only_inbound_ports: PortSet::default(),
            skip_inbound_ports: PortSet::of(skipped),
            skip_outbound_ports: config.skip_outbound_ports.clone(),
            skip_inbound_subnets: Vec::new(),
            skip_outbound_subnets: Vec::new(),
            ipv6: true,
        }
    }

    /// The flags of `wayside init` that say this, whatever its variables and its file say: the ports and the user, and
    /// what is not as it is by default.
    pub fn flags(&self) -> String {
        let port = |port: Option<u16>| port.map_or_else(|| "off".to_owned(), |port| port.to_string());
        let blocks = |blocks: &[Cidr]| blocks.iter().map(Cidr::to_string).collect::<Vec<_>>().join(",");
        let all = [
            ("incoming-proxy-port", port(self.incoming)),
            ("outgoing-proxy-port", port(self.outgoing)),
            ("proxy-uid", self.uid.map_or_else(|| "none".to_owned(), |id| id.to_string())),
            ("proxy-gid", self.gid.map(|id| id.to_string()).unwrap_or_default()),
            ("ports-to-redirect", self.only_inbound_ports.to_string()),
            ("skip-inbound-ports", self.skip_inbound_ports.to_string()),
            ("skip-outbound-ports", self.skip_outbound_ports.to_string()),
            ("skip-inbound-subnets", blocks(&self.skip_inbound_subnets)),
            ("skip-outbound-subnets", blocks(&self.skip_outbound_subnets)),
            ("ipv6", if self.ipv6 { String::new() } else { "false".to_owned() }),
        ];
        let said = all.iter().filter(|(_, value)| !value.is_empty());
        said.map(|(name, value)| format!("--{name} {value}")).collect::<Vec<_>>().join(" ")
    }

    /// Whether a connection of this host to `port` is left alone.
    pub fn skips_outbound(&self, ip: std::net::IpAddr, port: u16) -> bool {
        self.skip_outbound_ports.contains(port)
            || self.skip_outbound_subnets.iter().any(|block| block.contains(ip))
    }
}

/// An option of `wayside init` alone.
pub struct RedirectOpt {
    /// The flag without its hyphens.
    pub name: &'static str,
    /// Its letter, as linkerd2-proxy-init has it.
    pub short: Option<char>,
    /// Its name in linkerd2-proxy-init, where that differs.
    pub alias: Option<&'static str>,
    /// How its value is written.
    pub form: &'static Form,
    /// The default, as the help tells it.
    pub default: &'static str,
    /// What it means, in few words.
    pub help: &'static str,
    /// Whether there is an environment variable. Not for ports: Kubernetes makes variables of such names for services.
    has_env: bool,
    set: fn(&mut Redirect, &[&str]) -> Result<(), Faults>,
}

impl RedirectOpt {
    /// Whether the flag may be repeated.
    pub fn is_list(&self) -> bool {
        self.form.list != List::No
    }
}

/// The options of `wayside run` that `wayside init` has as well, and their names in linkerd2-proxy-init.
pub const SHARED: [(&str, &str); 2] =
    [("skip-inbound-ports", "inbound-ports-to-ignore"), ("skip-outbound-ports", "outbound-ports-to-ignore")];

/// The table.
pub static REDIRECT_OPTIONS: &[RedirectOpt] = &[
    RedirectOpt {
        name: "incoming-proxy-port",
        short: Some('p'),
        alias: None,
        form: &value::PROXY_PORT,
        default: "that of inbound-listen",
        help: "Where connections from elsewhere go",
        has_env: false,
        set: |plan, items| one(items, value::proxy_port).map(|port| plan.incoming = port),
    },
    RedirectOpt {
        name: "outgoing-proxy-port",
        short: Some('o'),
        alias: None,
        form: &value::PROXY_PORT,
        default: "that of outbound-listen",
        help: "Where connections of this host go",
        has_env: false,
        set: |plan, items| one(items, value::proxy_port).map(|port| plan.outgoing = port),
    },
    RedirectOpt {
        name: "proxy-uid",
        short: Some('u'),
        alias: None,
        form: &value::ID,
        default: "2102",
        help: "The user that wayside runs as; never redirected",
        has_env: true,
        set: |plan, items| one(items, value::id).map(|id| plan.uid = id),
    },
    RedirectOpt {
        name: "proxy-gid",
        short: Some('g'),
        alias: None,
        form: &value::ID,
        default: "none",
        help: "The group that wayside runs as; never redirected",
        has_env: true,
        set: |plan, items| one(items, value::id).map(|id| plan.gid = id),
    },
    RedirectOpt {
        name: "ports-to-redirect",
        short: Some('r'),
        alias: None,
        form: &value::PORTS,
        default: "all",
        help: "Only these on the way in",
        has_env: true,
        set: |plan, items| ports(items).map(|ports| plan.only_inbound_ports = ports),
    },
    RedirectOpt {
        name: "skip-inbound-subnets",
        short: None,
        alias: Some("subnets-to-ignore"),
        form: &value::CIDRS,
        default: "none",
        help: "Sources not redirected on the way in",
        has_env: true,
        set: |plan, items| subnets(items).map(|blocks| plan.skip_inbound_subnets = blocks),
    },
    RedirectOpt {
        name: "skip-outbound-subnets",
        short: None,
        alias: None,
        form: &value::CIDRS,
        default: "none",
        help: "Destinations not redirected on the way out",
        has_env: true,
        set: |plan, items| subnets(items).map(|blocks| plan.skip_outbound_subnets = blocks),
    },
    RedirectOpt {
        name: "ipv6",
        short: None,
        alias: None,
        form: &value::SWITCH,
        default: "true",
        help: "Redirect IPv6 too",
        has_env: true,
        set: |plan, items| one(items, value::switch).map(|on| plan.ipv6 = on),
    },
];

/// The options that are environment variables, too.
pub(super) fn in_environment() -> impl Iterator<Item = &'static str> {
    REDIRECT_OPTIONS.iter().filter(|option| option.has_env).map(|option| option.name)
}

/// What `wayside init` is told: the sources of `wayside run`, and flags of [`REDIRECT_OPTIONS`]. Every value is checked,
/// and all that is wrong is told at once. With it come warnings.
pub fn redirect(
    sources: Sources,
    flags: &[(&'static str, Vec<String>)],
) -> Result<(Redirect, Vec<String>), Failure> {
    let environment = sources.environment.clone();
    let (config, warnings, mut problems) = match load(sources) {
        Ok(loaded) => (loaded.config, loaded.warnings, Vec::new()),
        Err(failure) => (Config::default(), failure.warnings, failure.problems),
    };
    let (plan, wrong) = plan(&config, &environment, flags);
    problems.extend(wrong);
    if problems.is_empty() {
        problems.extend(conflict(&plan));
    }
    if problems.is_empty() { Ok((plan, warnings)) } else { Err(Failure { problems, warnings }) }
}

/// What follows from a configuration, the variables and the flags of [`REDIRECT_OPTIONS`], and what is wrong with these.
pub fn plan(
    config: &Config,
    environment: &[(OsString, OsString)],
    flags: &[(&'static str, Vec<String>)],
) -> (Redirect, Vec<Problem>) {
    let (mut plan, mut problems) = (Redirect::of(config), Vec::new());
    for option in REDIRECT_OPTIONS {
        let name = env(option.name);
        let variable = environment.iter().find(|(key, _)| option.has_env && *key == *name);
        if let Some((_, value)) = variable {
            let text = utf8(value);
            problems.extend(apply(option, &mut plan, &[text], &Origin::Env(name)));
        }
        if let Some((_, texts)) = flags.iter().find(|(name, _)| *name == option.name) {
            problems.extend(apply(option, &mut plan, texts, &Origin::Flag(option.name)));
        }
    }
    (plan, problems)
}

/// What is not UTF-8 is shown as far as it is, and refused by every form.
fn utf8(value: &OsString) -> String {
    value.to_string_lossy().into_owned()
}

fn apply(option: &RedirectOpt, plan: &mut Redirect, texts: &[String], at: &Origin) -> Vec<Problem> {
    let items: Vec<&str> = match option.form.list {
        List::No => texts.iter().map(|text| text.trim()).collect(),
        _ => {
            let filled = texts.iter().filter(|text| !text.trim().is_empty());
            filled.flat_map(|text| text.split(',').map(str::trim)).collect()
        }
    };
    let faults = (option.set)(plan, &items).err().unwrap_or_default();
    faults.into_iter().map(|(_, text)| Problem { at: at.clone(), text }).collect()
}

/// What is right each for itself, but cannot stand together.
fn conflict(plan: &Redirect) -> Option<Problem> {
    let problem = |flag, text: String| Some(Problem { at: Origin::Flag(flag), text });
    match (plan.incoming, plan.outgoing) {
        (None, None) => problem(
            "incoming-proxy-port",
            "nothing to redirect, as both directions are off; name a port, or use --delete".to_owned(),
        ),
        (Some(0), _) => problem("incoming-proxy-port", no_port("inbound-listen")),
        (_, Some(0)) => problem("outgoing-proxy-port", no_port("outbound-listen")),
        (Some(incoming), Some(outgoing)) if incoming == outgoing => problem(
            "outgoing-proxy-port",
            format!("{} is the incoming port too; give each its own", quote(&outgoing.to_string())),
        ),
        (_, Some(_)) if plan.uid.is_none() && plan.gid.is_none() => problem(
            "proxy-uid",
            "without a user or a group that is left alone, wayside's own connections would come back to it; \
             name one, or turn --outgoing-proxy-port off"
                .to_owned(),
        ),
        _ => None,
    }
}

fn no_port(listen: &str) -> String {
    format!("{listen} lets the kernel choose a port (0), so it is not known; name it")
}
