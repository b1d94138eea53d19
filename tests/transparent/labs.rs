//! The two labs, and what every test of them asks.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::support::*;

/// The user that wayside runs as. Nothing it sends is redirected.
pub(crate) const WAYSIDE: u32 = 2102;
/// The user that the application runs as.
pub(crate) const APP: u32 = 2103;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MB: u64 = 1 << 20;

/// The rules of a sidecar, but for skipped ports: all goes through wayside, except what wayside sends.
const SIDECAR: [&str; 3] = [
    "-t nat -A OUTPUT -p tcp -m owner --uid-owner 2102 -j RETURN",
    "-t nat -A OUTPUT -p tcp -j REDIRECT --to-ports 4140",
    "-t nat -A PREROUTING -p tcp -j REDIRECT --to-ports 4143",
];

/// The test twice, once for each family: `fn NAME(family: Family)` becomes the tests `NAME::v4` and `NAME::v6`.
macro_rules! in_both_families {
    ($($name:ident)+) => { $(
        mod $name {
            use crate::support::*;
            #[test]
            fn v4() {
                if let Err(why) = Family::V4.packet_filter() { skipped!("{why}") }
                super::$name(Family::V4);
            }
            #[test]
            fn v6() {
                if let Err(why) = Family::V6.packet_filter() { skipped!("{why}") }
                super::$name(Family::V6);
            }
        }
    )+ };
}
pub(crate) use in_both_families;

/// wayside on a host of the lab, as [`WAYSIDE`] and with nothing but its defaults and these arguments.
pub(crate) struct Resident {
    pub(crate) wayside: Wayside,
    /// Keeps a copy of the program, as other users may not enter the folder it was built in.
    _dir: TempDir,
}

impl Resident {
    fn start(host: &Host, args: &[&str]) -> Self {
        let dir = TempDir::new();
        let copy = dir.path().join("wayside");
        copy_program(program(), &copy);
        let config = dir.file("wayside.toml", "");
        // The harness would turn the listeners off, where no file says otherwise.
        let mut all = vec!["--config", config.to_str().expect("a path")];
        if args.contains(&"--config") {
            all.clear();
        }
        all.extend(args);
        let (uid, gid) = (format!("--reuid={WAYSIDE}"), format!("--regid={WAYSIDE}"));
        let start = format!("shift; exec {} \"$@\"", copy.display());
        let mut wrapper = host.wrapper().to_vec();
        wrapper.extend(["setpriv", &uid, &gid, "--clear-groups", "sh", "-c", &start, "sh"]);
        let wayside = Launch::new(&all).through(&wrapper).start();
        Resident {
            wayside: wayside.unwrap_or_else(|error| panic!("wayside run {args:?}: {error}")),
            _dir: dir,
        }
    }
}

/// Three hosts: a client, a server, and between them a router that redirects what it is to forward.
pub(crate) struct Gateway {
    resident: Resident,
    pub(crate) client: Host,
    pub(crate) router: Host,
    pub(crate) server: Host,
    pub(crate) family: Family,
}

impl Gateway {
    pub(crate) fn new(family: Family, args: &[&str]) -> Self {
        Gateway::with(family, args, |router| {
            router.filter(family, "-t nat -A PREROUTING -i client -p tcp -j REDIRECT --to-ports 4143");
        })
    }

    /// With what `rules` puts there.
    pub(crate) fn with(family: Family, args: &[&str], rules: impl FnOnce(&Host)) -> Self {
        let [router, client, server] = ["router", "client", "server"].map(Host::new);
        router.cable(1, "client", &client, "eth0");
        router.cable(2, "server", &server, "eth0");
        for (host, cable) in [(&client, 1), (&server, 2)] {
            host.route_by(family.ip(cable, 1));
        }
        router.set("ipv4/ip_forward", "1");
        if family == Family::V6 {
            router.set("ipv6/conf/all/forwarding", "1");
        }
        rules(&router);
        Gateway { resident: Resident::start(&router, args), client, router, server, family }
    }

    pub(crate) fn wayside(&self) -> Inside<'_> {
        Inside { wayside: &self.resident.wayside, host: &self.router }
    }

    /// Where the server would listen.
    pub(crate) fn target(&self, port: u16) -> SocketAddr {
        self.family.addr(2, 2, port)
    }

    /// A connection through it, to this port.
    pub(crate) fn pair(&self, port: u16) -> (TcpStream, TcpStream) {
        let listener = self.server.listen(self.target(port));
        (self.client.connect(self.target(port)), accept(&listener))
    }
}

/// Two hosts: one with an application and wayside beside it, and a peer somewhere else.
pub(crate) struct Pod {
    resident: Resident,
    pub(crate) host: Host,
    pub(crate) peer: Host,
    pub(crate) family: Family,
}

impl Pod {
    /// `skips`: rules that come before those of the sidecar.
    pub(crate) fn new(family: Family, skips: &[&str], args: &[&str]) -> Self {
        Pod::with(family, args, |host| {
            for rule in skips.iter().chain(&SIDECAR) {
                host.filter(family, rule);
            }
        })
    }

    /// With what `rules` puts there.
    pub(crate) fn with(family: Family, args: &[&str], rules: impl FnOnce(&Host)) -> Self {
        let [host, peer] = ["pod", "peer"].map(Host::new);
        host.cable(1, "eth0", &peer, "eth0");
        rules(&host);
        Pod { resident: Resident::start(&host, args), host, peer, family }
    }

    pub(crate) fn wayside(&self) -> Inside<'_> {
        Inside { wayside: &self.resident.wayside, host: &self.host }
    }

    /// A port of the application's host.
    pub(crate) fn app(&self, port: u16) -> SocketAddr {
        self.family.addr(1, 1, port)
    }

    /// A port of the other host.
    pub(crate) fn far(&self, port: u16) -> SocketAddr {
        self.family.addr(1, 2, port)
    }

    /// The application's connection to the peer.
    pub(crate) fn outbound(&self, port: u16) -> (TcpStream, TcpStream) {
        let listener = self.peer.listen(self.far(port));
        (self.host.connect_as(APP, self.far(port)), accept(&listener))
    }

    /// The peer's connection to the application.
    pub(crate) fn inbound(&self, port: u16) -> (TcpStream, TcpStream) {
        let listener = self.host.listen(self.app(port));
        (self.peer.connect(self.app(port)), accept(&listener))
    }
}

/// wayside as seen from its own host: its admin server is on loopback. Who asks it is of the user that is not
/// redirected, and so leaves no trace.
#[derive(Clone, Copy)]
pub(crate) struct Inside<'a> {
    wayside: &'a Wayside,
    host: &'a Host,
}

impl Inside<'_> {
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.host.run_as(WAYSIDE, || self.wayside.metrics()).sum(name, labels)
    }

    /// Connections turned away for this reason.
    pub(crate) fn refused(&self, direction: &str, reason: &str) -> f64 {
        self.sum("wayside_refused_total", &[("direction", direction), ("reason", reason)])
    }

    /// All that was ever accepted, by any listener.
    pub(crate) fn accepted(&self) -> f64 {
        self.sum("tcp_open_total", &[("peer", "src")]) + self.sum("wayside_refused_total", &[])
    }

    pub(crate) fn connections(&self) -> String {
        self.host.run_as(WAYSIDE, || self.wayside.connections())
    }

    /// The line of `/connections` about the connection of this client.
    #[track_caller]
    pub(crate) fn line_of(&self, client: &TcpStream) -> String {
        let source = here(client).to_string();
        let all = self.connections();
        let line = all.lines().find(|line| field(line, "source").as_deref() == Some(&source));
        line.unwrap_or_else(|| panic!("nothing about {source} in\n{all}")).to_owned()
    }

    pub(crate) fn fds(&self) -> usize {
        self.wayside.fds()
    }

    #[allow(dead_code)] // For `tests/access_log`.
    pub(crate) fn stdout(&self) -> String {
        self.wayside.stdout()
    }

    pub(crate) fn stderr(&self) -> String {
        self.wayside.stderr()
    }

    /// Nothing is left of any connection but what stood open at the start.
    #[track_caller]
    pub(crate) fn expect_descriptors(&self, before: usize) {
        eventually("the descriptors are what they were", LIMIT, || self.fds() <= before);
    }

    /// All connections are over.
    #[track_caller]
    pub(crate) fn expect_none_open(&self) {
        eventually("no connection is open", LIMIT, || self.sum("tcp_open_connections", &[]) == 0.0);
    }
}

/// A byte each way.
#[track_caller]
pub(crate) fn greet(mut client: &TcpStream, mut server: &TcpStream) {
    let mut got = [0; 4];
    client.write_all(b"ping").expect("to write");
    server.read_exact(&mut got).expect("the client's bytes");
    assert_eq!(&got, b"ping");
    server.write_all(b"pong").expect("to write");
    client.read_exact(&mut got).expect("the server's bytes");
    assert_eq!(&got, b"pong");
}

/// Many bytes both ways at once, then an orderly end of both.
#[track_caller]
pub(crate) fn pass_both_ways(client: &TcpStream, server: &TcpStream, total: u64) {
    let (seed, sizes) = (seed(), (1, 128 << 10));
    std::thread::scope(|scope| {
        let send = |from, seed| {
            let sum = send_random(from, total, seed, sizes).expect("to send");
            finish(from);
            sum
        };
        let up_in = scope.spawn(move || send(client, seed));
        let down_in = scope.spawn(move || send(server, !seed));
        let up_out = scope.spawn(move || receive(server, seed, sizes).expect("to receive"));
        let down_out = receive(client, seed, sizes).expect("to receive");
        assert_eq!(up_out.join().expect("the server"), up_in.join().expect("the client"), "up");
        assert_eq!(down_out, down_in.join().expect("the server"), "down");
    });
}

/// Where this end of the connection is.
pub(crate) fn here(stream: &TcpStream) -> SocketAddr {
    stream.local_addr().expect("its address")
}

/// Where its other end is.
pub(crate) fn there(stream: &TcpStream) -> SocketAddr {
    stream.peer_addr().expect("its peer's address")
}

/// The server sees the connection that the client made: nothing was in between.
#[track_caller]
pub(crate) fn is_direct(client: &TcpStream, server: &TcpStream) -> bool {
    here(client) == there(server)
}

/// Connects, and is turned away with a reset: at once, and for good; or, where HTTP would be served, as soon as it has said
/// something else.
#[track_caller]
pub(crate) fn expect_turned_away(host: &Host, user: u32, addr: SocketAddr) {
    let connected = host.run_as(user, || connect(addr));
    match connected {
        Ok(mut stream) => {
            // Whoever takes requests as a proxy waits for one. This is none. The reset may be here before it is said.
            match stream.write_all(b"\0no request\r\n") {
                Ok(()) => expect_reset(&stream, SECOND),
                Err(error) => assert!(is_reset(&error), "{error}"),
            }
        }
        Err(error) => assert!(is_reset(&error), "{addr}: {error}"),
    }
}
