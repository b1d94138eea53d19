//! What is remembered of servers that spoke before their client: routes and pooling do not hold for them, so it must be
//! true, and not stay when it is no more.

mod support;

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};

use support::*;

const GREETING: &[u8] = b"220 hello\r\n";
const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
const TIMED_OUT: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
const NOTHING: &str = "{\"server_first\":[\n]}\n";

/// Answers each request with `name`.
fn answer(mut stream: TcpStream, name: &str) -> io::Result<()> {
    let (mut request, mut byte) = (Vec::new(), [0]);
    while stream.read(&mut byte)? > 0 {
        request.extend(byte);
        if request.ends_with(b"\r\n\r\n") {
            write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len())?;
            let asked = String::from_utf8_lossy(&std::mem::take(&mut request)).to_ascii_lowercase();
            if asked.contains("connection: close") {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Says `words`, and leaves when the client has.
fn say(mut stream: TcpStream, words: &[u8]) -> io::Result<()> {
    stream.write_all(words)?;
    stream.shutdown(Shutdown::Write)?;
    io::copy(&mut stream, &mut io::sink()).map(drop)
}

fn named(name: &'static str) -> Server {
    Server::start(move |stream| answer(stream, name))
}

/// wayside with a forward to `target`, and a route for all there is to `a`.
fn routed(target: &str, a: &Server) -> (Wayside, TempDir) {
    let dir = TempDir::new();
    let text = format!(
        "admin-listen = '127.0.0.1:0'\n[[route]]\npath-prefix = '/'\nbackend = 'a'\n[backends.a]\nservers = ['{}']\n",
        a.addr()
    );
    let path = dir.file("wayside.toml", text);
    let forward = format!("127.0.0.1:0={target}");
    (Wayside::start(&["--forward", &forward, "--config", path.to_str().expect("a path")]), dir)
}

/// All that a client hears that says `words` at once.
fn hear(wayside: &Wayside, words: &[u8]) -> Vec<u8> {
    let mut client = wayside.connect(0);
    client.write_all(words).expect("to send");
    let mut heard = Vec::new();
    client.read_to_end(&mut heard).expect("to hear");
    heard
}

/// The body of the answer to a GET.
fn get(wayside: &Wayside) -> String {
    let heard = String::from_utf8(hear(wayside, GET)).expect("text");
    heard.rsplit_once("\r\n\r\n").map_or(heard.clone(), |(_, body)| body.to_owned())
}

fn listed(wayside: &Wayside) -> String {
    let (status, list) = wayside.get("/server-first");
    assert_eq!(status, 200);
    list
}

#[test]
fn the_end_of_a_servers_patience_is_no_greeting() {
    // A TLS server's last word is an alert.
    for last_word in [TIMED_OUT, b"HTTP/1.0 400 Bad request\r\n\r\n", &[0x15, 3, 3, 0, 2, 1, 0]] {
        // Dialled for a client that is silent, it says so.
        let original = Server::start(move |stream| say(stream, last_word));
        let a = named("a");
        let (wayside, _dir) = routed(&original.addr().to_string(), &a);
        assert_eq!(hear(&wayside, b""), last_word);
        let labels = [("protocol", "unknown"), ("decided_by", "server")];
        eventually("it is counted", LIMIT, || wayside.metrics().sum("tcp_detect_total", &labels) == 1.0);
        assert_eq!(listed(&wayside), NOTHING, "{last_word:?}");
        assert_eq!(get(&wayside), "a");
    }
}

#[test]
fn nor_is_it_in_pieces() {
    for at in [1, 4] {
        let (go_on, may_go_on) = mpsc::channel();
        let may_go_on = Mutex::new(may_go_on);
        let original = Server::start(move |mut stream| {
            stream.set_nodelay(true)?;
            stream.write_all(&TIMED_OUT[..at])?;
            may_go_on.lock().expect("a lock").recv().map_err(io::Error::other)?;
            stream.write_all(&TIMED_OUT[at..])
        });
        let a = named("a");
        let (wayside, _dir) = routed(&original.addr().to_string(), &a);
        let mut client = wayside.connect(0);
        let mut heard = vec![0; at];
        client.read_exact(&mut heard).expect("the first piece");
        go_on.send(()).expect("a server");
        client.read_to_end(&mut heard).expect("the rest");
        assert_eq!(heard, TIMED_OUT);
        assert_eq!(listed(&wayside), NOTHING);
        assert_eq!(get(&wayside), "a");
    }
}

#[test]
fn connections_to_it_are_shared_as_before() {
    let has_spoken = AtomicBool::new(false);
    let original = Server::start(move |stream| {
        if has_spoken.swap(true, Ordering::SeqCst) {
            answer(stream, "original")
        } else {
            say(stream, TIMED_OUT)
        }
    });
    let forward = format!("127.0.0.1:0={}", original.addr());
    let wayside = Wayside::start(&["--forward", &forward, "--http-reuse", "--admin-listen", "127.0.0.1:0"]);
    // Strict: an answer that nobody has asked for does not pass.
    assert_eq!(hear(&wayside, b""), b"");
    assert_eq!(listed(&wayside), NOTHING);
    eventually("a connection is used again", LIMIT, || {
        assert_eq!(get(&wayside), "original");
        wayside.metrics().sum("wayside_pool_total", &[("event", "reused")]) > 0.0
    });
}

#[test]
fn a_target_that_answers_requests_is_forgotten() {
    // It greets at first, and is another server later.
    let is_other = Arc::new(AtomicBool::new(false));
    let theirs = Arc::clone(&is_other);
    let original = Server::start(move |stream| {
        if theirs.load(Ordering::SeqCst) { answer(stream, "original") } else { say(stream, GREETING) }
    });
    let a = named("a");
    let (wayside, _dir) = routed(&original.addr().to_string(), &a);
    let list = format!("{{\"server_first\":[\n\"{}\"\n]}}\n", original.addr());
    assert_eq!(hear(&wayside, b""), GREETING);
    assert_eq!(listed(&wayside), list);
    // What it says to a request is not of HTTP.
    assert_eq!(hear(&wayside, GET), GREETING);
    assert_eq!(listed(&wayside), list);
    is_other.store(true, Ordering::SeqCst);
    assert_eq!(get(&wayside), "original");
    assert_eq!(listed(&wayside), NOTHING);
    assert_eq!(get(&wayside), "a");
}

#[test]
fn a_target_with_a_name_is_remembered() {
    let (original, a) = (Server::greeter(GREETING), named("a"));
    let (wayside, _dir) = routed(&format!("localhost:{}", original.addr().port()), &a);
    assert_eq!(get(&wayside), "a");
    let greeted = || {
        let mut heard = vec![0; GREETING.len()];
        wayside.connect(0).read_exact(&mut heard).expect("its greeting");
        assert_eq!(heard, GREETING);
    };
    greeted();
    assert_eq!(listed(&wayside), format!("{{\"server_first\":[\n\"{}\"\n]}}\n", original.addr()));
    // It is dialled whatever the client says, as one without a name would be.
    let mut client = wayside.connect(0);
    client.write_all(GET).expect("to send");
    let mut heard = vec![0; GREETING.len()];
    client.read_exact(&mut heard).expect("its greeting");
    assert_eq!(heard, GREETING);
    greeted();
    assert_eq!(a.accepted(), 1);
}
