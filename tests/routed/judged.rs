//! Requests that are answered instead of routed: `check --explain` says of each what live traffic gets.

use std::io::{BufReader, Write};
use std::net::SocketAddr;
use std::time::Duration;

use crate::peers::{Answer, Backend, read_answer};
use crate::support::*;

/// What is asked: request line without the version, and fields.
type Question = (&'static str, &'static [&'static str]);

/// By the outbound listener, where it comes as to a proxy.
const PROXIED: &[(Question, &str)] = &[
    (("GET http://a/", &[]), "a"),
    (("GET http://A.:80/?q", &[]), "a"),
    (("GET http://a/", &["Host: b"]), "a"),
    (("GET http://b/", &["Host: a"]), "any"),
    (("GET /", &["Host: a"]), "a"),
    (("GET /", &["Host: a:80"]), "a"),
    (("GET /", &["Host:"]), "any"),
    (("GET /", &[]), "any"),
    (("GET http://a:99999/", &[]), "400 request target"),
    (("GET http://a:0/", &[]), "400 request target"),
    (("GET http:///", &[]), "400 request target"),
    (("GET http://[::1/", &[]), "400 request target"),
    (("GET http://[::1]x/", &[]), "400 request target"),
    (("GET http://u@a/", &[]), "400 request target"),
    (("GET http://u:p@a/", &["Host: a"]), "400 request target"),
    (("GET http://a/#f", &["Host: a"]), "400 request target"),
    (("GET https://a/", &[]), "501 scheme is not http"),
    (("GET ftp://a/", &[]), "501 scheme is not http"),
    (("GET *", &["Host: a"]), "400 request target"),
    (("OPTIONS *", &["Host: a"]), "a"),
    (("OPTIONS http://a", &["Max-Forwards: 1"]), "a"),
    (("OPTIONS http://a", &["Max-Forwards: 0"]), "200"),
    (("TRACE http://a/", &["Max-Forwards: 0"]), "405 this proxy does not answer TRACE"),
    (("GET http://a/", &["Max-Forwards: 0"]), "a"),
    (("CONNECT a:443", &[]), "a"),
    (("CONNECT a:444", &[]), "403 port not allowed for CONNECT"),
    (("CONNECT a:0", &[]), "400 request target"),
    (("CONNECT a", &[]), "400 request target"),
    (("CONNECT a:", &[]), "400 host or port of the request target"),
    (("CONNECT 127.0.0.1.:443", &[]), "400 not a host name"),
    (("CONNECT 127.1:443", &[]), "400 not a host name"),
    (("CONNECT b..b:443", &[]), "400 not a host name"),
    (("POST http://127.1/", &[]), "400 not a host name"),
    (("POST http://b..b/", &[]), "400 not a host name"),
    (("GET http://127.1/", &[]), "any"),
    (("GET ?q", &["Host: a"]), "400 request target"),
    (("GET http:/x", &["Host: a"]), "400 request target"),
    (("GET a", &["Host: a"]), "400 request target"),
    (("GET /", &["Host: a:99999"]), "400 host"),
    (("GET /", &["Host: [::1"]), "400 host"),
    (("GET /", &["Host: u@a"]), "400 host"),
    (("GET /", &["Host: a", "Host: a"]), "400 host"),
    (("GET http://a/", &["Host: a", "Host: a"]), "400 host"),
    (("GET http://a/", &["Content-Length: 1"]), "400 forbidden body"),
    (("GET http://a/", &["X Y: 1"]), "400 malformed head"),
    (("POST http://a/", &["Transfer-Encoding: gzip"]), "501 unknown transfer coding"),
    (("GET http://a/", &["X: 1", "x: 2"]), "xs"),
    (("G{T http://a/", &[]), "400 malformed head"),
];

/// By a forward, whose target gets what takes no route.
const FORWARDED: &[(Question, &str)] = &[
    (("GET /", &["Host: a"]), "a"),
    (("GET http://a/", &["Host: a:80"]), "a"),
    (("GET https://a/", &[]), "a"),
    (("GET ftp://a/", &[]), "a"),
    (("CONNECT a:444", &[]), "a"),
    (("OPTIONS http://a", &["Max-Forwards: 0"]), "a"),
    (("GET /", &["Host: other"]), "any"),
    (("POST /", &["Host: other"]), "target"),
    (("POST /", &[]), "target"),
    (("GET http://a/", &["Host: b"]), "400 host"),
    (("GET http://a:99999/", &[]), "400 request target"),
    (("GET http:///", &[]), "400 request target"),
    (("GET http://[::1/", &[]), "400 request target"),
    (("GET http://u@a/", &[]), "400 request target"),
    (("GET /", &["Host: a:99999"]), "400 host"),
    (("GET /", &["Host: a,b"]), "400 host"),
    (("POST /", &["Host: other:0"]), "400 host"),
    (("POST /", &["Host: other", "Host: other"]), "400 host"),
];

const ROUTES: &str = "\
[[route]]
authority = 'a'
backend = 'a'
[[route]]
authority = 'a'
header = { x = '1, 2' }
backend = 'xs'
[[route]]
method = 'GET'
backend = 'any'
";

struct Asked<'a> {
    path: &'a str,
    to: SocketAddr,
    listen: &'a str,
}

impl Asked<'_> {
    /// What `check --explain` says: a backend set, `target`, or status and cause.
    fn explained(&self, (line, fields): Question) -> String {
        let mut args =
            vec!["check", "--config", self.path, "--explain", line, "--explain-listen", self.listen];
        fields.iter().for_each(|field| args.extend(["--explain-header", *field]));
        let said = run_to_end(&args, &[]);
        assert_eq!(said.stderr, "", "{line} {fields:?}");
        let is_routed = said.code == Some(0);
        let what = said.stdout.lines().nth(1).unwrap_or_default();
        if let Some(answer) = what.strip_prefix("  answered ") {
            assert!(!is_routed, "{said:?}");
            return answer.replacen(": ", " ", 1);
        }
        if what == "  no route: the forward's target" {
            assert!(!is_routed, "{said:?}");
            return "target".to_owned();
        }
        let backend = said.stdout.lines().find_map(|line| line.strip_prefix("  backend \""));
        let backend = backend.and_then(|rest| rest.split_once('"')).unwrap_or_else(|| panic!("{said:?}")).0;
        assert!(is_routed, "{said:?}");
        backend.to_owned()
    }

    /// What live traffic gets.
    fn answered(&self, (line, fields): Question) -> String {
        let client = connect(self.to).expect("a connection");
        let (method, target) = line.split_once(' ').expect("a target");
        let mut head = format!("{line} HTTP/1.1\r\n");
        if !fields.iter().any(|field| field.starts_with("Host:")) {
            let authority = target.split_once("://").map_or("", |(_, rest)| rest);
            let authority = if method == "CONNECT" { target } else { authority };
            let authority = authority.split(['/', '?']).next().unwrap_or_default();
            head.push_str(&format!("Host: {authority}\r\n"));
        }
        fields.iter().for_each(|field| head.push_str(&format!("{field}\r\n")));
        head.push_str("\r\n");
        (&client).write_all(head.as_bytes()).expect("to send");
        let mut reader = BufReader::new(&client);
        let mut answer = read_answer(&mut reader, method).expect("an answer");
        if method == "CONNECT" && answer.status == 200 && answer.who().is_none() {
            // It was us; who is behind the tunnel says itself.
            (&client).write_all(GET).expect("to send");
            answer = read_answer(&mut reader, "GET").expect("an answer");
        }
        let Answer { status, head, .. } = &answer;
        let cause = head.lines().find_map(|line| line.strip_prefix("wayside-error: "));
        match (answer.who(), cause) {
            (Some(who), None) => who.to_owned(),
            (None, Some(cause)) => format!("{status} {cause}"),
            (None, None) => status.to_string(),
            (Some(_), Some(_)) => panic!("{answer:?}"),
        }
    }

    #[track_caller]
    fn check(&self, cases: &[(Question, &str)]) {
        for (question, expected) in cases {
            let expected = expected.to_lowercase();
            assert_eq!(self.answered(*question), expected, "live: {question:?}");
            assert_eq!(self.explained(*question).to_lowercase(), expected, "explained: {question:?}");
        }
    }
}

#[test]
fn what_is_explained_is_what_live_traffic_gets() {
    let names = ["a", "xs", "any", "target"];
    let servers = names.map(|name| Backend::start(name, Duration::ZERO));
    let [a, xs, any, target] = servers.each_ref().map(Backend::addr);
    // A port that is told to `check` as well.
    let forward = format!("127.0.0.1:{}", free_port());
    let text = format!(
        "admin-listen = '127.0.0.1:0'\ninbound-listen = 'off'\noutbound-listen = '127.0.0.1:0'\n\
         connect-ports = '443'\nforward = ['{forward}={target}']\n{ROUTES}[backends.a]\nservers = ['{a}']\n\
         [backends.xs]\nservers = ['{xs}']\n[backends.any]\nservers = ['{any}']\n"
    );
    let dir = TempDir::new();
    let path = dir.file("wayside.toml", text);
    let path = path.to_str().expect("a path");
    let wayside = Wayside::start(&["--config", path]);
    let outbound = Asked { path, to: wayside.outbound()[0], listen: "outbound" };
    outbound.check(PROXIED);
    let forwarded = Asked { path, to: wayside.addr(0), listen: &forward };
    forwarded.check(FORWARDED);
}

/// Where nobody steers, nobody judges.
#[test]
fn a_bad_host_passes_where_nothing_is_steered() {
    let target = Backend::start("target", Duration::ZERO);
    let dir = TempDir::new();
    let forward = format!("127.0.0.1:{}", free_port());
    for (options, expected) in
        [("", "target"), ("http-strict = true\n", "400 host"), ("http-reuse = true\n", "400 host")]
    {
        let text = format!(
            "admin-listen = '127.0.0.1:0'\ninbound-listen = 'off'\noutbound-listen = '127.0.0.1:0'\n\
             {options}forward = ['{forward}={}']\n[[route]]\nlisten = 'outbound'\nbackend = 'a'\n\
             [backends.a]\nservers = ['127.0.0.1:1']\n",
            target.addr()
        );
        let path = dir.file("wayside.toml", text);
        let path = path.to_str().expect("a path");
        let wayside = Wayside::start(&["--config", path]);
        let asked = Asked { path, to: wayside.addr(0), listen: &forward };
        for fields in [&["Host: a:99999"][..], &["Host: a", "Host: b"]] {
            asked.check(&[(("GET /", fields), expected)]);
        }
        asked.check(&[(("GET /", &["Host: a"]), "target")]);
    }
}
