//! Reads `/proc` and `/sys`, under a root that tests may put elsewhere.

use std::collections::HashMap;
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::facts::{Ipv6, Kernel, Listening, Process};
use super::process::PROGRAM;

/// A host of very many processes is not searched for longer.
const MOST_SEARCH: Duration = Duration::from_secs(1);

/// The tree of files that tell about the host.
pub(super) struct Tree(pub(super) PathBuf);

impl Tree {
    /// A file's text, or nothing where it cannot be read.
    pub(super) fn text(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.0.join(path)).ok()
    }

    fn number(&self, path: &str) -> Option<u64> {
        self.text(path)?.trim().parse().ok()
    }

    fn net(&self, setting: &str) -> Option<u64> {
        self.number(&format!("proc/sys/net/{setting}"))
    }

    /// All but its release and what must be tried.
    pub(super) fn kernel(&self) -> Kernel {
        let range = self.text("proc/sys/net/ipv4/ip_local_port_range");
        let range = range.and_then(|text| {
            let mut numbers = text.split_whitespace().map_while(|word| word.parse().ok());
            Some((numbers.next()?, numbers.next()?))
        });
        Kernel {
            somaxconn: self.net("core/somaxconn"),
            syn_backlog: self.net("ipv4/tcp_max_syn_backlog"),
            syncookies: self.net("ipv4/tcp_syncookies"),
            local_ports: range,
            conntrack_max: self.net("netfilter/nf_conntrack_max"),
            conntrack_count: self.net("netfilter/nf_conntrack_count"),
            close_wait: self.net("netfilter/nf_conntrack_tcp_timeout_close_wait"),
            ipv6: self.ipv6(),
            ..Kernel::default()
        }
    }

    /// Whether there is a `/proc`, and it tells of sockets.
    pub(super) fn has_proc(&self) -> bool {
        self.0.join("proc/net/tcp").exists()
    }

    fn ipv6(&self) -> Ipv6 {
        if self.text("proc/net/if_inet6").is_none() {
            return if self.has_proc() { Ipv6::Missing } else { Ipv6::Unseen };
        }
        match self.net("ipv6/conf/all/disable_ipv6") {
            Some(0) | None => Ipv6::There,
            Some(_) => Ipv6::Disabled,
        }
    }

    /// What listens, without its owners.
    pub(super) fn listening(&self) -> Vec<Listening> {
        let files = ["proc/net/tcp", "proc/net/tcp6"].map(|path| self.text(path).unwrap_or_default());
        files.iter().flat_map(|text| text.lines().filter_map(listening)).collect()
    }

    /// Names the owners of those whose port is `wanted`, as far as this user may see them.
    pub(super) fn name_owners(&self, sockets: &mut [Listening], wanted: impl Fn(u16) -> bool) {
        let mut missing: HashMap<String, &mut Listening> = sockets
            .iter_mut()
            .filter(|socket| wanted(socket.addr.port()))
            .map(|socket| (format!("socket:[{}]", socket.inode), socket))
            .collect();
        let end = Instant::now() + MOST_SEARCH;
        for entry in fs::read_dir(self.0.join("proc")).into_iter().flatten().flatten() {
            if missing.is_empty() || Instant::now() > end {
                return;
            }
            let name = entry.file_name();
            let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
            for descriptor in fs::read_dir(entry.path().join("fd")).into_iter().flatten().flatten() {
                let target = fs::read_link(descriptor.path()).unwrap_or_default();
                let Some(socket) = target.to_str().and_then(|target| missing.remove(target)) else {
                    continue;
                };
                let name = self.text(&format!("proc/{pid}/comm")).unwrap_or_default().trim().to_owned();
                let is_wayside = name == PROGRAM;
                socket.owner = Some(Process { pid, name, is_wayside });
            }
        }
    }

    /// The soft and the hard limit of descriptors of a process.
    pub(super) fn descriptors(&self, pid: &str) -> Option<(u64, u64)> {
        let text = self.text(&format!("proc/{pid}/limits"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("Max open files"))?;
        let mut limits = line.split_whitespace().map(|word| match word {
            "unlimited" => Some(u64::MAX),
            number => number.parse().ok(),
        });
        Some((limits.next()??, limits.next()??))
    }

    /// The real group of a process.
    pub(super) fn group(&self, pid: u32) -> Option<u32> {
        self.status(pid, "Gid:")
    }

    /// Whether one of them is the other, or started it and is called the same: a supervisor and its workers.
    pub(super) fn is_kin(&self, one: &Process, other: &Process) -> bool {
        let is_child = |child: u32, parent: u32| self.status(child, "PPid:") == Some(parent);
        one.pid == other.pid
            || one.name == other.name && (is_child(one.pid, other.pid) || is_child(other.pid, one.pid))
    }

    /// The first number of a line of `/proc/PID/status`.
    fn status(&self, pid: u32, key: &str) -> Option<u32> {
        let text = self.text(&format!("proc/{pid}/status"))?;
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_whitespace().next()?.parse().ok()
    }

    /// The smallest limit of memory of a process's control group (version 2) and those above it.
    pub(super) fn memory(&self, pid: &str) -> Option<u64> {
        let own = self.text(&format!("proc/{pid}/cgroup")).unwrap_or_default();
        let path = own.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default().to_owned();
        let mut folder = PathBuf::from(path);
        let mut least = None;
        loop {
            let file = format!("sys/fs/cgroup/{}/memory.max", folder.display());
            least = [least, self.number(&file)].into_iter().flatten().min();
            if !folder.pop() {
                return least;
            }
        }
    }
}

/// A line of `/proc/net/tcp` or `tcp6`, if it is of a socket that listens.
fn listening(line: &str) -> Option<Listening> {
    const LISTEN: &str = "0A";
    let mut words = line.split_whitespace().skip(1);
    let (ip, port) = words.next()?.split_once(':')?;
    if words.nth(1)? != LISTEN {
        return None;
    }
    let port = u16::from_str_radix(port, 16).ok()?;
    let user = words.nth(3)?.parse().ok()?;
    let inode = words.nth(1)?.parse().ok()?;
    // Words of 32 bits, each in the host's own order.
    let word = |index: usize| {
        let text = ip.get(index * 8..index * 8 + 8)?;
        Some(u32::from_str_radix(text, 16).ok()?.to_ne_bytes())
    };
    let addr = if ip.len() == 8 {
        SocketAddr::new(Ipv4Addr::from(word(0)?).into(), port)
    } else {
        let bytes = [word(0)?, word(1)?, word(2)?, word(3)?].concat();
        SocketAddr::new(Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into(), port)
    };
    Some(Listening { addr, user, inode, owner: None })
}

#[cfg(test)]
mod tests;
