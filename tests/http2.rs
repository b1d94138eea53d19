//! HTTP/2 through wayside, seen from outside: real servers and clients, and an adversary that sends every kind of frame.

mod support;

#[path = "http2/adversary.rs"]
mod adversary;
#[path = "http2/calls.rs"]
mod calls;
#[path = "http2/count.rs"]
mod count;
#[path = "http2/drain.rs"]
mod drain;
#[path = "http2/drain_load.rs"]
mod drain_load;
#[path = "http2/h2spec.rs"]
mod h2spec;
#[path = "http2/refused.rs"]
mod refused;
#[path = "http2/tools.rs"]
mod tools;
