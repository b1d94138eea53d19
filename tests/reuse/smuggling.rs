//! Messages that hide another one, where the next client gets the same upstream connection.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use crate::http::{Body, Peer};
use crate::support::servers::{Service, need};
use crate::support::*;
use crate::variants;

/// Every request of `tests/strict`, whole.
fn requests() -> Vec<Vec<u8>> {
    let smuggled: &[u8] = b"GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
    let post: &[u8] = b"POST /good HTTP/1.1\r\nHost: h\r\n";
    let fields = variants::FIELDS.iter().map(|fields| [post, fields, b"\r\n", variants::BODY].concat());
    let chunked: &[u8] = b"Transfer-Encoding: chunked\r\n\r\n";
    let chunks = variants::CHUNKS.iter().map(|chunks| [post, chunked, chunks, smuggled].concat());
    let whole = variants::FIRST_LINES.iter().chain(variants::BODIES).map(|bytes| bytes.to_vec());
    whole.chain(fields).chain(chunks).collect()
}

/// The victim: its requests, one after the other, are answered with their own targets.
struct Victim<'a> {
    wayside: &'a Wayside,
    peer: Peer,
    asked: usize,
}

impl<'a> Victim<'a> {
    fn of(wayside: &'a Wayside) -> Self {
        Victim { wayside, peer: Peer::new(wayside.connect(0)), asked: 0 }
    }

    #[track_caller]
    fn asks(&mut self, after: &[u8]) {
        self.asked += 1;
        let target = format!("/victim/{}", self.asked);
        let request = format!("GET {target} HTTP/1.1\r\nHost: h\r\n\r\n");
        self.peer.stream.write_all(request.as_bytes()).expect("to ask");
        let answer = self.peer.response(Body::Framed);
        let answer = answer.unwrap_or_else(|error| panic!("after {}: {error}", after.escape_ascii()));
        assert_eq!(answer.field("x-target"), Some(&*target), "after {}: {answer:?}", after.escape_ascii());
        assert_eq!(self.peer.behind(), b"", "after {}", after.escape_ascii());
        if answer.is_last() {
            self.peer = Peer::new(self.wayside.connect(0));
        }
    }
}

/// `service` answers with the target in `X-Target`.
fn no_victim_is_hit(service: &Service) {
    let wayside = Wayside::start(&["--forward", &service.forward(), "--http-reuse", "--pool-size", "1"]);
    let mut victim = Victim::of(&wayside);
    victim.asks(b"");
    for variant in requests() {
        for at in [0, variant.len() / 2] {
            let mut attacker = wayside.connect(0);
            let (first, second) = variant.split_at(at);
            // It may be refused before all is sent.
            let _ = attacker.write_all(first).and_then(|()| attacker.write_all(second));
            victim.asks(&variant);
            let _ = attacker.shutdown(std::net::Shutdown::Write);
            let _ = attacker.read_to_end(&mut Vec::new());
            victim.asks(&variant);
        }
    }
    let reused = wayside.metrics().sum("wayside_pool_total", &[("event", "reused")]);
    assert!(reused as usize > victim.asked / 2, "{reused} of {} on a kept connection", victim.asked);
}

#[test]
fn requests_before_python() {
    let program = match need("python3") {
        Ok(program) => program,
        Err(why) => skipped!("{why}"),
    };
    no_victim_is_hit(&Service::start(TempDir::new(), |port, dir| {
        let mut command = Command::new(&program);
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/strict/server.py"));
        command.arg(port.to_string()).arg(dir.join("log"));
        command
    }));
}

#[test]
fn requests_before_nginx() {
    let program = match need("nginx") {
        Ok(program) => program,
        Err(why) => skipped!("{why}"),
    };
    no_victim_is_hit(&Service::start(TempDir::new(), |port, dir| {
        let at = dir.display();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {at}/{name};\n"))
            .concat();
        let text = format!(
            "daemon off;\nmaster_process off;\npid {at}/pid;\nerror_log stderr;\nevents {{}}\nhttp {{\n{temporary}\
             access_log off;\nserver {{ listen 127.0.0.1:{port}; location / {{\n\
             add_header X-Target $request_uri always; return 200; }} }}\n}}\n"
        );
        let config = dir.join("nginx.conf");
        std::fs::write(&config, text).expect("to write");
        let mut command = Command::new(&program);
        command.arg("-c").arg(config).arg("-p").arg(dir).args(["-e", "stderr"]);
        command
    }));
}

const EVIL: &[u8] = b"HTTP/1.1 200 OK\r\nX-Target: evil\r\nContent-Length: 4\r\n\r\nevil";

/// What a server may say to one request, so that more than one answer is in it or its end is in doubt.
fn responses() -> Vec<Vec<u8>> {
    let two = |first: &[u8]| [first, EVIL].concat();
    let mut all: Vec<Vec<u8>> = [
        &b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"[..],
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\n\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0;\n\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10000000000000000\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 60\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0, 60\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: +0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length : 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: y\r\n Content-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\nContent-Length: 60\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 60\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\nContent-Length: 60\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/0.9 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 099 OK\r\nContent-Length: 0\r\n\r\n",
        b"\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"just bytes\r\n\r\n",
        b"\0\0\0\0",
    ]
    .into_iter()
    .map(two)
    .collect();
    all.push(b"HTTP/1.1 100 Continue\r\n\r\n".repeat(20_000));
    all.push(two(&b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(20_000)));
    all.push([b"HTTP/1.1 200 OK\r\nX: ", &*b"y".repeat(100_000), b"\r\n\r\n", EVIL].concat());
    all
}

/// Answers `/evil/N` with the N-th of [`responses`], and others as it should, as long as the connection stays.
fn odd_server() -> Server {
    Server::start(|stream| {
        let responses = responses();
        let mut peer = Peer::new(stream);
        while let Some(request) = peer.request()? {
            match request.second().strip_prefix("/evil/") {
                Some(number) => {
                    peer.stream.write_all(&responses[number.parse::<usize>().expect("a number")])?
                }
                None => answer(&mut peer.stream, request.second())?,
            }
        }
        Ok(())
    })
}

fn answer(stream: &mut TcpStream, target: &str) -> io::Result<()> {
    stream.write_all(format!("HTTP/1.1 200 OK\r\nX-Target: {target}\r\nContent-Length: 0\r\n\r\n").as_bytes())
}

#[test]
fn responses_reach_only_whoever_asked_for_them() {
    let server = odd_server();
    let forward = format!("127.0.0.1:0={}", server.addr());
    let wayside = Wayside::start(&["--forward", &forward, "--http-reuse", "--pool-size", "1"]);
    let mut victim = Victim::of(&wayside);
    for (number, response) in responses().iter().enumerate() {
        let shown = &response[..response.len().min(200)];
        for method in ["GET", "HEAD", "POST"] {
            victim.asks(shown);
            let mut attacker = wayside.connect(0);
            let body = if method == "POST" { "Content-Length: 2\r\n\r\nhi" } else { "\r\n" };
            let request = format!("{method} /evil/{number} HTTP/1.1\r\nHost: h\r\n{body}");
            attacker.write_all(request.as_bytes()).expect("to ask");
            // Something comes of it, or an end.
            let _ = attacker.read(&mut [0; 1024]);
            victim.asks(shown);
            drop(attacker);
            victim.asks(shown);
        }
    }
    eventually("all is let go", LIMIT, || {
        wayside.metrics().sum("tcp_open_connections", &[("peer", "src")]) <= 1.0
    });
}

#[test]
fn what_a_server_says_unasked_reaches_nobody() {
    let server = Server::start(|stream| {
        let mut peer = Peer::new(stream);
        while let Some(request) = peer.request()? {
            answer(&mut peer.stream, request.second())?;
            if request.second() == "/evil" {
                // pace: behind the answer, in a segment of its own
                std::thread::sleep(std::time::Duration::from_millis(5));
                peer.stream.write_all(EVIL)?;
            }
        }
        Ok(())
    });
    let forward = format!("127.0.0.1:0={}", server.addr());
    let wayside = Wayside::start(&["--forward", &forward, "--http-reuse"]);
    let mut victim = Victim::of(&wayside);
    for round in 1..=20 {
        let mut attacker = Peer::new(wayside.connect(0));
        attacker.stream.write_all(b"GET /evil HTTP/1.1\r\nHost: h\r\n\r\n").expect("to ask");
        assert_eq!(attacker.response(Body::Framed).expect("an answer").field("x-target"), Some("/evil"));
        let dropped = || wayside.metrics().sum("wayside_pool_total", &[("event", "closed_by_server")]);
        eventually("the connection is dropped", LIMIT, || dropped() == f64::from(round));
        victim.asks(EVIL);
        assert_eq!(attacker.behind(), b"");
    }
}
