//! Who may use wayside as a proxy: nobody from elsewhere, unless it is said.

use std::net::SocketAddr;

use crate::shared::*;
use crate::support::*;

/// A host with a wayside that listens on all addresses and a server beside it, and a client on the end of a cable.
struct Lab {
    proxy: Proxy,
    server: std::net::TcpListener,
    far: Host,
    host: Host,
}

const PORT: u16 = 4140;

impl Lab {
    fn new(args: &[&str]) -> Lab {
        let [host, far] = ["proxy", "client"].map(Host::new);
        host.cable(1, "eth0", &far, "eth0");
        let listen = format!("--outbound-listen=[::]:{PORT}");
        let mut all = vec![listen.as_str()];
        all.extend(args);
        let wayside = Launch::new(&all).through(&host.wrapper()).start();
        let proxy = Proxy::of(wayside.unwrap_or_else(|error| panic!("{error}")));
        // On loopback: only who is on that host reaches it by itself.
        let server = host.listen(Family::V4.loopback(8080));
        Lab { proxy, server, far, host }
    }

    fn connect_afar(&self, family: Family) -> Client {
        Client::new(self.far.connect(family.addr(1, 1, PORT)))
    }

    fn served(&self, mut client: Client, request: &str) -> u16 {
        client.send(request);
        let server = accept(&self.server);
        let mut server = Client::new(server);
        server.take(request.len().min(10));
        server.send(OK);
        client.hear(request).status()
    }
}

fn requests(server: SocketAddr) -> [String; 4] {
    [
        get_of(server, "/"),
        format!("CONNECT {server} HTTP/1.1\r\nHost: {server}\r\n\r\n"),
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        format!("OPTIONS http://{server}/ HTTP/1.1\r\nHost: {server}\r\nMax-Forwards: 0\r\n\r\n"),
    ]
}

fn families() -> Result<Vec<Family>, String> {
    let why = |family: Family| family.packet_filter().map(|_| family);
    Ok(vec![why(Family::V4)?, why(Family::V6)?])
}

#[test]
fn a_client_from_elsewhere_is_refused_by_default() {
    let families = match families() {
        Ok(families) => families,
        Err(why) => skipped!("{why}"),
    };
    let lab = Lab::new(&[]);
    let server = Family::V4.loopback(8080);
    for &family in &families {
        for request in requests(server) {
            let mut client = lab.connect_afar(family);
            let answer = client.ask(&request);
            assert_eq!(answer.status(), 403, "{request}: {}", answer.head);
            let cause = "client not allowed to use this proxy";
            assert_eq!(answer.field("wayside-error").as_deref(), Some(cause));
            assert_eq!(answer.field("connection").as_deref(), Some("close"));
            expect_eof(client.stream(), LIMIT);
        }
        // Nothing else is a way around it.
        let mut client = lab.connect_afar(family);
        client.send("\0 no HTTP\r\n\r\n");
        assert!(client.rest().is_err_and(|error| is_reset(&error)));
    }
    // Who is on the host itself may.
    let local = lab.host.connect(Family::V4.loopback(PORT));
    assert_eq!(lab.served(Client::new(local), &get_of(server, "/")), 200);
    let opened = lab.host.run(|| lab.proxy.sum("tcp_open_total", &[("peer", "dst")]));
    assert_eq!(opened, 1.0);
    lab.host.run(|| lab.proxy.expect_clean());
}

#[test]
fn a_client_from_elsewhere_is_served_where_that_is_configured() {
    let families = match families() {
        Ok(families) => families,
        Err(why) => skipped!("{why}"),
    };
    let lab = Lab::new(&["--proxy-clients=10.77.1.2/32,fd77::/16", "--connect-ports=8080"]);
    let server = Family::V4.loopback(8080);
    for family in families {
        let request = get_of(server, "/");
        assert_eq!(lab.served(lab.connect_afar(family), &request), 200, "{family:?}");
        let mut client = lab.connect_afar(family);
        let answer = client.ask_tunnel(format!("CONNECT {server} HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert_eq!(answer.status(), 200, "{family:?}");
        drop(accept(&lab.server));
        let answer = lab.connect_afar(family).ask("CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(answer.status(), 403, "{family:?}");
    }
    // The list replaces the default: loopback is not on it.
    let mut local = Client::new(lab.host.connect(Family::V4.loopback(PORT)));
    assert_eq!(local.ask(get_of(server, "/")).status(), 403);
    drop(local);
    lab.host.run(|| lab.proxy.expect_clean());
}

/// Routes lead to backends of the operator's choice, but they are this host's to use, too.
#[test]
fn a_route_is_no_way_around_it() {
    let families = match families() {
        Ok(families) => families,
        Err(why) => skipped!("{why}"),
    };
    let Some(curl) = have("curl") else { skipped!("no curl") };
    let dir = TempDir::new();
    let file = dir.file(
        "wayside.toml",
        format!(
            "inbound-listen = 'off'\noutbound-listen = '[::]:{PORT}'\nadmin-listen = '127.0.0.1:0'\n\
             [[route]]\nbackend = 'a'\n[backends.a]\nservers = ['127.0.0.1:8080']\n"
        ),
    );
    let lab = Lab::new(&["--config", file.to_str().expect("a path")]);
    for family in families {
        let answer = lab.connect_afar(family).ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(answer.status(), 403);
        // HTTP/2 is steered in another way.
        let [ip, words @ ..] = lab.far.wrapper();
        let mut command = std::process::Command::new(ip);
        command.args(words).arg(&curl).args([
            "-sS",
            "--noproxy",
            "*",
            "-o",
            "/dev/null",
            "-w",
            "%{http_code}",
        ]);
        command.arg("--http2-prior-knowledge").arg(format!("http://{}/", family.addr(1, 1, PORT)));
        let output = programs::run(&mut command, b"");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "403");
    }
    let opened = lab.host.run(|| lab.proxy.sum("tcp_open_total", &[("peer", "dst")]));
    assert_eq!(opened, 0.0);
}

/// The types of the frames of HTTP/2 in `bytes`.
fn kinds(mut bytes: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    while let [a, b, c, kind, _, _, _, _, _, rest @ ..] = bytes {
        kinds.push(*kind);
        bytes = rest
            .get(usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c)..)
            .expect("a whole frame");
    }
    kinds
}

/// One that never asks is not kept: not by a greeting, whether it acknowledges that or not, and not for what it sends.
#[test]
fn a_client_of_http2_from_elsewhere_that_asks_nothing_is_not_kept() {
    let families = match families() {
        Ok(families) => families,
        Err(why) => skipped!("{why}"),
    };
    let dir = TempDir::new();
    let file = dir.file(
        "wayside.toml",
        format!(
            "inbound-listen = 'off'\noutbound-listen = '[::]:{PORT}'\nadmin-listen = '127.0.0.1:0'\ndetect-timeout = '1s'\n\
             [[route]]\nbackend = 'a'\n[backends.a]\nservers = ['127.0.0.1:8080']\n"
        ),
    );
    let lab = Lab::new(&["--config", file.to_str().expect("a path")]);
    for family in families {
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
        // It says what it speaks, acknowledges our SETTINGS, and no more.
        let mut client = lab.connect_afar(family);
        client.send(preface);
        assert_eq!(client.take(9), b"\0\0\0\x04\0\0\0\0\0");
        client.send(b"\0\0\0\x04\x01\0\0\0\0");
        assert_eq!(kinds(&client.rest().expect("the end")).last(), Some(&7));
        // It only says what it speaks; or goes on with frames that mean nothing, of 16 KiB each.
        for frames in [0, 3] {
            let mut client = lab.connect_afar(family);
            client.send(preface);
            for _ in 0..frames {
                client.send([&b"\0\x40\0\xfa\0\0\0\0\0"[..], &[0; 16 * 1024]].concat());
            }
            // SETTINGS, to which it says nothing, and GOAWAY at the end.
            match client.rest() {
                Ok(said) => {
                    let kinds = kinds(&said);
                    assert!(kinds.first() == Some(&4) && kinds.last() == Some(&7), "{kinds:?}");
                }
                Err(error) => assert!(is_reset(&error), "{error}"),
            }
        }
    }
    lab.host.run(|| lab.proxy.expect_clean());
}
