//! The self-test: a connection that this host makes comes to wayside's port, and the kernel says where it was going.
//!
//! No packet leaves the host where the rules work: a redirected one goes to the loopback address. The target is an address
//! of documentation (RFC 5737, RFC 3849), or of the host's own network where there is no route to those.

use crate::config::redirect::Redirect;
use crate::sys::{process, random, socket};
use std::fs;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

/// How long a family's connection may take; redirected, it takes well under a millisecond. Two families stay under 2 s.
const LIMIT: Duration = Duration::from_millis(900);
/// How often what may fail by chance is tried.
const ATTEMPTS: usize = 4;
/// The most connections of others that may wait before ours on the listener: what the kernel queues at most, and to spare.
const MOST_OTHERS: usize = 8192;
/// The ports that are tried as a target; the first that is not skipped. (linkerd's validator uses 1404.)
const FIRST_PORT: u16 = 1404;

/// What one family's test found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It works; how that was seen.
    Works(String),
    /// It does not; why.
    Broken(String),
    /// It could not be tried; why.
    Untried(String),
}

/// Tries both families, as far as they are redirected.
pub fn verify(plan: &Redirect) -> Vec<(&'static str, Outcome)> {
    let Some(port) = plan.outgoing else {
        return vec![("outbound", Outcome::Untried("it is not redirected".to_owned()))];
    };
    let (uid, gid) = process::owner();
    if plan.uid == Some(uid) || plan.gid == Some(gid) {
        let why = "this command runs as the user or group whose connections are left alone";
        return vec![("outbound", Outcome::Untried(why.to_owned()))];
    }
    let mut families = vec![("IPv4", true)];
    families.extend(plan.ipv6.then_some(("IPv6", false)));
    families.into_iter().map(|(name, is_ipv4)| (name, family(plan, is_ipv4, port))).collect()
}

fn family(plan: &Redirect, is_ipv4: bool, port: u16) -> Outcome {
    let loopback =
        SocketAddr::new(if is_ipv4 { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() }, port);
    let target =
        (FIRST_PORT..=u16::MAX).chain(1..FIRST_PORT).find(|&port| !plan.skip_outbound_ports.contains(port));
    let Some(target_port) = target else {
        return Outcome::Untried("every port is skipped".to_owned());
    };
    let target = targets(is_ipv4, target_port).find(|target| !plan.skips_outbound(target.ip(), target_port));
    let Some(target) = target else {
        return Outcome::Untried("there is no route to anywhere that is not skipped".to_owned());
    };
    match TcpListener::bind(loopback) {
        Ok(listener) => by_listener(&listener, target),
        Err(error) if error.kind() == ErrorKind::AddrInUse => by_table(loopback, target),
        Err(error) => Outcome::Untried(format!("cannot listen on {loopback}: {error}")),
    }
}

/// Where a connection can be tried to: addresses that nobody has; then those of neighbours, which may be there. To each there is a
/// route.
pub fn targets(is_ipv4: bool, port: u16) -> impl Iterator<Item = SocketAddr> {
    addresses(is_ipv4)
        .into_iter()
        .map(move |ip| SocketAddr::new(ip, port))
        .filter(|target| has_route(*target))
}

fn addresses(is_ipv4: bool) -> Vec<IpAddr> {
    if is_ipv4 {
        let nobody =
            [Ipv4Addr::new(192, 0, 2, 1), Ipv4Addr::new(198, 51, 100, 1), Ipv4Addr::new(203, 0, 113, 1)];
        let table = fs::read_to_string("/proc/net/route").unwrap_or_default();
        nobody.into_iter().map(IpAddr::V4).chain(table.lines().flat_map(neighbours_v4)).collect()
    } else {
        let nobody = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
        let table = fs::read_to_string("/proc/net/ipv6_route").unwrap_or_default();
        std::iter::once(IpAddr::V6(nobody)).chain(table.lines().flat_map(neighbours_v6)).collect()
    }
}

/// Of a line of `/proc/net/route`: the first addresses of a network that is reached without a gateway.
fn neighbours_v4(line: &str) -> Vec<IpAddr> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let [_, network, gateway, _, _, _, _, mask, ..] = fields.as_slice() else { return Vec::new() };
    // As the kernel holds them: the bytes are in network order whatever the host's is.
    let read =
        |text: &&str| u32::from_str_radix(text, 16).ok().map(|raw| u32::from_be_bytes(raw.to_ne_bytes()));
    match (read(network), read(gateway), read(mask)) {
        (Some(network), Some(0), Some(mask)) if mask != 0 && mask.trailing_zeros() >= 2 => {
            (1..3).map(|host| Ipv4Addr::from_bits(network | host).into()).collect()
        }
        _ => Vec::new(),
    }
}

/// The same of a line of `/proc/net/ipv6_route`. Link-local addresses mean nothing without an interface.
fn neighbours_v6(line: &str) -> Vec<IpAddr> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let [network, bits, _, _, gateway, _, _, _, _, interface] = fields.as_slice() else { return Vec::new() };
    let read = |text: &str| u128::from_str_radix(text, 16).ok();
    match (read(network), u8::from_str_radix(bits, 16), read(gateway)) {
        (Some(network), Ok(1..=126), Some(0)) if *interface != "lo" => {
            let first = Ipv6Addr::from_bits(network);
            let is_usable = !first.is_unicast_link_local() && !first.is_multicast();
            let hosts = if is_usable { 1..3 } else { 0..0 };
            hosts.map(|host| Ipv6Addr::from_bits(network | host).into()).collect()
        }
        _ => Vec::new(),
    }
}

/// Whether a packet to it would leave by an interface other than loopback. A datagram socket finds out without sending.
fn has_route(target: SocketAddr) -> bool {
    let any: IpAddr =
        if target.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    !socket::is_local(target) && UdpSocket::bind((any, 0)).and_then(|socket| socket.connect(target)).is_ok()
}

/// The port is free: listen on it for a moment, and see who comes and from where.
fn by_listener(listener: &TcpListener, target: SocketAddr) -> Outcome {
    let outcome = connect(target).and_then(|client| {
        let own = client.local_addr()?;
        listener.set_nonblocking(true)?;
        for _ in 0..MOST_OTHERS {
            let (stream, peer) = listener.accept()?;
            // Another's connection would have been refused a moment ago, and is ended now.
            if peer == own {
                let stream = mio::net::TcpStream::from_std(stream);
                return socket::original_destination(&stream, peer);
            }
        }
        Err(ErrorKind::WouldBlock.into())
    });
    match outcome {
        Ok(Some(wanted)) if wanted == target => {
            Outcome::Works(format!("a connection to {target} came to a listener there, with its destination"))
        }
        Ok(wanted) => Outcome::Broken(format!(
            "a connection to {target} was redirected, but its original destination is {}",
            wanted.map_or_else(|| "not known".to_owned(), |wanted| wanted.to_string())
        )),
        Err(error) => not_redirected(target, &error),
    }
}

/// Another process listens there, most likely wayside: see that the other end of our connection is on that port.
fn by_table(port: SocketAddr, target: SocketAddr) -> Outcome {
    for _ in 0..ATTEMPTS {
        let (own, _client) = match connect(target).and_then(|client| Ok((client.local_addr()?, client))) {
            Ok(connected) => connected,
            Err(error) => return not_redirected(target, &error),
        };
        // One reading may miss an entry, as others come and go while it is read.
        if (0..ATTEMPTS).any(|_| is_in_table(port, own)) {
            let text = "the port is taken, so the kernel's table of connections was asked: ";
            return Outcome::Works(format!("{text}one to {target} has its other end there"));
        }
    }
    Outcome::Broken(format!("a connection to {target} was answered, but not from port {}", port.port()))
}

/// Whether there is a connection with these ends.
fn is_in_table(here: SocketAddr, there: SocketAddr) -> bool {
    let read = |table| fs::read_to_string(table).unwrap_or_default();
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"].map(read);
    tables.iter().flat_map(|table| table.lines()).any(|line| ends(line) == Some((here, there)))
}

/// From a port that the kernel would not choose itself. One that others have had shortly before, to another target, is replaced
/// on the way where the packet filter still remembers it; then ours could not be told from theirs.
fn connect(target: SocketAddr) -> io::Result<TcpStream> {
    let mut last = io::Error::from(ErrorKind::AddrInUse);
    for _ in 0..ATTEMPTS {
        let port = 16_384 | (random::bits16() & 16_383);
        match socket::connect_from(port, target, LIMIT) {
            Err(error) if error.kind() == ErrorKind::AddrInUse => last = error,
            outcome => return outcome,
        }
    }
    Err(last)
}

fn not_redirected(target: SocketAddr, error: &io::Error) -> Outcome {
    Outcome::Broken(format!("a connection to {target} was not redirected ({error})"))
}

/// Both ends of a connection, from a line of `/proc/net/tcp` or `/proc/net/tcp6`.
fn ends(line: &str) -> Option<(SocketAddr, SocketAddr)> {
    let mut fields = line.split_ascii_whitespace().skip(1);
    Some((end(fields.next()?)?, end(fields.next()?)?))
}

/// `0100007F:102C`: words of four bytes as the host reads them, then the port.
fn end(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let word = |at: usize| {
        let digits = address.get(at..at.checked_add(8)?)?;
        Some(u32::from_be_bytes(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes()))
    };
    let ip = match address.len() {
        8 => Ipv4Addr::from_bits(word(0)?).into(),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?];
            let bits = words.into_iter().fold(0, |bits: u128, word| bits << 32 | u128::from(word));
            Ipv6Addr::from_bits(bits).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}
