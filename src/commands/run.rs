//! `wayside run`: one proxy process.

use std::io::Write;
use std::process::ExitCode;

use crate::config::Config;

/// Runs the proxy until it is told to end.
pub fn run(config: Config) -> ExitCode {
    let _ = writeln!(std::io::stdout().lock(), "{config:#?}");
    ExitCode::SUCCESS
}
