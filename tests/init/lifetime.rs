//! Rules come, are replaced, and go: what is there before, meanwhile and afterwards.

use crate::host::*;
use crate::labs::*;
use crate::support::*;

in_both_families! {
    twice_is_once_and_delete_leaves_what_was_there
    connections_from_before_go_on
    redirected_connections_outlive_new_rules
}

/// A host with rules of somebody else in each packet filter, and a route.
fn host_of_others(family: Family) -> (Host, Host) {
    let [host, peer] = ["host", "peer"].map(Host::new);
    host.cable(1, "eth0", &peer, "eth0");
    for filter in ["iptables-nft", "ip6tables-nft", "iptables-legacy", "ip6tables-legacy"] {
        if have(filter).is_some() {
            for rule in ["-A PREROUTING -p tcp --dport 7 -j RETURN", "-N WAYSIDE", "-A OUTPUT -j WAYSIDE"] {
                output(&host, &format!("{filter} -w -t nat {rule}"));
            }
            // Words of ours in the rules of others.
            for (port, comment) in [
                ("81", "before WAYSIDE_INBOUND chain"),
                ("82", "WAYSIDE_OUTBOUND"),
                ("83", "not -j WAYSIDE_INBOUND"),
            ] {
                let rule = ["-A", "PREROUTING", "-p", "tcp", "--dport", port, "-m", "comment"];
                let rest = ["--comment", comment, "-j", "ACCEPT"];
                output_of(&host, &[&[filter, "-w", "-t", "nat"][..], &rule, &rest].concat());
            }
        }
    }
    if have("nft").is_some() {
        output(&host, "nft add table inet wayside2");
    }
    assert!(host.run(|| std::net::UdpSocket::bind(family.addr(1, 1, 0))).is_ok());
    (host, peer)
}

fn twice_is_once_and_delete_leaves_what_was_there(family: Family) {
    let (host, _peer) = host_of_others(family);
    let before = rules(&host);
    for backend in backends() {
        init(
            &host,
            &["--backend", backend, "--skip-inbound-ports=22,80-90", "--subnets-to-ignore=10.0.0.0/8"],
        );
        let once = rules(&host);
        assert_ne!(once, before);
        init(
            &host,
            &["--backend", backend, "--skip-inbound-ports=22,80-90", "--subnets-to-ignore=10.0.0.0/8"],
        );
        assert_eq!(rules(&host), once);
        init(&host, &["--backend", backend]);
        assert_ne!(rules(&host), once);
        assert_eq!(init(&host, &["--delete"]), format!("wayside: rules removed; by {backend}\n"));
        assert_eq!(rules(&host), before);
        assert_eq!(init(&host, &["--delete"]), "");
        assert_eq!(rules(&host), before);
    }
    // Another backend takes over, and nothing is left of the first.
    for backend in backends() {
        init(&host, &["--backend", backend]);
    }
    init(&host, &["--delete"]);
    assert_eq!(rules(&host), before);
}

/// As when two pods of the host's network start, or a unit and a person: what one reads another replaces.
#[test]
fn many_at_once_leave_what_one_leaves() {
    if let Err(why) = Family::V4.packet_filter() {
        skipped!("{why}")
    }
    for backend in backends() {
        let host = Host::new("host");
        // Which chain is listed first is who made it.
        let rules = || {
            let mut lines: Vec<String> = rules(&host).lines().map(str::to_owned).collect();
            lines.sort_unstable();
            lines
        };
        let args = ["--backend", backend, "--no-verify"];
        init(&host, &args);
        let once = rules();
        for start in [&["--delete"][..], &args] {
            init(&host, start);
            std::thread::scope(|scope| {
                let runs: Vec<_> = (0..8).map(|_| scope.spawn(|| init(&host, &args))).collect();
                runs.into_iter().for_each(|run| drop(run.join().expect("init")));
            });
            assert_eq!(rules(), once, "{backend}, after {start:?}");
        }
    }
}

/// Of a host on which nothing was tracked so far; then its rules come and go.
fn connections_from_before_go_on(family: Family) {
    for backend in backends() {
        let [host, peer] = ["host", "peer"].map(Host::new);
        host.cable(1, "eth0", &peer, "eth0");
        let pairs = [(&host, &peer, family.addr(1, 2, 80)), (&peer, &host, family.addr(1, 1, 80))];
        let pairs = pairs.map(|(from, to, addr)| {
            let listener = to.listen(addr);
            (from.connect(addr), accept(&listener))
        });
        let greet_all = || pairs.iter().for_each(|(client, server)| greet(client, server));
        greet_all();
        for _ in 0..2 {
            init(&host, &["--backend", backend]);
            greet_all();
        }
        init(&host, &["--delete"]);
        greet_all();
        pairs.iter().for_each(|(client, server)| pass_both_ways(client, server, MB));
    }
}

fn redirected_connections_outlive_new_rules(family: Family) {
    for backend in backends() {
        let lab = Pod::with(family, &[], |host| drop(init(host, &["--backend", backend])));
        let pairs = [lab.outbound(80), lab.inbound(80)];
        for args in [&["--backend", backend, "--skip-outbound-ports=80", "--skip-inbound-ports=80"][..], &[]]
        {
            init(&lab.host, args);
            for (client, server) in &pairs {
                assert!(!is_direct(client, server));
                greet(client, server);
            }
        }
        pairs.iter().for_each(|(client, server)| pass_both_ways(client, server, MB));
    }
}
