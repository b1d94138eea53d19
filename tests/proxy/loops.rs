//! A request that would come back to us goes nowhere.

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
