//! Every table of `tests/routes/`, asked of live traffic: what the router says is where a request goes.

#[path = "routed/judged.rs"]
mod judged;
#[path = "routed/lost.rs"]
mod lost;
#[path = "routed/peers.rs"]
mod peers;
#[path = "routed/silent.rs"]
mod silent;
mod support;

use std::collections::BTreeMap;
use std::io::{BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use peers::{Answer, Backend, client_hello, read_answer};
use support::routes::{Ask, Case, Listener, Table, split, tables};
use support::*;

/// The addresses of the two forwards: their own, so that a route can name one of them and its port be free.
const FORWARD: &str = "127.0.0.2:0";
const OTHER: &str = "127.0.0.3:0";
/// What an original destination calls itself.
const ORIGINAL: &str = "original";

/// wayside with a table's routes, a server for each of its backend sets, and one that the forwards lead to.
struct Live {
    wayside: Wayside,
    _servers: BTreeMap<String, Backend>,
    _dir: TempDir,
}

impl Live {
    fn new(table: &Table) -> Self {
        let mut servers = BTreeMap::new();
        for name in table.backends().into_iter().chain([ORIGINAL.to_owned()]) {
            let server = Backend::start(&name, Duration::ZERO);
            servers.insert(name, server);
        }
        let original = servers[ORIGINAL].addr();
        let routes = table.to_toml([FORWARD, OTHER], |name| vec![servers[name].addr().to_string()]);
        let text = format!(
            "admin-listen = '127.0.0.1:0'\ninbound-listen = 'off'\noutbound-listen = '127.0.0.1:0'\n\
             forward = ['{FORWARD}={original}', '{OTHER}={original}']\n{routes}"
        );
        let dir = TempDir::new();
        let path = dir.file("wayside.toml", text);
        let wayside = Wayside::start(&["--config", path.to_str().expect("a path")]);
        Live { wayside, _servers: servers, _dir: dir }
    }

    /// A client's connection to a listener.
    fn connect(&self, listener: Listener) -> TcpStream {
        match listener {
            Listener::Inbound => panic!("only redirected connections come in there"),
            Listener::Outbound => connect(self.wayside.outbound()[0]).expect("a connection"),
            Listener::Forward => self.wayside.connect(0),
            Listener::Other => self.wayside.connect(1),
        }
    }
}

/// What a table asks of one listener, one by one.
fn cases(table: &Table, listener: Listener) -> Vec<&Case> {
    table.cases.iter().filter(|case| case.listen == listener).collect()
}

fn method(case: &Case) -> &str {
    match &case.ask {
        Ask::Request { method, .. } => method,
        Ask::Tls(_) => "",
    }
}

fn is_http(case: &Case) -> bool {
    matches!(case.ask, Ask::Request { .. })
}

/// The bytes of a request, with its target in origin form, or as a proxy's client writes it.
fn request(case: &Case, is_absolute: bool) -> String {
    let Ask::Request { method, url, headers } = &case.ask else { panic!("{}", case.line) };
    let (authority, target) = split(method, url);
    let target = if is_absolute { url } else { target };
    let mut text = format!("{method} {target} HTTP/1.1\r\nHost: {authority}\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text + "\r\n"
}

/// What the answer has to be.
#[track_caller]
fn check(table: &Table, case: &Case, answer: &Answer) {
    let what = format!("{}: {}: {answer:?}", table.name, case.line);
    match (case.backends.is_empty(), case.listen) {
        (true, Listener::Outbound) => {
            assert_eq!((answer.status, answer.who()), (404, None), "{what}");
            assert!(answer.head.contains("\r\nwayside-error: no route\r\n"), "{what}");
        }
        (true, _) => assert_eq!((answer.status, answer.who()), (200, Some(ORIGINAL)), "{what}"),
        (false, _) => {
            assert_eq!(answer.status, 200, "{what}");
            let who = answer.who().expect("a server");
            assert!(case.backends.iter().any(|name| name == who), "{what}");
        }
    }
    let Ask::Request { method, url, .. } = &case.ask else { return };
    if answer.status == 200 && !matches!(method.as_str(), "HEAD" | "CONNECT") {
        let (_, target) = split(method, url);
        assert!(answer.body.ends_with(&format!(" {method} {target}")), "{what}");
    }
}

/// All requests of a table to one listener over one connection, none of which waits for the answer before it.
fn pipelined(live: &Live, table: &Table, listener: Listener, is_absolute: bool, piece: usize) -> usize {
    // A CONNECT is the last thing that a connection is asked.
    let fits = |case: &&Case| {
        is_http(case) && method(case) != "CONNECT" && !(is_absolute && case.backends.is_empty())
    };
    let asked: Vec<&Case> = cases(table, listener).into_iter().filter(fits).collect();
    let bytes: String = asked.iter().map(|case| request(case, is_absolute)).collect();
    let client = live.connect(listener);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for piece in bytes.as_bytes().chunks(piece) {
                (&client).write_all(piece).expect("to send");
            }
        });
        let mut reader = BufReader::new(&client);
        for case in &asked {
            let answer = read_answer(&mut reader, method(case))
                .unwrap_or_else(|error| panic!("{}: {}: {error}", table.name, case.line));
            check(table, case, &answer);
        }
    });
    asked.len()
}

const LISTENERS: [Listener; 3] = [Listener::Outbound, Listener::Forward, Listener::Other];

#[test]
fn the_requests_of_a_table_go_where_its_routes_say_over_one_connection() {
    let mut count = 0;
    for table in tables() {
        let live = Live::new(&table);
        for listener in LISTENERS {
            for piece in [1 << 20, 7] {
                count += pipelined(&live, &table, listener, false, piece);
            }
        }
        // As to a proxy: what takes no route would be looked up by its name.
        count += pipelined(&live, &table, Listener::Outbound, true, 1 << 20);
        count += pipelined(&live, &table, Listener::Outbound, true, 13);
    }
    assert!(count > 500, "{count}");
}

#[test]
fn a_connect_goes_where_its_route_says() {
    let mut count = 0;
    for table in tables() {
        let connects: Vec<&Case> = table.cases.iter().filter(|case| method(case) == "CONNECT").collect();
        if connects.is_empty() {
            continue;
        }
        let live = Live::new(&table);
        for case in connects.into_iter().filter(|case| !case.backends.is_empty()) {
            let mut client = live.connect(case.listen);
            client.write_all(request(case, false).as_bytes()).expect("to send");
            let mut reader = BufReader::new(&client);
            let answer = read_answer(&mut reader, "CONNECT").expect("an answer");
            assert_eq!(answer.status, 200, "{}", case.line);
            // What answers is us; who is behind the tunnel says itself.
            (&client).write_all(GET).expect("to send");
            let answer = read_answer(&mut reader, "GET").expect("an answer");
            check(&table, case, &Answer { body: answer.body.replace("GET /", ""), ..answer });
            count += 1;
        }
    }
    assert!(count > 0);
}

#[test]
fn a_name_of_tls_goes_where_its_route_says() {
    let mut count = 0;
    for table in tables() {
        let asked = || table.cases.iter().filter(|case| LISTENERS.contains(&case.listen) && !is_http(case));
        if asked().next().is_none() {
            continue;
        }
        let live = Live::new(&table);
        for case in asked() {
            let Ask::Tls(name) = &case.ask else { panic!("{}", case.line) };
            for piece in [1 << 10, 1] {
                let mut client = live.connect(case.listen);
                for piece in client_hello(name).chunks(piece) {
                    client.write_all(piece).expect("to send");
                }
                let what = format!("{}: {}", table.name, case.line);
                if case.backends.is_empty() && case.listen == Listener::Outbound {
                    expect_reset(&client, LIMIT);
                } else {
                    let mut who = String::new();
                    client.read_to_string(&mut who).unwrap_or_else(|error| panic!("{what}: {error}"));
                    let original = [ORIGINAL.to_owned()];
                    let wanted = if case.backends.is_empty() { &original[..] } else { &case.backends };
                    assert!(wanted.contains(&who), "{what}: {who}");
                }
                count += 1;
            }
        }
    }
    assert!(count > 50, "{count}");
}

#[test]
fn the_example_is_right_and_goes_where_it_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/routes.toml");
    let said = run_to_end(&["check", "--config", path], &[]);
    assert_eq!((said.code, said.stderr.as_str()), (Some(0), ""), "{said:?}");
    let explain = |what: &[&str], listen: &str| {
        let args = [&["check", "--config", path, "--explain-listen", listen, "--explain"], what].concat();
        let said = run_to_end(&args, &[]);
        let route = said.stdout.lines().find_map(|line| line.strip_prefix("  route \""));
        route.and_then(|rest| Some(rest.split_once('"')?.0.to_owned()))
    };
    for (what, route) in [
        (&["GET http://api.example.com/v1/users", "--explain-header", "x-canary: yes"][..], Some("canary")),
        (&["GET http://eu.api.example.com/v1/users"][..], Some("api")),
        (&["POST http://any.test/users.v1.Users/Get"][..], Some("users")),
        (&["TLS shop.example.com"][..], Some("shop")),
        (&["GET http://example.com/"][..], None),
    ] {
        assert_eq!(explain(what, "127.0.0.1:8080").as_deref(), route, "{what:?}");
    }
}

#[test]
fn half_a_line_goes_to_the_original_destination_in_the_end() {
    let echo = Server::echo();
    let dir = TempDir::new();
    let text = format!(
        "admin-listen = '127.0.0.1:0'\ninbound-listen = 'off'\noutbound-listen = 'off'\ndetect-timeout = '300ms'\n\
         forward = ['127.0.0.1:0={}']\n[backends.none]\nservers = ['127.0.0.1:1']\n\
         [[route]]\npath-prefix = '/routed'\nbackend = 'none'\n",
        echo.addr()
    );
    let path = dir.file("wayside.toml", text);
    let path = path.to_str().expect("a path");
    let wayside = Wayside::start(&["--config", path]);
    let strict = Wayside::start(&["--config", path, "--http-reuse"]);
    for line in ["ruok", "GET /x"] {
        let mut client = wayside.connect(0);
        client.write_all(line.as_bytes()).expect("to write");
        let mut back = vec![0; line.len()];
        client.read_exact(&mut back).expect("what was sent");
        assert_eq!(back, line.as_bytes());
        // A client that waits gets no further than one that does not.
        let mut client = strict.connect(0);
        client.write_all(line.as_bytes()).expect("to write");
        let mut back = String::new();
        client.read_to_string(&mut back).expect("an answer");
        assert!(back.starts_with("HTTP/1.1 408 "), "{back}");
        assert!(back.contains("\r\nwayside-error: request head too slow\r\n"), "{back}");
    }
}
