//! The end under load: nobody's request fails, and who has nothing to ask goes early.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::servers::{forward, need};
use crate::support::*;

/// Answers each request, and never ends a connection itself.
fn patient() -> Server {
    Server::start(|mut stream| {
        let (mut buffer, mut held) = (vec![0; 64 << 10], 0);
        loop {
            let count = stream.read(&mut buffer[held..])?;
            if count == 0 {
                return Ok(());
            }
            held += count;
            if buffer[..held].ends_with(b"\r\n\r\n") {
                stream.write_all(OK)?;
                held = 0;
            }
        }
    })
}

#[test]
fn no_request_of_wrk_fails() {
    let wrk = match need("wrk") {
        Ok(wrk) => wrk,
        Err(why) => skipped!("{why}"),
    };
    let server = patient();
    let mut wayside = Wayside::start(&["--forward", &forward(server.addr())]);
    let url = format!("http://{}/", wayside.addr(0));
    let mut command = Command::new(wrk);
    command.args(["-t", "1", "-c", "8", "-d", "2", &url]);
    let wrk = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("wrk");
    eventually("wrk is at work", LIMIT, || wayside.metrics().sum("request_total", &[]) > 1000.0);
    wayside.signal(Signal::TERM);
    eventually("the drain has begun", LIMIT, || wayside.get("/ready").0 == 503);
    let before = wayside.metrics().sum("response_total", &[]);
    eventually("it goes on", LIMIT, || wayside.metrics().sum("response_total", &[]) > before + 1000.0);
    let output = wrk.wait_with_output().expect("wrk's end");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains(" requests in "), "{said}");
    assert!(!said.contains("Socket errors") && !said.contains("Non-2xx"), "{said}");
    let status = wayside.wait(LIMIT).expect("it ends");
    assert_eq!(status.code(), Some(0));
}

#[test]
fn idle_connections_are_closed_within_a_second() {
    let mut tunnel = Tunnel::new(&[]);
    let pairs = [tunnel.pair(), tunnel.pair()];
    for (mut client, mut server) in pairs.iter().map(|(client, server)| (client, server)) {
        client.write_all(GET).expect("to ask");
        server.read_exact(&mut vec![0; GET.len()]).expect("the request");
        server.write_all(OK).expect("to answer");
        client.read_exact(&mut vec![0; OK.len()]).expect("the answer");
    }
    // The second is asked once more, and answered late.
    let [idle, (mut client, mut server)] = pairs;
    client.write_all(GET).expect("to ask");
    server.read_exact(&mut vec![0; GET.len()]).expect("the request");
    let began = Instant::now();
    tunnel.wayside.signal(Signal::TERM);
    expect_eof(&idle.0, Duration::from_millis(1500));
    expect_eof(&idle.1, Duration::from_millis(1500));
    assert!(began.elapsed() < Duration::from_millis(1500), "{:?}", began.elapsed());
    drop(idle);
    expect_silence(&client, Duration::from_millis(700));
    assert!(tunnel.wayside.is_running(), "a request is on its way");
    server.write_all(OK).expect("to answer");
    let mut answer = vec![0; OK.len()];
    client.read_exact(&mut answer).expect("the answer");
    assert_eq!(answer, OK);
    expect_eof(&client, Duration::from_millis(1500));
    drop((client, server));
    assert_eq!(tunnel.wayside.wait(LIMIT).expect("it ends").code(), Some(0));
}

/// Empty lines before a request are nothing (RFC 9112, section 2.2), and half of one neither.
#[test]
fn empty_lines_keep_no_connection_open() {
    for (args, lines) in [(&[][..], ["\r", "\r\n", "\r\n\r"]), (&["--http-strict"], ["\r", "\r\n", "\r\n"])] {
        let mut tunnel = Tunnel::new(args);
        let pairs = lines.map(|line| {
            let (mut client, mut server) = tunnel.pair();
            client.write_all(GET).expect("to ask");
            server.read_exact(&mut vec![0; GET.len()]).expect("the request");
            server.write_all(OK).expect("to answer");
            client.read_exact(&mut vec![0; OK.len()]).expect("the answer");
            client.write_all(line.as_bytes()).expect("an empty line");
            (client, server)
        });
        let sent: usize = lines.map(str::len).iter().sum();
        let read = || tunnel.wayside.metrics().sum("tcp_read_bytes_total", &[("peer", "src")]) as usize;
        eventually("it has come", LIMIT, || read() == 3 * GET.len() + sent);
        tunnel.wayside.signal(Signal::TERM);
        for (client, _server) in &pairs {
            let mut rest = [0];
            client.set_read_timeout(Some(Duration::from_millis(1500))).expect("a time-out");
            let end = (&*client).read(&mut rest);
            assert!(matches!(end, Ok(0)), "{args:?}: {end:?}");
        }
        drop(pairs);
        assert_eq!(tunnel.wayside.wait(LIMIT).expect("it ends").code(), Some(0));
    }
}
