//! The observer of an HTTP/2 connection: frames of both directions become events.
//!
//! What a response is, when an exchange ends and what is left out:
//! - Every stream that the client opens is an exchange. Pushed streams are none: their header blocks are decoded to keep
//!   the tables in step, and nothing is said of them.
//! - RST_STREAM ends an exchange with `Reset`, but for one: a server that has answered in full and asks with
//!   NO_ERROR for no more of the request (RFC 9113, 8.1). That is a `RequestEnd`.
//! - A GOAWAY of the server resets the exchanges that it leaves out, and those that the client still opens beyond it.
//! - An answer that no client may accept (no valid `:status`, 101, DATA before the head, an end without a final head) is a
//!   `Reset` by the server with PROTOCOL_ERROR.
//! - Frames of streams that are over are in flight, and ignored.
//! - A message's bytes are those of its HEADERS, CONTINUATION and DATA frames, heads and padding included.

mod exchanges;

use super::decoder::Decoder;
use super::fields::Response;
use super::frame::Lost;
use super::reader::{Block, Item, Opened, Reader};
use super::scratch::Scratch;
use super::streams::{Open, Stream, Streams};
use super::upgrade;
use crate::wire::event::{Event, Id, Peer, Sink};

const NO_ERROR: u32 = 0;
const PROTOCOL_ERROR: u32 = 1;

/// Where one direction stands.
#[derive(Debug)]
struct Side {
    reader: Reader,
    decoder: Decoder,
}

/// Watches one connection. It owns about 500 bytes, the two dynamic tables (4 KiB each unless the peers agree on more) and
/// 40 bytes for each open exchange.
#[derive(Debug)]
pub struct Observer {
    client: Side,
    server: Side,
    streams: Streams,
    /// The lowest GOAWAY of the server: its last stream and its code.
    goaway: Option<(u32, u32)>,
    /// Why the thread was lost, once it is.
    lost: Option<Lost>,
}

impl Default for Observer {
    fn default() -> Observer {
        Observer::new()
    }
}

impl Observer {
    /// From the first byte of the client's preface.
    pub fn new() -> Observer {
        let side = |is_client| Side { reader: Reader::new(is_client), decoder: Decoder::new() };
        Observer {
            client: side(true),
            server: side(false),
            streams: Streams::default(),
            goaway: None,
            lost: None,
        }
    }

    /// From the first byte behind the 101 of an upgrade to h2c. The request of HTTP/1 goes on as stream 1 and keeps its
    /// `id`; its head and its end have been told. `settings` is the request's `HTTP2-Settings` as sent, `bytes` what request
    /// and response have had in HTTP/1.
    pub fn after_upgrade(id: Id, settings: &[u8], bytes: [u64; 2]) -> Observer {
        let mut observer = Observer::new();
        observer.streams.adopt(id, bytes);
        if let Some(stream) = observer.streams.find(1) {
            stream.request_ended = true;
        }
        if let Some(sizes) = upgrade::table_sizes(settings) {
            // The 101 is their acknowledgement.
            let decoder = &mut observer.server.decoder;
            sizes.for_each(|size| decoder.offer(size));
            let is_within = decoder.offered().is_ok();
            debug_assert!(is_within, "there is room for the first");
            decoder.acknowledged();
        }
        observer
    }

    /// The client's next bytes: each once, in order, cut anywhere.
    pub fn client(&mut self, bytes: &[u8], scratch: &mut Scratch, sink: &mut dyn Sink) {
        self.look(Peer::Client, bytes, scratch, sink);
    }

    /// The server's next bytes.
    pub fn server(&mut self, bytes: &[u8], scratch: &mut Scratch, sink: &mut dyn Sink) {
        self.look(Peer::Server, bytes, scratch, sink);
    }

    /// How many of the client's next bytes carry nothing to look at. `u64::MAX` once blind.
    pub fn client_skip(&self) -> u64 {
        if self.is_blind() { u64::MAX } else { u64::from(self.client.reader.skip()) }
    }

    /// How many of the server's next bytes carry nothing to look at. `u64::MAX` once blind.
    pub fn server_skip(&self) -> u64 {
        if self.is_blind() { u64::MAX } else { u64::from(self.server.reader.skip()) }
    }

    /// So many of the client's bytes passed unseen, at most [`Observer::client_skip`].
    pub fn client_skipped(&mut self, count: u64, scratch: &mut Scratch, sink: &mut dyn Sink) {
        self.skipped(Peer::Client, count, scratch, sink);
    }

    /// So many of the server's bytes passed unseen, at most [`Observer::server_skip`].
    pub fn server_skipped(&mut self, count: u64, scratch: &mut Scratch, sink: &mut dyn Sink) {
        self.skipped(Peer::Server, count, scratch, sink);
    }

    /// Whether a frame of ours could be put behind what `from` has sent so far. Never once blind.
    pub fn is_at_frame_boundary(&self, from: Peer) -> bool {
        !self.is_blind() && self.side(from).reader.is_at_boundary()
    }

    /// The highest stream that the client has opened, 0 for none: what a GOAWAY of ours names.
    pub fn last_client_stream(&self) -> u32 {
        self.streams.last()
    }

    /// How many exchanges are open. Once blind, how many were.
    pub fn open_exchanges(&self) -> usize {
        self.streams.open_count()
    }

    /// The connection is gone: tells how many bytes each open exchange has had.
    pub fn close(&self, sink: &mut dyn Sink) {
        for stream in self.streams.iter() {
            self.measured(stream, Peer::Client, sink);
            self.measured(stream, Peer::Server, sink);
        }
    }

    /// The exchanges that are open, in the order of their streams. None once blind.
    pub fn open_streams(&self) -> impl Iterator<Item = Open> {
        self.streams.iter().map(Stream::open)
    }

    /// Whether a SETTINGS frame of the client has come. Never once blind.
    pub fn has_client_settings(&self) -> bool {
        self.client.reader.has_begun()
    }

    /// How many bytes of body the client takes on a new stream before it says more: its SETTINGS_INITIAL_WINDOW_SIZE.
    pub fn client_window(&self) -> u32 {
        self.client.reader.window()
    }

    /// Whether the thread is lost.
    pub fn is_blind(&self) -> bool {
        self.lost.is_some()
    }

    /// Why it is, if so.
    pub fn lost(&self) -> Option<Lost> {
        self.lost
    }

    /// Whether the client has begun a SETTINGS frame behind its preface.
    pub fn has_client_begun(&self) -> bool {
        self.client.reader.has_begun()
    }

    /// Bytes of memory owned beside the observer itself.
    pub fn owned(&self) -> usize {
        let side = |side: &Side| side.reader.owned() + side.decoder.owned();
        side(&self.client) + side(&self.server) + self.streams.owned()
    }

    fn side(&self, peer: Peer) -> &Side {
        if peer == Peer::Client { &self.client } else { &self.server }
    }

    fn side_mut(&mut self, peer: Peer) -> &mut Side {
        if peer == Peer::Client { &mut self.client } else { &mut self.server }
    }

    fn skipped(&mut self, from: Peer, count: u64, scratch: &mut Scratch, sink: &mut dyn Sink) {
        if self.is_blind() {
            return;
        }
        match self.side_mut(from).reader.skipped(count) {
            Ok(()) => self.look(from, &[], scratch, sink),
            Err(lost) => self.lose(lost, sink),
        }
    }

    fn look(&mut self, from: Peer, mut bytes: &[u8], scratch: &mut Scratch, sink: &mut dyn Sink) {
        while !self.is_blind() {
            let step = match self.side_mut(from).reader.next(&mut bytes, scratch) {
                Ok(Some(item)) => self.item(from, item, scratch, sink),
                Ok(None) => return,
                Err(lost) => Err(lost),
            };
            if let Err(lost) = step {
                self.lose(lost, sink);
            }
        }
    }

    /// Goes blind, and lets go of all it owns but the number of open exchanges.
    fn lose(&mut self, lost: Lost, sink: &mut dyn Sink) {
        self.close(sink);
        let streams = std::mem::take(&mut self.streams);
        *self = Observer { streams: streams.forget(), lost: Some(lost), ..Observer::new() };
        sink.event(Event::Blind { reason: lost.as_str() });
    }

    fn item(
        &mut self,
        from: Peer,
        item: Item<'_>,
        scratch: &mut Scratch,
        sink: &mut dyn Sink,
    ) -> Result<(), Lost> {
        let to = match from {
            Peer::Client => Peer::Server,
            Peer::Server => Peer::Client,
        };
        match item {
            Item::TableSize(size) => self.side_mut(to).decoder.offer(size),
            Item::Settings => self.side_mut(to).decoder.offered()?,
            Item::Acknowledged => self.side_mut(from).decoder.acknowledged(),
            Item::Block(opened, block) => self.block(from, opened, block, scratch, sink)?,
            Item::Data { stream, is_end, bytes } => {
                self.check_opened(stream)?;
                self.data(from, stream, is_end, bytes, sink);
            }
            Item::Reset { stream, code } => {
                self.check_opened(stream)?;
                self.reset(from, stream, code, sink);
            }
            Item::Goaway { last, code } if from == Peer::Server => self.goaway(last, code, sink),
            // It speaks of pushed streams.
            Item::Goaway { .. } => {}
        }
        Ok(())
    }

    /// A client's stream that is named must have been opened. Even numbers are the server's, and not followed.
    fn check_opened(&self, stream: u32) -> Result<(), Lost> {
        if stream % 2 == 1 && stream > self.streams.last() { Err(Lost::StreamNumber) } else { Ok(()) }
    }

    fn block(
        &mut self,
        from: Peer,
        opened: Opened,
        block: Block<'_>,
        scratch: &mut Scratch,
        sink: &mut dyn Sink,
    ) -> Result<(), Lost> {
        let bytes = match &block {
            Block::Here(bytes) => bytes,
            Block::Gathered(bytes) => bytes.as_slice(),
        };
        match (from, opened.is_promise) {
            (Peer::Client, true) => return Err(Lost::StreamNumber),
            (Peer::Client, false) => self.request(opened, bytes, scratch, sink)?,
            (Peer::Server, is_promise) => {
                self.check_opened(opened.stream)?;
                let mut fields = Response::default();
                let take = |field: super::fields::Field<'_>| fields.take(field);
                self.server.decoder.decode(bytes, &mut scratch.decoded, take)?;
                if !is_promise {
                    self.response(opened, &fields, sink);
                }
            }
        }
        if let Block::Gathered(buffer) = block {
            scratch.give_back(buffer);
        }
        Ok(())
    }
}
