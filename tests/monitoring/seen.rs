//! A wayside that has seen one of everything that has a series or a label of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use crate::support::*;

/// What a scrape holds: the type of each family, and of each family the labels that its samples carry, with their values.
pub(crate) struct Seen {
    /// The text itself.
    pub(crate) scrape: Metrics,
    /// `counter`, `gauge` or `histogram`.
    pub(crate) kinds: BTreeMap<String, String>,
}

impl Seen {
    /// Reads a scrape.
    fn of(text: &str) -> Seen {
        let words = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
        let kinds = words.map(|(name, kind)| (name.to_owned(), kind.to_owned())).collect();
        Seen { scrape: Metrics::parse(text).expect("well-formed"), kinds }
    }

    /// The family of a sample: its name, without what a histogram adds.
    pub(crate) fn family<'a>(&self, sample: &'a str) -> &'a str {
        let stem = ["_bucket", "_sum", "_count"].iter().find_map(|end| sample.strip_suffix(end));
        stem.filter(|stem| self.kinds.get(*stem).is_some_and(|kind| kind == "histogram")).unwrap_or(sample)
    }

    /// The labels of a family's samples, and the values of each; `le` is left out.
    pub(crate) fn labels(&self, family: &str) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut labels: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for sample in self.scrape.samples.iter().filter(|sample| self.family(&sample.name) == family) {
            for (label, value) in sample.labels.iter().filter(|(label, _)| label != "le") {
                labels.entry(label).or_default().insert(value);
            }
        }
        labels
    }
}

/// Answers by path, and sends back what is no HTTP.
fn answer(stream: TcpStream) -> io::Result<()> {
    let mut writer = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    if reader.fill_buf()?.first().is_some_and(|byte| !byte.is_ascii_alphabetic()) {
        return io::copy(&mut reader, &mut writer).map(drop);
    }
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head)? == 0 {
                return Ok(());
            }
        }
        let answer = match head.split(' ').nth(1).expect("a path") {
            "/fails" => "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n",
            "/grpc" => "HTTP/1.1 200 OK\r\nGrpc-Status: 12\r\nContent-Length: 0\r\n\r\n",
            "/cut" => "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\ncut",
            _ => "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
        };
        writer.write_all(answer.as_bytes())?;
        if answer.ends_with("cut") || head.contains("Connection: close") {
            return Ok(());
        }
    }
}

/// Sends this, and reads all that comes until the end.
fn ask(mut client: TcpStream, request: &str) -> String {
    client.write_all(request.as_bytes()).expect("to write");
    finish(&client);
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("an answer");
    answer
}

/// Traffic of each kind, and what was counted then.
pub(crate) fn everything() -> Seen {
    let (server, greeter) = (Server::start(answer), Server::greeter(b"220 mail ESMTP\r\n"));
    let (_held, nobody) = refusing();
    let forwards = [server.addr(), greeter.addr(), nobody].map(|target| format!("127.0.0.1:0={target}"));
    let text = format!(
        "admin-listen = '127.0.0.1:0'\ninbound-listen = 'off'\noutbound-listen = '127.0.0.1:0'\n\
         forward = {forwards:?}\n\
         [backends.shop]\nservers = ['{}', '{nobody}']\n\
         [[route]]\nlisten = ['outbound']\nauthority = 'shop.test'\nbackend = 'shop'\n",
        server.addr()
    );
    let dir = TempDir::new();
    let path = dir.file("wayside.toml", text);
    let wayside = Wayside::start(&["--config", path.to_str().expect("a path")]);

    for (path, more) in
        [("/", ""), ("/fails", ""), ("/cut", ""), ("/grpc", "Content-Type: application/grpc\r\n")]
    {
        let request = format!("GET {path} HTTP/1.1\r\nHost: seen.test\r\n{more}\r\n");
        assert!(ask(wayside.connect(0), &request).starts_with("HTTP/1.1 "), "{path}");
    }
    // Two lengths: whoever comes next may read it either way, so it is followed no further.
    ask(wayside.connect(0), "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n..");
    let hello = include_bytes!("../data/openssl-sni-alpn.hello");
    let mut tls = wayside.connect(0);
    tls.write_all(hello).expect("to write");
    tls.read_exact(&mut vec![0; hello.len()]).expect("the echo");
    reset(tls);
    wayside.connect(1).read_exact(&mut [0; 16]).expect("the greeting");
    ask(wayside.connect(2), "GET / HTTP/1.1\r\nHost: seen.test\r\n\r\n");
    routed(&wayside);
    let counted = |name| move |wayside: &Wayside| wayside.metrics().sum(name, &[("peer", "src")]) as u64;
    let (opened, closed) = (counted("tcp_open_total"), counted("tcp_close_total"));
    eventually("every end is counted", LIMIT, || opened(&wayside) == closed(&wayside));
    let upstream = |wayside: &Wayside| wayside.metrics().sum("tcp_close_total", &[("backend", "shop")]);
    eventually("the end of a server's connection is counted", LIMIT, || upstream(&wayside) > 0.0);
    // What only a supervisor has.
    let supervisor = Wayside::start(&["--workers", "2", "--forward", &forwards[0]]).get("/metrics").1;
    let workers = supervisor.lines().filter(|line| line.contains("wayside_workers"));
    Seen::of(&workers.fold(wayside.get("/metrics").1, |all, line| format!("{all}{line}\n")))
}

/// Requests that take the route, until one of its two servers is set aside.
fn routed(wayside: &Wayside) {
    let request = |more: &str| {
        let client = connect(wayside.outbound()[0]).expect("a connection");
        let request = format!("GET / HTTP/1.1\r\nHost: shop.test\r\n{more}\r\n");
        assert!(ask(client, &request).starts_with("HTTP/1.1 200"));
    };
    request("Connection: close\r\n");
    let one = || {
        request("");
        wayside.metrics().sum("wayside_backend_aside", &[]) > 0.0
    };
    eventually("a server is set aside", LIMIT, one);
}
