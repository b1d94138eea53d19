//! What the program does, one module for each command.

pub mod doctor;
pub mod explain;
pub mod init;
pub mod inject;
pub mod run;
pub mod worker;

use std::io::Write as _;
use std::process::ExitCode;

/// The whole of a command that only says something: a configuration, rules, completions. A reader that has gone away is no failure.
pub fn print(text: &str) -> ExitCode {
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    ExitCode::SUCCESS
}
