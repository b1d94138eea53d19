//! What a flow comes to: verdict, bytes and ends, in the metrics, in `/connections` and in one log line.

use crate::admin;
use crate::base::address::Address;
use crate::base::time::Moment;
use crate::flow::http::{Connection, Counter, cut_off};
use crate::flow::{Ending, Flow, Origin, Side};
use crate::kit::Kit;
use crate::metrics::{Direction, Peer, SeriesId, TargetId};
use crate::sys::socket;
use crate::wire::detect::{DecidedBy, Protocol, Verdict};
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
    /// Who ended first, and how.
    first_end: Option<(Side, How)>,
    /// Why there was no upstream.
    refused: &'static str,
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
            first_end: None,
            refused: "",
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

    /// The upstream has accepted.
    pub fn connected(&mut self, took: Duration, kit: &mut Kit) {
        self.connected = true;
        self.refused = "";
        kit.metrics.connected(self.label, took);
        kit.metrics.opened(self.label, Peer::Dst);
        kit.metrics.live(self.series, Peer::Dst, 1);
    }

    /// An address did not accept.
    pub fn dial_failed(&mut self, error: &io::Error, kit: &mut Kit) {
        self.refused = match error.raw_os_error().map(socket::errno_name) {
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
        kit.metrics.connect_failed(self.label, self.refused);
    }

    /// The target's name has no address.
    pub fn not_resolved(&mut self, cause: &'static str, kit: &mut Kit) {
        self.refused = cause;
        kit.metrics.connect_failed(self.label, cause);
    }

    /// The target may not be dialled.
    pub fn refused(&mut self, cause: &'static str) {
        self.refused = cause;
    }

    /// Why there was no upstream.
    pub fn cause(&self) -> &'static str {
        self.refused
    }

    /// What the ledger of HTTP wants to know of the connection.
    pub fn connection(&self) -> Connection {
        Connection { direction: self.direction, label: self.label, source: self.source, target: self.target }
    }

    /// Remembers the first end of either side.
    pub fn first_end(&mut self, side: Side, how: How) {
        self.first_end.get_or_insert((side, how));
    }
}

impl Flow {
    /// The verdict is in.
    pub(super) fn decide(&mut self, verdict: Verdict, kit: &mut Kit) {
        let account = &mut self.account;
        account.protocol = verdict.protocol;
        account.decided_by = Some(verdict.decided_by);
        let name = verdict.protocol.as_str();
        let hello = verdict.hello.as_deref();
        let tls = hello.map(|hello| (text(hello.sni.as_ref()), text(hello.alpn.as_ref())));
        let series = kit.metrics.series(account.label, name, tls);
        for (peer, is_open) in [(Peer::Src, true), (Peer::Dst, account.connected)] {
            if is_open {
                kit.metrics.live(account.series, peer, -1);
                kit.metrics.live(series, peer, 1);
            }
        }
        account.series = series;
        kit.metrics.detected(account.direction, name, verdict.decided_by.as_str());
    }

    /// Brings the byte counters up to date. Those of an undecided flow wait for the verdict.
    pub fn report(&mut self, kit: &mut Kit) {
        let account = &mut self.account;
        if account.decided_by.is_none() {
            return;
        }
        let total = [self.up.taken, self.up.given(), self.down.taken, self.down.given()];
        let [up_taken, up_given, down_taken, down_given] =
            std::array::from_fn(|n| total[n].saturating_sub(account.reported[n]));
        account.reported = total;
        kit.metrics.bytes(account.series, Peer::Src, up_taken, down_given);
        if account.connected {
            kit.metrics.bytes(account.series, Peer::Dst, down_taken, up_given);
        }
    }

    /// The last word on a flow, before its sockets close.
    pub fn close(&mut self, ending: Ending, kit: &mut Kit) {
        self.give_up_detection(DecidedBy::Eof, kit);
        let (connection, cause) = (self.account.connection(), cut_off(self.account.first_end));
        let mut counter = Counter { http: &mut self.http, connection, kit };
        self.observer.close(&mut counter);
        counter.finish_all(cause);
        if ending != Ending::Finished {
            self.reset_cut_short();
        }
        self.up.discard(kit);
        self.down.discard(kit);
        self.report(kit);
        let lasted = kit.now.since(self.account.opened);
        let series = self.account.series;
        kit.metrics.live(series, Peer::Src, -1);
        kit.metrics.closed(series, Peer::Src, errno(self.client.errno), lasted);
        if self.account.connected {
            let upstream = self.upstream.as_ref().map_or(0, |end| end.errno);
            kit.metrics.live(series, Peer::Dst, -1);
            kit.metrics.closed(series, Peer::Dst, errno(upstream), lasted);
        }
        if log_enabled!(target: "wayside::flow", Level::Debug) {
            self.log_end(ending, lasted);
        }
    }

    /// A FIN would say that what came before it was all.
    fn reset_cut_short(&self) {
        if self.down.is_cut_short() {
            socket::reset(&self.client.stream);
        }
        if let Some(upstream) = self.upstream.as_ref().filter(|_| self.up.is_cut_short()) {
            socket::reset(&upstream.stream);
        }
    }

    fn log_end(&self, ending: Ending, lasted: Duration) {
        let account = &self.account;
        let (side, how) =
            account.first_end.map_or(("nobody", "-"), |(side, how)| (side.as_str(), how.as_str()));
        let refused = if account.refused.is_empty() { "-" } else { account.refused };
        debug!(
            target: "wayside::flow",
            "#{id} {direction} {source} -> {target}: {protocol} decided_by={decided_by} first={side}/{how} \
             end=\"{ending}\" refused=\"{refused}\" bytes_up={up} bytes_down={down} lasted={lasted:?}",
            id = self.id(),
            direction = account.direction.as_str(),
            source = SocketAddr::from(account.source),
            target = self.target_text(),
            protocol = account.protocol.as_str(),
            decided_by = account.decided_by.map_or("-", DecidedBy::as_str),
            ending = ending.as_str(),
            up = self.up.given(),
            down = self.down.given(),
        );
    }

    /// A line of `/connections`.
    pub fn describe(&self, now: Moment) -> admin::Connection {
        let account = &self.account;
        // Settled, but for the name, counts as settled.
        let decided_by = account.decided_by.or(self.observer.opaque());
        admin::Connection {
            id: self.id(),
            direction: account.direction.as_str(),
            source: account.source.into(),
            target: self.target_text(),
            protocol: decided_by.map_or("", |_| account.protocol.as_str()),
            decided_by: decided_by.map_or("", DecidedBy::as_str),
            bytes_in: self.up.given(),
            bytes_out: self.down.given(),
            age: now.since(account.opened),
            state: self.stage.as_str(),
        }
    }

    fn target_text(&self) -> String {
        self.account.target.map_or_else(|| "-".to_owned(), |target| SocketAddr::from(target).to_string())
    }

    /// Its number: the process counts its flows, and begins anew after 2^29.
    fn id(&self) -> u64 {
        u64::from(self.key.generation)
    }
}

fn errno(raw: i32) -> &'static str {
    if raw == 0 { "" } else { socket::errno_name(raw) }
}

fn text(value: Option<&String>) -> &str {
    value.map_or("", String::as_str)
}
