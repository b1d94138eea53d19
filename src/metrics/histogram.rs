//! Histograms of durations: a count for each bucket and an exact sum, in a fixed array.

use std::time::Duration;

/// The upper bounds of a histogram's buckets.
#[derive(Debug)]
pub struct Bounds<const N: usize> {
    /// In nanoseconds, rising; each belongs to its bucket.
    nanos: [u64; N],
    /// The same as values of `le`, in milliseconds.
    le: [&'static str; N],
}

impl<const N: usize> Bounds<N> {
    /// The values of the `le` label, without `+Inf`.
    pub fn le(&self) -> &[&'static str; N] {
        &self.le
    }
}

/// How long connecting takes: from a neighbour on the same host to a lost SYN or two.
pub static CONNECT: Bounds<16> = Bounds {
    nanos: [
        50_000,
        100_000,
        250_000,
        500_000,
        1_000_000,
        2_000_000,
        5_000_000,
        10_000_000,
        25_000_000,
        50_000_000,
        100_000_000,
        250_000_000,
        500_000_000,
        1_000_000_000,
        3_000_000_000,
        10_000_000_000,
    ],
    le: [
        "0.05", "0.1", "0.25", "0.5", "1", "2", "5", "10", "25", "50", "100", "250", "500", "1000", "3000",
        "10000",
    ],
};

/// How long connections last: 1 ms to 12 hours.
pub static LIFETIME: Bounds<12> = Bounds {
    nanos: [
        1_000_000,
        10_000_000,
        50_000_000,
        100_000_000,
        500_000_000,
        1_000_000_000,
        10_000_000_000,
        60_000_000_000,
        300_000_000_000,
        1_800_000_000_000,
        7_200_000_000_000,
        43_200_000_000_000,
    ],
    le: ["1", "10", "50", "100", "500", "1000", "10000", "60000", "300000", "1800000", "7200000", "43200000"],
};

/// How long a response's head takes: Linkerd's buckets, and five below its first.
pub static LATENCY: Bounds<30> = Bounds {
    nanos: [
        50_000,
        100_000,
        200_000,
        300_000,
        500_000,
        1_000_000,
        2_000_000,
        3_000_000,
        4_000_000,
        5_000_000,
        10_000_000,
        20_000_000,
        30_000_000,
        40_000_000,
        50_000_000,
        100_000_000,
        200_000_000,
        300_000_000,
        400_000_000,
        500_000_000,
        1_000_000_000,
        2_000_000_000,
        3_000_000_000,
        4_000_000_000,
        5_000_000_000,
        10_000_000_000,
        20_000_000_000,
        30_000_000_000,
        40_000_000_000,
        50_000_000_000,
    ],
    le: [
        "0.05", "0.1", "0.2", "0.3", "0.5", "1", "2", "3", "4", "5", "10", "20", "30", "40", "50", "100",
        "200", "300", "400", "500", "1000", "2000", "3000", "4000", "5000", "10000", "20000", "30000",
        "40000", "50000",
    ],
};

/// Counts of observed durations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram<const N: usize> {
    counts: [u64; N],
    /// What is longer than the last bound.
    beyond: u64,
    sum_ms: u64,
    /// The rest of the sum, below a million.
    sum_ns: u32,
}

impl<const N: usize> Default for Histogram<N> {
    fn default() -> Self {
        Histogram { counts: [0; N], beyond: 0, sum_ms: 0, sum_ns: 0 }
    }
}

const NANOS_PER_MS: u32 = 1_000_000;

impl<const N: usize> Histogram<N> {
    /// Counts one duration.
    pub fn observe(&mut self, bounds: &Bounds<N>, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let bucket = bounds.nanos.partition_point(|bound| *bound < nanos);
        *self.counts.get_mut(bucket).unwrap_or(&mut self.beyond) += 1;
        let rest = self.sum_ns + took.subsec_nanos() % NANOS_PER_MS;
        let whole = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        self.sum_ms = self.sum_ms.saturating_add(whole).saturating_add(u64::from(rest / NANOS_PER_MS));
        self.sum_ns = rest % NANOS_PER_MS;
    }

    /// How many were observed.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum::<u64>() + self.beyond
    }

    /// For each bound, how many were at most that long.
    pub fn cumulative(&self) -> [u64; N] {
        let mut total = 0;
        self.counts.map(|count| {
            total += count;
            total
        })
    }

    /// The sum of all, in milliseconds, exact.
    pub fn sum(&self) -> String {
        match self.sum_ns {
            0 => self.sum_ms.to_string(),
            rest => format!("{}.{rest:06}", self.sum_ms).trim_end_matches('0').to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us(n: u64) -> Duration {
        Duration::from_micros(n)
    }

    fn agree<const N: usize>(bounds: &Bounds<N>) {
        for (nanos, le) in bounds.nanos.iter().zip(bounds.le) {
            let ms: f64 = le.parse().unwrap();
            assert_eq!((ms * 1e6).round() as u64, *nanos, "le {le}");
        }
        assert!(bounds.nanos.windows(2).all(|pair| pair[0] < pair[1]));
    }

    #[test]
    fn texts_and_bounds_agree() {
        agree(&CONNECT);
        agree(&LIFETIME);
        agree(&LATENCY);
    }

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let mut h = Histogram::default();
        h.observe(&CONNECT, Duration::ZERO);
        h.observe(&CONNECT, us(50));
        assert_eq!(h.cumulative()[0], 2);
        h.observe(&CONNECT, Duration::from_nanos(50_001));
        assert_eq!((h.cumulative()[0], h.cumulative()[1]), (2, 3));
        h.observe(&CONNECT, Duration::from_secs(10));
        assert_eq!((h.cumulative()[14], h.cumulative()[15]), (3, 4));
        h.observe(&CONNECT, Duration::from_nanos(10_000_000_001));
        assert_eq!((h.cumulative()[15], h.count()), (4, 5));
    }

    #[test]
    fn the_sum_is_exact() {
        let mut h = Histogram::default();
        assert_eq!((h.sum().as_str(), h.count()), ("0", 0));
        h.observe(&CONNECT, Duration::from_nanos(1));
        assert_eq!(h.sum(), "0.000001");
        h.observe(&CONNECT, Duration::from_nanos(999_999));
        assert_eq!(h.sum(), "1");
        for _ in 0..1000 {
            h.observe(&CONNECT, us(1500));
        }
        assert_eq!((h.sum().as_str(), h.count()), ("1501", 1002));
        h.observe(&CONNECT, us(250));
        assert_eq!(h.sum(), "1501.25");
    }

    #[test]
    fn the_longest_durations_do_not_overflow() {
        let mut h = Histogram::default();
        h.observe(&LIFETIME, Duration::MAX);
        h.observe(&LIFETIME, Duration::MAX);
        assert_eq!((h.cumulative()[11], h.count()), (0, 2));
        assert!(h.sum().starts_with(&u64::MAX.to_string()));
    }
}
