//! The text of the HTTP families. A response and a histogram are an item each, so that slices stay short.

use super::{HttpId, Key};
use crate::metrics::histogram;
use crate::metrics::labels::OTHER;
use crate::metrics::text::{Family, Page, family};

pub(in crate::metrics) static FAMILIES: &[Family] = &[
    family("counter", "request_total", "Requests begun.", |s| s.http.series, requests),
    family("gauge", "http_requests_in_flight", "Requests not ended yet.", |s| s.http.series, in_flight),
    family(
        "counter",
        "response_total",
        "Requests ended, and what became of them.",
        |s| s.http.responses,
        response,
    ),
    family(
        "histogram",
        "response_latency_ms",
        "Time from a request's head to its response's head.",
        |s| s.http.latencies,
        latency,
    ),
    family(
        "counter",
        "http_blind_total",
        "Connections whose HTTP could not be followed any more; they were carried on.",
        |s| s.http.blind,
        blind,
    ),
];

/// `direction`, `authority`, the target and `tls`. What we can read is never TLS.
fn labels(page: &Page<'_>, id: HttpId) -> String {
    let http = &page.metrics.http;
    let key = http.series[id.0 as usize].key;
    let target = &page.metrics.targets[key.target.0 as usize];
    let mut labels = format!("direction=\"{}\",", target.direction.as_str());
    let authority = http.authorities.text(key.authority);
    if !authority.is_empty() {
        labels.extend(["authority=\"", authority, "\","]);
    }
    labels.extend([&target.labels, ",tls=\"no_identity\""]);
    labels
}

fn add_status(labels: &mut String, status: u16) {
    match status {
        0 => {}
        Key::OTHER_STATUS => labels.extend([",status_code=\"", OTHER, "\""]),
        status => labels.extend([",status_code=\"", &status.to_string(), "\""]),
    }
}

fn requests(page: &mut Page<'_>, number: usize) {
    let labels = labels(page, HttpId(number as u32));
    page.line("", &labels, page.metrics.http.series[number].requests);
}

fn in_flight(page: &mut Page<'_>, number: usize) {
    let labels = labels(page, HttpId(number as u32));
    page.line("", &labels, page.metrics.http.series[number].in_flight);
}

fn response(page: &mut Page<'_>, number: usize) {
    let http = &page.metrics.http;
    let response = &http.responses[number];
    let (key, mut labels) = (response.key, labels(page, response.series));
    add_status(&mut labels, key.status);
    let classification = if key.is_failure { "failure" } else { "success" };
    labels.extend([",classification=\"", classification, "\""]);
    match key.grpc {
        Key::NO_GRPC => {}
        Key::OTHER_GRPC => labels.extend([",grpc_status=\"", OTHER, "\""]),
        code => labels.extend([",grpc_status=\"", &code.to_string(), "\""]),
    }
    let error = http.errors.get(usize::from(key.error)).copied().unwrap_or(OTHER);
    if !error.is_empty() {
        labels.extend([",error=\"", error, "\""]);
    }
    page.line("", &labels, response.count);
}

fn latency(page: &mut Page<'_>, number: usize) {
    let latency = &page.metrics.http.latencies[number];
    let mut labels = labels(page, latency.series);
    add_status(&mut labels, latency.status);
    page.histogram(&labels, &histogram::LATENCY, &latency.histogram);
}

fn blind(page: &mut Page<'_>, number: usize) {
    let it = &page.metrics.http.blind[number];
    let labels = format!("direction=\"{}\",reason=\"{}\"", it.direction.as_str(), it.reason);
    page.line("", &labels, it.count);
}
