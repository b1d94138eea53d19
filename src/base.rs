//! Small parts without an opinion: tokens, time, timers, buffers, random numbers.

pub mod address;
pub mod buffers;
pub mod dials;
pub mod end;
pub mod gate;
pub mod map;
pub mod random;
pub mod recent;
pub mod time;
pub mod token;
pub mod wheel;
