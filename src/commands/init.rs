//! `wayside init`: the packet-filter rules that send TCP connections to wayside.
//!
//! | question | module |
//! |---|---|
//! | what are the rules? | [`nft`], [`iptables`]: a plan in, text out |
//! | who takes them, and what is there already? | [`backend`] |
//! | whose turn is it? | [`lock`] |
//! | how is a program asked, and what does its error mean? | [`program`] |
//! | do they work? | [`verify`] |

pub mod backend;
pub mod iptables;
pub mod lock;
pub mod nft;
pub mod program;
pub mod verify;

use super::print;
use crate::config::redirect::Redirect;
use crate::sys::stdout::say;
use backend::{Backend, Choice};
use program::Failure;
use std::io::Write as _;
use std::os::unix::net::UnixDatagram;
use std::process::ExitCode;
use verify::Outcome;

/// How it is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Manner {
    /// `--backend`; `None`: the first that is there.
    pub backend: Option<Choice>,
    /// `--print`: only say what would be loaded.
    pub print: bool,
    /// `--delete`: take the rules away.
    pub delete: bool,
    /// `--no-verify`: no self-test.
    pub no_verify: bool,
}

/// Puts the rules there.
pub fn install(plan: &Redirect, manner: Manner) -> ExitCode {
    if manner.print {
        return print(&Backend::to_print(manner.backend).print_load(plan));
    }
    let turn = turn();
    let loaded = Backend::choose(manner.backend).and_then(|backend| backend.load(plan).map(|()| backend));
    let backend = match loaded {
        Ok(backend) => backend,
        Err(failure) => return fail(&format!("nothing was changed: {failure}")),
    };
    // Rules of an earlier run with another backend: now that these are there, connections find their way without them.
    for other in Backend::installed().into_iter().filter(|other| !other.is_same(backend)) {
        if let Err(failure @ Failure::Other(_)) = other.unload() {
            tell(&format!("warning: what an earlier run may have left in {} stays: {failure}", other.name()));
        }
    }
    drop(turn);
    tell_plan(plan, backend);
    if manner.no_verify { ExitCode::SUCCESS } else { report(&verify::verify(plan)) }
}

/// Takes the rules away, from wherever they are.
pub fn delete(manner: Manner) -> ExitCode {
    if manner.print {
        return print(&Backend::to_print(manner.backend).print_unload());
    }
    let _turn = turn();
    let backends = match manner.backend {
        None => Backend::installed(),
        Some(_) => match Backend::choose(manner.backend) {
            Ok(backend) => vec![backend],
            Err(failure) => return fail(&failure.to_string()),
        },
    };
    if backends.is_empty() {
        return fail(&Failure::NoBackend.to_string());
    }
    let mut code = ExitCode::SUCCESS;
    for backend in backends {
        match backend.unload() {
            Ok(true) => say(format!("wayside: rules removed; by {}\n", backend.name()).as_bytes()),
            Ok(false) => {}
            // What the kernel does not have, holds no rules of ours.
            Err(Failure::NotInKernel(_)) if manner.backend.is_none() => {}
            Err(failure) => code = fail(&failure.to_string()),
        }
    }
    code
}

/// Held while rules are read and changed.
fn turn() -> Option<UnixDatagram> {
    let warn = |error| tell(&format!("warning: other runs of wayside init may interfere: {error}"));
    lock::take().map_err(warn).ok()
}

fn tell_plan(plan: &Redirect, backend: Backend) {
    let to =
        |port: Option<u16>| port.map_or_else(|| "left alone".to_owned(), |port| format!("to port {port}"));
    let (incoming, outgoing) = (to(plan.incoming), to(plan.outgoing));
    say(format!("wayside: inbound TCP {incoming}, outbound TCP {outgoing}; by {}\n", backend.name())
        .as_bytes());
}

fn report(outcomes: &[(&'static str, Outcome)]) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    for (what, outcome) in outcomes {
        match outcome {
            Outcome::Works(how) => say(format!("wayside: verified {what}: {how}\n").as_bytes()),
            Outcome::Untried(why) => say(format!("wayside: not verified {what}: {why}\n").as_bytes()),
            Outcome::Broken(why) => {
                code = fail(&format!(
                    "the rules are loaded, but {what} does not work: {why}; look for rules before ours, `wayside init --delete` removes ours"
                ));
            }
        }
    }
    code
}

fn tell(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "wayside: {text}");
}

fn fail(text: &str) -> ExitCode {
    tell(text);
    ExitCode::FAILURE
}
