//! Random bytes from a seed, and a checksum that does not care how they were cut.

use std::io::{self, Read, Write};
use std::sync::{Condvar, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use super::LIMIT;

/// The seed of this run: `WAYSIDE_TEST_SEED` if set, else the clock's. It is printed, and shown when the test fails.
pub fn seed() -> u64 {
    let seed = match std::env::var("WAYSIDE_TEST_SEED") {
        Ok(text) => text.parse().expect("WAYSIDE_TEST_SEED is a number"),
        Err(_) => SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_nanos() as u64,
    };
    println!("WAYSIDE_TEST_SEED={seed}");
    seed
}

/// SplitMix64: small, quick, good enough to be incompressible and to show a lost or doubled byte.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The same seed gives the same numbers.
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// The next 64 bits.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: usize, high: usize) -> usize {
        assert!(low <= high);
        low + (self.number() % (high - low + 1) as u64) as usize
    }

    /// Overwrites `bytes`.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let word = self.number().to_le_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }

    /// `len` fresh bytes.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.fill(&mut bytes);
        bytes
    }
}

/// A streaming 64-bit checksum with the length: the same for the same bytes, however they are cut.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Sum {
    len: u64,
    state: u64,
    word: u64,
}

impl std::fmt::Debug for Sum {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} bytes, sum {:016x}", self.len, self.state ^ self.word)
    }
}

impl Sum {
    /// The sum of these bytes alone.
    pub fn of(bytes: &[u8]) -> Self {
        let mut sum = Sum::default();
        sum.add(bytes);
        sum
    }

    /// How many bytes were added.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Adds the next bytes.
    pub fn add(&mut self, mut bytes: &[u8]) {
        while let Some((&first, rest)) = bytes.split_first()
            && !self.len.is_multiple_of(8)
        {
            self.byte(first);
            bytes = rest;
        }
        let (words, tail) = bytes.as_chunks::<8>();
        for word in words {
            self.mix(u64::from_le_bytes(*word));
        }
        self.len += 8 * words.len() as u64;
        for &byte in tail {
            self.byte(byte);
        }
    }

    fn byte(&mut self, byte: u8) {
        let place = self.len % 8;
        self.word |= u64::from(byte) << (8 * place);
        self.len += 1;
        if place == 7 {
            let word = std::mem::take(&mut self.word);
            self.mix(word);
        }
    }

    fn mix(&mut self, word: u64) {
        self.state = (self.state ^ word).wrapping_mul(0x9fb2_1c65_1e98_df25).rotate_left(29);
    }
}

/// Sends `total` random bytes in writes of `sizes` bytes (lowest and highest size), and returns what was sent.
///
/// The other half of the connection is left as it is.
pub fn send_random(mut to: impl Write, total: u64, seed: u64, sizes: (usize, usize)) -> io::Result<Sum> {
    let mut random = Random::new(seed);
    let mut buffer = vec![0; sizes.1];
    let mut sum = Sum::default();
    while sum.len() < total {
        let left = usize::try_from(total - sum.len()).unwrap_or(usize::MAX);
        let size = random.between(sizes.0, sizes.1).min(left);
        random.fill(&mut buffer[..size]);
        to.write_all(&buffer[..size])?;
        sum.add(&buffer[..size]);
    }
    Ok(sum)
}

/// Reads to the end in reads of `sizes` bytes (lowest and highest size), and returns what came.
pub fn receive(from: impl Read, seed: u64, sizes: (usize, usize)) -> io::Result<Sum> {
    receive_exactly(from, u64::MAX, seed, sizes)
}

/// The same, but no more than `total` bytes; the sum is shorter if the end comes first.
pub fn receive_exactly(mut from: impl Read, total: u64, seed: u64, sizes: (usize, usize)) -> io::Result<Sum> {
    let mut random = Random::new(seed);
    let mut buffer = vec![0; sizes.1];
    let mut sum = Sum::default();
    while sum.len() < total {
        let left = usize::try_from(total - sum.len()).unwrap_or(usize::MAX);
        let size = random.between(sizes.0, sizes.1).min(left);
        let got = match from.read(&mut buffer[..size]) {
            // A socket with a time-out says so where the process was stopped for a moment.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            got => got?,
        };
        if got == 0 {
            break;
        }
        sum.add(&buffer[..got]);
    }
    Ok(sum)
}

/// Limits how far a sender may be ahead of its receiver: a lane that never has much waiting has no cause to splice.
#[derive(Debug, Default)]
pub struct Credit {
    received: Mutex<u64>,
    changed: Condvar,
}

impl Credit {
    /// A reader that gives credit for what it reads.
    pub fn reader<R: Read>(&self, inner: R) -> Credited<'_, R> {
        Credited { inner, credit: self, count: 0, ahead: 0 }
    }

    /// A writer that is at most `ahead` bytes ahead of the reader.
    pub fn writer<W: Write>(&self, inner: W, ahead: u64) -> Credited<'_, W> {
        Credited { inner, credit: self, count: 0, ahead }
    }
}

/// One side of a [`Credit`].
#[derive(Debug)]
pub struct Credited<'a, T> {
    inner: T,
    credit: &'a Credit,
    count: u64,
    ahead: u64,
}

impl<R: Read> Read for Credited<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(buffer)?;
        *self.credit.received.lock().map_err(|_| io::Error::other("poisoned"))? += got as u64;
        self.credit.changed.notify_one();
        Ok(got)
    }
}

impl<W: Write> Write for Credited<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let size = bytes.len().min(usize::try_from(self.ahead).unwrap_or(usize::MAX));
        let limit = (self.count + size as u64).saturating_sub(self.ahead);
        let received = self.credit.received.lock().map_err(|_| io::Error::other("poisoned"))?;
        let behind = |received: &mut u64| *received < limit;
        let waited = self.credit.changed.wait_timeout_while(received, LIMIT, behind);
        if waited.map_err(|_| io::Error::other("poisoned"))?.1.timed_out() {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("nothing arrived after byte {limit}"),
            ));
        }
        let sent = self.inner.write(&bytes[..size])?;
        self.count += sent as u64;
        Ok(sent)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
