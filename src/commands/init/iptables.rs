//! The rules as one iptables transaction for each family: for `iptables-restore --noflush`, in chains of our own.

use crate::commands::doctor::iptables::words;
use crate::config::redirect::Redirect;
use crate::config::{Cidr, PortSet};
use std::fmt::Write as _;

/// Our chain of connections from elsewhere.
pub const INBOUND: &str = "WAYSIDE_INBOUND";
/// Our chain of connections of this host.
pub const OUTBOUND: &str = "WAYSIDE_OUTBOUND";
/// Our chains, and the chains of the kernel that jump to them.
const CHAINS: [(&str, &str); 2] = [("PREROUTING", INBOUND), ("OUTPUT", OUTBOUND)];
/// What the jumps match, as `iptables-save` writes it: only the first packet of a connection. Where connections are tracked
/// only from now on, those that are there already would look new in the middle, and break.
const NEW: &str = "-p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN";
/// The most ports of one multiport match; a range counts as two.
const MULTIPORT: usize = 15;

/// What `iptables-save -t nat` shows of ours.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Found {
    /// The lines that jump to our chains.
    jumps: Vec<String>,
    /// Our chains.
    chains: Vec<&'static str>,
}

impl Found {
    /// Reads what `iptables-save -t nat` says.
    pub fn read(saved: &str) -> Found {
        let is_there = |chain: &str| saved.lines().any(|line| line.starts_with(&format!(":{chain} ")));
        Found {
            jumps: saved.lines().filter(|line| leads_to_us(line)).map(str::to_owned).collect(),
            chains: CHAINS.iter().map(|(_, own)| *own).filter(|own| is_there(own)).collect(),
        }
    }

    /// Whether nothing of ours is there.
    pub fn is_empty(&self) -> bool {
        self.jumps.is_empty() && self.chains.is_empty()
    }
}

/// Puts the rules of one family there, in place of what an earlier run left. The kernel takes all of it at once or nothing:
/// there is no moment without rules.
pub fn load(plan: &Redirect, is_ipv4: bool, found: &Found) -> String {
    let mut text = "*nat\n".to_owned();
    let is_on = |own: &str| if own == INBOUND { plan.incoming } else { plan.outgoing }.is_some();
    let wanted = || CHAINS.iter().filter(|(_, own)| is_on(own));
    // To declare a chain that is there is to empty it.
    for (_, own) in wanted() {
        let _ = writeln!(text, ":{own} - [0:0]");
    }
    for (chain, rules) in [(INBOUND, inbound(plan, is_ipv4)), (OUTBOUND, outbound(plan, is_ipv4))] {
        for rule in rules {
            let _ = writeln!(text, "-A {chain} {rule}");
        }
    }
    let jumps: Vec<String> = wanted().map(|(chain, own)| format!("-A {chain} {NEW} -j {own}")).collect();
    // A jump that is right stays where it is; of two, one.
    let mut present: Vec<&String> = Vec::new();
    for jump in &found.jumps {
        if jumps.contains(jump) && !present.contains(&jump) {
            present.push(jump);
        } else {
            delete(&mut text, jump);
        }
    }
    for jump in jumps.iter().filter(|jump| !present.contains(jump)) {
        let _ = writeln!(text, "{jump}");
    }
    // A chain that is there and empty is one that has lost its rules: `wayside doctor`.
    for chain in found.chains.iter().filter(|own| !is_on(own)) {
        let _ = writeln!(text, "-F {chain}\n-X {chain}");
    }
    text.push_str("COMMIT\n");
    text
}

/// Takes away what was found.
pub fn unload(found: &Found) -> String {
    let mut text = "*nat\n".to_owned();
    found.jumps.iter().for_each(|jump| delete(&mut text, jump));
    for chain in &found.chains {
        let _ = writeln!(text, "-F {chain}\n-X {chain}");
    }
    text.push_str("COMMIT\n");
    text
}

/// Whether a rule of another chain than ours has one of ours for its target. A comment may name them as well.
fn leads_to_us(line: &str) -> bool {
    let words = words(line);
    let is_own = |name: &str| CHAINS.iter().any(|(_, own)| *own == name);
    let leads = |option: &str, target: &str| ["-j", "-g"].contains(&option) && is_own(target);
    match words.split_first() {
        Some((append, [chain, options @ ..])) => {
            append == "-A"
                && !is_own(chain)
                && options.windows(2).any(|pair| matches!(pair, [option, target] if leads(option, target)))
        }
        _ => false,
    }
}

fn delete(text: &mut String, jump: &str) {
    let rule = jump.strip_prefix("-A ").unwrap_or(jump);
    let _ = writeln!(text, "-D {rule}");
}

fn inbound(plan: &Redirect, is_ipv4: bool) -> Vec<String> {
    let Some(port) = plan.incoming else { return Vec::new() };
    // What this host sends itself.
    let mut rules = vec!["-i lo -j RETURN".to_owned()];
    rules.extend(multiports(&plan.skip_inbound_ports).map(|ports| format!("-p tcp {ports} -j RETURN")));
    rules.extend(of(is_ipv4, &plan.skip_inbound_subnets).map(|block| format!("-s {block} -j RETURN")));
    if plan.only_inbound_ports.ranges().is_empty() {
        rules.push(format!("-p tcp -j REDIRECT --to-ports {port}"));
    }
    let only = multiports(&plan.only_inbound_ports);
    rules.extend(only.map(|ports| format!("-p tcp {ports} -j REDIRECT --to-ports {port}")));
    rules
}

fn outbound(plan: &Redirect, is_ipv4: bool) -> Vec<String> {
    let Some(port) = plan.outgoing else { return Vec::new() };
    let mut rules = Vec::new();
    // wayside itself.
    rules.extend(plan.uid.map(|uid| format!("-m owner --uid-owner {uid} -j RETURN")));
    rules.extend(plan.gid.map(|gid| format!("-m owner --gid-owner {gid} -j RETURN")));
    // What this host sends itself.
    rules.push("-o lo -j RETURN".to_owned());
    rules.extend(multiports(&plan.skip_outbound_ports).map(|ports| format!("-p tcp {ports} -j RETURN")));
    rules.extend(of(is_ipv4, &plan.skip_outbound_subnets).map(|block| format!("-d {block} -j RETURN")));
    rules.push(format!("-p tcp -j REDIRECT --to-ports {port}"));
    rules
}

/// The blocks of one family.
fn of(is_ipv4: bool, blocks: &[Cidr]) -> impl Iterator<Item = Cidr> {
    blocks.iter().copied().filter(move |block| block.is_ipv4() == is_ipv4)
}

/// As many matches as it takes.
fn multiports(ports: &PortSet) -> impl Iterator<Item = String> {
    let mut matches: Vec<(usize, String)> = Vec::new();
    for &(low, high) in ports.ranges() {
        let (slots, text) = if low == high { (1, low.to_string()) } else { (2, format!("{low}:{high}")) };
        match matches.last_mut() {
            Some((used, list)) if *used + slots <= MULTIPORT => {
                *used += slots;
                let _ = write!(list, ",{text}");
            }
            _ => matches.push((slots, text)),
        }
    }
    matches.into_iter().map(|(_, list)| format!("-m multiport --dports {list}"))
}
