//! What must not be carried: connections to wayside itself, redirected or not.

use std::io::{Read, Write};
use std::net::SocketAddr;

use crate::labs::*;
use crate::support::*;

in_both_families! {
    what_wayside_dials_and_gets_back_is_refused_at_once
    a_router_does_not_carry_to_itself
    a_sidecar_does_not_carry_to_itself
    the_outbound_listener_of_a_sidecar_cannot_be_reached_from_outside
    a_connection_that_was_not_redirected_is_told_in_one_line
    a_listener_without_any_rule_carries_nothing
}

/// Who connects where; and which listener turns it away, for which reason.
type Case<'a> = (&'a Host, u32, SocketAddr, &'a str, &'a str);

#[track_caller]
fn expect_refusals(wayside: Inside<'_>, cases: &[Case<'_>]) {
    let before = wayside.fds();
    for &(host, user, addr, direction, reason) in cases {
        let count = wayside.refused(direction, reason);
        expect_turned_away(host, user, addr);
        let now = wayside.refused(direction, reason);
        assert_eq!(now, count + 1.0, "{user} to {addr}: {direction} {reason}; {}", wayside.stderr());
    }
    let all = wayside.sum("wayside_refused_total", &[]);
    for _ in 0..50 {
        for &(host, user, addr, ..) in cases {
            expect_turned_away(host, user, addr);
        }
    }
    assert_eq!(wayside.sum("wayside_refused_total", &[]), all + 50.0 * cases.len() as f64);
    // It dialled nobody, and kept nothing.
    assert_eq!(wayside.sum("tcp_open_total", &[("peer", "dst")]), 0.0);
    assert_eq!(wayside.sum("wayside_connect_failures_total", &[]), 0.0);
    wayside.expect_none_open();
    wayside.expect_descriptors(before);
}

fn a_router_does_not_carry_to_itself(family: Family) {
    let lab = Gateway::new(family, &[]);
    let cases = [
        // Redirected to where it was going anyway.
        (&lab.client, APP, family.addr(1, 1, 4143), "inbound", "loop"),
        // To another address of the same listener.
        (&lab.client, APP, family.addr(2, 1, 4143), "inbound", "loop"),
        // From where nothing is redirected.
        (&lab.server, APP, family.addr(2, 1, 4143), "inbound", "loop"),
    ];
    expect_refusals(lab.wayside(), &cases);
}

fn a_sidecar_does_not_carry_to_itself(family: Family) {
    let listen = match family {
        Family::V4 => "--outbound-listen=0.0.0.0:4140",
        Family::V6 => "--outbound-listen=[::]:4140",
    };
    let lab = Pod::new(family, &[], &[listen]);
    let cases = [
        (&lab.peer, APP, lab.app(4143), "inbound", "loop"),
        (&lab.peer, APP, lab.app(4140), "inbound", "loop"),
        (&lab.host, APP, lab.app(4143), "outbound", "loop"),
        (&lab.host, APP, lab.app(4140), "outbound", "loop"),
        (&lab.host, APP, family.loopback(4143), "outbound", "loop"),
        (&lab.host, APP, family.loopback(4140), "outbound", "not_redirected"),
        // What wayside's user dials is not redirected.
        (&lab.host, WAYSIDE, lab.app(4143), "inbound", "loop"),
        (&lab.host, WAYSIDE, family.loopback(4140), "outbound", "not_redirected"),
    ];
    expect_refusals(lab.wayside(), &cases);
}

fn the_outbound_listener_of_a_sidecar_cannot_be_reached_from_outside(family: Family) {
    let lab = Pod::new(family, &[], &[]);
    // It is on loopback only: that port of the host's address is nobody's.
    for (host, user) in [(&lab.peer, APP), (&lab.host, APP)] {
        let client = host.connect_as(user, lab.app(4140));
        expect_reset(&client, 2 * SECOND);
    }
    assert_eq!(lab.wayside().sum("tcp_open_total", &[("peer", "dst")]), 0.0);
    lab.wayside().expect_none_open();
    let cases = [
        (&lab.host, APP, lab.app(4143), "outbound", "loop"),
        (&lab.host, APP, family.loopback(4143), "outbound", "loop"),
        (&lab.host, APP, family.loopback(4140), "outbound", "not_redirected"),
    ];
    for (host, user, addr, direction, reason) in cases {
        expect_turned_away(host, user, addr);
        assert!(lab.wayside().refused(direction, reason) > 0.0, "{addr}");
    }
}

fn a_connection_that_was_not_redirected_is_told_in_one_line(family: Family) {
    let lab = Pod::new(family, &[], &[]);
    let before = lab.wayside().stderr();
    expect_turned_away(&lab.host, WAYSIDE, family.loopback(4140));
    eventually("it is in the log", SECOND, || lab.wayside().stderr().len() > before.len());
    let said = lab.wayside().stderr();
    let lines: Vec<_> = said.strip_prefix(&before).expect("more").lines().collect();
    let loopback = family.loopback(0).ip().to_string();
    assert_eq!(lines.len(), 1, "{lines:?}");
    for word in ["outbound", &loopback, "closed", "not redirected", "--forward"] {
        assert!(lines[0].contains(word), "no {word:?} in {}", lines[0]);
    }
    assert_eq!(lab.wayside().refused("outbound", "not_redirected"), 1.0);
}

fn a_listener_without_any_rule_carries_nothing(family: Family) {
    let lab = Gateway::new(family, &[]);
    // No rule, and so no connection tracking either: the kernel knows of no destination.
    lab.router.filter(family, "-t nat -F PREROUTING");
    for (host, cable) in [(&lab.client, 1), (&lab.server, 2)] {
        expect_turned_away(host, APP, family.addr(cable, 1, 4143));
    }
    assert_eq!(lab.wayside().sum("wayside_refused_total", &[("direction", "inbound")]), 2.0);
    assert_eq!(lab.wayside().sum("tcp_open_total", &[]), 0.0);
    // What is not redirected is forwarded, and no concern of wayside's.
    let (client, server) = lab.pair(8080);
    assert!(is_direct(&client, &server));
    pass_both_ways(&client, &server, MB);
    assert_eq!(lab.wayside().accepted(), 2.0);
}

/// The rules leave another user alone than the one that wayside runs as.
const OTHERS_EXCLUSION: [&str; 4] = [
    "-t nat -A OUTPUT -p tcp -m owner --uid-owner 2199 -j RETURN",
    "-t nat -A OUTPUT -p tcp --dport 4191 -j RETURN",
    "-t nat -A OUTPUT -p tcp -j REDIRECT --to-ports 4140",
    "-t nat -A PREROUTING -p tcp -j REDIRECT --to-ports 4143",
];

fn what_wayside_dials_and_gets_back_is_refused_at_once(family: Family) {
    // A connection that comes back may come to the other worker, and then goes round again: twice on average.
    for (args, most_rounds) in [(&[][..], 1.0), (&["--http-reuse"], 1.0), (&["--workers=2"], 64.0)] {
        let lab = Pod::with(family, args, |host| {
            OTHERS_EXCLUSION.iter().for_each(|rule| host.filter(family, rule));
        });
        let listeners = [lab.peer.listen(lab.far(8080)), lab.host.listen(lab.app(8080))];
        // A request is answered with a 502; all else is reset.
        let try_once = |host: &Host, addr: SocketAddr| {
            if !args.contains(&"--http-reuse") {
                return expect_turned_away(host, APP, addr);
            }
            let mut client = host.connect_as(APP, addr);
            client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").expect("to ask");
            let mut answer = String::new();
            let ended = client.read_to_string(&mut answer);
            assert!(ended.is_err() || answer.starts_with("HTTP/1.1 502 "), "{answer}");
        };
        let opened = || lab.wayside().sum("tcp_open_total", &[("peer", "src")]);
        let refused = || lab.wayside().refused("outbound", "loop");
        for (host, addr, round) in [(&lab.host, lab.far(8080), 1.0), (&lab.peer, lab.app(8080), 2.0)] {
            try_once(host, addr);
            lab.wayside().expect_none_open();
            assert!(refused() >= round && opened() <= round * most_rounds, "{}, {}", refused(), opened());
        }
        let said = lab.wayside().stderr();
        for word in ["outbound: ", &format!("uid {WAYSIDE}"), "dialled it", "--proxy-uid"] {
            assert!(said.contains(word), "no {word:?} in {said}");
        }
        // Many at once end as well, each after a few rounds.
        let (opened_before, refused_before) = (opened(), refused());
        std::thread::scope(|scope| {
            for _ in 0..10 {
                scope.spawn(|| (0..10).for_each(|_| try_once(&lab.host, lab.far(8080))));
            }
        });
        lab.wayside().expect_none_open();
        assert!(refused() - refused_before >= 100.0, "{}", refused() - refused_before);
        let rounds = (opened() - opened_before) / 100.0;
        assert!(rounds <= if most_rounds > 1.0 { 8.0 } else { 2.0 }, "{rounds} rounds each");
        for listener in listeners {
            listener.set_nonblocking(true).expect("non-blocking");
            assert!(listener.accept().is_err(), "somebody was reached");
        }
    }
}
