//! The HTTP/1 observer, fed with bytes only: tables of bytes in and events out, whole, at every split point, byte by
//! byte and with skipped bodies; smuggling payloads; bounds; random conversations and mutated ones.

mod bounds;
mod check;
mod exchanges;
mod generated;
mod measured;
mod mutated;
mod one_by_one;
mod random;
mod readers;
mod smuggling;
mod smuggling_bodies;
mod support;
mod tunnels;
