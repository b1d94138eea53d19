//! `wayside run`: one proxy process.

use crate::config::Config;
use crate::sys::stderr::PatientStderr;
use crate::worker::Worker;
use env_logger::{Builder, Target};
use std::io::Write;
use std::process::ExitCode;

/// Runs the proxy until it is told to end.
pub fn run(config: Config) -> ExitCode {
    Builder::new().parse_filters(&config.log).target(Target::Pipe(Box::<PatientStderr>::default())).init();
    match Worker::start(config).and_then(|mut worker| worker.run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            let _ = writeln!(std::io::stderr().lock(), "wayside: {problem}");
            ExitCode::FAILURE
        }
    }
}
