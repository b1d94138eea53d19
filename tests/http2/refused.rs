//! A dead upstream: each open stream is answered, and a clean GOAWAY ends the connection.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

use crate::support::servers::{forward, need};
use crate::support::*;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const GREETING: &[u8] = b"\0\0\0\x04\0\0\0\0\0";
/// To all streams, and the cause.
const GOAWAY: &[u8] = b"\0\0\x1a\x07\0\0\0\0\0\0\0\0\0\0\0\0\0connection refused";

/// wayside in front of nothing.
fn before_nothing(more: &[&str]) -> (Wayside, impl Sized) {
    let (socket, addr) = refusing();
    (Wayside::start(&[&["--forward", &forward(addr)], more].concat()), socket)
}

fn answers(wayside: &Wayside, status: &str) -> f64 {
    let labels = [("status_code", status), ("error", "connection refused"), ("classification", "failure")];
    wayside.metrics().sum("response_total", &labels)
}

#[test]
fn curl_sees_502_and_the_cause() {
    let curl = match need("curl") {
        Ok(curl) => curl,
        Err(why) => skipped!("{why}"),
    };
    let (wayside, _socket) = before_nothing(&[]);
    let dir = TempDir::new();
    let data = dir.file("data", vec![b'd'; 300_000]);
    let upload = format!("@{}", data.display());
    let url = format!("http://{}/", wayside.addr(0));
    let cases: [(&[&str], bool); 3] = [(&[], true), (&["-I"], false), (&["--data-binary", &upload], true)];
    for (args, has_body) in cases {
        let mut command = Command::new(&curl);
        command.args(["-sSi", "--max-time", "10", "--http2-prior-knowledge"]).args(args).arg(&url);
        let said = programs::text(&mut command, "");
        let (head, body) = said.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head in {said}"));
        assert!(head.starts_with("HTTP/2 502"), "{said}");
        assert!(head.contains("\r\nwayside-error: connection refused"), "{said}");
        assert_eq!(body, if has_body { "502 Bad Gateway: connection refused\n" } else { "" }, "{said}");
    }
    eventually("three are counted", LIMIT, || answers(&wayside, "502") == 3.0);
    assert_eq!(wayside.metrics().sum("wayside_bad_gateway_total", &[]), 3.0);
    assert_eq!(wayside.metrics().sum("http_requests_in_flight", &[]), 0.0);
}

#[test]
fn nghttp_gets_an_answer_and_a_clean_goaway() {
    let nghttp = match need("nghttp") {
        Ok(nghttp) => nghttp,
        Err(why) => skipped!("{why}"),
    };
    let (wayside, _socket) = before_nothing(&[]);
    let url = format!("http://{}/", wayside.addr(0));
    let said = programs::run(Command::new(nghttp).args(["-nv", &url]), b"");
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    assert!(said.contains(":status: 502") && said.contains("wayside-error: connection refused"), "{said}");
    assert!(said.contains("recv GOAWAY frame") && said.contains("error_code=NO_ERROR"), "{said}");
    assert!(said.contains("SETTINGS frame <length=0, flags=0x01, stream_id=0>"), "{said}");
}

/// gRPC's clients ask nothing before they have the server's SETTINGS.
#[test]
fn a_client_that_waits_for_settings_gets_them_and_then_its_answer() {
    for more in [&[][..], &["--http-strict"], &["--http-reuse"]] {
        waits_for_settings(more);
    }
}

fn waits_for_settings(more: &[&str]) {
    let (wayside, _socket) = before_nothing(more);
    let mut client = guard(TcpStream::connect(wayside.addr(0)).expect("to connect")).expect("time-outs");
    client.write_all(PREFACE).expect("to write");
    let mut greeting = [0; GREETING.len()];
    client.read_exact(&mut greeting).expect("SETTINGS");
    assert_eq!(greeting, GREETING);
    // :method GET, :scheme http, :path /
    client.write_all(b"\0\0\x03\x01\x05\0\0\0\x01\x82\x86\x84").expect("to write");
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).expect("an end in order");
    let text = String::from_utf8_lossy(&rest);
    assert!(rest.starts_with(b"\0\0\0\x04\x01\0\0\0\0"), "no acknowledgement: {text}");
    assert!(text.contains(":status\u{3}502") && text.matches("connection refused").count() == 3, "{text}");
    let goaway = [&b"\0\0\x1a\x07\0\0\0\0\0\0\0\0\x01"[..], &GOAWAY[13..]].concat();
    assert!(rest.ends_with(&goaway), "{text}");
    eventually("it is counted", LIMIT, || answers(&wayside, "502") == 1.0);
}

#[test]
fn a_client_that_asks_nothing_gets_a_clean_goaway() {
    let (wayside, _socket) = before_nothing(&[]);
    for ends in [false, true] {
        let mut client = guard(TcpStream::connect(wayside.addr(0)).expect("to connect")).expect("time-outs");
        client.write_all(PREFACE).expect("to write");
        if ends {
            client.shutdown(std::net::Shutdown::Write).expect("to end");
        }
        let mut said = Vec::new();
        client.read_to_end(&mut said).expect("an end in order");
        assert_eq!(said, [GREETING, b"\0\0\0\x04\x01\0\0\0\0", GOAWAY].concat());
    }
    assert_eq!(wayside.metrics().sum("request_total", &[]), 0.0);
}
