//! What the program does, one module for each command.

pub mod check;
pub mod doctor;
pub mod explain;
pub mod init;
pub mod inject;
pub mod run;
pub mod worker;
