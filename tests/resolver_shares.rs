//! Clients share the lookups of the names that they send: one client's dead names delay another's by a turn at the most.
//! Against real sockets; the resolver's clock is the test's.

#![allow(clippy::unwrap_used)]

use std::net::IpAddr;
use std::time::Duration;

use simple_dns::RCODE;
use wayside::resolve::{Failure, NameId};

#[path = "resolver/responder.rs"]
#[allow(dead_code)]
mod responder;

use responder::{Asked, Bench, Responder, Say};

const ONE: &[&str] = &["127.0.0.1"];
const TURN: f64 = 0.1;
const MOST_GUESTS: usize = 1024;
/// Lookups of clients' names at once.
const PLACES: usize = 24;

fn ok(asked: &Asked, lines: &[&str]) -> Vec<Say> {
    vec![Say::Reply(asked.reply(RCODE::NoError, lines))]
}

fn list(text: &str) -> Result<Vec<IpAddr>, Failure> {
    Ok(text.split_whitespace().map(|word| word.parse().unwrap()).collect())
}

/// Answers for names that begin with `live`, and for no others.
fn mostly_dead() -> Responder {
    Responder::start(1, |asked| match asked.name.starts_with("live") {
        true => ok(asked, &[&format!("{} 600 A 10.0.0.1", asked.name)]),
        false => vec![],
    })
}

/// Client 1 asks for so many names that are never answered.
fn flood(bench: &mut Bench, count: usize) -> Vec<NameId> {
    (0..count)
        .map(|number| {
            let id = bench.guest(1, &format!("dead{number}.test")).unwrap();
            assert_eq!(bench.told(id), None);
            id
        })
        .collect()
}

/// What a client is told of `host`, by replies alone: the clock stands still.
#[track_caller]
fn answered(bench: &mut Bench, client: u8, host: &str) -> Result<Vec<IpAddr>, Failure> {
    loop {
        if let Some(result) = bench.asks(client, host) {
            return result;
        }
        assert!(bench.turn(Duration::from_secs(10)), "{host}: no reply, and the clock stands still");
    }
}

#[test]
fn another_clients_name_waits_a_turn_at_the_most() {
    for (waits, ran) in [(true, 0.0), (true, 0.09), (false, TURN), (false, 3.0)] {
        let responder = mostly_dead();
        let mut bench = Bench::new(&responder, ONE, "", "");
        flood(&mut bench, PLACES);
        assert_eq!(
            bench.resolver.next_deadline(),
            Some(bench.now + Duration::from_secs(5)),
            "all have a place"
        );
        bench.pass(ran);
        assert_eq!(bench.asks(2, "live.test"), None);
        if waits {
            let due = bench.resolver.next_deadline().unwrap() - bench.now;
            assert!(due <= Duration::from_secs_f64(TURN), "{due:?}");
            bench.pass(due.as_secs_f64());
        }
        assert_eq!(answered(&mut bench, 2, "live.test"), list("10.0.0.1"), "{ran}");
        assert_eq!(bench.resolver.counters().guests_paused, 1);
        // Who made way goes on.
        bench.pass(0.0);
        assert_eq!(bench.resolver.counters().lookups, PLACES as u64 + 1);
        responder.wait_for(2 * PLACES + 4);
    }
}

#[test]
fn a_long_queue_of_one_client_is_passed_by_others_and_by_its_own_new_names() {
    let responder = mostly_dead();
    let mut bench = Bench::new(&responder, ONE, "", "");
    flood(&mut bench, 500);
    // As many turns as bring each of the 500 a place once, and some a second one.
    for _ in 0..25 {
        bench.pass(TURN);
    }
    assert_eq!(bench.resolver.counters().lookups, 500);
    for (client, host) in [(2, "live2.test"), (3, "live3.test"), (1, "live1.test")] {
        assert_eq!(bench.asks(client, host), None);
        bench.pass(TURN);
        assert_eq!(answered(&mut bench, client, host), list("10.0.0.1"), "{host}");
    }
}

#[test]
fn who_makes_way_is_asked_again_and_heard() {
    let responder = mostly_dead();
    let mut bench = Bench::new(&responder, ONE, "", "");
    let slow = bench.guest(1, "slow.test").unwrap();
    assert_eq!(bench.told(slow), None);
    flood(&mut bench, 100);
    responder.wait_for(2 * PLACES);
    responder.asked();
    bench.pass(TURN);
    responder.wait_for(2 * PLACES);
    assert!(responder.asked().iter().all(|asked| asked.name != "slow.test"), "others have its place");
    responder.answer(|asked| match &*asked.name {
        "slow.test" => ok(asked, &["slow.test 60 A 10.0.0.7"]),
        own if own.starts_with("own") => ok(asked, &[&format!("{own} 60 A 10.0.0.8")]),
        _ => vec![],
    });
    let mut turns = 0;
    while bench.told(slow).is_none() {
        turns += 1;
        assert!(turns < 10, "100 others have had turns enough");
        bench.pass(TURN);
        // Questions are answered in turn: when this one was, all before it were.
        assert_eq!(bench.resolve(&format!("own{turns}.test")), list("10.0.0.8"));
    }
    assert_eq!(bench.told(slow), Some(list("10.0.0.7")));
    assert!(bench.settled.contains(&slow));
}

#[test]
fn a_time_out_counts_the_time_in_places_only_and_a_turn_blames_no_server() {
    let responder = Responder::start(2, |asked| match asked.server {
        2 if asked.name.starts_with("live") => ok(asked, &[&format!("{} 60 A 10.0.0.2", asked.name)]),
        _ => vec![],
    });
    let two = &["127.0.0.1", "127.0.0.2"];
    let mut bench = Bench::new(&responder, two, "options timeout:1 attempts:1", "");
    // The first server is dead: the next turn asks the second.
    let live = bench.guest(1, "live.test").unwrap();
    assert_eq!(bench.told(live), None);
    flood(&mut bench, PLACES);
    responder.wait_for(2 * PLACES);
    assert_eq!(bench.resolver.counters().guests_paused, 0);
    bench.pass(TURN);
    assert_eq!(bench.resolver.counters().guests_paused, 1);
    bench.pass(TURN);
    assert_eq!(answered(&mut bench, 1, "live.test"), list("10.0.0.2"));
    assert_eq!(bench.resolver.counters().timeouts, 0);
    // The dead ones end after 2 s in places each, however long they waited in between.
    let mut passed = 0.0;
    while bench.resolver.next_deadline().is_some() {
        bench.pass(TURN);
        passed += TURN;
    }
    assert!((1.5..4.0).contains(&passed), "{passed}");
    assert_eq!(bench.resolver.counters().timeouts, 4 * PLACES as u64);
}

#[test]
fn a_name_that_two_clients_ask_for_counts_for_who_has_fewer_places() {
    let responder = mostly_dead();
    let mut bench = Bench::new(&responder, ONE, "", "");
    flood(&mut bench, 200);
    assert_eq!(bench.asks(1, "live.test"), None, "behind 200 others");
    assert_eq!(bench.asks(2, "live.test"), None);
    assert_eq!(bench.asks(1, "live.test"), None, "and no way back");
    bench.pass(TURN);
    assert_eq!(answered(&mut bench, 1, "live.test"), list("10.0.0.1"));
    assert_eq!(responder.asked().iter().filter(|asked| asked.name == "live.test").count(), 2, "one lookup");
}

#[test]
fn with_all_names_taken_the_client_with_the_most_gives_one_up() {
    let responder = mostly_dead();
    let mut bench = Bench::new(&responder, ONE, "", "");
    let dead = flood(&mut bench, MOST_GUESTS);
    assert_eq!(bench.asks(1, "live1.test"), Some(Err(Failure::TooManyNames)), "none of its own had a turn");
    assert_eq!(bench.asks(2, "live2.test"), None);
    let last = dead[MOST_GUESTS - 1];
    bench.pass(0.0);
    assert_eq!(bench.settled, [last], "who waits for that is told");
    assert_eq!(bench.told(last), Some(Err(Failure::TooManyNames)));
    bench.pass(TURN);
    assert_eq!(answered(&mut bench, 2, "live2.test"), list("10.0.0.1"));
    // The first ones had a turn without an answer: they go, now for names of its own.
    assert_eq!(bench.asks(1, "live1.test"), None);
    let counters = bench.resolver.counters();
    assert_eq!((counters.guests_displaced, counters.guests_forgotten, counters.guests_refused), (2, 2, 1));
    let gone = |id: &&NameId| bench.resolver.host(**id).is_empty();
    assert_eq!(dead.iter().filter(gone).count(), 2);
    // It is behind all of its client's that had no turn yet.
    for _ in 0..MOST_GUESTS / PLACES {
        bench.pass(TURN);
    }
    assert_eq!(answered(&mut bench, 1, "live1.test"), list("10.0.0.1"));
}

#[test]
fn what_one_family_found_counts_when_its_turn_is_over() {
    let responder = Responder::start(1, |asked| match asked.v6 || asked.name != "half.test" {
        true => vec![],
        false => ok(asked, &["half.test 600 A 10.0.0.1"]),
    });
    let mut bench = Bench::new(&responder, ONE, "", "");
    assert_eq!(bench.asks(1, "half.test"), None);
    assert!(bench.turn(Duration::from_secs(10)));
    flood(&mut bench, PLACES);
    assert_eq!(bench.asks(1, "half.test"), None, "the other family may still come");
    bench.pass(TURN);
    assert_eq!(bench.asks(1, "half.test"), Some(list("10.0.0.1")));
    assert_eq!(bench.resolver.counters().guests_paused, 0, "it made way for good");
}

#[test]
fn failures_are_remembered_for_a_short_time() {
    let responder = Responder::start(1, |asked| match &*asked.name {
        "gone.test" => vec![Say::Reply(asked.reply(RCODE::NameError, &["test 60 SOA 7"]))],
        "broken.test" => vec![Say::Reply(asked.reply(RCODE::ServerFailure, &[]))],
        _ => vec![],
    });
    let mut bench = Bench::new(&responder, ONE, "options timeout:1 attempts:1", "");
    assert_eq!(bench.asks(1, "dead.test"), None);
    responder.wait_for(2);
    bench.pass(1.0);
    for (host, failure, held) in [
        ("gone.test", Failure::NoSuchName, 7.0),
        ("broken.test", Failure::ServerFailure, 1.0),
        ("dead.test", Failure::Timeout, 1.0),
    ] {
        assert_eq!(answered(&mut bench, 1, host), Err(failure), "{host}");
        responder.asked();
        let began = bench.now;
        bench.now += Duration::from_secs_f64(held - 0.1);
        assert_eq!(bench.asks(2, host), Some(Err(failure)), "{host}");
        assert_eq!(responder.heard(), 0, "{host}");
        bench.now = began;
    }
    bench.now += Duration::from_secs(1);
    assert_eq!(bench.asks(2, "dead.test"), None, "asked for again");
}
