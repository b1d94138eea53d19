//! `wayside init`: the rules it prints, and that they alone make the labs work.
//!
//! The labs need what `tests/transparent.rs` needs; each backend that is not installed is told as skipped.

#[path = "init/errors.rs"]
mod errors;
#[path = "init/host.rs"]
mod host;
#[allow(dead_code, unused_imports, unused_macros)] // Their hand-written rules are not used here.
#[path = "transparent/labs.rs"]
mod labs;
#[path = "init/lifetime.rs"]
mod lifetime;
#[path = "init/paths.rs"]
mod paths;
#[path = "init/rules.rs"]
mod rules;
mod support;
#[path = "init/traffic.rs"]
mod traffic;
