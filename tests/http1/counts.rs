//! What the program has counted.

use std::collections::BTreeMap;

use super::harness::{LIMIT, Metrics, Wayside, eventually};

/// `response_total` by `status_code` and `error`.
pub(crate) type Counts = BTreeMap<(String, String), u64>;

/// What stands in `response_total`.
pub(crate) fn counted(metrics: &Metrics) -> Counts {
    let mut counts = Counts::new();
    for sample in metrics.matching("response_total", &[]) {
        let label = |name| sample.labels.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let key = (label("status_code").unwrap_or_default(), label("error").unwrap_or_default());
        *counts.entry(key).or_default() += sample.value as u64;
    }
    counts
}

/// The metrics when no connection is open any more.
#[track_caller]
pub(crate) fn settled(wayside: &Wayside) -> Metrics {
    let mut metrics = Metrics::default();
    eventually("all connections have ended", LIMIT, || {
        metrics = wayside.metrics();
        metrics.sum("tcp_open_connections", &[]) == 0.0
    });
    metrics
}
