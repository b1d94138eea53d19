//! The end under load: nobody's request fails, and who has nothing to ask goes early.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::servers::{Certificate, Nginx, forward, need};
use crate::support::*;

#[test]
fn no_request_of_wrk_fails() {
    let (wrk, certificate) = match need("wrk").and_then(|wrk| Ok((wrk, Certificate::new()?))) {
        Ok(both) => both,
        Err(why) => skipped!("{why}"),
    };
    let dir = TempDir::new();
    dir.file("small", "small");
    let nginx = match Nginx::start(&certificate, dir.path()) {
        Ok(nginx) => nginx,
        Err(why) => skipped!("{why}"),
    };
    let mut wayside = Wayside::start(&["--forward", &forward(nginx.plain)]);
    let url = format!("http://{}/small", wayside.addr(0));
    let mut command = Command::new(wrk);
    // Few enough requests that nginx does not end a connection itself: it does after 1,000.
    command.args(["-t", "1", "-c", "8", "-d", "2", "-s"]).arg(dir.file("slow.lua", SLOW)).arg(&url);
    let wrk = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("wrk");
    eventually("wrk is at work", LIMIT, || wayside.metrics().sum("request_total", &[]) > 100.0);
    wayside.signal(Signal::TERM);
    let output = wrk.wait_with_output().expect("wrk's end");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains(" requests in "), "{said}");
    assert!(!said.contains("Socket errors") && !said.contains("Non-2xx"), "{said}");
    let status = wayside.wait(LIMIT).expect("it ends");
    assert_eq!(status.code(), Some(0));
}

/// A request each 20 ms on each connection.
const SLOW: &str = "function delay() return 20 end";

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
