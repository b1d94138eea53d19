//! The flags of `wayside inject`, named as Linkerd's.

use std::path::PathBuf;

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::commands::inject::{Resources, Settings};
use crate::config::{PortSet, check, ports};

const FILES: &str = "files";
const MORE: &str = "\
Reads YAML or JSON, several documents or a List, and writes them to stdout with the sidecar in every Deployment, StatefulSet,
DaemonSet, ReplicaSet, ReplicationController, Job, CronJob and Pod. All else passes unchanged. stderr says what became of each.
Annotations of the pod go before options: config.linkerd.io/skip-inbound-ports, skip-outbound-ports, opaque-ports,
linkerd.io/inject: disabled; and wayside.dev/ before either.
Exit code: 0 done, 1 a manifest is broken or cannot be read, and nothing was written, 2 wrong usage.

  wayside inject deployment.yml --skip-outbound-ports=4406 | kubectl apply -f -";

/// A flag with a value: name, what stands for the value, default (empty: none), help.
type Flag = (&'static str, &'static str, &'static str, &'static str);

const PORTS: [Flag; 3] = [
    ("inbound-port", "PORT", "4143", "Where connections to the application are redirected to"),
    ("outbound-port", "PORT", "4140", "Where connections from the application are redirected to"),
    ("admin-port", "PORT", "4191", "Metrics and probes"),
];

const PORT_SETS: [Flag; 3] = [
    ("skip-inbound-ports", "PORTS", "", "Not redirected on the way in"),
    ("skip-outbound-ports", "PORTS", "", "Not redirected on the way out"),
    ("opaque-ports", "PORTS", "", "Destination ports never looked into"),
];

const QUANTITIES: [Flag; 4] = [
    ("proxy-cpu-request", "QUANTITY", "10m", "\"none\" leaves it out"),
    ("proxy-cpu-limit", "QUANTITY", "none", "A limit makes answers wait"),
    ("proxy-memory-request", "QUANTITY", "16Mi", "\"none\" leaves it out"),
    ("proxy-memory-limit", "QUANTITY", "64Mi", "\"none\" leaves it out"),
];

/// `wayside inject`.
pub(super) fn inject_command() -> Command {
    let image = concat!("wayside:", env!("CARGO_PKG_VERSION"));
    Command::new("inject")
        .about("Add the sidecar to Kubernetes manifests")
        .arg(files_arg())
        .arg(arg(("image", "IMAGE", image, "Of both containers")).alias("proxy-image"))
        .arg(arg((
            "init-image",
            "IMAGE",
            "",
            "Of the init container, if it is another; it needs nft or iptables",
        )))
        .arg(
            arg(("image-pull-policy", "POLICY", "IfNotPresent", "Always, IfNotPresent or Never"))
                .value_parser(["Always", "IfNotPresent", "Never"]),
        )
        .args(PORTS.map(|flag| arg(flag).value_parser(clap::value_parser!(u16).range(1..))))
        .args(PORT_SETS.map(|flag| arg(flag).value_parser(ports)))
        .arg(
            arg(("proxy-uid", "UID", "2102", "The user of the proxy; nothing else in the pod may run as it"))
                .value_parser(clap::value_parser!(u32).range(1..)),
        )
        .args(QUANTITIES.map(|flag| arg(flag).value_parser(quantity)))
        .arg(
            arg(("proxy-log-level", "LEVEL", "", "--log of the proxy"))
                .alias("log")
                .value_parser(option("log")),
        )
        .arg(arg(("access-log", "FORM", "", "off, json or apache")).value_parser(option("access-log")))
        .arg(
            Arg::new("classic-sidecar")
                .long("classic-sidecar")
                .action(ArgAction::SetTrue)
                .help("An ordinary container, for clusters before 1.29 that know no native sidecars"),
        )
        .after_help(MORE)
}

/// `wayside uninject`.
pub(super) fn uninject_command() -> Command {
    Command::new("uninject").about("Take the sidecar out of Kubernetes manifests again").arg(files_arg())
}

/// What `inject` is to add.
pub(super) fn settings(matches: &ArgMatches) -> Settings {
    let text = |name: &str| matches.get_one::<String>(name).cloned();
    let set = |name: &str| matches.get_one::<PortSet>(name).cloned();
    let port = |name: &str| matches.get_one::<u16>(name).copied().unwrap_or_default();
    let quantity = |name: &str| text(name).filter(|quantity| quantity != "none");
    Settings {
        image: text("image").unwrap_or_default(),
        init_image: text("init-image"),
        pull_policy: text("image-pull-policy").unwrap_or_default(),
        inbound_port: port("inbound-port"),
        outbound_port: port("outbound-port"),
        admin_port: port("admin-port"),
        uid: matches.get_one("proxy-uid").copied().unwrap_or_default(),
        skip_inbound: set("skip-inbound-ports").unwrap_or_default(),
        skip_outbound: set("skip-outbound-ports").unwrap_or_default(),
        opaque: set("opaque-ports"),
        log: text("proxy-log-level"),
        access_log: text("access-log"),
        resources: Resources {
            cpu_request: quantity("proxy-cpu-request"),
            cpu_limit: quantity("proxy-cpu-limit"),
            memory_request: quantity("proxy-memory-request"),
            memory_limit: quantity("proxy-memory-limit"),
        },
        is_classic: matches.get_flag("classic-sidecar"),
    }
}

/// The files; none is stdin.
pub(super) fn files(matches: &ArgMatches) -> Vec<PathBuf> {
    matches.get_many(FILES).into_iter().flatten().cloned().collect()
}

fn files_arg() -> Arg {
    Arg::new(FILES)
        .value_name("FILE")
        .num_args(0..)
        .value_parser(ValueParser::path_buf())
        .help("YAML or JSON; - or none is stdin")
}

fn arg((name, metavar, default, help): Flag) -> Arg {
    let arg = Arg::new(name).long(name).value_name(metavar).help(help);
    if default.is_empty() { arg } else { arg.default_value(default) }
}

/// The form of an option of `wayside run`.
fn option(name: &'static str) -> impl Fn(&str) -> Result<String, String> + Clone {
    move |text| check(name, text).map(|()| text.to_owned())
}

/// `100m`, `0.5`, `64Mi` or `none`.
fn quantity(text: &str) -> Result<String, String> {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.strip_prefix(number).unwrap_or_default();
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let is_unit = ["", "m", "k", "Ki", "M", "Mi", "G", "Gi"].contains(&unit);
    if text == "none" || (digits(whole) && digits(fraction) && is_unit) {
        return Ok(text.to_owned());
    }
    Err("write a quantity of Kubernetes, as in \"100m\" or \"64Mi\", or \"none\"".to_owned())
}
