//! Checks of the packet filter's rules.

use super::facts::{Facts, Ipv6, Tested};
use super::probe::{loopback, nowhere};
use super::report::Finding;
use super::rules::{Connection, End, Family, Hook, Keeper, Outcome, dropper, redirects, walk};
use crate::commands::init::iptables;
use crate::commands::init::nft::TABLE;

/// Those whose connections are looked at: root, one who logs in, and `nobody`.
const USERS: [u32; 3] = [0, 1000, 65_534];

/// All of them, in the order in which they are told.
pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![mixed(facts)];
    for family in Family::BOTH {
        findings.extend([Hook::Output, Hook::Prerouting].map(|hook| rules(facts, hook, family)));
    }
    findings.extend([exclusion(facts), loops(facts)]);
    findings.extend(Family::BOTH.map(|family| tested(facts, family)));
    findings
}

/// Some connection of anybody to anywhere.
fn any(hook: Hook, family: Family) -> Connection {
    Connection { hook, family, user: None, group: None, to: None, port: None, is_local: false }
}

fn outcomes(facts: &Facts, connection: &Connection) -> Vec<Outcome> {
    walk(&facts.filters.chains, connection)
}

fn ports(outcomes: &[Outcome]) -> Vec<u16> {
    let port = |outcome: &Outcome| match outcome.end {
        End::Redirected(port) => Some(port),
        _ => None,
    };
    outcomes.iter().filter_map(port).collect()
}

/// Whether some connections of that kind come to wayside.
fn is_redirected(facts: &Facts, hook: Hook, family: Family) -> bool {
    let ports = ports(&outcomes(facts, &any(hook, family)));
    ports.into_iter().any(|port| facts.is_expected(hook, port))
}

/// Whether any connections do.
pub(super) fn has_rules(facts: &Facts) -> bool {
    let hooks = [Hook::Output, Hook::Prerouting];
    hooks.iter().any(|&hook| Family::BOTH.iter().any(|&family| is_redirected(facts, hook, family)))
}

/// The command that makes the rules that are wanted. As printed it must not redirect what the user wants left alone.
fn init(facts: &Facts) -> String {
    format!("wayside init {}", facts.plan.flags())
}

/// The same, once the rule that did this is gone: it would still be met.
fn init_instead_of(facts: &Facts, outcome: Option<&Outcome>) -> String {
    match outcome.and_then(|outcome| outcome.remove.as_ref()) {
        Some(remove) => format!("{remove} && {}", init(facts)),
        None => init(facts),
    }
}

fn rules(facts: &Facts, hook: Hook, family: Family) -> Finding {
    let (name, what) = match (hook, family) {
        (Hook::Output, Family::V4) => ("rules-outbound-ipv4", "outbound"),
        (Hook::Output, Family::V6) => ("rules-outbound-ipv6", "outbound"),
        (Hook::Prerouting, Family::V4) => ("rules-inbound-ipv4", "inbound"),
        (Hook::Prerouting, Family::V6) => ("rules-inbound-ipv6", "inbound"),
    };
    let Some(wanted) = facts.wanted(hook) else {
        return Finding::skipped(name, format!("{what} connections are to be left alone"));
    };
    if family == Family::V6 && !facts.plan.ipv6 {
        return Finding::skipped(name, "IPv6 is to be left alone");
    }
    if family == Family::V6 && !matches!(facts.kernel.ipv6, Ipv6::There | Ipv6::Unseen) {
        return Finding::skipped(name, "this host has no IPv6");
    }
    let outcomes = outcomes(facts, &any(hook, family));
    let ports = ports(&outcomes);
    if let Some(port) = ports.iter().find(|&&port| facts.is_expected(hook, port)) {
        let found = format!("{what} {} goes to port {port}", family.as_str());
        return match taken(facts, hook, &outcomes) {
            None => Finding::ok(name, found),
            Some(other) => {
                let found = format!("{found}, but a rule before it {}", told(other));
                let fix = other.remove.clone().unwrap_or_else(|| init(facts));
                if takes_all(facts, hook, family) {
                    Finding::wrong(name, found, fix)
                } else {
                    Finding::warning(name, found, fix)
                }
            }
        };
    }
    if let Some(port) = ports.first() {
        let other = outcomes.iter().find(|outcome| outcome.end == End::Redirected(*port));
        let by = other.and_then(|other| other.by.as_deref()).unwrap_or_default();
        let family = family.as_str();
        let found = format!("{what} {family} goes to port {port}; wayside listens on {wanted} ({by})");
        return Finding::wrong(name, found, init_instead_of(facts, other));
    }
    // One that takes some only lets the others come to the end.
    if let [other @ Outcome { end: End::Elsewhere, by: Some(by), .. }] = outcomes.as_slice() {
        let found = format!("{what} {} goes elsewhere, all of it: {by}", family.as_str());
        return Finding::wrong(name, found, init_instead_of(facts, Some(other)));
    }
    missing(facts, hook, family, name, what)
}

/// The rule that comes before ours and sends connections, or some of them, to another place.
fn taken<'a>(facts: &Facts, hook: Hook, outcomes: &'a [Outcome]) -> Option<&'a Outcome> {
    let is_ours = |end: End| matches!(end, End::Redirected(port) if facts.is_expected(hook, port));
    let earlier = outcomes.iter().take_while(|outcome| !is_ours(outcome.end));
    earlier.into_iter().find(|outcome| outcome.by.is_some())
}

/// Whether nothing of some user comes to wayside, as far as an ordinary connection tells.
fn takes_all(facts: &Facts, hook: Hook, family: Family) -> bool {
    let to = Some(nowhere(family));
    let users = match hook {
        Hook::Output => USERS.map(Some).to_vec(),
        Hook::Prerouting => vec![None],
    };
    users.into_iter().filter(|user| *user != Some(facts.proxy.user)).any(|user| {
        let connection = Connection {
            user,
            to: to.filter(|_| hook == Hook::Output).map(|to| to.ip()),
            port: to.map(|to| to.port()),
            ..any(hook, family)
        };
        let outcomes = outcomes(facts, &connection);
        let is_elsewhere = |outcome: &Outcome| match outcome.end {
            End::Straight => false,
            End::Elsewhere => !outcome.is_doubtful,
            End::Redirected(port) => !outcome.is_doubtful && !facts.is_expected(hook, port),
        };
        outcomes.iter().all(is_elsewhere)
    })
}

/// What a rule that is not ours does.
fn told(outcome: &Outcome) -> String {
    let by = outcome.by.as_deref().unwrap_or_default();
    match outcome.end {
        End::Redirected(port) => format!("sends some to port {port}: {by}"),
        _ => format!("sends some elsewhere: {by}"),
    }
}

fn missing(facts: &Facts, hook: Hook, family: Family, name: &'static str, what: &str) -> Finding {
    let none = format!("no rule redirects {what} {}", family.as_str());
    if !facts.filters.unseen.is_empty() {
        return Finding::skipped(
            name,
            format!("{none}, as far as can be seen: {}", facts.filters.unseen.join("; ")),
        );
    }
    if !has_rules(facts) {
        if !facts.config.forwards.is_empty() {
            return Finding::skipped(name, format!("{none}; --forward needs none"));
        }
        return Finding::wrong(name, none, init(facts));
    }
    if family == Family::V6 && is_redirected(facts, hook, Family::V4) {
        return Finding::wrong(name, format!("{none}, though IPv4 is: it passes wayside by"), init(facts));
    }
    if is_emptied(facts, hook, family) {
        let found = format!("{none}, though there is a chain for it: it has lost its rules");
        return Finding::wrong(name, found, init(facts));
    }
    let why = "right for a gateway only";
    Finding::warning(name, format!("{none}, though there are other rules: {why}"), init(facts))
}

/// Whether `wayside init` made a chain for it. A direction that is off has none.
fn is_emptied(facts: &Facts, hook: Hook, family: Family) -> bool {
    let own = if hook == Hook::Output { iptables::OUTBOUND } else { iptables::INBOUND };
    let mut chains = facts.filters.chains.iter();
    chains.any(|chain| {
        let table = chain.family.map_or("inet", Family::table);
        let is_ours = format!("{table} {}", chain.table) == TABLE;
        let is_base = chain.hook.is_some_and(|(at, _)| at == hook);
        chain.family.is_none_or(|other| other == family) && (is_ours && is_base || chain.name == own)
    })
}

/// Two keepers of rules: which one comes first depends on which was loaded first.
fn mixed(facts: &Facts) -> Finding {
    const NAME: &str = "packet-filters";
    let rules_of = |keeper: Keeper| {
        let chains = facts.filters.chains.iter().filter(move |chain| chain.keeper == keeper);
        chains.map(|chain| chain.rules.len()).sum::<usize>()
    };
    let (nft, legacy) = (rules_of(Keeper::Nft), rules_of(Keeper::Legacy));
    if nft > 0 && legacy > 0 {
        let found = format!(
            "nftables holds {nft} NAT rules and iptables-legacy {legacy}: their order is not defined"
        );
        let are_both = [Keeper::Nft, Keeper::Legacy]
            .iter()
            .all(|&keeper| !redirects(&facts.filters.chains, keeper).is_empty());
        let legacy = facts.filters.chains.iter().filter(|chain| chain.keeper == Keeper::Legacy);
        let removals: Vec<&str> = legacy
            .flat_map(|chain| &chain.rules)
            .filter_map(|rule| rule.remove.as_deref())
            .filter(|remove| remove.contains("REDIRECT"))
            .collect();
        if are_both && !removals.is_empty() {
            return Finding::wrong(NAME, format!("{found}; both redirect"), removals.join(" && "));
        }
        return Finding::warning(NAME, found, "update-alternatives --config iptables");
    }
    let seen = match (nft, legacy) {
        (0, 0) => "no NAT rules".to_owned(),
        (count, 0) => format!("{count} NAT rules, all in nftables"),
        (_, count) => format!("{count} NAT rules, all in iptables-legacy"),
    };
    if facts.filters.unseen.is_empty() {
        return Finding::ok(NAME, seen);
    }
    Finding::skipped(NAME, facts.filters.unseen.join("; "))
}

/// What wayside itself sends.
fn own(facts: &Facts, family: Family, is_local: bool) -> Connection {
    let (user, group) = (Some(facts.proxy.user), facts.proxy.group);
    Connection { user, group, is_local, ..any(Hook::Output, family) }
}

/// The first family in which wayside's own connections are redirected.
fn caught(facts: &Facts, is_local: bool) -> Option<(Family, Outcome)> {
    let mut found = Family::BOTH.into_iter().flat_map(|family| {
        let outcomes = outcomes(facts, &own(facts, family, is_local)).into_iter();
        outcomes.map(move |outcome| (family, outcome))
    });
    found.find(|(_, outcome)| matches!(outcome.end, End::Redirected(_)))
}

fn exclusion(facts: &Facts) -> Finding {
    const NAME: &str = "uid-exclusion";
    if !Family::BOTH.iter().any(|&family| is_redirected(facts, Hook::Output, family)) {
        return Finding::skipped(NAME, "no outbound rules to look at");
    }
    let (user, source) = (facts.proxy.user, facts.proxy.source);
    let Some((family, outcome)) = caught(facts, false) else {
        return Finding::ok(NAME, format!("what uid {user} sends ({source}) is not redirected"));
    };
    let family = family.as_str();
    if outcome.is_doubtful {
        let found =
            format!("whether what uid {user} sends ({source}) is redirected cannot be told, {family}");
        return Finding::warning(NAME, found, init(facts));
    }
    let to = match outcome.end {
        End::Redirected(port) if !facts.is_expected(Hook::Output, port) => {
            format!("to port {port}, which is not wayside's ({})", outcome.by.as_deref().unwrap_or_default())
        }
        _ => "to wayside again".to_owned(),
    };
    let found = format!("what uid {user} sends ({source}) is redirected {to}, {family}");
    Finding::wrong(NAME, found, init_instead_of(facts, Some(&outcome)))
}

fn loops(facts: &Facts) -> Finding {
    const NAME: &str = "loop";
    if !has_rules(facts) {
        return Finding::skipped(NAME, "no rules to look at");
    }
    let forbidden = |hook| {
        let other = if hook == Hook::Output { &facts.config.inbound } else { &facts.config.outbound };
        other.addrs.iter().chain(&facts.config.admin.addrs).map(|addr| addr.port()).collect::<Vec<u16>>()
    };
    for hook in [Hook::Output, Hook::Prerouting] {
        for family in Family::BOTH {
            for outcome in outcomes(facts, &any(hook, family)) {
                let End::Redirected(port) = outcome.end else { continue };
                if forbidden(hook).contains(&port) && !facts.is_expected(hook, port) {
                    let what = if hook == Hook::Output { "outbound" } else { "inbound" };
                    let found = format!(
                        "{what} {} goes to port {port}, another listener of wayside's",
                        family.as_str()
                    );
                    return Finding::wrong(NAME, found, init_instead_of(facts, Some(&outcome)));
                }
            }
        }
    }
    match caught(facts, true).filter(|_| caught(facts, false).is_none()) {
        Some((family, outcome)) if !outcome.is_doubtful => {
            let found = format!("what wayside sends to this host itself is redirected, {}", family.as_str());
            Finding::wrong(NAME, found, init_instead_of(facts, Some(&outcome)))
        }
        _ => Finding::ok(NAME, "no rule leads from a listener to another one"),
    }
}

fn tested(facts: &Facts, family: Family) -> Finding {
    let name = match family {
        Family::V4 => "original-dst-ipv4",
        Family::V6 => "original-dst-ipv6",
    };
    match facts.tested.iter().find(|(tested, _)| *tested == family) {
        Some((_, Tested::Works(how))) => Finding::ok(name, how),
        Some((_, Tested::Not(why))) => Finding::skipped(name, why),
        Some((_, Tested::Elsewhere(what, remove))) => {
            Finding::wrong(name, what, remove.clone().unwrap_or_else(|| init(facts)))
        }
        Some((_, Tested::Fails(what))) => match caught(facts, false).filter(|(_, by)| !by.is_doubtful) {
            // What it dials comes back to it, and goes nowhere.
            Some((_, outcome)) => Finding::wrong(name, what, init_instead_of(facts, Some(&outcome))),
            None => match dropped(facts, family) {
                Some((by, remove)) => {
                    let look = "nft -a list ruleset  # and iptables-legacy-save: take that rule away";
                    let fix = remove.unwrap_or_else(|| look.to_owned());
                    Finding::wrong(name, format!("{what}; a rule drops such: {by}"), fix)
                }
                None => Finding::wrong(name, what, "modprobe -a nf_conntrack nf_nat nft_redir xt_REDIRECT"),
            },
        },
        None => Finding::skipped(name, "no rules to try"),
    }
}

/// The rule that may keep a redirected connection from wayside, which it reaches by loopback.
fn dropped(facts: &Facts, family: Family) -> Option<(String, Option<String>)> {
    let (to, port) = (Some(loopback(family)), facts.wanted(Hook::Output));
    dropper(&facts.filters.filter, &Connection { to, port, is_local: true, ..any(Hook::Output, family) })
}

#[cfg(test)]
mod tests;
