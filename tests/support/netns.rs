//! The network lab: hosts that are network namespaces of this machine, cables between them, and redirect rules.
//!
//! A socket belongs to the namespace of the thread that made it, for good. So a test makes its sockets on a thread
//! inside ([`Host::run`]) and then uses them like any other. Nothing outside of the namespaces is touched.

use std::fs::File;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::thread::{Gid, Uid};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space, set_thread_res_gid, set_thread_res_uid};
use socket2::{Domain, SockRef, Socket, Type};

use super::{LIMIT, connect, eventually, have, is_root};

/// IPv4 or IPv6: each lab is of one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// 10.77.0.0/16
    V4,
    /// fd77::/48
    V6,
}

impl Family {
    /// The address of host number `host` on cable number `cable`.
    pub fn ip(self, cable: u8, host: u8) -> IpAddr {
        match self {
            Family::V4 => Ipv4Addr::new(10, 77, cable, host).into(),
            Family::V6 => Ipv6Addr::new(0xfd77, 0, 0, cable.into(), 0, 0, 0, host.into()).into(),
        }
    }

    /// The same with a port.
    pub fn addr(self, cable: u8, host: u8, port: u16) -> SocketAddr {
        SocketAddr::new(self.ip(cable, host), port)
    }

    /// 127.0.0.1 or ::1.
    pub fn loopback(self, port: u16) -> SocketAddr {
        let ip: IpAddr = match self {
            Family::V4 => Ipv4Addr::LOCALHOST.into(),
            Family::V6 => Ipv6Addr::LOCALHOST.into(),
        };
        SocketAddr::new(ip, port)
    }

    fn prefix(self) -> u8 {
        match self {
            Family::V4 => 24,
            Family::V6 => 64,
        }
    }

    /// The program that sets this family's rules here; or why the lab cannot be had. Asked once a process.
    pub fn packet_filter(self) -> Result<&'static str, String> {
        static V4: OnceLock<Result<&str, String>> = OnceLock::new();
        static V6: OnceLock<Result<&str, String>> = OnceLock::new();
        let (found, candidates) = match self {
            Family::V4 => (&V4, ["iptables", "iptables-nft", "iptables-legacy"]),
            Family::V6 => (&V6, ["ip6tables", "ip6tables-nft", "ip6tables-legacy"]),
        };
        found.get_or_init(|| choose_filter(self, &candidates)).clone()
    }
}

/// The first program whose redirection works, tried in a namespace of its own.
fn choose_filter(family: Family, candidates: &[&'static str]) -> Result<&'static str, String> {
    if !is_root() {
        return Err("not root".to_owned());
    }
    for program in ["ip", "setpriv"] {
        have(program).ok_or(format!("no {program}"))?;
    }
    remove_leftovers();
    let mut why = String::new();
    for &candidate in candidates {
        match have(candidate).ok_or("not installed".to_owned()).and_then(|_| try_filter(family, candidate)) {
            Ok(()) => return Ok(candidate),
            Err(error) => why.push_str(&format!("; {candidate}: {error}")),
        }
    }
    Err(format!("{family:?} redirection does not work here{why}"))
}

fn try_filter(family: Family, program: &str) -> Result<(), String> {
    let host = Host::create("probe")?;
    host.try_ip(&["link", "set", "lo", "up"])?;
    let rule = "-w -t nat -A OUTPUT -p tcp -m owner ! --uid-owner 2102 -j REDIRECT --to-ports 4140";
    host.try_exec(program, &rule.split(' ').collect::<Vec<_>>())?;
    let wanted = family.loopback(9);
    host.run(|| -> io::Result<bool> {
        let listener = TcpListener::bind(family.loopback(4140))?;
        let _client = TcpStream::connect_timeout(&wanted, Duration::from_secs(2))?;
        let (stream, _) = listener.accept()?;
        let socket = SockRef::from(&stream);
        let original = match family {
            Family::V4 => socket.original_dst_v4()?,
            Family::V6 => socket.original_dst_v6()?,
        };
        Ok(original.as_socket() == Some(wanted))
    })
    .map_err(|error| error.to_string())
    .and_then(|is_right| is_right.then_some(()).ok_or("a wrong original destination".to_owned()))
}

/// How the names of our namespaces begin: `wayside-lab-PID-NUMBER-ROLE`.
const PREFIX: &str = "wayside-lab-";

/// Namespaces of test processes that were killed and could not clean up.
fn remove_leftovers() {
    for entry in std::fs::read_dir("/run/netns").into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if pid.is_some_and(|pid| pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists()) {
            let _ = Command::new("ip").args(["netns", "del", &name]).output();
        }
    }
}

/// A host of the lab. Dropped, it is gone, with its cables and rules.
#[derive(Debug)]
pub struct Host {
    name: String,
    handle: File,
}

impl Host {
    /// A host with nothing but a loopback.
    pub fn new(role: &str) -> Self {
        let host = Host::create(role).unwrap_or_else(|error| panic!("host {role}: {error}"));
        host.ip(&["link", "set", "lo", "up"]);
        // Else an IPv6 address is of no use for its first second.
        for which in ["all", "default"] {
            let _ = host.try_set(&format!("ipv6/conf/{which}/accept_dad"), "0");
        }
        host
    }

    fn create(role: &str) -> Result<Self, String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}-{role}", std::process::id());
        succeed(Command::new("ip").args(["netns", "add", &name]))?;
        let handle = File::open(Path::new("/run/netns").join(&name));
        Ok(Host { handle: handle.map_err(|error| format!("{name}: {error}"))?, name })
    }

    /// The words before a command that make it run on this host.
    pub fn wrapper(&self) -> [&str; 4] {
        ["ip", "netns", "exec", &self.name]
    }

    /// Does this on the host. What sockets it makes stay there, wherever they are used.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let inside = || {
            move_into_link_name_space(self.handle.as_fd(), Some(LinkNameSpaceType::Network)).expect("setns");
            work()
        };
        std::thread::scope(|scope| scope.spawn(inside).join())
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }

    /// The same as another user, as far as sockets go.
    pub fn run_as<T: Send>(&self, user: u32, work: impl FnOnce() -> T + Send) -> T {
        self.run(|| {
            let (uid, gid) = (Uid::from_raw(user), Gid::from_raw(user));
            set_thread_res_gid(gid, gid, gid).expect("setresgid");
            set_thread_res_uid(uid, uid, uid).expect("setresuid");
            work()
        })
    }

    /// Listens on the host.
    pub fn listen(&self, addr: SocketAddr) -> TcpListener {
        self.run(|| {
            let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None).expect("a socket");
            socket.bind(&addr.into()).unwrap_or_else(|error| panic!("{addr}: {error}"));
            socket.listen(1024).expect("to listen");
            socket.into()
        })
    }

    /// Connects from the host, as root.
    #[track_caller]
    pub fn connect(&self, addr: SocketAddr) -> TcpStream {
        self.run(|| connect(addr)).unwrap_or_else(|error| panic!("{} to {addr}: {error}", self.name))
    }

    /// Connects from the host, as this user.
    #[track_caller]
    pub fn connect_as(&self, user: u32, addr: SocketAddr) -> TcpStream {
        let connected = self.run_as(user, || connect(addr));
        connected.unwrap_or_else(|error| panic!("{} as {user} to {addr}: {error}", self.name))
    }

    /// A cable: `link` of this host to `far_link` of `far`. They get the addresses 1 and 2 of this cable. Returns when
    /// it carries both ways.
    pub fn cable(&self, cable: u8, link: &str, far: &Host, far_link: &str) {
        self.ip(&["link", "add", link, "type", "veth", "peer", "name", far_link, "netns", &far.name]);
        let (mut families, ends) = (vec![Family::V4, Family::V6], [(self, link, 1), (far, far_link, 2)]);
        // Addresses come second: an IPv6 one that was there first is of no use for a second.
        for (host, link, _) in ends {
            host.ip(&["link", "set", link, "up"]);
        }
        for (host, link, number) in ends {
            // A machine without IPv6 still has its IPv4 tests.
            families.retain(|&family| {
                let addr = format!("{}/{}", family.ip(cable, number), family.prefix());
                let added = host.try_ip(&["addr", "add", &addr, "dev", link]);
                assert!(added.is_ok() || family == Family::V6, "{added:?}");
                added.is_ok()
            });
        }
        for family in families {
            for (from, number) in [(self, 2), (far, 1)] {
                let far_end = family.addr(cable, number, 1);
                let attempt = || TcpStream::connect_timeout(&far_end, Duration::from_millis(100));
                eventually("the cable carries", LIMIT, || {
                    from.run(attempt).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
                });
            }
        }
    }

    /// Sends what is for another network to this router.
    pub fn route_by(&self, router: IpAddr) {
        let family = if router.is_ipv4() { "-4" } else { "-6" };
        self.ip(&[family, "route", "add", "default", "via", &router.to_string()]);
    }

    /// `ip ARGS` on this host.
    #[track_caller]
    pub fn ip(&self, args: &[&str]) {
        self.try_ip(args).unwrap_or_else(|error| panic!("{error}"));
    }

    fn try_ip(&self, args: &[&str]) -> Result<(), String> {
        succeed(Command::new("ip").args(["-n", &self.name]).args(args))
    }

    fn try_exec(&self, program: &str, args: &[&str]) -> Result<(), String> {
        let [ip, words @ ..] = self.wrapper();
        succeed(Command::new(ip).args(words).arg(program).args(args))
    }

    /// A rule, as the packet filter's command line has it.
    #[track_caller]
    pub fn filter(&self, family: Family, rule: &str) {
        let program = family.packet_filter().expect("a packet filter");
        let words: Vec<_> = std::iter::once("-w").chain(rule.split_whitespace()).collect();
        self.try_exec(program, &words).unwrap_or_else(|error| panic!("{error}"));
    }

    /// Sets `/proc/sys/net/NAME`.
    pub fn set(&self, name: &str, value: &str) {
        self.try_set(name, value).unwrap_or_else(|error| panic!("net/{name}: {error}"));
    }

    fn try_set(&self, name: &str, value: &str) -> io::Result<()> {
        self.run(|| std::fs::write(Path::new("/proc/sys/net").join(name), value))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).output();
    }
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim()))
}
