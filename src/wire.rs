//! Sans-IO: bytes in, meaning out. No socket, no clock, no kernel.

pub mod detect;
pub mod observer;
pub mod reply;
