//! What is to come of a payload, asked of the running program.

use std::io::{Read, Write};
use std::net::TcpStream;

use wayside::wire::detect::{Detector, Protocol};

use crate::support::{C, LIMIT, S, Step, Tunnel, expect_eof, finish, is_reset};

/// What to do with a payload without `strict`: it passes, whatever an observer makes of it.
#[derive(Debug, Clone, Copy)]
#[allow(dead_code)] // The tables say more than is asked here.
pub(crate) enum Lenient {
    Blind(&'static str),
    Follow(&'static str),
}

/// What to do with it with `strict`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Strict {
    /// Refused with this status before a byte has passed.
    Refuse(u16),
    /// Refused with this status after so many bytes have.
    After(u16, usize),
    /// Passes.
    Pass,
}

pub(crate) use Lenient::{Blind, Follow};
pub(crate) use Strict::{After, Pass, Refuse};

/// A good exchange before the payload.
const GOOD: [Step<'static>; 2] =
    [C(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"), S(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")];

thread_local! {
    /// One program a test, without strict and with it.
    static TUNNELS: [Tunnel; 2] = [Tunnel::new(&[]), Tunnel::new(&["--http-strict"])];
}

fn tunnel(is_strict: bool, what: impl FnOnce(&Tunnel)) {
    TUNNELS.with(|tunnels| what(&tunnels[usize::from(is_strict)]));
}

/// Plays steps that have to pass.
#[track_caller]
fn pass(client: &TcpStream, server: &TcpStream, steps: &[Step<'_>]) {
    for step in steps {
        let (mut from, mut to, bytes) = match step {
            C(bytes) => (client, server, bytes),
            S(bytes) => (server, client, bytes),
            Step::ClientEnd | Step::ServerEnd => panic!("no ends here"),
        };
        from.write_all(bytes).expect("to send");
        let mut arrived = vec![0; bytes.len()];
        to.read_exact(&mut arrived).unwrap_or_else(|error| panic!("{}: {error}", bytes.escape_ascii()));
        assert_eq!(arrived.escape_ascii().to_string(), bytes.escape_ascii().to_string());
    }
}

/// Everything up to the end, and whether that was a reset.
#[track_caller]
pub(crate) fn rest(mut stream: &TcpStream) -> (Vec<u8>, bool) {
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return (bytes, false),
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) if is_reset(&error) => return (bytes, true),
            Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&bytes)),
        }
    }
}

/// The steps pass, and nothing comes behind them.
#[track_caller]
fn passes(is_strict: bool, steps: &[Step<'_>]) {
    tunnel(is_strict, |tunnel| {
        let (client, server) = tunnel.pair();
        pass(&client, &server, steps);
        finish(&client);
        expect_eof(&server, LIMIT);
        finish(&server);
        expect_eof(&client, LIMIT);
    });
}

/// The client's payload is answered with this status, and only `passed` bytes of it reach the server.
#[track_caller]
fn refused(before: &[Step<'_>], payload: &[u8], at: usize, status: u16, passed: usize) {
    tunnel(true, |tunnel| {
        let (client, server) = tunnel.pair();
        pass(&client, &server, before);
        let (first, second) = payload.split_at(at);
        // The answer may come before all is sent.
        let _ = (&client).write_all(first).and_then(|()| (&client).write_all(second));
        let (answer, _) = rest(&client);
        let answer = String::from_utf8_lossy(&answer);
        let payload_text = payload.escape_ascii();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{status}, not {answer:?}: {payload_text}"
        );
        assert!(answer.contains("\r\nwayside-error: "), "{answer}");
        let (arrived, _) = rest(&server);
        assert_eq!(arrived.escape_ascii().to_string(), payload[..passed].escape_ascii().to_string());
    });
}

/// The client's payload is answered with 400, and its first line does not reach the server whole.
#[track_caller]
pub(crate) fn refused_in_line(payload: &[u8], at: usize) {
    tunnel(true, |tunnel| {
        let (client, server) = tunnel.pair();
        let (first, second) = payload.split_at(at);
        let _ = (&client).write_all(first);
        let _ = (&client).write_all(second);
        let (answer, _) = rest(&client);
        let name = payload.escape_ascii();
        assert!(answer.starts_with(b"HTTP/1.1 400 "), "{}: {name}", answer.escape_ascii());
        let (arrived, _) = rest(&server);
        let names_http = arrived.windows(5).any(|part| part.eq_ignore_ascii_case(b"HTTP/"));
        let line = arrived.trim_ascii_start();
        assert!(payload.starts_with(&arrived) && !line.contains(&b'\n') && !names_http, "{name}");
    });
}

/// The server's payload becomes a 502 before a byte of it has passed, the end if nobody asked, or a reset after `passed`
/// bytes.
#[track_caller]
fn replaced(before: &[Step<'_>], payload: &[u8], at: usize, status: u16, passed: usize) {
    tunnel(true, |tunnel| {
        let (client, server) = tunnel.pair();
        pass(&client, &server, before);
        let (first, second) = payload.split_at(at);
        let _ = (&server).write_all(first).and_then(|()| (&server).write_all(second));
        let (answer, is_reset) = rest(&client);
        let count = |wanted: fn(&Step<'_>) -> bool| before.iter().filter(|step| wanted(step)).count();
        let is_asked = count(|step| matches!(step, C(_))) > count(|step| matches!(step, S(_)));
        if passed == 0 && !is_asked {
            assert_eq!((answer.as_slice(), is_reset), (&b""[..], false));
        } else if passed == 0 {
            let answer = String::from_utf8_lossy(&answer);
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer:?}");
            assert!(answer.contains("\r\nwayside-error: ") && !is_reset, "{answer}");
        } else {
            assert_eq!(answer.escape_ascii().to_string(), payload[..passed].escape_ascii().to_string());
            assert!(is_reset, "a message that was cut off looks whole");
        }
        rest(&server);
    });
}

/// Checks one payload.
#[track_caller]
pub(crate) fn check(before: &[Step<'_>], payload: Step<'_>, _: Lenient, strict: Strict) {
    let steps = [before, &[payload]].concat();
    passes(false, &steps);
    let (bytes, is_client) = match payload {
        C(bytes) => (bytes, true),
        S(bytes) => (bytes, false),
        _ => panic!("not a payload"),
    };
    let (status, passed) = match strict {
        Pass => return passes(true, &steps),
        Refuse(status) => (status, 0),
        After(status, passed) => (status, passed),
    };
    if !is_client && before.is_empty() {
        // A server that speaks first and in HTTP has nobody to answer.
        return replaced(before, bytes, 0, status, passed);
    }
    for at in [0, 1, bytes.len() / 2, bytes.len() - 1] {
        if !is_client {
            replaced(before, bytes, at, status, passed);
            continue;
        }
        refused(&GOOD, bytes, at, status, passed);
        // What does not begin like a request passes up to where it becomes one to a lenient server.
        match Detector::default().client(bytes).expect("a verdict").protocol {
            Protocol::Http1 => refused(before, bytes, at, status, passed),
            _ => refused_in_line(bytes, at),
        }
    }
}
