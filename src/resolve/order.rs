//! Which address is tried first (RFC 6724 in small, RFC 8305's interleaving).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use super::message::MOST_ADDRESSES;

/// `v6` and `v4` by turns, up to [`MOST_ADDRESSES`]; within a family as the server gave them.
pub(super) fn interleave(v6: &[IpAddr], v4: &[IpAddr], v6_first: bool) -> Vec<IpAddr> {
    let (first, second) = if v6_first { (v6, v4) } else { (v4, v6) };
    let mut all = Vec::with_capacity(MOST_ADDRESSES.min(v6.len() + v4.len()));
    for index in 0..first.len().max(second.len()) {
        all.extend([first.get(index), second.get(index)].into_iter().flatten());
    }
    all.truncate(MOST_ADDRESSES);
    all
}

/// Whether this host would reach `v6` over IPv6 as well as anything: it has a route there and a source address of a
/// fitting scope. Asks the kernel by connecting a datagram socket; nothing is sent.
pub(super) fn prefers_v6(v6: &[IpAddr]) -> bool {
    let Some(&IpAddr::V6(target)) = v6.first() else { return false };
    matches!(source_for(target.into()), Some(IpAddr::V6(source)) if fits(source, target))
}

/// Whether `::1` can be used.
pub(super) fn has_v6_loopback() -> bool {
    source_for(Ipv6Addr::LOCALHOST.into()).is_some()
}

fn source_for(target: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = match target {
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((target, 53)).ok()?;
    socket.local_addr().ok().map(|address| address.ip())
}

/// A link-local source reaches only its link; a unique-local one rarely the world.
fn fits(source: Ipv6Addr, target: Ipv6Addr) -> bool {
    (!source.is_unicast_link_local() || target.is_unicast_link_local())
        && (!source.is_unique_local() || target.is_unique_local())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_turns() {
        let addresses = |text: &str| -> Vec<IpAddr> {
            text.split_whitespace().map(|word| word.parse().unwrap()).collect()
        };
        let (v6, v4) = (addresses("::1 ::2 ::3"), addresses("1.0.0.1"));
        assert_eq!(interleave(&v6, &v4, true), addresses("::1 1.0.0.1 ::2 ::3"));
        assert_eq!(interleave(&v6, &v4, false), addresses("1.0.0.1 ::1 ::2 ::3"));
        assert_eq!(interleave(&[], &v4, true), v4);
        let many: Vec<IpAddr> = (0..30).map(|number| IpAddr::from([10, 0, 0, number])).collect();
        let all = interleave(&v6, &many, true);
        assert_eq!((all.len(), all.iter().filter(|address| address.is_ipv6()).count()), (MOST_ADDRESSES, 3));
    }

    #[test]
    fn scopes() {
        for (source, target, expected) in [
            ("2001:db8::1", "2001:db8:1::1", true),
            ("fe80::1", "2001:db8::1", false),
            ("fe80::1", "fe80::2", true),
            ("fd00::1", "2001:db8::1", false),
            ("fd00::1", "fd00::2", true),
            ("::1", "::1", true),
        ] {
            assert_eq!(fits(source.parse().unwrap(), target.parse().unwrap()), expected, "{source} {target}");
        }
        assert!(!prefers_v6(&[]));
        assert_eq!(prefers_v6(&["::1".parse().unwrap()]), has_v6_loopback());
    }
}
