//! The steps of a conversation, as in `tests/h1`.

/// One thing that happens on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(dead_code)] // Ends are for `http1.rs` only.
pub(crate) enum Step<'a> {
    /// The client sends.
    C(&'a [u8]),
    /// The server sends.
    S(&'a [u8]),
    /// The client sends no more.
    ClientEnd,
    /// The server sends no more.
    ServerEnd,
}

#[allow(unused_imports)]
pub(crate) use Step::{C, ClientEnd, S, ServerEnd};
