//! What wayside has counted of HTTP.

use crate::support::*;

/// One kind of outcome: `status_code` (`""` for none), `error` (`""` for none), and how many.
pub(crate) type Outcome<'a> = (&'a str, &'a str, usize);

/// These outcomes were counted and no others, for as many requests; nothing is in flight.
#[track_caller]
pub(crate) fn expect(wayside: &Wayside, outcomes: &[Outcome<'_>]) {
    let mut wanted: Vec<_> = outcomes.iter().filter(|outcome| outcome.2 > 0).copied().collect();
    wanted.sort_unstable();
    let all = wanted.iter().map(|outcome| outcome.2 as f64).sum::<f64>();
    let in_flight = || wayside.metrics().sum("http_requests_in_flight", &[]);
    wait_until(LIMIT, || wayside.metrics().sum("response_total", &[]) >= all && in_flight() == 0.0);
    let metrics = wayside.metrics();
    let mut counted: Vec<Outcome<'_>> = Vec::new();
    for sample in metrics.matching("response_total", &[]) {
        let label = |wanted: &str| {
            let found = sample.labels.iter().find(|(name, _)| name == wanted);
            found.map_or("", |(_, value)| value.as_str())
        };
        let (status, error) = (label("status_code"), label("error"));
        let is_failure = !error.is_empty() || status.is_empty() || status.starts_with('5');
        assert_eq!(label("classification"), if is_failure { "failure" } else { "success" }, "{sample:?}");
        match counted.iter_mut().find(|it| (it.0, it.1) == (status, error)) {
            Some(it) => it.2 += sample.value as usize,
            None => counted.push((status, error, sample.value as usize)),
        }
    }
    counted.sort_unstable();
    assert_eq!(counted, wanted, "{} requests", metrics.sum("request_total", &[]));
    assert_eq!(metrics.sum("request_total", &[]), all);
    assert_eq!(in_flight(), 0.0);
}

/// HTTP was lost sight of so often, for this reason alone; `""` with 0 for never.
#[track_caller]
pub(crate) fn expect_blind(wayside: &Wayside, reason: &str, times: usize) {
    let metrics = wayside.metrics();
    let all: Vec<_> = metrics.matching("http_blind_total", &[]).collect();
    assert_eq!(metrics.sum("http_blind_total", &[]), times as f64, "{all:?}");
    if times > 0 {
        assert_eq!(metrics.sum("http_blind_total", &[("reason", reason)]), times as f64, "{all:?}");
    }
}
