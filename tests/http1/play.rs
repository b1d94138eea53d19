//! Plays the conversations of `tests/h1` through wayside: the test is the client and the server.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;

use super::counts::{Counts, counted, settled};
use super::harness::{LIMIT, Tunnel, expect_eof, finish};
use super::step::{C, ClientEnd, S, ServerEnd, Step};

/// A conversation, what an observer makes of it, and the status with which strict observation refuses it.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) steps: &'static [Step<'static>],
    pub(crate) events: &'static str,
    pub(crate) strict: Option<u16>,
}

/// How a conversation is cut: one of its steps, by index, in two pieces at a place; or every step in pieces of a size.
#[derive(Debug, Clone, Copy)]
enum Cut {
    Pieces(usize),
    At(usize, usize),
}

/// Every cut that is tried.
fn cuts(steps: &[Step<'_>]) -> Vec<Cut> {
    let mut cuts = vec![Cut::Pieces(usize::MAX), Cut::Pieces(1), Cut::Pieces(3)];
    for (index, step) in steps.iter().enumerate() {
        if let C(bytes) | S(bytes) = step {
            // All places of short messages; a connection each, and ports are not without end.
            let stride = bytes.len() / 64 + 1;
            cuts.extend((1..bytes.len()).step_by(stride).map(|at| Cut::At(index, at)));
        }
    }
    cuts
}

/// Sends the bytes in pieces, each when the one before has arrived, and looks at what arrives. Strict observation holds
/// back what is not complete: there they are only sent one after the other.
fn carry(from: &TcpStream, to: &TcpStream, pieces: &[&[u8]], is_strict: bool) -> Result<(), String> {
    for piece in pieces {
        let mut from = from;
        from.write_all(piece).map_err(|error| format!("sending {piece:?}: {error}"))?;
        if !is_strict {
            arrive(to, piece)?;
        }
    }
    if is_strict { arrive(to, &pieces.concat()) } else { Ok(()) }
}

fn arrive(mut to: &TcpStream, bytes: &[u8]) -> Result<(), String> {
    let mut arrived = vec![0; bytes.len()];
    to.read_exact(&mut arrived).map_err(|error| format!("receiving {}: {error}", bytes.escape_ascii()))?;
    if arrived == bytes {
        return Ok(());
    }
    Err(format!("{} became {}", bytes.escape_ascii(), arrived.escape_ascii()))
}

/// The pieces of one step.
fn pieces(bytes: &[u8], index: usize, cut: Cut) -> Vec<&[u8]> {
    match cut {
        Cut::Pieces(size) => bytes.chunks(size).collect(),
        Cut::At(step, at) if step == index => vec![&bytes[..at], &bytes[at..]],
        Cut::At(..) => vec![bytes],
    }
}

/// Plays one conversation over a connection of its own, and ends both sides in order.
fn play(tunnel: &Tunnel, steps: &[Step<'_>], cut: Cut, is_strict: bool) -> Result<(), String> {
    let (client, server) = tunnel.pair();
    let mut ended = [false; 2];
    for (index, step) in steps.iter().chain(&[ClientEnd, ServerEnd]).enumerate() {
        match step {
            C(bytes) => carry(&client, &server, &pieces(bytes, index, cut), is_strict)?,
            S(bytes) => carry(&server, &client, &pieces(bytes, index, cut), is_strict)?,
            ClientEnd if !ended[0] => {
                finish(&client);
                expect_eof(&server, LIMIT);
                ended[0] = true;
            }
            ServerEnd if !ended[1] => {
                finish(&server);
                expect_eof(&client, LIMIT);
                ended[1] = true;
            }
            ClientEnd | ServerEnd => {}
        }
    }
    Ok(())
}

/// What the events of a conversation come to in the metrics: how many requests, and what became of them.
fn expected(events: &str) -> (u64, Counts) {
    let (mut requests, mut open, mut counts) = (0, BTreeMap::<&str, String>::new(), Counts::new());
    let mut count = |status: String, error: &str| *counts.entry((status, error.to_owned())).or_default() += 1;
    for event in events.split("; ") {
        match event.split(' ').collect::<Vec<_>>()[..] {
            [">", id, ..] => {
                requests += 1;
                open.insert(id, String::new());
            }
            ["<", id, status, ..] => {
                let number: u16 = status.parse().expect("a status");
                let status = if number > 599 { "~other" } else { status };
                open.insert(id, status.to_owned());
            }
            ["<|", id, ..] => count(open.remove(id).expect("an open request"), ""),
            ["reset", id, by, _] => {
                if let Some(status) = open.remove(id) {
                    count(status, if by == "Client" { "client_closed" } else { "server_closed" });
                }
            }
            _ => {}
        }
    }
    // `play` ends the client first: it was the one that left.
    open.into_values().for_each(|status| count(status, "client_closed"));
    (requests, counts)
}

/// Plays a conversation, cut in every way: each byte arrives as it was sent, and each exchange is counted.
#[track_caller]
fn hold_one(case: &Case, args: &[&str]) {
    let Case { name, steps, events, .. } = case;
    let tunnel = Tunnel::new(args);
    let cuts = cuts(steps);
    for cut in &cuts {
        if let Err(error) = play(&tunnel, steps, *cut, !args.is_empty()) {
            panic!("{name}, {args:?}, {cut:?}: {error}");
        }
    }
    let metrics = settled(&tunnel.wayside);
    let runs = cuts.len() as u64;
    let (requests, mut counts) = expected(events);
    counts.values_mut().for_each(|count| *count *= runs);
    assert_eq!(metrics.sum("request_total", &[]) as u64, requests * runs, "{name}");
    assert_eq!(counted(&metrics), counts, "{name}");
    assert_eq!(metrics.sum("http_requests_in_flight", &[]), 0.0, "{name}");
    assert_eq!(metrics.sum("http_blind_total", &[]), 0.0, "{name}");
}

/// Plays a table of conversations; under strict those that it lets pass.
#[track_caller]
pub(crate) fn hold(cases: &[Case]) {
    for case in cases {
        hold_one(case, &[]);
        if case.strict.is_none() {
            hold_one(case, &["--http-strict"]);
        }
    }
}
