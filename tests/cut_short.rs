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

const ASKED: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
/// What a client and its server have said when wayside ends it; the rest is to come.
const AMID: [[&[u8]; 2]; 5] = [
    [ASKED, b"HTTP/1.1 200 OK\r\n\r\nhalf"],
    [ASKED, b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"],
    [ASKED, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"],
    // Nobody can tell what is whole here.
    [b"\0\x01\x02\x03", b"\x04\x05\x06\x07"],
    [b"", b"220 here\r\n"],
];
/// The same, where all of it was said.
const WHOLE: [[&[u8]; 2]; 2] = [[ASKED, b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone"], [b"", b""]];

/// Says both, ends the client's side for the half-close time-out, and asks for the end of what nothing moves on.
fn give_up(option: &str, said: [&[u8]; 2]) -> (TcpStream, TcpStream, Tunnel) {
    let tunnel = Tunnel::new(&[option, "400ms"]);
    let (client, server) = tunnel.pair();
    for (mut from, mut to, bytes) in [(&client, &server, said[0]), (&server, &client, said[1])] {
        let mut heard = vec![0; bytes.len()];
        from.write_all(bytes).and_then(|()| to.read_exact(&mut heard)).expect("both are there");
    }
    match option {
        "--half-close-timeout" => finish(&client),
        "--drain-timeout" => tunnel.wayside.signal(Signal::TERM),
        _ => {}
    }
    (client, server, tunnel)
}

const OPTIONS: [&str; 3] = ["--idle-timeout", "--half-close-timeout", "--drain-timeout"];

#[test]
fn what_wayside_ends_in_the_middle_is_reset_on_both_sides() {
    for (option, said) in OPTIONS.into_iter().flat_map(|option| AMID.map(|said| (option, said))) {
        let (client, mut server, _tunnel) = give_up(option, said);
        expect_reset(&client, LIMIT);
        let end = server.read(&mut [0]);
        // It has heard the client's own end.
        let is_good = if option == "--half-close-timeout" {
            matches!(end, Ok(0))
        } else {
            end.as_ref().is_err_and(is_reset)
        };
        assert!(is_good, "{option}, {said:?}: {end:?}");
    }
}

#[test]
fn what_is_whole_ends_in_order() {
    for (option, said) in OPTIONS.into_iter().flat_map(|option| WHOLE.map(|said| (option, said))) {
        let (client, server, _tunnel) = give_up(option, said);
        expect_eof(&client, LIMIT);
        expect_eof(&server, LIMIT);
    }
}

#[test]
fn a_slow_reader_gets_what_was_sent_before_the_time_out() {
    let tunnel = Tunnel::new(&["--idle-timeout", "400ms"]);
    let (mut client, mut server) = tunnel.pair();
    small_buffers(&client);
    let sent = vec![7; 150_000];
    server.write_all(&sent).expect("to send");
    eventually("it is given up", LIMIT, || tunnel.wayside.connections().contains("resetting"));
    let mut heard = Vec::new();
    let end = client.read_to_end(&mut heard);
    assert!(end.as_ref().is_err_and(is_reset), "{end:?}");
    assert_eq!(heard.len(), sent.len());
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
