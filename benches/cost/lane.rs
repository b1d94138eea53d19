//! What a turn of a lane costs in user space: a read, a look and a write, between two sockets over loopback.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use mio::{Events, Interest, Poll, Token};
use wayside::base::end::End;
use wayside::flow::lane::{Lane, Progress, Watcher};
use wayside::kit::Kit;

use crate::harness::{Case, Subject, case};
use crate::worker::Stage;

/// As much as a small message.
const MESSAGE: &[u8] = &[7; 100];

pub(crate) fn cases() -> Vec<Case> {
    vec![case("lane/copy", 1, Copying::new)]
}

/// It sees all, and lets all pass.
struct Seer;

impl Watcher for Seer {
    fn unseen(&self) -> u64 {
        0
    }

    fn is_strict(&self, _: &Kit) -> bool {
        false
    }

    fn skipped(&mut self, _: u64, _: &mut Kit) {}

    fn look(&mut self, bytes: &[u8], _: &mut Kit) -> usize {
        bytes.len()
    }
}

/// Both ends of a connection; the second does not block.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
    let far = TcpStream::connect(listener.local_addr().expect("an address")).expect("a connection");
    far.set_nodelay(true).expect("a socket");
    let (near, _) = listener.accept().expect("it is there");
    near.set_nonblocking(true).expect("a socket");
    near.set_nodelay(true).expect("a socket");
    (far, near)
}

struct Copying {
    stage: Stage,
    poll: Poll,
    events: Events,
    lane: Lane,
    ends: [End; 2],
    from: TcpStream,
    to: TcpStream,
}

impl Copying {
    fn new() -> Copying {
        let stage = Stage::new(&[]);
        let poll = Poll::new().expect("epoll");
        let ((from, source), (to, sink)) = (pair(), pair());
        let mut ends = [source, sink].map(|stream| End::dialled(mio::net::TcpStream::from_std(stream)));
        for (number, end) in ends.iter_mut().enumerate() {
            let both = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut end.stream, Token(number), both).expect("registered");
        }
        Copying { stage, poll, events: Events::with_capacity(16), lane: Lane::default(), ends, from, to }
    }
}

impl Subject for Copying {
    fn prepare(&mut self) {
        if self.lane.taken > 0 {
            self.to.read_exact(&mut [0; MESSAGE.len()]).expect("the message before");
        }
        self.from.write_all(MESSAGE).expect("room");
        while !self.ends[0].ready.is_readable() || !self.ends[1].ready.is_writable() {
            self.poll.poll(&mut self.events, None).expect("events");
            for event in &self.events {
                self.ends[event.token().0].ready.mark(event);
            }
        }
    }

    fn call(&mut self) {
        let [source, sink] = &mut self.ends;
        let progress = self.lane.turn(source, sink, self.stage.worker.kit(), &mut Seer);
        assert!(matches!(progress, Ok(Progress::Waits)));
    }
}
