//! `wayside worker`: one of several, with what its supervisor gives it.

use crate::commands::run::{end, log_to_stderr};
use crate::config::Config;
use crate::listener::sockets::{Given, Role};
use crate::sys::{child, cpu, process};
use crate::worker::{Post, Worker};
use std::process::ExitCode;

/// What it inherits, by the numbers of descriptors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inheritance {
    /// Where the supervisor asks.
    pub control: i32,
    /// Where its last totals go.
    pub words: i32,
    /// How many workers there are.
    pub of: usize,
    /// The core to stay on.
    pub core: Option<usize>,
    /// Its listening sockets.
    pub sockets: Vec<(Role, i32)>,
}

/// Runs the worker until its supervisor ends it.
pub fn run(config: Config, inheritance: Inheritance) -> ExitCode {
    log_to_stderr(&config);
    end(start(config, inheritance).and_then(|mut worker| worker.run()).map(|()| 0))
}

fn start(config: Config, inheritance: Inheritance) -> Result<Worker, String> {
    let Inheritance { control, words, of, core, sockets } = inheritance;
    let take = |fd| child::inherited(fd).map_err(|error| format!("descriptor {fd}: {error}"));
    // It was started by the number of a descriptor, and would be called so.
    let _ = process::set_name(c"wayside");
    let post = Post { control: take(control)?.into(), last_words: take(words)?.into(), of };
    let sockets: Result<Vec<_>, String> =
        sockets.into_iter().map(|(role, fd)| Ok((role, take(fd)?))).collect();
    if let Some(core) = core {
        cpu::pin(core).map_err(|error| format!("--pin: core {core}: {error}"))?;
    }
    Worker::start_with(config, Given::all(sockets?), Some(post))
}
