//! What the programs print, and what becomes of connections.

use super::*;
use crate::commands::doctor::{iptables, nft};

fn connection(hook: Hook, family: Family) -> Connection {
    Connection { hook, family, user: None, group: None, to: None, port: None, is_local: false }
}

/// `4140`, `straight`, `elsewhere`; with a `?` where it is in doubt. Sorted.
fn ends(chains: &[Chain], connection: &Connection) -> Vec<String> {
    let show = |outcome: Outcome| {
        let end = match outcome.end {
            End::Straight => "straight".to_owned(),
            End::Elsewhere => "elsewhere".to_owned(),
            End::Redirected(port) => port.to_string(),
        };
        format!("{end}{}", if outcome.is_doubtful { "?" } else { "" })
    };
    let mut ends: Vec<String> = walk(chains, connection).into_iter().map(show).collect();
    ends.sort();
    ends
}

/// What `wayside init` loads, as `nft -nn list ruleset` shows it.
const INIT: &str = "\
table ip filter { # a table that is no concern of ours
	chain OUTPUT {
		type filter hook output priority 0; policy drop;
		meta l4proto 6 redirect to :1
	}
}
table inet wayside {
	chain inbound {
		type nat hook prerouting priority -100; policy accept;
		meta l4proto != 6 return
		tcp flags != 0x2 / 0x1,0x2,0x4,0x10 return comment \"connections from before {\"
		iifname \"lo\" return comment \"what this host sends itself\"
		tcp dport { 22, 4000-4010,
			    5000 } return
		meta l4proto 6 redirect to :4143
	}

	chain outbound {
		type nat hook output priority -100; policy accept;
		meta l4proto != 6 return
		tcp flags & (fin | syn | rst | ack) != syn return
		meta skuid 2102 return
		oifname \"lo\" return
		ip daddr { 10.0.0.0/8, 192.168.0.0/16 } counter packets 3 bytes 180 return
		meta l4proto 6 redirect to :4140
	}
}
";

#[test]
fn the_rules_of_init_in_nftables() {
    let chains = nft::read(INIT);
    assert_eq!(chains.len(), 2, "tables without NAT are left out");
    for family in Family::BOTH {
        let out = connection(Hook::Output, family);
        let own = Connection { user: Some(2102), ..out };
        let app = Connection { user: Some(1000), ..out };
        let local = Connection { is_local: true, ..app };
        assert_eq!(ends(&chains, &own), ["straight"]);
        assert_eq!(ends(&chains, &local), ["straight"]);
        let near = Connection { to: Some([10, 1, 1, 1].into()), ..app };
        let far = Connection { to: Some([192, 0, 2, 1].into()), ..app };
        match family {
            Family::V4 => assert_eq!(
                (ends(&chains, &near), ends(&chains, &far)),
                (vec!["straight".into()], vec!["4140".into()])
            ),
            Family::V6 => assert_eq!(ends(&chains, &app), ["4140"]),
        }
        let inbound = connection(Hook::Prerouting, family);
        let to = |port| Connection { port: Some(port), ..inbound };
        for (port, end) in
            [(22, "straight"), (4005, "straight"), (5000, "straight"), (4011, "4143"), (80, "4143")]
        {
            assert_eq!(ends(&chains, &to(port)), [end], "{port}");
        }
        assert_eq!(ends(&chains, &inbound), ["4143", "straight"]);
    }
}

/// What it loads with `--backend iptables`, as `iptables-save` shows it.
const CHAINS: &str = "\
*filter
-A OUTPUT -p tcp -j REDIRECT --to-ports 1
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:WAYSIDE_INBOUND - [0:0]
:WAYSIDE_OUTBOUND - [0:0]
-A PREROUTING -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j WAYSIDE_INBOUND
-A OUTPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -m comment --comment \"a -j DROP\" -j WAYSIDE_OUTBOUND
-A WAYSIDE_INBOUND -i lo -j RETURN
-A WAYSIDE_INBOUND -p tcp -m multiport --dports 22,4000:4010 -j RETURN
-A WAYSIDE_INBOUND -p tcp -j REDIRECT --to-ports 4143
-A WAYSIDE_OUTBOUND -m owner --uid-owner 2102 -j RETURN
-A WAYSIDE_OUTBOUND -m owner --gid-owner 7 -j RETURN
-A WAYSIDE_OUTBOUND -o lo -j RETURN
-A WAYSIDE_OUTBOUND -d 10.0.0.0/8 -j RETURN
-A WAYSIDE_OUTBOUND -p tcp -j REDIRECT --to-ports 4140
COMMIT
";

#[test]
fn the_rules_of_init_in_iptables() {
    let chains = iptables::read(CHAINS, Keeper::Nft, Family::V4);
    let out = connection(Hook::Output, Family::V4);
    let far = Connection { to: Some([192, 0, 2, 1].into()), user: Some(1000), group: Some(1), ..out };
    let cases = [
        (Connection { user: Some(2102), ..out }, vec!["straight"]),
        (far, vec!["4140"]),
        (Connection { group: Some(7), ..far }, vec!["straight"]),
        // Whether it is of that group is not known.
        (Connection { group: None, ..far }, vec!["4140?", "straight?"]),
        (Connection { is_local: true, ..far }, vec!["straight"]),
        (Connection { family: Family::V6, ..far }, vec!["straight"]),
        (Connection { port: Some(4010), ..connection(Hook::Prerouting, Family::V4) }, vec!["straight"]),
        (Connection { port: Some(4011), ..connection(Hook::Prerouting, Family::V4) }, vec!["4143"]),
    ];
    for (connection, expected) in cases {
        assert_eq!(ends(&chains, &connection), expected, "{connection:?}");
    }
    let redirected = walk(&chains, &far);
    let remove = redirected[0].remove.as_deref();
    assert_eq!(remove, Some("iptables-nft -t nat -D WAYSIDE_OUTBOUND -p tcp -j REDIRECT --to-ports 4140"));
}

/// One chain OUTPUT with these rules.
fn output(rules: &[&str]) -> Vec<Chain> {
    let rules: String = rules.iter().map(|rule| format!("-A OUTPUT {rule}\n")).collect();
    iptables::read(&format!("*nat\n:OUTPUT ACCEPT\n:X - [0:0]\n{rules}"), Keeper::Legacy, Family::V4)
}

#[test]
fn conditions_and_verdicts() {
    let cases: [(&[&str], &[&str]); 14] = [
        (&[], &["straight"]),
        (&["-p udp -j REDIRECT --to-ports 1"], &["straight"]),
        (&["-p tcp -m owner ! --uid-owner 2102 -j REDIRECT --to-ports 1"], &["straight"]),
        (
            &["-p tcp -m owner --uid-owner 2000-2200 -j ACCEPT", "-p tcp -j REDIRECT --to-ports 1"],
            &["straight"],
        ),
        (&["-p tcp -m owner --uid-owner 1 -j ACCEPT", "-p tcp -j REDIRECT --to-ports 1"], &["1"]),
        // Some ports are redirected, and none of them is excluded.
        (&["-p tcp -m tcp --dport 80 -j REDIRECT --to-ports 1"], &["1", "straight"]),
        (&["-p tcp -s 10.0.0.0/8 -j REDIRECT --to-ports 1"], &["1", "straight"]),
        // What is not understood is in doubt, and all that comes after it.
        (&["-p tcp -m mark --mark 0x1 -j RETURN", "-p tcp -j REDIRECT --to-ports 1"], &["1?", "straight?"]),
        (&["-p tcp -j NO-SUCH-TARGET", "-p tcp -j REDIRECT --to-ports 1"], &["1?"]),
        (&["-p tcp -j LOG --log-prefix x", "-p tcp -j REDIRECT --to-ports 1"], &["1"]),
        (&["-p tcp -j DNAT --to-destination 10.0.0.1:1"], &["elsewhere"]),
        (&["-m addrtype --dst-type LOCAL -j DROP", "-p tcp -j REDIRECT --to-ports 1"], &["1"]),
        (&["-o lo -j RETURN", "! -o lo -p tcp -j REDIRECT --to-ports 1"], &["1"]),
        (&["-o eth7 -p tcp -j REDIRECT --to-ports 1"], &["1", "straight"]),
    ];
    let own = Connection { user: Some(2102), ..connection(Hook::Output, Family::V4) };
    for (rules, expected) in cases {
        assert_eq!(ends(&output(rules), &own), expected, "{rules:?}");
    }
}

#[test]
fn a_chain_that_leads_to_itself_ends() {
    let chains = output(&["-p tcp -j X"]);
    let looped = iptables::read(
        "*nat\n:OUTPUT ACCEPT\n-A OUTPUT -j OUTPUT\n-A OUTPUT -j OUTPUT\n",
        Keeper::Nft,
        Family::V4,
    );
    let own = connection(Hook::Output, Family::V4);
    assert_eq!(ends(&chains, &own), ["straight"]);
    assert_eq!(ends(&looped, &own), ["straight?"]);
}

#[test]
fn base_chains_come_in_the_order_of_their_priorities() {
    let table = |name: &str, priority: i32, port: u16| {
        format!(
            "table inet {name} {{\n\tchain c {{\n\t\ttype nat hook output priority {priority}; policy accept;\n\
             \t\tmeta l4proto 6 redirect to :{port}\n\t}}\n}}\n"
        )
    };
    let own = connection(Hook::Output, Family::V6);
    let chains = nft::read(&(table("a", 0, 1) + &table("b", -100, 2)));
    assert_eq!(ends(&chains, &own), ["2"]);
    assert_eq!(redirects(&chains, Keeper::Nft), [1, 2]);
    assert_eq!(redirects(&chains, Keeper::Legacy), [0; 0]);
}

#[test]
fn anything_is_read_without_a_panic() {
    for text in [INIT, CHAINS] {
        for end in 0..text.len() {
            nft::read(&text[..end]);
            iptables::read(&text[..end], Keeper::Nft, Family::V4);
            nft::read(&text[end..]);
            iptables::read(&text[end..], Keeper::Nft, Family::V4);
        }
    }
}
