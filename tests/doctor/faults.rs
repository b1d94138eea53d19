//! The planted faults.

use std::time::Duration;

use rustix::process::Signal;

use crate::patient::*;
use crate::support::*;

pub(crate) const INIT: &str =
    "wayside init --incoming-proxy-port 4143 --outgoing-proxy-port 4140 --proxy-uid 2102";
const RULES: [&str; 4] =
    ["rules-inbound-ipv4", "rules-inbound-ipv6", "rules-outbound-ipv4", "rules-outbound-ipv6"];

#[test]
fn a_healthy_host_has_nothing_wrong() {
    need_rules!();
    let patient = Patient::sidecar().run(&[]);
    let said = patient.look(&[], &[]);
    assert_eq!((said.bad(), said.code), (vec![], Some(0)), "{}", said.text);
    // It looked, and did not skip.
    for name in
        RULES.iter().chain(&["uid-exclusion", "loop", "running", "original-dst-ipv4", "original-dst-ipv6"])
    {
        assert_eq!(said.check(name).verdict, "ok", "{name} in {}", said.text);
    }
    assert!(said.check("original-dst-ipv4").found.contains("carried"), "{}", said.text);
    let rules = |program: &str| {
        patient.host.run(|| std::process::Command::new(program).output().expect("to run").stdout)
    };
    let without_time = |bytes: Vec<u8>| {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        text.lines().filter(|line| !line.starts_with(['#', ':'])).map(str::to_owned).collect::<Vec<_>>()
    };
    if have("iptables-save").is_some() {
        let before = without_time(rules("iptables-save"));
        patient.look(&[], &[]);
        assert_eq!(without_time(rules("iptables-save")), before, "it changes nothing");
    }
}

#[test]
fn a_healthy_host_before_wayside_starts() {
    need_rules!();
    let said = Patient::sidecar().look(&[], &[]);
    // Nobody listens, and so it asks the kernel itself.
    for name in ["original-dst-ipv4", "original-dst-ipv6"] {
        assert!(said.check(name).found.contains("the kernel says"), "{}", said.text);
    }
    assert_eq!(said.bad(), ["running"], "{}", said.text);
}

/// As `wayside init` has it.
const LOOPBACK: &str = "-t nat -A OUTPUT -o lo -j RETURN";

#[test]
fn a_healthy_host_whose_loopback_is_left_alone() {
    need_rules!();
    let rules = [EXCLUDE, LOOPBACK, OUTBOUND, INBOUND];
    let (mut patient, peer) = (Patient::new(&rules, &rules), Host::new("peer"));
    patient.host.cable(1, "eth0", &peer, "eth0");
    for family in [Family::V4, Family::V6] {
        patient.host.route_by(family.ip(1, 2));
    }
    for (found, bad) in [("the kernel says", vec!["running"]), ("knows where to", vec![])] {
        let said = patient.look(&[], &[]);
        assert_eq!(said.bad(), bad, "{}", said.text);
        for name in ["original-dst-ipv4", "original-dst-ipv6"] {
            let check = said.check(name);
            assert!(check.verdict == "ok" && check.found.contains(found), "{name} in {}", said.text);
        }
        if patient.wayside.is_none() {
            patient = patient.run(&[]);
        }
    }
}

#[test]
fn a_host_with_link_local_addresses_only_is_not_called_broken() {
    need_rules!();
    let rules = [EXCLUDE, LOOPBACK, OUTBOUND, INBOUND];
    let patient = Patient::new(&rules, &rules);
    patient.host.ip(&["link", "add", "v0", "type", "veth", "peer", "name", "v1"]);
    ["v0", "v1"].iter().for_each(|link| patient.host.ip(&["link", "set", link, "up"]));
    patient.host.ip(&["-6", "route", "add", "default", "dev", "v0"]);
    let patient = patient.run(&[]);
    let said = patient.look(&[], &[]);
    assert_eq!(said.bad(), [""; 0], "{}", said.text);
    assert_eq!(said.check("original-dst-ipv6").verdict, "skipped", "{}", said.text);
}

#[test]
fn fault_1_no_rules() {
    need_rules!();
    let said = Patient::new(&[], &[]).run(&[]).look(&[], &[]);
    assert_eq!(said.bad(), RULES, "{}", said.text);
    RULES.iter().for_each(|name| said.expect(name, "wrong", "no rule redirects", INIT));
    // As printed the fix redirects nothing that is to be left alone.
    let skips = ["--skip-inbound-ports", "22", "--skip-outbound-ports", "4406,9000-9010"];
    let said = Patient::new(&[], &[]).run(&[]).look(&[], &skips);
    let fix = format!("{INIT} {}", skips.join(" "));
    RULES.iter().for_each(|name| said.expect(name, "wrong", "no rule redirects", &fix));
}

#[test]
fn fault_2_no_uid_exclusion() {
    need_rules!();
    let rules = [OUTBOUND, INBOUND];
    let said = Patient::new(&rules, &rules).look(&[], &[]);
    said.expect("uid-exclusion", "wrong", "uid 2102", "-D OUTPUT -p tcp -j REDIRECT --to-ports 4140");
    said.expect("uid-exclusion", "wrong", "redirected to wayside again", INIT);
}

#[test]
fn fault_2_another_uid_is_excluded() {
    need_rules!();
    let patient = Patient::sidecar().run(&[]);
    assert_eq!(patient.look(&[], &[]).bad(), [""; 0]);
    let said = patient.look(&[], &["--uid", "1000"]);
    assert_eq!(said.bad(), ["uid-exclusion"], "{}", said.text);
    said.expect("uid-exclusion", "wrong", "uid 1000 sends (by --uid)", "--proxy-uid 1000");
}

#[test]
fn fault_3_rules_to_another_port() {
    need_rules!();
    let other = "-t nat -A OUTPUT -p tcp -j REDIRECT --to-ports 4150";
    let said = Patient::new(&[EXCLUDE, other, INBOUND], &[EXCLUDE, OUTBOUND, INBOUND]).look(&[], &[]);
    said.expect(
        "rules-outbound-ipv4",
        "wrong",
        "goes to port 4150",
        "-D OUTPUT -p tcp -j REDIRECT --to-ports 4150",
    );
    assert_eq!(said.check("rules-outbound-ipv6").verdict, "ok", "{}", said.text);
}

#[test]
fn fault_3_rules_to_the_other_listener() {
    need_rules!();
    let crossed = "-t nat -A PREROUTING -p tcp -j REDIRECT --to-ports 4140";
    let rules = [EXCLUDE, OUTBOUND, crossed];
    let said = Patient::new(&rules, &rules).look(&[], &[]);
    said.expect("loop", "wrong", "port 4140, another listener", "-D PREROUTING");
}

/// Another table takes the connections before ours are asked.
#[test]
fn fault_3_another_table_comes_first() {
    need_rules!();
    if have("nft").is_none() {
        skipped!("no nft")
    }
    let rules = [EXCLUDE, LOOPBACK, OUTBOUND, INBOUND];
    let all = "meta l4proto tcp redirect to :9999";
    let cases = [
        (format!("meta skuid 0 oifname != \"lo\" {all}"), "wrong"),
        ("meta skuid != 2102 oifname != \"lo\" tcp dport 1-65535 redirect to :9999".to_owned(), "wrong"),
        ("tcp dport 80 dnat to 192.0.2.7".to_owned(), "warning"),
    ];
    for (rule, verdict) in cases {
        let patient = Patient::new(&rules, &rules);
        let chain = "type nat hook output priority -150;";
        patient.nft(&format!("table ip foo {{ chain o {{ {chain} {rule}; }}; }}"));
        let said = patient.run(&[]).look(&[], &[]);
        let place = "table ip foo, chain o: ";
        said.expect("rules-outbound-ipv4", verdict, place, "nft delete rule ip foo o handle ");
        assert_eq!(said.check("rules-outbound-ipv6").verdict, "ok", "{}", said.text);
        assert_eq!(said.check("uid-exclusion").verdict, "ok", "{}", said.text);
        assert_eq!(said.code, Some(i32::from(verdict == "wrong")), "{}", said.text);
        if verdict == "wrong" {
            said.expect("original-dst-ipv4", "wrong", "goes to port 9999", "nft delete rule ip foo o");
        }
    }
    let patient = Patient::new(&rules, &rules);
    patient.nft(&format!("table ip foo {{ chain o {{ type nat hook output priority -150; {all}; }}; }}"));
    let said = patient.look(&[], &[]);
    assert!(!said.text.contains("to wayside again"), "{}", said.text);
    said.expect("rules-outbound-ipv4", "wrong", "table ip foo, chain o", "nft delete rule ip foo o handle ");
}

/// One that takes all and sends it away: no port of this host is named by then.
#[test]
fn fault_3_another_table_sends_all_away() {
    need_rules!();
    if have("nft").is_none() {
        skipped!("no nft")
    }
    let (here, v4, v6) = ("127.0.0.0/8", "192.0.2.7", "2001:db8::7");
    let cases = [
        ("ip", "output", format!("ip daddr != {here} meta l4proto tcp dnat to {v4}"), "rules-outbound-ipv4"),
        ("ip", "prerouting", format!("meta l4proto tcp dnat to {v4}"), "rules-inbound-ipv4"),
        ("ip6", "output", format!("ip6 daddr != ::1 meta l4proto tcp dnat to {v6}"), "rules-outbound-ipv6"),
        ("ip6", "prerouting", format!("meta l4proto tcp dnat to {v6}"), "rules-inbound-ipv6"),
    ];
    let patient = Patient::new(&[], &[]).run(&[]);
    patient.follow("wayside init --no-verify");
    for (family, hook, rule, name) in cases {
        let chain = format!("type nat hook {hook} priority -150;");
        patient.nft(&format!("table {family} foo {{ chain o {{ {chain} {rule}; }}; }}"));
        let said = patient.look(&[], &[]);
        assert_eq!(said.bad(), [name], "{}", said.text);
        let place = format!("table {family} foo, chain o: ");
        said.expect(name, "wrong", &place, &format!("nft delete rule {family} foo o handle "));
        patient.follow(said.check(name).fix.as_deref().expect("a fix"));
        eventually("nothing is bad", LIMIT, || patient.look(&[], &[]).bad().is_empty());
        patient.nft(&format!("delete table {family} foo"));
    }
}

#[test]
fn fault_4_no_rules_for_ipv6() {
    need_rules!();
    let said = Patient::new(&[EXCLUDE, OUTBOUND, INBOUND], &[]).run(&[]).look(&[], &[]);
    assert_eq!(said.bad(), ["rules-inbound-ipv6", "rules-outbound-ipv6"], "{}", said.text);
    said.expect("rules-outbound-ipv6", "wrong", "though IPv4 is", INIT);
}

#[test]
fn fault_5_two_packet_filters() {
    need_rules!();
    for program in ["iptables-nft", "iptables-legacy"] {
        if have(program).is_none() {
            skipped!("no {program}")
        }
    }
    let patient = Patient::new(&[], &[]);
    for program in ["iptables-nft", "iptables-legacy"] {
        for rule in [EXCLUDE, OUTBOUND, INBOUND] {
            let ran = patient
                .host
                .run(|| std::process::Command::new(program).args(rule.split(' ')).output().expect("to run"));
            if !ran.status.success() {
                skipped!("{program}: {}", String::from_utf8_lossy(&ran.stderr))
            }
        }
    }
    let said = patient.look(&[], &[]);
    let fix = "iptables-legacy -t nat -D OUTPUT -p tcp -j REDIRECT --to-ports 4140";
    said.expect("packet-filters", "wrong", "both redirect", fix);
}

#[test]
fn fault_6_a_port_is_taken() {
    need_rules!();
    let patient = Patient::sidecar();
    let held = patient.host.listen("127.0.0.1:4140".parse().expect("an address"));
    let said = patient.look(&[], &[]);
    let (us, fix) = (format!("(pid {}, uid 0)", std::process::id()), format!("kill {}", std::process::id()));
    said.expect("port-outbound", "wrong", &us, &fix);
    assert_eq!(said.check("port-inbound").verdict, "ok", "{}", said.text);
    drop(held);
}

#[test]
fn fault_7_few_descriptors() {
    need_rules!();
    let patient = Patient::sidecar().run(&["prlimit", "--nofile=512"]);
    let said = patient.look(&[], &[]);
    assert_eq!(said.bad(), ["descriptors"], "{}", said.text);
    said.expect("descriptors", "warning", "is 512", "ulimit -n 65536 && wayside run");
    let said = Patient::sidecar().look(&["prlimit", "--nofile=128"], &[]);
    said.expect("descriptors", "wrong", "this shell is 128", "ulimit -n 65536");
}

/// A setting of the namespace is made this, the check says this word and names this fix.
#[track_caller]
fn expect_setting(setting: &str, value: &str, name: &str, (verdict, found): (&str, &str), fix: &str) {
    let patient = Patient::sidecar().run(&[]);
    patient.host.set(setting, value);
    let said = patient.look(&[], &[]);
    assert_eq!(said.bad(), [name], "{}", said.text);
    said.expect(name, verdict, found, fix);
}

#[test]
fn fault_8_low_somaxconn() {
    need_rules!();
    let found = ("warning", "128 new connections");
    expect_setting("core/somaxconn", "128", "somaxconn", found, "sysctl -w net.core.somaxconn=4096");
}

#[test]
fn fault_9_few_local_ports() {
    need_rules!();
    let found = ("wrong", "40000 to 40099: 100 connections");
    let fix = "sysctl -w net.ipv4.ip_local_port_range='15000 60999'";
    expect_setting("ipv4/ip_local_port_range", "40000 40099", "local-ports", found, fix);
}

#[test]
fn fault_10_the_connection_table_is_nearly_full() {
    need_rules!();
    let patient = Patient::sidecar().run(&[]);
    let (most, count) = (patient.dir.file("max", "1000\n"), patient.dir.file("count", "950\n"));
    // The limit is the whole machine's: doctor alone is shown others, in the mount namespace that it runs in.
    let show = "for name in max count; do mount --bind $1/$name /proc/sys/net/netfilter/nf_conntrack_$name || exit 9; done; \
                shift; exec \"$@\"";
    let folder = patient.dir.path().to_str().expect("a path");
    assert!(most.exists() && count.exists());
    let said = patient.look(&["sh", "-c", show, "sh", folder], &[]);
    assert_eq!(said.bad(), ["conntrack"], "{}", said.text);
    said.expect("conntrack", "wrong", "950 of 1000", "sysctl -w net.netfilter.nf_conntrack_max=262144");
}

#[test]
fn fault_11_ipv6_is_switched_off() {
    need_rules!();
    let rules = [EXCLUDE, OUTBOUND, INBOUND];
    let patient = Patient::new(&rules, &[]);
    for which in ["all", "default", "lo"] {
        patient.host.set(&format!("ipv6/conf/{which}/disable_ipv6"), "1");
    }
    let patient = patient.run(&[]);
    let said = patient.look(&[], &[]);
    // That there are no rules for it is no fault then.
    assert_eq!(said.bad(), ["ipv6"], "{}", said.text);
    said.expect("ipv6", "warning", "switched off", "sysctl -w net.ipv6.conf.all.disable_ipv6=0");
    let said = patient.look(&[], &["--inbound-listen", "[::]:4143"]);
    said.expect("ipv6", "wrong", "is to listen on [::]:4143", "disable_ipv6=0");
}

#[test]
fn fault_12_no_wayside_runs() {
    need_rules!();
    let patient = Patient::sidecar();
    patient.look(&[], &[]).expect("running", "wrong", "no wayside answers", "wayside run");
    // Without rules nothing is broken by it.
    let said = Patient::new(&[], &[]).look(&[], &[]);
    said.expect("running", "warning", "no wayside answers", "wayside run");
    assert_eq!(patient.doctor(&[], &["--ready"]).status.code(), Some(1));
}

#[test]
fn fault_12_wayside_drains() {
    need_rules!();
    let patient = Patient::sidecar().run(&[]);
    assert_eq!(patient.doctor(&[], &["--ready"]).status.code(), Some(0));
    // It stays for as long as a connection does.
    let listener = patient.host.listen("127.0.0.1:8080".parse().expect("an address"));
    let client = patient.host.connect(listener.local_addr().expect("its address"));
    let server = accept(&listener);
    patient.wayside.as_ref().expect("wayside").signal(Signal::TERM);
    eventually("it drains", Duration::from_secs(10), || {
        patient.doctor(&[], &["--ready"]).status.code() == Some(1)
    });
    let said = patient.look(&[], &[]);
    said.expect("running", "wrong", "it drains", "systemctl restart wayside");
    drop((client, server));
}

#[test]
fn fault_13_the_configuration_is_wrong() {
    need_rules!();
    let patient = Patient::sidecar().run(&[]);
    let file = patient.dir.file("wrong.toml", "detect-timeout = 'soon'\n");
    let file = file.to_str().expect("a path");
    let said = patient.look(&[], &["--config", file]);
    assert_eq!(said.bad(), ["config"], "{}", said.text);
    said.expect("config", "wrong", &format!("{file}:1"), &format!("wayside check --config {file}"));
}

#[test]
fn without_root_it_says_what_it_cannot_see() {
    need_rules!();
    let patient = Patient::sidecar().run(&[]);
    let said = patient.look(&["setpriv", "--reuid=65534", "--clear-groups"], &[]);
    assert_eq!(said.bad(), [""; 0], "{}", said.text);
    for name in ["packet-filters", "rules-outbound-ipv4", "rules-inbound-ipv6"] {
        let check = said.check(name);
        assert!(check.verdict == "skipped" && check.found.contains("only root"), "{name}: {check:?}");
    }
    assert_eq!(said.check("running").verdict, "ok");
    assert!(said.check("port-inbound").found.contains("uid 2102"), "{}", said.text);
}
