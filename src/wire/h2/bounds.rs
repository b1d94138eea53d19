//! What we follow at most. A peer that goes further is not wrong: the observer goes blind, and the bytes pass.

/// The largest dynamic table followed, each way (RFC 7541's default is 4,096 bytes).
pub const TABLE: u32 = 64 << 10;
/// The largest header block, as sent.
pub const BLOCK: usize = 64 << 10;
/// The largest header block, decoded: names, values and 32 bytes a field.
pub const LIST: usize = 256 << 10;
/// The most exchanges that are open at once.
pub const STREAMS: usize = 4096;
/// The most SETTINGS with a header table size that wait for their acknowledgement, each way.
pub const OFFERS: usize = 32;
/// How much of a buffer for split header blocks is kept for the next one, over all connections.
pub const SPARE: usize = 16 << 10;
