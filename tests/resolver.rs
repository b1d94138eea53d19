//! The resolver against real sockets: a small DNS responder on loopback. The resolver's clock is the test's.

#![allow(clippy::unwrap_used)]

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use simple_dns::RCODE;
use wayside::resolve::Failure;

#[path = "resolver/responder.rs"]
#[allow(dead_code)]
mod responder;

use responder::{Asked, Bench, Responder, Say};

const ONE: &[&str] = &["127.0.0.1"];
const TWO: &[&str] = &["127.0.0.1", "127.0.0.2"];

fn ok(asked: &Asked, lines: &[&str]) -> Vec<Say> {
    vec![Say::Reply(asked.reply(RCODE::NoError, lines))]
}

fn code(asked: &Asked, code: RCODE, lines: &[&str]) -> Vec<Say> {
    vec![Say::Reply(asked.reply(code, lines))]
}

fn list(text: &str) -> Result<Vec<IpAddr>, Failure> {
    Ok(text.split_whitespace().map(|word| word.parse().unwrap()).collect())
}

/// The names and servers that were asked for IPv4 addresses.
fn v4(asked: &[Asked]) -> Vec<String> {
    asked.iter().filter(|asked| !asked.v6).map(|asked| format!("{}@{}", asked.name, asked.server)).collect()
}

#[test]
fn both_families_in_parallel_and_told_once() {
    let responder = Responder::start(1, |asked| {
        ok(asked, &["db.test 60 A 10.0.0.1", "db.test 60 A 10.0.0.2", "db.test 60 AAAA ::1"])
    });
    let mut bench = Bench::new(&responder, ONE, "", "");
    assert_eq!(bench.ask("db.test"), None);
    assert_eq!(bench.ask("DB.test"), None, "one lookup");
    let mut found = bench.resolve("db.test").unwrap();
    let v6_loopback = std::net::UdpSocket::bind("[::1]:0").is_ok();
    assert_eq!(found.iter().position(IpAddr::is_ipv6), Some(usize::from(!v6_loopback)));
    found.sort();
    assert_eq!(Ok(found), list("10.0.0.1 10.0.0.2 ::1"));
    let id = bench.resolver.name("db.test");
    assert_eq!((&*bench.settled, bench.resolver.host(id)), (&[id][..], "db.test"));
    let asked = responder.asked();
    assert_eq!((asked.len(), asked.iter().filter(|asked| asked.v6).count()), (2, 1));
    assert_eq!(bench.resolver.next_deadline(), None, "nothing to wake up for");
}

#[test]
fn times_to_live_and_changing_answers() {
    let last = Arc::new(AtomicU8::new(1));
    let shared = Arc::clone(&last);
    let responder = Responder::start(1, move |asked| {
        ok(asked, &[&format!("db.test 20 A 10.0.0.{}", shared.load(Ordering::Relaxed))])
    });
    let mut bench = Bench::new(&responder, ONE, "", "");
    assert_eq!(bench.resolve("db.test"), list("10.0.0.1"));
    responder.asked();
    last.store(2, Ordering::Relaxed);
    bench.pass(19.9);
    assert_eq!(bench.ask("db.test"), Some(list("10.0.0.1")));
    assert!(
        !bench.turn(Duration::from_millis(50)) && responder.asked().is_empty(),
        "still alive: no question"
    );
    bench.pass(0.1);
    assert_eq!(bench.ask("db.test"), Some(list("10.0.0.1")), "the old one while it is renewed");
    bench.finish();
    assert_eq!(bench.ask("db.test"), Some(list("10.0.0.2")));
    assert_eq!(responder.asked().len(), 2);
    assert_eq!(bench.settled.len(), 1, "nobody waited for the renewal");
    // Unused for long: the first use waits for the new address.
    last.store(3, Ordering::Relaxed);
    bench.pass(1000.0);
    assert_eq!(bench.ask("db.test"), None);
    assert_eq!(bench.resolve("db.test"), list("10.0.0.3"));
    assert_eq!(bench.settled.len(), 2);
}

#[test]
fn old_addresses_serve_while_the_server_is_dead() {
    let responder = Responder::start(1, |asked| ok(asked, &["db.test 1 A 10.0.0.1"]));
    let mut bench = Bench::new(&responder, ONE, "", "");
    assert_eq!(bench.resolve("db.test"), list("10.0.0.1"));
    responder.answer(|_| vec![]);
    // Long after: a second for the renewal, then the old address.
    bench.pass(100.0);
    assert_eq!(bench.ask("db.test"), None);
    bench.settled.clear();
    bench.pass(1.0);
    assert_eq!(bench.settled.len(), 1, "the one who waits is woken");
    assert_eq!(bench.ask("db.test"), Some(list("10.0.0.1")));
    for _ in 0..10 {
        bench.pass(5.0);
        assert_eq!(bench.ask("db.test"), Some(list("10.0.0.1")));
    }
    let id = bench.resolver.name("db.test");
    assert_eq!(bench.resolver.trouble(id), Some(Failure::Timeout));
    // Refused instead of silent: the same.
    let dead = Responder::start(1, |asked| ok(asked, &["db.test 1 A 10.0.0.1"]));
    let mut bench = Bench::new(&dead, ONE, "", "");
    assert_eq!(bench.resolve("db.test"), list("10.0.0.1"));
    drop(dead);
    bench.pass(2.0);
    assert_eq!(bench.ask("db.test"), Some(list("10.0.0.1")));
    bench.finish();
    assert_eq!(bench.ask("db.test"), Some(list("10.0.0.1")));
    let id = bench.resolver.name("db.test");
    assert_eq!(bench.resolver.trouble(id), Some(Failure::NoServer));
}

#[test]
fn no_such_name_no_address_no_server() {
    let responder = Responder::start(1, |asked| match &*asked.name {
        "gone.test" => code(asked, RCODE::NameError, &["test 60 SOA 7"]),
        "empty.test" => ok(asked, &["test 60 SOA 7"]),
        "broken.test" => code(asked, RCODE::ServerFailure, &[]),
        _ => vec![],
    });
    let mut bench = Bench::new(&responder, ONE, "options timeout:1 attempts:1", "");
    for (name, failure) in [
        ("gone.test", Failure::NoSuchName),
        ("empty.test", Failure::NoAddress),
        ("broken.test", Failure::ServerFailure),
        ("not a name", Failure::BadName),
    ] {
        assert_eq!(bench.resolve(name), Err(failure), "{name}");
    }
    assert_eq!(bench.ask("silent.test"), None);
    bench.pass(1.0);
    assert_eq!(bench.ask("silent.test"), Some(Err(Failure::Timeout)));
    responder.wait_for(8);
    responder.asked();
    bench.pass(5.9);
    assert_eq!(bench.ask("gone.test"), Some(Err(Failure::NoSuchName)), "remembered for the SOA's 7 s");
    assert!(responder.asked().is_empty());
    bench.pass(1.2);
    assert_eq!(bench.ask("gone.test"), None, "asked again");
    bench.finish();
    drop(responder);
    assert_eq!(bench.resolve("other.test"), Err(Failure::NoServer));
}

#[test]
fn the_second_server_helps_out() {
    let responder = Responder::start(2, |asked| match (asked.server, &*asked.name) {
        (1, "fail.test") => code(asked, RCODE::ServerFailure, &[]),
        (1, "refuse.test") => code(asked, RCODE::Refused, &[]),
        (1, _) => vec![],
        _ => ok(asked, &[&format!("{} 60 A 10.0.0.2", asked.name)]),
    });
    let mut bench = Bench::new(&responder, TWO, "", "");
    assert_eq!(bench.resolve("fail.test"), list("10.0.0.2"));
    assert_eq!(bench.resolve("refuse.test"), list("10.0.0.2"));
    responder.asked();
    assert_eq!(bench.ask("silent.test"), None);
    responder.wait_for(2);
    bench.pass(5.0);
    assert_eq!(bench.resolve("silent.test"), list("10.0.0.2"));
    assert_eq!(v4(&responder.asked()), ["silent.test@1", "silent.test@2"]);
    assert_eq!(bench.resolve("other.test"), list("10.0.0.2"));
    assert_eq!(v4(&responder.asked()), ["other.test@2"], "the silent one is asked last now");
    bench.pass(31.0);
    assert_eq!(bench.ask("third.test"), None);
    responder.wait_for(2);
    assert_eq!(v4(&responder.asked()), ["third.test@1"], "and has its chance again later");
    bench.pass(5.0);
    assert_eq!(bench.resolve("third.test"), list("10.0.0.2"));
    assert_eq!(bench.resolver.counters().timeouts, 4);
}

#[test]
fn cut_replies_are_asked_for_over_tcp() {
    let responder = Responder::start(2, |asked| {
        let many: Vec<String> =
            (0..2000).map(|n| format!("big.test 60 A 10.9.{}.{}", n / 250, n % 250)).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        match (asked.tcp, asked.server, &*asked.name) {
            (false, ..) => vec![Say::Reply(asked.cut())],
            (true, _, "big.test") => ok(asked, &many),
            (true, 1, "close.test") => vec![Say::Close],
            (true, 1, "half.test") => vec![Say::Raw(vec![0, 100, 1, 2]), Say::Close],
            (true, 1, "stall.test") => vec![Say::Raw(vec![0, 100, 1, 2])],
            (true, 1, "junk.test") => vec![Say::Raw(vec![0, 3, 1, 2, 3])],
            _ => ok(asked, &[&format!("{} 60 A 10.0.0.2", asked.name)]),
        }
    });
    let mut bench = Bench::new(&responder, TWO, "", "");
    let found = bench.resolve("big.test").unwrap();
    assert_eq!(
        (found.len(), found[0]),
        (16, "10.9.0.0".parse().unwrap()),
        "32 KiB of reply, 16 addresses of it"
    );
    assert!(responder.asked().iter().all(|asked| asked.server == 1));
    for name in ["close.test", "half.test", "junk.test"] {
        assert_eq!(bench.resolve(name), list("10.0.0.2"), "{name}");
    }
    responder.asked();
    assert_eq!(bench.ask("stall.test"), None);
    while responder.heard() < 4 {
        assert!(bench.turn(Duration::from_secs(10)) || responder.heard() == 4);
    }
    bench.pass(4.9);
    assert_eq!(bench.ask("stall.test"), None);
    bench.pass(0.1);
    assert_eq!(bench.resolve("stall.test"), list("10.0.0.2"));
    responder.asked();
    let mut bench = Bench::new(&responder, &["127.0.0.2"], "options use-vc", "");
    assert_eq!(bench.resolve("x.test"), list("10.0.0.2"));
    assert!(responder.asked().iter().all(|asked| asked.tcp));
    assert_eq!(bench.resolver.counters().queries_over_tcp, 2);
}

#[test]
fn alias_chains() {
    let responder = Responder::start(1, |asked| match &*asked.name {
        "a.test" => ok(asked, &["a.test 60 CNAME b.test", "b.test 60 CNAME c.test", "c.test 60 A 10.0.0.3"]),
        "d.test" => ok(asked, &["d.test 60 CNAME c.test"]),
        "c.test" => ok(asked, &["c.test 60 A 10.0.0.4"]),
        "evil.test" => ok(asked, &["evil.test 60 CNAME c.test", "other.test 60 A 6.6.6.6"]),
        _ => ok(asked, &["loop.test 60 CNAME loop.test"]),
    });
    let mut bench = Bench::new(&responder, ONE, "", "");
    assert_eq!(bench.resolve("a.test"), list("10.0.0.3"));
    assert_eq!(v4(&responder.asked()), ["a.test@1"]);
    assert_eq!(bench.resolve("d.test"), list("10.0.0.4"));
    assert_eq!(v4(&responder.asked()), ["d.test@1", "c.test@1"]);
    assert_eq!(bench.resolve("evil.test"), list("10.0.0.4"), "only names on the chain");
    assert_eq!(bench.resolve("loop.test"), Err(Failure::TooManyAliases));
}

#[test]
fn files_are_heeded_and_read_again() {
    let responder =
        Responder::start(2, |asked| ok(asked, &[&format!("{} 600 A 10.1.0.{}", asked.name, asked.server)]));
    let hosts = "10.0.0.7 db alias\n10.0.0.8 db\n";
    let mut bench = Bench::new(&responder, ONE, "", hosts);
    assert_eq!(bench.ask("db"), Some(list("10.0.0.7 10.0.0.8")));
    assert_eq!(bench.ask("Alias."), Some(list("10.0.0.7")));
    assert_eq!(bench.ask("10.9.9.9"), Some(list("10.9.9.9")));
    assert!(bench.ask("x.localhost").unwrap().unwrap().iter().all(IpAddr::is_loopback));
    assert!(responder.asked().is_empty(), "nobody was asked");
    bench.write("hosts", "10.0.0.9 db\n");
    bench.write("resolv.conf", "nameserver 127.0.0.2\n");
    assert_eq!(bench.ask("db"), Some(list("10.0.0.7 10.0.0.8")), "not looked at yet");
    bench.pass(5.0);
    assert_eq!(bench.ask("db"), Some(list("10.0.0.9")));
    assert_eq!(bench.ask("alias"), None, "no more in the file");
    assert_eq!(bench.resolve("alias"), list("10.1.0.2"), "by the new server");
}

#[test]
fn search_lists() {
    let responder = Responder::start(1, |asked| match &*asked.name {
        "db.two.test" | "www.example" => ok(asked, &[&format!("{} 60 A 10.0.0.1", asked.name)]),
        _ => code(asked, RCODE::NameError, &[]),
    });
    let mut bench = Bench::new(&responder, ONE, "search one.test two.test\noptions ndots:2", "");
    for (host, found, asked) in [
        ("db", list("10.0.0.1"), &["db.one.test@1", "db.two.test@1"][..]),
        (
            "www.example",
            list("10.0.0.1"),
            &["www.example.one.test@1", "www.example.two.test@1", "www.example@1"],
        ),
        ("www.example.", list("10.0.0.1"), &["www.example@1"]),
        ("a.b.c", Err(Failure::NoSuchName), &["a.b.c@1", "a.b.c.one.test@1", "a.b.c.two.test@1"]),
    ] {
        assert_eq!(bench.resolve(host), found, "{host}");
        assert_eq!(v4(&responder.asked()), asked, "{host}");
    }
}

#[test]
fn forged_replies_are_ignored() {
    let responder = Responder::start(1, |asked| {
        let good = asked.reply(RCODE::NoError, &["db.test 60 A 10.0.0.1"]);
        let evil = asked.reply(RCODE::NoError, &["db.test 60 A 6.6.6.6", "db.test 60 AAAA ::6"]);
        let mut other_id = evil.clone();
        other_id[1] ^= 0x55;
        let mut other_name = evil.clone();
        other_name[13] = b'x';
        let mut no_reply = evil.clone();
        no_reply[2] &= 0x7f;
        let forged = [other_id, other_name, no_reply, vec![], b"nonsense".to_vec()].map(Say::Reply);
        let good = if asked.v6 { Say::Reply(asked.reply(RCODE::NoError, &[])) } else { Say::Reply(good) };
        [Say::FromElsewhere(evil)].into_iter().chain(forged).chain([good]).collect()
    });
    let mut bench = Bench::new(&responder, ONE, "", "");
    assert_eq!(bench.resolve("db.test"), list("10.0.0.1"));
    assert_eq!(
        bench.resolver.counters().foreign_replies,
        10,
        "five for each family; the kernel drops the sixth"
    );
}

#[test]
fn ids_and_ports_are_not_to_be_guessed() {
    let responder = Responder::start(1, |asked| ok(asked, &[&format!("{} 60 A 10.0.0.1", asked.name)]));
    let mut bench = Bench::new(&responder, ONE, "", "");
    for number in 0..50 {
        assert_eq!(bench.resolve(&format!("n{number}.test")), list("10.0.0.1"));
    }
    let asked = responder.asked();
    let ports: HashSet<u16> = asked.iter().map(|asked| asked.from.port()).collect();
    let ids: HashSet<u16> = asked.iter().map(|asked| asked.id).collect();
    assert_eq!(asked.len(), 100);
    assert!(ports.len() > 90 && ids.len() > 90, "{} ports, {} ids", ports.len(), ids.len());
    let neighbours =
        asked.windows(2).filter(|pair| pair[0].from.port().abs_diff(pair[1].from.port()) <= 2).count();
    assert!(neighbours < 20, "{neighbours} ports beside the one before");
}

#[test]
fn a_family_without_reply_does_not_hold_up_the_other() {
    let responder =
        Responder::start(1, |asked| if asked.v6 { vec![] } else { ok(asked, &["db.test 600 A 10.0.0.1"]) });
    let mut bench = Bench::new(&responder, ONE, "options timeout:2", "");
    assert_eq!(bench.ask("db.test"), None);
    assert!(bench.turn(Duration::from_secs(10)));
    assert_eq!(bench.ask("db.test"), None, "the other one may still come");
    bench.pass(0.25);
    assert_eq!(bench.ask("db.test"), Some(list("10.0.0.1")));
    assert_eq!(bench.settled.len(), 1);
    bench.pass(2.0);
    bench.pass(2.0);
    assert_eq!(bench.resolver.next_deadline(), None, "given up");
    responder.wait_for(3);
    responder.asked();
    bench.pass(29.0);
    assert_eq!(bench.ask("db.test"), Some(list("10.0.0.1")));
    assert!(responder.asked().is_empty());
    bench.pass(1.0);
    assert_eq!(bench.ask("db.test"), Some(list("10.0.0.1")));
    assert!(bench.resolver.next_deadline().is_some(), "asked again after 30 s, though the TTL is 600");
}
