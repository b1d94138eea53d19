//! A request that would come back to us goes nowhere.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use crate::lab::Lab;
use crate::shared::*;
use crate::support::*;

#[track_caller]
fn expect_loop(answer: &Message, what: &str) {
    assert_eq!(answer.status(), 508, "{what}: {}", answer.head);
    let cause = answer.field("wayside-error").expect("a cause");
    assert_eq!(answer.text(), format!("508 Loop Detected: {cause}\n"), "{what}");
}

#[test]
fn our_own_addresses_are_refused_however_they_are_written() {
    let wayside = Wayside::start(&["--outbound-listen=127.0.0.1:0,[::1]:0", "--pool-idle-timeout=500ms"]);
    let (v4, v6) = (wayside.outbound()[0].port(), wayside.outbound()[1].port());
    let proxy = Proxy::of(wayside);
    let mut refused = 0.0;
    for authority in [
        format!("127.0.0.1:{v4}"),
        format!("localhost:{v4}"),
        format!("0.0.0.0:{v4}"),
        format!("[::ffff:127.0.0.1]:{v4}"),
        format!("[::ffff:0.0.0.0]:{v4}"),
        format!("[::1]:{v6}"),
        format!("[0:0:0:0:0:0:0:1]:{v6}"),
        format!("[::]:{v6}"),
    ] {
        let answer = proxy.ask(format!("GET http://{authority}/ HTTP/1.1\r\nHost: x\r\n\r\n"));
        expect_loop(&answer, &authority);
        let answer = proxy.ask(format!("CONNECT {authority} HTTP/1.1\r\nHost: x\r\n\r\n"));
        expect_loop(&answer, &authority);
        refused += 2.0;
    }
    assert!(proxy.sum("wayside_refused_total", &[("reason", "loop")]) >= refused);
    assert_eq!(proxy.sum("tcp_open_total", &[("peer", "dst")]), 0.0);
    proxy.expect_clean();
}

#[test]
fn a_name_that_leads_back_is_refused() {
    let lab = match Lab::new() {
        Ok(lab) => lab,
        Err(why) => skipped!("{why}"),
    };
    lab.set("back.test", &["127.0.0.1"], 60);
    let proxy = Proxy::of(lab.wayside(&["--outbound-listen=127.0.0.1:0"]));
    let port = proxy.addr().port();
    let mut client = proxy.connect();
    let answer = client.ask(format!("GET http://back.test:{port}/ HTTP/1.1\r\nHost: x\r\n\r\n"));
    expect_loop(&answer, "a name");
    let origin = Origin::named("a");
    let elsewhere = format!("GET http://back.test:{}/ HTTP/1.1\r\nHost: x\r\n\r\n", origin.addr().port());
    assert_eq!(client.ask(elsewhere).text(), "a:");
}

#[test]
fn via_with_our_name_is_refused() {
    let origin = Origin::named("a");
    let proxy = Proxy::start(&[]);
    assert_eq!(proxy.ask(get_of(origin.addr(), "/")).status(), 200);
    let via = origin.last().field("via").expect("a Via");
    let addr = origin.addr();
    for line in [format!("Via: {via}"), format!("Via: 1.0 other, {via}, 1.1 more"), format!("VIA:{via}\t(x)")]
    {
        let answer = proxy.ask(format!("GET http://{addr}/ HTTP/1.1\r\nHost: {addr}\r\n{line}\r\n\r\n"));
        expect_loop(&answer, &line);
        let answer = proxy.ask(format!("CONNECT {addr} HTTP/1.1\r\nHost: {addr}\r\n{line}\r\n\r\n"));
        expect_loop(&answer, &line);
    }
    assert_eq!(origin.seen().len(), 1);
    // Two of us in a row are no loop.
    let second = Proxy::start(&[]);
    let through_both = format!("GET http://{addr}/ HTTP/1.1\r\nHost: {addr}\r\nVia: {via}\r\n\r\n");
    assert_eq!(second.ask(through_both).status(), 200);
}

/// All requests go to `server`, by the outbound listener or by a forward.
fn routed(server: SocketAddr) -> (Proxy, TempDir) {
    let dir = TempDir::new();
    let text = format!(
        "admin-listen = '127.0.0.1:0'\ninbound-listen = 'off'\noutbound-listen = '127.0.0.1:0'\n\
         forward = '127.0.0.1:0=127.0.0.1:9'\n[[route]]\nbackend = 'a'\n[backends.a]\nservers = ['{server}']\n"
    );
    let path = dir.file("wayside.toml", text);
    (Proxy::of(Wayside::start(&["--config", path.to_str().expect("a path")])), dir)
}

/// Each has a route to the other: the request is seen twice, in whatever form it came first.
#[test]
fn routes_that_lead_round_in_circles_end() {
    let first = Arc::new(OnceLock::new());
    let (back, rounds) = (Arc::clone(&first), AtomicUsize::new(0));
    // The way back to the first, whose address the second cannot know before. It gives out after some rounds.
    let joint = Origin::start(move |request| {
        if rounds.fetch_add(1, Ordering::SeqCst) > 8 {
            return Vec::new();
        }
        let addr = *back.get().expect("the first has started");
        let answer = Client::new(connect(addr).expect("a connection")).ask(&request.head);
        [answer.head.into_bytes(), answer.body].concat()
    });
    let (second, _file) = routed(joint.addr());
    let (proxy, _dir) = routed(second.addr());
    first.set(proxy.addr()).expect("once");
    for (round, target) in ["http://loop.test/", "/", "/a?b"].into_iter().enumerate() {
        let answer = proxy.ask(format!("GET {target} HTTP/1.1\r\nHost: loop.test\r\n\r\n"));
        expect_loop(&answer, target);
        let round = (round + 1) as f64;
        assert_eq!(proxy.sum("wayside_refused_total", &[("reason", "loop")]), round);
        assert_eq!(proxy.sum("request_total", &[]), 2.0 * round);
        assert_eq!(second.sum("request_total", &[]), round);
    }
}

/// What comes to the outbound listener by itself came to us; what comes to a forward came to its target.
#[test]
fn only_a_request_that_comes_to_us_gets_a_via() {
    let origin = Origin::named("a");
    let (proxy, _dir) = routed(origin.addr());
    let request =
        "GET /a?b HTTP/1.1\r\nhOST:  x.test \r\nConnection: TE, x\r\nTE: gzip\r\nVia: 1.0 other\r\nX: 1\r\n";
    let answer = proxy.ask(format!("{request}\r\n"));
    assert_eq!(answer.text(), "a:");
    assert_eq!(answer.head, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n");
    let seen = origin.last().head;
    let via = seen.strip_prefix(request).and_then(|rest| rest.strip_suffix("\r\n\r\n")).expect("the same");
    assert!(via.starts_with("Via: 1.1 wayside-") && !via.contains('\r'), "{seen}");
    // With it, it is no loop there either.
    let mut client = Client::new(proxy.wayside.connect(0));
    for request in [format!("{request}\r\n"), format!("{request}{via}\r\n\r\n")] {
        assert_eq!(client.ask(&request).text(), "a:");
        assert_eq!(origin.last().head, request);
    }
}
