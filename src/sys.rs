//! sys

pub mod process;
