//! What the program does, one module for each command.

pub mod check;
pub mod explain;
pub mod run;
pub mod worker;
