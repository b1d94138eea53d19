//! What the checks look at: plain values, gathered by `gather` and `probe`.

use std::net::SocketAddr;

use super::rules::{Chain, Family, Hook};
use crate::config::Config;
use crate::config::redirect::Redirect;

/// All that is known about this host.
#[derive(Debug, Default)]
pub(super) struct Facts {
    /// What `run` would use, or the defaults where `problems` says that there is none.
    pub(super) config: Config,
    /// What `wayside init` would do, with the user and the group of `proxy`.
    pub(super) plan: Redirect,
    /// What is wrong with the configuration, a line each.
    pub(super) problems: Vec<String>,
    /// What is odd about it.
    pub(super) oddities: Vec<String>,
    pub(super) proxy: Proxy,
    pub(super) filters: Filters,
    /// Whether `/proc` can be read. Without it, sockets and settings are not seen.
    pub(super) has_proc: bool,
    pub(super) sockets: Vec<Listening>,
    pub(super) kernel: Kernel,
    pub(super) limits: Limits,
    /// What each admin address answered.
    pub(super) ready: Vec<(SocketAddr, Ready)>,
    /// What became of a connection of our own.
    pub(super) tested: Vec<(Family, Tested)>,
}

impl Facts {
    /// The port that connections are to be redirected to; `None`: they are to be left alone.
    pub(super) fn wanted(&self, hook: Hook) -> Option<u16> {
        match hook {
            Hook::Output => self.plan.outgoing,
            Hook::Prerouting => self.plan.incoming,
        }
    }

    /// Whether wayside takes on this port what is redirected in this direction.
    pub(super) fn is_expected(&self, hook: Hook, port: u16) -> bool {
        let listen = match hook {
            Hook::Output => &self.config.outbound,
            Hook::Prerouting => &self.config.inbound,
        };
        let is_there = |port: u16| listen.addrs.iter().any(|addr| addr.port() == port);
        self.wanted(hook).is_some_and(|wanted| wanted == port || is_there(wanted) && is_there(port))
    }
}

/// The wayside that runs, or would.
#[derive(Debug, Default)]
pub(super) struct Proxy {
    /// The user it runs as.
    pub(super) user: u32,
    /// The group, where it is known.
    pub(super) group: Option<u32>,
    /// How the user is known.
    pub(super) source: &'static str,
    /// Where it runs, and may be seen.
    pub(super) pid: Option<u32>,
    pub(super) is_running: bool,
}

/// The packet filter's rules.
#[derive(Debug, Default)]
pub(super) struct Filters {
    pub(super) chains: Vec<Chain>,
    /// Chains of other tables, which may drop connections.
    pub(super) filter: Vec<Chain>,
    /// What could not be seen, and why.
    pub(super) unseen: Vec<String>,
}

/// A socket that listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listening {
    pub(super) addr: SocketAddr,
    pub(super) user: u32,
    pub(super) inode: u64,
    /// Whose it is; `None` where that may not be seen.
    pub(super) owner: Option<Process>,
}

/// A process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: u32,
    pub(super) name: String,
    /// By its name, or by what it answers.
    pub(super) is_wayside: bool,
}

/// Settings of the kernel; `None` where there is no such file.
#[derive(Debug, Default)]
pub(super) struct Kernel {
    /// As in `6.1.0-18-amd64`.
    pub(super) release: String,
    pub(super) has_splice: bool,
    pub(super) has_tcp_info: bool,
    pub(super) somaxconn: Option<u64>,
    pub(super) syn_backlog: Option<u64>,
    pub(super) syncookies: Option<u64>,
    /// The lowest and the highest.
    pub(super) local_ports: Option<(u64, u64)>,
    pub(super) conntrack_max: Option<u64>,
    pub(super) conntrack_count: Option<u64>,
    /// Seconds.
    pub(super) close_wait: Option<u64>,
    pub(super) ipv6: Ipv6,
}

/// Whether the host speaks IPv6.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ipv6 {
    /// Not in this kernel.
    Missing,
    /// `disable_ipv6` is set.
    Disabled,
    #[default]
    There,
    /// There is no `/proc` that tells.
    Unseen,
}

/// What the process may use.
#[derive(Debug, Default)]
pub(super) struct Limits {
    /// The most descriptors; `None` where that may not be seen.
    pub(super) descriptors: Option<u64>,
    /// Whose they are: `wayside (pid 7)` or `this shell`.
    pub(super) whose: String,
    /// The control group's memory in bytes; `None`: no limit.
    pub(super) memory: Option<u64>,
}

/// What an admin address answered to `/ready`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Ready {
    /// 200.
    Yes,
    /// 503.
    Draining,
    /// Another status: it is not wayside's.
    Other(u16),
    /// Something took the connection and did not answer in time.
    Hung,
    /// No answer, and why.
    No(String),
}

/// How a redirected connection of our own fared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tested {
    /// It came through, or its original destination was right; what was done.
    Works(String),
    /// It did not; what happened.
    Fails(String),
    /// It would not come to wayside; what takes it, and the command that takes that rule away.
    Elsewhere(String, Option<String>),
    /// It could not be tried; why.
    Not(String),
}
