//! What is counted: label sets interned once a flow, plain integers behind them, and their Prometheus text.
//!
//! One thread, so no atomics and no locks: a count is `vec[id].field += n`. Label sets are kept for the life of the
//! process, because a counter must never vanish or go back; what clients can choose is therefore capped, and
//! the rest shares the value `~other` ([`Limits`]).

use crate::base::map::Map;
use std::time::{Duration, Instant, SystemTime};

mod counters;
mod gauges;
pub mod histogram;
mod http;
mod labels;
pub mod merge;
#[cfg(test)]
pub(crate) mod tests;
mod text;

pub use counters::Counter;
pub use gauges::{Aside, Gauges};
pub use http::{HttpId, Outcome};
pub use labels::{Direction, OTHER, Peer, TargetLabel};
pub use text::Scrape;

use counters::Counters;
use histogram::Histogram;
use labels::{Values, canonical, escaped};

/// A direction and a target, interned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TargetId(u32);

/// A target, a protocol and what a TLS client said in clear, interned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SeriesId(u32);

/// How many label values are told apart. Beyond each, `~other`, counted in `wayside_label_overflow_total`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Targets, both directions together.
    pub targets: usize,
    /// Server names.
    pub sni: u16,
    /// Lists of application protocols.
    pub alpn: u16,
    /// Series: combinations of target, protocol, server name and application protocols. At the limit a new
    /// combination is counted as the direction's target `~other`, told apart by protocol only.
    pub series: usize,
    /// Those of them with a server name or application protocols, which clients choose. At the limit a new one
    /// keeps its target and loses both names.
    pub chosen: u32,
    /// Authorities of HTTP requests.
    pub authorities: u16,
    /// Series of HTTP: combinations of target and authority. At the limit a new one is counted as the direction's
    /// target `~other`.
    pub http: usize,
    /// Outcomes of HTTP requests, of all series together. At the limit, and at 64 in one series, a new one is counted
    /// with the status `~other`, by its classification only.
    pub outcomes: usize,
}

impl Default for Limits {
    /// At these limits the metrics take under 5 MB: a series about 500 bytes once both of its connections were
    /// closed (104 in place, two histograms of 120 in their own blocks, its close causes, its key), a target 400.
    /// Those of HTTP take under 4 MB more: an outcome at most 350 bytes (mostly the histogram of its status), a
    /// series 100, and 360 more once an outcome found no room.
    fn default() -> Self {
        Limits {
            targets: 1024,
            sni: 256,
            alpn: 256,
            series: 8192,
            chosen: 1024,
            authorities: 1024,
            http: 2048,
            outcomes: 8192,
        }
    }
}

#[derive(Debug)]
struct Target {
    direction: Direction,
    /// `target_addr="…",target_port="…"`, and perhaps `backend`.
    labels: Box<str>,
    opened: [u64; 2],
    connect: Option<Box<Histogram<16>>>,
    failures: Vec<(&'static str, u64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct SeriesKey {
    target: TargetId,
    /// Into [`Metrics::protocols`].
    protocol: u16,
    sni: u16,
    alpn: u16,
    tls: bool,
}

#[derive(Debug)]
struct Series {
    key: SeriesKey,
    sides: [Side; 2],
    closes: Vec<(Peer, &'static str, u64)>,
}

#[derive(Debug, Default)]
struct Side {
    live: i64,
    read: u64,
    written: u64,
    lifetime: Option<Box<Histogram<12>>>,
}

// What `Limits` says about memory.
const _: () = assert!(size_of::<Series>() <= 104 && size_of::<Histogram<12>>() <= 120);

#[derive(Debug)]
struct Detected {
    direction: Direction,
    protocol: &'static str,
    decided_by: &'static str,
    count: u64,
}

/// Everything that is counted in one process.
#[derive(Debug)]
pub struct Metrics {
    limits: Limits,
    targets: Vec<Target>,
    /// By direction.
    target_ids: [Map<TargetLabel, TargetId>; 2],
    /// The target `~other` of each direction.
    other_targets: [Option<TargetId>; 2],
    series: Vec<Series>,
    /// Series with a name that a client chose.
    chosen_series: u32,
    series_ids: Map<SeriesKey, SeriesId>,
    /// Few: they are all written in the program.
    protocols: Vec<&'static str>,
    sni: Values,
    alpn: Values,
    detected: Vec<Detected>,
    http: http::Http,
    counters: Counters,
    gauges: Gauges,
    started: (SystemTime, Instant),
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics::with_limits(Limits::default())
    }
}

impl Metrics {
    /// Nothing counted yet; the process counts as started now.
    pub fn new() -> Metrics {
        Metrics::default()
    }

    /// The same with other limits.
    pub fn with_limits(limits: Limits) -> Metrics {
        Metrics {
            limits,
            targets: Vec::new(),
            target_ids: [Map::default(), Map::default()],
            other_targets: [None; 2],
            series: Vec::new(),
            chosen_series: 0,
            series_ids: Map::default(),
            protocols: vec![""],
            sni: Values::new(limits.sni),
            alpn: Values::new(limits.alpn),
            detected: Vec::new(),
            http: http::Http::new(&limits),
            counters: Counters::new(),
            gauges: Gauges::default(),
            started: (SystemTime::now(), Instant::now()),
        }
    }

    /// The target's id; asked for once a flow. Allocates only for a new one; beyond the limit it is `~other`.
    pub fn target(&mut self, direction: Direction, label: &TargetLabel) -> TargetId {
        let by_addr;
        let label = match label {
            TargetLabel::Addr(addr) => {
                by_addr = TargetLabel::Addr(canonical(*addr));
                &by_addr
            }
            TargetLabel::None | TargetLabel::Name(..) | TargetLabel::Backend(..) => label,
        };
        if let Some(id) = self.target_ids[direction as usize].get(label) {
            return *id;
        }
        if self.target_ids.iter().map(Map::len).sum::<usize>() >= self.limits.targets {
            self.count(Counter::LabelOverflowTarget);
            return self.other_target(direction);
        }
        let mut labels = format!("target_addr=\"{}\"", escaped(&label.to_string()));
        if let Some(port) = label.port() {
            labels.push_str(&format!(",target_port=\"{port}\""));
        }
        if let TargetLabel::Backend(set, _) = label {
            labels.push_str(&format!(",backend=\"{}\"", escaped(set)));
        }
        let id = self.new_target(direction, labels);
        self.target_ids[direction as usize].insert(label.clone(), id);
        id
    }

    fn other_target(&mut self, direction: Direction) -> TargetId {
        if let Some(id) = self.other_targets[direction as usize] {
            return id;
        }
        let id = self.new_target(direction, format!("target_addr=\"{OTHER}\""));
        self.other_targets[direction as usize] = Some(id);
        id
    }

    fn new_target(&mut self, direction: Direction, labels: String) -> TargetId {
        let id = TargetId(self.targets.len() as u32);
        let labels = labels.into();
        self.targets.push(Target { direction, labels, opened: [0; 2], connect: None, failures: Vec::new() });
        id
    }

    /// The series of `target` for a protocol (`""`: not decided yet) and, for TLS, the client's server name and
    /// application protocols (each may be `""`). Asked for once a flow and verdict; allocates only for a new one.
    pub fn series(
        &mut self,
        target: TargetId,
        protocol: &'static str,
        tls: Option<(&str, &str)>,
    ) -> SeriesId {
        let (sni, alpn) = tls.unwrap_or_default();
        let (sni, alpn) = (self.sni.id(sni), self.alpn.id(alpn));
        if sni.is_none() {
            self.count(Counter::LabelOverflowSni);
        }
        if alpn.is_none() {
            self.count(Counter::LabelOverflowAlpn);
        }
        let key = SeriesKey {
            target,
            protocol: self.protocol(protocol),
            sni: sni.unwrap_or(Values::OTHER),
            alpn: alpn.unwrap_or(Values::OTHER),
            tls: tls.is_some(),
        };
        if let Some(id) = self.series_ids.get(&key) {
            return *id;
        }
        // What clients choose must not crowd out the targets and protocols.
        let is_chosen = key.sni != Values::EMPTY || key.alpn != Values::EMPTY;
        if is_chosen && self.chosen_series >= self.limits.chosen {
            return self.without_names(key);
        }
        if self.series.len() >= self.limits.series {
            return self.other_series(key);
        }
        self.chosen_series += u32::from(is_chosen);
        self.new_series(key)
    }

    /// Too many combinations with a name that a client chose: the target stays, the names go.
    fn without_names(&mut self, key: SeriesKey) -> SeriesId {
        self.count(Counter::LabelOverflowNames);
        let other = |id| if id == Values::EMPTY { id } else { Values::OTHER };
        let key = SeriesKey { sni: other(key.sni), alpn: other(key.alpn), ..key };
        match self.series_ids.get(&key) {
            Some(id) => *id,
            None if self.series.len() >= self.limits.series => self.other_series(key),
            None => self.new_series(key),
        }
    }

    /// Beyond the limit: few more, as only directions, protocols and the presence of a value remain.
    fn other_series(&mut self, key: SeriesKey) -> SeriesId {
        self.count(Counter::LabelOverflowSeries);
        let direction = self.targets[key.target.0 as usize].direction;
        let other = |id| if id == Values::EMPTY { id } else { Values::OTHER };
        let target = self.other_target(direction);
        let key = SeriesKey { target, sni: other(key.sni), alpn: other(key.alpn), ..key };
        self.series_ids.get(&key).copied().unwrap_or_else(|| self.new_series(key))
    }

    fn new_series(&mut self, key: SeriesKey) -> SeriesId {
        let id = SeriesId(self.series.len() as u32);
        self.series.push(Series { key, sides: Default::default(), closes: Vec::new() });
        self.series_ids.insert(key, id);
        id
    }

    fn protocol(&mut self, protocol: &'static str) -> u16 {
        let known = self.protocols.iter().position(|it| *it == protocol);
        known.unwrap_or_else(|| {
            self.protocols.push(protocol);
            self.protocols.len() - 1
        }) as u16
    }

    /// A connection was opened: `tcp_open_total`.
    pub fn opened(&mut self, target: TargetId, peer: Peer) {
        self.targets[target.0 as usize].opened[peer as usize] += 1;
    }

    fn side(&mut self, series: SeriesId, peer: Peer) -> &mut Side {
        &mut self.series[series.0 as usize].sides[peer as usize]
    }

    /// Connections came to the series, or left it: `tcp_open_connections`.
    pub fn live(&mut self, series: SeriesId, peer: Peer, delta: i64) {
        let side = self.side(series, peer);
        side.live += delta;
        debug_assert!(side.live >= 0, "more connections left {series:?} than came");
    }

    /// Bytes read from and written to the peer: `tcp_read_bytes_total`, `tcp_write_bytes_total`.
    pub fn bytes(&mut self, series: SeriesId, peer: Peer, read: u64, written: u64) {
        let side = self.side(series, peer);
        side.read += read;
        side.written += written;
    }

    /// A connection ended, cleanly where `errno` is `""`: `tcp_close_total`, `tcp_connection_duration_ms`.
    pub fn closed(&mut self, series: SeriesId, peer: Peer, errno: &'static str, lasted: Duration) {
        self.side(series, peer).lifetime.get_or_insert_default().observe(&histogram::LIFETIME, lasted);
        let closes = &mut self.series[series.0 as usize].closes;
        match closes.iter_mut().find(|(its_peer, its_errno, _)| (*its_peer, *its_errno) == (peer, errno)) {
            Some((.., count)) => *count += 1,
            None => {
                // Most series have two for good: a clean end on either side.
                closes.reserve_exact(if closes.is_empty() { 2 } else { 1 });
                closes.push((peer, errno, 1));
            }
        }
    }

    /// A connection to the target was established: `tcp_connect_latency_ms`.
    pub fn connected(&mut self, target: TargetId, took: Duration) {
        let target = &mut self.targets[target.0 as usize];
        target.connect.get_or_insert_default().observe(&histogram::CONNECT, took);
    }

    /// A connection to the target could not be established: `wayside_connect_failures_total`.
    pub fn connect_failed(&mut self, target: TargetId, cause: &'static str) {
        let failures = &mut self.targets[target.0 as usize].failures;
        match failures.iter_mut().find(|(its_cause, _)| *its_cause == cause) {
            Some((_, count)) => *count += 1,
            None => failures.push((cause, 1)),
        }
    }

    /// A verdict: `tcp_detect_total`.
    pub fn detected(&mut self, direction: Direction, protocol: &'static str, decided_by: &'static str) {
        let wanted = (direction, protocol, decided_by);
        match self.detected.iter_mut().find(|it| (it.direction, it.protocol, it.decided_by) == wanted) {
            Some(it) => it.count += 1,
            None => self.detected.push(Detected { direction, protocol, decided_by, count: 1 }),
        }
    }

    /// Something that only a number is kept of.
    pub fn count(&mut self, counter: Counter) {
        self.counters.count(counter);
    }

    /// Something that is counted elsewhere has come to `total`.
    pub fn set(&mut self, counter: Counter, total: u64) {
        self.counters.set(counter, total);
    }
}
