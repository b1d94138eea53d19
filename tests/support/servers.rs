//! Real servers with private configuration, data and ports, for the time of a test.
//!
//! Each constructor says `Err` with the reason where this machine cannot have the server; anything else that goes wrong panics.

mod databases;
mod mail;
mod shells;
mod stores;
mod web;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Daemon, TempDir, free_port, have, is_root};

pub use databases::{MariaDb, postgres};
pub use mail::{Mail, aiosmtpd, postfix};
pub use shells::{Sshd, vsftpd};
pub use stores::{memcached, mosquitto, nats, redis};
pub use web::{Certificate, Nginx, nghttpd, s_server, tls_echo};

/// A server, where it listens, and its directory.
#[derive(Debug)]
pub struct Service {
    /// Where it listens.
    pub addr: SocketAddr,
    /// Its configuration and data.
    pub dir: TempDir,
    daemon: Daemon,
}

impl Service {
    /// Starts what `command` makes of a free port of 127.0.0.1, and waits until it listens there. Between our look
    /// at the port and the server's another program may take it, so there are more tries than one.
    #[track_caller]
    pub fn start(dir: TempDir, mut command: impl FnMut(u16, &Path) -> Command) -> Self {
        let mut output = String::new();
        for _ in 0..3 {
            let addr = SocketAddr::from(([127, 0, 0, 1], free_port()));
            let mut daemon = Daemon::start(command(addr.port(), dir.path()));
            if daemon.comes_up(addr) {
                return Service { addr, dir, daemon };
            }
            output = daemon.output();
        }
        panic!("it does not start:\n{output}");
    }

    /// A `--forward` value that leads to it.
    pub fn forward(&self) -> String {
        forward(self.addr)
    }

    /// What it wrote so far.
    pub fn output(&self) -> String {
        self.daemon.output()
    }
}

/// A `--forward` value for a target.
pub fn forward(target: impl std::fmt::Display) -> String {
    format!("127.0.0.1:0={target}")
}

/// The program's path, or the reason to skip.
pub fn need(program: &str) -> Result<PathBuf, String> {
    have(program).ok_or_else(|| format!("there is no {program}"))
}

/// For servers that give up root, or log people in.
fn need_root(program: &str) -> Result<(), String> {
    if is_root() { Ok(()) } else { Err(format!("{program} has to be started by root")) }
}

/// The numbers of a user and its group.
fn user(name: &str) -> Result<(u32, u32), String> {
    let line = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let line = line.lines().find(|line| line.starts_with(&format!("{name}:")));
    let mut words = line.ok_or_else(|| format!("there is no user {name}"))?.split(':').skip(2);
    let mut number = || words.next().and_then(|word| word.parse().ok()).ok_or("a broken /etc/passwd");
    Ok((number()?, number()?))
}
