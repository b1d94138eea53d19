//! Answers of our own: each status, its cause, and what becomes of the connection.

use std::time::{Duration, Instant};

use crate::lab::Lab;
use crate::shared::*;
use crate::support::*;

#[track_caller]
fn expect_own(answer: &Message, status: u16, cause: &str) {
    assert_eq!(answer.status(), status, "{}{}", answer.head, answer.text());
    assert_eq!(answer.field("wayside-error").as_deref(), Some(cause), "{}", answer.head);
    let phrase = answer.first_line().strip_prefix("HTTP/1.1 ").expect("HTTP/1.1").to_owned();
    assert_eq!(answer.text(), format!("{phrase}: {cause}\n"));
    assert_eq!(answer.field("content-type").as_deref(), Some("text/plain"));
}

/// The request was read as a whole: the answer ends nothing.
#[test]
fn after_an_answer_of_ours_the_next_request_works() {
    let origin = Origin::named("a");
    let (_socket, nowhere) = refusing();
    let (_listener, _fillers, silent) = full();
    let proxy = Proxy::start(&["--connect-timeout=200ms"]);
    let addr = origin.addr();
    let mut client = proxy.connect();
    let cases: [(String, u16, &str); 5] = [
        ("GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 404, "no route"),
        ("POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc".to_owned(), 404, "no route"),
        (get_of(nowhere, "/"), 502, "connection refused"),
        (get_of(silent, "/"), 504, "connect timeout"),
        ("GET https://x.test/ HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(), 501, "scheme is not http"),
    ];
    for (request, status, cause) in &cases {
        expect_own(&client.ask(request), *status, cause);
        assert_eq!(client.ask(get_of(addr, "/")).text(), "a:", "after {status} {cause}");
    }
    drop(client);
    assert_eq!(origin.accepted(), 1);
    proxy.expect_counted(10, &[("200", 5), ("404", 2), ("502", 1), ("504", 1), ("501", 1)]);
    proxy.expect_clean();
}

#[test]
fn the_answer_to_a_head_has_no_body() {
    let (_socket, nowhere) = refusing();
    let proxy = Proxy::start(&[]);
    let mut client = proxy.connect();
    for (target, status) in [("/".to_owned(), 404), (format!("http://{nowhere}/"), 502)] {
        let answer = client.ask(format!("HEAD {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert_eq!((answer.status(), answer.body.len()), (status, 0));
    }
    let answer = client.ask("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    expect_own(&answer, 404, "no route");
    assert_eq!(answer.field("connection").as_deref(), Some("close"));
    expect_eof(client.stream(), LIMIT);
}

#[test]
fn pipelined_requests_behind_an_answer_of_ours_are_answered_in_order() {
    let origin = Origin::named("a");
    let (_socket, nowhere) = refusing();
    let proxy = Proxy::start(&[]);
    let mut client = proxy.connect();
    let missing = "GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned();
    client.send(
        [get_of(nowhere, "/"), get_of(origin.addr(), "/"), missing, get_of(origin.addr(), "/")].concat(),
    );
    let statuses = [(); 4].map(|()| client.hear("GET").status());
    assert_eq!(statuses, [502, 200, 404, 200]);
}

#[test]
fn a_body_that_is_still_to_come_ends_the_connection() {
    let (_socket, nowhere) = refusing();
    let proxy = Proxy::start(&[]);
    let mut client = proxy.connect();
    let head = format!("POST http://{nowhere}/ HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
    let answer = client.ask(head);
    expect_own(&answer, 502, "connection refused");
    assert_eq!(answer.field("connection").as_deref(), Some("close"));
    // What it sends meanwhile is not taken for a request, and does not take the answer from it.
    client.send(vec![b'x'; 100_000]);
    expect_eof(client.stream(), LIMIT);
    drop(client);
    proxy.expect_counted(1, &[("502", 1)]);
    proxy.expect_clean();
}

#[test]
fn a_port_that_is_not_allowed() {
    let echo = Server::echo();
    let proxy = Proxy::start(&["--connect-ports=443"]);
    let answer = proxy.ask(format!("CONNECT {} HTTP/1.1\r\nHost: x\r\n\r\n", echo.addr()));
    expect_own(&answer, 403, "port not allowed for CONNECT");
    // Requests may go to any.
    let origin = Origin::named("a");
    assert_eq!(proxy.ask(get_of(origin.addr(), "/")).status(), 200);
    assert_eq!(echo.accepted(), 0);
}

#[test]
fn ambiguous_and_malformed_requests() {
    let origin = Origin::named("a");
    let proxy = Proxy::start(&[]);
    let addr = origin.addr();
    for (fields, status) in [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        ("Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello", 400),
        ("Content-Length: +5\r\n\r\nhello", 400),
        ("X : y\r\n\r\n", 400),
        ("Transfer-Encoding: gzip\r\n\r\n", 501),
    ] {
        let mut client = proxy.connect();
        let answer = client.ask(format!("POST http://{addr}/ HTTP/1.1\r\nHost: {addr}\r\n{fields}"));
        assert_eq!(answer.status(), status, "{fields}: {}", answer.head);
        assert!(answer.field("wayside-error").is_some());
        assert_eq!(answer.field("connection").as_deref(), Some("close"));
    }
    for target in [
        "http://me:secret@x/",
        "http://@x/",
        "http:///",
        "http://x:0/",
        "http://x:99999/",
        "http://[::1/",
        "http://x y/",
        "http://a..b/",
    ] {
        let answer = proxy.ask(format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert!(matches!(answer.status(), 400 | 502), "{target}: {}", answer.head);
        assert!(answer.field("wayside-error").is_some());
    }
    for target in ["x", "x:", ":443", "x:0", "x:y", "http://x:443/", "/"] {
        let answer = proxy.ask(format!("CONNECT {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert!(matches!(answer.status(), 400 | 403), "{target}: {}", answer.head);
        assert!(answer.field("wayside-error").is_some());
    }
    assert_eq!(origin.accepted(), 0);
    proxy.expect_clean();
}

#[test]
fn a_head_that_is_too_large_or_too_slow() {
    let origin = Origin::named("a");
    let proxy = Proxy::start(&["--detect-timeout=300ms"]);
    let mut client = proxy.connect();
    let large = format!("GET http://{}/ HTTP/1.1\r\nX: {}\r\n\r\n", origin.addr(), "x".repeat(70_000));
    let answer = client.ask(large);
    assert_eq!(answer.status(), 431, "{}", answer.head);
    expect_own(&answer, 431, &answer.field("wayside-error").unwrap_or_default());
    let began = Instant::now();
    let mut slow = proxy.connect();
    let answer = slow.ask("GET / HTTP/1.1\r\nHost:");
    expect_own(&answer, 408, "request head too slow");
    assert!(began.elapsed() >= Duration::from_millis(300));
    expect_eof(slow.stream(), LIMIT);
    // And so a second one on a connection that was used; silence between requests is no request.
    let mut later = proxy.connect();
    assert_eq!(later.ask(get_of(origin.addr(), "/")).status(), 200);
    expect_silence(later.stream(), Duration::from_millis(700));
    assert_eq!(later.ask(get_of(origin.addr(), "/")).status(), 200);
    expect_own(&later.ask("GET / HTTP/1.1\r\nHost:"), 408, "request head too slow");
    drop((client, slow, later));
    // None of them is a request; that we answered shows elsewhere.
    let refused = |reason: &str| proxy.sum("http_blind_total", &[("reason", reason)]);
    assert_eq!((refused("head too large"), refused("request head too slow")), (1.0, 2.0));
    assert_eq!(proxy.sum("request_total", &[]), 2.0);
    proxy.expect_clean();
}

#[test]
fn a_host_that_nobody_knows() {
    let lab = match Lab::new() {
        Ok(lab) => lab,
        Err(why) => skipped!("{why}"),
    };
    lab.set("known.test", &["127.0.0.1"], 60);
    let origin = Origin::named("a");
    let port = origin.addr().port();
    let proxy = Proxy::of(lab.wayside(&["--outbound-listen=127.0.0.1:0", "--pool-idle-timeout=500ms"]));
    let mut client = proxy.connect();
    for round in 0..2 {
        let answer = client.ask("GET http://unknown.test/ HTTP/1.1\r\nHost: unknown.test\r\n\r\n");
        expect_own(&answer, 502, "no such name");
        let answer = proxy.ask("CONNECT unknown.test:443 HTTP/1.1\r\nHost: unknown.test\r\n\r\n");
        expect_own(&answer, 502, "no such name");
        let known = format!("GET http://KNOWN.test:{port}/ HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(client.ask(known).text(), "a:", "{round}");
    }
    assert_eq!(origin.last().field("host"), Some(format!("KNOWN.test:{port}")));
    drop(client);
    proxy.expect_clean();
}

#[test]
fn a_backend_set_without_a_backend() {
    let lab = match Lab::new() {
        Ok(lab) => lab,
        Err(why) => skipped!("{why}"),
    };
    let dir = TempDir::new();
    let file = dir.file(
        "wayside.toml",
        "inbound-listen = 'off'\noutbound-listen = '127.0.0.1:0'\nadmin-listen = '127.0.0.1:0'\n\
         [[route]]\nbackend = 'a'\n[backends.a]\nservers = ['unknown.test:80']\n",
    );
    let proxy = Proxy::of(lab.wayside(&["--config", file.to_str().expect("a path")]));
    let mut client = proxy.connect();
    for _ in 0..2 {
        expect_own(&client.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), 503, "no backend");
    }
    drop(client);
    proxy.expect_clean();
}

#[test]
fn what_is_no_http_1_is_reset_and_counted() {
    let proxy = Proxy::start(&["--detect-timeout=300ms"]);
    let hello = include_bytes!("../data/openssl-plain.hello");
    let count =
        || proxy.sum("wayside_refused_total", &[("direction", "outbound"), ("reason", "not_redirected")]);
    for (n, bytes) in [&hello[..], b"\x00\x01garbage\r\n\r\n", b"SSH-2.0-client\r\n"].into_iter().enumerate()
    {
        let mut client = proxy.connect();
        client.send(bytes);
        let seen = client.rest();
        assert!(seen.as_ref().is_err_and(is_reset), "{n}: {seen:?}");
        assert_eq!(count(), n as f64 + 1.0);
    }
    // One that says nothing is none yet.
    let client = proxy.connect();
    expect_silence(client.stream(), Duration::from_millis(700));
    drop(client);
    proxy.expect_clean();
}

#[test]
fn http_2_without_a_route_is_answered() {
    let Some(curl) = have("curl") else { skipped!("no curl") };
    let proxy = Proxy::start(&[]);
    let mut command = std::process::Command::new(curl);
    command.args(["-sS", "--noproxy", "*", "--http2-prior-knowledge", "-o", "-", "-w", "%{http_code}"]);
    let output = programs::run(command.arg(format!("http://{}/", proxy.addr())), b"");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.ends_with("404"), "{said} {}", String::from_utf8_lossy(&output.stderr));
    proxy.expect_counted(1, &[("404", 1)]);
    proxy.expect_clean();
}

/// Each field would be compared with each option. The head must not pass as it was, either.
#[test]
fn more_connection_options_than_are_looked_at() {
    let origin = Origin::named("a");
    let proxy = Proxy::start(&[]);
    let addr = origin.addr();
    let mut client = proxy.connect();
    for (count, status) in [(64, 200), (65, 400)] {
        let options: Vec<String> = (0..count).map(|n| format!("x{n}")).collect();
        let options = options.join(", ");
        let ask = format!("GET http://{addr}/ HTTP/1.1\r\nHost: {addr}\r\nConnection: {options}\r\n\r\n");
        assert_eq!(client.ask(ask).status(), status);
    }
    assert_eq!(origin.seen().len(), 1);
    drop(client);
    proxy.expect_clean();
}

/// What reached nobody is counted for nobody, not for our own listener; what was tried, for where it was tried.
#[test]
fn where_a_request_is_counted_that_is_answered_by_us() {
    let origin = Origin::named("a");
    let (_socket, nowhere) = refusing();
    let proxy = Proxy::start(&["--connect-ports=443", "--access-log=json"]);
    let mut client = proxy.connect();
    assert_eq!(client.ask(get_of(origin.addr(), "/")).status(), 200);
    expect_own(&client.ask("GET /404 HTTP/1.1\r\nHost: x\r\n\r\n"), 404, "no route");
    expect_own(&client.ask(get_of(nowhere, "/502")), 502, "connection refused");
    let loops = client.ask(get_of(proxy.addr(), "/508"));
    expect_own(&loops, 508, "loop");
    expect_own(&client.ask("CONNECT x:444 HTTP/1.1\r\nHost: x\r\n\r\n"), 403, "port not allowed for CONNECT");
    drop(client);
    let of = |target: &str| proxy.sum("request_total", &[("target_addr", target)]);
    assert_eq!(of(&origin.addr().to_string()), 1.0);
    assert_eq!(of(&nowhere.to_string()), 1.0);
    assert_eq!(of("~none"), 3.0);
    assert_eq!(proxy.sum("tcp_open_total", &[("target_addr", "~none"), ("peer", "src")]), 1.0);
    assert!(!proxy.wayside.get("/metrics").1.contains(&format!("target_addr=\"{}\"", proxy.addr())));
    // In the log as well.
    eventually("five lines", LIMIT, || proxy.wayside.stdout().matches("\"timestamp\"").count() == 5);
    let log = proxy.wayside.stdout();
    let target = |path: &str| {
        let line = log.lines().find(|line| line.contains(path)).expect("a line");
        let target = line.split_once("\"target.addr\":\"").and_then(|(_, rest)| rest.split('"').next());
        target.map(str::to_owned)
    };
    assert_eq!(target("/404"), None);
    assert_eq!(target("/502"), Some(nowhere.to_string()));
    assert_eq!(target("/508"), None);
    proxy.expect_clean();
}

/// Out of descriptors: who needs one more is told, who has what it needs is served.
#[test]
fn a_request_for_which_there_is_no_descriptor() {
    let (a, b) = (Origin::named("a"), Origin::named("b"));
    let proxy = Proxy::of(Wayside::start(&["--outbound-listen=127.0.0.1:0"]));
    let (mut first, mut second) = (proxy.connect(), proxy.connect());
    for client in [&mut first, &mut second] {
        assert_eq!(client.ask(get_of(a.addr(), "/")).status(), 200);
    }
    let set_limit = |current: u64| {
        let pid = rustix::process::Pid::from_raw(proxy.wayside.pid() as i32);
        let limit = rustix::process::Rlimit { current: Some(current), maximum: Some(20_000) };
        rustix::process::prlimit(pid, rustix::process::Resource::Nofile, limit).expect("to change its limit");
    };
    set_limit(3);
    for client in [&mut first, &mut second] {
        expect_own(&client.ask(get_of(b.addr(), "/")), 503, "out of descriptors or memory");
        // By the connection that was kept.
        assert_eq!(client.ask(get_of(a.addr(), "/")).text(), "a:");
    }
    set_limit(1_000);
    assert_eq!(proxy.sum("wayside_bad_gateway_total", &[]), 2.0);
    assert_eq!(first.ask(get_of(b.addr(), "/")).text(), "b:");
    assert_eq!((a.accepted(), b.accepted()), (1, 1));
}
