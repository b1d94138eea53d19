//! Rules and circumstances in, verdicts out.

use super::*;
use crate::commands::doctor::facts::Proxy;
use crate::commands::doctor::iptables;
use crate::commands::doctor::report::Verdict::{self, *};
use crate::config::redirect::Redirect;

const OUT: &str = "-A OUTPUT -p tcp -j REDIRECT --to-ports 4140\n";
const IN: &str = "-A PREROUTING -p tcp -j REDIRECT --to-ports 4143\n";
const OWN: &str = "-A OUTPUT -m owner --uid-owner 2102 -j RETURN\n";

/// A host with these rules for IPv4 and IPv6.
fn host(keeper: Keeper, v4: &[&str], v6: &[&str]) -> Facts {
    let mut facts = Facts { proxy: Proxy { user: 2102, ..Proxy::default() }, ..Facts::default() };
    for (family, rules) in [(Family::V4, v4), (Family::V6, v6)] {
        let text = format!("*nat\n:OUTPUT ACCEPT\n:PREROUTING ACCEPT\n{}", rules.concat());
        facts.filters.chains.extend(iptables::read(&text, keeper, family));
    }
    facts
}

/// The checks that are not as they should be.
fn bad(facts: &Facts) -> Vec<(&'static str, Verdict)> {
    let findings = check(facts).into_iter();
    findings
        .map(|finding| (finding.name, finding.verdict))
        .filter(|(_, verdict)| *verdict > Skipped)
        .collect()
}

#[test]
fn which_rules_are_there() {
    let (all, inbound) = ([OWN, OUT, IN], [IN]);
    let [out4, in4, out6, in6] =
        ["rules-outbound-ipv4", "rules-inbound-ipv4", "rules-outbound-ipv6", "rules-inbound-ipv6"];
    type Case<'a> = (&'a [&'a str], &'a [&'a str], Vec<(&'a str, Verdict)>);
    let cases: [Case<'_>; 6] = [
        (&all, &all, vec![]),
        (&[], &[], vec![(out4, Wrong), (in4, Wrong), (out6, Wrong), (in6, Wrong)]),
        (&all, &[], vec![(out6, Wrong), (in6, Wrong)]),
        // A gateway.
        (&inbound, &inbound, vec![(out4, Warning), (out6, Warning)]),
        (&[OUT, IN], &all, vec![("uid-exclusion", Wrong)]),
        (&[OWN, OUT.trim_end(), "0\n", IN], &all, vec![(out4, Wrong)]),
    ];
    for (v4, v6, expected) in cases {
        assert_eq!(bad(&host(Keeper::Nft, v4, v6)), expected, "{v4:?} {v6:?}");
    }
}

/// Then no rule after it is ever asked, and none is said to be missing.
#[test]
fn a_rule_that_sends_all_elsewhere_is_named() {
    let away =
        |chain: &str, more: &str| format!("-A {chain} {more}-p tcp -j DNAT --to-destination 192.0.2.7\n");
    let (out, inward) = (away("OUTPUT", "! -d 127.0.0.0/8 "), away("PREROUTING", ""));
    let facts = host(Keeper::Nft, &[&out, OWN, OUT, &inward, IN], &[OWN, OUT, IN]);
    for (hook, chain) in [(Hook::Output, "OUTPUT"), (Hook::Prerouting, "PREROUTING")] {
        let finding = rules(&facts, hook, Family::V4);
        assert_eq!(finding.verdict, Wrong);
        assert!(finding.found.contains(&format!("table ip nat, chain {chain}: ")), "{finding:?}");
        let fix = finding.fix.as_deref().unwrap_or_default();
        assert!(fix.contains(&format!("-D {chain} ")) && fix.contains("192.0.2.7"), "{finding:?}");
    }
    // One that takes some leaves it at what is missing.
    let some = "-A OUTPUT -p tcp --dport 80 -j DNAT --to-destination 192.0.2.7\n";
    let finding = rules(&host(Keeper::Nft, &[some, IN], &[]), Hook::Output, Family::V4);
    assert!(finding.found.contains("no rule redirects"), "{finding:?}");
}

#[test]
fn circumstances_excuse_missing_rules() {
    let mut facts = host(Keeper::Nft, &[OWN, OUT, IN], &[]);
    facts.kernel.ipv6 = Ipv6::Disabled;
    assert_eq!(bad(&facts), []);
    let mut facts = host(Keeper::Nft, &[], &[]);
    facts.filters.unseen.push("only root may list the rules".to_owned());
    assert_eq!(bad(&facts), []);
    assert!(check(&facts).iter().any(|finding| finding.found.contains("only root")));
    let mut facts = host(Keeper::Nft, &[], &[]);
    facts.config.outbound.addrs.clear();
    facts.config.inbound.addrs.clear();
    facts.plan = Redirect::of(&facts.config);
    assert_eq!(bad(&facts), []);
}

#[test]
fn two_keepers_of_rules() {
    let mut facts = host(Keeper::Nft, &[OWN, OUT, IN], &[OWN, OUT, IN]);
    facts.filters.chains.extend(host(Keeper::Legacy, &[OUT], &[]).filters.chains);
    let finding = mixed(&facts);
    assert_eq!(finding.verdict, Wrong);
    assert_eq!(
        finding.fix.as_deref(),
        Some("iptables-legacy -t nat -D OUTPUT -p tcp -j REDIRECT --to-ports 4140")
    );
    let mut facts = host(Keeper::Nft, &[OWN, OUT, IN], &[]);
    facts.filters.chains.extend(
        host(Keeper::Legacy, &["-A OUTPUT -p tcp -j DNAT --to-destination 1.1.1.1\n"], &[]).filters.chains,
    );
    assert_eq!(mixed(&facts).verdict, Warning);
    assert_eq!(mixed(&host(Keeper::Legacy, &[OWN, OUT], &[])).verdict, Ok);
}

#[test]
fn doubt_is_not_certainty() {
    let marked = "-A OUTPUT -m mark --mark 0x1 -j RETURN\n";
    let facts = host(Keeper::Nft, &[marked, OUT, IN], &[OWN, OUT, IN]);
    assert_eq!(bad(&facts), [("uid-exclusion", Warning)]);
}

#[test]
fn loops_are_found() {
    let crossed = "-A PREROUTING -p tcp -j REDIRECT --to-ports 4140\n";
    let rules = [OWN, OUT, crossed];
    assert_eq!(loops(&host(Keeper::Nft, &rules, &rules)).verdict, Wrong);
    // What it sends to itself goes by `lo`, and is caught there.
    let local = ["-A OUTPUT -o lo -p tcp -j REDIRECT --to-ports 4140\n", OWN, OUT, IN];
    let facts = host(Keeper::Nft, &local, &[]);
    assert_eq!((exclusion(&facts).verdict, loops(&facts).verdict), (Ok, Wrong));
}

#[test]
fn the_self_test_is_told() {
    for (outcome, verdict) in [
        (Tested::Works("well".to_owned()), Ok),
        (Tested::Fails("badly".to_owned()), Wrong),
        (Tested::Not("busy".to_owned()), Skipped),
    ] {
        let facts = Facts { tested: vec![(Family::V6, outcome)], ..Facts::default() };
        assert_eq!(
            (tested(&facts, Family::V6).verdict, tested(&facts, Family::V4).verdict),
            (verdict, Skipped)
        );
    }
}
