//! The table of a connection's open HTTP exchanges.

use crate::access_log::{FIELD, TARGET};
use crate::base::time::Moment;
use crate::metrics::HttpId;
use crate::wire::event::{Id, RequestHead, Version};
use std::time::{Duration, SystemTime};

/// The exchanges of one connection that are open, by the id that its observer gives.
#[derive(Debug, Default)]
pub struct Exchanges {
    open: Vec<Option<Exchange>>,
}

/// The largest table that is worth keeping for another connection.
const LARGEST_SPARE: usize = 64;

impl Exchanges {
    /// One begins.
    pub fn begin(&mut self, id: Id, exchange: Exchange) {
        let place = usize::from(id.0);
        if self.open.len() <= place {
            self.open.resize_with(place + 1, || None);
        }
        if let Some(free) = self.open.get_mut(place) {
            *free = Some(exchange);
        }
    }

    /// One that is open.
    pub fn get(&mut self, id: Id) -> Option<&mut Exchange> {
        self.open.get_mut(usize::from(id.0))?.as_mut()
    }

    /// One ends.
    pub fn end(&mut self, id: Id) -> Option<Exchange> {
        let ended = self.open.get_mut(usize::from(id.0))?.take();
        // The last place is never a free one, so `last` need not search.
        while let Some(None) = self.open.last() {
            self.open.pop();
        }
        ended
    }

    /// The open one with the highest id.
    pub fn last(&self) -> Option<Id> {
        u16::try_from(self.open.len().checked_sub(1)?).ok().map(Id)
    }

    /// Whether the table is worth keeping for another connection.
    pub fn is_handy(&self) -> bool {
        self.open.capacity() <= LARGEST_SPARE
    }
}

/// What is known of an exchange.
#[derive(Debug)]
pub struct Exchange {
    /// Its series.
    pub series: HttpId,
    /// When the head of the request was complete.
    pub began: Moment,
    /// From the request's head to the response's.
    pub latency: Option<Duration>,
    /// The status of the response; 0 before it is known.
    pub status: u16,
    /// Its version.
    pub version: Version,
    /// It is a gRPC call.
    pub is_grpc: bool,
    /// The outcome stands in the metrics; what is left is the exchange's end.
    pub is_counted: bool,
    /// The request's last byte has passed.
    pub request_ended: bool,
    /// The response's last byte has passed.
    pub response_ended: bool,
    /// `grpc-status` of a response that has ended.
    pub grpc_status: Option<u32>,
    /// For the access log only.
    pub line: Option<Box<Line>>,
}

impl Exchange {
    /// One whose request's head is complete.
    pub fn begin(
        series: HttpId,
        began: Moment,
        version: Version,
        is_grpc: bool,
        line: Option<Box<Line>>,
    ) -> Exchange {
        Exchange {
            series,
            began,
            latency: None,
            status: 0,
            version,
            is_grpc,
            is_counted: false,
            request_ended: false,
            response_ended: false,
            grpc_status: None,
            line,
        }
    }
}

/// What the access log wants of a request's head, and of both messages.
#[derive(Debug)]
pub struct Line {
    /// Bytes of the request that have passed, at its end or whenever they were told last.
    pub request_bytes: u64,
    /// The same for the response.
    pub response_bytes: u64,
    /// The same as the exchange has, by the wall clock.
    pub began: SystemTime,
    /// The method.
    pub method: Box<[u8]>,
    /// Where it is addressed.
    pub authority: Box<[u8]>,
    /// The target.
    pub target: Box<[u8]>,
    /// `user-agent`.
    pub user_agent: Box<[u8]>,
    /// `referer`.
    pub referer: Box<[u8]>,
}

impl Line {
    /// Copies no more than the log will show and the one byte that says that there was more: with HTTP/2 a request of
    /// a few bytes may stand for a target of 64 KiB, on each of 4,096 streams.
    pub fn of(head: &RequestHead<'_>) -> Line {
        let field = |value: &[u8], most: usize| value.get(..=most).unwrap_or(value).into();
        Line {
            request_bytes: 0,
            response_bytes: 0,
            began: SystemTime::now(),
            method: field(head.method, FIELD),
            authority: field(head.authority, FIELD),
            target: field(head.target, TARGET),
            user_agent: field(head.user_agent, FIELD),
            referer: field(head.referer, FIELD),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Direction, Metrics, TargetLabel};

    fn exchange() -> Exchange {
        let addr = TargetLabel::Addr(([127, 0, 0, 1], 80).into());
        let mut metrics = Metrics::new();
        let target = metrics.target(Direction::Inbound, &addr);
        let (series, began, version) = (metrics.http(target, "a"), Moment::NEVER, Version::Http2);
        Exchange::begin(series, began, version, false, None)
    }

    #[test]
    fn the_last_is_the_open_one_with_the_highest_id() {
        let mut table = Exchanges::default();
        assert_eq!(table.last(), None);
        (0..4).for_each(|id| table.begin(Id(id), exchange()));
        let steps = [
            (1, true, Some(3)),
            (3, true, Some(2)),
            (2, true, Some(0)),
            (2, false, Some(0)),
            (0, true, None),
        ];
        for (id, was_open, last) in steps {
            assert_eq!(table.end(Id(id)).is_some(), was_open);
            assert_eq!(table.last(), last.map(Id));
        }
        table.begin(Id(2), exchange());
        assert_eq!((table.last(), table.get(Id(1)).is_some()), (Some(Id(2)), false));
    }

    #[test]
    fn a_line_keeps_what_the_log_shows_and_a_byte() {
        let (large, small) = (vec![b'a'; 64 << 10], b"GET".as_slice());
        let of = |method, text| {
            let (is_grpc, version) = (false, Version::Http2);
            let head = RequestHead {
                method,
                authority: text,
                target: text,
                version,
                is_grpc,
                user_agent: text,
                referer: text,
            };
            let line = Line::of(&head);
            [line.method, line.authority, line.target, line.user_agent, line.referer].map(|kept| kept.len())
        };
        assert_eq!(of(&large, &large), [257, 257, 2049, 257, 257]);
        assert_eq!(of(small, b""), [3, 0, 0, 0, 0]);
    }
}
