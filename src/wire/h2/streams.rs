//! The streams that carry an open exchange.

use super::bounds;
use super::frame::Lost;
use super::ids::Ids;
use crate::wire::event::{Id, Peer, RequestHead};

/// What a stream's request is, as far as an answer to it depends on that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// Nothing of what follows.
    Plain,
    /// CONNECT.
    Connect,
    /// HEAD, whose answer has no body.
    Head,
    /// Its content type begins with `application/grpc`.
    Grpc,
}

impl Call {
    pub(super) fn of(head: &RequestHead<'_>) -> Call {
        match head.method {
            b"CONNECT" => Call::Connect,
            b"HEAD" => Call::Head,
            _ if head.is_grpc => Call::Grpc,
            _ => Call::Plain,
        }
    }
}

/// An exchange that is open, to whoever answers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open {
    /// Its stream.
    pub number: u32,
    /// By what name events speak of it.
    pub id: Id,
    /// What was asked.
    pub call: Call,
    /// The request's last byte has passed.
    pub request_ended: bool,
}

/// An open exchange.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stream {
    pub(super) number: u32,
    pub(super) id: Id,
    /// The request's last byte has passed.
    pub(super) request_ended: bool,
    /// The response's head has passed.
    pub(super) answered: bool,
    /// The response's last byte has passed.
    pub(super) response_ended: bool,
    pub(super) call: Call,
    /// It is over; it only waits for its place to be closed up.
    is_gone: bool,
    /// `grpc-status` so far.
    pub(super) grpc_status: Option<u32>,
    /// Bytes of the request's complete frames, and of the response's.
    bytes: [u64; 2],
}

impl Stream {
    /// Bytes of the complete frames from that side.
    pub(super) fn bytes(&self, from: Peer) -> u64 {
        let [request, response] = self.bytes;
        if from == Peer::Client { request } else { response }
    }

    /// So many more bytes from that side.
    pub(super) fn add(&mut self, from: Peer, bytes: u64) {
        let [request, response] = &mut self.bytes;
        let sum = if from == Peer::Client { request } else { response };
        *sum = sum.saturating_add(bytes);
    }
}

/// In the order of their numbers, which is the order of opening: a client's numbers only rise. So a stream is
/// found by bisection, whatever numbers a client chooses, and a GOAWAY takes from the end.
#[derive(Debug, Default)]
pub(super) struct Streams {
    list: Vec<Stream>,
    gone: usize,
    ids: Ids,
    last: u32,
    /// How many were open when the thread was lost.
    forgotten: usize,
}

/// A list this short is never closed up, and its memory is kept.
const SMALL: usize = 32;

impl Stream {
    /// The same, to whoever answers it.
    pub(super) fn open(&self) -> Open {
        let &Stream { number, id, call, request_ended, .. } = self;
        Open { number, id, call, request_ended }
    }
}

impl Streams {
    /// The highest number that a client has used.
    pub(super) fn last(&self) -> u32 {
        self.last
    }

    /// How many are open.
    pub(super) fn open_count(&self) -> usize {
        self.list.len() - self.gone + self.forgotten
    }

    /// Lets go of all but the counts.
    pub(super) fn forget(self) -> Streams {
        Streams { forgotten: self.open_count(), last: self.last, ..Streams::default() }
    }

    /// Opens the stream `number`, which is higher than all before.
    pub(super) fn open(&mut self, number: u32, call: Call) -> Result<Id, Lost> {
        if self.open_count() >= bounds::STREAMS {
            return Err(Lost::Streams);
        }
        let id = self.ids.take();
        self.push(number, id, call, [0; 2]);
        Ok(id)
    }

    /// Opens stream 1 for an exchange that was begun elsewhere, and has had so many bytes there.
    pub(super) fn adopt(&mut self, id: Id, bytes: [u64; 2]) {
        self.ids.claim(id);
        self.push(1, id, Call::Plain, bytes);
    }

    /// All that are open.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Stream> {
        self.list.iter().filter(|stream| !stream.is_gone)
    }

    fn push(&mut self, number: u32, id: Id, call: Call, bytes: [u64; 2]) {
        self.last = number;
        if self.list.capacity() == 0 {
            // Many clients have one at a time.
            self.list.reserve_exact(1);
        }
        self.list.push(Stream {
            number,
            id,
            request_ended: false,
            answered: false,
            response_ended: false,
            call,
            is_gone: false,
            grpc_status: None,
            bytes,
        });
    }

    /// The open stream with that number.
    pub(super) fn find(&mut self, number: u32) -> Option<&mut Stream> {
        let at = self.position(number)?;
        self.list.get_mut(at).filter(|stream| !stream.is_gone)
    }

    fn position(&self, number: u32) -> Option<usize> {
        // Most often the youngest is meant.
        match self.list.last() {
            Some(last) if last.number == number => Some(self.list.len() - 1),
            Some(last) if last.number < number => None,
            _ => self.list.binary_search_by_key(&number, |stream| stream.number).ok(),
        }
    }

    /// Ends a stream.
    pub(super) fn close(&mut self, number: u32) {
        if let Some(stream) = self.find(number) {
            stream.is_gone = true;
            let id = stream.id;
            self.ids.free(id);
            self.gone += 1;
            self.close_up();
        }
    }

    /// Removes what is gone, when it is half of the list.
    fn close_up(&mut self) {
        while self.list.last().is_some_and(|stream| stream.is_gone) {
            self.list.pop();
            self.gone -= 1;
        }
        if self.gone > SMALL && self.gone * 2 > self.list.len() {
            self.list.retain(|stream| !stream.is_gone);
            self.gone = 0;
        }
        if self.list.is_empty() {
            self.list.shrink_to(SMALL);
        }
    }

    /// Takes the open stream with the highest number, if that is above `last`.
    pub(super) fn take_above(&mut self, last: u32) -> Option<Stream> {
        // The last in the list is never one that is gone.
        let stream = *self.list.last().filter(|stream| stream.number > last)?;
        self.close(stream.number);
        Some(stream)
    }

    /// Bytes of memory owned.
    pub(super) fn owned(&self) -> usize {
        self.list.capacity() * size_of::<Stream>() + self.ids.owned()
    }
}
