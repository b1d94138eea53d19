//! The HTTP exchanges of one connection: events become metrics and lines of the access log.

use crate::access_log::Record;
use crate::base::address::Address;
use crate::course::Asked;
use crate::exchanges::{Exchange, Exchanges, Line};
use crate::flow::Side;
use crate::flow::ledger::How;
use crate::kit::Kit;
use crate::metrics::{Direction, HttpId, Outcome, TargetId};
use crate::wire::event::{Event, Id, Peer, RequestHead, Sink, Version};
use crate::wire::reply;

/// What is known of the connection.
#[derive(Debug, Clone, Copy)]
pub struct Connection {
    /// Inbound or outbound.
    pub direction: Direction,
    /// The target's series.
    pub label: TargetId,
    /// The client's address.
    pub source: Address,
    /// The address dialled last.
    pub target: Option<Address>,
    /// Its target's server is remembered as one that speaks first.
    pub is_server_first: bool,
}

/// What a flow keeps of HTTP.
#[derive(Debug, Default)]
pub struct Http {
    /// The exchanges that are open, by the id that the observer gives. The table is lent while there are any.
    open: Option<Box<Exchanges>>,
    /// The series of the last request: that of the next on most connections.
    series: Option<HttpId>,
}

/// Tables kept for the next connection that has an exchange.
const SPARE: usize = 256;

/// Takes the observer's events, with all that is needed to count them.
pub struct Counter<'a> {
    /// What the flow keeps.
    pub http: &'a mut Http,
    /// Set where requests are steered: they are counted by [`Counter::commit`], when it is known where they go.
    pub asked: Option<&'a mut Asked>,
    /// The connection.
    pub connection: Connection,
    /// The worker's means.
    pub kit: &'a mut Kit,
}

impl Sink for Counter<'_> {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Request { id, head } => self.request(id, &head),
            Event::Response { id, status, .. } => {
                self.server_answered();
                self.response(id, status);
            }
            Event::RequestEnd { id } => self.request_end(id),
            Event::ResponseEnd { id, grpc_status } => self.response_end(id, grpc_status),
            Event::Tunnel { id } => self.count(id, None, ""),
            Event::Reset { id, by, code } => {
                let error = reset(self.version(id), by, code);
                self.finish(id, error);
            }
            Event::Blind { reason } => {
                self.kit.metrics.blind(self.connection.direction, reason);
                self.finish_all("blind");
            }
            Event::Informational { .. } => {
                if let Some(asked) = &mut self.asked {
                    asked.interim();
                }
            }
        }
    }

    fn head(&mut self, _by: Peer, head: &[u8]) {
        if let Some(asked) = &mut self.asked {
            asked.head(head.len());
        }
    }

    fn measured(&mut self, id: Id, by: Peer, bytes: u64) {
        if !self.kit.access_log.is_on() {
            return;
        }
        let Some(line) = self.exchange(id).and_then(|exchange| exchange.line.as_mut()) else { return };
        match by {
            Peer::Client => line.request_bytes = bytes,
            Peer::Server => line.response_bytes = bytes,
        }
    }
}

impl Counter<'_> {
    fn request(&mut self, id: Id, head: &RequestHead<'_>) {
        let series = match &mut self.asked {
            Some(asked) => {
                asked.request(id, head);
                None
            }
            None => Some(self.begun(head.authority)),
        };
        let line = self.kit.access_log.is_on().then(|| self.kit.lines.begin(head));
        let exchange = Exchange::begin(series, self.kit.now, head.version, head.is_grpc, line);
        let kit = &mut *self.kit;
        self.http.open.get_or_insert_with(|| kit.spare.pop().unwrap_or_default()).begin(id, exchange);
    }

    /// A request has begun, in the series of `authority`.
    fn begun(&mut self, authority: &[u8]) -> HttpId {
        let series = self.series(authority);
        self.kit.metrics.request(series);
        series
    }

    /// It is known where the steered requests go that have begun: to what `connection` names.
    pub fn commit(&mut self) {
        let Some(asked) = self.asked.take() else { return };
        let Some(mut open) = self.http.open.take() else { return };
        for exchange in open.uncounted() {
            exchange.series = Some(self.begun(&asked.authority));
        }
        self.http.open = Some(open);
        self.asked = Some(asked);
    }

    /// The series of `authority`.
    fn series(&mut self, authority: &[u8]) -> HttpId {
        if let Some(series) = self.http.series
            && self.kit.metrics.is_http(series, self.connection.label, authority)
        {
            return series;
        }
        let (metrics, label) = (&mut self.kit.metrics, self.connection.label);
        let series = match lower_case(authority, &mut [0; 256]) {
            Some(name) => metrics.http(label, name),
            None => metrics.http(label, &String::from_utf8_lossy(authority).to_ascii_lowercase()),
        };
        self.http.series = Some(series);
        series
    }

    /// Gives the table back if no exchange is open.
    pub fn rest(&mut self) {
        if self.http.open.as_ref().is_some_and(|all| all.is_empty())
            && let Some(table) = self.http.open.take()
            && self.kit.spare.len() < SPARE
            && table.is_handy()
        {
            self.kit.spare.push(table);
        }
    }

    /// The client spoke first, and in HTTP: the target is none whose server speaks first, or no more.
    fn server_answered(&mut self) {
        if let Some(target) = self.connection.target.filter(|_| self.connection.is_server_first) {
            self.kit.server_first.forget(&target.into());
        }
    }

    fn response(&mut self, id: Id, status: u16) {
        let now = self.kit.now;
        if let Some(asked) = &mut self.asked {
            asked.response();
        }
        if let Some(exchange) = self.exchange(id) {
            exchange.status = status;
            exchange.latency = Some(now.since(exchange.began));
        }
    }

    fn request_end(&mut self, id: Id) {
        let Some(exchange) = self.exchange(id) else { return };
        exchange.request_ended = true;
        if exchange.response_ended {
            self.finish(id, "");
        }
    }

    /// Counted at once; the line waits for the request's end.
    fn response_end(&mut self, id: Id, grpc_status: Option<u32>) {
        self.count(id, grpc_status, "");
        let Some(exchange) = self.exchange(id) else { return };
        exchange.response_ended = true;
        exchange.grpc_status = grpc_status;
        if exchange.request_ended {
            self.finish(id, "");
        }
    }

    /// The outcome is known: it goes into the metrics, once.
    fn count(&mut self, id: Id, grpc_status: Option<u32>, error: &'static str) {
        let Some(exchange) = self.exchange(id).filter(|exchange| !exchange.is_counted) else { return };
        let Some(series) = exchange.series else { return };
        exchange.is_counted = true;
        let outcome = Outcome { status: exchange.status, is_grpc: exchange.is_grpc, grpc_status, error };
        let latency = exchange.latency;
        self.kit.metrics.response(series, outcome, latency);
    }

    /// The exchange is over: counted and logged. `error` says nothing about one whose response has ended.
    fn finish(&mut self, id: Id, error: &'static str) {
        self.count(id, None, error);
        let Some(mut exchange) = self.http.open.as_mut().and_then(|all| all.end(id)) else { return };
        if let Some(line) = exchange.line.take() {
            self.log(&exchange, &line, if exchange.response_ended { "" } else { error });
            self.kit.lines.end(line);
        }
    }

    /// All that are open are over.
    pub fn finish_all(&mut self, error: &'static str) {
        let open = self.http.open.as_ref().map_or_else(Vec::new, |all| all.in_order());
        for id in open {
            self.finish(id, error);
        }
    }

    /// We answer the first, if there is one and the upstream has not answered it, with so many bytes. Those behind it go
    /// unanswered.
    pub fn answer(&mut self, first: Option<Id>, status: u16, bytes: usize, error: &'static str) {
        if let Some(id) = first
            && let Some(exchange) = self.exchange(id).filter(|exchange| !exchange.response_ended)
        {
            if let Some(line) = &mut exchange.line {
                line.response_bytes = line.response_bytes.saturating_add(bytes as u64);
            }
            self.response(id, status);
        }
        self.finish_all(error);
    }

    /// We answer one of HTTP/2 in the same way: a gRPC call with a status of its own.
    pub fn answer_stream(&mut self, id: Id, status: u16, error: &'static str) {
        let is_grpc = self.exchange(id).is_some_and(|exchange| exchange.is_grpc);
        self.response(id, if is_grpc { 200 } else { status });
        let grpc_status = is_grpc.then(|| reply::grpc_status(status));
        self.count(id, grpc_status, error);
        if let Some(exchange) = self.exchange(id) {
            exchange.grpc_status = grpc_status;
        }
        self.finish(id, error);
    }

    fn exchange(&mut self, id: Id) -> Option<&mut Exchange> {
        self.http.open.as_mut()?.get(id)
    }

    fn version(&mut self, id: Id) -> Version {
        self.exchange(id).map_or(Version::Http11, |exchange| exchange.version)
    }

    fn log(&mut self, exchange: &Exchange, line: &Line, error: &'static str) {
        let record = Record {
            began: line.began,
            direction: self.connection.direction,
            client: self.connection.source.into(),
            upstream: self.connection.target.map(Into::into),
            method: &line.method,
            authority: &line.authority,
            target: &line.target,
            version: exchange.version,
            status: exchange.status,
            request_bytes: line.request_bytes,
            response_bytes: line.response_bytes,
            duration: self.kit.now.since(exchange.began),
            user_agent: &line.user_agent,
            referer: &line.referer,
            protocol: if exchange.version == Version::Http2 { "http/2" } else { "http/1" },
            error,
            grpc_status: exchange.grpc_status,
        };
        self.kit.access_log.write(&record);
    }
}

/// `authority` in lower case, in `space`; none where it is longer or no text.
fn lower_case<'s>(authority: &[u8], space: &'s mut [u8]) -> Option<&'s str> {
    let name = space.get_mut(..authority.len())?;
    name.copy_from_slice(authority);
    name.make_ascii_lowercase();
    std::str::from_utf8(name).ok()
}

/// The `error` label of an exchange that was given up.
fn reset(version: Version, by: Peer, code: u32) -> &'static str {
    match (version, by) {
        (Version::Http2, _) => http2_code(code),
        (_, Peer::Client) => "client_closed",
        (_, Peer::Server) => "server_closed",
    }
}

/// RFC 9113, section 7, written as Linkerd does.
fn http2_code(code: u32) -> &'static str {
    match code {
        0x0 => "h2(NO_ERROR)",
        0x1 => "h2(PROTOCOL_ERROR)",
        0x2 => "h2(INTERNAL_ERROR)",
        0x3 => "h2(FLOW_CONTROL_ERROR)",
        0x4 => "h2(SETTINGS_TIMEOUT)",
        0x5 => "h2(STREAM_CLOSED)",
        0x6 => "h2(FRAME_SIZE_ERROR)",
        0x7 => "h2(REFUSED_STREAM)",
        0x8 => "h2(CANCEL)",
        0x9 => "h2(COMPRESSION_ERROR)",
        0xa => "h2(CONNECT_ERROR)",
        0xb => "h2(ENHANCE_YOUR_CALM)",
        0xc => "h2(INADEQUATE_SECURITY)",
        0xd => "h2(HTTP_1_1_REQUIRED)",
        _ => "h2(unknown)",
    }
}

/// The `error` label of exchanges that were open when the connection ended.
pub fn cut_off(first_end: Option<(Side, How)>) -> &'static str {
    match first_end {
        Some((Side::Client, How::Fin)) => "client_closed",
        Some((Side::Client, _)) => "client_reset",
        Some((Side::Upstream, How::Fin)) => "server_closed",
        Some((Side::Upstream, How::Refused)) => "no_upstream",
        Some((Side::Upstream, How::Failed(_))) => "server_reset",
        None => "closed",
    }
}
