//! The listening sockets that the supervisor keeps: one a worker and listener, whatever becomes of the worker.
//!
//! They are bound here and listened to by the workers. As the supervisor keeps them open, what the kernel has queued on
//! one waits for the next worker that gets it.

use crate::config::Config;
use crate::listener::sockets::{Given, Role, Wanted};
use crate::sys::socket;
use mio::net::TcpListener;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How often an address that is taken is tried again.
const RETRY: Duration = Duration::from_millis(10);

/// The sockets of one listener.
#[derive(Debug, Clone)]
struct Listener {
    role: Role,
    /// As it was asked for; `None`: the service manager opened it.
    wanted: Option<SocketAddr>,
    addr: SocketAddr,
    sockets: Vec<Rc<OwnedFd>>,
}

/// All of them, as one configuration wants them. A socket is closed when no set has it any more.
#[derive(Debug, Clone, Default)]
pub(super) struct Sockets {
    listeners: Vec<Listener>,
}

impl Sockets {
    /// What the service manager handed over, to be taken up by [`Sockets::arrange`].
    pub(super) fn handed_over(given: &mut Given, config: &Config) -> Result<Sockets, String> {
        let mut listeners = Vec::new();
        let mut roles: Vec<Role> = Wanted::data(config).iter().map(|wanted| wanted.role).collect();
        roles.dedup();
        for role in roles {
            for socket in given.take(role) {
                let said = |error| format!("the {role} socket handed over: {error}");
                let socket = socket::adopt(socket).map_err(said)?;
                let addr = socket.local_addr().map_err(said)?;
                listeners.push(Listener { role, wanted: None, addr, sockets: vec![Rc::new(socket.into())] });
            }
        }
        Ok(Sockets { listeners })
    }

    /// What `config` wants for so many workers: what is there already, and the rest newly bound. What somebody else has is
    /// waited for until then. The error is one line for the user.
    pub(super) fn arrange(
        &self,
        config: &Config,
        workers: usize,
        patient_until: Instant,
    ) -> Result<Sockets, String> {
        let mut old: Vec<&Listener> = self.listeners.iter().collect();
        let mut listeners = Vec::new();
        for wanted in Wanted::data(config) {
            if old.iter().any(|it| it.wanted.is_none() && it.role == wanted.role) {
                continue;
            }
            let known = old.iter().position(|it| it.wanted == Some(wanted.addr));
            let mut listener = match known {
                Some(place) => Listener { role: wanted.role, ..old.remove(place).clone() },
                None => match wanted.open(|addr| self.first(addr, patient_until))? {
                    Some(socket) => new_listener(&wanted, socket)?,
                    None => continue,
                },
            };
            while listener.sockets.len() < workers {
                let more = wanted.open(|_| socket::reserve(listener.addr))?;
                listener.sockets.extend(more.map(|socket| Rc::new(socket.into())));
            }
            listeners.push(listener);
        }
        // One that was handed over is there once, for all.
        let wanted = Wanted::data(config);
        let handed = self.listeners.iter().filter(|it| it.wanted.is_none());
        listeners.extend(handed.filter(|it| wanted.iter().any(|wanted| wanted.role == it.role)).cloned());
        Ok(Sockets { listeners })
    }

    /// Sharing an address is silent, so it is asked for without that first. Only in the way of ourselves it is shared.
    fn first(&self, addr: SocketAddr, patient_until: Instant) -> io::Result<TcpListener> {
        if !self.listeners.iter().any(|it| it.addr.port() == addr.port()) {
            wait_until_free(addr, patient_until)?;
        }
        socket::reserve(addr)
    }

    /// Those of one worker: each socket is somebody's, and everybody has one of each listener.
    pub(super) fn of(&self, worker: usize, workers: usize) -> Vec<(Role, BorrowedFd<'_>)> {
        let mut own = Vec::new();
        for listener in &self.listeners {
            let count = listener.sockets.len();
            for (number, socket) in listener.sockets.iter().enumerate() {
                if number % workers == worker % count {
                    own.push((listener.role, socket.as_fd()));
                }
            }
        }
        own
    }

    /// A line for each listener.
    pub(super) fn describe(&self, config: &Config) -> Vec<String> {
        self.listeners.iter().map(|it| it.role.describe(it.addr, config)).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.listeners.is_empty()
    }
}

/// Blocks, so a supervisor that serves already has no patience.
fn wait_until_free(addr: SocketAddr, patient_until: Instant) -> io::Result<()> {
    loop {
        match socket::is_free(addr) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < patient_until => {
                sleep(RETRY); // pace: nothing tells that an address is free
            }
            outcome => return outcome,
        }
    }
}

fn new_listener(wanted: &Wanted, socket: TcpListener) -> Result<Listener, String> {
    let addr = socket.local_addr().map_err(|error| format!("{}: has no address: {error}", wanted.role))?;
    let sockets = vec![Rc::new(OwnedFd::from(socket))];
    Ok(Listener { role: wanted.role, wanted: Some(wanted.addr), addr, sockets })
}
