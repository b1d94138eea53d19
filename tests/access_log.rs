//! The access log as others read it: Python's json, and an expression for Apache's combined format.

#[path = "access_log/bounds.rs"]
mod bounds;
#[path = "access_log/bytes.rs"]
mod bytes;
#[allow(dead_code, unused_imports, unused_macros)] // One test needs a lab.
#[path = "transparent/labs.rs"]
mod labs;
#[path = "access_log/lines.rs"]
mod lines;
#[path = "access_log/play.rs"]
mod play;
#[path = "access_log/streams.rs"]
mod streams;
mod support;
