//! How the observer moves: heads become events, and the two sides learn from each other.

use super::exchange::Asked;
use super::fields::Framing;
use super::gather::End;
use super::observer::{H2c, Observer};
use super::parse::{self, Request, Response};
use super::side::Stage;
use super::{Fault, MAX_EARLY, MAX_HEAD, Reason};
use crate::wire::event::{Event, Id, Peer, Sink};

impl Observer {
    /// Shows bytes to a side. Returns how many of them lie behind the point where the side became a tunnel.
    pub(super) fn feed(&mut self, peer: Peer, bytes: &[u8], sink: &mut dyn Sink) -> usize {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.is_paused(peer) {
                break;
            }
            let before = self.side(peer).unsettled();
            match self.step(peer, rest, sink) {
                Ok(used) => rest = rest.get(used..).unwrap_or_default(),
                Err(reason) => self.lose(peer, reason, before.saturating_add(rest.len()), sink),
            }
            // All the rest is of one kind.
            match self.side(peer).stage {
                Stage::Tunnel | Stage::UntilClose => {
                    if self.h2c.is_none() {
                        self.side_mut(peer).add(rest.len());
                    }
                    break;
                }
                Stage::Blind | Stage::Refused(_) => break,
                _ => {}
            }
        }
        rest.len()
    }

    /// Goes on by one stage. Returns how many bytes that took.
    fn step(&mut self, peer: Peer, bytes: &[u8], sink: &mut dyn Sink) -> Result<usize, Reason> {
        let is_strict = self.is_strict;
        let side = self.side_mut(peer);
        match &mut side.stage {
            Stage::Head => self.head(peer, bytes, sink),
            Stage::Wait if side.gather.keep(bytes, MAX_EARLY) => Ok(bytes.len()),
            Stage::Wait => Err(Reason::EarlyData),
            Stage::Refused(count) => {
                *count = count.saturating_add(bytes.len());
                Ok(bytes.len())
            }
            _ => {
                let progress = side.body(bytes, is_strict)?;
                side.add(progress.used);
                if let Some(grpc_status) = progress.end {
                    self.message_end(peer, grpc_status, sink);
                }
                Ok(progress.used)
            }
        }
    }

    /// The next bytes of a head, or empty lines before it.
    fn head(&mut self, peer: Peer, bytes: &[u8], sink: &mut dyn Sink) -> Result<usize, Reason> {
        if let Some(used) = self.empty_line(peer, bytes)? {
            return Ok(used);
        }
        if self.side(peer).gather.is_empty() {
            return self.head_begins(peer, bytes, sink);
        }
        let gather = &mut self.side_mut(peer).gather;
        let added = gather.add(bytes, MAX_HEAD);
        if added.is_complete {
            let kept = gather.take();
            return match self.whole(peer, &kept, sink)? {
                Some(len) if len == kept.len() => Ok(added.used),
                _ => Err(Reason::MalformedHead),
            };
        }
        if gather.is_due() || added.is_full {
            self.look(peer)?;
        }
        if added.is_full { Err(Reason::HeadTooLarge) } else { Ok(added.used) }
    }

    /// A head's first bytes: most often all of it.
    fn head_begins(&mut self, peer: Peer, bytes: &[u8], sink: &mut dyn Sink) -> Result<usize, Reason> {
        if peer == Peer::Server && self.awaited().is_none() {
            return Err(Reason::NoRequest);
        }
        let window = bytes.get(..MAX_HEAD).unwrap_or(bytes);
        if let Some(len) = self.whole(peer, window, sink)? {
            return Ok(len);
        }
        if window.len() >= MAX_HEAD {
            return Err(Reason::HeadTooLarge);
        }
        let mut end = End::default();
        if end.find(bytes).is_some() {
            return Err(Reason::MalformedHead);
        }
        self.side_mut(peer).gather.begin(end, bytes);
        Ok(bytes.len())
    }

    /// An empty line before a head: how many bytes belong to it.
    fn empty_line(&mut self, peer: Peer, bytes: &[u8]) -> Result<Option<usize>, Reason> {
        let has_cr = self.side(peer).gather.bytes() == b"\r";
        let used = match bytes {
            [b'\n', ..] if has_cr || self.side(peer).gather.is_empty() => 1,
            _ if has_cr => return Err(Reason::MalformedHead),
            _ if !self.side(peer).gather.is_empty() => return Ok(None),
            [b'\r', b'\n', ..] => 2,
            [b'\r'] => {
                self.side_mut(peer).gather.begin(End::default(), bytes);
                return Ok(Some(1));
            }
            _ => return Ok(None),
        };
        if self.is_strict {
            let is_crlf = has_cr || used == 2;
            if !is_crlf || peer == Peer::Server || self.side(peer).is_blank_seen {
                return Err(Reason::LineEnd);
            }
        }
        let side = self.side_mut(peer);
        side.gather.take();
        side.is_blank_seen = true;
        Ok(Some(used))
    }

    /// Whether what there is of a head is already wrong.
    fn look(&self, peer: Peer) -> Result<(), Reason> {
        let bytes = self.side(peer).gather.bytes();
        let mut scratch = Vec::new();
        match peer {
            Peer::Client => parse::request(bytes, self.is_strict, &mut scratch).map(drop),
            Peer::Server => parse::response(bytes, self.is_strict, &mut scratch).map(drop),
        }
    }

    /// Reads a head, if it is complete. Returns its length.
    fn whole(&mut self, peer: Peer, bytes: &[u8], sink: &mut dyn Sink) -> Result<Option<usize>, Reason> {
        let mut scratch = Vec::new();
        match peer {
            Peer::Client => {
                let Some(request) = parse::request(bytes, self.is_strict, &mut scratch)? else {
                    return Ok(None);
                };
                // Who steers one by one may be the proxy that the target is meant for, and knows.
                if request.is_host_other && !self.is_one_by_one {
                    return Err(Reason::Host);
                }
                self.client.is_blank_seen = false;
                self.client.message = request.len as u64;
                sink.head(peer, bytes.get(..request.len).unwrap_or(bytes));
                self.request(&request, sink)?;
                Ok(Some(request.len))
            }
            Peer::Server => {
                let Some(response) = parse::response(bytes, self.is_strict, &mut scratch)? else {
                    return Ok(None);
                };
                self.server.add(response.len);
                sink.head(peer, bytes.get(..response.len).unwrap_or(bytes));
                self.response(&response, sink)?;
                Ok(Some(response.len))
            }
        }
    }

    fn request(&mut self, request: &Request<'_>, sink: &mut dyn Sink) -> Result<(), Reason> {
        let id = self.exchanges.open(request.asked).ok_or(Reason::Pipeline)?;
        self.is_asking = true;
        self.settings = match request.settings {
            settings @ [_, ..] if request.asked.has(Asked::H2C) => settings.into(),
            _ => Box::default(),
        };
        sink.event(Event::Request { id, head: request.head });
        match Stage::of(request.framing) {
            Some(stage) => self.client.stage = stage,
            None => self.message_end(Peer::Client, None, sink),
        }
        Ok(())
    }

    fn response(&mut self, response: &Response, sink: &mut dyn Sink) -> Result<(), Reason> {
        let Some((id, asked)) = self.awaited() else { return Err(Reason::NoRequest) };
        let status = response.status;
        let has_body = !matches!(response.framing, Framing::None | Framing::Length(0));
        let is_tunnel = status == 101 || (asked.has(Asked::CONNECT) && (200..300).contains(&status));
        if self.is_strict && has_body && (is_tunnel || status < 200 || status == 204) {
            return Err(Reason::ForbiddenBody);
        }
        if status == 101 && !asked.has(Asked::UPGRADE) {
            return Err(Reason::UnaskedUpgrade);
        }
        if status < 200 && !is_tunnel {
            sink.event(Event::Informational { id, status });
            return Ok(());
        }
        if status == 101
            && response.is_h2c
            && asked.has(Asked::H2C)
            && matches!(self.client.stage, Stage::Wait)
        {
            self.switch(id, sink);
            return Ok(());
        }
        self.grpc_status = response.grpc_status;
        sink.event(Event::Response { id, status, grpc_status: response.grpc_status });
        if is_tunnel {
            self.tunnel(id, sink);
            return Ok(());
        }
        self.exchanges.settle_first();
        let is_last = self.exchanges.len() == 1;
        let has_none = asked.has(Asked::HEAD) || status == 204 || status == 304;
        match response.framing {
            _ if has_none => self.message_end(Peer::Server, None, sink),
            Framing::None => self.server.stage = Stage::UntilClose,
            framing => match Stage::of(framing) {
                Some(stage) => self.server.stage = stage,
                None => self.message_end(Peer::Server, None, sink),
            },
        }
        if is_last {
            self.resume(sink);
        }
        Ok(())
    }

    /// The exchange becomes a tunnel; the client's direction only once its request has ended.
    fn tunnel(&mut self, id: Id, sink: &mut dyn Sink) {
        sink.event(Event::Tunnel { id });
        self.server.stage = Stage::Tunnel;
        if matches!(self.client.stage, Stage::Wait) {
            self.client.stage = Stage::Tunnel;
            let early = self.client.gather.take();
            self.client.add(early.len());
        }
    }

    /// The connection becomes HTTP/2, where the response is to come.
    fn switch(&mut self, id: Id, sink: &mut dyn Sink) {
        sink.event(Event::Informational { id, status: 101 });
        self.server.stage = Stage::Tunnel;
        self.client.stage = Stage::Tunnel;
        self.h2c = Some(Box::new(H2c {
            id,
            settings: std::mem::take(&mut self.settings),
            client: self.client.gather.take(),
            server: 0,
            measures: [self.client.message, self.server.message],
        }));
    }

    /// No tunnel: what waited behind the request that is answered is HTTP.
    fn resume(&mut self, sink: &mut dyn Sink) {
        if matches!(self.client.stage, Stage::Wait) {
            self.client.stage = Stage::Head;
            let waited = self.client.gather.take();
            self.feed(Peer::Client, &waited, sink);
        }
    }

    /// A message's last byte has passed.
    pub(super) fn message_end(&mut self, peer: Peer, trailer: Option<u32>, sink: &mut dyn Sink) {
        match peer {
            Peer::Client => self.request_end(sink),
            Peer::Server => self.response_end(trailer, sink),
        }
    }

    fn request_end(&mut self, sink: &mut dyn Sink) {
        self.is_asking = false;
        self.client.stage = Stage::Head;
        let Some((id, asked)) = self.exchanges.last() else { return };
        sink.measured(id, Peer::Client, self.client.message);
        sink.event(Event::RequestEnd { id });
        if matches!(self.server.stage, Stage::Tunnel) {
            self.client.stage = Stage::Tunnel;
        } else if self.is_answered_early {
            self.is_answered_early = false;
            self.close_first();
        } else if self.server.is_ended {
            self.reset_all(sink);
        } else if asked.may_switch() {
            self.client.stage = Stage::Wait;
        }
    }

    pub(super) fn response_end(&mut self, trailer: Option<u32>, sink: &mut dyn Sink) {
        self.server.stage = Stage::Head;
        let Some((id, _)) = self.exchanges.first() else { return };
        let grpc_status = trailer.or(self.grpc_status.take());
        self.measure(sink);
        self.server.message = 0;
        sink.event(Event::ResponseEnd { id, grpc_status });
        if !(self.is_asking && self.exchanges.len() == 1) {
            self.close_first();
            return;
        }
        // From here on nothing of the server's belongs to it.
        self.is_answered_early = true;
        if self.client.is_ended {
            self.reset_all(sink);
        }
    }

    /// The first exchange has had both its messages.
    fn close_first(&mut self) {
        self.exchanges.close_first();
        self.is_over = self.is_one_by_one;
    }

    /// The exchange whose response is to come or on its way.
    pub(super) fn awaited(&self) -> Option<(Id, Asked)> {
        self.exchanges.first().filter(|_| !self.is_answered_early)
    }

    /// Tells how many bytes have passed of the messages that have begun and not ended, and of a tunnel.
    pub(super) fn measure(&self, sink: &mut dyn Sink) {
        if let Some((id, _)) = self.awaited() {
            sink.measured(id, Peer::Server, self.server.passed(self.is_strict));
        }
        let is_on_its_way = self.is_asking || matches!(self.client.stage, Stage::Tunnel);
        if let Some((id, _)) = self.exchanges.last().filter(|_| is_on_its_way) {
            sink.measured(id, Peer::Client, self.client.passed(self.is_strict));
        }
    }

    /// Ends all exchanges that the connection's end leaves open.
    pub(super) fn reset_all(&mut self, sink: &mut dyn Sink) {
        self.measure(sink);
        let by = self.first_end.unwrap_or(Peer::Server);
        while let Some(id) = self.exchanges.close_first() {
            sink.event(Event::Reset { id, by, code: 0 });
        }
        self.is_answered_early = false;
    }

    /// The thread is lost at something of which `unsettled` bytes are here.
    pub(super) fn lose(&mut self, peer: Peer, reason: Reason, unsettled: usize, sink: &mut dyn Sink) {
        if matches!(self.side(peer).stage, Stage::Blind) {
            return;
        }
        if self.is_strict {
            let side = self.side_mut(peer);
            side.message = side.passed(true);
            side.gather.take();
            let begun = self.side(peer).is_in_body();
            self.side_mut(peer).stage = Stage::Refused(unsettled);
            // The client's fault is answered when all before it is: a server's fault in that is the more pressing.
            if self.fault.is_none() || (peer == Peer::Server && reason != Reason::NoRequest) {
                self.fault = Some(Fault::new(peer, reason, begun));
            }
            return;
        }
        self.measure(sink);
        for side in [&mut self.client, &mut self.server] {
            side.gather.take();
            side.stage = Stage::Blind;
        }
        sink.event(Event::Blind { reason: reason.as_str() });
    }
}
