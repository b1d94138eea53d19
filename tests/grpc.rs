//! gRPC through wayside, with grpcio on both sides: what the client sees is what it sees directly, and what is counted is
//! what the client counted.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::servers::forward;
use support::*;

/// The codes that classification takes for a failure (Linkerd's list).
const FAILURES: [u32; 6] = [2, 4, 7, 13, 14, 15];

fn script(name: &str) -> Result<Command, String> {
    let python = python().ok_or("there is no Python")?;
    let has = Command::new(&python).args(["-Isc", "import grpc.aio"]).stderr(Stdio::null()).status();
    if !has.is_ok_and(|status| status.success()) {
        return Err("this Python has no grpcio".to_owned());
    }
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/grpc");
    let mut command = Command::new(python);
    command.arg("-Is").arg(folder.join(name));
    Ok(command)
}

/// A Python program that talks by lines. It ends with its stdin.
struct Script {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Script {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("Python");
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        Script { child, stdin, stdout }
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("a line");
        line.trim().to_owned()
    }

    fn say(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("not finished yet");
        stdin.write_all(format!("{line}\n").as_bytes()).and_then(|()| stdin.flush()).expect("to write");
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A gRPC server, and wayside in front of it.
struct Setup {
    wayside: Wayside,
    addr: SocketAddr,
    _server: Script,
}

impl Setup {
    fn new(args: &[&str]) -> Result<Self, String> {
        let mut server = Script::start(&mut script("server.py")?);
        let port: u16 = server.hear().parse().expect("the server's port");
        let addr = SocketAddr::from(([127, 0, 0, 1], port));
        let target = forward(addr);
        let mut all = vec!["--forward", target.as_str()];
        all.extend(args);
        Ok(Setup { wayside: Wayside::start(&all), addr, _server: server })
    }
}

/// What a run of `client.py` came to.
#[derive(Debug, PartialEq)]
struct Report {
    results: Vec<String>,
    /// Calls by the status that the server gave them.
    counts: Vec<(u32, f64)>,
    /// Calls that the client gave up.
    cut: f64,
}

impl Report {
    #[track_caller]
    fn of(mode: &str, addr: SocketAddr) -> Self {
        let mut command = script("client.py").expect("the server was there");
        Report::parse(&programs::text(command.arg(mode).arg(addr.to_string()), ""))
    }

    fn parse(text: &str) -> Self {
        let mut report = Report { results: vec![], counts: vec![], cut: -1.0 };
        for line in text.lines() {
            match line.split(' ').collect::<Vec<_>>()[..] {
                ["count", code, number] => {
                    report.counts.push((code.parse().expect("a code"), number.parse().expect("a number")));
                }
                ["cut", number] => report.cut = number.parse().expect("a number"),
                _ => report.results.push(line.to_owned()),
            }
        }
        assert!(report.cut >= 0.0 && !report.results.is_empty(), "{text}");
        report
    }

    /// wayside has counted the same, and nothing is open.
    #[track_caller]
    fn expect_counted(&self, wayside: &Wayside) {
        let all = self.cut + self.counts.iter().map(|(_, number)| number).sum::<f64>();
        let done = || wayside.metrics().sum("response_total", &[]) >= all;
        wait_until(LIMIT, done);
        let metrics = wayside.metrics();
        let http: Vec<_> = metrics.samples.iter().filter(|it| it.name.ends_with("_total")).collect();
        assert_eq!(metrics.sum("request_total", &[]), all, "{http:#?}");
        assert_eq!(metrics.sum("response_total", &[]), all, "{http:#?}");
        assert_eq!(metrics.sum("http_requests_in_flight", &[]), 0.0, "{http:#?}");
        assert_eq!(metrics.sum("http_blind_total", &[]), 0.0, "{http:#?}");
        let mut given_up = all;
        for &(code, number) in &self.counts {
            let classification = if FAILURES.contains(&code) { "failure" } else { "success" };
            let text = code.to_string();
            let mut labels = vec![("grpc_status", text.as_str()), ("classification", classification)];
            let mut these = metrics.matching("response_total", &labels);
            assert!(!these.any(|it| it.labels.iter().any(|(name, _)| name == "error")), "{http:#?}");
            drop(these);
            labels.push(("status_code", "200"));
            let counted = metrics.sum("response_total", &labels);
            // At its deadline a call may be ended by either side.
            let more = if code == 4 { self.cut } else { 0.0 };
            assert!(
                (number..=number + more).contains(&counted),
                "{labels:?}: {number}, {counted}: {http:#?}"
            );
            given_up -= counted;
        }
        let labels = [("error", "h2(CANCEL)"), ("classification", "failure"), ("status_code", "200")];
        assert_eq!(metrics.sum("response_total", &labels), given_up, "{http:#?}");
    }
}

#[test]
fn every_kind_of_call_is_as_it_is_directly() {
    let setup = match Setup::new(&[]) {
        Ok(setup) => setup,
        Err(why) => skipped!("{why}"),
    };
    let direct = Report::of("kinds", setup.addr);
    assert!(direct.counts.len() == 17 && direct.cut == 2.0, "{direct:#?}");
    let through = Report::of("kinds", setup.wayside.addr(0));
    assert_eq!(through, direct);
    through.expect_counted(&setup.wayside);
    // The one that was cancelled can only have been cut off.
    let metrics = setup.wayside.metrics();
    assert!(metrics.sum("response_total", &[("error", "h2(CANCEL)")]) >= 1.0);
}

#[test]
fn a_thousand_calls_at_once_on_one_connection_and_on_three() {
    let setup = match Setup::new(&[]) {
        Ok(setup) => setup,
        Err(why) => skipped!("{why}"),
    };
    let through = Report::of("many", setup.wayside.addr(0));
    assert_eq!((&through.counts, through.cut), (&vec![(0, 2000.0)], 0.0), "{through:#?}");
    through.expect_counted(&setup.wayside);
    verdicts::expect_detected(&setup.wayside, "http/2", "", 4);
}

#[test]
fn keep_alive_pings_pass() {
    let setup = match Setup::new(&[]) {
        Ok(setup) => setup,
        Err(why) => skipped!("{why}"),
    };
    let bytes = || setup.wayside.metrics().sum("tcp_read_bytes_total", &[]);
    let closed = || setup.wayside.metrics().sum("tcp_open_connections", &[]) == 0.0;
    let run = |mode| {
        let before = bytes();
        let report = Report::of(mode, setup.wayside.addr(0));
        eventually("the connection has ended", LIMIT, closed);
        (report.results, bytes() - before)
    };
    let (results, plain) = run("plain");
    let (with_pings, more) = run("pings");
    assert_eq!(with_pings, results);
    // A ping has 17 bytes, as has its answer. How often it pings is the library's choice.
    assert!(more >= plain + 2.0 * 34.0, "{plain} bytes without pings, {more} with");
}

#[test]
fn a_long_stream_outlives_the_signal_and_ends_the_drain() {
    let mut setup = match Setup::new(&[]) {
        Ok(setup) => setup,
        Err(why) => skipped!("{why}"),
    };
    let addr = setup.wayside.addr(0).to_string();
    let mut client = Script::start(script("client.py").expect("grpcio").args(["long", &addr]));
    client.say("before");
    assert_eq!(client.hear(), "heard before");
    setup.wayside.signal(Signal::TERM);
    eventually("/ready says 503", LIMIT, || setup.wayside.get("/ready").0 == 503);
    let until = Instant::now() + Duration::from_millis(1500);
    while Instant::now() < until {
        client.say("during");
        assert_eq!(client.hear(), "heard during");
    }
    assert!(setup.wayside.is_running());
    let count = setup.wayside.metrics().sum("http_requests_in_flight", &[]);
    assert_eq!(count, 1.0);
    drop(client.stdin.take());
    assert_eq!(client.hear(), "result long OK '' 0 []");
    let began = Instant::now();
    assert_eq!(setup.wayside.wait(LIMIT).expect("it ends").code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[test]
fn at_the_drain_timeout_a_long_stream_is_cut() {
    let mut setup = match Setup::new(&["--drain-timeout", "1s"]) {
        Ok(setup) => setup,
        Err(why) => skipped!("{why}"),
    };
    let addr = setup.wayside.addr(0).to_string();
    let mut client = Script::start(script("client.py").expect("grpcio").args(["long", &addr]));
    client.say("before");
    assert_eq!(client.hear(), "heard before");
    let began = Instant::now();
    setup.wayside.signal(Signal::TERM);
    assert_eq!(setup.wayside.wait(LIMIT).expect("it ends").code(), Some(0));
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(900) && took < Duration::from_secs(3), "{took:?}");
    drop(client.stdin.take());
    let end = client.hear();
    assert!(end.starts_with("result long UNAVAILABLE"), "{end}");
}

/// It asks nothing before it has SETTINGS: without them it would not learn why.
#[test]
fn a_client_that_may_not_use_the_proxy_is_told_so() {
    if let Err(why) = script("client.py") {
        skipped!("{why}");
    }
    let args = ["--outbound-listen=127.0.0.1:0", "--proxy-clients=192.0.2.1", "--connect-ports=443"];
    let wayside = Wayside::start(&args);
    let report = Report::of("refused", wayside.outbound()[0]);
    let cause = "client not allowed to use this proxy";
    let expected = ["unary", "server-stream", "client-stream"]
        .map(|name| format!("result {name} PERMISSION_DENIED '{cause}' 0 []"));
    assert_eq!(report.results[..3], expected);
    assert_eq!(report.results[3], format!("result trailing ['{cause}']"));
    assert_eq!(wayside.metrics().sum("response_total", &[("grpc_status", "7"), ("error", cause)]), 4.0);
}

#[test]
fn without_a_server_a_call_is_unavailable_and_says_why() {
    if let Err(why) = script("client.py") {
        skipped!("{why}");
    }
    let (_socket, addr) = refusing();
    let wayside = Wayside::start(&["--forward", &forward(addr)]);
    let report = Report::of("refused", wayside.addr(0));
    let expected = ["unary", "server-stream", "client-stream"]
        .map(|name| format!("result {name} UNAVAILABLE 'connection refused' 0 []"));
    assert_eq!(report.results[..3], expected);
    assert_eq!(report.results[3], "result trailing ['connection refused']");
    let labels = [
        ("status_code", "200"),
        ("grpc_status", "14"),
        ("classification", "failure"),
        ("error", "connection refused"),
    ];
    let metrics = wayside.metrics();
    let counted = [metrics.sum("request_total", &[]), metrics.sum("response_total", &labels)];
    assert_eq!(counted, [4.0, 4.0], "{:#?}", metrics.samples);
    assert_eq!(metrics.sum("wayside_bad_gateway_total", &[]), 4.0);
    assert_eq!(metrics.sum("http_requests_in_flight", &[]), 0.0);
}
