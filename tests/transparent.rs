//! The transparent lab: real redirect rules between network namespaces, over IPv4 and IPv6.
//!
//! Needs root, `ip`, `setpriv`, and an iptables that redirects; else each test says so and is skipped.

mod support;

#[path = "transparent/ends.rs"]
mod ends;
#[path = "transparent/gateway.rs"]
mod gateway;
#[path = "transparent/labs.rs"]
mod labs;
#[path = "transparent/loops.rs"]
mod loops;
#[path = "transparent/sidecar.rs"]
mod sidecar;
