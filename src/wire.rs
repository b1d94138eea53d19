//! Sans-IO: bytes in, meaning out. No socket, no clock, no kernel.

mod banner;
pub mod detect;
pub mod event;
mod first;
pub mod gate;
pub mod h1;
pub mod h2;
mod head;
mod lines;
pub mod means;
pub mod observer;
mod preface;
mod protocol;
pub mod reply;
mod request_line;
mod tls;
