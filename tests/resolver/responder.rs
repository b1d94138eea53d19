//! A small DNS responder on loopback, and a loop around a `Resolver` whose clock the test sets.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::{Events, Poll};
use simple_dns::rdata::{A, AAAA, CNAME, RData, SOA};
use simple_dns::{CLASS, Name, Packet, PacketFlag, QTYPE, RCODE, ResourceRecord, TYPE};
use wayside::base::token::Source;
use wayside::resolve::{Answer, Failure, Guest, NameId, Resolver, Settings};

/// A question as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) name: String,
    pub(crate) v6: bool,
    pub(crate) tcp: bool,
    /// 1 is 127.0.0.1, and so on.
    pub(crate) server: u8,
    pub(crate) from: SocketAddr,
    pub(crate) id: u16,
    bytes: Vec<u8>,
}

impl Asked {
    fn parse(bytes: &[u8], tcp: bool, server: u8, from: SocketAddr) -> Asked {
        let packet = Packet::parse(bytes).expect("a well-formed question");
        let question = &packet.questions[0];
        let v6 = question.qtype == QTYPE::TYPE(TYPE::AAAA);
        Asked {
            name: question.qname.to_string(),
            v6,
            tcp,
            server,
            from,
            id: packet.id(),
            bytes: bytes.to_vec(),
        }
    }

    /// The reply with these records of the asked family: `owner ttl type data`; `SOA`'s data is the minimum.
    pub(crate) fn reply(&self, code: RCODE, lines: &[&str]) -> Vec<u8> {
        self.packet(code, lines).build_bytes_vec_compressed().unwrap()
    }

    /// Whether it comes with EDNS0: a record in its additional section.
    pub(crate) fn has_edns(&self) -> bool {
        self.bytes[10..12] != [0, 0]
    }

    /// The same, cut as too long.
    pub(crate) fn cut(&self) -> Vec<u8> {
        let mut packet = self.packet(RCODE::NoError, &[]);
        packet.set_flags(PacketFlag::TRUNCATION);
        packet.build_bytes_vec().unwrap()
    }

    fn packet<'a>(&'a self, code: RCODE, lines: &[&'a str]) -> Packet<'a> {
        let mut packet = Packet::parse(&self.bytes).unwrap().into_reply();
        packet.set_flags(PacketFlag::RECURSION_DESIRED | PacketFlag::RECURSION_AVAILABLE);
        *packet.rcode_mut() = code;
        for line in lines {
            let words: Vec<&str> = line.split_whitespace().collect();
            let data = match words[2] {
                "A" if self.v6 => continue,
                "AAAA" if !self.v6 => continue,
                "A" => RData::A(A::from(words[3].parse::<Ipv4Addr>().unwrap())),
                "AAAA" => RData::AAAA(AAAA::from(words[3].parse::<std::net::Ipv6Addr>().unwrap())),
                "CNAME" => RData::CNAME(CNAME(Name::new_unchecked(words[3]))),
                _ => RData::SOA(SOA {
                    mname: Name::new_unchecked("ns"),
                    rname: Name::new_unchecked("me"),
                    serial: 1,
                    refresh: 1,
                    retry: 1,
                    expire: 1,
                    minimum: words[3].parse().unwrap(),
                }),
            };
            let authority = matches!(data, RData::SOA(_));
            let record = ResourceRecord::new(
                Name::new_unchecked(words[0]),
                CLASS::IN,
                words[1].parse().unwrap(),
                data,
            );
            if authority { packet.name_servers.push(record) } else { packet.answers.push(record) }
        }
        packet
    }
}

/// What to send back. Nothing at all: silence (over TCP: the connection stays open until the end).
#[derive(Debug, Clone)]
pub(crate) enum Say {
    Reply(Vec<u8>),
    /// From another socket than the one that was asked.
    FromElsewhere(Vec<u8>),
    /// TCP: these bytes as they are, without a length.
    Raw(Vec<u8>),
    /// TCP: close.
    Close,
}

type Handler = Box<dyn FnMut(&Asked) -> Vec<Say> + Send>;

/// Servers 127.0.0.1 to 127.0.0.N on one port, UDP and TCP.
pub(crate) struct Responder {
    pub(crate) port: u16,
    asked: Arc<Mutex<Vec<Asked>>>,
    handler: Arc<Mutex<Handler>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Responder {
    pub(crate) fn start(servers: u8, handler: impl FnMut(&Asked) -> Vec<Say> + Send + 'static) -> Responder {
        let addresses: Vec<IpAddr> = (1..=servers).map(|last| [127, 0, 0, last].into()).collect();
        Responder::on(&addresses, handler)
    }

    /// The same on these addresses.
    pub(crate) fn on(
        addresses: &[IpAddr],
        handler: impl FnMut(&Asked) -> Vec<Say> + Send + 'static,
    ) -> Responder {
        let sockets =
            (0..100).find_map(|_| bind(addresses).ok()).expect("a port that is free on all addresses");
        let port = sockets[0].0.local_addr().unwrap().port();
        let handler: Arc<Mutex<Handler>> = Arc::new(Mutex::new(Box::new(handler)));
        let (asked, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let mut threads = Vec::new();
        for (number, (udp, tcp)) in (1..).zip(sockets) {
            let answer = {
                let (asked, handler) = (Arc::clone(&asked), Arc::clone(&handler));
                move |bytes: &[u8], over_tcp, from| {
                    let question = Asked::parse(bytes, over_tcp, number, from);
                    asked.lock().unwrap().push(question.clone());
                    handler.lock().unwrap()(&question)
                }
            };
            let (stop_udp, stop_tcp, answer_tcp) = (Arc::clone(&stop), Arc::clone(&stop), answer.clone());
            threads.push(std::thread::spawn(move || serve_udp(&udp, &stop_udp, answer)));
            threads.push(std::thread::spawn(move || serve_tcp(&tcp, &stop_tcp, answer_tcp)));
        }
        Responder { port, asked, handler, stop, threads }
    }

    /// From now on.
    pub(crate) fn answer(&self, handler: impl FnMut(&Asked) -> Vec<Say> + Send + 'static) {
        *self.handler.lock().unwrap() = Box::new(handler);
    }

    /// How many questions came since the last [`Responder::asked`].
    pub(crate) fn heard(&self) -> usize {
        self.asked.lock().unwrap().len()
    }

    /// Waits until [`Responder::heard`] is `count`.
    pub(crate) fn wait_for(&self, count: usize) {
        let began = Instant::now();
        while self.heard() < count {
            assert!(began.elapsed() < Duration::from_secs(10), "{} questions, not {count}", self.heard());
            std::thread::sleep(TICK / 4); // pace: of asking again, up to a deadline
        }
    }

    /// What was asked since the last call.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn bind(addresses: &[IpAddr]) -> std::io::Result<Vec<(UdpSocket, TcpListener)>> {
    let mut port = 0;
    let both = addresses.iter().map(|&address| {
        let udp = UdpSocket::bind((address, port))?;
        port = udp.local_addr()?.port();
        Ok((udp, TcpListener::bind((address, port))?))
    });
    both.collect()
}

const TICK: Duration = Duration::from_millis(20);

fn serve_udp(socket: &UdpSocket, stop: &AtomicBool, answer: impl Fn(&[u8], bool, SocketAddr) -> Vec<Say>) {
    socket.set_read_timeout(Some(TICK)).unwrap();
    let mut bytes = [0; 4096];
    while !stop.load(Ordering::Relaxed) {
        let Ok((length, from)) = socket.recv_from(&mut bytes) else { continue };
        for say in answer(&bytes[..length], false, from) {
            match say {
                Say::Reply(reply) => drop(socket.send_to(&reply, from)),
                Say::FromElsewhere(reply) => {
                    let other = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
                    other.send_to(&reply, from).unwrap();
                }
                other => panic!("not over UDP: {other:?}"),
            }
        }
    }
}

fn serve_tcp(
    listener: &TcpListener,
    stop: &AtomicBool,
    answer: impl Fn(&[u8], bool, SocketAddr) -> Vec<Say>,
) {
    listener.set_nonblocking(true).unwrap();
    let mut open = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        match listener.accept() {
            Ok((stream, from)) => open.extend(converse(stream, from, &answer)),
            Err(_) => std::thread::sleep(TICK / 4), // pace: of asking again
        }
    }
}

/// One question; the stream comes back if it is to stay open.
fn converse(
    mut stream: TcpStream,
    from: SocketAddr,
    answer: impl Fn(&[u8], bool, SocketAddr) -> Vec<Say>,
) -> Option<TcpStream> {
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut length = [0; 2];
    stream.read_exact(&mut length).ok()?;
    let mut question = vec![0; u16::from_be_bytes(length).into()];
    stream.read_exact(&mut question).ok()?;
    for say in answer(&question, true, from) {
        match say {
            Say::Reply(reply) => {
                let bytes = [&(reply.len() as u16).to_be_bytes(), &*reply].concat();
                // In pieces: first one byte, so that the length itself is torn.
                let (first, rest) = bytes.split_at(1);
                for piece in std::iter::once(first).chain(rest.chunks(1500)) {
                    stream.write_all(piece).ok()?;
                    std::thread::sleep(Duration::from_millis(1)); // pace: of the torn reply
                }
            }
            Say::Raw(bytes) => stream.write_all(&bytes).ok()?,
            Say::Close => return None,
            Say::FromElsewhere(_) => panic!("not over TCP"),
        }
    }
    Some(stream)
}

/// A resolver in a loop of its own. Time stands still unless the test moves it.
pub(crate) struct Bench {
    pub(crate) resolver: Resolver,
    pub(crate) now: Instant,
    pub(crate) poll: Poll,
    pub(crate) settled: Vec<NameId>,
    dir: PathBuf,
}

impl Bench {
    /// `options` is what resolv.conf says besides its servers.
    pub(crate) fn new(responder: &Responder, servers: &[&str], options: &str, hosts: &str) -> Bench {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("wayside-resolver-{}-{count}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let servers: String = servers.iter().map(|server| format!("nameserver {server}\n")).collect();
        std::fs::write(dir.join("resolv.conf"), format!("{servers}{options}\n")).unwrap();
        std::fs::write(dir.join("hosts"), hosts).unwrap();
        let settings =
            Settings { resolv_conf: dir.join("resolv.conf"), hosts: dir.join("hosts"), port: responder.port };
        let resolver = Resolver::new(settings);
        Bench { resolver, now: Instant::now(), poll: Poll::new().unwrap(), settled: Vec::new(), dir }
    }

    /// Writes `resolv.conf` or `hosts` anew.
    pub(crate) fn write(&self, file: &str, text: &str) {
        std::fs::write(self.dir.join(file), text).unwrap();
    }

    /// What is known of `host` now; `None`: pending.
    pub(crate) fn ask(&mut self, host: &str) -> Option<Result<Vec<IpAddr>, Failure>> {
        let id = self.resolver.name(host);
        self.told(id)
    }

    /// What is known of `id` now; `None`: pending.
    pub(crate) fn told(&mut self, id: NameId) -> Option<Result<Vec<IpAddr>, Failure>> {
        match self.resolver.addresses(id, self.now, self.poll.registry()) {
            Answer::Addresses(addresses) => Some(Ok(addresses.to_vec())),
            Answer::Failed(failure) => Some(Err(failure)),
            Answer::Pending => None,
        }
    }

    /// The id of a name that the client 10.9.9.`client` sends.
    pub(crate) fn guest(&mut self, client: u8, host: &str) -> Result<NameId, Failure> {
        match self.resolver.guest(host, IpAddr::from([10, 9, 9, client]).into(), self.now)? {
            Guest::Name(id) => Ok(id),
            Guest::Address(address) => panic!("{host} is {address}"),
        }
    }

    /// What that client is told of a name now; `None`: pending.
    pub(crate) fn asks(&mut self, client: u8, host: &str) -> Option<Result<Vec<IpAddr>, Failure>> {
        match self.guest(client, host) {
            Ok(id) => self.told(id),
            Err(failure) => Some(Err(failure)),
        }
    }

    /// Waits up to `time` for events and hands them on; false where none came.
    pub(crate) fn turn(&mut self, time: Duration) -> bool {
        let mut events = Events::with_capacity(64);
        self.poll.poll(&mut events, Some(time)).unwrap();
        for event in &events {
            match Source::of(event.token()) {
                Source::Resolver(number) => self.resolver.ready(number, self.now, self.poll.registry()),
                other => panic!("{other:?}"),
            }
        }
        self.collect();
        !events.is_empty()
    }

    fn collect(&mut self) {
        self.settled.extend(std::iter::from_fn(|| self.resolver.settled()));
    }

    /// Moves the clock.
    pub(crate) fn pass(&mut self, seconds: f64) {
        self.now += Duration::from_secs_f64(seconds);
        self.resolver.expire(self.now, self.poll.registry());
        self.collect();
    }

    /// Lets events come until no lookup is under way.
    pub(crate) fn finish(&mut self) {
        while self.resolver.next_deadline().is_some() {
            assert!(self.turn(Duration::from_secs(10)), "no reply, and the clock stands still");
        }
    }

    /// The result for `host`, by replies alone: the clock stands still.
    pub(crate) fn resolve(&mut self, host: &str) -> Result<Vec<IpAddr>, Failure> {
        loop {
            if let Some(result) = self.ask(host) {
                return result;
            }
            assert!(self.turn(Duration::from_secs(10)), "{host}: no reply, and the clock stands still");
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}
