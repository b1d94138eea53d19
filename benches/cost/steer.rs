//! What it costs to steer a request of HTTP/1: its facts, its route, and its head as it goes on.

use std::borrow::Cow;
use std::hint::black_box;

use wayside::config::{Authority, Config, Entry, PathMatch, Route};
use wayside::route::{Asked, Router};
use wayside::wire::h1::RequestFacts;
use wayside::wire::h1::rewrite::{self, After, Hop};

use crate::h1::{BROWSER, NGINX};
use crate::harness::{Case, case};

/// A browser's request through a proxy that it knows of.
const PROXIED: &[u8] = b"GET http://shop.example.com/assets/app.js HTTP/1.1\r\nHost: shop.example.com\r\n\
    Proxy-Connection: keep-alive\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\nAccept: */*\r\n\
    Accept-Encoding: gzip, deflate\r\nAccept-Language: en-US,en;q=0.9\r\n\r\n";

pub(crate) fn cases() -> Vec<Case> {
    let hosts = || (0..1000).map(|n| route(&format!("host-{n}.example.com"), false, "/")).collect();
    let paths =
        || (0..100).map(|n| route("api.example.com", false, &format!("/v1/service-{n:02}"))).collect();
    let suffixes = || (0..1000).map(|n| route(&format!("zone-{n}.example.com"), true, "/")).collect();
    vec![
        case("route/hosts", 1, move || routing(hosts(), "host-500.example.com", "/index.html")),
        case("route/suffixes", 1, move || routing(suffixes(), "www.zone-500.example.com", "/index.html")),
        case("route/paths", 1, move || routing(paths(), "api.example.com", "/v1/service-50/users")),
        case("steer/facts", 1, || {
            || {
                let _ = black_box(RequestFacts::of(black_box(BROWSER)));
            }
        }),
        case("steer/shared", 1, || rewriting(request(BROWSER, Hop::Shared))),
        case("steer/explicit", 1, || rewriting(request(PROXIED, Hop::Explicit { via: "wayside" }))),
        case("steer/answer", 1, || rewriting(answer(Hop::Shared))),
    ]
}

fn route(host: &str, wildcard: bool, prefix: &str) -> Route {
    let path = if prefix == "/" { PathMatch::Any } else { PathMatch::Prefix(prefix.to_owned()) };
    let authorities = vec![Authority { host: host.to_owned(), wildcard, port: None }];
    let (listen, methods, headers, backends) = (vec![], vec![], vec![], vec![(0, 1)]);
    Route { name: host.to_owned(), listen, authorities, path, methods, headers, backends }
}

fn routing(routes: Vec<Route>, authority: &'static str, target: &'static str) -> impl FnMut() {
    let router = Router::new(&Config { routes, ..Config::default() });
    let find = move || {
        let header = |_: &str| None::<Cow<'_, [u8]>>;
        let (authority, target) = (black_box(authority.as_bytes()), black_box(target.as_bytes()));
        let (listen, method) = (Entry::Outbound, &b"GET"[..]);
        router.route(&Asked { listen, authority, target, method, header: &header })
    };
    assert!(find().is_some());
    move || {
        black_box(find());
    }
}

fn request(head: &'static [u8], hop: Hop<'static>) -> impl FnMut(&mut Vec<u8>) {
    move |out| {
        let _ = black_box(rewrite::request(black_box(head), hop, out).expect("a head"));
    }
}

fn answer(hop: Hop<'static>) -> impl FnMut(&mut Vec<u8>) {
    let head = NGINX.strip_suffix(b"hello").expect("the body");
    move |out| {
        let _ = black_box(rewrite::response(black_box(head), hop, After::Keep, out).expect("a head"));
    }
}

/// Both change the head.
fn rewriting(mut rewrite: impl FnMut(&mut Vec<u8>)) -> impl FnMut() {
    let mut out = Vec::new();
    rewrite(&mut out);
    assert!(!out.is_empty(), "nothing was changed");
    move || {
        out.clear();
        rewrite(&mut out);
    }
}
