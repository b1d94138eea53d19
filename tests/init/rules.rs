//! Flags in, rules out: what `--print` prints, whoever runs it and whatever is installed.

use crate::support::*;

/// What is printed, without the lines that every nftables transaction begins with.
#[track_caller]
fn nft(args: &[&str], env: &[(&str, &str)]) -> Vec<String> {
    let text = print("nft", args, env);
    let (head, rules) = text.split_once("flush table inet wayside\n").expect("one flush");
    let expected = "add table inet wayside
add chain inet wayside inbound { type nat hook prerouting priority -100; policy accept; }
add chain inet wayside outbound { type nat hook output priority -100; policy accept; }
";
    assert_eq!(head, expected);
    rules.lines().map(|line| line.replace("add rule inet wayside ", "")).collect()
}

#[track_caller]
fn print(backend: &str, args: &[&str], env: &[(&str, &str)]) -> String {
    let args: Vec<&str> = ["init", "--print", "--backend", backend].iter().chain(args).copied().collect();
    let ended = run_to_end(&args, env);
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{args:?}");
    ended.stdout
}

const INBOUND: [&str; 3] = [
    "inbound meta l4proto != tcp return",
    "inbound tcp flags & (fin | syn | rst | ack) != syn return comment \"connections from before\"",
    "inbound iifname \"lo\" return comment \"what this host sends itself\"",
];
const OUTBOUND: [&str; 4] = [
    "outbound meta l4proto != tcp return",
    "outbound tcp flags & (fin | syn | rst | ack) != syn return comment \"connections from before\"",
    "outbound meta skuid 2102 return comment \"wayside itself\"",
    "outbound oifname \"lo\" return comment \"what this host sends itself\"",
];
const ALL_IN: &str = "inbound meta l4proto tcp redirect to :4143";
const ALL_OUT: &str = "outbound meta l4proto tcp redirect to :4140";

/// Flags, variables, and the lines that are expected besides the constant ones.
type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a [&'a str], &'a [&'a str]);

#[test]
fn each_flag_is_a_rule() {
    let cases: &[Case<'_>] = &[
        (&[], &[], &[ALL_IN], &[ALL_OUT]),
        (
            &["-p", "1", "-o2"],
            &[],
            &["inbound meta l4proto tcp redirect to :1"],
            &["outbound meta l4proto tcp redirect to :2"],
        ),
        (
            &["--skip-inbound-ports=22", "--inbound-ports-to-ignore", "80-90,91"],
            &[],
            &["inbound tcp dport { 22, 80-91 } return", ALL_IN],
            &[ALL_OUT],
        ),
        (
            &[],
            &[("WAYSIDE_SKIP_INBOUND_PORTS", "1,1,1"), ("WAYSIDE_SKIP_OUTBOUND_PORTS", "5-7,2")],
            &["inbound tcp dport { 1 } return", ALL_IN],
            &["outbound tcp dport { 2, 5-7 } return", ALL_OUT],
        ),
        (
            &["--outbound-ports-to-ignore=9"],
            &[("WAYSIDE_SKIP_OUTBOUND_PORTS", "5-7,2")],
            &[ALL_IN],
            &["outbound tcp dport { 9 } return", ALL_OUT],
        ),
        (
            &["--subnets-to-ignore=10.0.0.0/8,fd00::/8,10.1.0.0/16", "--skip-outbound-subnets", "192.0.2.1"],
            &[],
            &[
                "inbound ip saddr 10.0.0.0/8 return",
                "inbound ip6 saddr fd00::/8 return",
                "inbound ip saddr 10.1.0.0/16 return",
                ALL_IN,
            ],
            &["outbound ip daddr 192.0.2.1/32 return", ALL_OUT],
        ),
        (
            &["-r", "80", "--ports-to-redirect=8080-8090"],
            &[("WAYSIDE_SKIP_INBOUND_SUBNETS", "::1")],
            &["inbound ip6 saddr ::1/128 return", "inbound tcp dport { 80, 8080-8090 } redirect to :4143"],
            &[ALL_OUT],
        ),
        // The configuration of `wayside run` says where it listens, and that its admin port is for others too.
        (
            &["--skip-inbound-ports=22"],
            &[
                ("WAYSIDE_INBOUND_LISTEN", ":5143"),
                ("WAYSIDE_OUTBOUND_LISTEN", "127.0.0.1:5140"),
                ("WAYSIDE_ADMIN_LISTEN", ":5191"),
            ],
            &["inbound tcp dport { 22, 5191 } return", "inbound meta l4proto tcp redirect to :5143"],
            &["outbound meta l4proto tcp redirect to :5140"],
        ),
    ];
    for (args, env, inbound, outbound) in cases {
        let expected: Vec<&str> = [&INBOUND, *inbound, &OUTBOUND, *outbound].concat();
        assert_eq!(nft(args, env), expected, "{args:?} {env:?}");
    }
}

#[test]
fn a_direction_that_is_off_has_no_rules_and_no_chain() {
    const NO_IN: &str = "delete chain inet wayside inbound";
    const NO_OUT: &str = "delete chain inet wayside outbound";
    assert_eq!(nft(&["--incoming-proxy-port=off"], &[]), [&OUTBOUND[..], &[ALL_OUT, NO_IN]].concat());
    assert_eq!(nft(&[], &[("WAYSIDE_OUTBOUND_LISTEN", "off")]), [&INBOUND[..], &[ALL_IN, NO_OUT]].concat());
    // Then no user needs to be named.
    assert_eq!(nft(&["-o", "off", "-u", "none"], &[]), [&INBOUND[..], &[ALL_IN, NO_OUT]].concat());
}

#[test]
fn wayside_is_left_alone_by_user_and_group() {
    let owner = |args: &[&str], env: &[(&str, &str)]| -> Vec<String> {
        nft(args, env).into_iter().filter(|rule| rule.contains("wayside itself")).collect()
    };
    let user = |id: &str| format!("outbound meta skuid {id} return comment \"wayside itself\"");
    let group = |id: &str| format!("outbound meta skgid {id} return comment \"wayside itself\"");
    assert_eq!(owner(&["-u", "7", "-g", "8"], &[]), [user("7"), group("8")]);
    assert_eq!(owner(&["--proxy-uid=-1", "--proxy-gid=0"], &[]), [group("0")]);
    assert_eq!(owner(&["--proxy-gid=-1"], &[("WAYSIDE_PROXY_UID", "9")]), [user("9")]);
}

#[test]
fn ipv6_may_be_left_alone() {
    let rules = nft(&["--ipv6=false"], &[]);
    for direction in ["inbound", "outbound"] {
        assert!(rules.contains(&format!("{direction} meta nfproto ipv6 return")), "{rules:?}");
    }
    let text = print("iptables", &["--ipv6=false"], &[]);
    assert!(text.contains("# iptables") && !text.contains("ip6tables"), "{text}");
}

#[test]
fn port_lists_are_split_at_15() {
    let listed = |ports: &str| -> Vec<String> {
        let text = print("iptables", &["--ipv6=false", "--skip-outbound-ports", ports], &[]);
        let rules = text
            .lines()
            .filter_map(|line| line.strip_prefix("-A WAYSIDE_OUTBOUND -p tcp -m multiport --dports "));
        rules.map(|rule| rule.strip_suffix(" -j RETURN").expect("a return").to_owned()).collect()
    };
    let odd =
        |from: u16, count: u16| (0..count).map(|n| (from + 2 * n).to_string()).collect::<Vec<_>>().join(",");
    assert_eq!(listed(&odd(1, 15)), [odd(1, 15)]);
    assert_eq!(listed(&odd(1, 16)), [odd(1, 15), odd(31, 1)]);
    assert_eq!(listed(&odd(1, 40)), [odd(1, 15), odd(31, 15), odd(61, 10)]);
    // A range takes two places, and is not torn.
    assert_eq!(listed(&format!("{},100-110", odd(1, 13))), [format!("{},100:110", odd(1, 13))]);
    assert_eq!(listed(&format!("{},100-110", odd(1, 14))), [odd(1, 14), "100:110".to_owned()]);
}

#[test]
fn each_family_has_its_own_subnets() {
    let args = ["--subnets-to-ignore=10.0.0.0/8,fd00::/8", "--skip-outbound-subnets=::/0"];
    let text = print("iptables", &args, &[]);
    let Some((v4, v6)) = text.split_once("# ip6tables") else {
        assert!(!text.is_empty());
        skipped!("no IPv6 here");
    };
    assert!(v4.contains("-A WAYSIDE_INBOUND -s 10.0.0.0/8 -j RETURN\n") && !v4.contains("::"), "{v4}");
    assert!(v6.contains("-A WAYSIDE_INBOUND -s fd00::/8 -j RETURN\n") && !v6.contains("10.0.0.0"), "{v6}");
    assert!(v6.contains("-A WAYSIDE_OUTBOUND -d ::/0 -j RETURN\n"), "{v6}");
}

#[test]
fn the_other_commands_know_its_variables() {
    let env = [("WAYSIDE_PROXY_UID", "7"), ("WAYSIDE_SKIP_OUTBOUND_SUBNETS", "10.0.0.0/8")];
    let said = run_to_end(&["check"], &env);
    assert_eq!((said.code, &*said.stderr), (Some(0), ""));
    let said = run_to_end(&["check"], &[("WAYSIDE_PROXY_UIDS", "7")]);
    assert!(said.stderr.contains("did you mean WAYSIDE_PROXY_UID?"), "{}", said.stderr);
}
