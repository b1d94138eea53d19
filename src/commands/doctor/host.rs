//! Checks of the kernel's settings and of what the process may use.

use super::facts::{Facts, Ipv6, Kernel};
use super::report::Finding;
use crate::sys::cpu;
use crate::worker::room::Room;

/// All of them, in the order in which they are told.
pub(super) fn check(facts: &Facts) -> Vec<Finding> {
    vec![
        descriptors(facts),
        memory(facts),
        somaxconn(&facts.kernel),
        syn_backlog(&facts.kernel),
        syncookies(&facts.kernel),
        local_ports(&facts.kernel),
        conntrack(&facts.kernel),
        close_wait(facts),
        ipv6(facts),
        kernel(&facts.kernel),
    ]
}

const UNREADABLE: &str = "there is no such setting here";

fn sysctl(setting: &str, value: impl std::fmt::Display) -> String {
    format!("sysctl -w {setting}={value}")
}

fn descriptors(facts: &Facts) -> Finding {
    const NAME: &str = "descriptors";
    /// Below this `run` does not promise to start.
    const LEAST: u64 = 256;
    /// Below this there is room for 1,632 connections or fewer.
    const FEW: u64 = 4096;
    const WANTED: u64 = 65_536;
    let Some(limit) = facts.limits.descriptors else {
        return Finding::skipped(
            NAME,
            format!("the limit of {} cannot be seen; run as root", facts.limits.whose),
        );
    };
    let found = format!("RLIMIT_NOFILE of {} is {limit}; a connection takes two", facts.limits.whose);
    let workers = facts.config.workers.unwrap_or_else(cpu::count).max(1);
    let of_one = facts.config.max_connections.map_or(0, |most| most.div_ceil(workers));
    let carried = Room::of(usize::try_from(limit).unwrap_or(usize::MAX)).connections;
    // It is read once, at the start, and comes from whoever starts it.
    let fix = |limit: u64| {
        format!(
            "ulimit -n {limit} && wayside run  # as root, once it has ended; in a systemd unit: LimitNOFILE={limit}, then restart it"
        )
    };
    if limit < LEAST {
        return Finding::wrong(NAME, found, fix(WANTED));
    }
    if carried < of_one {
        return Finding::warning(
            NAME,
            format!("{found}: too few for --max-connections"),
            fix(WANTED.max(Room::descriptors_for(of_one) as u64)),
        );
    }
    if limit < FEW { Finding::warning(NAME, found, fix(WANTED)) } else { Finding::ok(NAME, found) }
}

fn memory(facts: &Facts) -> Finding {
    const NAME: &str = "memory";
    /// A few connections, and buffers of 1 MiB.
    const LEAST: u64 = 8 << 20;
    /// What it is made to live in with 1,000 connections.
    const ENOUGH: u64 = 16 << 20;
    let Some(most) = facts.limits.memory else {
        return Finding::ok(NAME, "the control group has no limit");
    };
    let found = format!("the control group allows {} KiB", most >> 10);
    let fix = "systemctl set-property wayside.service MemoryMax=64M  # resources.limits.memory in Kubernetes";
    match most {
        ..LEAST => Finding::wrong(NAME, found, fix),
        LEAST..ENOUGH => Finding::warning(NAME, found, fix),
        _ => Finding::ok(NAME, found),
    }
}

fn somaxconn(kernel: &Kernel) -> Finding {
    const NAME: &str = "somaxconn";
    const LEAST: u64 = 1024;
    match kernel.somaxconn {
        None => Finding::skipped(NAME, UNREADABLE),
        Some(most) if most < LEAST => {
            let found =
                format!("{most} new connections may wait in the kernel; a burst of more is turned away");
            Finding::warning(NAME, found, sysctl("net.core.somaxconn", 4096))
        }
        Some(most) => Finding::ok(NAME, format!("{most} new connections may wait in the kernel")),
    }
}

fn syn_backlog(kernel: &Kernel) -> Finding {
    const NAME: &str = "syn-backlog";
    /// The kernel's own choice on a host of little memory.
    const LEAST: u64 = 128;
    match kernel.syn_backlog {
        None => Finding::skipped(NAME, UNREADABLE),
        Some(most) if most < LEAST => {
            let found = format!("{most} connections may be half open; a burst of more is slowed down");
            Finding::warning(NAME, found, sysctl("net.ipv4.tcp_max_syn_backlog", 1024))
        }
        Some(most) => Finding::ok(NAME, format!("{most} connections may be half open")),
    }
}

fn syncookies(kernel: &Kernel) -> Finding {
    const NAME: &str = "syncookies";
    match kernel.syncookies {
        None => Finding::skipped(NAME, UNREADABLE),
        Some(0) => Finding::warning(
            NAME,
            "off: a flood of SYNs keeps others out",
            sysctl("net.ipv4.tcp_syncookies", 1),
        ),
        Some(_) => Finding::ok(NAME, "on"),
    }
}

fn local_ports(kernel: &Kernel) -> Finding {
    const NAME: &str = "local-ports";
    /// Below this, ordinary load runs out of them: each that was closed here is kept for a minute.
    const FEW: u64 = 10_000;
    const LEAST: u64 = 1000;
    let Some((low, high)) = kernel.local_ports else {
        return Finding::skipped(NAME, UNREADABLE);
    };
    let count = high.saturating_sub(low).saturating_add(1);
    let found = format!("{low} to {high}: {count} connections to one target");
    let fix = || sysctl("net.ipv4.ip_local_port_range", "'15000 60999'");
    match count {
        ..LEAST => Finding::wrong(NAME, found, fix()),
        LEAST..FEW => Finding::warning(NAME, found, fix()),
        _ => Finding::ok(NAME, found),
    }
}

fn conntrack(kernel: &Kernel) -> Finding {
    const NAME: &str = "conntrack";
    /// Each redirected connection takes an entry, and keeps it for two minutes after its end.
    const FEW: u64 = 8192;
    const WANTED: u64 = 262_144;
    let (Some(most), Some(count)) = (kernel.conntrack_max, kernel.conntrack_count) else {
        return Finding::skipped(NAME, "connection tracking is not loaded; rules load it");
    };
    let found = format!("{count} of {most} entries are in use");
    let fix = || sysctl("net.netfilter.nf_conntrack_max", WANTED.max(most.saturating_mul(2)));
    // In tenths; an unlimited table says 0.
    match (most, count.saturating_mul(10).checked_div(most)) {
        (0, _) | (_, None) => Finding::ok(NAME, "the table has no limit"),
        (_, Some(9..)) => {
            Finding::wrong(NAME, format!("{found}; beyond it new connections are dropped"), fix())
        }
        (_, Some(7..)) => Finding::warning(NAME, found, fix()),
        (..FEW, _) => Finding::warning(NAME, format!("{found}: a small table"), fix()),
        _ => Finding::ok(NAME, found),
    }
}

/// A half-closed connection that is forgotten too early passes the rules by, or is reset.
fn close_wait(facts: &Facts) -> Finding {
    const NAME: &str = "conntrack-close-wait";
    let Some(kept) = facts.kernel.close_wait else {
        return Finding::skipped(NAME, "connection tracking is not loaded; rules load it");
    };
    let wanted = facts.config.half_close_timeout.as_secs();
    let found = format!("half-closed connections are tracked for {kept} s");
    let fix = |seconds: u64| sysctl("net.netfilter.nf_conntrack_tcp_timeout_close_wait", seconds);
    match wanted {
        0 if kept < 3600 => Finding::warning(NAME, format!("{found}, and carried without limit"), fix(3600)),
        wanted if kept < wanted => {
            Finding::warning(NAME, format!("{found}, and carried for {wanted} s"), fix(wanted))
        }
        _ => Finding::ok(NAME, found),
    }
}

fn ipv6(facts: &Facts) -> Finding {
    const NAME: &str = "ipv6";
    let lists = [&facts.config.inbound, &facts.config.outbound, &facts.config.admin];
    let mut asked = lists.iter().filter(|listen| !listen.by_default).flat_map(|listen| &listen.addrs);
    let asked = asked.find(|addr| addr.is_ipv6());
    let (why, fix) = match facts.kernel.ipv6 {
        Ipv6::There => return Finding::ok(NAME, "there"),
        Ipv6::Unseen => return Finding::skipped(NAME, "without /proc, it cannot be seen"),
        Ipv6::Missing => ("not in this kernel", "modprobe ipv6  # or boot without ipv6.disable=1"),
        Ipv6::Disabled => (
            "switched off",
            "sysctl -w net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0",
        ),
    };
    match asked {
        Some(addr) => Finding::wrong(NAME, format!("{why}, but wayside is to listen on {addr}"), fix),
        None => Finding::warning(NAME, format!("{why}; wayside listens on IPv4 only"), fix),
    }
}

fn kernel(kernel: &Kernel) -> Finding {
    const NAME: &str = "kernel";
    const FIX: &str = "uname -r  # Linux 4.2 or later, without a sandbox that hides system calls";
    let release = &kernel.release;
    match (kernel.has_tcp_info, kernel.has_splice) {
        (true, true) => Finding::ok(NAME, format!("{release}: splice and TCP_INFO work")),
        (true, false) => Finding::warning(NAME, format!("{release}: no splice; bulk is copied"), FIX),
        (false, _) => Finding::warning(
            NAME,
            format!("{release}: TCP_INFO is missing or short; kept connections are not re-used"),
            FIX,
        ),
    }
}

#[cfg(test)]
mod tests;
