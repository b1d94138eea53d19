//! What the workers of one generation are to be: a configuration, a program and sockets, all of which stay as they are
//! when files change.

use super::sockets::Sockets;
use crate::config::options::OPTIONS;
use crate::config::{self, Config, Sources};
use crate::sys::child::{self, Program, memory_text, path_of};
use crate::sys::{cpu, notify};
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::Instant;

/// How a supervisor and its workers understand each other. A program with another number refuses to be a worker of
/// this one.
pub const PROTOCOL: &str = "1";

/// A generation of workers, to be started and started again.
#[derive(Debug)]
pub(super) struct Plan {
    /// Counts up from 1.
    pub(super) generation: u64,
    pub(super) config: Config,
    pub(super) workers: usize,
    pub(super) sockets: Sockets,
    program: Rc<Program>,
    /// The configuration as the workers read it.
    text: File,
    cores: Vec<usize>,
}

impl Plan {
    /// `text`: the effective configuration, from which `config` was read, too. An address that somebody else has may
    /// become free until `patient_until`.
    pub(super) fn new(
        generation: u64,
        config: Config,
        text: &str,
        program: Rc<Program>,
        before: &Sockets,
        patient_until: Instant,
    ) -> Result<Plan, String> {
        let workers = config.workers.unwrap_or_else(cpu::count).max(1);
        let sockets = before.arrange(&config, workers, patient_until)?;
        if sockets.is_empty() {
            return Err("nothing to listen on; see wayside run --help".to_owned());
        }
        let text = memory_text("wayside-config", text.as_bytes())
            .map_err(|error| format!("cannot keep the configuration: {error}"))?;
        let cores = if config.pin { cpu::allowed() } else { Vec::new() };
        Ok(Plan { generation, config, workers, sockets, program, text, cores })
    }

    pub(super) fn program(&self) -> Rc<Program> {
        Rc::clone(&self.program)
    }

    /// Starts the worker of this place.
    pub(super) fn spawn(&self, place: usize, control: &UnixStream, words: &File) -> io::Result<Child> {
        let mut command = program(&self.program);
        let mut inherited = vec![control.as_fd(), words.as_fd(), self.text.as_fd()];
        command.args(["worker", "--protocol", PROTOCOL]);
        command.arg("--config").arg(path_of(&self.text));
        command.arg(format!("--control={}", control.as_raw_fd()));
        command.arg(format!("--words={}", words.as_raw_fd()));
        command.arg(format!("--of={}", self.workers));
        if let Some(core) = self.cores.get(place % self.cores.len().max(1)) {
            command.arg(format!("--core={core}"));
        }
        for (role, socket) in self.sockets.of(place, self.workers) {
            command.arg(format!("--socket={role}={}", socket.as_raw_fd()));
            inherited.push(socket);
        }
        child::spawn(command.stdin(Stdio::null()), &inherited)
    }
}

/// The program, with nothing of the environment that it would take for its configuration, and out of reach of the
/// terminal's signals.
fn program(program: &Program) -> Command {
    let mut command = Command::new(program.path());
    command.arg0("wayside").process_group(0);
    let ours = |name: &OsString| name.to_string_lossy().starts_with("WAYSIDE_") || name == "RUST_LOG";
    for (name, _) in std::env::vars_os().filter(|(name, _)| ours(name)) {
        command.env_remove(name);
    }
    for_children(&mut command);
    command
}

/// Takes out of the environment what the service manager meant for us.
pub(super) fn for_children(command: &mut Command) {
    notify::VARIABLES.iter().for_each(|name| {
        command.env_remove(name);
    });
}

/// `wayside check` with the same sources, by the program that is to be run next: it may know more options than this one.
pub(super) fn check(program: &Program, sources: &Sources, out: &File, err: &File) -> io::Result<Child> {
    let mut command = Command::new(program.path());
    command.arg0("wayside").process_group(0).arg("check");
    for_children(&mut command);
    for (name, values) in &sources.flags {
        command.args(values.iter().map(|value| format!("--{name}={value}")));
    }
    if let Some(file) = &sources.config {
        command.arg("--config").arg(file);
    }
    command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(err.try_clone()?);
    command.spawn()
}

/// What this program understands of an effective configuration: its options. Routes are the workers' affair.
pub(super) fn understand(text: &str) -> Result<Config, String> {
    let mut table: toml::Table = text.parse().map_err(|error| format!("not understood: {error}"))?;
    table.retain(|key, _| OPTIONS.iter().any(|option| option.name == key));
    let file = memory_text("wayside-options", table.to_string().as_bytes())
        .map_err(|error| format!("cannot be kept: {error}"))?;
    let sources = Sources { config: Some(path_of(&file)), ..Sources::default() };
    match config::load(sources) {
        Ok(loaded) => Ok(loaded.config),
        Err(failure) => Err(failure.problems.first().map_or_else(String::new, ToString::to_string)),
    }
}
