//! Clients and servers that give up, at every stage: nothing is left behind.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::lab::Lab;
use crate::shared::*;
use crate::support::{is_reset as is_reset_error, *};

/// How a client gives up.
const WAYS: [fn(TcpStream); 2] = [drop, reset];

const HALF: usize = 100_000;

/// What the client has done by then.
type Request = fn(std::net::SocketAddr) -> String;

const REQUESTS: [Request; 4] = [
    |addr| get_of(addr, "/"),
    |addr| format!("POST http://{addr}/ HTTP/1.1\r\nHost: {addr}\r\nContent-Length: {HALF}\r\n\r\nhalf"),
    |addr| {
        format!(
            "POST http://{addr}/ HTTP/1.1\r\nHost: {addr}\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf"
        )
    },
    |addr| format!("CONNECT {addr} HTTP/1.1\r\nHost: {addr}\r\n\r\nhalf"),
];

/// The server hears that nobody waits for it, in whatever way.
#[track_caller]
fn expect_end(server: &mut TcpStream) {
    let mut rest = Vec::new();
    let end = server.read_to_end(&mut rest);
    assert!(end.as_ref().err().is_none_or(is_reset_error), "{end:?}");
}

#[test]
fn clients_that_go_while_a_head_is_not_whole() {
    let proxy = Proxy::start(&[]);
    for way in WAYS {
        for part in ["", "G", "GET http://x.test/ HTTP/1.1\r\nHo", "CONNECT x.test:443 HTTP/1.1\r\n"] {
            let mut client = proxy.connect();
            client.send(part);
            way(client.into_stream());
        }
    }
    proxy.expect_clean();
}

#[test]
fn clients_that_go_while_a_name_is_looked_up() {
    let lab = match Lab::new() {
        Ok(lab) => lab,
        Err(why) => skipped!("{why}"),
    };
    lab.silence(true);
    let proxy = Proxy::of(lab.wayside(&["--outbound-listen=127.0.0.1:0", "--pool-idle-timeout=500ms"]));
    for (n, way) in WAYS.into_iter().cycle().take(8).enumerate() {
        let mut client = proxy.connect();
        let request = REQUESTS[n % 4](proxy.addr());
        client.send(request.replace(&proxy.addr().to_string(), &format!("slow{n}.test:80")));
        eventually("it is looked up", LIMIT, || proxy.wayside.connections().contains("dialing"));
        way(client.into_stream());
    }
    lab.silence(false);
    proxy.expect_counted_all();
    proxy.expect_clean();
}

#[test]
fn clients_that_go_while_it_is_dialled() {
    let (_listener, _fillers, silent) = full();
    let proxy = Proxy::start(&["--connect-timeout=2s"]);
    for way in WAYS {
        for request in REQUESTS {
            let mut client = proxy.connect();
            client.send(request(silent));
            eventually("it is dialled", LIMIT, || proxy.wayside.connections().contains("dialing"));
            way(client.into_stream());
        }
    }
    proxy.expect_counted_all();
    proxy.expect_clean();
}

#[test]
fn clients_that_go_while_the_request_is_half_sent_or_not_answered() {
    let listener = listen();
    let target = listener.local_addr().expect("its address");
    // With an end alone, a client may still wait for the answer: so long.
    let proxy = Proxy::start(&["--half-close-timeout=300ms"]);
    for way in WAYS {
        for request in REQUESTS {
            let mut client = proxy.connect();
            client.send(request(target));
            let mut server = accept(&listener);
            server.read_exact(&mut [0; 4]).expect("its beginning");
            if request(target).starts_with("CONNECT") {
                assert_eq!(client.hear_tunnel().status(), 200);
            }
            way(client.into_stream());
            // The server hears of it.
            expect_end(&mut server);
        }
    }
    proxy.expect_counted_all();
    proxy.expect_clean();
}

#[test]
fn clients_that_go_while_the_response_is_half_sent() {
    let listener = listen();
    let target = listener.local_addr().expect("its address");
    let proxy = Proxy::start(&["--half-close-timeout=300ms"]);
    for way in WAYS {
        for head in ["Content-Length: 100000\r\n", "Transfer-Encoding: chunked\r\n", "Connection: close\r\n"]
        {
            let mut client = proxy.connect();
            client.send(get_of(target, "/"));
            let mut server = accept(&listener);
            server.read_exact(&mut [0; 4]).expect("its beginning");
            let answer = format!("HTTP/1.1 200 OK\r\n{head}\r\n");
            server.write_all(answer.as_bytes()).expect("to send");
            assert_eq!(&client.take(9), b"HTTP/1.1 ");
            way(client.drained());
            expect_end(&mut server);
        }
    }
    proxy.expect_counted_all();
    proxy.expect_clean();
}

#[test]
fn servers_that_go_before_they_answer() {
    let proxy = Proxy::start(&[]);
    for (is_reset, cause) in [(false, "server closed the connection"), (true, "server reset the connection")]
    {
        let server = Server::start(move |mut stream| {
            stream.read_exact(&mut [0; 4])?;
            if is_reset {
                reset(stream);
            }
            Ok(())
        });
        let addr = server.addr();
        for request in &REQUESTS[..3] {
            let mut client = proxy.connect();
            let answer = client.ask(request(addr));
            assert_eq!(answer.status(), 502, "{}", answer.head);
            let said = answer.field("wayside-error").expect("a cause");
            // A close with unread bytes is a reset, too.
            assert!(said == cause || (!is_reset && said == "server reset the connection"), "{said}");
        }
    }
    proxy.expect_counted(6, &[("502", 6)]);
    proxy.expect_clean();
}

#[test]
fn servers_that_go_within_their_answer_are_felt_as_such() {
    let proxy = Proxy::start(&[]);
    for is_reset in [false, true] {
        for head in ["Content-Length: 100000\r\n", "Transfer-Encoding: chunked\r\n"] {
            let listener = listen();
            let mut client = proxy.connect();
            client.send(get_of(listener.local_addr().expect("its address"), "/"));
            let mut server = accept(&listener);
            let mut request = [0; 1024];
            let _ = server.read(&mut request).expect("the request");
            server.write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\n5\r\nhel").as_bytes()).expect("to send");
            assert_eq!(&client.take(12), b"HTTP/1.1 200");
            if is_reset {
                reset(server)
            } else {
                drop(server)
            }
            // Not an end that would make a whole of it.
            let rest = client.rest();
            assert!(rest.as_ref().is_err_and(is_reset_error), "{rest:?}");
        }
    }
    proxy.expect_counted_all();
    proxy.expect_clean();
}

/// The next request on a connection whose last upstream has gone is not troubled by that.
#[test]
fn a_server_that_closes_behind_its_answer_does_not_trouble_the_next_request() {
    let origin =
        Origin::start(|_| b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok".to_vec());
    let proxy = Proxy::start(&[]);
    let mut client = proxy.connect();
    for _ in 0..20 {
        let answer = client.ask(get_of(origin.addr(), "/"));
        assert_eq!((answer.status(), answer.field("connection")), (200, None), "{}", answer.head);
    }
    drop(client);
    assert_eq!(origin.accepted(), 20);
    proxy.expect_counted(20, &[("200", 20)]);
    proxy.expect_clean();
}

/// A client that does not read: its tunnel and its response wait, and nothing else does.
#[test]
fn a_client_that_does_not_read_holds_up_nobody() {
    let source = Server::source(64 << 20, 1);
    let origin = Origin::named("a");
    let proxy = Proxy::start(&[]);
    let mut lazy = proxy.connect();
    lazy.send(format!("CONNECT {} HTTP/1.1\r\nHost: x\r\n\r\n", source.addr()));
    for _ in 0..20 {
        assert_eq!(proxy.ask(get_of(origin.addr(), "/")).status(), 200);
    }
    lazy.stream().set_read_timeout(Some(Duration::from_secs(10))).expect("a time-out");
    assert_eq!(lazy.hear_tunnel().status(), 200);
    reset(lazy.drained());
    proxy.expect_clean();
}

/// A client that ends its side gets every answer, and then the end: its end may come with the request, or later.
#[test]
fn clients_that_half_close_get_their_answers() {
    let origin = Origin::named("a");
    let (_socket, nowhere) = refusing();
    let proxy = Proxy::start(&[]);
    let missing = "GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_owned();
    let there = get_of(origin.addr(), "/");
    for requests in
        [vec![&missing], vec![&there], vec![&there, &missing], vec![&get_of(nowhere, "/"), &there]]
    {
        for _ in 0..10 {
            let mut client = proxy.connect();
            client.send(requests.iter().map(|request| request.as_str()).collect::<String>());
            finish(client.stream());
            for request in &requests {
                client.hear(request);
            }
            expect_eof(client.stream(), LIMIT);
        }
    }
    proxy.expect_clean();
}

#[test]
fn the_server_learns_that_a_request_has_ended_within_its_body() {
    let listener = listen();
    let target = listener.local_addr().expect("its address");
    let proxy = Proxy::start(&[]);
    for request in &REQUESTS[1..3] {
        let mut client = proxy.connect();
        client.send(request(target));
        finish(client.stream());
        let mut server = accept(&listener);
        let mut half = Vec::new();
        server.read_to_end(&mut half).expect("the request, as far as it came, and its end");
        assert!(half.starts_with(b"POST "), "{half:?}");
        server.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").expect("to answer");
        assert_eq!(client.hear("POST").status(), 400);
    }
    proxy.expect_counted(2, &[("400", 2)]);
    proxy.expect_clean();
}
