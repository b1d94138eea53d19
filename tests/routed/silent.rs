//! Clients that are silent at first: they are steered when they ask at last, and hear a server that speaks before.

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::peers::{Backend, read_answer};
use crate::support::*;

/// Longer than the `--detect-timeout` of these tests.
const LONGER: Duration = Duration::from_millis(500);

fn routed(original: SocketAddr, backend: SocketAddr, options: &str) -> (Wayside, TempDir) {
    let dir = TempDir::new();
    let text = format!(
        "admin-listen = '127.0.0.1:0'\ninbound-listen = 'off'\noutbound-listen = '127.0.0.1:0'\n\
         detect-timeout = '150ms'\n{options}forward = '127.0.0.1:0={original}'\n\
         [[route]]\npath-prefix = '/a'\nbackend = 'a'\n[backends.a]\nservers = ['{backend}']\n"
    );
    let path = dir.file("wayside.toml", text);
    (Wayside::start(&["--config", path.to_str().expect("a path")]), dir)
}

fn ask(mut client: &TcpStream, path: &str) -> String {
    client.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).expect("to send");
    let answer = read_answer(&mut BufReader::new(client), "GET").expect("an answer");
    answer.who().unwrap_or("us").to_owned()
}

#[test]
fn a_request_after_a_long_silence_takes_its_route() {
    let (original, a) = (Backend::start("original", Duration::ZERO), Backend::start("a", Duration::ZERO));
    let (wayside, _dir) = routed(original.addr(), a.addr(), "");
    for first in ["/a", "/else"] {
        let client = wayside.connect(0);
        expect_silence(&client, LONGER);
        for path in [first, "/a", "/else", "/a"] {
            assert_eq!(ask(&client, path), if path == "/a" { "a" } else { "original" });
        }
    }
    assert_eq!((a.requests(), original.requests()), (5, 3));
}

#[test]
fn a_server_that_speaks_after_a_long_silence_is_heard() {
    let original = listen();
    let (wayside, _dir) = routed(original.local_addr().expect("its address"), ([127, 0, 0, 1], 1).into(), "");
    let mut client = wayside.connect(0);
    let mut server = accept(&original);
    expect_silence(&client, LONGER);
    server.write_all(b"220 ready\r\n").expect("to speak");
    let mut heard = [0; 11];
    client.read_exact(&mut heard).expect("the greeting");
    assert_eq!(&heard, b"220 ready\r\n");
    client.write_all(b"QUIT\r\n").expect("to speak");
    let mut said = [0; 6];
    server.read_exact(&mut said).expect("the command");
    // One that ends instead ends the client.
    drop((client, server));
    let original = listen();
    let (wayside, _dir) = routed(original.local_addr().expect("its address"), ([127, 0, 0, 1], 1).into(), "");
    let client = wayside.connect(0);
    let server = accept(&original);
    expect_silence(&client, LONGER);
    drop(server);
    expect_eof(&client, LIMIT);
}

#[test]
fn a_server_that_is_not_there_is_told_to_a_silent_client() {
    let (_socket, nowhere) = refusing();
    let a = Backend::start("a", Duration::ZERO);
    let (wayside, _dir) = routed(nowhere, a.addr(), "");
    let client = wayside.connect(0);
    expect_reset(&client, LIMIT);
    let client = wayside.connect(0);
    assert_eq!(ask(&client, "/a"), "a");
    // Nor does a client wait for a name that nobody has.
    let dir = TempDir::new();
    let text = format!(
        "admin-listen = '127.0.0.1:0'\ninbound-listen = 'off'\noutbound-listen = 'off'\ndetect-timeout = '150ms'\n\
         forward = '127.0.0.1:0=nobody.invalid:80'\n[[route]]\npath-prefix = '/a'\nbackend = 'a'\n\
         [backends.a]\nservers = ['{}']\n",
        a.addr()
    );
    let path = dir.file("wayside.toml", text);
    let wayside = Wayside::start(&["--config", path.to_str().expect("a path")]);
    let client = wayside.connect(0);
    client.set_read_timeout(Some(LIMIT * 2)).expect("a time-out");
    let end = (&client).read(&mut [0; 1]);
    assert!(end.as_ref().is_err_and(is_reset), "{end:?}");
}

#[test]
fn silence_is_bounded_by_the_idle_timeout_and_the_drain() {
    let original = Server::sink();
    let (wayside, _dir) = routed(original.addr(), original.addr(), "idle-timeout = '400ms'\n");
    expect_eof(&wayside.connect(0), LIMIT);
    expect_eof(&connect(wayside.outbound()[0]).expect("a connection"), LIMIT);
    // As to a proxy: nobody waits for it.
    let (mut wayside, _dir) = routed(original.addr(), original.addr(), "");
    let client = connect(wayside.outbound()[0]).expect("a connection");
    expect_silence(&client, LONGER);
    wayside.signal(rustix::process::Signal::TERM);
    expect_eof(&client, LIMIT);
    assert!(wayside.wait(LIMIT).is_some_and(|status| status.success()));
}

#[test]
fn a_proxy_s_client_may_ask_late() {
    let a = Backend::start("a", Duration::ZERO);
    let (wayside, _dir) = routed(a.addr(), a.addr(), "");
    let client = connect(wayside.outbound()[0]).expect("a connection");
    expect_silence(&client, LONGER);
    assert_eq!(ask(&client, &format!("http://{}/", a.addr())), "a");
}
