//! Hosts that take long to be found, or are never: whom that delays, and what is told then.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::lab::Lab;
use crate::shared::*;
use crate::support::*;

/// The lab, or the end of the test.
macro_rules! or_skip {
    ($made:expr) => {
        match $made {
            Ok(made) => made,
            Err(why) => skipped!("{why}"),
        }
    };
}

fn of_lab(lab: &Lab) -> Proxy {
    Proxy::of(lab.wayside(&["--outbound-listen=127.0.0.1:0", "--pool-idle-timeout=500ms"]))
}

/// A connection from another address than all others have.
fn from(source: [u8; 4], proxy: &Proxy) -> Client {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from((source, 0)).into()).expect("a free port");
    socket.connect(&proxy.addr().into()).expect("a connection to wayside");
    socket.set_read_timeout(Some(LIMIT)).expect("a time-out");
    Client::new(socket.into())
}

fn get(host: &str, port: u16) -> String {
    format!("GET http://{host}:{port}/ HTTP/1.1\r\nHost: {host}\r\n\r\n")
}

/// The first request for each of some names that nobody asked for before; how long the quickest took, and the slowest.
#[track_caller]
fn first_requests(what: &str, lab: &Lab, proxy: &Proxy, port: u16) -> (Duration, Duration) {
    let took = (0..6).map(|number| {
        let host = format!("live-{what}-{number}.test");
        lab.set(&host, &["127.0.0.1"], 60);
        let mut client = from([127, 0, 0, 2], proxy);
        let began = Instant::now();
        assert_eq!(client.ask(get(&host, port)).status(), 200, "{host}");
        began.elapsed()
    });
    let took: Vec<Duration> = took.collect();
    (*took.iter().min().expect("some"), *took.iter().max().expect("some"))
}

/// All clients; lookups may go on.
#[track_caller]
fn expect_gone(proxy: &Proxy) {
    eventually("all are gone", LIMIT, || proxy.sum("tcp_open_connections", &[]) == 0.0);
}

/// Without shares each name of the other client waited for the whole queue: seconds, and then 504.
#[test]
fn one_clients_dead_names_delay_no_other_client() {
    let lab = or_skip!(Lab::new());
    lab.dead("dead");
    lab.options("timeout:5 attempts:2");
    let origin = Origin::named("a");
    let port = origin.addr().port();
    let proxy = of_lab(&lab);
    let (direct, _) = first_requests("direct", &lab, &proxy, port);
    let mut flood: Vec<Client> = (0..300).map(|_| proxy.connect()).collect();
    for (number, client) in flood.iter_mut().enumerate() {
        client.send(get(&format!("dead{number}.test"), port));
    }
    eventually("all places are taken", LIMIT, || {
        proxy.sum("wayside_resolver_total", &[("event", "lookup")]) >= 6.0 + 24.0
    });
    let (least, most) = first_requests("beside", &lab, &proxy, port);
    println!("a first request: {direct:?}; beside 300 dead names {least:?} to {most:?}");
    assert!(least < direct + Duration::from_millis(200), "{least:?}, and {direct:?} without them");
    assert!(most < direct + Duration::from_secs(2), "{most:?}, and {direct:?} without them");
    // A new name of the same client waits for those before it to have had a turn, no longer.
    lab.set("live.test", &["127.0.0.1"], 60);
    let began = Instant::now();
    assert_eq!(proxy.ask(get("live.test", port)).status(), 200);
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    flood.into_iter().for_each(|client| reset(client.into_stream()));
    expect_gone(&proxy);
}

#[test]
fn a_name_server_that_keeps_silent_is_a_504() {
    let lab = or_skip!(Lab::new());
    lab.silence(true);
    let proxy = of_lab(&lab);
    let mut client = proxy.connect();
    let answer = client.ask(get("db.test", 80));
    assert_eq!(
        (answer.status(), answer.field("wayside-error")),
        (504, Some("name lookup timeout".to_owned()))
    );
    lab.silence(false);
    let origin = Origin::named("a");
    lab.set("other.test", &["127.0.0.1"], 60);
    assert_eq!(client.ask(get("other.test", origin.addr().port())).status(), 200, "the connection lives on");
    drop(client);
    proxy.expect_clean();
}

#[test]
fn who_waits_for_a_name_for_long_is_told() {
    let lab = or_skip!(Lab::new());
    lab.options("timeout:30");
    lab.silence(true);
    let proxy = of_lab(&lab);
    let mut client = proxy.connect();
    client.stream().set_read_timeout(Some(3 * LIMIT)).expect("a time-out");
    let began = Instant::now();
    let answer = client.ask(get("db.test", 80));
    assert_eq!(
        (answer.status(), answer.field("wayside-error")),
        (504, Some("name lookup timeout".to_owned()))
    );
    assert!(began.elapsed() >= Duration::from_secs(15), "{:?}", began.elapsed());
    drop(client);
    expect_gone(&proxy);
}
