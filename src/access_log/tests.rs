//! Tests of the access log.

mod output;
mod text;

use std::collections::HashMap;
use std::time::UNIX_EPOCH;

use tinyjson::JsonValue;

use super::*;
use crate::metrics::Direction;
use crate::wire::event::Version;

/// An exchange like most.
fn record() -> Record<'static> {
    Record {
        began: UNIX_EPOCH + Duration::new(971_211_336, 123_456_789),
        direction: Direction::Inbound,
        client: "[::ffff:127.0.0.1]:40112".parse().unwrap(),
        upstream: Some("10.0.0.9:80".parse().unwrap()),
        method: b"GET",
        authority: b"example.org",
        target: b"/apache_pb.gif?a=b",
        version: Version::Http11,
        status: 200,
        request_bytes: 120,
        response_bytes: 2326,
        duration: Duration::from_nanos(1_500_001),
        user_agent: b"Mozilla/4.08 [en] (Win98; I ;Nav)",
        referer: b"http://www.example.com/start.html",
        protocol: "http/1",
        error: "",
        grpc_status: None,
    }
}

fn json(record: &Record<'_>) -> String {
    let mut out = Vec::new();
    json::write(&mut out, record);
    String::from_utf8(out).unwrap()
}

fn apache(record: &Record<'_>) -> String {
    let mut out = Vec::new();
    apache::write(&mut out, record);
    String::from_utf8(out).unwrap()
}

/// A line of JSON as a real parser reads it.
struct Parsed(HashMap<String, JsonValue>);

impl Parsed {
    fn of(line: &str) -> Parsed {
        Parsed(line.parse::<JsonValue>().unwrap().try_into().unwrap())
    }

    fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    fn text(&self, key: &str) -> &str {
        self.0[key].get::<String>().unwrap()
    }

    fn number(&self, key: &str) -> f64 {
        *self.0[key].get().unwrap()
    }

    fn list(&self, key: &str) -> Vec<&str> {
        let items: &Vec<JsonValue> = self.0[key].get().unwrap();
        items.iter().map(|item| item.get::<String>().unwrap().as_str()).collect()
    }
}
