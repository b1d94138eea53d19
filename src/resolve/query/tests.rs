//! Scripts: what the network does, and what is asked next.

use std::cell::Cell;

use super::*;

thread_local!(static LAST_ID: Cell<u16> = const { Cell::new(100) });

fn next_id() -> u16 {
    LAST_ID.set(LAST_ID.get().wrapping_add(1));
    LAST_ID.get()
}

fn plan(servers: u8, tcp: bool) -> Rc<Plan> {
    let servers = (1..=servers).map(|last| SocketAddr::from(([10, 0, 0, last], 53))).collect();
    let timeout = Duration::from_secs(5);
    Rc::new(Plan { servers, timeout, attempts: 2, tcp, no_aaaa: false, id: next_id })
}

/// The reply to `send`: its id and question, `flags`, and an answer section of `count` records.
pub(in crate::resolve) fn reply(send: &Question, flags: u16, count: u16, records: &[u8]) -> Vec<u8> {
    let mut end = 12;
    while send.message[end] != 0 {
        end += 1 + usize::from(send.message[end]);
    }
    let mut out = send.message[..2].to_vec();
    for word in [flags, 1, count, 0, 0] {
        out.extend(word.to_be_bytes());
    }
    out.extend(&send.message[12..end + 5]);
    out.extend(records);
    out
}

/// An address record of the question's name, alive for a minute.
pub(in crate::resolve) fn record(kind: u8, data: &[u8]) -> Vec<u8> {
    [&[0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 60, 0, data.len() as u8], data].concat()
}

const OK: u16 = 0x8180;

/// One step: what happens, then who is asked next (`-`: no one).
fn run(servers: u8, tcp: bool, script: &[(&str, &str)]) -> (Query, Instant) {
    let mut now = Instant::now();
    let mut query = Query::new(Family::V4, Name::parse("x.test").unwrap(), &plan(servers, tcp), 0, now);
    let mut sent = query.next_question().unwrap();
    for (step, (event, expected)) in script.iter().enumerate() {
        let heard = |query: &mut Query, bytes: &[u8]| query.heard(bytes, now);
        let alias = record(5, b"\x01y\x00");
        let heard = match *event {
            "address" => heard(&mut query, &reply(&sent, OK, 1, &record(1, &[1, 0, 0, 1]))),
            "alias" => heard(&mut query, &reply(&sent, OK, 1, &alias)),
            "servfail" => heard(&mut query, &reply(&sent, OK | 2, 0, &[])),
            "formerr" => heard(&mut query, &reply(&sent, OK | 1, 0, &[])),
            "nxdomain" => heard(&mut query, &reply(&sent, OK | 3, 0, &[])),
            "nodata" => heard(&mut query, &reply(&sent, OK, 0, &[])),
            "cut" => heard(&mut query, &reply(&sent, OK | 0x0200, 0, &[])),
            "broken" => heard(&mut query, &reply(&sent, OK, 1, &[])),
            "forged" => heard(&mut query, &{
                let mut bytes = reply(&sent, OK, 1, &record(1, &[6, 6, 6, 6]));
                bytes[1] ^= 1;
                bytes
            }),
            "refused" => {
                query.lost(Failure::NoServer, now);
                Heard::Taken
            }
            "wait" => {
                query.expire(now + Duration::from_millis(4999));
                assert_eq!(query.next_question(), None, "not yet");
                now += Duration::from_secs(5);
                query.expire(now);
                Heard::Taken
            }
            other => panic!("{other}"),
        };
        assert_eq!(heard == Heard::Foreign, *event == "forged", "step {step}");
        let next = query.next_question();
        let edns = |send: &Question| if send.message[11] == 1 { "" } else { " plain" };
        let shown = next.as_ref().map_or("-".to_owned(), |send| {
            format!("{}{}{}", send.server.ip(), if send.tcp { " tcp" } else { "" }, edns(send))
        });
        assert_eq!(shown.strip_prefix("10.0.0.").unwrap_or(&shown), *expected, "step {step}: {event}");
        sent = next.unwrap_or(sent);
    }
    (query, now)
}

fn outcome(servers: u8, script: &[(&str, &str)]) -> String {
    match run(servers, false, script).0.outcome() {
        Some(Outcome::Found { addresses, ttl }) => format!("{addresses:?} {ttl}"),
        Some(Outcome::Failed { failure, .. }) => failure.as_str().to_owned(),
        None => "waits".to_owned(),
    }
}

#[test]
fn scripts() {
    let found = "[1.0.0.1] 60";
    type Script = &'static [(&'static str, &'static str)];
    let table: &[(u8, Script, &str)] = &[
        (1, &[], "waits"),
        (1, &[("address", "-")], found),
        (2, &[("servfail", "2"), ("address", "-")], found),
        (2, &[("broken", "2"), ("address", "-")], found),
        (2, &[("wait", "2"), ("address", "-")], found),
        (2, &[("refused", "2"), ("address", "-")], found),
        (1, &[("wait", "1"), ("address", "-")], found),
        (1, &[("wait", "1"), ("wait", "-")], "timeout"),
        (2, &[("wait", "2"), ("wait", "1"), ("wait", "2"), ("wait", "-")], "timeout"),
        (3, &[("wait", "2"), ("wait", "3"), ("wait", "1"), ("address", "-")], found),
        (1, &[("refused", "1"), ("refused", "-")], "no_server"),
        (2, &[("wait", "2"), ("refused", "1"), ("refused", "2"), ("refused", "-")], "timeout"),
        // Who answered "I cannot" is not asked again.
        (1, &[("servfail", "-")], "server_failure"),
        (2, &[("servfail", "2"), ("wait", "2"), ("wait", "-")], "server_failure"),
        (3, &[("servfail", "2"), ("servfail", "3"), ("servfail", "-")], "server_failure"),
        // A "no" is an answer; the next server is not asked.
        (2, &[("nxdomain", "-")], "no_such_name"),
        (2, &[("nodata", "-")], "no_address"),
        // Without EDNS0 where the server does not know it; only once.
        (1, &[("formerr", "1 plain"), ("address", "-")], found),
        (2, &[("formerr", "1 plain"), ("formerr", "2"), ("address", "-")], found),
        (1, &[("formerr", "1 plain"), ("servfail", "-")], "server_failure"),
        (1, &[("cut", "1 tcp"), ("address", "-")], found),
        (1, &[("cut", "1 tcp"), ("cut", "-")], "no_address"),
        (2, &[("cut", "1 tcp"), ("wait", "2"), ("address", "-")], found),
        (1, &[("cut", "1 tcp"), ("refused", "1"), ("cut", "1 tcp"), ("refused", "-")], "no_server"),
        (1, &[("forged", "-"), ("forged", "-"), ("address", "-")], found),
        (1, &[("forged", "-"), ("wait", "1"), ("wait", "-")], "timeout"),
        (1, &[("alias", "1"), ("address", "-")], found),
        (2, &[("wait", "2"), ("alias", "2"), ("wait", "1"), ("address", "-")], found),
        (1, &[("alias", "1"), ("nxdomain", "-")], "no_such_name"),
        (2, &[("servfail", "2"), ("alias", "2"), ("servfail", "1"), ("address", "-")], found),
    ];
    for (servers, script, expected) in table {
        assert_eq!(outcome(*servers, script), *expected, "{script:?}");
    }
}

#[test]
fn aliases_asked_again_are_bounded() {
    // Each reply's alias is for the name that was asked, so that it never ends by itself.
    let mut now = Instant::now();
    let mut query = Query::new(Family::V4, Name::parse("x.test").unwrap(), &plan(1, false), 0, now);
    let mut sent = 0;
    while let Some(send) = query.next_question() {
        sent += 1;
        now += Duration::from_secs(1);
        let next = [b"\x02n", [b'a' + sent as u8].as_slice(), b"\x00"].concat();
        query.heard(&reply(&send, OK, 1, &record(5, &next)), now);
    }
    assert_eq!(sent, 1 + MOST_ALIASES);
    assert!(matches!(query.outcome(), Some(Outcome::Failed { failure: Failure::TooManyAliases, .. })));
}

#[test]
fn many_forged_replies_lead_to_tcp() {
    let mut script = vec![("forged", "-"); MOST_FOREIGN as usize - 1];
    script.extend([("forged", "1 tcp"), ("address", "-")]);
    let (query, _) = run(1, false, &script);
    assert!(matches!(query.outcome(), Some(Outcome::Found { .. })));
    assert_eq!(query.tally, Tally { queries: 2, over_tcp: 1, foreign: MOST_FOREIGN.into(), timeouts: 0 });
}

#[test]
fn tcp_from_the_start() {
    let (query, _) =
        run(2, true, &[("wait", "2 tcp"), ("alias", "2 tcp"), ("servfail", "1 tcp"), ("address", "-")]);
    assert_eq!((query.tally.over_tcp, query.tally.timeouts, query.silent), (4, 1, 0b01));
}

#[test]
fn an_id_and_a_deadline_for_each_question() {
    let (mut query, now) = run(2, false, &[("wait", "2")]);
    let first = query.id;
    assert_eq!(query.deadline(), Some(now + Duration::from_secs(5)));
    query.heard(&[], now);
    assert_eq!((query.id, query.foreign), (first, 1), "bytes that are none of ours change nothing");
    query.lost(Failure::NoServer, now);
    assert_ne!(query.id, first);
}
