//! `--http-strict`: what two parsers may read in two ways does not reach the server; all else passes as it came.

#[path = "strict/check.rs"]
mod check;
#[path = "http1/shared.rs"]
mod support;

/// The payloads of `tests/h1`, each asked of the running program by `check::check`.
#[path = "h1/smuggling.rs"]
mod smuggling;
#[path = "h1/smuggling_bodies.rs"]
mod smuggling_bodies;
