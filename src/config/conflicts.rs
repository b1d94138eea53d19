//! Values that are right each for itself, but cannot stand together.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::load::Origins;
use super::problem::{Origin, Problem};
use super::{Config, Target};

/// One address that we are to listen on.
struct Listener<'a> {
    option: &'static str,
    addr: SocketAddr,
    at: &'a Origin,
}

impl Listener<'_> {
    /// As another one's problem names it.
    fn name(&self) -> String {
        format!("{} of {} ({})", self.addr, self.option, self.at.place())
    }
}

/// Everything that clashes. What is said about options in `unsure` is not known, so neither is what they clash with.
pub(super) fn find(config: &Config, origins: &Origins, unsure: &BTreeSet<&'static str>) -> Vec<Problem> {
    let mut listeners = listeners(config, origins);
    listeners.retain(|listener| !unsure.contains(listener.option));
    let mut problems = duplicates(&listeners);
    if !unsure.contains("forward") {
        problems.extend(loops(config, origins, &listeners));
    }
    if !unsure.contains("proxy-clients") && !unsure.contains("connect-ports") {
        problems.extend(open_proxy(config, origins));
    }
    let all_known =
        ["inbound-listen", "outbound-listen", "forward"].iter().all(|name| !unsure.contains(name));
    if all_known
        && config.inbound.addrs.is_empty()
        && config.outbound.addrs.is_empty()
        && config.forwards.is_empty()
    {
        let text = "nothing to listen on; with both listeners off there must be a forward".to_owned();
        problems.push(Problem { at: origin(origins, "outbound-listen", 0).clone(), text });
    }
    problems
}

fn origin<'a>(origins: &'a Origins, option: &str, index: usize) -> &'a Origin {
    origins.get(option).and_then(|at| at.get(index)).unwrap_or(&Origin::Default)
}

fn listeners<'a>(config: &Config, origins: &'a Origins) -> Vec<Listener<'a>> {
    let forwards: Vec<SocketAddr> = config.forwards.iter().map(|forward| forward.listen).collect();
    [
        ("inbound-listen", &config.inbound.addrs),
        ("outbound-listen", &config.outbound.addrs),
        ("admin-listen", &config.admin.addrs),
        ("forward", &forwards),
    ]
    .into_iter()
    .flat_map(|(option, addrs)| {
        addrs.iter().enumerate().map(move |(index, &addr)| Listener {
            option,
            addr,
            at: origin(origins, option, index),
        })
    })
    .collect()
}

/// Whom we let in from elsewhere, without a word about where they may go: an open proxy is not made by leaving out a line.
fn open_proxy(config: &Config, origins: &Origins) -> Option<Problem> {
    if origins.contains_key("connect-ports") {
        return None;
    }
    let (index, block) = config.proxy_clients.iter().enumerate().find(|(_, block)| !block.is_loopback())?;
    let text = format!(
        "{block} is more than this host, and CONNECT would go to every port; set connect-ports too, as in \"443\""
    );
    Some(Problem { at: origin(origins, "proxy-clients", index).clone(), text })
}

/// Each listener that an earlier one is in the way of.
fn duplicates(listeners: &[Listener<'_>]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, later) in listeners.iter().enumerate() {
        let earlier = listeners.iter().take(index).find(|earlier| overlap(earlier.addr, later.addr));
        let Some(earlier) = earlier else { continue };
        // A default is not what the user has to change.
        let (wrong, other) = if *later.at == Origin::Default { (earlier, later) } else { (later, earlier) };
        let text = format!("{} overlaps with {}; give each its own port", wrong.addr, other.name());
        problems.push(Problem { at: wrong.at.clone(), text });
    }
    problems
}

/// Whether two listeners cannot both have their address. Port 0 is a free one each time.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let (ip_a, ip_b) = (a.ip().to_canonical(), b.ip().to_canonical());
    a.port() == b.port() && a.port() != 0 && (ip_a == ip_b || covers(ip_a, ip_b) || covers(ip_b, ip_a))
}

/// Whether listening on `wide` takes in `ip`: `::` is dual stack.
fn covers(wide: IpAddr, ip: IpAddr) -> bool {
    match wide {
        IpAddr::V6(wide) => wide.is_unspecified(),
        IpAddr::V4(wide) => wide.is_unspecified() && ip.is_ipv4(),
    }
}

/// Each forward that leads back to ourselves.
fn loops(config: &Config, origins: &Origins, listeners: &[Listener<'_>]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (index, forward) in config.forwards.iter().enumerate() {
        let Some(own) = listeners.iter().find(|listener| reaches(&forward.target, listener.addr)) else {
            continue;
        };
        let text = format!("{} is our own listener, {}: a loop", forward.target, own.name());
        problems.push(Problem { at: origin(origins, "forward", index).clone(), text });
    }
    problems
}

/// Each server of a backend set that is ourselves. What is said about options in `unsure` is not known.
pub(super) fn servers(
    config: &Config,
    origins: &Origins,
    places: &[(Origin, Vec<Origin>)],
    unsure: &BTreeSet<&'static str>,
) -> Vec<Problem> {
    let mut listeners = listeners(config, origins);
    listeners.retain(|listener| !unsure.contains(listener.option));
    let mut problems = Vec::new();
    for (set, (_, places)) in config.backends.iter().zip(places) {
        for (server, at) in set.servers.iter().zip(places) {
            if let Some(own) = listeners.iter().find(|listener| reaches(&server.target, listener.addr)) {
                let text = format!(
                    "backends.{}: {} is our own listener, {}: a loop",
                    set.name,
                    server.target,
                    own.name()
                );
                problems.push(Problem { at: at.clone(), text });
            }
        }
    }
    problems
}

/// Whether a connection to `target` from this host would end at `listener`. The addresses of the host's interfaces
/// are not looked at here: the loop guard at accept sees those.
fn reaches(target: &Target, listener: SocketAddr) -> bool {
    let (addrs, port) = match target {
        Target::Addr(addr) => (vec![addr.ip().to_canonical()], addr.port()),
        Target::Name(name, port) if is_localhost(name) => {
            (vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()], *port)
        }
        Target::Name(..) => return false,
    };
    let own = listener.ip().to_canonical();
    port == listener.port()
        && addrs.into_iter().map(local).any(|ip| ip == own || (ip.is_loopback() && covers(own, ip)))
}

/// A connection to the unspecified address goes to the loopback address.
fn local(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        _ => ip,
    }
}

/// RFC 6761, section 6.3: `localhost` and the names below it are the loopback address.
fn is_localhost(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests;
