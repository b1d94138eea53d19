//! The only files that name the kernel, and the only ones that may be `unsafe`.

#![allow(unsafe_code)]

pub mod child;
pub mod cpu;
pub mod features;
pub mod interface;
pub mod limits;
pub mod notify;
pub mod pipe;
pub mod process;
pub mod random;
pub mod socket;
pub mod stderr;
pub mod stdout;
