//! The admin server in a loop of its own, with real sockets and a made-up clock.

mod bench;
mod bounds;
mod pages;
