//! The access log as others read it: Python's json, and an expression for Apache's combined format.

#[path = "access_log/bounds.rs"]
mod bounds;
#[allow(dead_code, unused_imports, unused_macros)] // One test needs a lab.
#[path = "transparent/labs.rs"]
mod labs;
#[path = "access_log/lines.rs"]
mod lines;
mod support;
