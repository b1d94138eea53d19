//! Label values: directions, peers, targets, and the capped sets of values that clients choose.

use crate::base::map::Map;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

/// The label value that stands for everything beyond a cap.
pub const OTHER: &str = "~other";

/// The `target_addr` of what has no target.
const NONE: &str = "~none";

/// Which way a connection goes, seen from the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// To the application.
    Inbound,
    /// From the application.
    Outbound,
}

impl Direction {
    /// Both, in the order of their numbers.
    pub const ALL: [Direction; 2] = [Direction::Inbound, Direction::Outbound];

    /// The value of the `direction` label.
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::Inbound => "inbound",
            Direction::Outbound => "outbound",
        }
    }
}

/// One of the two connections of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Peer {
    /// The client's side.
    Src,
    /// The upstream's side.
    Dst,
}

impl Peer {
    /// Both, in the order of their numbers.
    pub const ALL: [Peer; 2] = [Peer::Src, Peer::Dst];

    /// The value of the `peer` label.
    pub fn as_str(self) -> &'static str {
        match self {
            Peer::Src => "src",
            Peer::Dst => "dst",
        }
    }
}

/// Where a flow goes, as a label.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum TargetLabel {
    /// None: the connection was made to us as to a proxy, and has gone nowhere yet.
    None,
    /// An address: an original destination, or a configured one.
    Addr(SocketAddr),
    /// A configured name and its port.
    Name(Rc<str>, u16),
    /// An address as one of a backend set: that set's name besides.
    Backend(Rc<str>, SocketAddr),
}

impl TargetLabel {
    /// The value of the `target_port` label.
    pub fn port(&self) -> Option<u16> {
        match self {
            TargetLabel::None => None,
            TargetLabel::Addr(addr) | TargetLabel::Backend(_, addr) => Some(addr.port()),
            TargetLabel::Name(_, port) => Some(*port),
        }
    }
}

impl fmt::Display for TargetLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TargetLabel::None => f.write_str(NONE),
            TargetLabel::Addr(addr) | TargetLabel::Backend(_, addr) => canonical(*addr).fmt(f),
            TargetLabel::Name(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

/// One address, one spelling: IPv4 out of its IPv6 mapping, no flow information.
pub(super) fn canonical(addr: SocketAddr) -> SocketAddr {
    match addr {
        SocketAddr::V4(_) => addr,
        SocketAddr::V6(mut v6) => match v6.ip().to_ipv4_mapped() {
            Some(v4) => SocketAddr::new(IpAddr::V4(v4), v6.port()),
            None => {
                v6.set_flowinfo(0);
                SocketAddr::V6(v6)
            }
        },
    }
}

/// `value` as it stands between the quotes of the text format.
pub(super) fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            other => out.push(other),
        }
    }
    out
}

/// The distinct values of one label that clients choose, up to a cap.
#[derive(Debug)]
pub(super) struct Values {
    ids: Map<Box<str>, u16>,
    /// Escaped, by id. 0 is the empty value, 1 is [`OTHER`].
    list: Vec<Box<str>>,
    cap: usize,
}

impl Values {
    /// The id of no value at all.
    pub(super) const EMPTY: u16 = 0;
    /// The id of [`OTHER`].
    pub(super) const OTHER: u16 = 1;
    /// A longer value is counted as [`OTHER`]; a DNS name has at most 253 characters.
    pub(super) const LONGEST: usize = 255;

    pub(super) fn new(cap: u16) -> Values {
        let list = vec!["".into(), OTHER.into()];
        let ids = [("".into(), Values::EMPTY), (OTHER.into(), Values::OTHER)].into_iter().collect();
        Values { ids, list, cap: usize::from(cap).saturating_add(2).min(usize::from(u16::MAX)) }
    }

    /// The id of `value`; `None` where it finds no place: too long, with control characters, or beyond the cap.
    pub(super) fn id(&mut self, value: &str) -> Option<u16> {
        if value.is_empty() {
            return Some(Values::EMPTY);
        }
        if value.len() > Values::LONGEST {
            return None;
        }
        if let Some(id) = self.ids.get(value) {
            return Some(*id);
        }
        if self.list.len() >= self.cap || value.chars().any(char::is_control) {
            return None;
        }
        let id = self.list.len() as u16;
        self.ids.insert(value.into(), id);
        self.list.push(escaped(value).into());
        Some(id)
    }

    /// The escaped value of `id`.
    pub(super) fn text(&self, id: u16) -> &str {
        self.list.get(usize::from(id)).map_or(OTHER, |text| text)
    }
}
