//! `--http-reuse`: upstream connections that serve one client after another.

mod support;

#[path = "reuse/crossing.rs"]
mod crossing;
#[path = "reuse/http.rs"]
mod http;
#[path = "reuse/race.rs"]
mod race;
