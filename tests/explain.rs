//! `wayside check --explain`: what it says, word by word, and how it ends.

mod support;

use support::{Ended, TempDir, run_to_end};

/// Each route loses to the one before it by the next step of the precedence.
const FILE: &str = "\
forward = '127.0.0.1:18081=a.test:1'
[backends.a]
servers = ['10.0.0.1:1', { address = 'a.test:2', weight = 3 }]
[backends.b]
servers = ['10.0.0.2:1']
[[route]]
name = 'exact'
authority = ['x.test', 'www.example.com:80']
path = '/v1'
method = ['GET', 'PUT']
header = { x-a = '1' }
backend = { a = 9, b = 0 }
[[route]]
name = 'order'
authority = 'www.example.com:80'
path = '/v1'
method = 'GET'
header = { x-b = '1' }
backend = 'b'
[[route]]
name = 'headers'
authority = 'www.example.com:80'
path = '/v1'
method = 'GET'
backend = 'b'
[[route]]
name = 'method'
authority = 'www.example.com:80'
path = '/v1'
backend = 'b'
[[route]]
name = 'path'
authority = 'www.example.com:80'
path-prefix = '/'
backend = 'b'
[[route]]
name = 'port'
authority = 'www.example.com'
backend = 'b'
[[route]]
name = 'host'
listen = 'outbound'
authority = '*.example.com'
backend = 'b'
";

fn explain(content: &str, args: &[&str]) -> Ended {
    let folder = TempDir::new();
    let path = folder.file("r.toml", content);
    let path = path.to_str().expect("UTF-8");
    let mut said = run_to_end(&[&["check", "--config", path], args].concat(), &[]);
    said.stdout = said.stdout.replace(path, "FILE");
    said.stderr = said.stderr.replace(path, "FILE");
    said
}

#[test]
fn the_route_that_is_taken_and_each_that_loses() {
    let said = explain(
        FILE,
        &[
            "--explain",
            "GET http://www.example.com/v1?q",
            "--explain-header=X-A: 1",
            "--explain-header=x-b:1",
        ],
    );
    let expected = "\
GET http://www.example.com/v1?q
  route \"exact\" (FILE:6)
  because of authority www.example.com:80, path /v1, method GET or PUT, header x-a = \"1\"
  backend \"a\" (weight 9): 10.0.0.1:1 (weight 1), a.test:2 (weight 3)
  backend \"b\" (weight 0): 10.0.0.2:1 (weight 1)
  also matches \"order\" (FILE:13), but the first comes first in the file
  also matches \"headers\" (FILE:20), but the first asks for more headers
  also matches \"method\" (FILE:26), but the first names the method
  also matches \"path\" (FILE:31), but the first has the more exact path
  also matches \"port\" (FILE:36), but the first names the port
  also matches \"host\" (FILE:40), but the first has the more exact host
";
    assert_eq!((said.code, said.stderr.as_str(), said.stdout.as_str()), (Some(0), "", expected));
}

#[test]
fn several_questions_and_1_where_one_takes_no_route() {
    let asked = ["TLS www.example.com", "OPTIONS *", "CONNECT x.test:1", "TLS"];
    let said = explain(FILE, &asked.map(|question| ["--explain", question]).concat());
    let expected = "\
TLS www.example.com
  route \"port\" (FILE:36)
  because of authority www.example.com
  backend \"b\" (weight 1): 10.0.0.2:1 (weight 1)
  also matches \"host\" (FILE:40), but the first has the more exact host
OPTIONS *
  no route: original destination, or 404 where there is none
CONNECT x.test:1
  no route: original destination, or x.test:1 where there is none
TLS
  no route: original destination, or a reset where there is none
";
    assert_eq!((said.code, said.stderr.as_str(), said.stdout.as_str()), (Some(1), "", expected));
}

#[test]
fn the_host_field_counts_where_the_target_has_no_authority() {
    let asked = ["--explain", "GET /v1", "--explain-header", "Host: a.example.com"];
    let said = explain(FILE, &asked);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.stdout.contains("  because of listen, authority *.example.com\n"), "{said:?}");
    let inbound = [&asked[..], &["--explain-listen", "inbound"]].concat();
    assert_eq!(explain(FILE, &inbound).code, Some(1));
    let forward = [&asked[..], &["--explain-listen", "127.0.0.1:18081"]].concat();
    assert_eq!(explain(FILE, &forward).code, Some(1));
    let all =
        FILE.replace("127.0.0.1:18081", ":18081").replace("listen = 'outbound'", "listen = '[::]:18081'");
    for (listen, code) in [(":18081", 0), ("[::]:18081", 0), ("outbound", 1)] {
        let said = explain(&all, &[&asked[..], &["--explain-listen", listen]].concat());
        assert_eq!(said.code, Some(code), "{listen}: {said:?}");
    }
}

/// What is redirected to an outbound listener has an original destination: it is not said to us as to a proxy.
#[test]
fn what_is_redirected_is_judged_by_its_original_destination() {
    let file = "outbound-listen = '127.0.0.1:4140'\n[[route]]\nlisten = 'outbound'\nauthority = 'a.test'\nbackend = 'a'\n\
                [backends.a]\nservers = ['10.0.0.1:1']\n";
    for (asked, proxied, redirected) in [
        ("GET http://a.test/", "route \"route-1\"", "route \"route-1\""),
        ("GET https://a.test/", "answered 501: scheme is not http", "route \"route-1\""),
        ("GET https://b.test/", "answered 501: scheme is not http", "no route: original destination\n"),
        (
            "CONNECT b.test:22",
            "answered 403: port not allowed for CONNECT",
            "no route: original destination\n",
        ),
        ("GET http://me@b.test/", "answered 400: ", "answered 400: "),
        ("TLS b.test", "or a reset where there is none", "no route: original destination\n"),
    ] {
        for (listen, expected) in [("outbound", proxied), ("redirected", redirected)] {
            let said = explain(
                &format!("connect-ports = '443'\n{file}"),
                &["--explain", asked, "--explain-listen", listen],
            );
            assert!(said.stdout.contains(expected), "{listen} {asked}: {said:?}");
        }
    }
}

#[test]
fn wrong_use_is_2_and_a_wrong_file_is_1() {
    for (args, expected) in [
        (
            &["--explain", "http://a/"][..],
            "write \"GET http://host/path\", \"CONNECT host:port\" or \"TLS name\"",
        ),
        (&["--explain", ""], "write \"GET http://host/path\""),
        (&["--explain", "GET / HTTP/1.1"], "write \"GET http://host/path\""),
        (&["--explain-header", "a: b"], "--explain <REQUEST>"),
        (&["--explain-listen", "inbound"], "--explain <REQUEST>"),
        (&["--explain", "GET /", "--explain-header", "a"], "write \"name: value\""),
        (
            &["--explain", "GET /", "--explain-listen", "x"],
            "write inbound, outbound, redirected or the listen address",
        ),
        (
            &["--explain", "GET /", "--explain-listen", "127.0.0.1:1"],
            "no forward listens there; write inbound, outbound, redirected or an address of --forward\n",
        ),
    ] {
        let said = explain(FILE, args);
        assert_eq!((said.code, said.stdout.as_str()), (Some(2), ""), "{args:?}: {said:?}");
        assert!(said.stderr.contains(expected), "{args:?}: {said:?}");
    }
    let said = explain("[[route]]\n", &["--explain", "GET /"]);
    assert_eq!((said.code, said.stdout.as_str()), (Some(1), ""), "{said:?}");
    assert!(said.stderr.starts_with("FILE:1: route \"route-1\": it has no backend"), "{said:?}");
}
