//! Servers of a route that end or reset a connection: before their answer, and within it.

use std::io::{Read, Write};
use std::net::Shutdown;

use crate::peers::Backend;
use crate::support::*;

/// Reads a request's head, answers with this, and ends or resets.
fn server(answer: &'static [u8], resets: bool) -> Server {
    Server::start(move |mut stream| {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut next = [0];
            stream.read_exact(&mut next)?;
            head.push(next[0]);
        }
        stream.write_all(answer)?;
        if resets {
            reset(stream);
        }
        Ok(())
    })
}

/// Everything goes to a set of these servers, by way of a forward.
fn routed(servers: &[&str], options: &str) -> (Wayside, TempDir) {
    let dir = TempDir::new();
    let text = format!(
        "admin-listen = '127.0.0.1:0'\ninbound-listen = 'off'\noutbound-listen = 'off'\n\
         {options}forward = '127.0.0.1:0=127.0.0.1:9'\n[[route]]\nbackend = 'a'\n[backends.a]\nservers = {servers:?}\n"
    );
    let path = dir.file("wayside.toml", text);
    (Wayside::start(&["--config", path.to_str().expect("a path")]), dir)
}

#[test]
fn a_single_one_that_does_not_answer_is_a_502() {
    for (resets, cause) in [(false, "server closed the connection"), (true, "server reset the connection")] {
        let server = server(b"", resets);
        let (wayside, _dir) = routed(&[&server.addr().to_string()], "");
        for (asked, method) in ["GET", "PUT", "DELETE", "POST"].into_iter().enumerate() {
            let mut client = wayside.connect(0);
            client.write_all(format!("{method} / HTTP/1.1\r\nHost: h\r\n\r\n").as_bytes()).expect("to ask");
            finish(&client);
            let mut answer = String::new();
            client.read_to_string(&mut answer).expect("an answer");
            let head = format!("HTTP/1.1 502 Bad Gateway\r\nwayside-error: {cause}\r\n");
            assert!(answer.starts_with(&head), "{method}: {answer}");
            assert_eq!(server.accepted(), asked + 1, "{method}: it goes there once");
        }
        let metrics = wayside.metrics();
        assert_eq!(metrics.sum("wayside_retries_total", &[]), 0.0, "nothing was sent anew");
        assert_eq!(metrics.sum("response_total", &[("status_code", "502"), ("error", cause)]), 4.0);
    }
}

#[test]
fn what_another_one_answers_counts_as_sent_anew() {
    let (lost, other) = (server(b"", false), Backend::start("other", std::time::Duration::ZERO));
    let (wayside, _dir) = routed(&[&lost.addr().to_string(), &other.addr().to_string()], "");
    let mut times = 0;
    eventually("the lost one is asked first", LIMIT, || {
        let before = lost.accepted();
        let mut client = wayside.connect(0);
        client.write_all(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").expect("to ask");
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        times += lost.accepted() - before;
        times > 0
    });
    assert_eq!(wayside.metrics().sum("wayside_retries_total", &[]), times as f64);
}

/// How the answer ends for a client whose request and end come in one segment.
fn hurried(wayside: &Wayside) -> std::io::Result<Vec<u8>> {
    let client = wayside.connect(0);
    rustix::net::sockopt::set_tcp_cork(&client, true).expect("to hold back the request");
    (&client).write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").expect("to ask");
    client.shutdown(Shutdown::Write).expect("to end");
    let mut answer = Vec::new();
    (&client).read_to_end(&mut answer).map(|_| answer)
}

#[test]
fn an_answer_that_is_cut_short_never_ends_in_order() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npartial"[..],
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
    ] {
        let server = server(answer, false);
        let (wayside, _dir) = routed(&[&server.addr().to_string()], "");
        for round in 0..40 {
            let end = hurried(&wayside);
            assert!(end.as_ref().is_err_and(is_reset), "round {round}: {end:?}");
        }
    }
    // One that has no other end.
    let server = server(b"HTTP/1.1 200 OK\r\n\r\nall", false);
    let (wayside, _dir) = routed(&[&server.addr().to_string()], "");
    for _ in 0..40 {
        assert!(hurried(&wayside).expect("an end in order").ends_with(b"all"));
    }
}

#[test]
fn an_answer_that_the_drain_cuts_short_never_ends_in_order() {
    let server = Server::start(|mut stream| {
        let mut heard = [0; 1024];
        while stream.read(&mut heard)? > 0 {
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\npart")?;
        }
        Ok(())
    });
    let (mut wayside, _dir) = routed(&[&server.addr().to_string()], "drain-timeout = '300ms'\n");
    let mut client = wayside.connect(0);
    client.write_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n").expect("to ask");
    let mut answer = Vec::new();
    while !answer.ends_with(b"part") {
        let mut next = [0];
        client.read_exact(&mut next).expect("the beginning");
        answer.push(next[0]);
    }
    wayside.signal(rustix::process::Signal::TERM);
    expect_reset(&client, LIMIT);
    assert!(wayside.wait(LIMIT).is_some_and(|status| status.success()));
}
