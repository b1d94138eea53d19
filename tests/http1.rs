//! HTTP/1 through the running program: each byte arrives as it was sent, and each exchange is counted once.

#[path = "http1/shared.rs"]
mod support;

/// The recorded exchanges of `tests/h1`, played by `support::hold` over real connections.
#[path = "h1/exchanges.rs"]
mod exchanges;

#[path = "http1/aborts.rs"]
mod aborts;
#[path = "http1/counting.rs"]
mod counting;
#[path = "http1/drain.rs"]
mod drain;
#[path = "http1/tunnels.rs"]
mod tunnels;
