//! Protocol detection, fed with bytes only: tables of bytes in and verdict out, at every split point, and a
//! slow specification that random and mutated inputs are compared with.

mod hello;
mod http;
mod mutate;
mod names;
mod samples;
mod server;
mod spec;
mod support;
mod tls;
