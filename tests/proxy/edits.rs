//! What the origin sees of a request, and the client of a response (RFC 9110, section 7.6; RFC 9112, section 3.2).

use crate::shared::*;
use crate::support::*;

/// What the origin sees of `request`, in which `ORIGIN` stands for its address, without its `Via` line; and that line.
fn seen(request: &str) -> (String, String) {
    let origin = Origin::named("a");
    let proxy = Proxy::start(&[]);
    let addr = origin.addr().to_string();
    let answer = proxy.ask(request.replace("ORIGIN", &addr));
    assert_eq!(answer.status(), 200, "{request}: {}", answer.head);
    let head = origin.last().head.replace(&addr, "ORIGIN");
    let (via, rest): (Vec<_>, Vec<_>) =
        head.split_inclusive("\r\n").partition(|line| line.starts_with("Via: "));
    (rest.concat(), via.concat())
}

#[test]
fn a_request_reaches_the_origin_as_its_own() {
    for (sent, expected) in [
        (
            "GET http://ORIGIN/a?b=c HTTP/1.1\r\nHost: ORIGIN\r\n\r\n",
            "GET /a?b=c HTTP/1.1\r\nHost: ORIGIN\r\n\r\n",
        ),
        // The target counts, not the Host field.
        ("GET http://ORIGIN HTTP/1.1\r\nhost: other.test\r\n\r\n", "GET / HTTP/1.1\r\nhost: ORIGIN\r\n\r\n"),
        ("GET HTTP://ORIGIN?q HTTP/1.1\r\nHost: x\r\n\r\n", "GET /?q HTTP/1.1\r\nHost: ORIGIN\r\n\r\n"),
        (
            "OPTIONS http://ORIGIN HTTP/1.1\r\nHost: ORIGIN\r\n\r\n",
            "OPTIONS * HTTP/1.1\r\nHost: ORIGIN\r\n\r\n",
        ),
        // Fields of this hop, by name and by Connection.
        (
            "GET http://ORIGIN/ HTTP/1.1\r\nHost: ORIGIN\r\nConnection: keep-alive, X-Mine\r\nX-Mine: 1\r\n\
             Proxy-Connection: keep-alive\r\nKeep-Alive: 5\r\nProxy-Authorization: Basic eA==\r\nTE: gzip\r\n\
             X-Yours:  2 \r\n\r\n",
            "GET / HTTP/1.1\r\nHost: ORIGIN\r\nX-Yours:  2 \r\n\r\n",
        ),
        (
            "OPTIONS http://ORIGIN/x HTTP/1.1\r\nHost: ORIGIN\r\nMax-Forwards: 10\r\n\r\n",
            "OPTIONS /x HTTP/1.1\r\nHost: ORIGIN\r\nMax-Forwards: 9\r\n\r\n",
        ),
        // It means something for OPTIONS and TRACE only.
        (
            "GET http://ORIGIN/ HTTP/1.1\r\nHost: ORIGIN\r\nMax-Forwards: 0\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: ORIGIN\r\nMax-Forwards: 0\r\n\r\n",
        ),
        // The version stays, and a name is added where there was none.
        ("GET http://ORIGIN/ HTTP/1.0\r\nA: b\r\n\r\n", "GET / HTTP/1.0\r\nHost: ORIGIN\r\nA: b\r\n\r\n"),
    ] {
        let (head, via) = seen(sent);
        assert_eq!(head, expected, "of {sent}");
        let version = if sent.contains("HTTP/1.0") { "1.0" } else { "1.1" };
        assert!(via.starts_with(&format!("Via: {version} wayside")), "{via:?}");
    }
}

#[test]
fn via_of_others_stays_in_its_place() {
    let (_, via) = seen("GET http://ORIGIN/ HTTP/1.1\r\nHost: ORIGIN\r\nVia: 1.0 squid\r\n\r\n");
    let mut lines = via.split("\r\n");
    assert_eq!(lines.next(), Some("Via: 1.0 squid"));
    assert!(lines.next().is_some_and(|line| line.starts_with("Via: 1.1 wayside")), "{via:?}");
}

#[test]
fn a_response_reaches_the_client_without_what_was_for_us() {
    let origin = Origin::start(|_| {
        b"HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: timeout=5\r\n\
          Proxy-Authenticate: Basic\r\nVia: 1.1 cache\r\nX-Yours: 2\r\nContent-Length: 2\r\n\r\nok"
            .to_vec()
    });
    let proxy = Proxy::start(&[]);
    let answer = proxy.ask(get_of(origin.addr(), "/"));
    for gone in ["connection", "x-mine", "keep-alive", "proxy-authenticate"] {
        assert_eq!(answer.field(gone), None, "{}", answer.head);
    }
    assert_eq!(answer.field("x-yours").as_deref(), Some("2"));
    let via = answer.field("via").expect("a Via");
    assert!(via.starts_with("1.1 cache, 1.1 wayside"), "{via}");
    assert_eq!(answer.text(), "ok");
}

/// RFC 9110, section 7.6.2: with 0 the request goes no further, and we are who it was for.
#[test]
fn the_last_hop_answers_options_and_trace() {
    let origin = Origin::named("a");
    let proxy = Proxy::start(&[]);
    let addr = origin.addr();
    let mut client = proxy.connect();
    for target in [format!("http://{addr}/x"), format!("http://{addr}")] {
        let options =
            client.ask(format!("OPTIONS {target} HTTP/1.1\r\nHost: {addr}\r\nMax-Forwards: 0\r\n\r\n"));
        assert_eq!((options.status(), options.text().as_str()), (200, ""), "{}", options.head);
        assert_eq!(options.field("content-length").as_deref(), Some("0"));
        assert_eq!(options.field("wayside-error"), None);
    }
    let trace =
        client.ask(format!("TRACE http://{addr}/x HTTP/1.1\r\nHost: {addr}\r\nMax-Forwards: 0\r\n\r\n"));
    assert_eq!(trace.status(), 405, "{}", trace.head);
    assert_eq!(trace.field("wayside-error").as_deref(), Some("this proxy does not answer TRACE"));
    assert!(trace.field("allow").is_some(), "{}", trace.head);
    // The connection is kept.
    assert_eq!(client.ask(get_of(addr, "/")).status(), 200);
    assert_eq!(origin.seen().len(), 1);
    drop(client);
    proxy.expect_counted(4, &[("200", 3), ("405", 1)]);
    proxy.expect_clean();
}

#[test]
fn a_request_without_a_proxy_in_it_gets_a_via_on_a_route_and_no_other_edit() {
    let origin = Origin::named("a");
    let dir = TempDir::new();
    let addr = origin.addr();
    let file = dir.file(
        "wayside.toml",
        format!(
            "inbound-listen = 'off'\noutbound-listen = '127.0.0.1:0'\nadmin-listen = '127.0.0.1:0'\n\
             [[route]]\nauthority = 'a.test'\nbackend = 'a'\n[backends.a]\nservers = ['{addr}']\n"
        ),
    );
    let proxy = Proxy::of(Wayside::start(&["--config", file.to_str().expect("a path")]));
    assert_eq!(proxy.ask("GET /x HTTP/1.1\r\nHost: a.test\r\n\r\n").status(), 200);
    let head = origin.last().head;
    let via = head.strip_prefix("GET /x HTTP/1.1\r\nHost: a.test\r\nVia: 1.1 wayside-").expect("a Via");
    assert!(via.ends_with("\r\n\r\n") && via.lines().count() == 2, "{head}");
    // The same route in absolute form: that is a proxy's business.
    assert_eq!(proxy.ask("GET http://a.test/y HTTP/1.1\r\nHost: a.test\r\n\r\n").status(), 200);
    assert!(origin.last().head.starts_with("GET /y HTTP/1.1\r\nHost: a.test\r\nVia: 1.1 wayside"));
}
