//! What is handed out when; the clock is an argument.

use super::super::message::Family;
use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn found(v6: &str, v4: &str, ttl: u32, unknown: &[Family]) -> Found {
    let parse = |list: &str| list.split_whitespace().map(|word| word.parse().unwrap()).collect();
    Found::Addresses { v6: parse(v6), v4: parse(v4), ttl, unknown: unknown.to_vec() }
}

fn nothing(failure: Failure, ttl: Option<u32>) -> Found {
    Found::Nothing { failure, ttl }
}

fn shown(entry: &mut Entry, now: Instant) -> String {
    match entry.answer(now) {
        Answer::Addresses(addresses) => addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(" "),
        Answer::Pending => "pending".into(),
        Answer::Failed(failure) => failure.as_str().into(),
    }
}

/// Seconds, from `now` on, until the next lookup is due.
fn due_after(entry: &Entry, now: Instant) -> u32 {
    (0..10_000).find(|&seconds| entry.is_due(now + SECOND * seconds)).unwrap()
}

#[test]
fn names_without_a_lookup() {
    let now = Instant::now();
    for (host, expected) in [
        ("10.1.2.3", "10.1.2.3"),
        ("::1", "::1"),
        ("[fd00::1]", "fd00::1"),
        ("10.0.0.256", "not a host name"),
        ("a b", "not a host name"),
        ("", "not a host name"),
        ("a..b", "not a host name"),
    ] {
        let mut entry = Entry::new(host);
        assert!(!entry.is_due(now), "{host}");
        assert_eq!(shown(&mut entry, now), expected, "{host}");
    }
    for host in ["localhost", "localhost.", "app.localhost"] {
        let mut entry = Entry::new(host);
        assert!(!entry.is_due(now), "{host}");
        assert!(["127.0.0.1", "::1 127.0.0.1"].contains(&&*shown(&mut entry, now)), "{host}");
    }
    for host in ["db", "notlocalhost", "localhost.example.com", "1234"] {
        assert!(Entry::new(host).is_due(now), "{host}");
    }
}

#[test]
fn how_long_an_answer_holds() {
    let now = Instant::now();
    for (answer, seconds) in [
        (found("", "1.0.0.1", 60, &[]), 60),
        (found("", "1.0.0.1", 0, &[]), 1),
        (found("", "1.0.0.1", 86_400, &[]), 3600),
        (found("", "1.0.0.1", 3600, &[Family::V6]), 30),
        (nothing(Failure::NoSuchName, Some(10)), 10),
        (nothing(Failure::NoSuchName, Some(3600)), 30),
        (nothing(Failure::NoAddress, Some(0)), 1),
        (nothing(Failure::NoAddress, None), 1),
    ] {
        let mut entry = Entry::new("db");
        entry.begins(now);
        entry.ends(&answer, now);
        assert_eq!(due_after(&entry, now), seconds, "{answer:?}");
    }
}

#[test]
fn trouble_is_tried_again_soon_but_not_at_once() {
    let now = Instant::now();
    let mut entry = Entry::new("db");
    for seconds in [1, 2, 4, 5, 5] {
        entry.begins(now);
        assert_eq!(shown(&mut entry, now), "pending");
        entry.ends(&nothing(Failure::Timeout, None), now);
        assert_eq!(shown(&mut entry, now), "name lookup timeout");
        assert_eq!(due_after(&entry, now), seconds);
    }
    entry.ends(&found("", "1.0.0.1", 60, &[]), now);
    entry.ends(&nothing(Failure::Timeout, None), now);
    assert_eq!(due_after(&entry, now), 1, "from the beginning after success");
}

#[test]
fn stale_answers() {
    let start = Instant::now();
    let mut entry = Entry::new("db");
    entry.begins(start);
    entry.ends(&found("", "1.0.0.1", 60, &[]), start);
    // Just run out: handed out while it is renewed.
    let now = start + 65 * SECOND;
    entry.queued();
    assert_eq!(shown(&mut entry, now), "1.0.0.1");
    entry.begins(now);
    assert_eq!(shown(&mut entry, now), "1.0.0.1");
    assert_eq!(entry.patience(), None, "nobody waits");
    // Run out long ago: a second's wait for the renewal, then all the same.
    let now = start + 1000 * SECOND;
    entry.begins(now);
    assert_eq!(shown(&mut entry, now), "pending");
    assert_eq!(entry.patience(), Some(now + STALE_AFTER));
    assert_eq!(shown(&mut entry, now + STALE_AFTER), "1.0.0.1");
    assert!(entry.woken());
    assert_eq!(entry.patience(), None, "woken once");
    // Trouble: no wait any more, and no end to it.
    entry.ends(&nothing(Failure::ServerFailure, None), now + 5 * SECOND);
    assert_eq!(entry.failure, Some(Failure::ServerFailure));
    let now = start + 1_000_000 * SECOND;
    assert_eq!(shown(&mut entry, now), "1.0.0.1");
    entry.begins(now);
    assert_eq!(shown(&mut entry, now), "1.0.0.1");
    // A server's "no" is an answer.
    entry.ends(&nothing(Failure::NoSuchName, None), now);
    assert_eq!(shown(&mut entry, now), "no such name");
}

#[test]
fn a_family_in_trouble_keeps_its_old_addresses() {
    let now = Instant::now();
    let mut entry = Entry::new("db");
    entry.ends(&found("::1", "1.0.0.1", 60, &[]), now);
    entry.ends(&found("", "1.0.0.2", 60, &[Family::V6]), now);
    let mut both: Vec<String> = shown(&mut entry, now).split(' ').map(str::to_owned).collect();
    both.sort();
    assert_eq!(both, ["1.0.0.2", "::1"]);
    entry.ends(&found("", "1.0.0.3", 60, &[]), now);
    assert_eq!(shown(&mut entry, now), "1.0.0.3", "no IPv6 addresses any more");
}
