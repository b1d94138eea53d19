//! `--http-reuse` on a `--forward`: how many upstream connections there are, when they are made and when they end.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::http::{Body, Peer};
use crate::support::*;

fn pooled(args: &[&str], server: &Server) -> Wayside {
    let forward = format!("127.0.0.1:0={}", server.addr());
    Wayside::start(&[&["--forward", &forward, "--http-reuse"], args].concat())
}

/// Answers each request with its target.
fn echo() -> Server {
    Server::start(|stream| {
        let mut peer = Peer::new(stream);
        while let Some(request) = peer.request()? {
            let target = request.second();
            let length = target.len();
            peer.stream.write_all(
                format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{target}").as_bytes(),
            )?;
        }
        Ok(())
    })
}

#[track_caller]
fn gets(peer: &mut Peer, target: &str) {
    write!(peer.stream, "GET {target} HTTP/1.1\r\nHost: h\r\n\r\n").expect("to ask");
    let answer = peer.response(Body::Framed).expect("an answer");
    assert_eq!((answer.second(), &*answer.body), ("200", target.as_bytes()));
}

fn open(wayside: &Wayside, peer: &str) -> f64 {
    wayside.metrics().sum("tcp_open_connections", &[("peer", peer)])
}

#[test]
fn upstream_connections_are_as_many_as_requests_at_once() {
    let server = echo();
    let wayside = pooled(&["--pool-idle-timeout", "60s"], &server);
    for number in 0..200 {
        gets(&mut Peer::new(wayside.connect(0)), &format!("/{number}"));
    }
    assert_eq!(server.accepted(), 1);
    let mut peers: Vec<_> = (0..50).map(|_| Peer::new(wayside.connect(0))).collect();
    for (number, peer) in peers.iter_mut().enumerate() {
        gets(peer, &format!("/{number}"));
    }
    // A client that is silent may have had one dialled for it.
    assert!(server.accepted() <= 51, "{}", server.accepted());
    assert!(open(&wayside, "src") == 50.0);
}

#[test]
fn the_pool_keeps_so_many_for_so_long() {
    let server = echo();
    let wayside = pooled(&["--pool-size", "3", "--pool-idle-timeout", "400ms"], &server);
    let gate = std::sync::Barrier::new(10);
    std::thread::scope(|scope| {
        for number in 0..10 {
            let (wayside, gate) = (&wayside, &gate);
            scope.spawn(move || {
                let mut peer = Peer::new(wayside.connect(0));
                write!(peer.stream, "GET /{number} HTTP/1.1\r\nHost: h\r\n").expect("to ask");
                gate.wait();
                peer.stream.write_all(b"\r\n").expect("to ask");
                peer.response(Body::Framed).expect("an answer");
            });
        }
    });
    eventually("three are kept", LIMIT, || open(&wayside, "dst") <= 3.0);
    eventually("none is kept", LIMIT, || open(&wayside, "dst") == 0.0 && server.live() == 0);
    assert!(wayside.metrics().sum("wayside_pool_total", &[("event", "expired")]) >= 1.0);
}

#[test]
fn an_empty_line_behind_a_request_is_nothing() {
    let server = echo();
    let wayside = pooled(&["--detect-timeout", "300ms"], &server);
    let mut peer = Peer::new(wayside.connect(0));
    gets(&mut peer, "/1");
    // In a segment of its own, and together with the next request.
    for blank in ["\r\n", "\r"] {
        peer.stream.write_all(blank.as_bytes()).expect("an empty line");
        expect_silence(&peer.stream, Duration::from_millis(600));
        if blank == "\r" {
            peer.stream.write_all(b"\n").expect("its rest");
        }
        gets(&mut peer, "/2");
    }
    peer.stream
        .write_all(b"GET /3 HTTP/1.1\r\nHost: h\r\n\r\n\r\nGET /4 HTTP/1.1\r\nHost: h\r\n\r\n")
        .expect("two");
    for target in ["/3", "/4"] {
        assert_eq!(peer.response(Body::Framed).expect("an answer").body, target.as_bytes());
    }
    // First on a connection.
    let mut peer = Peer::new(wayside.connect(0));
    peer.stream.write_all(b"\r\nGET /5 HTTP/1.1\r\nHost: h\r\n\r\n").expect("to ask");
    assert_eq!(peer.response(Body::Framed).expect("an answer").body, b"/5");
}

#[test]
fn a_head_that_is_slow_is_answered_408() {
    let server = echo();
    let wayside = pooled(&["--detect-timeout", "300ms"], &server);
    let mut peer = Peer::new(wayside.connect(0));
    for is_first in [true, false] {
        if !is_first {
            peer = Peer::new(wayside.connect(0));
            gets(&mut peer, "/");
        }
        peer.stream.write_all(b"GET / HTTP/1.1\r\nHost: ").expect("to ask");
        let answer = peer.response(Body::Framed).expect("an answer");
        assert_eq!(answer.second(), "408");
        expect_eof(&peer.stream, LIMIT);
    }
}

#[test]
fn a_server_that_speaks_first_is_heard_and_remembered() {
    let server = Server::greeter(b"220 here\r\n");
    let wayside = pooled(&[], &server);
    let wait = || {
        let began = Instant::now();
        let mut client = wayside.connect(0);
        let mut greeting = [0; 10];
        client.read_exact(&mut greeting).expect("a greeting");
        assert_eq!(&greeting, b"220 here\r\n");
        let took = began.elapsed();
        client.write_all(b"EHLO").expect("to speak");
        client.read_exact(&mut [0; 4]).expect("an echo");
        took
    };
    let first = wait();
    let later = Times::of((0..20).map(|_| wait()).collect());
    println!("{first:?}, later {:?}", later.median());
    assert!(first < Duration::from_millis(200), "{first:?}");
    assert!(later.median() < Duration::from_millis(8), "{later:?}");
}

/// The end of a connection is nothing that a server says.
#[test]
fn a_server_that_closes_on_silent_clients_is_not_taken_for_one_that_speaks_first() {
    let server = Server::start(|stream| {
        let mut peer = Peer::new(stream);
        peer.stream.set_read_timeout(Some(Duration::from_millis(50)))?;
        while peer.request()?.is_some() {
            peer.stream.write_all(OK)?;
        }
        Ok(())
    });
    let wayside = pooled(&[], &server);
    expect_eof(&wayside.connect(0), LIMIT);
    let accepted = server.accepted();
    for _ in 0..20 {
        let mut peer = Peer::new(wayside.connect(0));
        peer.stream.write_all(GET).expect("to ask");
        assert_eq!(peer.response(Body::Framed).expect("an answer").second(), "200");
    }
    assert!(server.accepted() < accepted + 10, "{} were not reused", server.accepted() - accepted);
}

/// Whether the server says something or not, the client's end is the exchange's.
#[test]
fn a_client_that_ends_within_its_request_is_who_ended_it() {
    let server = Server::sink();
    let wayside = pooled(&[], &server);
    let mut client = wayside.connect(0);
    client.write_all(b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n12345").expect("to ask");
    finish(&client);
    expect_eof(&client, LIMIT);
    eventually("it is counted", LIMIT, || {
        wayside.metrics().sum("response_total", &[("error", "client_closed")]) == 1.0
    });
    assert_eq!(wayside.metrics().sum("response_total", &[]), 1.0);
}

/// Kept connections go at once, idle clients soon; a busy one is told, and its request answered.
#[test]
fn a_drain_fails_no_request() {
    let server = Server::start(|stream| {
        let mut peer = Peer::new(stream);
        while let Some(request) = peer.request()? {
            if request.second() == "/slow" {
                // pace: longer than an idle connection is left
                std::thread::sleep(Duration::from_millis(900));
            }
            peer.stream.write_all(OK)?;
        }
        Ok(())
    });
    let mut wayside = pooled(&["--pool-idle-timeout", "60s"], &server);
    let mut idle = Peer::new(wayside.connect(0));
    let mut busy = Peer::new(wayside.connect(0));
    let ask = |peer: &mut Peer, target: &str| {
        write!(peer.stream, "GET {target} HTTP/1.1\r\nHost: h\r\n\r\n").expect("to ask");
    };
    for peer in [&mut idle, &mut busy] {
        ask(peer, "/slow");
    }
    for peer in [&mut idle, &mut busy] {
        assert!(!peer.response(Body::Framed).expect("an answer").is_last());
    }
    assert_eq!(open(&wayside, "dst"), 2.0, "two are kept");
    ask(&mut busy, "/slow");
    eventually("it is on its way", LIMIT, || wayside.metrics().sum("http_requests_in_flight", &[]) == 1.0);
    wayside.signal(Signal::TERM);
    eventually("only the busy one is left", Duration::from_millis(700), || server.live() == 1);
    let answer = busy.response(Body::Framed).expect("an answer");
    assert!(answer.second() == "200" && answer.is_last(), "{answer:?}");
    expect_eof(&busy.stream, LIMIT);
    expect_eof(&idle.stream, LIMIT);
    assert_eq!(wayside.wait(Duration::from_secs(3)).expect("an end").code(), Some(0));
}

/// Without a route there is nothing to find out first.
#[test]
fn http2_and_tls_are_carried_as_they_come() {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    const HALF_A_HELLO: &[u8] = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    const ANSWER: &[u8] = b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64";
    for said in [PREFACE, HALF_A_HELLO] {
        let server = Server::start(|mut stream| {
            stream.read_exact(&mut vec![0; said.len()])?;
            stream.write_all(ANSWER)
        });
        let wayside = pooled(&[], &server);
        let mut client = wayside.connect(0);
        client.write_all(said).expect("to speak");
        let mut came = [0; ANSWER.len()];
        client.read_exact(&mut came).expect("what the server says");
        assert_eq!(came, ANSWER);
    }
}

#[test]
fn what_comes_with_the_switch_to_http2_arrives() {
    const ASK: &[u8] =
        b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
                         HTTP2-Settings: AAMAAABk\r\n\r\n";
    // SETTINGS, and nothing of the answer yet.
    const SWITCH: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n\
                            \0\0\0\x04\0\0\0\0\0";
    // In one segment; and the head in two.
    for split in [0, 20] {
        let server = Server::start(move |mut stream| {
            stream.read_exact(&mut vec![0; ASK.len()])?;
            stream.write_all(&SWITCH[..split])?;
            // pace: a segment of its own
            std::thread::sleep(Duration::from_millis(20));
            stream.write_all(&SWITCH[split..])?;
            stream.read_to_end(&mut Vec::new()).map(|_| ())
        });
        let wayside = pooled(&[], &server);
        let mut client = wayside.connect(0);
        client.write_all(ASK).expect("to ask");
        let mut came = vec![0; SWITCH.len()];
        client.read_exact(&mut came).expect("the switch and what is behind it");
        assert_eq!(came, SWITCH);
    }
}

#[test]
fn a_server_that_leaves_before_its_answer_ends_no_client() {
    let server = Server::start(|stream| {
        let mut peer = Peer::new(stream);
        while let Some(request) = peer.request()? {
            match request.second() {
                "/ends" => return Ok(()),
                "/resets" => {
                    reset(peer.stream);
                    return Ok(());
                }
                _ => peer.stream.write_all(OK)?,
            }
        }
        Ok(())
    });
    let wayside = pooled(&[], &server);
    let mut peer = Peer::new(wayside.connect(0));
    let causes = [("/ends", "server closed the connection"), ("/resets", "server reset the connection")];
    for (target, cause) in causes {
        write!(peer.stream, "POST {target} HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi")
            .expect("to ask");
        let answer = peer.response(Body::Framed).expect("an answer");
        assert_eq!((answer.second(), answer.field("wayside-error")), ("502", Some(cause)));
        assert!(!answer.is_last());
        peer.stream.write_all(GET).expect("to ask");
        assert_eq!(peer.response(Body::Framed).expect("an answer").second(), "200");
    }
}

#[test]
fn what_is_about_one_connection_stays_there() {
    let (say, said) = std::sync::mpsc::channel();
    let server = Server::start(move |stream| {
        let mut peer = Peer::new(stream);
        while let Some(request) = peer.request()? {
            say.send(request.head).expect("the test");
            peer.stream
                .write_all(b"HTTP/1.1 200 OK\r\nKeep-Alive: timeout=5\r\nContent-Length: 0\r\n\r\n")?;
        }
        Ok(())
    });
    let wayside = pooled(&[], &server);
    let mut peer = Peer::new(wayside.connect(0));
    let named = "Connection: keep-alive, x-mine\r\nX-Mine: 1\r\nKeep-Alive: 5\r\nProxy-Connection: a\r\n";
    write!(peer.stream, "GET /1 HTTP/1.1\r\nHost: h\r\n{named}X-Theirs: 2\r\n\r\n").expect("to ask");
    let answer = peer.response(Body::Framed).expect("an answer");
    assert_eq!((answer.second(), answer.field("keep-alive")), ("200", None));
    let heard = "GET /1 HTTP/1.1\r\nHost: h\r\nConnection: x-mine\r\nX-Mine: 1\r\nX-Theirs: 2\r\n\r\n";
    assert_eq!(said.recv().expect("a request"), heard);
    peer.stream.write_all(b"GET http://a.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n").expect("to ask");
    let answer = peer.response(Body::Framed).expect("an answer");
    assert_eq!((answer.second(), answer.field("wayside-error")), ("400", Some("host")));
}
