//! A drain under the load of clients that keep to RFC 9113, section 6.8: they open no stream behind a GOAWAY, and lose none of those
//! that are open.

use std::io::{BufReader, Read, Write};
use std::net::SocketAddr;

use rustix::process::Signal;

use super::drain::{END_HEADERS, END_STREAM, HEADERS, PREFACE, SETTINGS, frame};
use super::tools::nghttpd;
use crate::support::servers::forward;
use crate::support::*;

const RST_STREAM: u8 = 3;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const ACK: u8 = 1;
/// GET http://h/small
const ASK: &[u8] = b"\x82\x86\x04\x06/small\x01\x01h";
/// Streams open at once on each connection.
const AT_ONCE: usize = 50;

/// What a client has seen by the end of its connection.
#[derive(Debug, Default)]
struct Seen {
    /// Its highest stream.
    last: u32,
    asked: usize,
    answered: usize,
    /// The last streams of all GOAWAYs.
    goaways: Vec<u32>,
    /// Open when the first of them came.
    crossed: usize,
}

/// Asks as fast as it is answered, until it is told to stop and has its answers; then waits for the end.
fn load(addr: SocketAddr) -> Seen {
    let mut stream = connect(addr).expect("a connection");
    let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
    let wide = frame(WINDOW_UPDATE, 0, 0, &0x7ff0_0000_u32.to_be_bytes());
    stream.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, b""), &wide].concat()).expect("to begin");
    let (mut seen, mut open) = (Seen::default(), Vec::new());
    loop {
        let mut asked = Vec::new();
        while seen.goaways.is_empty() && open.len() < AT_ONCE {
            seen.last = if seen.last == 0 { 1 } else { seen.last + 2 };
            open.push(seen.last);
            seen.asked += 1;
            asked.extend(frame(HEADERS, END_HEADERS | END_STREAM, seen.last, ASK));
        }
        stream.write_all(&asked).expect("to ask");
        let mut head = [0; 9];
        if reader.read_exact(&mut head).is_err() {
            assert_eq!(open, [0; 0], "never answered: {seen:?}");
            return seen;
        }
        let [a, b, c, kind, flags, number @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        reader.read_exact(&mut payload).expect("a whole frame");
        let number = u32::from_be_bytes(number);
        match kind {
            SETTINGS | PING if flags & ACK == 0 => {
                let echo = if kind == PING { &payload[..] } else { b"" };
                stream.write_all(&frame(kind, ACK, 0, echo)).expect("to acknowledge");
            }
            SETTINGS | PING => {}
            RST_STREAM => panic!("stream {number} was reset: {payload:?}"),
            GOAWAY => {
                seen.crossed = if seen.goaways.is_empty() { open.len() } else { seen.crossed };
                seen.goaways.push(u32::from_be_bytes(payload[..4].try_into().expect("four bytes")));
            }
            _ if number != 0 && flags & END_STREAM != 0 => {
                let place = open.iter().position(|it| *it == number).expect("an open stream");
                open.swap_remove(place);
                seen.answered += 1;
            }
            _ => {}
        }
    }
}

#[test]
fn no_request_of_a_busy_client_fails() {
    let service = match nghttpd(&[]) {
        Ok(service) => service,
        Err(why) => skipped!("{why}"),
    };
    let echo = Server::echo();
    let mut wayside = Wayside::start(&["--forward", &service.forward(), "--forward", &forward(echo.addr())]);
    // With one that stays there is a scrape after the end of the others.
    let mut stays = wayside.connect(1);
    stays.write_all(b"\0stay").expect("to write");
    stays.read_exact(&mut [0; 5]).expect("the echo");
    let addr = wayside.addr(0);
    let seen: Vec<Seen> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(move || load(addr))).collect();
        eventually("it is under way", LIMIT, || wayside.metrics().sum("request_total", &[]) >= 20_000.0);
        wayside.signal(Signal::TERM);
        clients.into_iter().map(|client| client.join().expect("a client")).collect()
    });
    let sum = |of: fn(&Seen) -> usize| seen.iter().map(of).sum::<usize>();
    assert!(sum(|it| it.crossed) > AT_ONCE, "it was no load: {seen:?}");
    assert_eq!(sum(|it| it.answered), sum(|it| it.asked));
    for client in &seen {
        assert_eq!(client.goaways, [0x7fff_ffff, client.last], "{client:?}");
    }
    let metrics = wayside.metrics();
    let good = [("status_code", "200"), ("classification", "success")];
    assert_eq!(metrics.sum("response_total", &good) as usize, sum(|it| it.asked));
    assert_eq!(metrics.sum("response_total", &[]) as usize, sum(|it| it.asked));
    assert_eq!(metrics.sum("request_total", &[]) as usize, sum(|it| it.asked));
    drop(stays);
    assert_eq!(wayside.wait(LIMIT).expect("it ends").code(), Some(0));
}
