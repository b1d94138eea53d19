//! h2spec, where `H2SPEC` names its binary: through wayside each case has the verdict that it has directly.

use std::net::SocketAddr;
use std::process::Command;

use super::tools::nghttpd;
use crate::support::*;

/// Each case of a run and its verdict, in order.
fn verdicts(h2spec: &str, addr: SocketAddr, dir: &TempDir) -> Vec<(String, &'static str)> {
    let report = dir.path().join("report.xml");
    let mut command = Command::new(h2spec);
    command.args(["-h", "127.0.0.1", "-p", &addr.port().to_string(), "-o", "1", "-j"]).arg(&report);
    // It fails where a case does.
    programs::run(&mut command, b"");
    parse(&std::fs::read_to_string(&report).expect("its report"))
}

/// The cases of a JUnit report: `package: classname`, and whether it has failed, or was skipped.
fn parse(report: &str) -> Vec<(String, &'static str)> {
    let case = |text: &str| {
        let (head, rest) = text.split_once('>').expect("a tag");
        let value = |name: &str| {
            let (_, value) = head.split_once(&format!(" {name}=\"")).expect("an attribute");
            value.split('"').next().unwrap_or_default().to_owned()
        };
        let inside =
            if head.ends_with('/') { "" } else { rest.split("</testcase>").next().unwrap_or_default() };
        let verdict = match inside {
            _ if inside.contains("<failure") || inside.contains("<error") => "failed",
            _ if inside.contains("<skipped") => "skipped",
            _ => "passed",
        };
        (format!("{}: {}", value("package"), value("classname")), verdict)
    };
    report.split("<testcase").skip(1).map(case).collect()
}

#[test]
fn a_report_is_read() {
    let report = "<testsuites><testsuite name=\"a\"><testcase package=\"http2/1\" classname=\"One\" time=\"0\"></testcase>\
                  <testcase package=\"http2/2\" classname=\"Two\" time=\"0\"><failure>no</failure></testcase>\
                  <testcase package=\"http2/3\" classname=\"Three\"><skipped></skipped></testcase></testsuite>";
    let expected = [("http2/1: One", "passed"), ("http2/2: Two", "failed"), ("http2/3: Three", "skipped")];
    assert_eq!(parse(report), expected.map(|(name, verdict)| (name.to_owned(), verdict)));
}

#[test]
fn h2spec_gives_the_verdicts_that_it_gives_directly() {
    let Ok(h2spec) = std::env::var("H2SPEC") else {
        skipped!("H2SPEC does not name the binary of h2spec");
    };
    let service = match nghttpd(&[]) {
        Ok(service) => service,
        Err(why) => skipped!("{why}"),
    };
    service.dir.file("index.html", "hello");
    let wayside = Wayside::start(&["--forward", &servers::forward(service.addr)]);
    let dir = TempDir::new();
    let direct = verdicts(&h2spec, service.addr, &dir);
    let through = verdicts(&h2spec, wayside.addr(0), &dir);
    let passed = direct.iter().filter(|(_, verdict)| *verdict == "passed").count();
    assert!(passed > 100, "{direct:?}");
    let of = |wanted: &str| through.iter().filter(|(_, verdict)| *verdict == wanted).count();
    let blind = wayside.metrics().sum("http_blind_total", &[]);
    say(&format!(
        "{} cases: {} passed, {} skipped, {} failed; {blind} blind",
        through.len(),
        of("passed"),
        of("skipped"),
        of("failed")
    ));
    assert_eq!(through, direct);
    let metrics = wayside.metrics();
    eventually("nothing is open", LIMIT, || wayside.metrics().sum("http_requests_in_flight", &[]) == 0.0);
    assert!(metrics.sum("request_total", &[]) > 0.0);
}

/// The figures of a run belong in notes; with `--nocapture` they are seen.
fn say(what: &str) {
    println!("h2spec: {what}");
}
