//! How many connections a turn of the loop accepts: neither those that are there nor the new ones wait for all of the others.

use mio::Events;
use socket2::SockRef;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};
use wayside::config::{self, Sources};
use wayside::worker::Worker;

/// More than a turn ever accepts.
const MANY: usize = 100;
const LIMIT: Duration = Duration::from_secs(10);

/// A worker that is turned by hand, with forwards to one server.
struct Stage {
    worker: Worker,
    events: Events,
    server: TcpListener,
}

impl Stage {
    fn new(forwards: usize, options: &[(&'static str, &str)]) -> Stage {
        let server = TcpListener::bind("127.0.0.1:0").expect("a listener");
        server.set_nonblocking(true).expect("a listener");
        let forward = format!("127.0.0.1:0={}", server.local_addr().expect("its address"));
        let ours =
            ["inbound-listen", "outbound-listen", "admin-listen"].map(|name| (name, vec!["off".to_owned()]));
        let given = options.iter().map(|&(name, value)| (name, vec![value.to_owned()]));
        let flags = ours.into_iter().chain(given).chain([("forward", vec![forward; forwards])]).collect();
        let config = config::load(Sources { flags, ..Sources::default() }).expect("a configuration").config;
        let worker = Worker::start(config).expect("a worker");
        Stage { worker, events: Events::with_capacity(1024), server }
    }

    fn addr(&self, forward: usize) -> SocketAddr {
        self.worker.listeners()[forward].addr
    }

    fn connect(&self, forward: usize, count: usize) -> Vec<TcpStream> {
        (0..count).map(|_| TcpStream::connect(self.addr(forward)).expect("connects")).collect()
    }

    fn turn(&mut self) {
        assert!(!self.worker.turn(&mut self.events).expect("a turn"), "ended by a signal");
    }

    /// The connections that the worker has made to the server.
    fn dialled(&self) -> Vec<TcpStream> {
        let mut found = Vec::new();
        loop {
            match self.server.accept() {
                Ok((stream, _)) => found.push(stream),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return found,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// The same, when there are at least `least`.
    fn dialled_at_least(&self, least: usize) -> Vec<TcpStream> {
        let began = Instant::now();
        let mut found = self.dialled();
        while found.len() < least {
            assert!(began.elapsed() < LIMIT, "{} of {least}", found.len());
            found.extend(self.dialled());
        }
        found
    }

    /// So many connections that carry bytes.
    fn busy(&mut self, count: usize) -> Vec<(TcpStream, TcpStream)> {
        let mut pairs = Vec::new();
        for _ in 0..count {
            let mut client = self.connect(0, 1).remove(0);
            client.write_all(&[0; 8]).expect("to write");
            let mut dialled = Vec::new();
            while dialled.is_empty() {
                self.turn();
                dialled = self.dialled();
            }
            let mut server = dialled.remove(0);
            server.set_nonblocking(true).expect("a socket");
            while server.read(&mut [0; 8]).is_err() {
                self.turn();
            }
            pairs.push((client, server));
        }
        pairs
    }
}

#[test]
fn a_few_are_accepted_where_little_is_to_be_served() {
    let mut stage = Stage::new(1, &[]);
    let _clients = stage.connect(0, MANY);
    stage.turn();
    assert_eq!(stage.dialled_at_least(8).len(), 8);
}

#[test]
fn as_many_are_accepted_as_were_served() {
    const BUSY: usize = 40;
    let mut stage = Stage::new(1, &[]);
    let pairs = stage.busy(BUSY);
    for (client, _) in &pairs {
        let mut client = client;
        client.write_all(&[1; 8]).expect("to write");
    }
    let _clients = stage.connect(0, MANY);
    stage.turn();
    let accepted = stage.dialled_at_least(BUSY).len();
    assert!((BUSY..=64).contains(&accepted), "{accepted} accepted");
}

#[test]
fn all_are_accepted_in_the_end() {
    let mut stage = Stage::new(1, &[]);
    let _clients = stage.connect(0, MANY);
    let mut accepted = Vec::new();
    while accepted.len() < MANY {
        stage.turn();
        accepted.extend(stage.dialled());
    }
}

#[test]
fn at_the_limit_no_listener_takes_every_place() {
    const PLACES: usize = 4;
    let mut stage = Stage::new(2, &[("max-connections", "1")]);
    let clients = [0, 1].map(|forward| stage.connect(forward, PLACES));
    for (name, of) in (0..).zip(&clients) {
        of.iter().for_each(|mut client| client.write_all(&[name]).expect("to write"));
    }
    let mut served = [0; 2];
    for _ in 0..PLACES {
        let mut dialled = stage.dialled();
        while dialled.is_empty() {
            stage.turn();
            dialled = stage.dialled();
        }
        let mut stream = dialled.remove(0);
        stream.set_nonblocking(true).expect("a socket");
        let mut name = [0];
        while stream.read(&mut name).is_err() {
            stage.turn();
        }
        served[usize::from(name[0])] += 1;
        // A reset is the end of the whole, and makes room for another.
        SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
    }
    assert!(served.iter().all(|&count| count > 0), "{served:?} of the two listeners");
}
