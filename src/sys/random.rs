//! Random numbers that nobody can guess, from the kernel.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::rand::{GetRandomFlags, getrandom};

/// Sixteen random bits. Never blocks and never fails.
///
/// `getrandom(2)`; where the kernel refuses it (a strict seccomp filter, or an entropy pool not yet filled at
/// boot) `/dev/urandom`; where that is missing too (an empty root) the keyed hash of a counter, its key made by std.
pub fn bits16() -> u16 {
    let mut bytes = [0; 2];
    let filled = matches!(getrandom(&mut bytes, GetRandomFlags::NONBLOCK), Ok(2))
        || File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)).is_ok();
    if filled { u16::from_ne_bytes(bytes) } else { hashed() }
}

/// Sixty-four of them, for a seed.
pub fn bits64() -> u64 {
    (0..4).fold(0, |bits, _| bits << 16 | u64::from(bits16()))
}

fn hashed() -> u16 {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    RandomState::new().hash_one((count, std::time::SystemTime::now())) as u16
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn numbers_spread() {
        for source in [bits16, hashed] {
            let seen: HashSet<u16> = (0..1000).map(|_| source()).collect();
            // 1,000 draws of 65,536 give about 992 different ones; 900 is out of reach of chance.
            assert!(seen.len() > 900, "{} different numbers", seen.len());
        }
    }
}
