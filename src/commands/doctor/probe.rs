//! Connections of our own: to the admin address, and one that the rules redirect.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::facts::{Facts, Ready, Tested};
use super::process::holders;
use super::rules::{Connection, End, Family, Hook, walk};
use crate::commands::init::verify;
use crate::sys::{process, socket};

/// How long an answer, a connect or an accept may take.
pub(super) const LIMIT: Duration = Duration::from_secs(1);
/// The most that is read of an answer: some 20,000 lines of `/connections`.
const MOST_ANSWER: usize = 4 << 20;

/// Asks `/ready`.
pub(super) fn ready(addr: SocketAddr) -> Ready {
    match get(addr, "/ready") {
        Ok((200, _)) => Ready::Yes,
        Ok((503, _)) => Ready::Draining,
        Ok((status, _)) => Ready::Other(status),
        Err(error) if is_late(&error) => Ready::Hung,
        Err(error) => Ready::No(error.to_string()),
    }
}

/// Whether the index there is that of wayside's admin server. Others answer to `/ready` as well.
pub(super) fn is_wayside(addr: SocketAddr) -> bool {
    let answer = get(addr, "/").unwrap_or_default();
    answer.0 == 200 && answer.1.contains("\r\n\r\nwayside\n")
}

/// Whether a limit ended it. A read with one ends with EAGAIN.
fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// `GET path` of an admin address: the status, and all that was read.
fn get(mut addr: SocketAddr, path: &str) -> io::Result<(u16, String)> {
    // All addresses are no address to connect to.
    if addr.ip().is_unspecified() {
        addr.set_ip(loopback(Family::of(addr.ip())));
    }
    let end = Instant::now() + LIMIT;
    let mut stream = TcpStream::connect_timeout(&addr, LIMIT)?;
    stream.set_write_timeout(Some(LIMIT))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n")?;
    let (mut answer, mut buffer) = (Vec::new(), vec![0; 64 << 10]);
    while answer.len() < MOST_ANSWER {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut buffer)? {
            0 => break,
            count => answer.extend_from_slice(buffer.get(..count).unwrap_or_default()),
        }
    }
    let text = String::from_utf8_lossy(&answer).into_owned();
    let status = text.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)?.parse().ok());
    status.map(|status| (status, text)).ok_or_else(|| io::Error::other("it does not speak HTTP"))
}

/// 127.0.0.1 or ::1.
pub(super) fn loopback(family: Family) -> IpAddr {
    match family {
        Family::V4 => Ipv4Addr::LOCALHOST.into(),
        Family::V6 => Ipv6Addr::LOCALHOST.into(),
    }
}

/// The port of `discard`.
const DISCARD: u16 = 9;

/// An address for documentation (RFC 5737, RFC 3849), which nobody has.
pub(super) fn nowhere(family: Family) -> SocketAddr {
    let ip: IpAddr = match family {
        Family::V4 => Ipv4Addr::new(192, 0, 2, 1).into(),
        Family::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1).into(),
    };
    SocketAddr::new(ip, DISCARD)
}

/// Makes a connection that the rules redirect, and says how it fared. `None`: there is nothing to try.
///
/// Where wayside runs, it carries the connection to a listener of ours. Where nobody listens, we do, for the moment that
/// it takes, and ask for SO_ORIGINAL_DST.
pub(super) fn redirected(facts: &Facts, family: Family) -> Option<Tested> {
    let (user, group) = process::owner();
    let to_port = |to: Option<SocketAddr>, is_local: bool, user: Option<u32>| {
        let (ip, port) = (to.map(|to| to.ip()), to.map(|to| to.port()));
        let hook = Hook::Output;
        let connection = Connection { hook, family, user, group: Some(group), to: ip, port, is_local };
        walk(&facts.filters.chains, &connection)
    };
    let is_redirect = |end: End| matches!(end, End::Redirected(1..));
    if !to_port(None, false, None).iter().any(|outcome| is_redirect(outcome.end)) {
        return None;
    }
    let Ok(listener) = TcpListener::bind((loopback(family), 0)) else {
        return Some(Tested::Not(format!("this host has no {} loopback", family.as_str())));
    };
    let here = listener.local_addr().ok()?;
    // Where there is no route to any, the rules are judged all the same.
    let there = verify::targets(family == Family::V4, DISCARD).chain([nowhere(family)]);
    for (target, is_local) in [(here, true)].into_iter().chain(there.map(|target| (target, false))) {
        // Only where it is sure: a connection that goes elsewhere is no test.
        if let [outcome] = to_port(Some(target), is_local, Some(user)).as_slice()
            && let End::Redirected(port @ 1..) = outcome.end
            && !outcome.is_doubtful
        {
            if !is_local && has_only_link_local(target) {
                return Some(Tested::Not("this host has no global IPv6 address to try with".to_owned()));
            }
            if !facts.is_expected(Hook::Output, port) {
                let by = outcome.by.as_deref().unwrap_or_default();
                let found = format!("a connection to {target} goes to port {port}, not to wayside: {by}");
                return Some(Tested::Elsewhere(found, outcome.remove.clone()));
            }
            return Some(attempt(facts, &listener, target, SocketAddr::new(loopback(family), port)));
        }
    }
    Some(Tested::Not(format!("connections of uid {user} are not redirected; try as another user")))
}

/// A link-local source is of no use on `lo`, where a redirected connection arrives: it would be lost, whatever the rules.
fn has_only_link_local(target: SocketAddr) -> bool {
    // Nothing is sent: it only asks for the source that such a packet would have.
    let socket = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0));
    let source = socket.and_then(|socket| socket.connect(target).and_then(|()| socket.local_addr()));
    target.is_ipv6()
        && source.is_ok_and(|source| matches!(source.ip(), IpAddr::V6(ip) if ip.is_unicast_link_local()))
}

fn attempt(facts: &Facts, listener: &TcpListener, target: SocketAddr, proxy: SocketAddr) -> Tested {
    let is_held = holders(facts, proxy).next().is_some();
    let outcome = match (is_held, listener.local_addr().is_ok_and(|here| here == target)) {
        (false, _) => ask_kernel(target, proxy),
        (true, true) => carried(listener, target, proxy),
        (true, false) => listed(facts, target, proxy),
    };
    outcome.unwrap_or_else(|error| match error.kind() {
        ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable => {
            Tested::Not(format!("there is no route to try with: {target}: {error}"))
        }
        _ => Tested::Fails(format!("a connection to {target} did not come to {proxy}: {error}")),
    })
}

/// Accepts one within the limit.
fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    // Linux lets SO_RCVTIMEO limit accept, too.
    SockRef::from(listener).set_read_timeout(Some(LIMIT))?;
    listener.accept()
}

/// Nobody listens: we do.
fn ask_kernel(target: SocketAddr, proxy: SocketAddr) -> io::Result<Tested> {
    let listener = match TcpListener::bind(proxy) {
        Ok(listener) => listener,
        Err(error) => return Ok(Tested::Not(format!("{proxy}: {error}"))),
    };
    let _client = TcpStream::connect_timeout(&target, LIMIT)?;
    let (stream, peer) = accept(&listener)?;
    let stream = mio::net::TcpStream::from_std(stream);
    Ok(match socket::original_destination(&stream, peer) {
        Ok(Some(found)) if found == target => {
            Tested::Works(format!("the kernel says {found} of a connection that was redirected"))
        }
        Ok(found) => Tested::Fails(format!("SO_ORIGINAL_DST is {found:?} for a connection to {target}")),
        Err(error) => Tested::Fails(format!("SO_ORIGINAL_DST of a connection to {target}: {error}")),
    })
}

/// wayside listens, and the target is ours: it must come there by way of wayside.
fn carried(listener: &TcpListener, target: SocketAddr, proxy: SocketAddr) -> io::Result<Tested> {
    let mut client = TcpStream::connect_timeout(&target, LIMIT)?;
    // Not HTTP, so that it is sent to where it wanted to go, whatever routes there are.
    client.write_all(&[0; 4])?;
    let Ok((_, peer)) = accept(listener) else {
        return Ok(Tested::Fails(format!(
            "{proxy} took a connection to {target} and did not carry it there"
        )));
    };
    if client.local_addr().is_ok_and(|addr| addr == peer) {
        return Ok(Tested::Fails(format!("a connection to {target} passed {proxy} by")));
    }
    Ok(Tested::Works(format!("{proxy} carried a connection to {target}")))
}

/// wayside listens, and nobody is at the target: wayside must say that it is on the way there.
fn listed(facts: &Facts, target: SocketAddr, proxy: SocketAddr) -> io::Result<Tested> {
    let Some((admin, _)) = facts.ready.iter().find(|(_, ready)| *ready == Ready::Yes) else {
        return Ok(Tested::Not(format!("nothing at {proxy} says what it carries")));
    };
    let mut client = TcpStream::connect_timeout(&target, LIMIT)?;
    let source = format!("\"source\":\"{}\"", client.local_addr()?);
    let wanted = format!("\"target\":\"{target}\"");
    // It may not have been accepted yet; and it is over when wayside gives the dial up.
    client.set_read_timeout(Some(LIMIT / 10))?;
    for _ in 0..5 {
        let (_, connections) = get(*admin, "/connections")?;
        if connections.lines().any(|line| line.contains(&source) && line.contains(&wanted)) {
            return Ok(Tested::Works(format!("{proxy} took a connection to {target}, and knows where to")));
        }
        match client.read(&mut [0]) {
            Err(error) if is_late(&error) => {}
            _ => break,
        }
    }
    Ok(Tested::Fails(format!("{proxy} took a connection to {target}, and does not know where to")))
}
