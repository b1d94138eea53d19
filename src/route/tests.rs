//! Routes made by hand, requests in, the route out.

use std::borrow::Cow;

use super::*;
use crate::config::Authority;

/// A route with one authority, written as in the file.
fn route(name: &str, authority: &str, path: PathMatch) -> Route {
    let (wildcard, host) = authority.strip_prefix("*.").map_or((false, authority), |host| (true, host));
    let (host, port) = match host.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            (host, Some(port.parse().expect("a port")))
        }
        _ => (host, None),
    };
    let host = host.trim_matches(['[', ']']).to_owned();
    let authorities = if host.is_empty() { vec![] } else { vec![Authority { host, wildcard, port }] };
    let backends = vec![(0, 1)];
    let (listen, methods, headers) = (vec![], vec![], vec![]);
    Route { name: name.to_owned(), listen, authorities, path, methods, headers, backends }
}

fn router(routes: Vec<Route>) -> Router {
    Router::new(&Config { routes, ..Config::default() })
}

fn ask(router: &Router, authority: &str, target: &str, method: &str) -> Option<usize> {
    let header = |_: &str| None::<Cow<'_, [u8]>>;
    let asked = Asked {
        listen: Entry::Outbound,
        authority: authority.as_bytes(),
        target: target.as_bytes(),
        method: method.as_bytes(),
        header: &header,
    };
    router.route(&asked).map(RouteId::index)
}

#[test]
fn hosts_as_they_come() {
    let router = router(vec![
        route("a", "example.com", PathMatch::Any),
        route("b", "*.example.com", PathMatch::Any),
        route("c", "port.example.com:8443", PathMatch::Any),
        route("d", "[::1]", PathMatch::Any),
        route("e", "plain.test:80", PathMatch::Any),
    ]);
    for (authority, expected) in [
        ("example.com", Some(0)),
        ("EXAMPLE.com.", Some(0)),
        ("example.com:", Some(0)),
        ("example.com.:99", Some(0)),
        ("a.example.com", Some(1)),
        ("a.b.example.com:1", Some(1)),
        (".example.com", None),
        ("a..example.com", None),
        ("example.com..", None),
        ("u@a.example.com", None),
        ("a b.example.com", None),
        ("notexample.com", None),
        ("port.example.com:8443", Some(2)),
        ("port.example.com:8444", Some(1)),
        ("example.com:99999", None),
        ("example.com:+80", None),
        ("example.com:80:80", None),
        ("[::1]", Some(3)),
        ("[0:0::1]:8080", Some(3)),
        ("[::1", None),
        ("[::1]x", None),
        ("[fe80::1%1]", None),
        ("plain.test", Some(4)),
        ("plain.test:81", None),
        ("", None),
        (".", None),
    ] {
        assert_eq!(ask(&router, authority, "/", "GET"), expected, "{authority:?}");
    }
    let long = format!("{}.example.com", "a".repeat(254));
    assert_eq!(ask(&router, &long, "/", "GET"), None);
}

#[test]
fn targets_in_every_form() {
    let exact = |path: &str| PathMatch::Exact(path.to_owned());
    let router = router(vec![
        route("root", "a", exact("/")),
        route("x", "a", exact("/x")),
        route("v1", "a", PathMatch::Prefix("/v1".to_owned())),
        route("all", "b", PathMatch::Prefix(String::new())),
        route("b", "b", PathMatch::Any),
        route("s", "s:443", PathMatch::Any),
    ]);
    for (authority, target, method, expected) in [
        ("a", "/", "GET", Some(0)),
        ("a", "/?/x", "GET", Some(0)),
        ("a", "/x?y=/v1", "GET", Some(1)),
        ("a", "/x/", "GET", None),
        ("a", "/v1", "GET", Some(2)),
        ("a", "/v1/", "GET", Some(2)),
        ("a", "/v1?x", "GET", Some(2)),
        ("a", "/v12", "GET", None),
        ("b", "http://a/x", "GET", Some(1)),
        ("b", "HTTP://A.:80?q", "GET", Some(0)),
        ("b", "http://a", "OPTIONS", None),
        ("b", "http://a?x", "OPTIONS", Some(0)),
        ("b", "*", "OPTIONS", Some(4)),
        ("b", "/*", "OPTIONS", Some(3)),
        ("a", "*", "OPTIONS", None),
        ("a", "b:443", "CONNECT", Some(4)),
        ("b", "", "CONNECT", Some(4)),
        ("b", "", "GET", Some(4)),
        ("a", "https://s/x", "GET", Some(5)),
        ("a", "http://s/x", "GET", None),
    ] {
        assert_eq!(ask(&router, authority, target, method), expected, "{authority} {method} {target}");
    }
}

#[test]
fn weights_share_the_draws() {
    let mut shared = route("a", "", PathMatch::Any);
    shared.backends = vec![(0, 9), (2, 0), (1, 1)];
    let router = router(vec![shared]);
    let mut counts = [0; 3];
    for step in 0..1000_u64 {
        let draw = (step << 32).div_ceil(1000);
        counts[router.backends(RouteId(0), draw.try_into().unwrap()).index()] += 1;
    }
    assert_eq!(counts, [900, 100, 0]);
    assert_eq!(router.backends(RouteId(0), 0).index(), 0);
    assert_eq!(router.backends(RouteId(0), u32::MAX).index(), 1);
}

#[test]
fn names_of_tls_have_no_port_and_no_path() {
    let mut only_inbound = route("in", "in.test", PathMatch::Any);
    only_inbound.listen = vec![Entry::Inbound];
    let router = router(vec![
        route("a", "a.test", PathMatch::Prefix(String::new())),
        route("p", "a.test:443", PathMatch::Any),
        route("w", "*.test", PathMatch::Any),
        only_inbound,
    ]);
    let sni = |listen, name| router.sni(listen, name).map(RouteId::index);
    assert_eq!(sni(Entry::Outbound, "A.test."), Some(2));
    assert_eq!(sni(Entry::Inbound, "in.test"), Some(3));
    assert_eq!(sni(Entry::Outbound, "in.test"), Some(2));
    assert_eq!(sni(Entry::Outbound, "test"), None);
    assert_eq!(sni(Entry::Outbound, "a.test:443"), None);
    assert_eq!(sni(Entry::Outbound, ""), None);
}
