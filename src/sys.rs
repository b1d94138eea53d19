//! sys

pub mod interface;
pub mod random;
