//! `--http-reuse`: upstream connections that serve one client after another.

mod support;

#[path = "reuse/anew.rs"]
mod anew;
#[path = "reuse/crossing.rs"]
mod crossing;
#[path = "reuse/http.rs"]
mod http;
#[path = "reuse/listeners.rs"]
mod listeners;
#[path = "reuse/pieces.rs"]
mod pieces;
#[path = "reuse/play.rs"]
mod play;
#[path = "reuse/race.rs"]
mod race;
#[path = "reuse/smuggling.rs"]
mod smuggling;
#[path = "reuse/steps.rs"]
mod steps;
#[path = "strict/variants.rs"]
mod variants;
