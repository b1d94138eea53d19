//! What is wrong is told in one line with the way out, and changes nothing.

use crate::host::*;
use crate::support::*;

/// Arguments, variables; the exit code, and what the lines on stderr begin with and contain.
type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], i32, &'a [(&'a str, &'a str)]);

#[test]
fn a_wrong_value_is_refused_with_what_to_write() {
    let cases: &[Case<'_>] = &[
        (&["-p", "0"], &[], 2, &[("--incoming-proxy-port: \"0\"", "from 1 to 65535")]),
        (&["-o", "65536"], &[], 2, &[("--outgoing-proxy-port: \"65536\"", "from 1 to 65535")]),
        (&["-p", "4140"], &[], 2, &[("--outgoing-proxy-port: \"4140\"", "give each its own")]),
        (&["-p", "off", "-o", "off"], &[], 2, &[("--incoming-proxy-port: nothing to redirect", "--delete")]),
        (&["-u", "root"], &[], 2, &[("--proxy-uid: \"root\"", "\"none\"")]),
        (&["-u", "none"], &[], 2, &[("--proxy-uid: ", "come back to it")]),
        (&["-u", "4294967295"], &[], 2, &[("--proxy-uid: ", "4294967294")]),
        (
            &["--subnets-to-ignore=10.0.0.1/8"],
            &[],
            2,
            &[("--skip-inbound-subnets: ", "did you mean 10.0.0.0/8?")],
        ),
        (
            &["--skip-outbound-subnets=10.0.0.0/33,x"],
            &[],
            2,
            &[
                ("--skip-outbound-subnets: \"10.0.0.0/33\"", "0 to 32"),
                ("--skip-outbound-subnets: \"x\"", "not an address"),
            ],
        ),
        (
            &["--inbound-ports-to-ignore=25-23"],
            &[],
            2,
            &[("--skip-inbound-ports: \"25-23\"", "wrong way round")],
        ),
        (&["--ports-to-redirect=80,,81"], &[], 2, &[("--ports-to-redirect: \"\"", "1 to 65535")]),
        (
            &["-r", "23-notanumber", "-g", "x"],
            &[],
            2,
            &[("--proxy-gid: \"x\"", ""), ("--ports-to-redirect: \"23-notanumber\"", "")],
        ),
        (&[], &[("WAYSIDE_PROXY_UID", "x")], 1, &[("WAYSIDE_PROXY_UID: \"x\"", "write a number")]),
        (
            &[],
            &[("WAYSIDE_SKIP_INBOUND_PORTS", "0")],
            1,
            &[("WAYSIDE_SKIP_INBOUND_PORTS: \"0\"", "there is no port 0")],
        ),
        (
            &[],
            &[("WAYSIDE_INBOUND_LISTEN", ":0")],
            2,
            &[("--incoming-proxy-port: inbound-listen", "name it")],
        ),
        (&["--backend=pf"], &[], 2, &[("error: invalid value 'pf'", "iptables-legacy")]),
    ];
    for (args, env, code, expected) in cases {
        let args: Vec<&str> = ["init", "--print"].iter().chain(*args).copied().collect();
        let ended = run_to_end(&args, env);
        assert_eq!((ended.code, &*ended.stdout), (Some(*code), ""), "{args:?} {env:?}: {}", ended.stderr);
        let lines: Vec<&str> = ended.stderr.lines().collect();
        for ((begins, contains), line) in expected.iter().zip(&lines) {
            assert!(line.starts_with(begins) && line.contains(contains), "{args:?} {env:?}: {line}");
        }
        assert!(lines.len() == expected.len() || lines[0].starts_with("error:"), "{args:?}: {lines:?}");
    }
}

#[test]
fn a_wrong_value_changes_nothing() {
    if let Err(why) = Family::V4.packet_filter() {
        skipped!("{why}")
    }
    let host = Host::new("host");
    init(&host, &["--skip-inbound-ports=22"]);
    let before = rules(&host);
    for wrong in ["--skip-inbound-ports=0", "--subnets-to-ignore=10.0.0.0/33", "--proxy-uid=none"] {
        assert_eq!(try_init(&host, &[wrong]).code, Some(2), "{wrong}");
        assert_eq!(rules(&host), before, "{wrong}");
    }
    assert_eq!(try_init(&host, &["--print", "--skip-inbound-ports=23"]).code, Some(0));
    assert_eq!(try_init(&host, &["--print", "--delete"]).code, Some(0));
    assert_eq!(rules(&host), before, "--print");
}

#[test]
fn a_host_without_routes_is_not_verified() {
    if let Err(why) = Family::V4.packet_filter() {
        skipped!("{why}")
    }
    let host = Host::new("host");
    let said = init(&host, &[]);
    assert!(said.contains("not verified IPv4: there is no route"), "{said}");
    assert!(!init(&host, &["--no-verify"]).contains("verified"));
}

#[test]
fn without_permission_it_says_what_to_give() {
    if let Err(why) = Family::V4.packet_filter() {
        skipped!("{why}")
    }
    let host = Host::new("host");
    let dir = TempDir::new();
    let copy = dir.path().join("wayside");
    copy_program(program(), &copy);
    let start = format!("shift; exec {} \"$@\"", copy.display());
    let [ip, netns, exec, name] = host.wrapper();
    let wrapper = [
        ip,
        netns,
        exec,
        name,
        "setpriv",
        "--reuid=2103",
        "--regid=2103",
        "--clear-groups",
        "sh",
        "-c",
        &start,
        "sh",
    ];
    for backend in backends() {
        for more in [&["--no-verify"][..], &["--delete"]] {
            let ended = run_through(&wrapper, &[&["init", "--backend", backend], more].concat(), &[]);
            assert_eq!((ended.code, &*ended.stdout), (Some(1), ""), "{backend} {more:?}: {}", ended.stderr);
            assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
            assert!(ended.stderr.contains("not permitted: "), "{}", ended.stderr);
            assert!(ended.stderr.contains("NET_ADMIN"), "{}", ended.stderr);
        }
    }
    assert!(!rules(&host).contains("wayside"));
}

#[test]
fn without_a_program_it_says_what_to_install() {
    if let Err(why) = Family::V4.packet_filter() {
        skipped!("{why}")
    }
    let host = Host::new("host");
    let hide =
        "for at in /usr/sbin /usr/local/sbin; do mount -t tmpfs none $at; done; PATH=/none exec \"$@\"";
    let wrapper = [&host.wrapper()[..], &["unshare", "-m", "sh", "-c", hide, "sh"]].concat();
    for (args, name) in [
        (&["init", "--backend=iptables"][..], "iptables is not installed; "),
        (&["init"], "neither nft nor iptables is installed; "),
        (&["init", "--delete"], "neither nft nor iptables is installed; "),
    ] {
        let ended = run_through(&wrapper, args, &[]);
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
        assert!(ended.stderr.contains(name) && ended.stderr.contains("install nftables"), "{}", ended.stderr);
    }
    let printed = run_through(&wrapper, &["init", "--print"], &[]);
    assert_eq!((printed.code, printed.stdout.contains("add table inet wayside")), (Some(0), true));
}
