//! nghttp2's tools and curl as they come.

use std::path::PathBuf;
use std::process::Command;

use super::count;
use crate::support::programs::{output, text};
use crate::support::servers::{Service, need};
use crate::support::*;

/// nghttpd with `options`, over a folder with `small` (1,000 bytes), `style.css` and what a test adds.
pub(crate) fn nghttpd(options: &[&str]) -> Result<Service, String> {
    let program = need("nghttpd")?;
    let dir = TempDir::new();
    dir.file("small", [b's'; 1000]);
    dir.file("style.css", "a { b: c }");
    Ok(Service::start(dir, |port, root| {
        let mut command = Command::new(&program);
        command.args(["-a", "127.0.0.1", "--no-tls", "-d"]).arg(root).args(options).arg(port.to_string());
        command
    }))
}

fn through(service: &Service) -> Wayside {
    Wayside::start(&["--forward", &service.forward()])
}

/// A tool of the nghttp2 package, or curl, with these arguments.
fn tool(name: &str, args: &[&str]) -> Command {
    let mut command = Command::new(need(name).expect("it comes with nghttpd"));
    command.args(args);
    command
}

fn url(wayside: &Wayside, path: &str) -> String {
    format!("http://{}/{path}", wayside.addr(0))
}

/// What h2load said of its requests: done, succeeded, failed, errored, and 2xx.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) done: usize,
    pub(crate) succeeded: usize,
    pub(crate) failed: usize,
    pub(crate) errored: usize,
    pub(crate) ok: usize,
}

impl Load {
    pub(crate) fn parse(said: &str) -> Self {
        let number = |line: &str, what: &str| {
            let line =
                said.lines().find(|it| it.starts_with(line)).unwrap_or_else(|| panic!("no {line} in {said}"));
            let part = line.split([',', ':']).find(|part| part.trim().ends_with(what));
            let part = part.unwrap_or_else(|| panic!("no {what} in {line}"));
            part.split_whitespace().next().and_then(|word| word.parse().ok()).expect("a number")
        };
        Load {
            done: number("requests:", "done"),
            succeeded: number("requests:", "succeeded"),
            failed: number("requests:", "failed"),
            errored: number("requests:", "errored"),
            ok: number("status codes:", "2xx"),
        }
    }

    pub(crate) fn perfect(count: usize) -> Self {
        Load { done: count, succeeded: count, failed: 0, errored: 0, ok: count }
    }
}

#[test]
fn a_hundred_thousand_requests_are_counted_exactly() {
    let service = match nghttpd(&[]) {
        Ok(service) => service,
        Err(why) => skipped!("{why}"),
    };
    let wayside = through(&service);
    let args = ["-n", "100000", "-c", "8", "-m", "50"];
    let said = text(tool("h2load", &args).arg(url(&wayside, "small")), "");
    assert_eq!(Load::parse(&said), Load::perfect(100_000));
    count::expect(&wayside, &[("200", "", 100_000)]);
    count::expect_blind(&wayside, "", 0);
    verdicts::expect_detected(&wayside, "http/2", "", 8);
    let latencies = wayside.metrics().sum("response_latency_ms_count", &[]);
    assert_eq!(latencies, 100_000.0);
}

#[test]
fn posts_that_are_not_found_are_counted() {
    let service = match nghttpd(&["--echo-upload"]) {
        Ok(service) => service,
        Err(why) => skipped!("{why}"),
    };
    let wayside = through(&service);
    let dir = TempDir::new();
    let data = dir.file("data", vec![b'd'; 40_000]);
    let args = ["-n", "3000", "-c", "3", "-m", "20", "-d", &data.to_string_lossy()];
    let said = text(tool("h2load", &args).arg(url(&wayside, "upload")), "");
    assert_eq!(Load::parse(&said), Load::perfect(3000));
    let args = ["-n", "500", "-c", "1", "-m", "20"];
    let said = text(tool("h2load", &args).arg(url(&wayside, "missing")), "");
    let load = Load::parse(&said);
    assert_eq!((load.done, load.ok), (500, 0), "{said}");
    count::expect(&wayside, &[("200", "", 3000), ("404", "", 500)]);
    count::expect_blind(&wayside, "", 0);
}

#[test]
fn a_hundred_megabytes_there_and_back_over_one_stream() {
    let (service, curl) = match nghttpd(&["--echo-upload"]).and_then(|it| Ok((it, need("curl")?))) {
        Ok(both) => both,
        Err(why) => skipped!("{why}"),
    };
    let wayside = through(&service);
    let mut body = vec![0; 100 << 20];
    Random::new(seed()).fill(&mut body);
    let large = service.dir.file("large", &body);
    let got = |command: &mut Command| Sum::of(&output(command.args(["-sS", "--http2-prior-knowledge"]), b""));
    assert_eq!(got(Command::new(&curl).arg(url(&wayside, "large"))), Sum::of(&body));
    let upload = format!("@{}", large.display());
    let echoed = got(Command::new(&curl).args(["--data-binary", &upload]).arg(url(&wayside, "upload")));
    assert_eq!(echoed, Sum::of(&body));
    count::expect(&wayside, &[("200", "", 2)]);
    count::expect_blind(&wayside, "", 0);
    assert!(wayside.rss() < 40 << 20, "{} bytes resident", wayside.rss());
}

#[test]
fn a_pushed_stream_is_no_exchange() {
    let service = match nghttpd(&["--push=/small=/style.css"]) {
        Ok(service) => service,
        Err(why) => skipped!("{why}"),
    };
    let wayside = through(&service);
    for _ in 0..3 {
        let said = text(tool("nghttp", &["-nv", "-m", "2"]).arg(url(&wayside, "small")), "");
        assert_eq!(said.matches("recv PUSH_PROMISE frame").count(), 2, "{said}");
    }
    count::expect(&wayside, &[("200", "", 6)]);
    count::expect_blind(&wayside, "", 0);
}

#[test]
fn trailers_padding_and_split_heads_pass() {
    let service = match nghttpd(&["--echo-upload", "--trailer=x-sum: server", "--padding=100"]) {
        Ok(service) => service,
        Err(why) => skipped!("{why}"),
    };
    let wayside = through(&service);
    let dir = TempDir::new();
    let data = dir.file("data", vec![b'd'; 100_000]);
    let said = text(
        tool("nghttp", &["-nv", "--continuation", "--padding=200", "--trailer=x-sum: client", "-d"])
            .arg(&data)
            .args(["-H", &format!("x-large: {}", "l".repeat(30_000))])
            .arg(url(&wayside, "upload")),
        "",
    );
    for part in ["continuation-test-6: -", "x-sum: client", "x-sum: server", ":status: 200"] {
        assert!(said.contains(part), "no {part} in {said}");
    }
    let args = ["--header-table-size=65536", "--encoder-header-table-size=0", "-n", "-m", "5"];
    output(tool("nghttp", &args).arg(url(&wayside, "small")), b"");
    count::expect(&wayside, &[("200", "", 6)]);
    count::expect_blind(&wayside, "", 0);
}

#[test]
fn http2_by_upgrade_is_followed() {
    let (service, nghttpx) = match nghttpd(&[]).and_then(|it| Ok((it, need("nghttpx")?))) {
        Ok(both) => both,
        Err(why) => skipped!("{why}"),
    };
    let front = Service::start(TempDir::new(), |port, dir| {
        let mut command = Command::new(&nghttpx);
        let backend = format!("-b127.0.0.1,{};;proto=h2", service.addr.port());
        let none: PathBuf = dir.join("none");
        std::fs::write(&none, "").expect("an empty configuration");
        command.arg(format!("--conf={}", none.display())).args(["-n1", "--single-process", &backend]);
        command.arg(format!("-f127.0.0.1,{port};no-tls"));
        command
    });
    let wayside = Wayside::start(&["--forward", &front.forward(), "--access-log", "json"]);
    let said = text(tool("nghttp", &["-nuv", "-m", "10", "-c", "16384"]).arg(url(&wayside, "small")), "");
    assert!(said.contains("HTTP Upgrade success") && said.matches(":status: 200").count() == 10, "{said}");
    // The first request was asked in HTTP/1; its answer came on stream 1.
    count::expect(&wayside, &[("200", "", 10)]);
    let logged = |what: &str| wayside.stdout().matches(what).count();
    eventually("all are logged", LIMIT, || logged("\"uri\":\"/small\"") == 10);
    assert_eq!(logged("\"protocol\":\"http/2\""), 9, "{}", wayside.stdout());
    if have("curl").is_some() {
        let urls = [url(&wayside, "small"), url(&wayside, "small")];
        let body = output(tool("curl", &["-sS", "--http2"]).args(&urls), b"");
        assert_eq!(body, [b's'; 2000]);
        count::expect(&wayside, &[("200", "", 12)]);
    }
    count::expect_blind(&wayside, "", 0);
}
