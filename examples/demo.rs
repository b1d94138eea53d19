//! See wayside work: real servers of several protocols, wayside in front of them, traffic of each kind, and a table of
//! what it made of it. `cargo run --release --example demo`; with `-- --serve` all stays up to be tried by hand.
//!
//! It needs nothing but what it starts itself. Every figure that it prints is measured in that run, and it ends with 1
//! if anything is not as it should be.

#[path = "demo/http2.rs"]
mod http2;
#[path = "demo/kinds.rs"]
mod kinds;
#[path = "demo/proxy.rs"]
mod proxy;
#[path = "demo/table.rs"]
mod table;
#[path = "demo/tls.rs"]
mod tls;
#[path = "demo/wire.rs"]
mod wire;

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use kinds::{ALPN, HOST, Kind};
use proxy::{Metrics, Proxy, Seen};
use table::ROUNDS;
use wire::Wire;

const HELP: &str = "\
Starts small servers on free ports, puts wayside in front of them, sends traffic of each kind
through, and prints what wayside detected, who decided, after how long, and the bytes each way.

Usage: cargo run --release --example demo [-- OPTION]

  --serve   keep all of it up, to be tried by hand, until Ctrl-C
  --help    this text

RUST_LOG=debug shows wayside's log. Exit code: 0 all as it should be, 1 something is not, 2 wrong usage.
";

/// What the wait of a detection would show as. The longest first answer is some milliseconds.
const TOO_LONG: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
    let stays = match words.iter().map(|word| word.as_ref()).collect::<Vec<_>>()[..] {
        [] => false,
        ["--serve"] => true,
        ["--help" | "-h"] => return if say(HELP) { ExitCode::SUCCESS } else { ExitCode::FAILURE },
        ref wrong => {
            eprintln!("demo: wrong usage: {}; see --help", wrong.join(" "));
            return ExitCode::from(2);
        }
    };
    env_logger::init();
    match demo(stays) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("demo: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// What was seen of one kind of traffic.
struct Row {
    kind: Kind,
    server: SocketAddr,
    direct: Vec<Duration>,
    through: Vec<Duration>,
    /// Bytes of all connections through wayside, as the client counted them.
    sent: u64,
    received: u64,
    /// The last connection through wayside, as wayside saw it before it ended.
    seen: Seen,
}

fn demo(stays: bool) -> Result<(), String> {
    let mut rows = Vec::new();
    for kind in kinds::all().map_err(|error| error.to_string())? {
        let server = wire::listen(kind.serve.clone()).map_err(|error| format!("{}: {error}", kind.name))?;
        let (direct, through, seen) = (Vec::new(), Vec::new(), Seen::default());
        rows.push(Row { kind, server, direct, through, sent: 0, received: 0, seen });
    }
    let servers: Vec<_> = rows.iter().map(|row| row.server).collect();
    let proxy = Proxy::start(&servers).map_err(|error| error.to_string())?;
    let mut problems = Vec::new();
    for round in 1..=ROUNDS {
        for (row, &forward) in rows.iter_mut().zip(&proxy.forwards) {
            visit(row, forward, &proxy, round, &mut problems).map_err(|error| match proxy.has_ended() {
                true => "ended by a signal".to_owned(),
                false => format!("{}, {}: {error}", row.kind.name, row.kind.sent),
            })?;
        }
    }
    let metrics = proxy.metrics_at_rest().map_err(|error| error.to_string())?;
    check_totals(&rows, &metrics, &mut problems);
    let mut text = table::text(&rows, &metrics);
    if stays {
        text.push_str(&by_hand(&rows, &proxy));
    }
    if !say(&text) {
        problems.push("cannot write to stdout".to_owned());
    }
    let ended = if stays && problems.is_empty() { proxy.wait() } else { proxy.stop() };
    problems.extend(ended.err());
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\ndemo: ")) }
}

/// Once directly and once through wayside; each comes first every other time.
fn visit(
    row: &mut Row,
    forward: SocketAddr,
    proxy: &Proxy,
    round: usize,
    problems: &mut Vec<String>,
) -> io::Result<()> {
    if round.is_multiple_of(2) {
        visit_directly(row)?;
    }
    visit_through(row, forward, proxy, round == ROUNDS, problems)?;
    if round.is_multiple_of(2) { Ok(()) } else { visit_directly(row) }
}

/// One connection straight to the server.
fn visit_directly(row: &mut Row) -> io::Result<()> {
    let mut wire = Wire::connect(row.server)?;
    (row.kind.talk)(&mut wire, &mut |_| Ok(()))?;
    wire.finish()?;
    row.direct.extend(wire.first_answer);
    Ok(())
}

/// One connection through wayside, which is looked at where `looks` says so.
fn visit_through(
    row: &mut Row,
    forward: SocketAddr,
    proxy: &Proxy,
    looks: bool,
    problems: &mut Vec<String>,
) -> io::Result<()> {
    let mut wire = Wire::connect(forward)?;
    let mut seen = None;
    (row.kind.talk)(&mut wire, &mut |wire| {
        if looks {
            seen = Some((proxy.look_at(wire)?, wire.sent, wire.received));
        }
        Ok(())
    })?;
    wire.finish()?;
    row.through.extend(wire.first_answer);
    row.sent += wire.sent;
    row.received += wire.received;
    if let Some((seen, sent, received)) = seen {
        judge(&row.kind, &seen, (sent, received), problems);
        row.seen = seen;
    }
    if wire.first_answer.is_none_or(|after| after > TOO_LONG) {
        problems.push(format!("{}: the first answer came after {:?}", row.kind.name, wire.first_answer));
    }
    Ok(())
}

fn judge(kind: &Kind, seen: &Seen, (sent, received): (u64, u64), problems: &mut Vec<String>) {
    let wanted = Seen {
        protocol: kind.protocol.to_owned(),
        decided_by: kind.decided_by.to_owned(),
        bytes_up: sent,
        bytes_down: received,
    };
    if *seen != wanted {
        problems.push(format!("{}, {}: wayside says {seen:?}, not {wanted:?}", kind.name, kind.sent));
    }
}

/// The metrics must agree with what was done and with what the clients counted.
fn check_totals(rows: &[Row], metrics: &Metrics, problems: &mut Vec<String>) {
    let mut check = |what: &str, name: &str, labels: &[(&str, &str)], wanted: u64| {
        let got = metrics.sum(name, labels);
        if got != wanted {
            problems.push(format!("/metrics: {what}: {name} is {got}, not {wanted}"));
        }
    };
    for row in rows {
        let (kind, port) = (&row.kind, row.server.port().to_string());
        let labels = [("peer", "src"), ("target_port", port.as_str())];
        check(kind.name, "tcp_read_bytes_total", &labels, row.sent);
        check(kind.name, "tcp_write_bytes_total", &labels, row.received);
        check(kind.name, "tcp_open_total", &labels, ROUNDS as u64);
        check(kind.name, "tcp_close_total", &labels, ROUNDS as u64);
        let alike = rows.iter().filter(|other| other.kind.protocol == kind.protocol).count() * ROUNDS;
        let labels = [("protocol", kind.protocol), ("decided_by", kind.decided_by)];
        check(kind.name, "tcp_detect_total", &labels, alike as u64);
    }
    let hello = [("peer", "src"), ("tls", "opaque"), ("sni", HOST), ("alpn", ALPN)];
    check("the ClientHello's labels", "tcp_close_total", &hello, ROUNDS as u64);
    check("all of them", "tcp_open_connections", &[], 0);
}

/// The lines of `--serve`.
fn by_hand(rows: &[Row], proxy: &Proxy) -> String {
    let mut text = "\nStill up; try, in another terminal (Ctrl-C here ends):\n".to_owned();
    for (row, forward) in rows.iter().zip(&proxy.forwards).filter(|(row, _)| !row.kind.by_hand.is_empty()) {
        let _ = writeln!(text, "  {}", row.kind.by_hand.replace("{}", &forward.to_string()));
    }
    for page in ["connections", "metrics"] {
        let _ = writeln!(text, "  curl http://{}/{page}", proxy.admin);
    }
    text
}

/// Whether stdout took it.
fn say(text: &str) -> bool {
    let mut stdout = io::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).is_ok()
}
