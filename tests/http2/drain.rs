//! A drain of HTTP/2: a GOAWAY between two of the server's frames, and the end when the streams have ended.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::tools::{Load, nghttpd};
use crate::support::servers::forward;
use crate::support::*;

const SECOND: Duration = Duration::from_secs(1);
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// What the first GOAWAY of ours is: no stream is refused, no error.
const GOAWAY: &[u8] = b"\0\0\x08\x07\0\0\0\0\0\x7f\xff\xff\xff\0\0\0\0";
/// A request's head: GET, http, /, no authority.
const HEAD: &[u8] = b"\x82\x86\x84";

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a small frame").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

#[track_caller]
fn pass(mut from: &TcpStream, mut to: &TcpStream, bytes: &[u8]) {
    from.write_all(bytes).expect("to write");
    let mut came = vec![0; bytes.len()];
    to.read_exact(&mut came).expect("what was sent");
    assert_eq!(came, bytes);
}

#[track_caller]
fn expect_goaway(mut client: &TcpStream) {
    let mut came = vec![0; GOAWAY.len()];
    client.read_exact(&mut came).expect("a GOAWAY");
    assert_eq!(came, GOAWAY);
}

/// Within `limit` a GOAWAY that names the last stream that was opened, and then the end.
#[track_caller]
fn expect_last_word(mut client: &TcpStream, last: u8, limit: Duration) {
    client.set_read_timeout(Some(limit)).expect("a time-out");
    let mut came = Vec::new();
    client.read_to_end(&mut came).expect("an orderly end");
    assert_eq!(came, frame(7, 0, 0, &[0, 0, 0, last, 0, 0, 0, 0]));
}

/// A connection whose prefaces have passed.
#[track_caller]
fn begun(tunnel: &Tunnel) -> (TcpStream, TcpStream) {
    let (client, server) = tunnel.pair();
    pass(&client, &server, &[PREFACE, &frame(SETTINGS, 0, 0, b"")].concat());
    pass(&server, &client, &frame(SETTINGS, 0, 0, b""));
    (client, server)
}

#[track_caller]
fn expect_end(tunnel: &mut Tunnel, limit: Duration) {
    let began = Instant::now();
    assert_eq!(tunnel.wayside.wait(LIMIT).expect("it ends").code(), Some(0));
    assert!(began.elapsed() < limit, "{:?}", began.elapsed());
}

#[test]
fn an_idle_connection_gets_notice_and_is_closed_within_a_second() {
    let mut tunnel = Tunnel::new(&[]);
    let (client, server) = begun(&tunnel);
    // One that has had a request is no different.
    let (other, other_server) = begun(&tunnel);
    pass(&other, &other_server, &frame(HEADERS, END_HEADERS | END_STREAM, 1, HEAD));
    pass(&other_server, &other, &frame(HEADERS, END_HEADERS | END_STREAM, 1, b"\x88"));
    tunnel.wayside.signal(Signal::TERM);
    let began = Instant::now();
    for (client, server, last) in [(client, server, 0), (other, other_server, 1)] {
        expect_goaway(&client);
        expect_last_word(&client, last, 2 * SECOND);
        expect_eof(&server, 2 * SECOND);
    }
    assert!(began.elapsed() < 3 * SECOND / 2, "{:?}", began.elapsed());
    expect_end(&mut tunnel, SECOND);
}

#[test]
fn an_open_stream_is_served_to_its_end() {
    let mut tunnel = Tunnel::new(&[]);
    let (client, server) = begun(&tunnel);
    pass(&client, &server, &frame(HEADERS, END_HEADERS, 1, HEAD));
    tunnel.wayside.signal(Signal::TERM);
    expect_goaway(&client);
    // Longer than an idle connection lives.
    expect_silence(&client, SECOND);
    pass(&client, &server, &frame(DATA, END_STREAM, 1, b"request"));
    pass(&server, &client, &frame(HEADERS, END_HEADERS, 1, b"\x88"));
    // What was on its way when the client had the notice, and what a deaf client asks after it, is served as well.
    pass(&client, &server, &frame(HEADERS, END_HEADERS | END_STREAM, 3, HEAD));
    pass(&server, &client, &frame(DATA, END_STREAM, 1, b"answer"));
    expect_silence(&client, SECOND);
    pass(&server, &client, &frame(HEADERS, END_HEADERS | END_STREAM, 3, b"\x88"));
    let metrics = tunnel.wayside.metrics();
    assert_eq!(metrics.sum("response_total", &[("status_code", "200")]), 2.0);
    assert_eq!(metrics.sum("response_total", &[]), 2.0);
    expect_last_word(&client, 3, 2 * SECOND);
    expect_eof(&server, 2 * SECOND);
    expect_end(&mut tunnel, SECOND);
}

#[test]
fn notice_waits_for_the_end_of_a_frame_and_of_a_head() {
    let parts = [
        frame(DATA, 0, 1, &[b'd'; 1000]),
        [frame(HEADERS, END_STREAM, 1, b""), frame(CONTINUATION, END_HEADERS, 1, b"\x88")].concat(),
    ];
    let answer = frame(HEADERS, END_HEADERS, 1, b"\x88");
    for part in parts {
        let mut tunnel = Tunnel::new(&[]);
        let (client, server) = begun(&tunnel);
        pass(&client, &server, &frame(HEADERS, END_HEADERS | END_STREAM, 1, HEAD));
        pass(&server, &client, &answer);
        // Behind the head of the first frame, or between two of one header block.
        let (before, behind) = part.split_at(if part.len() > 500 { 500 } else { 9 });
        pass(&server, &client, before);
        tunnel.wayside.signal(Signal::TERM);
        eventually("/ready says 503", SECOND, || tunnel.wayside.get("/ready").0 == 503);
        expect_silence(&client, SECOND / 5);
        pass(&server, &client, behind);
        expect_goaway(&client);
        drop((client, server));
        expect_end(&mut tunnel, SECOND);
    }
}

#[test]
fn notice_never_comes_before_the_servers_settings() {
    let upgrade = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
                    HTTP2-Settings: AAMAAABk\r\n\r\n";
    let switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    for is_upgrade in [false, true] {
        let mut tunnel = Tunnel::new(&[]);
        let (client, server) = tunnel.pair();
        if is_upgrade {
            pass(&client, &server, upgrade);
            pass(&server, &client, switch);
        }
        pass(&client, &server, &[PREFACE, &frame(SETTINGS, 0, 0, b"")].concat());
        pass(&client, &server, &frame(HEADERS, END_HEADERS | END_STREAM, 3, HEAD));
        tunnel.wayside.signal(Signal::TERM);
        eventually("/ready says 503", SECOND, || tunnel.wayside.get("/ready").0 == 503);
        expect_silence(&client, SECOND / 5);
        pass(&server, &client, &frame(SETTINGS, 0, 0, b""));
        expect_goaway(&client);
        for stream in [1, 3] {
            pass(&server, &client, &frame(HEADERS, END_HEADERS | END_STREAM, stream, b"\x88"));
        }
        expect_last_word(&client, 3, 2 * SECOND);
        drop((client, server));
        expect_end(&mut tunnel, SECOND);
    }
}

#[test]
fn answers_that_are_on_their_way_arrive_whole() {
    const SIZE: usize = 8 << 20;
    let service = match nghttpd(&[]) {
        Ok(service) => service,
        Err(why) => skipped!("{why}"),
    };
    service.dir.file("large", vec![b'l'; SIZE]);
    let mut wayside = Wayside::start(&["--forward", &service.forward(), "--access-log", "json"]);
    let mut command = Command::new(have("nghttp").expect("it comes with nghttpd"));
    command.args(["-m", "20", "--no-dep"]).arg(format!("http://{}/large", wayside.addr(0)));
    let mut client = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("nghttp");
    let mut out = client.stdout.take().expect("a pipe");
    // It reads on when we do: until then the answers are on their way.
    eventually("all are asked", LIMIT, || wayside.metrics().sum("request_total", &[]) == 20.0);
    wayside.signal(Signal::TERM);
    eventually("/ready says 503", SECOND, || wayside.get("/ready").0 == 503);
    assert_eq!(wayside.metrics().sum("response_total", &[]), 0.0, "nghttp did not wait");
    let mut body = Vec::new();
    out.read_to_end(&mut body).expect("its output");
    assert_eq!(body.len(), 20 * SIZE);
    assert!(client.wait().expect("its end").success());
    assert_eq!(wayside.wait(LIMIT).expect("it ends").code(), Some(0));
    wait_until(SECOND, || wayside.stdout().matches("\"error\":").count() == 20);
    let log = wayside.stdout();
    assert_eq!(log.matches("\"status\":200").count(), 20, "{log}");
    assert_eq!(log.matches("\"error\":\"\"").count(), 20, "{log}");
}

/// h2load opens no connection in place of one that gets a GOAWAY: what it has not asked yet fails at once, and it then
/// closes without a look at the answers that are on their way. So the claim is: wayside cuts none, and each
/// request that it made was answered, or is counted as given up.
#[test]
fn a_load_is_not_cut() {
    let service = match nghttpd(&[]) {
        Ok(service) => service,
        Err(why) => skipped!("{why}"),
    };
    let echo = Server::echo();
    let forwards = ["--forward", &service.forward(), "--forward", &forward(echo.addr()), "--log", "debug"];
    let mut wayside = Wayside::start(&forwards);
    // With one that stays there is a scrape after the end of the others.
    let mut stays = wayside.connect(1);
    stays.write_all(b"\0stay").expect("to write");
    stays.read_exact(&mut [0; 5]).expect("the echo");
    let mut command = Command::new(have("h2load").expect("it comes with nghttpd"));
    command.args(["-n", "2000000", "-c", "4", "-m", "20"]).arg(format!("http://{}/small", wayside.addr(0)));
    let load = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("h2load");
    eventually("it is under way", LIMIT, || wayside.metrics().sum("request_total", &[]) >= 5000.0);
    wayside.signal(Signal::TERM);
    let out = load.wait_with_output().expect("its output");
    let load = Load::parse(&String::from_utf8_lossy(&out.stdout));
    wait_until(LIMIT, || wayside.stderr().matches(" end=").count() == 4);
    let stderr = wayside.stderr();
    // The peers close (the server, when h2load has said GOAWAY too), or wayside what is idle.
    let ends = ["end=\"finished\"", "end=\"drained\""].map(|what| stderr.matches(what).count());
    assert_eq!(ends[0] + ends[1], 4, "{stderr}");
    let metrics = wayside.metrics();
    let [all, whole] = [&[][..], &[("status_code", "200"), ("classification", "success")]]
        .map(|labels| metrics.sum("response_total", labels) as usize);
    let given_up =
        ["client_closed", "client_reset"].map(|it| metrics.sum("response_total", &[("error", it)]));
    assert_eq!(whole + given_up.iter().sum::<f64>() as usize, all);
    assert_eq!(metrics.sum("request_total", &[]) as usize, all);
    assert!(load.succeeded <= whole && all <= load.done, "{load:?}: {all} counted, {whole} answered");
    assert!(load.done - load.succeeded <= 80, "{load:?}: more than were asked when the notice came");
    drop(stays);
    assert_eq!(wayside.wait(LIMIT).expect("it ends").code(), Some(0));
}
