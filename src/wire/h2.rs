//! HTTP/2 as it passes: frames and header blocks of both directions are followed, never written.
//!
//! [`Observer`] is what a connection needs; the decoder of header blocks is public for tests and fuzzing. Every
//! bound stands in [`bounds`].

mod acknowledgement;
pub mod bounds;
mod decoder;
mod fields;
mod frame;
mod huffman;
mod ids;
mod kept;
mod limit;
mod observer;
mod reader;
mod scratch;
mod statics;
mod streams;
mod strings;
mod table;
mod upgrade;

pub use acknowledgement::Acknowledgement;
pub use decoder::Decoder;
pub use fields::{Field, Known};
pub use frame::Lost;
pub use huffman::decode as huffman;
pub use kept::Kept;
pub use observer::Observer;
pub use scratch::Scratch;
pub use streams::{Call, Open};
