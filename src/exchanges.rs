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
        if self.open.capacity() == 0 {
            // Most have one at a time, and a tunnel has no other for as long as it lives.
            self.open.reserve_exact(1);
        }
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

    /// Those that are not counted as requests yet.
    pub fn uncounted(&mut self) -> impl Iterator<Item = &mut Exchange> {
        self.open.iter_mut().flatten().filter(|exchange| exchange.series.is_none())
    }

    /// One ends.
    pub fn end(&mut self, id: Id) -> Option<Exchange> {
        let ended = self.open.get_mut(usize::from(id.0))?.take();
        // Of an empty table nothing is left, and the places are free to be taken again from the first on.
        while let Some(None) = self.open.last() {
            self.open.pop();
        }
        ended
    }

    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Those that are open, in the order in which they began.
    pub fn in_order(&self) -> Vec<Id> {
        let open = (0..).map(Id).zip(&self.open);
        let mut found: Vec<_> = open.filter_map(|(id, place)| Some((place.as_ref()?.began, id))).collect();
        found.sort_by_key(|(began, id)| (*began, id.0));
        found.into_iter().map(|(_, id)| id).collect()
    }

    /// Whether the table is worth keeping for another connection.
    pub fn is_handy(&self) -> bool {
        self.open.capacity() <= LARGEST_SPARE
    }
}

/// What is known of an exchange.
#[derive(Debug)]
pub struct Exchange {
    /// Its series; none before it is known where a steered request goes.
    pub series: Option<HttpId>,
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
        series: Option<HttpId>,
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
    pub method: Vec<u8>,
    /// Where it is addressed.
    pub authority: Vec<u8>,
    /// The target.
    pub target: Vec<u8>,
    /// `user-agent`.
    pub user_agent: Vec<u8>,
    /// `referer`.
    pub referer: Vec<u8>,
}

/// Lines that are free for the next exchange, so that logging one takes nothing from the heap.
#[derive(Debug, Default)]
pub struct Lines {
    #[expect(clippy::vec_box, reason = "the boxes move between here and the exchanges")]
    free: Vec<Box<Line>>,
}

/// Lines kept at most; the rest go back to the heap. As much as 256 requests in flight need: mostly 60 KiB, at worst 800.
const FREE_LINES: usize = 256;

impl Lines {
    /// One that begins with `head`.
    ///
    /// Copies no more than the log will show and the one byte that says that there was more: with HTTP/2 a request of
    /// a few bytes may stand for a target of 64 KiB, on each of 4,096 streams.
    pub fn begin(&mut self, head: &RequestHead<'_>) -> Box<Line> {
        let old = self.free.pop();
        let mut line = old.unwrap_or_else(|| Box::new(Line::new()));
        (line.request_bytes, line.response_bytes, line.began) = (0, 0, SystemTime::now());
        copy(head.method, FIELD, &mut line.method);
        copy(head.authority, FIELD, &mut line.authority);
        copy(head.target, TARGET, &mut line.target);
        copy(head.user_agent, FIELD, &mut line.user_agent);
        copy(head.referer, FIELD, &mut line.referer);
        line
    }

    /// Takes one back.
    pub fn end(&mut self, line: Box<Line>) {
        if self.free.len() < FREE_LINES {
            self.free.push(line);
        }
    }
}

impl Line {
    fn new() -> Line {
        let [method, authority, target, user_agent, referer] = Default::default();
        let (request_bytes, response_bytes, began) = (0, 0, SystemTime::UNIX_EPOCH);
        Line { request_bytes, response_bytes, began, method, authority, target, user_agent, referer }
    }
}

fn copy(value: &[u8], most: usize, to: &mut Vec<u8>) {
    let value = value.get(..=most).unwrap_or(value);
    to.clear();
    to.reserve_exact(value.len());
    to.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Direction, Metrics, TargetLabel};

    fn exchange() -> Exchange {
        let addr = TargetLabel::Addr(([127, 0, 0, 1], 80).into());
        let mut metrics = Metrics::new();
        let target = metrics.target(Direction::Inbound, &addr);
        let (series, began, version) = (Some(metrics.http(target, "a")), Moment::NEVER, Version::Http2);
        Exchange::begin(series, began, version, false, None)
    }

    #[test]
    fn the_open_ones_come_in_the_order_in_which_they_began() {
        let mut table = Exchanges::default();
        assert!(table.is_empty() && table.in_order().is_empty());
        for (id, at) in [(2, 10), (0, 20), (3, 10), (1, 5)] {
            table.begin(Id(id), Exchange { began: Moment::from_micros(at), ..exchange() });
        }
        assert_eq!(table.in_order(), [1, 2, 3, 0].map(Id));
        assert!(table.end(Id(3)).is_some() && table.end(Id(3)).is_none());
        assert_eq!(table.in_order(), [1, 2, 0].map(Id));
        [0, 1, 2].into_iter().for_each(|id| drop(table.end(Id(id))));
        assert!(table.is_empty() && table.get(Id(1)).is_none());
    }

    #[test]
    fn a_line_keeps_what_the_log_shows_and_a_byte() {
        let (large, small) = (vec![b'a'; 64 << 10], b"GET".as_slice());
        let mut lines = Lines::default();
        let mut of = |method, text| {
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
            let line = lines.begin(&head);
            let kept = [&line.method, &line.authority, &line.target, &line.user_agent, &line.referer];
            let lengths = kept.map(Vec::len);
            lines.end(line);
            lengths
        };
        assert_eq!(of(&large, &large), [257, 257, 2049, 257, 257]);
        assert_eq!(of(small, b""), [3, 0, 0, 0, 0]);
    }
}
