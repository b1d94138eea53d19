//! The harness, and the vocabulary of `tests/h1`.

#[path = "../http1/counts.rs"]
mod counts;
#[path = "../support/mod.rs"]
mod harness;
#[path = "../http1/step.rs"]
mod step;

pub(crate) use counts::{counted, settled};
pub(crate) use harness::*;
pub(crate) use step::{C, S, Step};
