//! The black-box harness: starts the real program, real peers beside it, and looks from outside.
//!
//! Used as `mod support;` by each file of `tests/`. What a test gets here:
//!
//! | for | see |
//! |---|---|
//! | the program, its addresses, metrics, memory, descriptors, signals | [`Wayside`], [`Launch`] |
//! | a client and a server with wayside between them | [`Tunnel`] |
//! | peers on threads | [`Server`] |
//! | real peers | [`Daemon`], [`have`], [`TempDir`] |
//! | real servers, ready to use | [`servers`] |
//! | client programs run to their end | [`programs`] |
//! | what a connection was found to be | [`verdicts`] |
//! | latencies, thousands of connections, processor time | [`Times`], [`ping_pong`], [`Holder`], [`cpu_share`] |
//! | system calls | [`Trace`] |
//! | random bytes and their checksum | [`Random`], [`Sum`], [`send_random`], [`receive`], [`Credit`] |
//! | resets, time-outs, ends | [`reset`], [`expect_reset`], [`expect_eof`], [`expect_silence`] |
//! | waiting without a fixed sleep | [`wait_until`], [`eventually`] |
//! | tables of routes and the requests that they are asked | [`routes`] |
//! | hosts on cables, with redirect rules | [`Host`], [`Family`] |
//! | what this machine cannot do | [`skipped!`] |
//!
//! Every socket that the harness hands out has read and write time-outs, so that no test hangs.

// Each test file compiles its own copy and uses only a part of it.
#![allow(dead_code, unused_imports, unused_macros, unreachable_pub)]

mod data;
mod load;
mod metrics;
mod netns;
mod peers;
mod process;
pub mod programs;
pub mod routes;
pub mod servers;
mod sockets;
mod tools;
mod trace;
pub mod verdicts;

pub use data::{Credit, Random, Sum, receive, receive_exactly, seed, send_random};
pub use load::{
    GET, Holder, OK, Times, cpu_share, exact_cpu, exchange, http_server, ping_pong, python, raise_descriptors,
};
pub use metrics::{Metrics, field, get, unchunk};
pub use netns::{Family, Host};
pub use peers::{Server, Tunnel, finish};
pub use process::{Ended, Launch, Wayside, copy_program, program, run_through, run_to_end};
pub use sockets::{
    LIMIT, accept, connect, expect_eof, expect_reset, expect_silence, guard, is_reset, listen, refusing,
    reset, small_buffers,
};
pub use tools::{Daemon, TempDir, eventually, free_port, have, is_root, say_skipped, wait_until};
pub use trace::{Calls, Trace};

/// Ends the test as skipped: says so on stderr, past the test runner's capture, and returns.
///
/// `scripts/test` repeats each such line at its end.
macro_rules! skipped {
    ($($why:tt)+) => {{
        fn here() {}
        $crate::support::say_skipped(std::any::type_name_of_val(&here), &format!($($why)+));
        return;
    }};
}
pub(crate) use skipped;
