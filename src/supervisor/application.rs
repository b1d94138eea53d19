//! The application that `wayside run -- COMMAND` starts beside the proxy.

use super::plan::for_children;
use crate::sys::child::{self, Signal};
use crate::sys::limits::Descriptors;
use std::ffi::OsString;
use std::io::IsTerminal;
use std::process::{Child, Command};

/// A command, before, during and after its run.
#[derive(Debug)]
pub(super) struct Application {
    command: Vec<OsString>,
    /// Ours before we raised them: a program that uses select(2) can do with no descriptor above 1,023.
    descriptors: Descriptors,
    child: Option<Child>,
    code: Option<u8>,
}

impl Application {
    /// To be run within the limits of `descriptors`; `None` where there is no command.
    pub(super) fn of(command: Vec<OsString>, descriptors: Descriptors) -> Option<Application> {
        (!command.is_empty()).then_some(Application { command, descriptors, child: None, code: None })
    }

    /// Starts it, with our environment and our stdin, stdout and stderr. The error is one line for the user.
    pub(super) fn start(&mut self) -> Result<(), String> {
        let mut words = self.command.iter();
        let Some(program) = words.next() else { return Ok(()) };
        let mut command = Command::new(program);
        command.args(words);
        for_children(&mut command);
        self.descriptors.give(&mut command);
        let child = command.spawn();
        self.child = Some(child.map_err(|error| format!("cannot run {}: {error}", program.display()))?);
        Ok(())
    }

    /// While it runs.
    pub(super) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    pub(super) fn is_running(&self) -> bool {
        self.child.is_some()
    }

    /// Whether it was running and has ended since.
    pub(super) fn has_just_ended(&mut self) -> bool {
        let status = self.child.as_mut().and_then(|child| child.try_wait().ok().flatten());
        if let Some(status) = status {
            (self.child, self.code) = (None, Some(child::exit_code(status)));
        }
        status.is_some()
    }

    /// Tells it what we were told. What a terminal says, all of the foreground hears.
    pub(super) fn pass_on(&self, signal: Signal) {
        let is_a_terminals = matches!(signal, Signal::Int | Signal::Quit | Signal::Winch);
        if !is_a_terminals || !std::io::stdin().is_terminal() {
            self.signal(signal);
        }
    }

    pub(super) fn signal(&self, signal: Signal) {
        if let Some(child) = &self.child {
            child::signal(child, signal);
        }
    }

    /// The exit code, as a shell would give it; 0 where it was never started.
    pub(super) fn code(&self) -> u8 {
        self.code.unwrap_or(0)
    }
}
