//! wayside as an explicit HTTP proxy: connections to the outbound listener that were not redirected.

mod support;

/// A name server and a hosts file of the test's own.
#[allow(dead_code)] // It is used in part.
#[path = "names/lab.rs"]
mod lab;

#[path = "proxy/shared.rs"]
mod shared;

#[path = "proxy/aborts.rs"]
mod aborts;
#[path = "proxy/answers.rs"]
mod answers;
#[path = "proxy/clients.rs"]
mod clients;
#[path = "proxy/edits.rs"]
mod edits;
#[path = "proxy/lookups.rs"]
mod lookups;
#[path = "proxy/loops.rs"]
mod loops;
#[path = "proxy/programs.rs"]
mod programs;
#[path = "proxy/requests.rs"]
mod requests;
#[path = "proxy/silence.rs"]
mod silence;
#[path = "proxy/tunnels.rs"]
mod tunnels;
