//! A stream that wayside cuts short never looks complete: its reader sees a reset, not a FIN.

mod support;

use std::io::Read;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use rustix::process::Signal;
use support::*;

/// A server that pushes, until nothing more goes, at a client that does not read.
fn stall(tunnel: &Tunnel) -> (TcpStream, TcpStream) {
    let (client, server) = tunnel.pair();
    server.set_nonblocking(true).expect("non-blocking");
    let full = || {
        while (&server).write(&[7; 65536]).is_ok() {}
        let before = tunnel.wayside.connections();
        // pace: a stall is a while without a change
        std::thread::sleep(Duration::from_millis(50));
        (&server).write(&[7; 65536]).is_err()
            && tunnel.wayside.connections().contains("relaying")
            && !before.is_empty()
    };
    eventually("the server is stalled", LIMIT, full);
    (client, server)
}

fn expect_no_orderly_end(mut client: TcpStream) {
    let read = std::io::copy(&mut client, &mut std::io::sink());
    assert!(read.as_ref().is_err_and(is_reset), "the client saw {read:?}");
    let _ = client.read(&mut [0]);
}

fn is_gone(tunnel: &Tunnel) -> bool {
    field(&tunnel.wayside.connections(), "state").is_none()
}

#[test]
fn by_a_reset_of_the_sender_behind_bytes_that_are_never_read() {
    let tunnel = Tunnel::new(&["--half-close-timeout", "500ms", "--log", "debug"]);
    let (client, server) = stall(&tunnel);
    reset(server);
    eventually("the flow is given up", LIMIT, || is_gone(&tunnel));
    expect_no_orderly_end(client);
    let line = || tunnel.wayside.stderr().contains("first=server/ECONNRESET");
    eventually("the log says who reset", LIMIT, line);
}

#[test]
fn by_the_idle_time_out() {
    let tunnel = Tunnel::new(&["--idle-timeout", "500ms"]);
    let (client, _server) = stall(&tunnel);
    eventually("the flow is given up", LIMIT, || is_gone(&tunnel));
    expect_no_orderly_end(client);
}

#[test]
fn by_the_drain_time_out() {
    let mut tunnel = Tunnel::new(&["--drain-timeout", "500ms"]);
    let (client, _server) = stall(&tunnel);
    tunnel.wayside.signal(Signal::TERM);
    assert!(tunnel.wayside.wait(LIMIT).is_some_and(|status| status.success()));
    expect_no_orderly_end(client);
}

#[test]
fn what_is_thrown_away_is_not_counted_as_written() {
    let tunnel = Tunnel::new(&[]);
    let (client, _server) = stall(&tunnel);
    let shown = field(&tunnel.wayside.connections(), "bytes_out").expect("a line");
    reset(client);
    eventually("the flow is over", LIMIT, || is_gone(&tunnel));
    let written = tunnel.wayside.metrics().sum("tcp_write_bytes_total", &[("peer", "src")]);
    assert_eq!(written.to_string(), shown);
}

#[test]
fn a_greeting_before_a_reset_is_no_refusal() {
    let tunnel = Tunnel::new(&[]);
    for round in 0..200 {
        let mut client = connect(tunnel.wayside.addr(0)).expect("a connection");
        let mut server = accept(&tunnel.server);
        server.write_all(b"go away\r\n").expect("to send");
        reset(server);
        let mut got = Vec::new();
        let ended = client.read_to_end(&mut got);
        assert_eq!(got, b"go away\r\n", "round {round}: {ended:?}");
        assert!(ended.is_err_and(|error| is_reset(&error)), "round {round}: an orderly end");
    }
    assert_eq!(tunnel.wayside.metrics().sum("wayside_connect_failures_total", &[]), 0.0);
}
