//! Both families and the search list, without sockets and without sleeping.

use super::super::query::tests::{record, reply};
use super::*;

const OK: u16 = 0x8180;

struct Bench {
    lookup: Lookup,
    now: Instant,
    sent: [Option<Question>; 2],
}

impl Bench {
    fn new(candidates: &[&str], no_aaaa: bool) -> Bench {
        let servers = vec![([10, 0, 0, 1], 53).into(), ([10, 0, 0, 2], 53).into()];
        let timeout = Duration::from_secs(5);
        let plan =
            Plan { servers, timeout, attempts: 2, tcp: false, no_aaaa, id: crate::sys::random::bits16 };
        let now = Instant::now();
        let names = candidates.iter().map(|name| Name::parse(name).unwrap()).collect();
        let mut bench = Bench { lookup: Lookup::new(names, plan, now), now, sent: [None, None] };
        bench.collect();
        bench
    }

    fn collect(&mut self) {
        for family in Family::BOTH {
            if let Some(send) = self.lookup.next_question(family) {
                self.sent[family as usize] = Some(send);
            }
        }
    }

    /// Who is asked what, both families.
    fn asked(&self) -> Vec<String> {
        let shown = |send: &Question| {
            let (name, _) = Name::read(&send.message, 12).unwrap();
            format!("{name}@{}", send.server.ip().to_string().rsplit('.').next().unwrap())
        };
        self.sent.iter().flatten().map(shown).collect()
    }

    fn hear(&mut self, family: Family, code: u16, data: &[u8]) {
        let send = self.sent[family as usize].take().unwrap();
        let kind = if family == Family::V6 { 28 } else { 1 };
        let records = if data.is_empty() { Vec::new() } else { record(kind, data) };
        let bytes = reply(&send, OK | code, u16::from(!data.is_empty()), &records);
        assert_eq!(self.lookup.heard(family, &bytes, self.now), Heard::Taken);
        self.collect();
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.lookup.expire(self.now);
        self.collect();
    }
}

const V4: &[u8] = &[1, 0, 0, 1];
const V6: &[u8] = &[0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const SERVFAIL: u16 = 2;
const NXDOMAIN: u16 = 3;
const NODATA: u16 = 0;

fn found(v6: &[u8], v4: &[u8], unknown: &[Family]) -> Option<Found> {
    let v6 = <[u8; 16]>::try_from(v6).map(IpAddr::from).into_iter().collect();
    let v4 = <[u8; 4]>::try_from(v4).map(IpAddr::from).into_iter().collect();
    Some(Found::Addresses { v6, v4, ttl: 60, unknown: unknown.to_vec() })
}

#[test]
fn one_family_never_spoils_the_other() {
    for (code, data, expected) in [
        (0, V6, found(V6, V4, &[])),
        (NODATA, &[][..], found(&[], V4, &[])),
        (NXDOMAIN, &[], found(&[], V4, &[])),
    ] {
        let mut bench = Bench::new(&["x.test"], false);
        assert_eq!(bench.asked(), ["x.test@1", "x.test@1"], "both at once");
        bench.hear(Family::V6, code, data);
        assert_eq!(bench.lookup.found(), None, "the other is not in yet");
        bench.hear(Family::V4, 0, V4);
        assert_eq!(bench.lookup.found().cloned(), expected, "{code}");
        assert_eq!(bench.lookup.deadline(), None);
    }
    let mut bench = Bench::new(&["x.test"], false);
    bench.hear(Family::V4, 0, V4);
    bench.hear(Family::V6, SERVFAIL, &[]);
    bench.hear(Family::V6, SERVFAIL, &[]);
    assert_eq!(bench.lookup.found().cloned(), found(&[], V4, &[Family::V6]));
}

#[test]
fn a_slow_family_is_not_waited_for() {
    let mut bench = Bench::new(&["x.test"], false);
    bench.hear(Family::V4, 0, V4);
    assert_eq!(bench.lookup.early(bench.now), None);
    assert_eq!(bench.lookup.deadline(), Some(bench.now + GRACE));
    bench.pass(GRACE);
    assert_eq!(bench.lookup.early(bench.now), found(&[], V4, &[Family::V6]));
    assert_eq!(bench.lookup.early(bench.now), None, "once");
    assert!(bench.lookup.deadline() > Some(bench.now), "no deadline in the past: that would spin");
    bench.pass(Duration::from_secs(5));
    assert_eq!(bench.asked(), ["x.test@2"], "the slow one goes on");
    bench.hear(Family::V6, 0, V6);
    assert_eq!(bench.lookup.found().cloned(), found(V6, V4, &[]));
    assert_eq!(bench.lookup.record().1, 0b01, "server 1 kept silent");
}

#[test]
fn search_lists() {
    let nothing = |failure| Some(Found::Nothing { failure, ttl: None });
    // For each candidate the code that both families get; then how many candidates were asked, and the result.
    for (codes, asked, expected) in [
        (&[NXDOMAIN, NXDOMAIN][..], 2, nothing(Failure::NoSuchName)),
        (&[NODATA, NXDOMAIN], 2, nothing(Failure::NoAddress)),
        (&[NXDOMAIN, NODATA], 2, nothing(Failure::NoAddress)),
        (&[SERVFAIL, NXDOMAIN], 2, nothing(Failure::ServerFailure)),
        (&[NXDOMAIN, SERVFAIL], 2, nothing(Failure::ServerFailure)),
    ] {
        let mut bench = Bench::new(&["x.a", "x.b"], false);
        let mut names = Vec::new();
        for &code in codes {
            names.push(bench.asked()[0].split('@').next().unwrap().to_owned());
            for family in Family::BOTH {
                for _server in 0..if code == SERVFAIL { 2 } else { 1 } {
                    bench.hear(family, code, &[]);
                }
            }
        }
        assert_eq!(names, ["x.a", "x.b"][..asked]);
        assert_eq!(bench.lookup.found().cloned(), expected, "{codes:?}");
    }
    let mut bench = Bench::new(&["x.a", "x.b"], true);
    bench.hear(Family::V4, NXDOMAIN, &[]);
    assert_eq!(bench.asked(), ["x.b@1"], "no-aaaa: one question");
    bench.hear(Family::V4, 0, V4);
    assert_eq!(bench.lookup.found().cloned(), found(&[], V4, &[]));
}

#[test]
fn silence_ends_the_search() {
    let mut bench = Bench::new(&["x.a", "x.b"], false);
    bench.hear(Family::V6, NXDOMAIN, &[]);
    for _try in 0..4 {
        assert_eq!(bench.lookup.found(), None);
        bench.pass(Duration::from_secs(5));
    }
    let expected = Found::Nothing { failure: Failure::Timeout, ttl: None };
    assert_eq!(bench.lookup.found(), Some(&expected), "a \"no\" needs both families");
    assert_eq!(bench.lookup.record().0.timeouts, 4);
}

#[test]
fn the_server_that_answered_is_asked_first_for_the_next_candidate() {
    let mut bench = Bench::new(&["x.a", "x.b"], false);
    bench.pass(Duration::from_secs(5));
    assert_eq!(bench.asked(), ["x.a@2", "x.a@2"]);
    bench.hear(Family::V6, NXDOMAIN, &[]);
    bench.hear(Family::V4, NXDOMAIN, &[]);
    assert_eq!(bench.asked(), ["x.b@2", "x.b@2"]);
}

#[test]
fn the_whole_is_bounded() {
    let names: Vec<String> = (0..30).map(|number| format!("x.d{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut bench = Bench::new(&names, false);
    let start = bench.now;
    for _ in 0..1000 {
        let Some(deadline) = bench.lookup.deadline() else { break };
        // Servers that answer just before the time-out: the search goes on and on.
        bench.pass((deadline - bench.now).saturating_sub(Duration::from_millis(1)));
        for family in Family::BOTH {
            if bench.sent[family as usize].is_some() {
                bench.hear(family, NXDOMAIN, &[]);
            }
        }
        bench.pass(Duration::from_millis(1));
    }
    assert!(bench.lookup.found().is_some());
    assert!(bench.now - start <= LONGEST, "{:?}", bench.now - start);
}

#[test]
fn no_candidates() {
    let bench = Bench::new(&[], false);
    assert_eq!(bench.lookup.found(), Some(&Found::Nothing { failure: Failure::BadName, ttl: None }));
}

/// Whatever happens, in whatever order: no panic, no question without end, no deadline that never comes.
/// 300,000 lookups with `WAYSIDE_LONG_TESTS=1`.
#[test]
fn any_network_comes_to_an_end() {
    let count = if std::env::var_os("WAYSIDE_LONG_TESTS").is_some() { 300_000 } else { 10_000 };
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 16) as usize % below
    };
    let mut ends = [0; 2];
    for _ in 0..count {
        let mut bench = Bench::new(&["x.a", "x.b", "x.c"][..=random(3)], random(4) == 0);
        let start = bench.now;
        while bench.lookup.found().is_none() {
            let family = Family::BOTH[random(2)];
            let place = family as usize;
            match (random(6), bench.sent[place].clone()) {
                (0, _) => bench.lookup.lost(family, Failure::NoServer, bench.now),
                (1, _) => {
                    let deadline = bench.lookup.deadline().expect("unfinished, so it has a deadline");
                    bench.pass(deadline.saturating_duration_since(bench.now));
                    bench.lookup.early(bench.now);
                }
                (_, Some(send)) => {
                    let kind = [28, 1, 5][random(3)];
                    let data = [V6, V4, b"\x01y\x00", b"\xc0\x0c"][random(4)];
                    let flags = OK | [0, 0, 0, 1, 2, 3, 5, 0x0200][random(8)] as u16;
                    let mut bytes = reply(&send, flags, random(2) as u16, &record(kind, data));
                    if random(2) == 0 {
                        let at = random(bytes.len());
                        bytes[at] = random(256) as u8;
                    }
                    bench.lookup.heard(family, &bytes, bench.now);
                }
                (_, None) => {}
            }
            bench.collect();
            assert!(bench.lookup.record().0.queries <= 2 * 3 * 9 * 2 * 2 * 3, "questions without end");
        }
        assert!(bench.now - start <= LONGEST);
        ends[usize::from(matches!(bench.lookup.found(), Some(Found::Addresses { .. })))] += 1;
    }
    assert!(ends.iter().all(|&end| end > count / 20), "both ends are reached: {ends:?}");
}
