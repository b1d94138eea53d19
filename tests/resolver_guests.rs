//! Names that clients send, and how a change of addresses is seen. Against real sockets; the resolver's clock is the test's.

#![allow(clippy::unwrap_used)]

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use simple_dns::RCODE;
use wayside::resolve::{Answer, Client, Failure, Guest, NameId};

#[path = "resolver/responder.rs"]
#[allow(dead_code)]
mod responder;

use responder::{Asked, Bench, Responder, Say};

const ONE: &[&str] = &["127.0.0.1"];
const MOST_GUESTS: usize = 1024;

/// One of many.
fn client(number: u8) -> Client {
    IpAddr::from([10, 9, 9, number]).into()
}

type Told = Option<Result<Vec<IpAddr>, Failure>>;

fn ok(asked: &Asked, lines: &[&str]) -> Vec<Say> {
    vec![Say::Reply(asked.reply(RCODE::NoError, lines))]
}

fn code(asked: &Asked, code: RCODE) -> Vec<Say> {
    vec![Say::Reply(asked.reply(code, &[]))]
}

fn list(text: &str) -> Result<Vec<IpAddr>, Failure> {
    Ok(text.split_whitespace().map(|word| word.parse().unwrap()).collect())
}

#[track_caller]
fn guest(bench: &mut Bench, host: &str) -> NameId {
    bench.guest(1, host).unwrap_or_else(|failure| panic!("{host}: {failure}"))
}

fn ask(bench: &mut Bench, host: &str) -> Told {
    match bench.resolver.guest(host, client(1), bench.now) {
        Ok(Guest::Address(address)) => Some(Ok(vec![address])),
        Ok(Guest::Name(id)) => bench.told(id),
        Err(failure) => Some(Err(failure)),
    }
}

/// The result for a client's `host`, by replies alone: the clock stands still.
fn resolve(bench: &mut Bench, host: &str) -> Result<Vec<IpAddr>, Failure> {
    loop {
        if let Some(result) = ask(bench, host) {
            return result;
        }
        assert!(bench.turn(Duration::from_secs(10)), "{host}: no reply, and the clock stands still");
    }
}

fn version(bench: &mut Bench, id: NameId) -> u32 {
    bench.resolver.version(id, bench.now, bench.poll.registry())
}

#[test]
fn clients_names_resolve_as_configured_ones_do() {
    let responder = Responder::start(1, |asked| match (&*asked.name, asked.tcp) {
        ("gone.test" | "gone.test.one.test", _) => code(asked, RCODE::NameError),
        ("broken.test", _) => code(asked, RCODE::ServerFailure),
        ("empty.test" | "empty.test.one.test", _) => ok(asked, &[]),
        ("silent.test", _) => vec![],
        ("big.test", false) => vec![Say::Reply(asked.cut())],
        ("alias.test", _) => ok(asked, &["alias.test 60 CNAME big.test", "big.test 60 A 10.0.0.2"]),
        (name, _) => ok(asked, &[&format!("{name} 60 A 10.0.0.1")]),
    });
    let options = "search one.test\noptions ndots:1 timeout:1 attempts:1";
    let mut bench = Bench::new(&responder, ONE, options, "10.0.0.7 listed.test\n");
    for (host, expected) in [
        ("10.1.2.3", list("10.1.2.3")),
        ("[fd00::1]", list("fd00::1")),
        ("listed.test", list("10.0.0.7")),
        ("Plain.TEST", list("10.0.0.1")),
        ("_tls.plain.test", list("10.0.0.1")),
        ("big.test", list("10.0.0.1")),
        ("alias.test", list("10.0.0.2")),
        ("gone.test", Err(Failure::NoSuchName)),
        ("empty.test", Err(Failure::NoAddress)),
        ("broken.test.", Err(Failure::ServerFailure)),
        ("10.0.0.256", Err(Failure::BadName)),
        ("a..b", Err(Failure::BadName)),
        ("a\0b", Err(Failure::BadName)),
        (&"x.".repeat(200), Err(Failure::BadName)),
    ] {
        assert_eq!(resolve(&mut bench, host), expected, "{host}");
    }
    assert!(resolve(&mut bench, "x.localhost").unwrap().iter().all(IpAddr::is_loopback));
    responder.asked();
    assert_eq!(resolve(&mut bench, "short"), list("10.0.0.1"));
    assert!(responder.asked().iter().all(|asked| asked.name == "short.one.test"));
    assert_eq!(ask(&mut bench, "silent.test"), None);
    bench.pass(1.0);
    assert_eq!(ask(&mut bench, "silent.test"), Some(Err(Failure::Timeout)));
    let own = bench.resolver.name("plain.test");
    assert_eq!(guest(&mut bench, "plain.test"), own, "one entry for both");
    assert_eq!(bench.resolver.host(own), "plain.test");
}

#[test]
fn a_flood_of_clients_names_holds_up_no_configured_one() {
    let responder = Responder::start(1, |asked| match &*asked.name {
        "own.test" => ok(asked, &["own.test 600 A 10.0.0.1"]),
        _ => vec![],
    });
    let mut bench = Bench::new(&responder, ONE, "options timeout:1 attempts:1", "");
    let ids: Vec<NameId> =
        (0..MOST_GUESTS).map(|number| guest(&mut bench, &format!("g{number}.test"))).collect();
    assert!(ids.iter().all(|&id| bench.told(id).is_none()));
    assert_eq!(bench.resolver.counters().lookups, 24, "the rest waits");
    assert_eq!(ask(&mut bench, "one-more.test"), Some(Err(Failure::TooManyNames)));
    assert_eq!(bench.told(ids[0]), None, "a known one still waits");
    assert_eq!(bench.resolve("own.test"), list("10.0.0.1"));
    // Who waits is told the truth, though others want the places.
    bench.pass(1.0);
    let settled: Vec<NameId> = std::mem::take(&mut bench.settled);
    let waited: Vec<NameId> = settled.into_iter().filter(|id| ids.contains(id)).collect();
    assert_eq!(waited.len(), 24);
    for &id in &waited {
        assert_eq!(ask(&mut bench, "one-more.test"), Some(Err(Failure::TooManyNames)));
        assert_eq!(bench.told(id), Some(Err(Failure::Timeout)));
    }
    bench.pass(0.1);
    // One of them may go by now.
    let newcomer = guest(&mut bench, "one-more.test");
    assert_eq!(bench.told(newcomer), None);
    let gone: Vec<NameId> = ids.iter().copied().filter(|&id| bench.resolver.host(id).is_empty()).collect();
    assert_eq!(gone, waited[..1]);
    assert_eq!(bench.told(gone[0]), Some(Err(Failure::TooManyNames)), "not the newcomer's state");
    assert_eq!((version(&mut bench, gone[0]), bench.resolver.trouble(gone[0])), (0, None));
    let counters = bench.resolver.counters();
    assert_eq!((counters.guests_forgotten, counters.guests_refused), (1, 1 + 24));
}

#[test]
fn a_configured_name_goes_before_clients_names_that_wait() {
    let responder = Responder::start(1, |_| vec![]);
    let mut bench = Bench::new(&responder, ONE, "options timeout:1 attempts:1", "");
    for number in 0..100 {
        assert_eq!(ask(&mut bench, &format!("g{number}.test")), None);
    }
    for number in 0..40 {
        assert_eq!(bench.ask(&format!("own{number}.test")), None);
    }
    let own = |responder: &Responder| {
        let asked = responder.asked();
        asked.iter().filter(|asked| !asked.v6 && asked.name.starts_with("own")).count()
    };
    responder.wait_for(2 * (24 + 32));
    assert_eq!(own(&responder), 32, "all places there are, though clients' names had 24 of them");
    assert_eq!(bench.resolver.counters().guests_paused, 24);
    bench.pass(1.0);
    responder.wait_for(64);
    assert_eq!(own(&responder), 8);
    assert_eq!(
        bench.resolver.counters().lookups,
        40 + 48,
        "what was taken is given back, to who had none yet"
    );
}

#[test]
fn the_version_tells_of_other_addresses_only() {
    let state = Arc::new(AtomicUsize::new(0));
    let shared = Arc::clone(&state);
    let responder = Responder::start(1, move |asked| match shared.load(Ordering::Relaxed) {
        0 => ok(asked, &["db.test 20 A 10.0.0.1", "db.test 20 A 10.0.0.2"]),
        1 => ok(asked, &["db.test 20 A 10.0.0.2", "db.test 20 A 10.0.0.1"]),
        2 => ok(asked, &["db.test 20 A 10.0.0.2"]),
        3 => ok(asked, &["db.test 20 A 10.0.0.3"]),
        4 => code(asked, RCODE::ServerFailure),
        5 => vec![],
        6 => code(asked, RCODE::NameError),
        _ => ok(asked, &["db.test 5 CNAME x.test", "x.test 600 A 10.0.0.3"]),
    });
    let mut bench = Bench::new(&responder, ONE, "options timeout:1 attempts:1", "");
    let id = bench.resolver.name("db.test");
    assert_eq!(version(&mut bench, id), 0, "and it is being looked up now");
    bench.finish();
    // What the server says, the version after it, and what is known.
    for (says, expected, known) in [
        (0, 1, list("10.0.0.1 10.0.0.2")),
        (1, 1, list("10.0.0.2 10.0.0.1")),
        (2, 2, list("10.0.0.2")),
        (3, 3, list("10.0.0.3")),
        (4, 3, list("10.0.0.3")),
        (5, 3, list("10.0.0.3")),
        (6, 4, Err(Failure::NoSuchName)),
    ] {
        state.store(says, Ordering::Relaxed);
        responder.asked();
        bench.pass(19.9);
        assert_eq!(bench.resolver.next_deadline(), None, "{says}");
        bench.pass(0.1);
        let before = version(&mut bench, id);
        assert_eq!(version(&mut bench, id), before, "no wait for the renewal");
        if says == 5 {
            // The clock is the test's, the responder's thread is not: it has them before they time out.
            responder.wait_for(2);
            bench.pass(1.0);
        }
        bench.finish();
        assert_eq!(version(&mut bench, id), expected, "{says}");
        assert_eq!(bench.told(id), Some(known), "{says}");
        assert_eq!(responder.heard(), 2, "{says}: asked once for each family, by its version alone");
    }
    assert!(bench.settled.is_empty(), "nobody was told to wait");
    // The alias's TTL counts, not the address's.
    state.store(7, Ordering::Relaxed);
    bench.pass(20.0);
    version(&mut bench, id);
    bench.finish();
    bench.pass(4.9);
    assert_eq!((version(&mut bench, id), bench.resolver.next_deadline()), (5, None));
    bench.pass(0.1);
    version(&mut bench, id);
    assert!(bench.resolver.next_deadline().is_some());
}

#[test]
fn the_version_follows_the_hosts_file() {
    let responder = Responder::start(1, |asked| ok(asked, &["db.test 60 A 10.0.0.9"]));
    let mut bench = Bench::new(&responder, ONE, "", "10.0.0.1 db.test\n");
    let id = guest(&mut bench, "db.test");
    assert_eq!(version(&mut bench, id), 1);
    for (text, expected) in [("# the same\n10.0.0.1 db.test\n", 1), ("10.0.0.2 db.test\n", 2), ("#\n", 2)] {
        bench.write("hosts", text);
        bench.pass(5.0);
        assert_eq!(version(&mut bench, id), expected, "{text}");
    }
    bench.finish();
    assert_eq!((version(&mut bench, id), bench.told(id)), (3, Some(list("10.0.0.9"))));
    let address = bench.resolver.name("10.1.2.3");
    assert_eq!(version(&mut bench, address), 1);
}

#[test]
fn known_names_take_nothing_from_the_heap() {
    let responder = Responder::start(1, |asked| ok(asked, &[&format!("{} 60 A 10.0.0.1", asked.name)]));
    let mut bench = Bench::new(&responder, ONE, "", "");
    assert_eq!(resolve(&mut bench, "db.test"), list("10.0.0.1"));
    let taken = allocation_counter::measure(|| {
        for number in 0..200 {
            let id = bench.guest(number % 2, "db.test").unwrap();
            assert_eq!(version(&mut bench, id), 1);
            let answer = bench.resolver.addresses(id, bench.now, bench.poll.registry());
            assert!(matches!(answer, Answer::Addresses([_])));
            assert!(matches!(bench.resolver.guest("[::1]", client(1), bench.now), Ok(Guest::Address(_))));
        }
    });
    assert_eq!(taken.count_total, 0);
}
