//! What an HTTP exchange costs the ledger: its metrics, from the observer's events.

use std::hint::black_box;
use std::net::SocketAddr;

use wayside::flow::http::{Connection, Counter, Http};
use wayside::metrics::{Direction, TargetLabel};
use wayside::wire::event::{Event, Id, RequestHead, Sink, Version};

use crate::harness::{Case, case};
use crate::worker::Stage;

/// Exchanges of HTTP/2 that are open at once.
const STREAMS: u16 = 32;

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("ledger/exchange", 1, || ledger(Version::Http11, 1)),
        case("ledger/call", STREAMS.into(), || ledger(Version::Http2, STREAMS)),
    ]
}

/// So many exchanges, all open before the first ends.
fn ledger(version: Version, count: u16) -> impl FnMut() {
    let mut stage = Stage::new(&[]);
    let address = SocketAddr::from(([10, 0, 0, 1], 8080));
    let label = stage.worker.kit().metrics.target(Direction::Outbound, &TargetLabel::Addr(address));
    let (source, target) = (address.into(), Some(address.into()));
    let connection =
        Connection { direction: Direction::Outbound, label, source, target, is_server_first: false };
    let mut http = Http::default();
    let is_grpc = version == Version::Http2;
    let (method, authority): (&[u8], &[u8]) = (b"GET", b"shop.example.com:8080");
    let (target, user_agent, referer): (&[u8], &[u8], &[u8]) = (b"/index.html", b"curl/7.88.1", b"");
    let head = RequestHead { method, authority, target, version, is_grpc, user_agent, referer };
    let grpc_status = is_grpc.then_some(0);
    move || {
        let kit = stage.worker.kit();
        let mut counter = Counter { http: &mut http, asked: None, connection, kit };
        for id in (0..count).map(Id) {
            counter.event(Event::Request { id, head: black_box(head) });
            counter.event(Event::RequestEnd { id });
        }
        for id in (0..count).map(Id) {
            counter.event(Event::Response { id, status: black_box(200), grpc_status: None });
            counter.event(Event::ResponseEnd { id, grpc_status });
        }
        counter.rest();
    }
}
