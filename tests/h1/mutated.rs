//! Mutated conversations: no panic, the same events however they are cut, and strict never says more than it lets pass.
//!
//! `WAYSIDE_MUTATIONS=10000000 cargo test --test h1 mutated` runs ten million; `WAYSIDE_SEED` changes the seed.

use crate::random::{Random, number};
use crate::support::{C, ClientEnd, Cut, Outcome, S, ServerEnd, Step, run};

pub(crate) const CLIENTS: [&[u8]; 8] = [
    b"GET / HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n",
    b"POST /a HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: h\r\n\r\n",
    b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: h\r\n\r\n3;x=y\r\nabc\r\n0\r\nA: b\r\n\r\nHEAD / HTTP/1.1\r\nHost: h\r\n\r\n",
    b"CONNECT a:1 HTTP/1.1\r\nHost: h\r\n\r\n\x16\x03\x01",
    b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: h2c\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET http://u@a/ HTTP/1.0\r\nX: a\r\n b\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
    b"\r\nHEAD / HTTP/1.1\nHost: h\n\n",
    b"POST / HTTP/1.1\r\nHost: h\r\nUpgrade: x\r\nContent-Length: 12\r\n\r\nabcdefghijkl\0\0",
];

const SERVERS: [&[u8]; 8] = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 204 No\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
    b"HTTP/1.1 304 Not\r\nContent-Length: 9\r\n\r\nHTTP/1.1 200 OK\nContent-Length: 1\n\nx",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\nX: a\r\n\tb\r\n\r\n0 \r\ngrpc-status: 3\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551615\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\nx",
];

const PIECES: [&[u8]; 22] = [
    b"\r",
    b"\n",
    b"\r\n",
    b"\r\n\r\n",
    b" ",
    b"\t",
    b"\0",
    b":",
    b",",
    b";",
    b"Content-Length: ",
    b"Transfer-Encoding: chunked\r\n",
    b"Upgrade: h2c\r\n",
    b"0\r\n\r\n",
    b"ffffffffffffffff",
    b"HTTP/1.1 ",
    b"101",
    b"HEAD ",
    b"CONNECT ",
    b"\xff",
    b"\r\n ",
    b"1",
];

pub(crate) fn mutated(random: &mut Random, seeds: &[&[u8]]) -> Vec<u8> {
    let mut bytes = (*random.pick(seeds)).to_vec();
    if random.one_in(3) {
        let other = *random.pick(seeds);
        bytes.extend_from_slice(other);
    }
    for _ in 0..random.below(4) {
        let at = random.below(bytes.len() + 1);
        match random.below(5) {
            0 => {
                let piece = *random.pick(&PIECES);
                bytes.splice(at..at, piece.iter().copied());
            }
            1 => drop(bytes.drain(at..(at + random.below(5)).min(bytes.len()))),
            2 => {
                let other = *random.pick(seeds);
                bytes.truncate(at);
                bytes.extend_from_slice(&other[random.below(other.len())..]);
            }
            3 => bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << random.below(8)),
            _ => bytes.truncate(at.max(bytes.len() / 2)),
        }
    }
    bytes
}

/// Whether `one` noticed something malformed earlier than `other`, and all was alike before. A head that is wrong before
/// it is complete is noticed sooner in one piece than in many.
fn is_earlier(one: &Outcome, other: &Outcome) -> bool {
    let (last, before) =
        one.events.split_last().map_or(("", &[][..]), |(last, before)| (last.as_str(), before));
    let said = if last.starts_with("blind") { before } else { &one.events };
    (last.starts_with("blind") || one.fault.is_some()) && other.events.starts_with(said)
}

/// What strict says is a beginning of what is said without it, and a conversation it has no fault in is said alike.
fn compare(lenient: &Outcome, strict: &Outcome) {
    if strict.fault.is_none() {
        assert_eq!(strict.events, lenient.events);
    }
    assert_eq!(lenient.fault, None);
    let mut is_blind = false;
    for event in &lenient.events {
        assert!(!is_blind, "something is said after blind: {:?}", lenient.events);
        is_blind = event.starts_with("blind");
    }
    assert!(!is_blind || strict.fault.is_some(), "strict passes what cannot be followed: {lenient:?}");
    assert!(strict.events.iter().all(|event| !event.starts_with("blind")));
}

#[test]
fn mutated_conversations_do_no_harm() {
    let count = number("WAYSIDE_MUTATIONS", 50_000);
    let seed = number("WAYSIDE_SEED", 1);
    let mut random = Random::new(seed);
    let mut ends = std::collections::BTreeMap::<String, u64>::new();
    for turn in 0..count {
        let parts: Vec<Vec<u8>> = (0..4)
            .map(|part| mutated(&mut random, if part % 2 == 0 { &CLIENTS } else { &SERVERS }))
            .collect();
        let mut steps: Vec<Step<'_>> = vec![C(&parts[0]), S(&parts[1])];
        if random.one_in(3) {
            steps.extend([C(&parts[2]), S(&parts[3])]);
        }
        let end = random.below(4);
        steps.extend([ClientEnd, ServerEnd].iter().skip(end / 2).take(1 + end % 2));
        let (size, has_skips) = (1 + random.below(40), random.one_in(2));
        let context = format!("turn {turn} of seed {seed}: {steps:?}");
        let outcomes = [false, true].map(|is_strict| {
            let whole = run(&steps, is_strict, Cut::Whole, false);
            let cut = run(&steps, is_strict, Cut::Pieces(size), has_skips);
            let context = format!("{context}, pieces of {size}, skips {has_skips}, strict {is_strict}");
            assert!(
                cut == whole || is_earlier(&cut, &whole) || is_earlier(&whole, &cut),
                "{context}\n{whole:?}\n{cut:?}"
            );
            whole
        });
        compare(&outcomes[0], &outcomes[1]);
        let last = outcomes[0].events.last().map_or("nothing", String::as_str);
        let kind = if last.starts_with("blind") { last } else { last.split(' ').next().unwrap_or(last) };
        *ends.entry(kind.to_owned()).or_default() += 1;
    }
    println!("{count} conversations end so: {ends:?}");
    let reasons = ends.keys().filter(|end| end.starts_with("blind")).count();
    assert!(count < 50_000 || (reasons >= 8 && ends.len() > reasons + 5), "the seeds reach much: {ends:?}");
}
