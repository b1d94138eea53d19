//! What a service manager is told (`sd_notify`(3)), where there is one, and what it handed over
//! (`sd_listen_fds`(3)).

use rustix::time::{ClockId, clock_gettime};
use std::env;
use std::io;
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

/// The variables that are meant for this process, and not for its children.
pub const VARIABLES: [&str; 6] =
    ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];

/// The first descriptor that is handed over.
const FIRST: i32 = 3;
/// The most that may be.
const MOST: i32 = 1024;

/// The service manager; nobody, where `NOTIFY_SOCKET` is not set.
#[derive(Debug)]
pub struct Manager {
    to: Option<(UnixDatagram, SocketAddr)>,
    /// It wants to hear from us this often, or takes us for dead.
    period: Option<Duration>,
    beat_at: Option<Instant>,
}

impl Manager {
    /// As the environment says. A socket that cannot be used is as good as none: there is nobody to tell.
    pub fn from_environment() -> Manager {
        let to = env::var_os("NOTIFY_SOCKET").and_then(|name| {
            let addr = match name.as_bytes().strip_prefix(b"@") {
                Some(name) => SocketAddr::from_abstract_name(name),
                None => SocketAddr::from_pathname(&name),
            };
            let socket = UnixDatagram::unbound().ok()?;
            // A manager that does not read must not hold us up.
            socket.set_nonblocking(true).ok()?;
            Some((socket, addr.ok()?))
        });
        let number = |name: &str| env::var(name).ok()?.parse::<u64>().ok();
        let is_ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        let period = number("WATCHDOG_USEC").filter(|&usec| is_ours && usec > 0 && to.is_some());
        let period = period.map(|usec| Duration::from_micros(usec / 2));
        Manager { to, period, beat_at: period.map(|_| Instant::now()) }
    }

    fn tell(&self, text: &str) {
        if let Some((socket, addr)) = &self.to {
            let _ = socket.send_to_addr(text.as_bytes(), addr);
        }
    }

    /// The start, or a reload, is done. `status` is a line for people.
    pub fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}\nMAINPID={}", std::process::id()));
    }

    /// A reload begins.
    pub fn reloading(&self) {
        let now = clock_gettime(ClockId::Monotonic);
        let usec = now.tv_sec.saturating_mul(1_000_000).saturating_add(now.tv_nsec / 1000);
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={usec}\nSTATUS=reloading"));
    }

    /// The end begins.
    pub fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=draining");
    }

    /// When [`Manager::beat`] has something to do.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.beat_at
    }

    /// Says that we live, if it is time to.
    pub fn beat(&mut self, now: Instant) {
        if let (Some(at), Some(period)) = (self.beat_at, self.period)
            && at <= now
        {
            self.tell("WATCHDOG=1");
            self.beat_at = Some(now + period);
        }
    }
}

/// The descriptors that the service manager handed over, each with its name; empty where it has none. To be called once.
pub fn handed_over() -> io::Result<Vec<(String, OwnedFd)>> {
    let number = |name: &str| env::var(name).ok()?.parse::<i64>().ok();
    if number("LISTEN_PID") != Some(i64::from(std::process::id())) {
        return Ok(Vec::new());
    }
    let count = number("LISTEN_FDS").unwrap_or(0).clamp(0, i64::from(MOST)) as i32;
    let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut names = names.split(':');
    let fds = FIRST..FIRST.saturating_add(count);
    fds.map(|fd| Ok((names.next().unwrap_or_default().to_owned(), super::child::inherited(fd)?))).collect()
}
