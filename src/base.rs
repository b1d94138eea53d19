//! Small parts without an opinion: tokens, timers, buffers.

pub mod token;
