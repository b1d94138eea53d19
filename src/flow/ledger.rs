//! What a flow comes to: verdict, bytes and ends, in the metrics, in `/connections` and in one log line.

use crate::admin;
use crate::base::address::Address;
use crate::base::time::Moment;
use crate::base::token::Key;
use crate::flow::http::{Connection, Counter, Http, cut_off};
use crate::flow::lane::Lane;
use crate::flow::{Ending, Flow, Origin, Side};
use crate::kit::Kit;
use crate::metrics::{Direction, Peer, SeriesId, TargetId};
use crate::resolve::Failure;
use crate::sys::socket;
use crate::wire::detect::{DecidedBy, Protocol, Verdict};
use crate::wire::observer::Observer;
use log::{Level, debug, log_enabled};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// How a side ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// In order.
    Fin,
    /// It was never there.
    Refused,
    /// With this errno.
    Failed(i32),
}

impl How {
    /// The word for it in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            How::Fin => "FIN",
            How::Refused => "refused",
            How::Failed(errno) => socket::errno_name(errno),
        }
    }
}

/// There was an upstream.
const NOT_REFUSED: (u16, &str) = (502, "");

/// The facts of one flow that are not needed to carry its bytes.
#[derive(Debug)]
pub struct Account {
    /// Inbound or outbound.
    pub direction: Direction,
    source: Address,
    /// The address dialled last.
    target: Option<Address>,
    label: TargetId,
    series: SeriesId,
    opened: Moment,
    protocol: Protocol,
    decided_by: Option<DecidedBy>,
    connected: bool,
    is_server_first: bool,
    /// Who ended first, and how.
    first_end: Option<(Side, How)>,
    /// Why there was no upstream, and the status that says so. Most connections have one, so it stands elsewhere.
    refused: Option<Box<(u16, &'static str)>>,
    /// The bytes that stand in the metrics already: taken and given, up and down.
    reported: [u64; 4],
}

impl Account {
    /// A connection was accepted.
    pub fn open(origin: &Origin, kit: &mut Kit) -> Account {
        let series = kit.metrics.series(origin.label, "", None);
        kit.metrics.opened(origin.label, Peer::Src);
        kit.metrics.live(series, Peer::Src, 1);
        Account {
            direction: origin.direction,
            source: origin.source.into(),
            target: None,
            label: origin.label,
            series,
            opened: kit.now,
            protocol: Protocol::Unknown,
            decided_by: None,
            connected: false,
            is_server_first: origin.is_server_first,
            first_end: None,
            refused: None,
            reported: [0; 4],
        }
    }

    /// When it was accepted.
    pub fn opened(&self) -> Moment {
        self.opened
    }

    /// An address is being tried.
    pub fn dialled(&mut self, target: SocketAddr) {
        self.target = Some(target.into());
    }

    /// The next request of a steered connection may go elsewhere than the last.
    pub fn not_dialled(&mut self) {
        self.target = None;
    }

    /// The upstream has accepted.
    pub fn connected(&mut self, took: Duration, kit: &mut Kit) {
        self.connected = true;
        self.refused = None;
        kit.metrics.connected(self.label, took);
        kit.metrics.opened(self.label, Peer::Dst);
        kit.metrics.live(self.series, Peer::Dst, 1);
    }

    /// An address did not accept.
    pub fn dial_failed(&mut self, error: &io::Error, kit: &mut Kit) {
        self.dial_failed_for(self.label, error, kit);
    }

    /// An address did not accept that is counted for `label`.
    pub fn dial_failed_for(&mut self, label: TargetId, error: &io::Error, kit: &mut Kit) {
        let cause = match error.raw_os_error().map(socket::errno_name) {
            Some("ECONNREFUSED") => "connection refused",
            Some("ETIMEDOUT") => "connect timeout",
            Some("EHOSTUNREACH" | "EHOSTDOWN") => "host unreachable",
            Some("ENETUNREACH" | "ENETDOWN") => "network unreachable",
            Some("EADDRNOTAVAIL") => "no local port free",
            Some("EMFILE" | "ENFILE" | "ENOBUFS" | "ENOMEM") => "out of descriptors or memory",
            Some("ECONNRESET" | "ECONNABORTED") => "connection reset",
            Some("EACCES" | "EPERM") => "not permitted",
            _ => "connect failed",
        };
        let status = match cause {
            "connect timeout" => 504,
            // It is not the server that fails.
            "out of descriptors or memory" | "no local port free" => 503,
            _ => 502,
        };
        self.refused(status, cause);
        kit.metrics.connect_failed(label, cause);
    }

    /// The target's name has no address.
    pub fn not_resolved(&mut self, why: Failure, kit: &mut Kit) {
        self.refused(why.status(), why.as_str());
        kit.metrics.connect_failed(self.label, why.as_str());
    }

    /// The target may not be dialled.
    pub fn refused(&mut self, status: u16, cause: &'static str) {
        self.refused = Some(Box::new((status, cause)));
    }

    /// Why there was no upstream: the status to tell, and the cause.
    pub fn refusal(&self) -> (u16, &'static str) {
        self.refused.as_deref().copied().unwrap_or(NOT_REFUSED)
    }

    /// What the ledger of HTTP wants to know of the connection.
    pub fn connection(&self) -> Connection {
        Connection {
            direction: self.direction,
            label: self.label,
            source: self.source,
            target: self.target,
            is_server_first: self.is_server_first,
        }
    }

    /// Remembers the first end of either side.
    pub fn first_end(&mut self, side: Side, how: How) {
        self.first_end.get_or_insert((side, how));
    }

    /// An upstream of a steered flow stands; it is counted elsewhere.
    pub fn reached(&mut self) {
        self.refused = None;
    }

    /// The client's address.
    pub fn source(&self) -> SocketAddr {
        self.source.into()
    }

    /// What it is counted for.
    pub fn label(&self) -> TargetId {
        self.label
    }

    /// Whether the verdict is in.
    pub fn is_decided(&self) -> bool {
        self.decided_by.is_some()
    }

    /// A steered flow goes on as a relayed one, and is counted for `label` from here on; `is_connected`: with its upstream.
    /// Its verdict is to come.
    pub fn settle(&mut self, label: TargetId, is_connected: bool, kit: &mut Kit) {
        self.label = label;
        let series = kit.metrics.series(label, self.name(), None);
        kit.metrics.live(self.series, Peer::Src, -1);
        kit.metrics.live(series, Peer::Src, 1);
        if is_connected {
            kit.metrics.live(series, Peer::Dst, 1);
        }
        (self.series, self.connected) = (series, is_connected);
    }

    fn name(&self) -> &'static str {
        self.decided_by.map_or("", |_| self.protocol.as_str())
    }

    /// The verdict is in.
    pub fn decide(&mut self, verdict: Verdict, kit: &mut Kit) {
        self.protocol = verdict.protocol;
        self.decided_by = Some(verdict.decided_by);
        let hello = verdict.hello.as_deref();
        let tls = hello.map(|hello| (text(hello.sni.as_ref()), text(hello.alpn.as_ref())));
        let series = kit.metrics.series(self.label, self.name(), tls);
        for (peer, is_open) in [(Peer::Src, true), (Peer::Dst, self.connected)] {
            if is_open {
                kit.metrics.live(self.series, peer, -1);
                kit.metrics.live(series, peer, 1);
            }
        }
        self.series = series;
        kit.metrics.detected(self.direction, self.name(), verdict.decided_by.as_str());
    }

    /// Brings the byte counters up to date. Those of an undecided flow wait for the verdict.
    pub fn report(&mut self, total: Totals, kit: &mut Kit) {
        if self.decided_by.is_none() {
            return;
        }
        let [up_taken, up_given, down_taken, down_given] =
            std::array::from_fn(|n| total[n].saturating_sub(self.reported[n]));
        self.reported = total;
        kit.metrics.bytes(self.series, Peer::Src, up_taken, down_given);
        if self.connected {
            kit.metrics.bytes(self.series, Peer::Dst, down_taken, up_given);
        }
    }

    /// The exchanges that are open are cut off.
    pub fn cut_off(&self, observer: &mut Observer, http: &mut Http, kit: &mut Kit) {
        let connection = self.connection();
        let mut counter = Counter { http, asked: None, connection, kit };
        observer.close(&mut counter);
        counter.finish_all(cut_off(self.first_end));
    }

    /// The last word: the errno of each side, and all bytes.
    pub fn close(&mut self, ending: Ending, errnos: [i32; 2], total: Totals, key: Key, kit: &mut Kit) {
        self.report(total, kit);
        let lasted = kit.now.since(self.opened);
        let [client, upstream] = errnos.map(errno);
        kit.metrics.live(self.series, Peer::Src, -1);
        kit.metrics.closed(self.series, Peer::Src, client, lasted);
        if self.connected {
            kit.metrics.live(self.series, Peer::Dst, -1);
            kit.metrics.closed(self.series, Peer::Dst, upstream, lasted);
        }
        if log_enabled!(target: "wayside::flow", Level::Debug) {
            self.log_end(ending, lasted, total, key);
        }
    }

    fn log_end(&self, ending: Ending, lasted: Duration, total: Totals, key: Key) {
        let (side, how) = self.first_end.map_or(("nobody", "-"), |(side, how)| (side.as_str(), how.as_str()));
        let refused = self.refused.as_deref().map_or("-", |(_, cause)| cause);
        debug!(
            target: "wayside::flow",
            "#{id} {direction} {source} -> {target}: {protocol} decided_by={decided_by} first={side}/{how} \
             end=\"{ending}\" refused=\"{refused}\" bytes_up={up} bytes_down={down} lasted={lasted:?}",
            id = id(key),
            direction = self.direction.as_str(),
            source = SocketAddr::from(self.source),
            target = self.target_text(),
            protocol = self.protocol.as_str(),
            decided_by = self.decided_by.map_or("-", DecidedBy::as_str),
            ending = ending.as_str(),
            up = total[1],
            down = total[3],
        );
    }

    /// A line of `/connections`.
    pub fn describe(
        &self,
        key: Key,
        observer: &Observer,
        total: Totals,
        state: &'static str,
        now: Moment,
    ) -> admin::Connection {
        // Settled, but for the name, counts as settled.
        let decided_by = self.decided_by.or(observer.opaque());
        admin::Connection {
            id: id(key),
            direction: self.direction.as_str(),
            source: self.source.into(),
            target: self.target_text(),
            protocol: decided_by.map_or("", |_| self.protocol.as_str()),
            decided_by: decided_by.map_or("", DecidedBy::as_str),
            bytes_in: total[1],
            bytes_out: total[3],
            age: now.since(self.opened),
            state,
        }
    }

    fn target_text(&self) -> String {
        self.target.map_or_else(|| "-".to_owned(), |target| SocketAddr::from(target).to_string())
    }
}

/// Bytes since a connection began: taken from the client and given to its upstream, taken from there and given to the
/// client.
pub type Totals = [u64; 4];

/// Its number: the process counts its flows, and begins anew after 2^29.
fn id(key: Key) -> u64 {
    u64::from(key.generation)
}

impl Flow {
    /// The verdict is in.
    pub(super) fn decide(&mut self, verdict: Verdict, kit: &mut Kit) {
        self.account.decide(verdict, kit);
    }

    fn totals(&self) -> Totals {
        [self.up.taken, self.up.given(), self.down.taken, self.down.given()]
    }

    /// Brings the byte counters up to date.
    pub fn report(&mut self, kit: &mut Kit) {
        let totals = self.totals();
        self.account.report(totals, kit);
    }

    /// The last word on a flow, before its sockets close.
    pub fn close(&mut self, ending: Ending, kit: &mut Kit) {
        let is_ours =
            matches!(ending, Ending::Idle | Ending::HalfClosed | Ending::Shutdown) && self.is_amid();
        self.give_up_detection(DecidedBy::Eof, kit);
        self.account.cut_off(&mut self.observer, &mut self.http, kit);
        if ending != Ending::Finished {
            self.reset_cut_short(is_ours);
        }
        self.up.discard(kit);
        self.down.discard(kit);
        let errnos = [self.client.errno, self.upstream.as_ref().map_or(0, |end| end.errno)];
        let totals = self.totals();
        self.account.close(ending, errnos, totals, self.key, kit);
    }

    /// A FIN would say that what came before it was all; where the end `is_ours`, nobody has said that.
    fn reset_cut_short(&self, is_ours: bool) {
        let is_cut = |lane: &Lane| lane.is_cut_short() || (is_ours && !lane.is_told());
        if is_cut(&self.down) {
            socket::reset(&self.client.stream);
        }
        if let Some(upstream) = self.upstream.as_ref().filter(|_| is_cut(&self.up)) {
            socket::reset(&upstream.stream);
        }
    }

    /// A line of `/connections`.
    pub fn describe(&self, now: Moment) -> admin::Connection {
        self.account.describe(self.key, &self.observer, self.totals(), self.stage.as_str(), now)
    }
}

fn errno(raw: i32) -> &'static str {
    if raw == 0 { "" } else { socket::errno_name(raw) }
}

fn text(value: Option<&String>) -> &str {
    value.map_or("", String::as_str)
}
