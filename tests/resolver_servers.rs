//! Name servers as they are: in turn, over IPv6, old ones, and such as answer half. Against real sockets; the resolver's
//! clock is the test's.

#![allow(clippy::unwrap_used)]

use std::net::{IpAddr, Ipv6Addr, UdpSocket};

use simple_dns::RCODE;
use wayside::resolve::Failure;

#[path = "resolver/responder.rs"]
#[allow(dead_code)]
mod responder;

use responder::{Asked, Bench, Responder, Say};

const ONE: &[&str] = &["127.0.0.1"];

fn ok(asked: &Asked, lines: &[&str]) -> Vec<Say> {
    vec![Say::Reply(asked.reply(RCODE::NoError, lines))]
}

fn list(text: &str) -> Result<Vec<IpAddr>, Failure> {
    Ok(text.split_whitespace().map(|word| word.parse().unwrap()).collect())
}

/// Which servers were asked for IPv4 addresses, in turn.
fn servers(asked: &[Asked]) -> Vec<u8> {
    asked.iter().filter(|asked| !asked.v6).map(|asked| asked.server).collect()
}

#[test]
fn rotate_begins_with_another_server_each_time() {
    for (options, expected) in [("options rotate", [1, 2, 3, 1, 2]), ("", [1; 5])] {
        let responder = Responder::start(3, |asked| ok(asked, &[&format!("{} 60 A 10.0.0.1", asked.name)]));
        let mut bench = Bench::new(&responder, &["127.0.0.1", "127.0.0.2", "127.0.0.3"], options, "");
        for number in 0..5 {
            assert_eq!(bench.resolve(&format!("n{number}.test")), list("10.0.0.1"));
        }
        assert_eq!(servers(&responder.asked()), expected, "{options}");
    }
}

#[test]
fn attempts_are_rounds_over_the_servers() {
    for (options, rounds, seconds) in [("timeout:1 attempts:3", 3, 1.0), ("timeout:2 attempts:1", 1, 2.0)] {
        let responder = Responder::start(2, |_| vec![]);
        let mut bench =
            Bench::new(&responder, &["127.0.0.1", "127.0.0.2"], &format!("options {options}"), "");
        assert_eq!(bench.ask("dead.test"), None);
        for question in 1..=2 * rounds {
            responder.wait_for(2 * question);
            bench.pass(seconds - 0.1);
            assert_eq!(bench.ask("dead.test"), None, "{options}: {question}");
            bench.pass(0.1);
        }
        assert_eq!(bench.ask("dead.test"), Some(Err(Failure::Timeout)), "{options}");
        let expected: Vec<u8> = [1, 2].into_iter().cycle().take(2 * rounds).collect();
        assert_eq!(servers(&responder.asked()), expected, "{options}");
    }
}

#[test]
fn a_server_on_ipv6() {
    if UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).is_err() {
        eprintln!("skipped: this machine has no ::1");
        return;
    }
    let responder = Responder::on(&[Ipv6Addr::LOCALHOST.into()], |asked| match (&*asked.name, asked.tcp) {
        ("big.test", false) => vec![Say::Reply(asked.cut())],
        (name, _) => ok(asked, &[&format!("{name} 60 A 10.0.0.6")]),
    });
    let mut bench = Bench::new(&responder, &["::1"], "", "");
    for host in ["db.test", "big.test"] {
        assert_eq!(bench.resolve(host), list("10.0.0.6"), "{host}");
    }
    let asked = responder.asked();
    assert!(asked.iter().all(|asked| asked.from.is_ipv6()));
    assert_eq!(asked.iter().filter(|asked| asked.tcp).count(), 2);
}

#[test]
fn a_server_that_does_not_know_edns() {
    for code in [RCODE::FormatError, RCODE::NotImplemented] {
        let responder = Responder::start(1, move |asked| match asked.has_edns() {
            true => vec![Say::Reply(asked.reply(code, &[]))],
            false => ok(asked, &[&format!("{} 60 A 10.0.0.1", asked.name)]),
        });
        let mut bench = Bench::new(&responder, ONE, "", "");
        assert_eq!(bench.resolve("db.test"), list("10.0.0.1"), "{code:?}");
        let with: Vec<bool> =
            responder.asked().iter().filter(|asked| asked.v6).map(Asked::has_edns).collect();
        assert_eq!(with, [true, false], "{code:?}");
    }
}

/// A server may write a name in another case, in the question that it repeats and in its records.
#[test]
fn the_case_of_a_name_means_nothing() {
    let responder = Responder::start(1, |asked| {
        if asked.name == "x.test" {
            return ok(asked, &["X.test 60 A 10.0.0.1"]);
        }
        let mut reply = asked.reply(RCODE::NoError, &["DB.Test 60 CNAME X.test", "x.TEST 60 A 10.0.0.1"]);
        reply[13..15].copy_from_slice(b"dB");
        vec![Say::Reply(reply)]
    });
    let mut bench = Bench::new(&responder, ONE, "", "");
    assert_eq!(bench.resolve("Db.tesT"), list("10.0.0.1"));
    assert!(responder.asked().iter().all(|asked| asked.name != "Db.tesT"), "asked for in lower case");
}

#[test]
fn an_address_of_one_family_is_enough() {
    let responder = Responder::start(1, |asked| match (&*asked.name, asked.v6) {
        ("six.test", true) => ok(asked, &["six.test 60 AAAA fd00::1"]),
        ("four.test", false) => ok(asked, &["four.test 60 A 10.0.0.1"]),
        ("broken6.test", true) => vec![Say::Reply(asked.reply(RCODE::ServerFailure, &[]))],
        ("gone6.test", true) => vec![Say::Reply(asked.reply(RCODE::NameError, &[]))],
        ("broken6.test" | "gone6.test", false) => ok(asked, &[&format!("{} 60 A 10.0.0.2", asked.name)]),
        _ => ok(asked, &[]),
    });
    let mut bench = Bench::new(&responder, ONE, "", "");
    for (host, expected) in [
        ("six.test", list("fd00::1")),
        ("four.test", list("10.0.0.1")),
        ("broken6.test", list("10.0.0.2")),
        ("gone6.test", list("10.0.0.2")),
        ("none.test", Err(Failure::NoAddress)),
    ] {
        assert_eq!(bench.resolve(host), expected, "{host}");
    }
}

#[test]
fn aliases_in_a_ring() {
    let responder = Responder::start(1, |asked| match &*asked.name {
        "whole.test" => ok(asked, &["whole.test 60 CNAME b.test", "b.test 60 CNAME whole.test"]),
        "a.test" => ok(asked, &["a.test 60 CNAME b.test"]),
        _ => ok(asked, &["b.test 60 CNAME a.test"]),
    });
    let mut bench = Bench::new(&responder, ONE, "", "");
    for host in ["whole.test", "a.test"] {
        assert_eq!(bench.resolve(host), Err(Failure::TooManyAliases), "{host}");
    }
    assert!(responder.asked().len() <= 2 + 2 * 9);
}
