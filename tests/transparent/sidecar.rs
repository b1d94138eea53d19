//! An application and wayside in one namespace: all of its traffic both ways is redirected, wayside's own is not.

use std::io::{Read, Write};
use std::net::SocketAddr;

use crate::labs::*;
use crate::support::*;

in_both_families! {
    what_the_application_dials_is_outbound
    a_redirected_request_to_a_proxy_goes_where_it_was_going
    a_switch_of_a_shared_connection_is_the_clients_own
    what_the_application_serves_is_inbound
    the_application_reaches_itself_by_the_address_of_its_host
    servers_may_speak_first_both_ways
    skipped_ports_bypass
    ports_named_to_wayside_are_not_inspected
    resets_and_refusals_reach_the_other_host
    redirected_requests_take_the_routes_of_their_listener
}

/// What `/connections` and `/metrics` say of a connection.
#[track_caller]
fn expect_account(lab: &Pod, line: &str, direction: &str, target: SocketAddr) {
    let target = target.to_string();
    assert_eq!(field(line, "direction").as_deref(), Some(direction), "{line}");
    assert_eq!(field(line, "target").as_deref(), Some(&*target), "{line}");
    for peer in ["src", "dst"] {
        let labels = [("direction", direction), ("target_addr", &*target), ("peer", peer)];
        assert_eq!(lab.wayside().sum("tcp_open_total", &labels), 1.0, "{labels:?}");
    }
    // Never as ::ffff:10.77.1.2.
    assert!(!line.contains("ffff:"), "{line}");
}

fn what_the_application_dials_is_outbound(family: Family) {
    let lab = Pod::new(family, &[], &[]);
    for port in [443, 30_001] {
        let (client, server) = lab.outbound(port);
        assert_eq!(here(&server), lab.far(port));
        assert_eq!(there(&server).ip(), lab.app(0).ip());
        assert!(!is_direct(&client, &server));
        greet(&client, &server);
        expect_account(&lab, &lab.wayside().line_of(&client), "outbound", lab.far(port));
        pass_both_ways(&client, &server, 8 * MB);
    }
    // What wayside's user dials goes straight.
    let listener = lab.peer.listen(lab.far(444));
    let (before, client) = (lab.wayside().accepted(), lab.host.connect_as(WAYSIDE, lab.far(444)));
    assert!(is_direct(&client, &accept(&listener)));
    assert_eq!(lab.wayside().accepted(), before);
}

/// It is another proxy that the application asks, and that gets the request as it was sent.
fn a_redirected_request_to_a_proxy_goes_where_it_was_going(family: Family) {
    for args in [&[][..], &["--http-reuse"]] {
        let lab = Pod::new(family, &[], args);
        let listener = lab.peer.listen(lab.far(3128));
        let ask =
            b"GET http://elsewhere.test/x HTTP/1.1\r\nHost: elsewhere.test\r\nProxy-Connection: a\r\n\r\n";
        let mut client = lab.host.connect_as(APP, lab.far(3128));
        client.write_all(ask).expect("to ask");
        let mut server = accept(&listener);
        let mut heard = vec![0; ask.len()];
        if args.is_empty() {
            server.read_exact(&mut heard).expect("the request");
            assert_eq!(heard, ask);
        } else {
            // What is about the connection alone is taken out, as it may be shared.
            heard.truncate(ask.len() - "Proxy-Connection: a\r\n".len());
            server.read_exact(&mut heard).expect("the request");
            assert_eq!(heard, b"GET http://elsewhere.test/x HTTP/1.1\r\nHost: elsewhere.test\r\n\r\n");
        }
        server.write_all(OK).expect("to answer");
        let mut answer = [0; OK.len()];
        client.read_exact(&mut answer).expect("the answer");
        assert_eq!(answer, OK);
        // And its tunnels are its own to make.
        let mut client = lab.host.connect_as(APP, lab.far(3128));
        let ask = b"CONNECT elsewhere.test:443 HTTP/1.1\r\nHost: elsewhere.test:443\r\n\r\n";
        client.write_all(ask).expect("to ask");
        let mut server = accept(&listener);
        let mut heard = vec![0; ask.len()];
        server.read_exact(&mut heard).expect("the request");
        assert_eq!(heard, ask);
        server.write_all(b"HTTP/1.1 200 OK\r\n\r\n").expect("to answer");
        client.read_exact(&mut [0; 19]).expect("the answer");
        greet(&client, &server);
    }
}

#[test]
fn an_ipv4_address_dialled_through_an_ipv6_socket_is_shown_as_ipv4() {
    for family in [Family::V4, Family::V6] {
        if let Err(why) = family.packet_filter() {
            skipped!("{why}")
        }
    }
    let lab = Pod::new(Family::V4, &[], &[]);
    let mapped = |addr: SocketAddr| match addr {
        SocketAddr::V4(v4) => SocketAddr::from((v4.ip().to_ipv6_mapped(), v4.port())),
        SocketAddr::V6(_) => addr,
    };
    let listener = lab.peer.listen(lab.far(8082));
    let client = lab.host.connect_as(APP, mapped(lab.far(8082)));
    greet(&client, &accept(&listener));
    let all = lab.wayside().connections();
    let line = all.lines().find(|line| line.contains("source")).expect("a line");
    expect_account(&lab, line, "outbound", lab.far(8082));
    let source = SocketAddr::new(lab.app(0).ip(), here(&client).port());
    assert_eq!(field(line, "source"), Some(source.to_string()), "{line}");
}

/// WebSocket, CONNECT and HTTP/2 behind HTTP/1: what is sent right behind the switch arrives, and both ways go on.
fn a_switch_of_a_shared_connection_is_the_clients_own(family: Family) {
    let upgrade = |to: &str, more: &str| {
        format!("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade{more}\r\nUpgrade: {to}\r\n")
    };
    let switch = |to: &str| {
        format!("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: {to}\r\n\r\n")
    };
    let settings = "HTTP2-Settings: AAMAAABk\r\n\r\n";
    let cases = [
        (format!("{}\r\n", upgrade("websocket", "")), switch("websocket"), "\u{1}\u{2}hi"),
        (
            "CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n".to_owned(),
            "HTTP/1.1 200 OK\r\n\r\n".to_owned(),
            "220 here\r\n",
        ),
        (format!("{}{settings}", upgrade("h2c", ", HTTP2-Settings")), switch("h2c"), "\0\0\0\u{4}\0\0\0\0\0"),
    ];
    let lab = Pod::new(family, &[], &["--http-reuse"]);
    for (port, (ask, switch, behind)) in (8080..).zip(cases) {
        let listener = lab.peer.listen(lab.far(port));
        let mut client = lab.host.connect_as(APP, lab.far(port));
        client.write_all(ask.as_bytes()).expect("to ask");
        let mut server = accept(&listener);
        let mut heard = vec![0; ask.len()];
        server.read_exact(&mut heard).expect("the request");
        assert_eq!(String::from_utf8_lossy(&heard), ask);
        let said = [switch, behind.to_owned()].concat();
        server.write_all(said.as_bytes()).expect("to switch");
        let mut came = vec![0; said.len()];
        client.read_exact(&mut came).expect("the switch and what is behind it");
        assert_eq!(String::from_utf8_lossy(&came), said);
        // A preface and SETTINGS; to two of them just bytes.
        client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").expect("to go on");
        server.read_exact(&mut [0; 33]).expect("what the client says");
    }
}

fn what_the_application_serves_is_inbound(family: Family) {
    let lab = Pod::new(family, &[], &[]);
    for port in [8080, 30_002] {
        let (client, server) = lab.inbound(port);
        assert_eq!(here(&server), lab.app(port));
        assert!(!is_direct(&client, &server));
        greet(&client, &server);
        let line = lab.wayside().line_of(&client);
        expect_account(&lab, &line, "inbound", lab.app(port));
        assert_eq!(field(&line, "source"), Some(here(&client).to_string()), "{line}");
        pass_both_ways(&client, &server, 8 * MB);
    }
}

fn the_application_reaches_itself_by_the_address_of_its_host(family: Family) {
    let lab = Pod::new(family, &[], &[]);
    let listener = lab.host.listen(lab.app(8081));
    let client = lab.host.connect_as(APP, lab.app(8081));
    let server = accept(&listener);
    greet(&client, &server);
    // Once, and on its way out; wayside's own connection is not redirected.
    expect_account(&lab, &lab.wayside().line_of(&client), "outbound", lab.app(8081));
    assert_eq!(lab.wayside().sum("tcp_open_total", &[("direction", "inbound")]), 0.0);
}

fn servers_may_speak_first_both_ways(family: Family) {
    let lab = Pod::new(family, &[], &[]);
    for (mut client, mut server) in [lab.outbound(2222), lab.inbound(2222)] {
        server.write_all(b"SSH-2.0-OpenSSH_9.9\r\n").expect("to greet");
        let mut greeting = [0; 21];
        client.set_read_timeout(Some(SECOND)).expect("a time-out");
        client.read_exact(&mut greeting).expect("a greeting at once");
        assert_eq!(&greeting, b"SSH-2.0-OpenSSH_9.9\r\n");
        let line = lab.wayside().line_of(&client);
        assert_eq!(field(&line, "protocol").as_deref(), Some("ssh"), "{line}");
        assert_eq!(field(&line, "decided_by").as_deref(), Some("server"), "{line}");
    }
}

fn skipped_ports_bypass(family: Family) {
    let skips = [
        "-t nat -A OUTPUT -p tcp --dport 9100 -j RETURN",
        "-t nat -A PREROUTING -p tcp -m multiport --dports 9100,9101:9103 -j RETURN",
    ];
    let lab = Pod::new(family, &skips, &[]);
    assert_eq!(lab.wayside().accepted(), 0.0);
    for (client, server) in [lab.outbound(9100), lab.inbound(9100), lab.inbound(9102)] {
        assert!(is_direct(&client, &server));
        pass_both_ways(&client, &server, MB);
    }
    assert_eq!(lab.wayside().accepted(), 0.0);
    for (count, (client, server)) in [(1.0, lab.outbound(9104)), (2.0, lab.inbound(9104))] {
        assert!(!is_direct(&client, &server));
        assert!(lab.wayside().accepted() >= count, "the counter does not count");
    }
}

fn ports_named_to_wayside_are_not_inspected(family: Family) {
    let args = ["--opaque-ports=6379", "--skip-inbound-ports=7000-7002", "--skip-outbound-ports=8000"];
    let lab = Pod::new(family, &[], &args);
    for (port, outbound_is_opaque, inbound_is_opaque) in
        [(6379, true, true), (7001, false, true), (8000, true, false), (8001, false, false)]
    {
        for (is_opaque, (mut client, mut server)) in
            [(outbound_is_opaque, lab.outbound(port)), (inbound_is_opaque, lab.inbound(port))]
        {
            client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").expect("to write");
            server.read_exact(&mut [0; 27]).expect("the request");
            let line = lab.wayside().line_of(&client);
            let (protocol, decided_by) = (field(&line, "protocol"), field(&line, "decided_by"));
            if is_opaque {
                assert_eq!(decided_by.as_deref(), Some("port"), "{line}");
                assert_ne!(protocol.as_deref(), Some("http/1"), "{line}");
            } else {
                assert_eq!(decided_by.as_deref(), Some("client"), "{line}");
                assert_eq!(protocol.as_deref(), Some("http/1"), "{line}");
            }
        }
    }
    for direction in ["inbound", "outbound"] {
        let labels = [("direction", direction), ("decided_by", "port")];
        assert_eq!(lab.wayside().sum("tcp_detect_total", &labels), 2.0, "{direction}");
    }
}

fn resets_and_refusals_reach_the_other_host(family: Family) {
    let lab = Pod::new(family, &[], &[]);
    for (client, server) in [lab.inbound(5001), lab.outbound(5001)] {
        greet(&client, &server);
        reset(server);
        expect_reset(&client, SECOND);
    }
    for (client, server) in [lab.inbound(5002), lab.outbound(5002)] {
        greet(&client, &server);
        reset(client);
        expect_reset(&server, SECOND);
    }
    // Nobody listens there.
    expect_reset(&lab.peer.connect(lab.app(5003)), 2 * SECOND);
    expect_reset(&lab.host.connect_as(APP, lab.far(5003)), 2 * SECOND);
    for (host, addr) in [(&lab.peer, lab.app(5003)), (&lab.host, lab.far(5003))] {
        let mut client = host.connect(addr);
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").expect("to ask");
        let mut answer = String::new();
        client.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    }
    lab.wayside().expect_none_open();
}

/// Routes of the one listener and of the other, for what is redirected to them.
fn redirected_requests_take_the_routes_of_their_listener(family: Family) {
    use std::os::unix::fs::PermissionsExt;
    let dir = TempDir::new();
    // wayside is another user there.
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).expect("to let it in");
    let text = format!(
        "[[route]]\nlisten = 'inbound'\npath = '/routed'\nbackend = 'in'\n\
         [[route]]\nlisten = 'outbound'\npath = '/routed'\nbackend = 'out'\n\
         [backends.in]\nservers = ['{}']\n[backends.out]\nservers = ['{}']\n",
        family.addr(1, 1, 9001),
        family.addr(1, 2, 9002)
    );
    let path = dir.file("routes.toml", text);
    let lab = Pod::new(family, &[], &["--config", path.to_str().expect("a path")]);
    let inside = (lab.host.listen(lab.app(8080)), lab.host.listen(lab.app(9001)));
    let outside = (lab.peer.listen(lab.far(8080)), lab.peer.listen(lab.far(9002)));
    let inbound = lab.peer.connect(lab.app(8080));
    let outbound = lab.host.connect_as(APP, lab.far(8080));
    for (mut client, (original, backend)) in [(inbound, inside), (outbound, outside)] {
        for (path, listener) in [("/routed", backend), ("/else", original)] {
            let ask = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
            client.write_all(ask.as_bytes()).expect("to ask");
            let mut server = accept(&listener);
            let mut heard = vec![0; ask.len()];
            server.read_exact(&mut heard).expect("the request");
            assert_eq!(heard, ask.as_bytes());
            server.write_all(OK).expect("to answer");
            let mut answer = [0; OK.len()];
            client.read_exact(&mut answer).expect("the answer");
            assert_eq!(answer, OK);
        }
    }
    for set in ["in", "out"] {
        assert_eq!(lab.wayside().sum("request_total", &[("backend", set)]), 1.0);
    }
}
