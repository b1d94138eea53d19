//! Rules as `wayside init` made them, the flags that it had, and the fixes, run as they are printed.

use crate::faults::INIT;
use crate::patient::*;
use crate::support::*;

/// Nothing is bad any more; a busy machine may take a second look.
#[track_caller]
fn expect_health(patient: &Patient) {
    eventually("nothing is bad", LIMIT, || patient.look(&[], &[]).bad().is_empty());
}

/// `wayside init` has run, and then somebody emptied a chain; a gateway never had that chain.
#[test]
fn fault_4_a_chain_has_lost_its_rules() {
    need_rules!();
    let nft = ["nft flush chain inet wayside outbound", ":"];
    let iptables = |v4, v6| [v4, v6];
    for (backend, [flush, flush_v6]) in [
        ("nft", nft),
        (
            "iptables-nft",
            iptables("iptables-nft -t nat -F WAYSIDE_OUTBOUND", "ip6tables-nft -t nat -F WAYSIDE_OUTBOUND"),
        ),
        (
            "iptables-legacy",
            iptables(
                "iptables-legacy -t nat -F WAYSIDE_OUTBOUND",
                "ip6tables-legacy -t nat -F WAYSIDE_OUTBOUND",
            ),
        ),
    ] {
        let patient = Patient::new(&[], &[]);
        let init = |more: &str| {
            patient.follow(&format!("wayside init --backend {backend} --no-verify {more}"));
        };
        if have(backend).is_none() {
            say_skipped("doctor", &format!("no {backend}"));
            continue;
        }
        init("");
        assert_eq!(patient.look(&[], &[]).bad(), ["running"], "{backend}");
        patient.follow(flush);
        patient.follow(flush_v6);
        let said = patient.look(&[], &[]);
        said.expect("rules-outbound-ipv4", "wrong", "lost its rules", INIT);
        said.expect("rules-outbound-ipv6", "wrong", "lost its rules", INIT);
        // A gateway's rules are right, as doctor learns from the flags that init had.
        init("--outgoing-proxy-port off");
        let said = patient.look(&[], &[]);
        said.expect("rules-outbound-ipv4", "warning", "right for a gateway only", INIT);
        let said = patient.look(&[], &["-o", "off"]);
        assert_eq!(said.bad(), ["running"], "{backend}: {}", said.text);
        // And back again.
        init("");
        assert_eq!(patient.look(&[], &[]).bad(), ["running"], "{backend}");
    }
}

/// What `init` was told is what the rules are judged by, and the fix tells it to `init` again.
#[test]
fn the_flags_of_init_are_known() {
    need_rules!();
    let flags = ["-p", "4143", "-o", "off", "-u", "7", "-g", "8", "-r", "80,90-91", "--ipv6", "false"];
    let more = ["--inbound-ports-to-ignore=22", "--skip-outbound-subnets=10.0.0.0/8,fd00::/8"];
    let flags = [&flags[..], &more].concat();
    let patient = Patient::new(&[], &[]);
    let said = patient.look(&[], &flags);
    assert_eq!(said.bad(), ["rules-inbound-ipv4", "running"], "{}", said.text);
    let fix = "wayside init --incoming-proxy-port 4143 --outgoing-proxy-port off --proxy-uid 7 --proxy-gid 8 \
               --ports-to-redirect 80,90-91 --skip-inbound-ports 22 \
               --skip-outbound-subnets 10.0.0.0/8,fd00::/8 --ipv6 false";
    assert_eq!(said.check("rules-inbound-ipv4").fix.as_deref(), Some(fix));
    patient.follow(fix);
    let said = patient.look(&[], &flags);
    assert_eq!(said.bad(), ["running"], "{}", said.text);
    // Without them it sees that something is missing.
    assert!(patient.look(&[], &[]).bad().contains(&"rules-inbound-ipv6"));
    assert_eq!(patient.doctor(&[], &["-u", "me"]).status.code(), Some(2));
}

/// What is printed as the fix of a rule, run as it stands, makes that check right.
#[test]
fn the_fixes_of_rules_work_as_printed() {
    need_rules!();
    let other_user = "-t nat -A OUTPUT -p tcp -m owner --uid-owner 2199 -j RETURN";
    let other_port = "-t nat -A OUTPUT -p tcp -j REDIRECT --to-ports 4150";
    let crossed = "-t nat -A PREROUTING -p tcp -j REDIRECT --to-ports 4140";
    let (all, none): (&[&str], &[&str]) = (&[EXCLUDE, OUTBOUND, INBOUND], &[]);
    let faults: [(&[&str], &[&str], &str); 6] = [
        (none, none, "rules-outbound-ipv4"),
        (all, none, "rules-outbound-ipv6"),
        (&[OUTBOUND, INBOUND], none, "uid-exclusion"),
        (&[other_user, OUTBOUND, INBOUND], none, "uid-exclusion"),
        (&[EXCLUDE, other_port, INBOUND], none, "rules-outbound-ipv4"),
        (&[EXCLUDE, OUTBOUND, crossed], none, "loop"),
    ];
    for (v4, v6, name) in faults {
        let patient = Patient::new(v4, v6).run(&[]);
        let said = patient.look(&[], &[]);
        assert_eq!(said.check(name).verdict, "wrong", "{v4:?} {v6:?}: {}", said.text);
        // Each fix may bring the next fault to light, but not for ever.
        for _ in 0..4 {
            let said = patient.look(&[], &[]);
            // A busy machine may be late to answer; that is no fault of the rules.
            let Some(bad) = said.bad().into_iter().find(|name| *name != "running") else { break };
            patient.follow(said.check(bad).fix.as_deref().expect("a fix"));
        }
        expect_health(&patient);
    }
}

/// As `wayside init` does, doctor tries with a neighbour where there is no default route.
#[test]
fn a_host_without_a_default_route_is_tried() {
    need_rules!();
    let (patient, peer) = (Patient::new(&[], &[]), Host::new("peer"));
    patient.host.cable(1, "eth0", &peer, "eth0");
    patient.follow("wayside init");
    let mut patient = patient;
    for found in ["the kernel says", "knows where to"] {
        let said = patient.look(&[], &[]);
        for name in ["original-dst-ipv4", "original-dst-ipv6"] {
            let check = said.check(name);
            assert!(check.verdict == "ok" && check.found.contains(found), "{name} in {}", said.text);
        }
        if patient.wayside.is_none() {
            patient = patient.run(&[]);
        }
    }
}

/// A firewall that drops what was redirected: the rule is named, and the fix takes it away.
#[test]
fn a_rule_that_drops_is_named() {
    need_rules!();
    let nft = "nft add table inet guard && nft 'add chain inet guard input { type filter hook input priority 0; }' && \
               nft add rule inet guard input tcp dport 4140";
    let cases = [
        ("nft", format!("{nft} drop"), "table inet guard, chain input: tcp dport 4140 drop"),
        ("nft", format!("{nft} reject with tcp reset"), "chain input: tcp dport 4140 reject"),
        ("nft", format!("{nft} counter drop comment '\"no\"'"), "chain input: tcp dport 4140 counter"),
        ("iptables-nft", "iptables-nft -A INPUT -p tcp --dport 4140 -j DROP".to_owned(), "chain INPUT: "),
        (
            "iptables-legacy",
            "iptables-legacy -A INPUT -p tcp --dport 4140 -j DROP".to_owned(),
            "-A INPUT -p tcp",
        ),
    ];
    for (program, plant, found) in cases {
        if have(program).is_none() {
            say_skipped("doctor", &format!("no {program}"));
            continue;
        }
        let patient = Patient::sidecar().run(&[]);
        patient.follow(&plant);
        let said = patient.look(&[], &[]);
        let fix = if program == "iptables-legacy" { "-D INPUT" } else { "nft delete rule " };
        said.expect("original-dst-ipv4", "wrong", found, fix);
        patient.follow(said.check("original-dst-ipv4").fix.as_deref().expect("a fix"));
        expect_health(&patient);
    }
}
