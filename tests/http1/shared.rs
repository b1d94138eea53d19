//! The harness, and the vocabulary of `tests/h1`, so that its tables can be played through the running program.

#[path = "../support/mod.rs"]
mod harness;
mod play;

pub(crate) use harness::*;
// The tables of each file use a part of these.
#[allow(unused_imports)]
pub(crate) use play::{C, Case, ClientEnd, S, ServerEnd, Step, counted, hold, settled};
