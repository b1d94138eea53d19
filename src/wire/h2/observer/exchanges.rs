//! What header blocks, ends and resets mean for the exchanges: events.

use super::{NO_ERROR, Observer, PROTOCOL_ERROR};
use crate::wire::event::{Event, Peer, Sink};
use crate::wire::h2::fields::{Field, Request, Response};
use crate::wire::h2::frame::Lost;
use crate::wire::h2::reader::Opened;
use crate::wire::h2::scratch::Scratch;
use crate::wire::h2::streams::{Call, Stream};

impl Observer {
    /// HEADERS of the client: a request's head, or its trailers.
    pub(super) fn request(
        &mut self,
        opened: Opened,
        bytes: &[u8],
        scratch: &mut Scratch,
        sink: &mut dyn Sink,
    ) -> Result<(), Lost> {
        let number = opened.stream;
        if number.is_multiple_of(2) {
            return Err(Lost::StreamNumber);
        }
        let Scratch { decoded, text, is_keeping, kept, .. } = scratch;
        text.clear();
        let mut fields = Request::default();
        if std::mem::take(is_keeping) {
            kept.clear();
            let take = |field: Field<'_>| {
                kept.add(field);
                fields.take(field, text);
            };
            self.client.decoder.decode(bytes, decoded, take)?;
        } else {
            self.client.decoder.decode(bytes, decoded, |field| fields.take(field, text))?;
        }
        if number > self.streams.last() {
            let head = fields.head(text);
            let id = self.streams.open(number, Call::of(&head))?;
            sink.event(Event::Request { id, head });
        }
        if let Some(stream) = self.streams.find(number) {
            stream.add(Peer::Client, opened.bytes);
        }
        if opened.is_end {
            self.request_ended(number, sink);
        }
        if let Some((last, code)) = self.goaway
            && number > last
        {
            self.give_up(number, Peer::Server, code, sink);
        }
        Ok(())
    }

    /// HEADERS of the server: an interim head, the final one, or trailers.
    pub(super) fn response(&mut self, opened: Opened, fields: &Response, sink: &mut dyn Sink) {
        let number = opened.stream;
        let Some(stream) = self.streams.find(number).filter(|stream| !stream.response_ended) else {
            return;
        };
        stream.add(Peer::Server, opened.bytes);
        let id = stream.id;
        let grpc_status = fields.grpc_status;
        if !stream.answered {
            match fields.status {
                Some(status @ (100 | 102..200)) if !opened.is_end => {
                    sink.event(Event::Informational { id, status });
                }
                Some(status @ 200..) => {
                    stream.answered = true;
                    stream.grpc_status = grpc_status;
                    let is_tunnel = stream.call == Call::Connect && status < 300;
                    sink.event(Event::Response { id, status, grpc_status });
                    if is_tunnel {
                        sink.event(Event::Tunnel { id });
                    }
                }
                _ => return self.give_up(number, Peer::Server, PROTOCOL_ERROR, sink),
            }
        } else if grpc_status.is_some() {
            stream.grpc_status = grpc_status;
        }
        if opened.is_end {
            self.response_ended(number, sink);
        }
    }

    pub(super) fn data(&mut self, from: Peer, number: u32, is_end: bool, bytes: u64, sink: &mut dyn Sink) {
        let Some(stream) = self.streams.find(number) else {
            return;
        };
        stream.add(from, bytes);
        if from == Peer::Server && !stream.answered {
            self.give_up(number, Peer::Server, PROTOCOL_ERROR, sink);
        } else if is_end && from == Peer::Server {
            self.response_ended(number, sink);
        } else if is_end {
            self.request_ended(number, sink);
        }
    }

    pub(super) fn request_ended(&mut self, number: u32, sink: &mut dyn Sink) {
        let Some(stream) = self.streams.find(number).filter(|stream| !stream.request_ended) else {
            return;
        };
        stream.request_ended = true;
        let stream = *stream;
        if stream.response_ended {
            self.streams.close(number);
        }
        self.measured(&stream, Peer::Client, sink);
        sink.event(Event::RequestEnd { id: stream.id });
    }

    pub(super) fn response_ended(&mut self, number: u32, sink: &mut dyn Sink) {
        let Some(stream) = self.streams.find(number).filter(|stream| !stream.response_ended) else {
            return;
        };
        stream.response_ended = true;
        let stream = *stream;
        if stream.request_ended {
            self.streams.close(number);
        }
        self.measured(&stream, Peer::Server, sink);
        sink.event(Event::ResponseEnd { id: stream.id, grpc_status: stream.grpc_status });
    }

    pub(super) fn reset(&mut self, from: Peer, number: u32, code: u32, sink: &mut dyn Sink) {
        let is_enough = self.streams.find(number).is_some_and(|stream| stream.response_ended);
        if is_enough && from == Peer::Server && code == NO_ERROR {
            self.request_ended(number, sink);
        } else {
            self.give_up(number, from, code, sink);
        }
    }

    /// GOAWAY of the server. A later one can only leave out more.
    pub(super) fn goaway(&mut self, last: u32, code: u32, sink: &mut dyn Sink) {
        let last = self.goaway.map_or(last, |(before, _)| before.min(last));
        self.goaway = Some((last, code));
        while let Some(stream) = self.streams.take_above(last) {
            self.given_up(&stream, Peer::Server, code, sink);
        }
    }

    pub(super) fn give_up(&mut self, number: u32, by: Peer, code: u32, sink: &mut dyn Sink) {
        if let Some(stream) = self.streams.find(number) {
            let stream = *stream;
            self.streams.close(number);
            self.given_up(&stream, by, code, sink);
        }
    }

    pub(super) fn given_up(&self, stream: &Stream, by: Peer, code: u32, sink: &mut dyn Sink) {
        self.measured(stream, Peer::Client, sink);
        self.measured(stream, Peer::Server, sink);
        sink.event(Event::Reset { id: stream.id, by, code });
    }

    /// Tells how many bytes a stream has had from `by`.
    pub(super) fn measured(&self, stream: &Stream, by: Peer, sink: &mut dyn Sink) {
        let passed = self.side(by).reader.passed(stream.number);
        sink.measured(stream.id, by, stream.bytes(by).saturating_add(passed));
    }
}
