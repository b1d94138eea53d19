//! Every table of `tests/routes/`, asked of the router and of `wayside check --explain`.

mod support;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use support::routes::{Ask, Case, Listener, Table, split, tables};
use support::{Ended, TempDir, run_to_end};
use wayside::config::{Config, Entry, Sources, load};
use wayside::route::{Asked, RouteId, Router};

const FORWARD: &str = "127.0.0.1:18081";
const OTHER: &str = "127.0.0.1:18082";

/// The table as a file that `wayside` can be given.
fn file(table: &Table) -> String {
    let routes =
        table.to_toml([FORWARD, OTHER], |name| vec![format!("{name}.test:80"), "192.0.2.1:80".to_owned()]);
    format!("forward = ['{FORWARD}=a.test:80', '{OTHER}=a.test:81']\n{routes}")
}

fn config(text: &str) -> Config {
    let folder = TempDir::new();
    let path = folder.file("wayside.toml", text);
    let loaded = load(Sources { config: Some(path), ..Sources::default() });
    loaded.unwrap_or_else(|failure| panic!("{:?} of {text}", failure.problems)).config
}

fn entry(listener: Listener) -> Entry {
    match listener {
        Listener::Inbound => Entry::Inbound,
        Listener::Outbound => Entry::Outbound,
        Listener::Forward => Entry::Forward(0),
        Listener::Other => Entry::Forward(1),
    }
}

/// What the router says to a request with this authority and target.
fn ask(router: &Router, listen: Entry, authority: &str, ask: &Ask, target: &str) -> Option<RouteId> {
    let Ask::Request { method, headers, .. } = ask else { panic!("not a request") };
    let header = |name: &str| {
        let same = headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let values: Vec<&str> = same.map(|(_, value)| value.as_str()).collect();
        (!values.is_empty()).then(|| Cow::Owned(values.join(", ").into_bytes()))
    };
    let (authority, target, method) = (authority.as_bytes(), target.as_bytes(), method.as_bytes());
    router.route(&Asked { listen, authority, target, method, header: &header })
}

/// The route of a case, however the client writes it.
fn route(router: &Router, case: &Case) -> Option<RouteId> {
    let listen = entry(case.listen);
    match &case.ask {
        Ask::Tls(name) => router.sni(listen, name),
        Ask::Request { method, url, .. } => {
            let (authority, target) = split(method, url);
            let found = ask(router, listen, authority, &case.ask, target);
            // The authority of the target counts, whatever the Host field says.
            let absolute = ask(router, listen, "misleading.test", &case.ask, url);
            assert_eq!(found, absolute, "{}", case.line);
            found
        }
    }
}

#[test]
fn the_router_takes_the_route_of_each_table() {
    let tables = tables();
    assert!(tables.len() >= 40, "{}", tables.len());
    for table in &tables {
        let config = config(&file(table));
        let router = Router::new(&config);
        for case in &table.cases {
            let route = route(&router, case);
            let draws = (0..=u32::MAX).step_by(1 << 16);
            let found: BTreeSet<&str> = route
                .into_iter()
                .flat_map(|route| {
                    draws.clone().map(|draw| router.backends(route, draw)).collect::<BTreeSet<_>>()
                })
                .map(|backend| config.backends[backend.index()].name.as_str())
                .collect();
            let expected: BTreeSet<&str> = case.backends.iter().map(String::as_str).collect();
            assert_eq!(found, expected, "{}: {}", table.name, case.line);
        }
    }
}

/// Runs `wayside check --explain` for one case.
fn explain(path: &str, case: &Case) -> Ended {
    let listen = match case.listen {
        Listener::Inbound => "inbound",
        Listener::Outbound => "outbound",
        Listener::Forward => FORWARD,
        Listener::Other => OTHER,
    };
    let mut args = vec!["check".to_owned(), "--config".to_owned(), path.to_owned()];
    args.extend(["--explain-listen".to_owned(), listen.to_owned(), "--explain".to_owned()]);
    match &case.ask {
        Ask::Tls(name) => args.push(format!("TLS {name}")),
        Ask::Request { method, url, headers } => {
            args.push(format!("{method} {url}"));
            for (name, value) in headers {
                args.extend(["--explain-header".to_owned(), format!("{name}: {value}")]);
            }
        }
    }
    run_to_end(&args.iter().map(String::as_str).collect::<Vec<_>>(), &[])
}

#[test]
fn check_explains_the_route_of_each_table() {
    let folder = TempDir::new();
    for table in tables() {
        let path = folder.file("wayside.toml", file(&table));
        let path = path.to_str().expect("UTF-8");
        for case in &table.cases {
            let said = explain(path, case);
            let what = format!("{}: {}: {said:?}", table.name, case.line);
            assert_eq!(said.stderr, "", "{what}");
            assert_eq!(said.code, Some(i32::from(case.backends.is_empty())), "{what}");
            // Those of weight 0 are shown as such.
            let lines = said.stdout.lines().filter_map(|line| line.strip_prefix("  backend \""));
            let found: Vec<&str> = lines
                .filter(|line| !line.contains("(weight 0):"))
                .filter_map(|line| Some(line.split_once('"')?.0))
                .collect();
            assert_eq!(found, case.backends, "{what}");
            assert_eq!(said.stdout.contains("\n  no route: "), case.backends.is_empty(), "{what}");
        }
    }
}

#[test]
fn what_check_prints_gives_each_table_again() {
    let folder = TempDir::new();
    for table in tables() {
        let path = folder.file("wayside.toml", file(&table));
        let sources = Sources { config: Some(path), ..Sources::default() };
        let loaded = load(sources).expect("a right table");
        let again = config(&loaded.to_toml());
        assert_eq!(again.routes, loaded.config.routes, "{}", loaded.to_toml());
        assert_eq!(again.backends, loaded.config.backends, "{}", loaded.to_toml());
    }
}

#[test]
fn the_router_knows_whom_it_concerns() {
    let of = |text: &str| {
        let text = format!("forward = ['{FORWARD}=a.test:80']\n{text}\n[backends.a]\nservers = ['a:1']");
        Router::new(&config(&text))
    };
    let none = Router::new(&Config::default());
    let inbound = of("[[route]]\nlisten = 'inbound'\nbackend = 'a'");
    let header = of(&format!("[[route]]\nlisten = '{FORWARD}'\nheader = {{ x = '' }}\nbackend = 'a'"));
    let all = of("[[route]]\nbackend = 'a'");
    for (router, expected, headers) in [
        (none, [false, false, false], false),
        (inbound, [true, false, false], false),
        (header, [false, false, true], true),
        (all, [true, true, true], false),
    ] {
        let entries = [Entry::Inbound, Entry::Outbound, Entry::Forward(0)];
        assert_eq!(entries.map(|entry| router.applies_to(entry)), expected);
        assert_eq!(router.needs_headers(), headers);
    }
}

/// 1,024 routes of as many hosts, and 1,024 of one: the worst request of each.
#[test]
fn a_look_up_among_a_thousand_routes_is_quick_and_allocates_nothing() {
    let hosts: String =
        (0..1024).map(|n| format!("[[route]]\nauthority = 'h{n}.test'\nbackend = 'a'\n")).collect();
    let paths: String =
        (0..1024).map(|n| format!("[[route]]\npath-prefix = '/path/{n}/x'\nbackend = 'a'\n")).collect();
    for (routes, most) in [(hosts, Duration::from_micros(20)), (paths, Duration::from_micros(200))] {
        let router = Router::new(&config(&format!("{routes}[backends.a]\nservers = ['a:1']")));
        let look_up = || {
            let ask = Asked {
                listen: Entry::Outbound,
                authority: b"a.b.c.d.H1023.test:80",
                target: b"/path/1023/y",
                method: b"GET",
                header: &|_| None,
            };
            std::hint::black_box(router.route(std::hint::black_box(&ask)))
        };
        let allocated = allocation_counter::measure(|| {
            let _ = look_up();
        });
        assert_eq!(allocated.count_total, 0);
        // The quickest of many: others share the processor.
        let quickest = (0..1000).map(|_| timed(look_up)).min().expect("some");
        eprintln!("the quickest look-up: {quickest:?}");
        assert!(quickest < most, "{quickest:?}");
    }
}

fn timed<T>(work: impl Fn() -> T) -> Duration {
    let start = Instant::now();
    std::hint::black_box(work());
    start.elapsed()
}
