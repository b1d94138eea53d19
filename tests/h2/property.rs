//! Random valid conversations: a generator knows what each one means, and the observer must say the same, whatever the
//! encoding, the framing and the cuts.
//!
//! `WAYSIDE_CONVERSATIONS=100000 cargo test --test h2 generated` runs that many; `WAYSIDE_SEED` changes the seed.

use wayside::wire::event::Peer;
use wayside::wire::h2::Observer;

use crate::encoder::Encoder;
use crate::support::*;

/// An exchange as the generator sees it.
#[derive(Clone, Copy)]
struct Exchange {
    stream: u32,
    id: usize,
    is_grpc: bool,
    is_connect: bool,
    sent: bool,
    answered: bool,
    done: bool,
    grpc_status: Option<u32>,
}

/// One side's way of writing.
struct Side {
    encoder: Encoder,
    /// Table sizes that the other side has offered, until this side acknowledges them.
    offered: Vec<Vec<u32>>,
    greeted: bool,
}

struct Generator<'r> {
    random: &'r mut Random,
    client: Side,
    server: Side,
    open: Vec<Exchange>,
    next: u32,
    pushed: u32,
    talk: Talk,
    expected: Vec<String>,
}

impl Generator<'_> {
    fn new(random: &mut Random) -> Generator<'_> {
        let side = || Side { encoder: Encoder::new(), offered: Vec::new(), greeted: false };
        let talk = vec![(Peer::Client, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec())];
        let mut it = Generator {
            random,
            client: side(),
            server: side(),
            open: Vec::new(),
            next: 1,
            pushed: 2,
            talk,
            expected: Vec::new(),
        };
        it.settings(Peer::Client);
        it.settings(Peer::Server);
        it
    }

    fn side(&mut self, peer: Peer) -> &mut Side {
        if peer == Peer::Client { &mut self.client } else { &mut self.server }
    }

    fn send(&mut self, from: Peer, bytes: Vec<u8>) {
        self.talk.push((from, bytes));
    }

    /// A SETTINGS frame, with table sizes at times.
    fn settings(&mut self, from: Peer) {
        let sizes: Vec<u32> = (0..self.random.below(3))
            .map(|_| self.random.pick(&[0, 60, 300, 4096, 20_000, 65_536, 1 << 31]))
            .collect();
        let mut values = vec![(4, 65_535)];
        values.extend(sizes.iter().map(|size| (1, *size)));
        self.send(from, settings(&values));
        self.side(from).greeted = true;
        let to = if from == Peer::Client { Peer::Server } else { Peer::Client };
        self.side(to).offered.push(sizes);
    }

    /// Acknowledges the other side's oldest SETTINGS, and tells the sizes in the next header block.
    fn acknowledge(&mut self, from: Peer) {
        if !self.side(from).greeted || self.side(from).offered.is_empty() {
            return;
        }
        let sizes = self.side(from).offered.remove(0);
        let raised = self.random.one_in(2);
        let side = self.side(from);
        if let (Some(lowest), Some(last)) = (sizes.iter().min(), sizes.last()) {
            side.encoder.resize((*lowest).min(60_000) as usize);
            if raised {
                side.encoder.resize((*last).min(65_536) as usize);
            }
        }
        self.send(from, frame(SETTINGS, ACK, 0, &[]));
    }

    /// A header block in HEADERS or PUSH_PROMISE and CONTINUATION.
    fn head(&mut self, from: Peer, kind: u8, flags: u8, stream: u32, before: &[u8], fields: &[(&str, &str)]) {
        let encoder = if from == Peer::Client { &mut self.client.encoder } else { &mut self.server.encoder };
        let block = encoder.encode(self.random, fields);
        let mut cuts = vec![0, block.len()];
        (0..self.random.below(3)).for_each(|_| cuts.push(self.random.below(block.len() + 1)));
        cuts.sort_unstable();
        let parts: Vec<&[u8]> = cuts.windows(2).map(|pair| &block[pair[0]..pair[1]]).collect();
        let mut bytes = Vec::new();
        for (nth, part) in parts.iter().enumerate() {
            let end = if nth + 1 == parts.len() { END_HEADERS } else { 0 };
            if nth > 0 {
                bytes.extend(frame(CONTINUATION, end, stream, part));
                continue;
            }
            let (mut payload, mut flags) = (Vec::new(), flags | end);
            let padding = self.random.below(40) * self.random.below(2);
            if padding > 0 {
                flags |= PADDED;
                payload.push(padding as u8);
            }
            payload.extend(before);
            if kind == HEADERS && self.random.one_in(3) {
                flags |= PRIORITY;
                payload.extend([0, 0, 0, 0, 16]);
            }
            payload.extend(*part);
            payload.extend(vec![0; padding]);
            bytes.extend(frame(kind, flags, stream, &payload));
        }
        self.send(from, bytes);
    }

    fn request(&mut self) {
        let id = (0..).find(|id| self.open.iter().all(|it| it.id != *id)).expect("a free id");
        let kind = self.random.below(4);
        let (is_grpc, is_connect) = (kind == 1, kind == 2);
        let path = format!("/{}", self.random.below(30));
        let method = if is_connect { "CONNECT" } else { self.random.pick(&["GET", "POST", "QUERY"]) };
        let authority = self.random.pick(&["a.example", "b.example:8080"]);
        let mut fields = vec![(":method", method), (":scheme", "http"), (":path", &path)];
        fields.push((self.random.pick(&[":authority", "host"]), authority));
        if is_grpc {
            fields.push(("content-type", self.random.pick(&["application/grpc", "Application/gRPC+proto"])));
        }
        let mut line = format!("{id} {method} {authority} {path}{}", if is_grpc { " grpc" } else { "" });
        if self.random.one_in(2) {
            fields.push(("user-agent", "me/1"));
            line += " agent me/1";
        }
        let noise = "n".repeat(self.random.below(300));
        fields.push(("x-noise", &noise));
        let sent = self.random.one_in(2);
        let stream = self.next;
        self.next += 2 * (1 + self.random.below(3) as u32);
        self.head(Peer::Client, HEADERS, if sent { END_STREAM } else { 0 }, stream, &[], &fields);
        self.expected.push(line);
        if sent {
            self.expected.push(format!("{id} sent"));
        }
        let (answered, done, grpc_status) = (false, false, None);
        self.open.push(Exchange { stream, id, is_grpc, is_connect, sent, answered, done, grpc_status });
    }

    fn data(&mut self, from: Peer, stream: u32, is_end: bool) {
        let most = self.random.pick(&[1, 20, 400]);
        let length = self.random.below(most);
        let flags = if is_end { END_STREAM } else { 0 };
        let padded = if length > 0 && self.random.one_in(3) { PADDED } else { 0 };
        self.send(from, frame(DATA, flags | padded, stream, &vec![0; length]));
    }

    /// The client goes on with a request.
    fn upload(&mut self, at: usize) {
        let mut it = self.open[at];
        if it.sent {
            return;
        }
        it.sent = self.random.one_in(2);
        if it.sent && self.random.one_in(3) {
            self.head(
                Peer::Client,
                HEADERS,
                END_STREAM,
                it.stream,
                &[],
                &[("x-sum", "12"), ("grpc-status", "9")],
            );
        } else {
            self.data(Peer::Client, it.stream, it.sent);
        }
        if it.sent {
            self.expected.push(format!("{} sent", it.id));
        }
        self.keep(at, it);
    }

    /// The server goes on with an answer.
    fn answer(&mut self, at: usize) {
        let it = self.open[at];
        if it.done {
            self.finish(at);
        } else if !it.answered && self.random.one_in(4) {
            let status = self.random.pick(&["100", "103", "199"]);
            self.head(Peer::Server, HEADERS, 0, it.stream, &[], &[(":status", status), ("link", "x")]);
            self.expected.push(format!("{} interim {status}", it.id));
        } else if !it.answered {
            self.final_head(at);
        } else {
            self.body(at);
        }
    }

    fn final_head(&mut self, at: usize) {
        let mut it = self.open[at];
        let status = self.random.pick(&["200", "204", "299", "302", "404", "503"]);
        let only = it.is_grpc && self.random.one_in(3);
        let mut fields = vec![(":status", status), ("server", "me")];
        let mut line = format!("{} status {status}", it.id);
        if only {
            fields.push(("grpc-status", "14"));
            line += " grpc-status 14";
            it.grpc_status = Some(14);
        }
        it.answered = true;
        it.done = only || self.random.one_in(4);
        self.head(Peer::Server, HEADERS, if it.done { END_STREAM } else { 0 }, it.stream, &[], &fields);
        self.expected.push(line);
        if it.is_connect && status.starts_with('2') {
            self.expected.push(format!("{} tunnel", it.id));
        }
        self.answered(at, it);
    }

    fn body(&mut self, at: usize) {
        let mut it = self.open[at];
        it.done = self.random.one_in(3);
        if it.done && it.is_grpc {
            let code = self.random.below(17) as u32;
            it.grpc_status = Some(code);
            let code = code.to_string();
            self.head(Peer::Server, HEADERS, END_STREAM, it.stream, &[], &[("grpc-status", &code)]);
        } else {
            self.data(Peer::Server, it.stream, it.done);
        }
        self.answered(at, it);
    }

    fn answered(&mut self, at: usize, it: Exchange) {
        if it.done {
            let grpc = it.grpc_status.map_or(String::new(), |code| format!(" grpc-status {code}"));
            self.expected.push(format!("{} answered{grpc}", it.id));
        }
        self.keep(at, it);
    }

    /// The answer is complete, the request is not: the server needs no more of it.
    fn finish(&mut self, at: usize) {
        let it = self.open.remove(at);
        self.send(Peer::Server, frame(RST, 0, it.stream, &[0; 4]));
        self.expected.push(format!("{} sent", it.id));
    }

    fn keep(&mut self, at: usize, it: Exchange) {
        if it.sent && it.done {
            self.open.remove(at);
        } else {
            self.open[at] = it;
        }
    }

    fn reset(&mut self, at: usize) {
        let it = self.open.remove(at);
        let by = if self.random.one_in(2) { Peer::Client } else { Peer::Server };
        let code = 1 + self.random.below(13) as u32;
        self.send(by, frame(RST, 0, it.stream, &code.to_be_bytes()));
        self.expected.push(format!("{} reset by {by:?} {code}", it.id));
        // What was in flight.
        self.data(Peer::Client, it.stream, true);
        self.head(Peer::Server, HEADERS, END_STREAM, it.stream, &[], &[(":status", "200"), ("x-late", "1")]);
    }

    fn push(&mut self, at: usize) {
        let (stream, promised) = (self.open[at].stream, self.pushed);
        self.pushed += 2;
        let fields = [(":method", "GET"), (":path", "/pushed"), (":authority", "a.example")];
        self.head(Peer::Server, PUSH, 0, stream, &promised.to_be_bytes(), &fields);
        self.head(Peer::Server, HEADERS, 0, promised, &[], &[(":status", "200"), ("grpc-status", "3")]);
        self.data(Peer::Server, promised, true);
    }

    fn noise(&mut self) {
        let from = if self.random.one_in(2) { Peer::Client } else { Peer::Server };
        let bytes = match self.random.below(5) {
            0 => frame(PING, 0, 0, &[3; 8]),
            1 => frame(WINDOW, 0, self.next, &[0; 4]),
            2 => frame(2, 0, self.next, &[0; 5]),
            3 => frame(0x42, 0xff, self.next, &vec![1; self.random.below(100)]),
            _ => return self.settings(from),
        };
        self.send(from, bytes);
    }

    fn step(&mut self) {
        let at = self.random.below(self.open.len());
        match self.random.below(if self.open.is_empty() { 4 } else { 12 }) {
            0 | 1 => self.request(),
            2 => self.noise(),
            3 => {
                let from = if self.random.one_in(2) { Peer::Client } else { Peer::Server };
                self.acknowledge(from);
            }
            4..7 => self.upload(at),
            7..10 => self.answer(at),
            10 if self.random.one_in(3) => self.reset(at),
            _ => self.push(at),
        }
    }
}

/// A conversation and what it means.
pub(crate) fn generate(random: &mut Random) -> (Talk, Vec<String>, usize) {
    let steps = 5 + random.below(80);
    let mut generator = Generator::new(random);
    (0..steps).for_each(|_| generator.step());
    (generator.talk, generator.expected, generator.open.len())
}

#[test]
fn generated_conversations_mean_what_was_meant() {
    let mut random = Random(number("WAYSIDE_SEED", 0x5eed));
    let mut told = 0;
    for nth in 0..number("WAYSIDE_CONVERSATIONS", 2000) {
        let (talk, expected, open) = generate(&mut random);
        assert_eq!(whole(&talk), expected, "conversation {nth}, at once");
        let mut watch = Watch::new(Observer::new());
        let most = random.pick(&[1, 2, 9, 50, 1000]);
        for (from, bytes) in &talk {
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let (part, behind) = rest.split_at(rest.len().min(1 + random.below(most)));
                if random.one_in(2) {
                    watch.show_least(*from, part)
                } else {
                    watch.show(*from, part)
                }
                rest = behind;
            }
        }
        assert_eq!(watch.events, expected, "conversation {nth}, cut");
        assert_eq!(watch.observer.open_exchanges(), open, "conversation {nth}");
        assert!(watch.observer.is_at_frame_boundary(Peer::Client));
        assert!(watch.observer.is_at_frame_boundary(Peer::Server));
        told += expected.len();
    }
    assert!(told > 10_000, "{told} events");
}
