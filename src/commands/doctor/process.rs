//! Checks of the configuration, the ports and the running process.

use std::net::{IpAddr, SocketAddr};

use super::facts::{Facts, Listening, Ready};
use super::probe::LIMIT;
use super::redirection::has_rules;
use super::report::Finding;
use crate::config::Listen;

/// How the program's process is called, unless its file was given another name.
pub(super) const PROGRAM: &str = "wayside";

/// All of them, in the order in which they are told.
pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let config = &facts.config;
    let mut findings = vec![configuration(facts), running(facts)];
    let lists = [
        ("port-inbound", "--inbound-listen", &config.inbound),
        ("port-outbound", "--outbound-listen", &config.outbound),
        ("port-admin", "--admin-listen", &config.admin),
    ];
    findings.extend(lists.map(|(name, flag, listen)| ports(facts, name, flag, listen)));
    findings
}

fn configuration(facts: &Facts) -> Finding {
    const NAME: &str = "config";
    let file = facts.config.file.as_ref().map(|path| path.display().to_string());
    let check = match &file {
        Some(path) => format!("wayside check --config {path}"),
        None => "wayside check".to_owned(),
    };
    match (facts.problems.as_slice(), facts.oddities.as_slice()) {
        ([], []) => {
            Finding::ok(NAME, file.unwrap_or_else(|| "no file; flags, environment and defaults".to_owned()))
        }
        ([], oddities) => Finding::warning(NAME, oddities.join("; "), check),
        (problems, _) => {
            Finding::wrong(NAME, format!("{}; looked at with the defaults", problems.join("; ")), check)
        }
    }
}

fn running(facts: &Facts) -> Finding {
    const NAME: &str = "running";
    const START: &str = "wayside run  # or: systemctl start wayside";
    const HUNG: &str = "top -b -n 1; journalctl -u wayside  # then: systemctl restart wayside";
    if facts.ready.is_empty() {
        return Finding::skipped(NAME, "there is no admin address to ask: --admin-listen");
    }
    if let Some((addr, _)) = facts.ready.iter().find(|(_, ready)| *ready == Ready::Yes) {
        return Finding::ok(NAME, format!("ready, says http://{addr}/ready"));
    }
    if let Some((addr, _)) = facts.ready.iter().find(|(_, ready)| *ready == Ready::Draining) {
        let found = format!("http://{addr}/ready says that it drains: it takes no new connections");
        return Finding::wrong(
            NAME,
            found,
            "systemctl restart wayside  # or, once it has ended: wayside run",
        );
    }
    if let Some((addr, _)) = facts.ready.iter().find(|(_, ready)| *ready == Ready::Hung) {
        let limit = LIMIT.as_secs();
        let found =
            format!("something listens on {addr} and does not answer within {limit} s: hung or overloaded");
        return Finding::wrong(NAME, found, HUNG);
    }
    let answers: Vec<String> = facts.ready.iter().map(answer).collect();
    let found = format!("no wayside answers: {}", answers.join("; "));
    if has_rules(facts) {
        return Finding::wrong(NAME, format!("{found}; what the rules redirect is refused"), START);
    }
    Finding::warning(NAME, found, START)
}

fn answer((addr, ready): &(SocketAddr, Ready)) -> String {
    match ready {
        Ready::Other(status) => format!("{addr}: another program, with status {status}"),
        Ready::No(why) => format!("{addr}: {why}"),
        Ready::Yes | Ready::Draining | Ready::Hung => addr.to_string(),
    }
}

fn ports(facts: &Facts, name: &'static str, flag: &str, listen: &Listen) -> Finding {
    let Some(first) = listen.addrs.first() else {
        return Finding::skipped(name, format!("{flag} is off"));
    };
    let others =
        || listen.addrs.iter().flat_map(|&addr| holders(facts, addr).map(move |socket| (addr, socket)));
    let taken = others().find(|(_, socket)| matches!(&socket.owner, Some(owner) if !owner.is_wayside));
    if let Some((addr, Listening { user, owner: Some(owner), .. })) = taken {
        let found = format!("{addr} is taken by {} (pid {}, uid {user})", owner.name, owner.pid);
        let free = SocketAddr::new(addr.ip(), addr.port().wrapping_add(10_000).max(1024));
        let fix = format!("kill {}  # or: wayside run {flag} {free}, and rules that fit", owner.pid);
        return Finding::wrong(name, found, fix);
    }
    let is_ours = facts.ready.iter().any(|(_, ready)| matches!(ready, Ready::Yes | Ready::Draining));
    match others().next() {
        None if !facts.has_proc => Finding::skipped(name, "without /proc, who listens cannot be seen"),
        None => Finding::ok(name, format!("{first} is free")),
        Some((addr, Listening { owner: Some(owner), .. })) => {
            Finding::ok(name, format!("{addr} is wayside's (pid {})", owner.pid))
        }
        Some((addr, Listening { user, .. })) if is_ours => {
            Finding::ok(name, format!("{addr} is held by uid {user}, and wayside answers"))
        }
        Some((addr, Listening { user, .. })) => {
            let found = format!("{addr} is taken by a process of uid {user} that only root may see");
            Finding::warning(name, found, format!("sudo ss -ltnp 'sport = :{}'", addr.port()))
        }
    }
}

/// Who keeps others from listening there.
pub(super) fn holders(facts: &Facts, addr: SocketAddr) -> impl Iterator<Item = &Listening> {
    facts.sockets.iter().filter(move |socket| addr.port() != 0 && is_clash(socket.addr, addr))
}

fn is_clash(there: SocketAddr, wanted: SocketAddr) -> bool {
    let any = |ip: IpAddr| ip.is_unspecified();
    let same_family = there.is_ipv4() == wanted.is_ipv4();
    // `[::]` takes IPv4 too.
    let dual = |ip: IpAddr| ip.is_ipv6() && any(ip);
    there.port() == wanted.port()
        && (there.ip() == wanted.ip()
            || same_family && (any(there.ip()) || any(wanted.ip()))
            || dual(there.ip())
            || dual(wanted.ip()))
}

#[cfg(test)]
mod tests;
