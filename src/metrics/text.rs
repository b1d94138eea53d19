//! The Prometheus text format (0.0.4), written in slices.
//!
//! A [`Scrape`] is a cursor over families and, within each, over its series. It remembers how many series there
//! were when it began, so that one made meanwhile neither breaks a family's group nor shows in half of them.

use std::fmt::Display;
use std::io::Write;
use std::time::UNIX_EPOCH;

use super::histogram::{self, Bounds, Histogram};
use super::labels::{OTHER, Peer};
use super::{Metrics, Series, counters, gauges, http};
use crate::sys::process::{self, Usage};

/// The text of one scrape, as far as it has been written.
#[derive(Debug)]
pub struct Scrape {
    family: usize,
    item: usize,
    targets: usize,
    series: usize,
    detected: usize,
    sets: usize,
    aside: usize,
    pub(super) http: http::Sizes,
    usage: Option<Usage>,
}

/// Writes the item with this number of a family.
type Write1 = fn(&mut Page<'_>, usize);

pub(super) struct Family {
    name: &'static str,
    kind: &'static str,
    help: &'static str,
    items: fn(&Scrape) -> usize,
    write: Write1,
}

/// Where an item's lines go, and what they are made of.
pub(super) struct Page<'a> {
    pub(super) metrics: &'a Metrics,
    usage: Option<Usage>,
    name: &'static str,
    out: &'a mut Vec<u8>,
}

/// A family of the tables here and in [`http`].
pub(super) const fn family(
    kind: &'static str,
    name: &'static str,
    help: &'static str,
    items: fn(&Scrape) -> usize,
    write: Write1,
) -> Family {
    Family { name, kind, help, items, write }
}

static FAMILIES: &[Family] = &[
    family("counter", "tcp_open_total", "Connections opened.", |s| s.targets, opened),
    family("gauge", "tcp_open_connections", "Connections open now.", |s| s.series, live),
    family("counter", "tcp_read_bytes_total", "Bytes read from the peer.", |s| s.series, read),
    family("counter", "tcp_write_bytes_total", "Bytes written to the peer.", |s| s.series, written),
    family("counter", "tcp_close_total", "Connections closed.", |s| s.series, closed),
    family(
        "histogram",
        "tcp_connection_duration_ms",
        "How long closed connections lasted.",
        |s| s.series,
        lifetime,
    ),
    family(
        "histogram",
        "tcp_connect_latency_ms",
        "How long connecting to the target took, where it succeeded.",
        |s| s.targets,
        connect,
    ),
    family(
        "counter",
        "wayside_connect_failures_total",
        "Attempts to connect to the target that failed, each address by itself.",
        |s| s.targets,
        failures,
    ),
    family(
        "counter",
        "tcp_detect_total",
        "Connections whose protocol was decided, and who decided it.",
        |s| s.detected,
        detected,
    ),
    family(
        "gauge",
        "wayside_backend_endpoints",
        "Addresses that a backend set has now.",
        |s| s.sets,
        gauges::endpoints,
    ),
    family(
        "gauge",
        "wayside_backend_aside",
        "Addresses of a backend set that are set aside now, and why; always 1.",
        |s| s.aside,
        gauges::aside,
    ),
    family(
        "gauge",
        "wayside_pool_idle_connections",
        "Upstream connections kept for the next request.",
        |_| 1,
        gauges::idle,
    ),
    family(
        "gauge",
        "process_start_time_seconds",
        "When the process began, in seconds since 1970.",
        |_| 1,
        |page, _| {
            let started = page.metrics.started.0.duration_since(UNIX_EPOCH).unwrap_or_default();
            page.seconds(started.as_secs_f64());
        },
    ),
    family(
        "counter",
        "process_uptime_seconds_total",
        "How long the process has been running.",
        |_| 1,
        |page, _| page.seconds(page.metrics.started.1.elapsed().as_secs_f64()),
    ),
    family(
        "counter",
        "process_cpu_seconds_total",
        "CPU time used, user and system.",
        |s| s.usage.iter().len(),
        |page, _| page.usage(|usage| Some(usage.cpu.as_secs_f64())),
    ),
    family(
        "gauge",
        "process_open_fds",
        "Open file descriptors.",
        |s| s.usage.and_then(|usage| usage.open_fds).iter().len(),
        |page, _| page.usage(|usage| usage.open_fds),
    ),
    family(
        "gauge",
        "process_max_fds",
        "The most file descriptors that may be open.",
        |s| s.usage.and_then(|usage| usage.max_fds).iter().len(),
        |page, _| page.usage(|usage| usage.max_fds),
    ),
    family(
        "gauge",
        "process_virtual_memory_bytes",
        "Address space in use.",
        |s| s.usage.iter().len(),
        |page, _| page.usage(|usage| Some(usage.virtual_bytes)),
    ),
    family(
        "gauge",
        "process_resident_memory_bytes",
        "Resident memory.",
        |s| s.usage.iter().len(),
        |page, _| page.usage(|usage| Some(usage.resident_bytes)),
    ),
    family(
        "gauge",
        "process_threads",
        "Threads.",
        |s| s.usage.iter().len(),
        |page, _| page.usage(|usage| Some(usage.threads)),
    ),
    family(
        "gauge",
        "wayside_build_info",
        "What is running; always 1.",
        |_| 1,
        |page, _| {
            let (version, os, arch) =
                (env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH);
            page.line("", &format!("version=\"{version}\",os=\"{os}\",arch=\"{arch}\""), 1);
        },
    ),
];

impl Scrape {
    /// Begins a scrape of what is there now. Reads `/proc`.
    pub fn new(metrics: &Metrics) -> Scrape {
        Scrape {
            family: 0,
            item: 0,
            targets: metrics.targets.len(),
            series: metrics.series.len(),
            detected: metrics.detected.len(),
            sets: metrics.gauges.sets.len(),
            aside: metrics.gauges.aside.len(),
            http: metrics.http.sizes(),
            usage: process::usage(),
        }
    }

    /// Appends the next lines to `out`: about `budget` bytes, over it by one series' text of one family at most.
    /// False: that was all. `metrics` must be those that it began with.
    pub fn next(&mut self, metrics: &Metrics, out: &mut Vec<u8>, budget: usize) -> bool {
        let full = out.len().saturating_add(budget);
        while out.len() < full {
            let (beyond_http, beyond) = (http::FAMILIES.len(), http::FAMILIES.len() + FAMILIES.len());
            if let Some(family) = http::FAMILIES.get(self.family) {
                self.item_of(family, metrics, out);
            } else if let Some(family) = FAMILIES.get(self.family - beyond_http) {
                self.item_of(family, metrics, out);
            } else if let Some(family) = counters::FAMILIES.get(self.family - beyond) {
                write_counters(family, metrics, out);
                self.family += 1;
            } else {
                return false;
            }
        }
        true
    }

    fn item_of(&mut self, family: &Family, metrics: &Metrics, out: &mut Vec<u8>) {
        if self.item >= (family.items)(self) {
            (self.family, self.item) = (self.family + 1, 0);
            return;
        }
        if self.item == 0 {
            header(out, family.name, family.kind, family.help);
        }
        let mut page = Page { metrics, usage: self.usage, name: family.name, out };
        (family.write)(&mut page, self.item);
        self.item += 1;
    }
}

fn header(out: &mut Vec<u8>, name: &str, kind: &str, help: &str) {
    // Writing to a Vec never fails, here and below.
    let _ = write!(out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
}

/// Two lists of labels as one; either may be empty.
pub(super) fn join(left: &str, right: &str) -> String {
    let comma = if left.is_empty() || right.is_empty() { "" } else { "," };
    [left, comma, right].concat()
}

impl Page<'_> {
    pub(super) fn line(&mut self, suffix: &str, labels: &str, value: impl Display) {
        let name = self.name;
        let _ = match labels {
            "" => writeln!(self.out, "{name}{suffix} {value}"),
            _ => writeln!(self.out, "{name}{suffix}{{{labels}}} {value}"),
        };
    }

    fn seconds(&mut self, seconds: f64) {
        self.line("", "", format_args!("{seconds:.3}"));
    }

    fn usage<V: Display>(&mut self, value: fn(Usage) -> Option<V>) {
        if let Some(value) = self.usage.and_then(value) {
            self.line("", "", value);
        }
    }

    pub(super) fn histogram<const N: usize>(
        &mut self,
        labels: &str,
        bounds: &Bounds<N>,
        histogram: &Histogram<N>,
    ) {
        for (le, count) in bounds.le().iter().zip(histogram.cumulative()) {
            self.line("_bucket", &format!("{labels},le=\"{le}\""), count);
        }
        let count = histogram.count();
        self.line("_bucket", &format!("{labels},le=\"+Inf\""), count);
        self.line("_sum", labels, histogram.sum());
        self.line("_count", labels, count);
    }

    fn target_labels(&self, number: usize) -> String {
        let target = &self.metrics.targets[number];
        format!("direction=\"{}\",{}", target.direction.as_str(), target.labels)
    }

    fn series_labels(&self, series: &Series, peer: Peer) -> String {
        let metrics = self.metrics;
        let target = &metrics.targets[series.key.target.0 as usize];
        let (direction, peer) = (target.direction.as_str(), peer.as_str());
        let mut labels = format!("direction=\"{direction}\",peer=\"{peer}\",{}", target.labels);
        let mut add = |name: &str, value: &str| {
            if !value.is_empty() {
                labels.extend([",", name, "=\"", value, "\""]);
            }
        };
        let protocol = metrics.protocols.get(usize::from(series.key.protocol)).copied().unwrap_or(OTHER);
        add("protocol", protocol);
        if !protocol.is_empty() {
            add("tls", if series.key.tls { "opaque" } else { "no_identity" });
        }
        add("sni", metrics.sni.text(series.key.sni));
        add("alpn", metrics.alpn.text(series.key.alpn));
        labels
    }

    /// A line for each side of a series.
    fn sides<V: Display>(&mut self, number: usize, value: fn(&Series, Peer) -> Option<V>) {
        let series = &self.metrics.series[number];
        for peer in Peer::ALL {
            if let Some(value) = value(series, peer) {
                self.line("", &self.series_labels(series, peer), value);
            }
        }
    }
}

fn opened(page: &mut Page<'_>, number: usize) {
    let target = &page.metrics.targets[number];
    for peer in Peer::ALL {
        let (direction, peer_label) = (target.direction.as_str(), peer.as_str());
        let labels = format!("direction=\"{direction}\",peer=\"{peer_label}\",{}", target.labels);
        page.line("", &labels, target.opened[peer as usize]);
    }
}

fn live(page: &mut Page<'_>, number: usize) {
    page.sides(number, |series, peer| Some(series.sides[peer as usize].live));
}

fn read(page: &mut Page<'_>, number: usize) {
    page.sides(number, |series, peer| shown(series, series.sides[peer as usize].read));
}

fn written(page: &mut Page<'_>, number: usize) {
    page.sides(number, |series, peer| shown(series, series.sides[peer as usize].written));
}

/// Bytes are counted once the protocol is decided: the series before that has none, and shows none.
fn shown(series: &Series, bytes: u64) -> Option<u64> {
    (series.key.protocol != 0 || bytes > 0).then_some(bytes)
}

fn closed(page: &mut Page<'_>, number: usize) {
    let series = &page.metrics.series[number];
    for (peer, errno, count) in &series.closes {
        let labels = page.series_labels(series, *peer);
        let errno = if errno.is_empty() { String::new() } else { format!("errno=\"{errno}\"") };
        page.line("", &join(&labels, &errno), count);
    }
}

fn lifetime(page: &mut Page<'_>, number: usize) {
    let series = &page.metrics.series[number];
    for peer in Peer::ALL {
        if let Some(histogram) = &series.sides[peer as usize].lifetime {
            page.histogram(&page.series_labels(series, peer), &histogram::LIFETIME, histogram);
        }
    }
}

fn connect(page: &mut Page<'_>, number: usize) {
    if let Some(histogram) = &page.metrics.targets[number].connect {
        page.histogram(&page.target_labels(number), &histogram::CONNECT, histogram);
    }
}

fn failures(page: &mut Page<'_>, number: usize) {
    for (cause, count) in &page.metrics.targets[number].failures {
        let labels = format!("{},cause=\"{cause}\"", page.target_labels(number));
        page.line("", &labels, count);
    }
}

fn detected(page: &mut Page<'_>, number: usize) {
    let it = &page.metrics.detected[number];
    let (direction, protocol, by) = (it.direction.as_str(), it.protocol, it.decided_by);
    let labels = format!("direction=\"{direction}\",protocol=\"{protocol}\",decided_by=\"{by}\"");
    page.line("", &labels, it.count);
}

fn write_counters(family: &counters::Family, metrics: &Metrics, out: &mut Vec<u8>) {
    header(out, family.name, "counter", family.help);
    let mut page = Page { metrics, usage: None, name: family.name, out };
    for (labels, value) in family.rows.iter().flat_map(|row| row.lines(&metrics.counters)) {
        page.line("", &labels, value);
    }
}
