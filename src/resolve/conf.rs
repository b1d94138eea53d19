//! What `/etc/resolv.conf` says (resolv.conf(5)).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use super::name::Name;

/// Name servers used: as in glibc, further ones are left out.
const MOST_SERVERS: usize = 3;
/// Search domains used: further ones are left out. Kubernetes allows 32.
const MOST_DOMAINS: usize = 32;

/// The effective settings of a resolver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Conf {
    /// At least one.
    pub(super) servers: Vec<SocketAddr>,
    pub(super) search: Vec<Name>,
    /// A name with so many dots is tried as it is before the search domains.
    pub(super) ndots: usize,
    /// For one question to one server.
    pub(super) timeout: Duration,
    /// Rounds over the servers.
    pub(super) attempts: u32,
    /// Begin with another server each time.
    pub(super) rotate: bool,
    /// TCP only.
    pub(super) tcp: bool,
    /// No questions for IPv6 addresses.
    pub(super) no_aaaa: bool,
}

impl Conf {
    /// Reads `text`; what it does not know or cannot read, it skips, as glibc does. `port` is the servers'.
    pub(super) fn parse(text: &str, port: u16, scope: impl Fn(&str) -> Option<u32>) -> Conf {
        let mut conf = Conf {
            servers: Vec::new(),
            search: Vec::new(),
            ndots: 1,
            timeout: Duration::from_secs(5),
            attempts: 2,
            rotate: false,
            tcp: false,
            no_aaaa: false,
        };
        for line in text.lines() {
            // A keyword begins its line, without a space before it; so does a comment's sign.
            if line.starts_with([' ', '\t']) {
                continue;
            }
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("nameserver") if conf.servers.len() < MOST_SERVERS => {
                    conf.servers.extend(words.next().and_then(|word| server(word, port, &scope)));
                }
                Some("search") => conf.search = words.filter_map(Name::parse).take(MOST_DOMAINS).collect(),
                Some("domain") => conf.search = words.filter_map(Name::parse).take(1).collect(),
                Some("options") => words.for_each(|word| conf.option(word)),
                _ => {}
            }
        }
        if conf.servers.is_empty() {
            conf.servers.push(SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        }
        conf
    }

    /// The bounds are glibc's; its least time-out and number of attempts is 1 here.
    fn option(&mut self, word: &str) {
        let (key, value) = word.split_once(':').unwrap_or((word, ""));
        let number = value.parse::<u32>();
        match (key, number) {
            ("ndots", Ok(number)) => self.ndots = number.min(15) as usize,
            ("timeout", Ok(number)) => self.timeout = Duration::from_secs(number.clamp(1, 30).into()),
            ("attempts", Ok(number)) => self.attempts = number.clamp(1, 5),
            ("rotate", _) => self.rotate = true,
            ("use-vc", _) => self.tcp = true,
            ("no-aaaa", _) => self.no_aaaa = true,
            // edns0 is always on; single-request is needless, as each question has its own socket; trust-ad and
            // the rest mean nothing here.
            _ => {}
        }
    }

    /// The full names to ask for, in their order, when the user says `host`. Empty where it is no host name.
    pub(super) fn candidates(&self, host: &str) -> Vec<Name> {
        let Some(name) = Name::parse(host) else { return Vec::new() };
        if host.ends_with('.') {
            return vec![name];
        }
        let mut all: Vec<Name> = self.search.iter().filter_map(|domain| name.below(domain)).collect();
        let dots = host.bytes().filter(|&byte| byte == b'.').count();
        all.insert(if dots >= self.ndots { 0 } else { all.len() }, name);
        all
    }
}

fn server(word: &str, port: u16, scope: impl Fn(&str) -> Option<u32>) -> Option<SocketAddr> {
    if let Some((address, zone)) = word.split_once('%') {
        let address: Ipv6Addr = address.parse().ok()?;
        let zone = zone.parse().ok().or_else(|| scope(zone))?;
        return Some(SocketAddrV6::new(address, port, 0, zone).into());
    }
    let address: IpAddr = word.parse().ok()?;
    Some(SocketAddr::new(address, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Conf {
        Conf::parse(text, 53, |name| (name == "eth0").then_some(7))
    }

    #[test]
    fn servers() {
        for (text, expected) in [
            ("", "127.0.0.1:53"),
            ("nameserver", "127.0.0.1:53"),
            ("nameserver nonsense", "127.0.0.1:53"),
            (" nameserver 1.1.1.1", "127.0.0.1:53"),
            ("#nameserver 1.1.1.1\n;nameserver 2.2.2.2\nxnameserver 3.3.3.3", "127.0.0.1:53"),
            ("nameserver 10.0.0.1", "10.0.0.1:53"),
            ("nameserver\t10.0.0.1 # first\r\nnameserver ::1", "10.0.0.1:53 [::1]:53"),
            (
                "nameserver 1.0.0.1\nnameserver 1.0.0.2\nnameserver 1.0.0.3\nnameserver 1.0.0.4",
                "1.0.0.1:53 1.0.0.2:53 1.0.0.3:53",
            ),
            (
                "nameserver fe80::1%eth0\nnameserver fe80::2%3\nnameserver fe80::3%gone",
                "[fe80::1%7]:53 [fe80::2%3]:53",
            ),
            ("nameserver 1.0.0.1%eth0", "127.0.0.1:53"),
        ] {
            let servers: Vec<String> = parse(text).servers.iter().map(SocketAddr::to_string).collect();
            assert_eq!(servers.join(" "), expected, "{text:?}");
        }
        assert_eq!(Conf::parse("nameserver ::1", 5353, |_| None).servers, ["[::1]:5353".parse().unwrap()]);
    }

    #[test]
    fn options() {
        let shown = |text: &str| {
            let conf = parse(text);
            let flags = (conf.rotate, conf.tcp, conf.no_aaaa);
            (conf.ndots, conf.timeout.as_secs(), conf.attempts, flags)
        };
        let none = (false, false, false);
        assert_eq!(shown(""), (1, 5, 2, none));
        assert_eq!(shown("options ndots:5 timeout:1 attempts:3"), (5, 1, 3, none));
        assert_eq!(shown("options ndots:99 timeout:99 attempts:99"), (15, 30, 5, none));
        assert_eq!(shown("options timeout:0 attempts:0 ndots:0"), (0, 1, 1, none));
        assert_eq!(shown("options ndots:x timeout: attempts ndots:-1 ndots:99999999999"), (1, 5, 2, none));
        assert_eq!(
            shown("options rotate edns0 single-request\noptions use-vc no-aaaa"),
            (1, 5, 2, (true, true, true))
        );
    }

    #[test]
    fn candidates() {
        let kubernetes = "search ns.svc.cluster.local svc.cluster.local bad..domain\noptions ndots:2";
        for (text, host, expected) in [
            ("", "db", "db"),
            ("", "DB.example.com", "db.example.com"),
            ("search a b", "db", "db.a db.b db"),
            ("search a b", "db.x", "db.x db.x.a db.x.b"),
            ("search a b", "db.", "db"),
            ("search a\ndomain c d", "db", "db.c db"),
            ("domain c\nsearch a b", "db", "db.a db.b db"),
            ("search a\nsearch", "db", "db"),
            ("search a\noptions ndots:0", "db", "db db.a"),
            (kubernetes, "db.ns", "db.ns.ns.svc.cluster.local db.ns.svc.cluster.local db.ns"),
            (kubernetes, "a.b.c", "a.b.c a.b.c.ns.svc.cluster.local a.b.c.svc.cluster.local"),
            ("search a", "no name", ""),
            ("search a", "", ""),
        ] {
            let names: Vec<String> = parse(text).candidates(host).iter().map(Name::to_string).collect();
            assert_eq!(names.join(" "), expected, "{text:?} {host:?}");
        }
        let many: String = (0..40).map(|number| format!(" d{number}")).collect();
        assert_eq!(parse(&format!("search{many}")).candidates("x").len(), MOST_DOMAINS + 1);
    }

    #[test]
    fn any_bytes() {
        let mut seed = 1_u32;
        for _ in 0..2000 {
            let mut text = String::from("search a\nnameserver ::%\noptions ndots:1:2\nnameserver 1.2.3.4");
            for _ in 0..5 {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = (seed >> 8) as usize % text.len();
                text.replace_range(at..=at, ["\n", " ", ":", "%", "9"][(seed >> 4) as usize % 5]);
            }
            assert!(!parse(&text).servers.is_empty());
        }
    }
}
