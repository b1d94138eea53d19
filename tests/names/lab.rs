//! A wayside whose resolv.conf and hosts file are the test's, in a mount namespace, and a name server on port 53 of some
//! 127.x.y.z.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use simple_dns::rdata::{A, AAAA, RData};
use simple_dns::{CLASS, Packet, PacketFlag, QTYPE, RCODE, ResourceRecord, TYPE};

use crate::support::{Launch, Random, TempDir, Wayside, have, is_root, seed};

/// What the name server does with every question.
#[derive(Debug, Default)]
struct Zone {
    /// Name, addresses, TTL. A name that is not there does not exist.
    names: HashMap<String, (Vec<IpAddr>, u32)>,
    /// It hears, and says nothing.
    silent: bool,
    /// It says nothing of names that begin so.
    dead: Option<String>,
    /// It thinks for so long.
    delay: Duration,
}

/// The name server and the two files.
#[derive(Debug)]
pub(crate) struct Lab {
    zone: Arc<Mutex<Zone>>,
    asked: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    hosts: PathBuf,
    resolv_conf: PathBuf,
    _dir: TempDir,
}

impl Lab {
    /// Says why where this machine cannot have one.
    pub(crate) fn new() -> Result<Lab, String> {
        if !is_root() {
            return Err("only root may have a mount namespace and port 53".to_owned());
        }
        let unshare = have("unshare").ok_or("there is no unshare")?;
        let mut probe = std::process::Command::new(unshare);
        if !probe.args(["-m", "true"]).output().is_ok_and(|it| it.status.success()) {
            return Err("this machine allows no mount namespace".to_owned());
        }
        let mut random = Random::new(seed());
        let mut part = || random.between(2, 250) as u8;
        let mut bind = || UdpSocket::bind((Ipv4Addr::new(127, part(), part(), part()), 53));
        let socket = (0..10).find_map(|_| bind().ok()).ok_or("port 53 cannot be had on any 127.x.y.z")?;
        let server = socket.local_addr().expect("its address").ip();
        let dir = TempDir::new();
        let hosts = dir.file("hosts", "");
        let resolv_conf =
            dir.file("resolv.conf", format!("nameserver {server}\noptions timeout:1 attempts:1\n"));
        let (zone, asked, stop) = <(Arc<Mutex<Zone>>, Arc<AtomicUsize>, Arc<AtomicBool>)>::default();
        let theirs = (Arc::clone(&zone), Arc::clone(&asked), Arc::clone(&stop));
        let thread = std::thread::spawn(move || serve(&socket, &theirs.0, &theirs.1, &theirs.2));
        Ok(Lab { zone, asked, stop, thread: Some(thread), hosts, resolv_conf, _dir: dir })
    }

    fn zone(&self) -> MutexGuard<'_, Zone> {
        self.zone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The name has these addresses from now on.
    pub(crate) fn set(&self, name: &str, addrs: &[&str], ttl: u32) {
        let addrs = addrs.iter().map(|addr| addr.parse().expect("an address")).collect();
        self.zone().names.insert(name.to_owned(), (addrs, ttl));
    }

    /// The name server says nothing from now on, or does again.
    pub(crate) fn silence(&self, silent: bool) {
        self.zone().silent = silent;
    }

    /// The name server says nothing of names that begin so from now on.
    pub(crate) fn dead(&self, beginning: &str) {
        self.zone().dead = Some(beginning.to_owned());
    }

    /// What resolv.conf says besides the server: `timeout:1 attempts:1` unless this is called, before wayside starts.
    pub(crate) fn options(&self, options: &str) {
        let text = std::fs::read_to_string(&self.resolv_conf).expect("resolv.conf");
        let server = text.lines().next().expect("its first line");
        std::fs::write(&self.resolv_conf, format!("{server}\noptions {options}\n")).expect("resolv.conf");
    }

    /// The name server takes so long for an answer from now on.
    pub(crate) fn delay(&self, delay: Duration) {
        self.zone().delay = delay;
    }

    /// The whole hosts file.
    pub(crate) fn hosts(&self, text: &str) {
        std::fs::write(&self.hosts, text).expect("the hosts file");
    }

    /// How many questions the name server has heard.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    /// wayside with these arguments, seeing these files as those of /etc.
    pub(crate) fn wayside(&self, args: &[&str]) -> Wayside {
        let script =
            "mount --bind \"$0\" /etc/resolv.conf && mount --bind \"$1\" /etc/hosts && shift && exec \"$@\"";
        let [resolv_conf, hosts] =
            [&self.resolv_conf, &self.hosts].map(|path| path.to_str().expect("a path"));
        let wrapper = ["unshare", "-m", "sh", "-c", script, resolv_conf, hosts];
        Launch::new(args).through(&wrapper).start().unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            ended.expect("a thread").expect("the name server");
        }
    }
}

/// Waiting answers: when they are due is kept by a thread each, so that one does not hold up the next.
fn serve(socket: &UdpSocket, zone: &Mutex<Zone>, asked: &AtomicUsize, stop: &AtomicBool) {
    socket.set_read_timeout(Some(Duration::from_millis(20))).expect("a time-out");
    let mut bytes = [0; 4096];
    while !stop.load(Ordering::SeqCst) {
        let Ok((count, from)) = socket.recv_from(&mut bytes) else { continue };
        asked.fetch_add(1, Ordering::SeqCst);
        let zone = zone.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(reply), delay) = (reply(&bytes[..count], &zone), zone.delay) else { continue };
        let socket = socket.try_clone().expect("a handle");
        std::thread::spawn(move || send(&socket, &reply, from, delay));
    }
}

fn send(socket: &UdpSocket, reply: &[u8], to: SocketAddr, delay: Duration) {
    std::thread::sleep(delay); // pace: a slow name server
    let _ = socket.send_to(reply, to);
}

/// None: it keeps silent.
fn reply(question: &[u8], zone: &Zone) -> Option<Vec<u8>> {
    let question = Packet::parse(question).expect("a question");
    let (name, is_v6) = {
        let asked = &question.questions[0];
        (asked.qname.clone(), asked.qtype == QTYPE::TYPE(TYPE::AAAA))
    };
    let is_dead = |dead: &String| name.to_string().starts_with(dead);
    if zone.silent || zone.dead.as_ref().is_some_and(is_dead) {
        return None;
    }
    let mut packet = question.into_reply();
    packet.set_flags(PacketFlag::RECURSION_DESIRED | PacketFlag::RECURSION_AVAILABLE);
    match zone.names.get(&name.to_string()) {
        None => *packet.rcode_mut() = RCODE::NameError,
        Some((addrs, ttl)) => {
            for addr in addrs {
                let data = match addr {
                    IpAddr::V4(addr) if !is_v6 => RData::A(A::from(*addr)),
                    IpAddr::V6(addr) if is_v6 => RData::AAAA(AAAA::from(*addr)),
                    _ => continue,
                };
                packet.answers.push(ResourceRecord::new(name.clone(), CLASS::IN, *ttl, data));
            }
        }
    }
    Some(packet.build_bytes_vec_compressed().expect("a reply"))
}
