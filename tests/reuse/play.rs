//! Plays exchanges step by step: who sends what when, and what the other hears then, to the byte.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crate::support::*;

/// One step; wayside has until [`LIMIT`] to do its part.
#[derive(Debug)]
pub(crate) enum Step {
    /// The client sends this.
    Asks(&'static str),
    /// wayside connects to the server.
    Accept,
    /// The server has heard this, and nothing is left out.
    Got(&'static str),
    /// And nothing more comes to it for now.
    QuietAtServer,
    /// The server sends this.
    Says(&'static str),
    /// The client has heard this.
    Hears(&'static str),
    /// The client ends its side.
    ClientEnds,
    /// The server ends its side.
    ServerEnds,
    /// The server resets.
    ServerResets,
    /// The client hears the end.
    EndAtClient,
    /// The client hears that the answer was cut off.
    ResetAtClient,
    /// The server hears an end or a reset.
    GoneAtServer,
}
pub(crate) const POST: &str = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 6\r\n\r\n";
pub(crate) const PATIENT: &str =
    "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 6\r\n\r\n";
pub(crate) const CHUNKED: &str = "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
pub(crate) const GET_1: &str = "GET /1 HTTP/1.1\r\nHost: h\r\n\r\n";
pub(crate) const GET_2: &str = "GET /2 HTTP/1.1\r\nHost: h\r\n\r\n";
pub(crate) const BOTH: &str = "GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n";
pub(crate) const OK_1: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1";
pub(crate) const OK_2: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2";
pub(crate) const EARLY: &str = "HTTP/1.1 413 Too Big\r\nContent-Length: 2\r\n\r\nno";
pub(crate) const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";
pub(crate) const HINTS: &str = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
pub(crate) const CLOSED: &str = "HTTP/1.1 502 Bad Gateway\r\nwayside-error: server closed the connection\r\n\
                      content-type: text/plain\r\ncontent-length: 46\r\n\r\n502 Bad Gateway: server closed the connection\n";
pub(crate) const CLOSED_LAST: &str = "HTTP/1.1 502 Bad Gateway\r\nwayside-error: server closed the connection\r\n\
                           content-type: text/plain\r\ncontent-length: 46\r\nconnection: close\r\n\r\n\
                           502 Bad Gateway: server closed the connection\n";

use Step::*;

#[track_caller]
pub(crate) fn read(mut stream: &TcpStream, expected: &str, case: &str) {
    let mut bytes = vec![0; expected.len()];
    let mut count = 0;
    while count < bytes.len() {
        match stream.read(&mut bytes[count..]) {
            Ok(0) => break,
            Ok(more) => count += more,
            Err(error) => panic!("{case}: {error} after {:?}", String::from_utf8_lossy(&bytes[..count])),
        }
    }
    assert_eq!(String::from_utf8_lossy(&bytes[..count]), expected, "{case}");
}

#[track_caller]
pub(crate) fn play(case: &str, steps: &[Step]) {
    let tunnel = Tunnel::new(&["--http-reuse", "--pool-idle-timeout=60s"]);
    let client = tunnel.wayside.connect(0);
    let mut upstream = None;
    let server = |upstream: &Option<TcpStream>| {
        upstream.as_ref().and_then(|stream: &TcpStream| stream.try_clone().ok()).expect("a server")
    };
    for (number, step) in steps.iter().enumerate() {
        let case = format!("{case}, step {number}: {step:?}");
        match step {
            Asks(bytes) => (&client).write_all(bytes.as_bytes()).expect("to send"),
            Accept => upstream = Some(accept(&tunnel.server)),
            Got(bytes) => read(&server(&upstream), bytes, &case),
            QuietAtServer => expect_silence(&server(&upstream), Duration::from_millis(30)),
            Says(bytes) => server(&upstream).write_all(bytes.as_bytes()).expect("to send"),
            Hears(bytes) => read(&client, bytes, &case),
            ClientEnds => client.shutdown(Shutdown::Write).expect("to end"),
            ServerEnds => server(&upstream).shutdown(Shutdown::Write).expect("to end"),
            ServerResets => reset(upstream.take().expect("a server")),
            EndAtClient => expect_end(&client, &case, false),
            ResetAtClient => expect_end(&client, &case, true),
            GoneAtServer => {
                let end = server(&upstream).read(&mut [0]);
                assert!(end.as_ref().map_or_else(is_reset, |count| *count == 0), "{case}: {end:?}");
            }
        }
    }
    drop((client, upstream));
    let in_flight = || tunnel.wayside.metrics().sum("http_requests_in_flight", &[]);
    eventually("nothing is open", LIMIT, || in_flight() == 0.0);
}

#[track_caller]
fn expect_end(mut client: &TcpStream, case: &str, is_cut: bool) {
    let end = client.read(&mut [0]);
    assert!(
        end.as_ref().map_or_else(|error| is_cut && is_reset(error), |count| !is_cut && *count == 0),
        "{case}: {end:?}"
    );
}
