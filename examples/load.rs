//! The load and the servers of `scripts/compare`. It drives them over stdin and stdout; by hand:
//! `cargo run --release --example load -- --help`.

#[path = "load/bulk.rs"]
mod bulk;
#[path = "load/phases.rs"]
mod phases;
#[path = "load/requests.rs"]
mod requests;
#[path = "load/serve.rs"]
mod serve;
#[path = "load/served.rs"]
mod served;

use std::error::Error;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Duration;

const HELP: &str = "\
Servers and a load generator, one epoll loop each. Times are in seconds.

  load serve KIND=PORT...      servers on 127.0.0.1, until stdin ends; KIND is one of
                               echo, source, sink, http, greeting
  load requests tcp|http [/PATH] TO CONNECTIONS kept|fresh WARM TIME
                               one request after the other on each connection, or a new connection for each
  load bulk down|up TO CONNECTIONS WARM TIME

A load warms up, says `ready`, waits for a line on stdin, runs, lets what is under way end, and prints what it
did as a line of JSON.
";

/// Anything that ends the program.
type Failure = Box<dyn Error>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        ["serve", ref listeners @ ..] => serve::run(listeners),
        ["requests", "tcp", ref rest @ ..] => requests(requests::Kind::Tcp, rest),
        ["requests", "http", path, ref rest @ ..] => requests(requests::Kind::Http(path.to_owned()), rest),
        ["bulk", way, to, connections, warm, time] => bulk(way, to, connections, warm, time),
        _ => Err(format!("wrong usage\n{HELP}").into()),
    };
    if let Err(problem) = done {
        eprintln!("load: {problem}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn requests(kind: requests::Kind, rest: &[&str]) -> Result<(), Failure> {
    let &[to, connections, how, warm, time] = rest else { return Err("wrong usage of requests".into()) };
    let is_fresh = match how {
        "kept" => false,
        "fresh" => true,
        _ => return Err(format!("{how}: neither kept nor fresh").into()),
    };
    let mut load = requests::Load::new(parsed::<SocketAddr>(to)?, parsed(connections)?, is_fresh, kind)?;
    phases::run(seconds(warm)?, seconds(time)?, |time| load.run(time))
}

fn bulk(way: &str, to: &str, connections: &str, warm: &str, time: &str) -> Result<(), Failure> {
    let is_up = match way {
        "up" => true,
        "down" => false,
        _ => return Err(format!("{way}: neither up nor down").into()),
    };
    let mut load = bulk::Load::new(parsed::<SocketAddr>(to)?, parsed(connections)?, is_up)?;
    phases::run(seconds(warm)?, seconds(time)?, |time| load.run(time))
}

fn parsed<T: FromStr>(text: &str) -> Result<T, Failure>
where
    T::Err: Error + 'static,
{
    text.parse().map_err(|problem| format!("{text}: {problem}").into())
}

fn seconds(text: &str) -> Result<Duration, Failure> {
    Ok(Duration::try_from_secs_f64(parsed(text)?)?)
}
