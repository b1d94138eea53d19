//! In its steady state wayside takes nothing from the heap for a request: not to carry it, to follow, count or log it.
//!
//! The whole program runs in a child process, on a thread that counts: once for some requests and once for many more
//! of the same kind. Both must take the same.

mod support;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use rustix::process::Signal;
use support::*;
use wayside::cli::{self, Action};
use wayside::{commands, config};

/// What the child says at its end, before the number.
const TAKEN: &str = "taken from the heap: ";
// Both are multiples of every batch below.
const FEW: u32 = 640;
const MANY: u32 = 5_760;
/// So much may differ: one for ten requests. On a busy machine about 100 were seen, at times.
const SLACK: u64 = (MANY - FEW) as u64 / 10;

/// The child: `wayside` with the words behind `--`. Without them, as in any run of the suite, there is nothing to do.
#[test]
fn the_program() {
    let mut words = std::env::args_os().skip_while(|word| word != "--").skip(1).peekable();
    if words.peek().is_none() {
        return;
    }
    // Behind what the test runner has begun to say.
    println!();
    let action = cli::parse(words, std::env::vars_os());
    let Ok(Action::Run(sources, command)) = action else { panic!("{action:?}") };
    let loaded = config::load(sources.clone()).expect("a configuration");
    let taken = allocation_counter::measure(|| {
        commands::run::run(loaded, sources, command);
    });
    println!("{TAKEN}{}", taken.count_total);
}

/// Requests and their answers, as bytes that are ready to send.
trait Talk: Clone + Send + Sync + 'static {
    /// Before the first request: what the client and what the server says.
    fn greetings(&self) -> [Vec<u8>; 2];
    /// The n-th batch: what is asked, what is answered, and how many requests that are.
    fn batch(&self, nth: u32) -> ([Vec<u8>; 2], u32);
}

/// How a connection is carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// As a whole.
    Relayed,
    /// One exchange at a time, to one target.
    Steered,
    /// One exchange at a time, each by a route.
    Routed,
}

impl Way {
    /// The options for it.
    fn args(self, server: SocketAddr, dir: &TempDir) -> Vec<String> {
        let forward = format!("--forward=127.0.0.1:0={server}");
        match self {
            Way::Relayed => vec![forward],
            Way::Steered => vec![forward, "--http-reuse".to_owned()],
            Way::Routed => {
                let text = format!(
                    "admin-listen = '127.0.0.1:0'\ninbound-listen = 'off'\noutbound-listen = 'off'\n\
                     [backends.all]\nservers = ['{server}']\n\
                     [[route]]\npath-prefix = '/index.html'\nbackend = 'all'\n"
                );
                let file = dir.file("wayside.toml", text);
                // Nobody answers there.
                let forward = "--forward=127.0.0.1:0=127.0.0.1:1".to_owned();
                vec![forward, format!("--config={}", file.display())]
            }
        }
    }
}

/// How often the heap was asked for memory while so many requests passed, and how many lines were logged.
fn taken(talk: &impl Talk, way: Way, log: &str, requests: u32) -> (u64, usize) {
    let theirs = talk.clone();
    let server = Server::start(move |mut stream| {
        let [asked, answered] = theirs.greetings();
        expect(&mut stream, &asked)?;
        stream.write_all(&answered)?;
        for nth in 0.. {
            let ([asked, answered], _) = theirs.batch(nth);
            expect(&mut stream, &asked)?;
            stream.write_all(&answered)?;
        }
        Ok(())
    });
    let this = std::env::current_exe().expect("this program");
    let counting = [this.to_str().expect("UTF-8"), "--exact", "the_program", "--nocapture", "--"];
    let dir = TempDir::new();
    let log = format!("--access-log={log}");
    let way = way.args(server.addr(), &dir);
    let args: Vec<_> = way.iter().chain([&log]).map(String::as_str).collect();
    let mut wayside = Launch::new(&args).through(&counting).start().expect("the program");
    let mut client = wayside.connect(0);
    let [asked, answered] = talk.greetings();
    client.write_all(&asked).expect("to greet");
    expect(&mut client, &answered).expect("a greeting");
    let mut done = 0;
    for nth in 0.. {
        let ([asked, answered], count) = talk.batch(nth);
        client.write_all(&asked).expect("to ask");
        expect(&mut client, &answered).expect("an answer");
        done += count;
        if done >= requests {
            break;
        }
    }
    drop(client);
    let counted = wayside.metrics().sum("request_total", &[]);
    assert_eq!(counted, f64::from(done), "all were followed");
    wayside.signal(Signal::TERM);
    wayside.wait(Duration::from_secs(10)).expect("an end");
    eventually("the count", Duration::from_secs(10), || wayside.stdout().contains(TAKEN));
    let text = wayside.stdout();
    let number = text.lines().find_map(|line| line.strip_prefix(TAKEN)).expect("a number");
    (number.parse().expect("a number"), text.matches("/index.html?").count())
}

/// Reads as many bytes as there are in `expected`.
fn expect(stream: &mut TcpStream, expected: &[u8]) -> io::Result<()> {
    let mut bytes = vec![0; expected.len()];
    stream.read_exact(&mut bytes)?;
    assert_eq!(bytes, expected);
    Ok(())
}

#[track_caller]
fn takes_nothing(talk: impl Talk, way: Way) {
    for log in ["off", "json", "apache"] {
        let (few, few_lines) = taken(&talk, way, log, FEW);
        let (many, many_lines) = taken(&talk, way, log, MANY);
        let lines = if log == "off" { (0, 0) } else { (FEW as usize, MANY as usize) };
        assert_eq!((few_lines, many_lines), lines, "{log}");
        // Timers take a little now and then, and `/metrics` by the length of its numbers.
        let more = many.abs_diff(few);
        assert!(more < SLACK, "{more} times for {} requests, access log {log}", MANY - FEW);
    }
}

/// HTTP/1: three authorities in turns, so that none is the one before; so many at once.
#[derive(Debug, Clone, Copy)]
struct Http1(u32);

impl Talk for Http1 {
    fn greetings(&self) -> [Vec<u8>; 2] {
        Default::default()
    }

    fn batch(&self, nth: u32) -> ([Vec<u8>; 2], u32) {
        let (mut asked, mut answered) = (Vec::new(), Vec::new());
        for number in nth * self.0..(nth + 1) * self.0 {
            let head = format!(
                "POST /index.html?{number} HTTP/1.1\r\nHost: Www.Example-{}.com\r\nUser-Agent: curl/7.88.1\r\n\
                Referer: http://example.com/\r\nContent-Length: 5\r\n\r\nhello",
                number % 3
            );
            asked.extend(head.into_bytes());
            let answer: &[u8] = if number % 2 == 0 {
                b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
            } else {
                b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
            };
            answered.extend(answer);
        }
        ([asked, answered], self.0)
    }
}

#[test]
fn http1() {
    takes_nothing(Http1(1), Way::Relayed);
}

#[test]
fn http1_on_shared_connections() {
    takes_nothing(Http1(1), Way::Steered);
}

#[test]
fn http1_by_routes() {
    takes_nothing(Http1(1), Way::Routed);
}

#[test]
fn http1_pipelined() {
    takes_nothing(Http1(10), Way::Relayed);
}

/// HTTP/2: so many streams at once, each a gRPC call with trailers.
#[derive(Debug, Clone, Copy)]
struct Http2(u32);

impl Http2 {
    /// Fields of each form: from the table, put into it, kept out of it, with Huffman's code.
    fn request(number: u32) -> Vec<u8> {
        let target = format!("/index.html?{number}");
        let mut block = vec![0x83, 0x86];
        // Into the table, which therefore soon throws out as much with each request.
        block.extend([0x44, target.len() as u8]);
        block.extend(target.as_bytes());
        block.extend([0x41, 0x8c, 0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff]);
        block.extend(field(0x10, "content-type", "application/grpc"));
        block.extend(field(0, "user-agent", "grpc-python/1.85.1"));
        block.extend(field(0x40, "x-request-id", &number.to_string()));
        block
    }
}

impl Talk for Http2 {
    fn greetings(&self) -> [Vec<u8>; 2] {
        let settings = frame(4, 0, 0, &[]);
        [[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &settings[..]].concat(), settings]
    }

    fn batch(&self, nth: u32) -> ([Vec<u8>; 2], u32) {
        let (mut asked, mut answered) = (Vec::new(), Vec::new());
        for number in nth * self.0..(nth + 1) * self.0 {
            let stream = 2 * number + 1;
            asked.extend(frame(1, 4, stream, &Http2::request(number)));
            asked.extend(frame(0, 1, stream, &[7; 64]));
            asked.extend(frame(8, 0, 0, &[0, 0, 0, 64]));
            let head = [&[0x88][..], &field(0x40, "content-type", "application/grpc")].concat();
            answered.extend(frame(1, 4, stream, &head));
            answered.extend(frame(0, 0, stream, &[7; 128]));
            answered.extend(frame(1, 5, stream, &field(0, "grpc-status", "0")));
        }
        ([asked, answered], self.0)
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A field with a literal name; `form` is 0x40 to keep it in the table, 0 or 0x10 not to.
fn field(form: u8, name: &str, value: &str) -> Vec<u8> {
    [&[form, name.len() as u8], name.as_bytes(), &[value.len() as u8], value.as_bytes()].concat()
}

#[test]
fn http2() {
    takes_nothing(Http2(1), Way::Relayed);
}

#[test]
fn http2_many_streams() {
    // With more, what the list of open streams took goes back when the last of them has ended.
    takes_nothing(Http2(32), Way::Relayed);
}
