//! The harness, and the vocabulary of `tests/h1`, so that its tables can be played through the running program.

mod counts;
#[path = "../support/mod.rs"]
mod harness;
mod play;
mod step;

pub(crate) use counts::{Counts, counted, settled};
pub(crate) use harness::*;
pub(crate) use play::{Case, hold};
pub(crate) use step::{C, ClientEnd, S, ServerEnd, Step};
