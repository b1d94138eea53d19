//! Settings in, verdicts out.

use super::*;
use crate::commands::doctor::facts::Limits;
use crate::commands::doctor::report::Verdict::{self, *};
use crate::config::Listen;
use std::time::Duration;

/// The verdict and the fix.
fn told(finding: &Finding) -> (Verdict, &str) {
    (finding.verdict, finding.fix.as_deref().unwrap_or_default())
}

#[test]
fn each_setting_of_the_kernel() {
    type Case = (Kernel, fn(&Kernel) -> Finding, Verdict, &'static str);
    let cases: [Case; 17] = [
        (Kernel { somaxconn: Some(4096), ..Kernel::default() }, somaxconn, Ok, ""),
        (Kernel { somaxconn: Some(1024), ..Kernel::default() }, somaxconn, Ok, ""),
        (
            Kernel { somaxconn: Some(1023), ..Kernel::default() },
            somaxconn,
            Warning,
            "net.core.somaxconn=4096",
        ),
        (Kernel::default(), somaxconn, Skipped, ""),
        (Kernel { syn_backlog: Some(128), ..Kernel::default() }, syn_backlog, Ok, ""),
        (
            Kernel { syn_backlog: Some(127), ..Kernel::default() },
            syn_backlog,
            Warning,
            "tcp_max_syn_backlog=1024",
        ),
        (Kernel { syncookies: Some(0), ..Kernel::default() }, syncookies, Warning, "tcp_syncookies=1"),
        (Kernel { syncookies: Some(2), ..Kernel::default() }, syncookies, Ok, ""),
        (Kernel { local_ports: Some((32_768, 60_999)), ..Kernel::default() }, local_ports, Ok, ""),
        (
            Kernel { local_ports: Some((1, 9_999)), ..Kernel::default() },
            local_ports,
            Warning,
            "ip_local_port_range",
        ),
        (
            Kernel { local_ports: Some((1, 999)), ..Kernel::default() },
            local_ports,
            Wrong,
            "ip_local_port_range",
        ),
        (
            Kernel { local_ports: Some((9, 1)), ..Kernel::default() },
            local_ports,
            Wrong,
            "ip_local_port_range",
        ),
        (table(0, 262_144), conntrack, Ok, ""),
        (table(1, 8191), conntrack, Warning, "nf_conntrack_max=262144"),
        (table(70, 100), conntrack, Warning, "nf_conntrack_max=262144"),
        (table(900_000, 1_000_000), conntrack, Wrong, "nf_conntrack_max=2000000"),
        (table(5, 0), conntrack, Ok, ""),
    ];
    for (index, (kernel, check, verdict, fix)) in cases.into_iter().enumerate() {
        let finding = check(&kernel);
        let (found, said) = told(&finding);
        assert!(
            found == verdict && said.contains(fix) && said.is_empty() == fix.is_empty(),
            "{index}: {finding:?}"
        );
    }
}

fn table(count: u64, most: u64) -> Kernel {
    Kernel { conntrack_count: Some(count), conntrack_max: Some(most), ..Kernel::default() }
}

#[test]
fn features_of_the_kernel() {
    for (has_tcp_info, has_splice, verdict) in
        [(true, true, Ok), (true, false, Warning), (false, true, Warning)]
    {
        let facts = Kernel { has_tcp_info, has_splice, ..Kernel::default() };
        assert_eq!(kernel(&facts).verdict, verdict);
    }
}

#[test]
fn descriptors_by_what_is_wanted() {
    for (limit, wanted, verdict) in [
        (None, None, Skipped),
        (Some(255), None, Wrong),
        (Some(256), None, Warning),
        (Some(4096), None, Ok),
        (Some(4096), Some(1632), Ok),
        (Some(4096), Some(1633), Warning),
        (Some(u64::MAX), Some(1 << 24), Ok),
    ] {
        let limits = Limits { descriptors: limit, ..Limits::default() };
        let mut facts = Facts { limits, ..Facts::default() };
        facts.config.max_connections = wanted;
        assert_eq!(descriptors(&facts).verdict, verdict, "{limit:?} {wanted:?}");
    }
}

#[test]
fn memory_of_the_control_group() {
    for (most, verdict) in
        [(None, Ok), (Some(16 << 20), Ok), (Some((16 << 20) - 1), Warning), (Some(4 << 20), Wrong)]
    {
        let facts = Facts { limits: Limits { memory: most, ..Limits::default() }, ..Facts::default() };
        assert_eq!(memory(&facts).verdict, verdict, "{most:?}");
    }
}

#[test]
fn close_wait_against_our_own_time_out() {
    for (kept, ours, verdict, fix) in [
        (Some(60), 60, Ok, ""),
        (Some(60), 61, Warning, "close_wait=61"),
        (Some(3599), 0, Warning, "close_wait=3600"),
        (Some(3600), 0, Ok, ""),
        (None, 60, Skipped, ""),
    ] {
        let mut facts = Facts::default();
        facts.config.half_close_timeout = Duration::from_secs(ours);
        facts.kernel.close_wait = kept;
        let finding = close_wait(&facts);
        assert_eq!(finding.verdict, verdict, "{finding:?}");
        assert!(told(&finding).1.ends_with(fix), "{finding:?}");
    }
}

#[test]
fn ipv6_by_what_is_asked_for() {
    let asked = Listen { addrs: vec!["[::1]:4140".parse().expect("an address")], by_default: false };
    for (state, outbound, verdict) in [
        (Ipv6::There, None, Ok),
        (Ipv6::Disabled, None, Warning),
        (Ipv6::Missing, None, Warning),
        (Ipv6::Disabled, Some(&asked), Wrong),
        (Ipv6::There, Some(&asked), Ok),
    ] {
        let mut facts = Facts::default();
        facts.kernel.ipv6 = state;
        facts.config.outbound = outbound.cloned().unwrap_or(facts.config.outbound);
        assert_eq!(ipv6(&facts).verdict, verdict, "{state:?} {outbound:?}");
    }
}
