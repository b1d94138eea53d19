//! Random and mutated conversations: the detector must say what the specification says, however the bytes are cut.
//!
//! `WAYSIDE_MUTATIONS=10000000 cargo test --test detect mutated` runs ten million; `WAYSIDE_SEED` changes the seed.

use crate::support::{Event, Side, run};
use crate::{hello, http, samples, spec, tls};
use wayside::wire::detect::{DecidedBy, Protocol};

/// xorshift64*.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() >> 33) as usize % end.max(1)
    }

    fn byte(&mut self) -> u8 {
        // Bytes that mean something more often than the others.
        const TELLING: &[u8] = b" \r\n\0\x01\x03\x05\x10\x16\x30\x80\xff/:.-0129AZaz*$+{";
        if self.below(2) == 0 { TELLING[self.below(TELLING.len())] } else { self.next() as u8 }
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let length = self.below(most);
        (0..length).map(|_| self.byte()).collect()
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().expect("a number"))
}

/// What to start from, for each side.
fn seeds() -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let mut clients: Vec<Vec<u8>> = samples::clients().into_iter().map(|(_, bytes)| bytes).collect();
    clients.extend(http::HEADS.map(<[u8]>::to_vec));
    clients.extend(tls::captures().map(|(bytes, _, _)| bytes.to_vec()));
    clients.push(hello::go(b"go.example", &[b"h2", b"http/1.1"]).bytes());
    clients.push(hello::chromium(b"c.example").message().chunks(300).flat_map(hello::record).collect());
    let small = hello::Hello {
        session: 0,
        suites: vec![0x1301],
        extensions: vec![hello::server_name(b"s.example"), hello::alpn(&[b"h2", b"h3"])],
    };
    clients.extend([1, 7, 1000].map(|size| small.message().chunks(size).flat_map(hello::record).collect()));
    clients.extend(
        [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".as_slice(), b"\x05\x01\0", b"\x05\x02\0\x02", b"USER x\r\n"]
            .map(<[u8]>::to_vec),
    );
    let mut servers: Vec<Vec<u8>> = samples::banners().into_iter().map(|(_, bytes)| bytes).collect();
    servers.extend(
        [b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64".as_slice(), b"220 host\r\n", b"\x05\0"]
            .map(<[u8]>::to_vec),
    );
    (clients, servers)
}

fn mutated(random: &mut Random, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = seeds[random.below(seeds.len())].clone();
    if random.below(16) == 0 {
        return random.bytes(64);
    }
    for _ in 0..random.below(4) {
        let at = random.below(bytes.len() + 1);
        match random.below(7) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at, random.byte()),
            2 => drop(bytes.drain(at..(at + random.below(4)).min(bytes.len()))),
            3 => {
                let other = &seeds[random.below(seeds.len())];
                let from = random.below(other.len());
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
            4 if random.below(50) == 0 => {
                let run = vec![random.byte(); random.below(700)];
                bytes.splice(at..at, run);
            }
            5 => bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= 1 << random.below(8)),
            _ => bytes.get_mut(at).into_iter().for_each(|byte| *byte = random.byte()),
        }
    }
    bytes
}

/// Cuts each event in pieces.
fn cut(random: &mut Random, events: &[Event], pieces: usize) -> Vec<Event> {
    let mut all = Vec::new();
    for (side, bytes) in events {
        let mut rest = bytes.as_slice();
        for _ in 0..random.below(pieces) {
            let at = if random.below(2) == 0 {
                random.below(rest.len() + 1)
            } else {
                random.below(16).min(rest.len())
            };
            let (first, second) = rest.split_at(at);
            all.push((*side, first.to_vec()));
            rest = second;
        }
        all.push((*side, rest.to_vec()));
    }
    all
}

fn conversation(random: &mut Random, clients: &[Vec<u8>], servers: &[Vec<u8>]) -> Vec<Event> {
    let client = vec![(Side::Client, mutated(random, clients))];
    if random.below(2) == 0 {
        return cut(random, &client, 3);
    }
    let mut client = cut(random, &client, 3).into_iter().peekable();
    let server = vec![(Side::Server, mutated(random, servers))];
    let mut server = cut(random, &server, 3).into_iter().peekable();
    let mut events = Vec::new();
    while client.peek().is_some() || server.peek().is_some() {
        let next = if random.below(2) == 0 { client.next() } else { server.next() };
        events.extend(next);
    }
    events
}

#[test]
fn mutated_conversations_get_the_specified_verdict() {
    let (clients, servers) = seeds();
    let count = number("WAYSIDE_MUTATIONS", 200_000);
    let seed = number("WAYSIDE_SEED", 1);
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut verdicts = std::collections::BTreeMap::<(Protocol, &str), u64>::new();
    for turn in 0..count {
        let events = conversation(&mut random, &clients, &servers);
        let end = if random.below(2) == 0 { DecidedBy::Timeout } else { DecidedBy::Eof };
        let expected = spec::verdict(&events, end);
        let (verdict, _) = run(&events, end);
        assert_eq!(verdict, expected, "turn {turn} of seed {seed}: {events:?}");
        let finer = cut(&mut random, &events, 6);
        assert_eq!(run(&finer, end).0, expected, "turn {turn} of seed {seed}, cut finer: {finer:?}");
        *verdicts.entry((verdict.protocol, verdict.decided_by.as_str())).or_default() += 1;
    }
    let named: std::collections::BTreeSet<Protocol> =
        verdicts.keys().map(|(protocol, _)| *protocol).collect();
    println!("{count} conversations: {verdicts:?}");
    assert!(count < 100_000 || named.len() == 32, "the seeds reach every name: {}", named.len());
}
