//! `wayside run`: one proxy process.

use crate::config::Config;
use crate::sys::stderr::PatientStderr;
use crate::sys::stdout::say;
use crate::worker::Worker;
use env_logger::{Builder, Target};
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::ExitCode;

/// Runs the proxy until it is told to end.
pub fn run(config: Config) -> ExitCode {
    Builder::new().parse_filters(&config.log).target(Target::Pipe(Box::<PatientStderr>::default())).init();
    let ended = Worker::start(config).and_then(|mut worker| {
        announce(&worker);
        worker.run()
    });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            let _ = writeln!(std::io::stderr().lock(), "wayside: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// One line a listener, then `ready`: programs read these lines to learn the ports that the kernel chose.
fn announce(worker: &Worker) {
    let mut lines = String::new();
    for listener in worker.listeners() {
        let _ = writeln!(lines, "wayside: listening {}", listener.describe());
    }
    for addr in worker.admin_addrs() {
        let _ = writeln!(lines, "wayside: listening admin {addr}");
    }
    if let Some(addr) = worker.admin_addrs().first() {
        let _ = writeln!(lines, "wayside: try: curl http://{addr}/metrics or /connections; Ctrl-C ends");
    }
    let _ = writeln!(lines, "wayside: ready");
    // A stdout that is closed, or full because nobody reads it, is no reason not to run.
    say(lines.as_bytes());
}
