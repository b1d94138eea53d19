//! Which connections come by wayside and which do not, with no rules but those of `wayside init`.

use std::net::{SocketAddr, TcpStream, UdpSocket};

use crate::host::*;
use crate::labs::*;
use crate::support::*;

in_both_families! {
    a_sidecar_works
    a_router_works
    a_router_leaves_skipped_ports_and_subnets_alone
    skipped_ports_and_subnets_bypass
    only_listed_ports_are_redirected
    other_protocols_are_left_alone
}

fn pod(family: Family, backend: &str, more: &[&str]) -> Pod {
    Pod::with(family, &[], |host| {
        let said = init(host, &[&["--backend", backend], more].concat());
        assert!(said.contains(&format!("by {backend}\n")), "{said}");
    })
}

#[track_caller]
fn expect_through(lab: &Pod, pair: (TcpStream, TcpStream), direction: &str, target: SocketAddr) {
    let (client, server) = pair;
    assert!(!is_direct(&client, &server), "{target}");
    assert_eq!(here(&server), target);
    greet(&client, &server);
    let line = lab.wayside().line_of(&client);
    assert_eq!(field(&line, "direction").as_deref(), Some(direction), "{line}");
    assert_eq!(field(&line, "target"), Some(target.to_string()), "{line}");
    pass_both_ways(&client, &server, MB);
}

#[track_caller]
fn expect_direct(lab: &Pod, pair: (TcpStream, TcpStream)) {
    let before = lab.wayside().accepted();
    let (client, server) = pair;
    assert!(is_direct(&client, &server), "{} {}", here(&client), there(&client));
    pass_both_ways(&client, &server, MB);
    assert_eq!(lab.wayside().accepted(), before);
}

/// A connection within the application's host.
fn own(lab: &Pod, addr: SocketAddr) -> (TcpStream, TcpStream) {
    let listener = lab.host.listen(addr);
    (lab.host.connect_as(APP, addr), accept(&listener))
}

fn a_sidecar_works(family: Family) {
    for backend in backends() {
        let lab = pod(family, backend, &[]);
        for port in [80, 443, 4191, 30_001] {
            expect_through(&lab, lab.outbound(port), "outbound", lab.far(port));
            expect_through(&lab, lab.inbound(port), "inbound", lab.app(port));
        }
        // What wayside's user dials goes straight, and what the host sends itself, by whichever address.
        let listener = lab.peer.listen(lab.far(444));
        let client = lab.host.connect_as(WAYSIDE, lab.far(444));
        expect_direct(&lab, (client, accept(&listener)));
        expect_direct(&lab, own(&lab, family.loopback(8080)));
        expect_direct(&lab, own(&lab, lab.app(8081)));
        lab.wayside().expect_none_open();
    }
}

fn a_router_works(family: Family) {
    for backend in backends() {
        let lab = Gateway::with(family, &[], |router| {
            init(router, &["--backend", backend]);
        });
        for port in [80, 5432] {
            let (client, server) = lab.pair(port);
            assert_eq!(here(&server), lab.target(port));
            assert_eq!(there(&server).ip(), family.ip(2, 1));
            let line = lab.wayside().line_of(&client);
            assert_eq!(field(&line, "target"), Some(lab.target(port).to_string()), "{line}");
            pass_both_ways(&client, &server, 8 * MB);
        }
        lab.wayside().expect_none_open();
    }
}

fn a_router_leaves_skipped_ports_and_subnets_alone(family: Family) {
    for backend in backends() {
        let lab = Gateway::with(family, &[], |_| ());
        let flags =
            ["--backend", backend, "--outgoing-proxy-port", "off", "--skip-inbound-ports", "9100-9102"];
        let expect = |port: u16, is_redirected: bool| {
            let before = lab.wayside().accepted();
            let (client, server) = lab.pair(port);
            assert_eq!(here(&server), lab.target(port));
            assert_eq!(is_direct(&client, &server), !is_redirected, "{backend}: {port}");
            pass_both_ways(&client, &server, MB);
            let count = if is_redirected { 1.0 } else { 0.0 };
            assert_eq!(lab.wayside().accepted(), before + count, "{backend}: {port}");
        };
        expect(79, false);
        init(&lab.router, &flags);
        [(80, true), (9099, true), (9100, false), (9102, false)]
            .into_iter()
            .for_each(|(p, is)| expect(p, is));
        let client = family.ip(1, 2).to_string();
        init(&lab.router, &[&flags[..], &["--subnets-to-ignore", &client]].concat());
        expect(81, false);
        init(&lab.router, &[&flags[..], &["--subnets-to-ignore", "192.0.2.0/24,2001:db8::/32"]].concat());
        expect(82, true);
        init(&lab.router, &["--delete"]);
        expect(83, false);
        lab.wayside().expect_none_open();
    }
}

fn skipped_ports_and_subnets_bypass(family: Family) {
    let far = family.ip(1, 2).to_string();
    for backend in backends() {
        // More than one multiport match holds, with a range across its border.
        let many = "1,3,5,7,9,11,13,15,17,19,21,23,25,27,9100-9102,9104,9200";
        let lab = pod(family, backend, &["--skip-inbound-ports", many, "--outbound-ports-to-ignore", many]);
        for port in [1, 27, 9100, 9102, 9104, 9200] {
            expect_direct(&lab, lab.outbound(port));
            expect_direct(&lab, lab.inbound(port));
        }
        for port in [2, 9103, 9201] {
            expect_through(&lab, lab.outbound(port), "outbound", lab.far(port));
            expect_through(&lab, lab.inbound(port), "inbound", lab.app(port));
        }
        init(&lab.host, &["--backend", backend, "--subnets-to-ignore", &far]);
        expect_direct(&lab, lab.inbound(7001));
        expect_through(&lab, lab.outbound(7001), "outbound", lab.far(7001));
        let elsewhere = "192.0.2.0/24,2001:db8::/32";
        init(
            &lab.host,
            &["--backend", backend, "--skip-outbound-subnets", &far, "--subnets-to-ignore", elsewhere],
        );
        expect_through(&lab, lab.inbound(7002), "inbound", lab.app(7002));
        expect_direct(&lab, lab.outbound(7002));
        lab.wayside().expect_none_open();
    }
}

fn only_listed_ports_are_redirected(family: Family) {
    for backend in backends() {
        let args =
            ["--ports-to-redirect=8080,9000-9002", "--skip-inbound-ports=9001", "--outgoing-proxy-port=off"];
        let lab = pod(family, backend, &args);
        for port in [8080, 9000, 9002] {
            expect_through(&lab, lab.inbound(port), "inbound", lab.app(port));
        }
        for port in [8081, 9001] {
            expect_direct(&lab, lab.inbound(port));
        }
        expect_direct(&lab, lab.outbound(8080));
    }
}

fn other_protocols_are_left_alone(family: Family) {
    for backend in backends() {
        let lab = pod(family, backend, &[]);
        for (from, to, addr) in [(&lab.host, &lab.peer, lab.far(53)), (&lab.peer, &lab.host, lab.app(53))] {
            let server = to.run(|| UdpSocket::bind(addr)).expect("a socket");
            guard_datagrams(&server);
            let client = from.run_as(APP, || UdpSocket::bind((addr.ip_unspecified(), 0))).expect("a socket");
            client.send_to(b"question", addr).expect("to send");
            let (length, source) = server.recv_from(&mut [0; 64]).expect("the datagram");
            assert_eq!((length, source.port()), (8, client.local_addr().expect("its address").port()));
        }
    }
}

fn guard_datagrams(socket: &UdpSocket) {
    socket.set_read_timeout(Some(LIMIT)).expect("a time-out");
}

trait Unspecified {
    fn ip_unspecified(&self) -> std::net::IpAddr;
}

impl Unspecified for SocketAddr {
    fn ip_unspecified(&self) -> std::net::IpAddr {
        match self {
            SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
        }
    }
}
