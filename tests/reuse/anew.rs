//! Which requests are sent once more when a kept connection turns out to have ended, and which never are.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::http::{Body, Peer};
use crate::support::*;

fn pooled(server: &Server) -> Wayside {
    Wayside::start(&["--forward", &format!("127.0.0.1:0={}", server.addr()), "--http-reuse"])
}

fn asks(peer: &mut Peer, request: &str) -> String {
    peer.stream.write_all(request.as_bytes()).expect("to ask");
    peer.response(Body::Framed).expect("an answer").second().to_owned()
}

#[test]
fn a_time_out_on_a_kept_connection_is_no_answer() {
    // Each connection answers one request, and the next with what a server says that has waited too long for it.
    let server = Server::start(|stream| {
        let mut peer = Peer::new(stream);
        let mut answers = [
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        ]
        .iter();
        while let (Some(request), Some(answer)) = (peer.request()?, answers.next()) {
            let answer = if request.second() == "/late" { "HTTP/1.1 408 Late\r\n\r\n" } else { answer };
            peer.stream.write_all(answer.as_bytes())?;
            if answer.contains("408") {
                break;
            }
        }
        Ok(())
    });
    let wayside = pooled(&server);
    let mut peer = Peer::new(wayside.connect(0));
    let get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    for number in 1..=10 {
        assert_eq!(asks(&mut peer, get), "200", "{number}");
    }
    let metrics = wayside.metrics();
    assert_eq!(metrics.sum("wayside_retries_total", &[]), 9.0);
    assert_eq!(metrics.sum("response_total", &[("status_code", "408")]), 0.0);
    assert_eq!(metrics.sum("response_total", &[("status_code", "200")]), 10.0);
    // It may have had an effect, or was the one answer of a new connection.
    let wayside = pooled(&server);
    let mut peer = Peer::new(wayside.connect(0));
    assert_eq!(asks(&mut peer, get), "200");
    let post = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi";
    assert_eq!(asks(&mut peer, post), "408");
    assert_eq!(asks(&mut Peer::new(wayside.connect(0)), &get.replacen('/', "/late", 1)), "408");
}

#[test]
fn what_is_not_here_as_a_whole_is_not_sent_anew() {
    let heard = std::sync::Arc::new(AtomicUsize::new(0));
    let theirs = std::sync::Arc::clone(&heard);
    // It ends each connection at the first byte.
    let server = Server::start(move |mut stream| {
        if stream.read(&mut [0; 1024])? > 0 {
            theirs.fetch_add(1, Ordering::SeqCst);
        }
        Ok(())
    });
    let wayside = pooled(&server);
    for request in [
        "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\nhello",
        "GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: chat\r\n\r\n",
    ] {
        let before = server.accepted();
        let mut peer = Peer::new(wayside.connect(0));
        // It was silent, so the server was dialled: that connection is as good as a kept one.
        eventually("a connection", LIMIT, || server.accepted() > before);
        heard.store(0, Ordering::SeqCst);
        assert_eq!(asks(&mut peer, request), "502", "{request}");
        assert_eq!((heard.load(Ordering::SeqCst), server.accepted() - before), (1, 1), "{request}");
    }
}

#[test]
fn what_must_not_be_sent_twice_takes_no_connection_that_may_be_about_to_end() {
    const PATIENCE: Duration = Duration::from_secs(1);
    let server = Server::start(|stream| {
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut peer = Peer::new(stream);
        while peer.request()?.is_some() {
            peer.stream.write_all(OK)?;
        }
        Ok(())
    });
    let wayside = pooled(&server);
    let events = |event| wayside.metrics().sum("wayside_pool_total", &[("event", event)]);
    let [get, post] = ["GET", "POST"].map(|method| format!("{method} / HTTP/1.1\r\nHost: h\r\n\r\n"));
    let mut peer = Peer::new(wayside.connect(0));
    assert_eq!([&get, &post, &post].map(|request| asks(&mut peer, request)), ["200", "200", "200"]);
    assert_eq!((server.accepted(), events("distrusted")), (1, 0.0), "nothing speaks against it");
    eventually("the server closes it", LIMIT, || events("closed_by_server") == 1.0);
    assert_eq!(asks(&mut peer, &get), "200");
    // pace: more than half of that server's patience
    std::thread::sleep(PATIENCE.mul_f32(0.6));
    assert_eq!(asks(&mut peer, &post), "200");
    assert_eq!((server.accepted(), events("distrusted")), (3, 1.0));
    assert_eq!(asks(&mut peer, &get), "200");
    assert_eq!(server.accepted(), 3, "others take it");
}

#[test]
fn a_new_connection_that_ends_at_once_does_not_fail_what_may_be_repeated() {
    let turn = std::sync::Arc::new(AtomicUsize::new(0));
    let theirs = std::sync::Arc::clone(&turn);
    // Of two connections the first ends when it is asked.
    let server = Server::start(move |stream| {
        let mut peer = Peer::new(stream);
        let is_hasty = theirs.fetch_add(1, Ordering::SeqCst).is_multiple_of(2);
        if peer.request()?.is_some() && !is_hasty {
            peer.stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")?;
        }
        Ok(())
    });
    let wayside = pooled(&server);
    let asked = |request: &str| {
        turn.store(0, Ordering::SeqCst);
        let status = asks(&mut Peer::new(wayside.connect(0)), request);
        (status, turn.load(Ordering::SeqCst))
    };
    assert_eq!(asked("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), ("200".to_owned(), 2));
    let post = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi";
    assert_eq!(asked(post), ("502".to_owned(), 1));
}
