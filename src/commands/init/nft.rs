//! The rules as one nftables transaction: for `nft -f -`, both families in one table of ours.

use crate::config::redirect::Redirect;
use crate::config::{Cidr, PortSet};
use std::fmt::Write as _;

/// The only table that is ours.
pub const TABLE: &str = "inet wayside";

/// Puts the rules there, in place of what an earlier run left. The chains stay the same ones: were they deleted and made
/// anew, both would be there for a moment, and a packet could pass the new one before and the old one after the switch.
/// So there is no moment without rules.
pub fn load(plan: &Redirect) -> String {
    let mut text = format!(
        "add table {TABLE}
add chain {TABLE} inbound {{ type nat hook prerouting priority -100; policy accept; }}
add chain {TABLE} outbound {{ type nat hook output priority -100; policy accept; }}
flush table {TABLE}
"
    );
    for rule in inbound(plan) {
        let _ = writeln!(text, "add rule {TABLE} inbound {rule}");
    }
    for rule in outbound(plan) {
        let _ = writeln!(text, "add rule {TABLE} outbound {rule}");
    }
    // A chain that is there and empty is one that has lost its rules: `wayside doctor`.
    for (name, port) in [("inbound", plan.incoming), ("outbound", plan.outgoing)] {
        if port.is_none() {
            let _ = writeln!(text, "delete chain {TABLE} {name}");
        }
    }
    text
}

/// Takes the table away, whether it is there or not.
pub fn unload() -> String {
    format!("add table {TABLE}\ndelete table {TABLE}\n")
}

fn inbound(plan: &Redirect) -> Vec<String> {
    let Some(port) = plan.incoming else { return Vec::new() };
    let mut rules = new_connections(plan);
    rules.push("iifname \"lo\" return comment \"what this host sends itself\"".to_owned());
    rules.extend(ports(&plan.skip_inbound_ports).map(|set| format!("tcp dport {set} return")));
    rules.extend(
        plan.skip_inbound_subnets.iter().map(|&block| format!("{} saddr {block} return", family(block))),
    );
    let only = ports(&plan.only_inbound_ports).map(|set| format!("tcp dport {set} "));
    rules.push(format!("{}redirect to :{port}", only.unwrap_or_else(|| "meta l4proto tcp ".to_owned())));
    rules
}

fn outbound(plan: &Redirect) -> Vec<String> {
    let Some(port) = plan.outgoing else { return Vec::new() };
    let mut rules = new_connections(plan);
    rules.extend(plan.uid.map(|uid| format!("meta skuid {uid} return comment \"wayside itself\"")));
    rules.extend(plan.gid.map(|gid| format!("meta skgid {gid} return comment \"wayside itself\"")));
    rules.push("oifname \"lo\" return comment \"what this host sends itself\"".to_owned());
    rules.extend(ports(&plan.skip_outbound_ports).map(|set| format!("tcp dport {set} return")));
    rules.extend(
        plan.skip_outbound_subnets.iter().map(|&block| format!("{} daddr {block} return", family(block))),
    );
    rules.push(format!("meta l4proto tcp redirect to :{port}"));
    rules
}

/// Only the first packet of a TCP connection goes on. Where connections are tracked only from now on, those that are there
/// already would look new in the middle, and break.
fn new_connections(plan: &Redirect) -> Vec<String> {
    let mut rules = vec![
        "meta l4proto != tcp return".to_owned(),
        "tcp flags & (fin | syn | rst | ack) != syn return comment \"connections from before\"".to_owned(),
    ];
    if !plan.ipv6 {
        rules.push("meta nfproto ipv6 return".to_owned());
    }
    rules
}

fn family(block: Cidr) -> &'static str {
    if block.is_ipv4() { "ip" } else { "ip6" }
}

/// As an anonymous set; `None`: there are none.
fn ports(ports: &PortSet) -> Option<String> {
    let range = |&(low, high): &(u16, u16)| {
        if low == high { low.to_string() } else { format!("{low}-{high}") }
    };
    let listed: Vec<String> = ports.ranges().iter().map(range).collect();
    (!listed.is_empty()).then(|| format!("{{ {} }}", listed.join(", ")))
}
