//! `wayside run`: one proxy process, or a supervisor and several.

use crate::config::{Config, Loaded, Sources};
use crate::listener::sockets::{Given, announce};
use crate::supervisor::{Supervisor, Task};
use crate::sys::stderr::PatientStderr;
use crate::sys::{cpu, notify};
use crate::worker::Worker;
use env_logger::{Builder, Target};
use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

/// Runs the proxy until it is told to end, or until the application in `command` has ended, if there is one.
pub fn run(loaded: Loaded, sources: Sources, command: Vec<OsString>) -> ExitCode {
    log_to_stderr(&loaded.config);
    let given = notify::handed_over()
        .map_err(|error| format!("socket activation: {error}"))
        .and_then(|named| Given::by_manager(named, &loaded.config));
    let is_alone = loaded.config.workers == Some(1) && command.is_empty();
    end(given.and_then(|given| match is_alone {
        true => alone(loaded.config, given).map(|()| 0),
        false => supervised(&loaded, sources, command, given),
    }))
}

/// Log lines go to stderr, and never make anybody wait.
pub(super) fn log_to_stderr(config: &Config) {
    Builder::new().parse_filters(&config.log).target(Target::Pipe(Box::<PatientStderr>::default())).init();
}

/// The exit code; what went wrong is one line on stderr.
pub(super) fn end(outcome: Result<u8, String>) -> ExitCode {
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(problem) => {
            let _ = writeln!(std::io::stderr().lock(), "wayside: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn alone(config: Config, given: Given) -> Result<(), String> {
    if let (true, Some(&core)) = (config.pin, cpu::allowed().first()) {
        cpu::pin(core).map_err(|error| format!("--pin: core {core}: {error}"))?;
    }
    let mut worker = Worker::start_with(config, given, None)?;
    announce(worker.listeners().iter().map(|listener| listener.describe().to_owned()), worker.admin_addrs());
    worker.manager().ready("serving");
    worker.run()
}

fn supervised(loaded: &Loaded, sources: Sources, command: Vec<OsString>, given: Given) -> Result<u8, String> {
    let task = Task { config: loaded.config.clone(), text: loaded.to_toml(), sources, command };
    Supervisor::start(task, given)?.run()
}
