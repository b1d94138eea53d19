//! Network interfaces by name.

use std::net::Ipv4Addr;
use std::os::fd::AsFd;

/// The index of the interface called `name`, as an IPv6 scope wants it.
pub fn index(name: &str) -> Option<u32> {
    // Any socket does to ask with; it is never used otherwise.
    let socket = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    rustix::net::netdevice::name_to_index(socket.as_fd(), name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_has_one() {
        assert_eq!(index("lo"), Some(1));
        assert_eq!(index("no-such-if"), None);
    }
}
