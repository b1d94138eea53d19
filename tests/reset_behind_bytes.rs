//! A side sends bytes and resets, while the other one does not read: the reset waits for the bytes, but not for ever.

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use support::*;

/// More than the client's kernel takes, less than that and wayside's kernel together.
const BYTES: usize = 60_000;

/// A client with the smallest receive buffer there is, and the server's end.
fn pair(tunnel: &Tunnel) -> (TcpStream, TcpStream) {
    let client = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    client.set_recv_buffer_size(4096).expect("SO_RCVBUF");
    let addr: SocketAddr = tunnel.wayside.addr(0);
    client.connect(&addr.into()).expect("a connection to wayside");
    (guard(client.into()).expect("time-outs"), accept(&tunnel.server))
}

/// The server's last words, and then its reset, with all the bytes in wayside's hands.
fn send_and_reset(tunnel: &Tunnel, mut server: TcpStream) {
    server.write_all(&Random::new(7).bytes(BYTES)).expect("to send");
    let carried =
        || field(&tunnel.wayside.connections(), "bytes_out").is_some_and(|n| n == BYTES.to_string());
    eventually("wayside has given all to its kernel", LIMIT, carried);
    reset(server);
    let state = || field(&tunnel.wayside.connections(), "state").is_some_and(|state| state == "resetting");
    eventually("the flow waits for its bytes", LIMIT, state);
}

#[test]
fn a_reader_that_has_stopped_is_given_up_after_the_half_close_time_out() {
    let tunnel = Tunnel::new(&["--half-close-timeout", "500ms"]);
    let (mut client, server) = pair(&tunnel);
    send_and_reset(&tunnel, server);
    let gone = || field(&tunnel.wayside.connections(), "state").is_none();
    eventually("the flow is over", Duration::from_secs(5), gone);
    let read = std::io::copy(&mut client, &mut std::io::sink());
    assert!(read.is_err_and(|error| is_reset(&error)), "the client sees a reset");
}

#[test]
fn a_reader_that_is_slow_gets_all_of_it() {
    let tunnel = Tunnel::new(&["--half-close-timeout", "500ms"]);
    let (mut client, server) = pair(&tunnel);
    send_and_reset(&tunnel, server);
    let (began, mut got, mut buffer) = (Instant::now(), Vec::new(), [0; 4096]);
    loop {
        match client.read(&mut buffer) {
            Ok(0) => panic!("an orderly end after {} bytes", got.len()),
            Ok(count) => got.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if is_reset(&error) => break,
            Err(error) => panic!("{error} after {} bytes", got.len()),
        }
        std::thread::sleep(Duration::from_millis(100)); // pace: slower than the time-out in all, never in one step
    }
    assert!(got == Random::new(7).bytes(BYTES), "{} of {BYTES} bytes arrived", got.len());
    assert!(began.elapsed() > Duration::from_secs(1), "only {:?}: not slow enough to tell", began.elapsed());
}
