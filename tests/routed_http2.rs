//! HTTP/2 and TLS by the routes: a connection goes where its first request, or the name in its ClientHello, says.

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::programs::output;
use support::servers::{Certificate, nghttpd, s_server};
use support::*;

/// The server, or the end of the test.
macro_rules! or_skip {
    ($server:expr) => {
        match $server {
            Ok(server) => server,
            Err(why) => skipped!("{why}"),
        }
    };
}

/// wayside with a forward to `original`, and these routes and backend sets.
fn routed(original: SocketAddr, routes: &str) -> (Wayside, TempDir) {
    let dir = TempDir::new();
    let text = format!(
        "admin-listen = '127.0.0.1:0'\ninbound-listen = 'off'\noutbound-listen = '127.0.0.1:0'\n\
         forward = '127.0.0.1:0={original}'\n{routes}"
    );
    let path = dir.file("wayside.toml", text);
    (Wayside::start(&["--config", path.to_str().expect("a path")]), dir)
}

/// A backend set of one server.
fn backend(name: &str, addr: SocketAddr) -> String {
    format!("[backends.{name}]\nservers = ['{addr}']\n")
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
const ACK: &[u8] = &[0, 0, 0, 4, 1, 0, 0, 0, 0];
const PING: &[u8] = &[0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];

/// HEADERS of a GET on stream 1.
fn headers(path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    // `:method: GET` and `:scheme: http` of the static table, all else spelt out.
    let mut block = vec![0x82, 0x86];
    for (name, value) in [(":path", path), (":authority", "a.test")].iter().chain(fields) {
        block.push(0);
        for text in [name, value] {
            block.push(u8::try_from(text.len()).expect("a short one"));
            block.extend(text.bytes());
        }
    }
    let length = u8::try_from(block.len()).expect("a short one");
    [&[0, 0, length, 1, 5, 0, 0, 0, 1], &block[..]].concat()
}

#[track_caller]
fn read_frame(stream: &mut TcpStream) -> Vec<u8> {
    let mut frame = vec![0; 9];
    stream.read_exact(&mut frame).expect("a frame");
    let length = usize::from(frame[1]) << 8 | usize::from(frame[2]);
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).expect("its payload");
    frame.extend(payload);
    frame
}

/// A client that asks nothing before it has its server's SETTINGS; what it sends then comes in two parts. Gives what the
/// server has read.
fn late(wayside: &Wayside, server: &TcpListener, frames: &[&[u8]], split: usize) -> Vec<u8> {
    let mut client = wayside.connect(0);
    client.write_all(&[PREFACE, SETTINGS].concat()).expect("to send");
    assert_eq!(read_frame(&mut client), SETTINGS, "of wayside");
    let tail = frames.concat();
    client.write_all(&tail[..split]).expect("to send");
    std::thread::sleep(Duration::from_millis(2)); // pace: so that the parts mostly come apart
    client.write_all(&tail[split..]).expect("to send");
    let mut upstream = accept(server);
    upstream.write_all(SETTINGS).expect("to send");
    assert_eq!(read_frame(&mut client), SETTINGS, "of the server");
    client.write_all(ACK).expect("to send");
    client.shutdown(Shutdown::Write).expect("to end");
    let mut heard = Vec::new();
    upstream.read_to_end(&mut heard).expect("all of it");
    drop(upstream);
    expect_eof(&client, LIMIT);
    eventually("the connection is gone", LIMIT, || !wayside.connections().contains("\"id\""));
    heard
}

#[test]
fn a_server_sees_one_acknowledgement_for_each_of_its_settings() {
    let (original, a) = (listen(), listen());
    let addr = |listener: &TcpListener| listener.local_addr().expect("its address");
    let routes = "[[route]]\npath-prefix = '/a'\nheader = { x-canary = 'yes' }\nbackend = 'a'\n";
    let (wayside, _dir) = routed(addr(&original), &format!("{routes}{}", backend("a", addr(&a))));
    let ours = headers("/a/b", &[("x-canary", "yes")]);
    let theirs = headers("/a/b", &[("x-canary", "no")]);
    for (server, request) in [(&a, &ours), (&original, &theirs)] {
        let is_a = addr(server) == addr(&a);
        let orders: [&[&[u8]]; 4] =
            [&[ACK, request], &[request, ACK], &[PING, ACK, request, PING], &[request, PING, ACK, PING]];
        for frames in orders {
            let length = frames.concat().len();
            let without: Vec<&[u8]> = frames.iter().copied().filter(|frame| *frame != ACK).collect();
            let expected = [PREFACE, SETTINGS, &without.concat(), ACK].concat();
            for split in (0..=length).step_by(if is_a { 1 } else { 9 }) {
                assert_eq!(late(&wayside, server, frames, split), expected, "{frames:?} at {split}");
            }
        }
    }
}

#[test]
fn a_request_that_comes_at_once_needs_no_settings_of_ours() {
    let (original, a) = (listen(), listen());
    let addr = |listener: &TcpListener| listener.local_addr().expect("its address");
    let routes = format!("[[route]]\npath-prefix = '/a'\nbackend = 'a'\n{}", backend("a", addr(&a)));
    let (wayside, _dir) = routed(addr(&original), &routes);
    let mut client = wayside.connect(0);
    let all = [PREFACE, SETTINGS, &headers("/a", &[])].concat();
    client.write_all(&all).expect("to send");
    let mut upstream = accept(&a);
    let mut heard = vec![0; all.len()];
    upstream.read_exact(&mut heard).expect("all of it");
    assert_eq!(heard, all);
    upstream.write_all(PING).expect("to send");
    assert_eq!(read_frame(&mut client), PING, "nothing of ours before it");
}

#[test]
fn settings_that_are_never_acknowledged_end_the_connection() {
    let original = listen();
    let routes = format!("detect-timeout = '300ms'\n[[route]]\npath = '/a'\n{}", "backend = 'a'\n");
    let addr = original.local_addr().expect("its address");
    let dir = TempDir::new();
    let text = format!(
        "admin-listen = '127.0.0.1:0'\ninbound-listen = 'off'\noutbound-listen = 'off'\n\
         forward = '127.0.0.1:0={addr}'\n{routes}{}",
        backend("a", addr)
    );
    let path = dir.file("wayside.toml", text);
    let wayside = Wayside::start(&["--config", path.to_str().expect("a path")]);
    for request in [headers("/a", &[]), Vec::new()] {
        let mut client = wayside.connect(0);
        client.write_all(&[PREFACE, SETTINGS].concat()).expect("to send");
        assert_eq!(read_frame(&mut client), SETTINGS);
        client.write_all(&request).expect("to send");
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).expect("an end");
        let text = String::from_utf8_lossy(&rest);
        assert!(text.contains("SETTINGS not acknowledged"), "{text:?}");
    }
    original.set_nonblocking(true).expect("to be asked");
    assert!(original.accept().is_err(), "nobody goes on");
}

#[test]
fn an_idle_client_of_http2_may_take_its_time_and_is_drained() {
    let original = listen();
    let addr = original.local_addr().expect("its address");
    let routes = format!("[[route]]\npath = '/a'\nbackend = 'a'\n{}", backend("a", addr));
    let (mut wayside, _dir) = routed(addr, &routes);
    let mut client = wayside.connect(0);
    client.write_all(&[PREFACE, SETTINGS].concat()).expect("to send");
    assert_eq!(read_frame(&mut client), SETTINGS);
    client.write_all(ACK).expect("to send");
    wayside.signal(rustix::process::Signal::TERM);
    let goaway = read_frame(&mut client);
    assert_eq!((goaway[3], &goaway[9..]), (7, &[0; 8][..]), "GOAWAY, NO_ERROR");
    expect_eof(&client, LIMIT);
    drop(client);
    assert!(wayside.wait(LIMIT).is_some());
}

/// A server of gRPC that answers with its name. It ends with its stdin.
struct Grpc {
    child: Child,
    addr: SocketAddr,
}

fn script() -> Result<Command, String> {
    let python = python().ok_or("there is no Python")?;
    let has = Command::new(&python).args(["-Isc", "import grpc"]).stderr(Stdio::null()).status();
    if !has.is_ok_and(|status| status.success()) {
        return Err("this Python has no grpcio".to_owned());
    }
    let mut command = Command::new(python);
    command.arg("-Is").arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/routed/grpc.py"));
    Ok(command)
}

impl Grpc {
    fn start(name: &str) -> Result<Self, String> {
        let mut command = script()?;
        let command = command.args(["serve", name]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("Python");
        let mut port = String::new();
        BufReader::new(child.stdout.take().expect("a pipe")).read_line(&mut port).expect("its port");
        let port: u16 = port.trim().parse().expect("a port");
        Ok(Grpc { child, addr: ([127, 0, 0, 1], port).into() })
    }
}

impl Drop for Grpc {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a call comes to.
fn call(addr: SocketAddr, path: &str, metadata: &[&str]) -> String {
    let mut command = script().expect("it was there before");
    let said = output(command.args(["ask", &addr.to_string(), path]).args(metadata), b"");
    String::from_utf8(said).expect("text").trim().to_owned()
}

#[test]
fn grpc_goes_by_its_service_and_its_metadata_without_a_wait() {
    let original = or_skip!(Grpc::start("original"));
    let [a, b] = ["a", "b"].map(|name| Grpc::start(name).expect("it was there before"));
    let routes = "[[route]]\npath-prefix = '/pkg.A'\nbackend = 'a'\n\
                  [[route]]\nheader = { x-tenant = 'b' }\nbackend = 'b'\n";
    let sets = format!("{}{}", backend("a", a.addr), backend("b", b.addr));
    let (wayside, _dir) = routed(original.addr, &format!("{routes}{sets}"));
    let began = Instant::now();
    for _ in 0..2 {
        assert_eq!(call(wayside.addr(0), "/pkg.A/Get", &[]), "a hello");
        assert_eq!(call(wayside.addr(0), "/pkg.B/Get", &["x-tenant=b"]), "b hello");
        assert_eq!(call(wayside.addr(0), "/pkg.B/Get", &["x-tenant=c"]), "original hello");
    }
    // On the outbound listener nothing else is known of where it goes.
    assert_eq!(call(wayside.outbound()[0], "/pkg.A/Get", &[]), "a hello");
    assert!(call(wayside.outbound()[0], "/pkg.B/Get", &[]).starts_with("NOT_FOUND "));
    // The detection would give up after 10 s.
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
    let labels = [("backend", "a"), ("protocol", "http/2"), ("peer", "dst")];
    assert!(wayside.metrics().sum("tcp_write_bytes_total", &labels) > 0.0);
    assert_eq!(wayside.metrics().sum("request_total", &[("backend", "a")]), 3.0);
    assert_eq!(wayside.metrics().sum("request_total", &[("backend", "b")]), 2.0);
}

#[test]
fn curl_and_nghttp_go_by_their_first_request() {
    let roots: Vec<TempDir> = ["original", "a"]
        .iter()
        .map(|name| {
            let dir = TempDir::new();
            dir.file("who", name);
            dir
        })
        .collect();
    let [original, a] = [&roots[0], &roots[1]].map(|dir| nghttpd(dir.path()));
    let (original, a) = (or_skip!(original), or_skip!(a));
    let routes = format!("[[route]]\nauthority = 'a.test'\nbackend = 'a'\n{}", backend("a", a.addr));
    let (wayside, _dir) = routed(original.addr, &routes);
    let url = format!("http://{}/who", wayside.addr(0));
    for (host, who) in [("a.test", "a"), ("b.test", "original")] {
        if let Some(curl) = have("curl") {
            let mut command = Command::new(curl);
            command.args(["-sS", "--http2-prior-knowledge", "-H", &format!("Host: {host}"), &url]);
            assert_eq!(output(&mut command, b""), who.as_bytes());
        }
        if let Some(nghttp) = have("nghttp") {
            let mut command = Command::new(nghttp);
            command.args(["--no-verify-peer", "-H", &format!(":authority: {host}"), &url]);
            assert_eq!(output(&mut command, b""), who.as_bytes());
        }
    }
    assert_eq!(wayside.metrics().sum("wayside_bad_gateway_total", &[]), 0.0);
}

#[test]
fn tls_goes_by_the_name_in_its_hello() {
    let certificate = or_skip!(Certificate::new());
    let roots: Vec<TempDir> = ["original", "a", "none"]
        .iter()
        .map(|name| {
            let dir = TempDir::new();
            dir.file("who", name);
            dir
        })
        .collect();
    let servers: Vec<_> =
        roots.iter().map(|dir| s_server(&certificate, dir.path()).expect("openssl")).collect();
    let routes =
        format!("[[route]]\nauthority = '*.a.test'\nbackend = 'a'\n{}", backend("a", servers[1].addr));
    let (wayside, _dir) = routed(servers[0].addr, &routes);
    for (options, who) in [
        (&["-servername", "www.a.test"][..], "a"),
        (&["-servername", "WWW.A.test", "-tls1_2"][..], "a"),
        (&["-servername", "b.test"][..], "original"),
        (&["-noservername"][..], "original"),
    ] {
        let mut command = Command::new(have("openssl").expect("openssl"));
        command.args(["s_client", "-quiet", "-verify_quiet", "-connect", &wayside.addr(0).to_string()]);
        let said = output(command.args(options), b"GET /who HTTP/1.0\r\n\r\n");
        assert_eq!(said, who.as_bytes(), "{options:?}");
    }
    let labels = [("backend", "a"), ("protocol", "tls"), ("peer", "dst")];
    eventually("both are counted", LIMIT, || wayside.metrics().sum("tcp_close_total", &labels) == 2.0);
}

#[test]
fn a_server_that_greets_first_in_http2_is_not_one_that_speaks_first() {
    // It sends its SETTINGS before it has heard anything, as Netty and gRPC's C core do.
    let greeter = || Server::greeter(SETTINGS);
    let (original, a) = (greeter(), greeter());
    let routes = format!("[[route]]\npath-prefix = '/a'\nbackend = 'a'\n{}", backend("a", a.addr()));
    let (wayside, _dir) = routed(original.addr(), &routes);
    for _ in 0..3 {
        let before = original.accepted();
        let mut client = wayside.connect(0);
        // A client that thinks: its target is dialled meanwhile.
        eventually("the target was dialled", LIMIT, || original.accepted() > before);
        let echoed = [PREFACE, SETTINGS, &headers("/a", &[])].concat();
        client.write_all(&echoed).expect("to send");
        assert_eq!(read_frame(&mut client), SETTINGS);
        let mut heard = vec![0; echoed.len()];
        client.read_exact(&mut heard).expect("what it sent");
        assert_eq!(heard, echoed);
    }
    assert_eq!(a.accepted(), 3);
    assert_eq!(wayside.get("/server-first"), (200, "{\"server_first\":[\n]}\n".to_owned()));
}

#[test]
fn a_server_that_speaks_first_is_remembered_and_shown() {
    let server = Server::greeter(b"220 hello\r\n");
    let routes = format!("[[route]]\npath = '/a'\nbackend = 'a'\n{}", backend("a", server.addr()));
    let (wayside, _dir) = routed(server.addr(), &routes);
    let mut client = wayside.connect(0);
    let mut heard = [0; 11];
    client.read_exact(&mut heard).expect("its greeting");
    assert_eq!(&heard, b"220 hello\r\n");
    let expected = format!("{{\"server_first\":[\n\"{}\"\n]}}\n", server.addr());
    assert_eq!(wayside.get("/server-first"), (200, expected));
}
