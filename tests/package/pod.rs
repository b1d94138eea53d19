//! A pod: network namespace, the image's root read-only, the containers that `wayside inject` wrote, real traffic both ways.
//!
//! The application stands outside of that root, in the pod's network and as another user, as another container does.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;

use rustix::process::{Pid, Signal, kill_process};

use crate::cgroup::Cgroup;
use crate::root::*;
use crate::spec::*;
use crate::support::*;

/// The user that the application's clients run as.
const APP: u32 = 2103;
/// Connections at once.
const MANY: usize = 1000;

/// The pod, another host, and the sidecar.
struct Pod {
    host: Host,
    peer: Host,
    sidecar: Container,
    proxy: Daemon,
    cgroup: Option<Cgroup>,
    root: TempDir,
}

impl Pod {
    /// Runs the init container to its end, then the sidecar until it has started.
    fn start(root: TempDir) -> Pod {
        let [host, peer] = ["pod", "peer"].map(Host::new);
        host.cable(1, "eth0", &peer, "eth0");
        for family in [Family::V4, Family::V6] {
            host.route_by(family.ip(1, 2));
        }
        let mut containers =
            injected(&["--proxy-memory-limit=16Mi", "--skip-outbound-ports=4406"]).into_iter();
        let (init, sidecar) = (containers.next().expect("init"), containers.next().expect("the sidecar"));
        assert_eq!((init.name(), sidecar.name()), ("wayside-init", "wayside-proxy"));
        let said = programs::text(&mut init.run(root.path(), &host, None), "");
        for family in ["IPv4", "IPv6"] {
            assert!(said.contains(&format!("verified {family}: a connection to")), "{said}");
        }
        let most = sidecar.memory_limit();
        assert_eq!(most, 16 << 20);
        let cgroup = Cgroup::new(most).inspect_err(|why| say_skipped("package::pod::memory", why)).ok();
        let proxy = Daemon::start(sidecar.run(root.path(), &host, cgroup.as_ref()));
        let pod = Pod { host, peer, sidecar, proxy, cgroup, root };
        eventually("the startup probe succeeds", LIMIT, || pod.probe("startupProbe") == Some(200));
        pod
    }

    /// As the kubelet does it: from outside, at the pod's address.
    fn probe(&self, name: &str) -> Option<u16> {
        let (path, port) = self.sidecar.probe(name);
        let answer = self.peer.run(|| get(Family::V4.addr(1, 1, port), &path));
        answer.ok().map(|(status, _)| status)
    }

    fn metrics(&self) -> Metrics {
        let (_, port) = self.sidecar.probe("readinessProbe");
        let (_, text) = self.peer.run(|| get(Family::V4.addr(1, 1, port), "/metrics")).expect("metrics");
        Metrics::parse(&text).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Connections that were found to be this.
    fn detected(&self, direction: &str, protocol: &str) -> f64 {
        self.metrics().sum("tcp_detect_total", &[("direction", direction), ("protocol", protocol)])
    }

    /// What the kernel says of the proxy.
    fn status(&self, field: &str) -> String {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.proxy.pid())).expect("its status");
        let line =
            text.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_else(|| panic!("{field}"));
        line.trim_start_matches(':').split_whitespace().next().expect("a value").to_owned()
    }

    /// Connections of clients there to a server here, each way; the first is the way in.
    fn ways(&self) -> [(&'static str, &Host, &Host, u8); 2] {
        [("inbound", &self.peer, &self.host, 1), ("outbound", &self.host, &self.peer, 2)]
    }
}

#[test]
fn a_pod_of_injects_own_output_works_within_16_mib() {
    let root = or_skip!(image());
    for family in [Family::V4, Family::V6] {
        or_skip!(family.packet_filter());
    }
    for program in ["nsenter", "python3", "mariadbd", "nats-server", "curl"] {
        if have(program).is_none() {
            skipped!("no {program}")
        }
    }
    raise_descriptors();
    let place = root.path().join("sys/fs/cgroup/memory");
    // As a runtime mounts the group where version 1 has it; with version 2 it is the folder above.
    std::fs::create_dir_all(place).expect("a place for the control group");
    let pod = Pod::start(root);
    confined(&pod);
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        assert_eq!(pod.probe(probe), Some(200), "{probe}");
    }
    databases(&pod);
    messages(&pod);
    web(&pod);
    many(&pod);
    let metrics = pod.metrics();
    assert_eq!(metrics.sum("wayside_refused_total", &[]), 0.0);
    for probe in ["readinessProbe", "livenessProbe"] {
        assert_eq!(pod.probe(probe), Some(200), "{probe}");
    }
    if let Some(cgroup) = &pod.cgroup {
        println!(
            "peak of the control group: {} KiB; resident: {} kB",
            cgroup.peak() >> 10,
            pod.status("VmHWM")
        );
        assert_eq!(cgroup.kills(), 0);
    }
    ends(pod);
}

/// uid 2102, no capabilities and none to be had, no new privileges, nothing to be written.
fn confined(pod: &Pod) {
    assert_eq!(pod.status("Uid"), pod.sidecar.user().to_string());
    assert_eq!(pod.status("Gid"), pod.sidecar.user().to_string());
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(pod.status(set), "0000000000000000", "{set}");
    }
    assert_eq!(pod.status("NoNewPrivs"), "1");
    let inside = format!("/proc/{}/root", pod.proxy.pid());
    let error = std::fs::write(format!("{inside}/written"), "").expect_err("a root that is read-only");
    assert_eq!(error.kind(), std::io::ErrorKind::ReadOnlyFilesystem);
    assert!(std::fs::exists(format!("{inside}{ENTRYPOINT}")).expect("its root"));
    assert!(!std::fs::exists(format!("{inside}/proc/self")).expect("its root"));
    if let Some(cgroup) = &pod.cgroup {
        let own = std::fs::read_to_string(cgroup.path.join("cgroup.procs")).expect("its processes");
        assert_eq!(own.trim(), pod.proxy.pid().to_string());
    }
    assert!(pod.root.path().join("etc/passwd").is_file());
}

/// MariaDB on both hosts, its own client on the other.
fn databases(pod: &Pod) {
    let start = |host: &'_ Host, number| servers::MariaDb::start_in(host, Family::V4.ip(1, number));
    let (inside, outside) = std::thread::scope(|scope| {
        let inside = scope.spawn(|| start(&pod.host, 1));
        let outside = scope.spawn(|| start(&pod.peer, 2));
        (inside.join().expect("a server"), outside.join().expect("a server"))
    });
    for (server, (direction, from, ..)) in [inside, outside].into_iter().zip(pod.ways()) {
        let server = server.unwrap_or_else(|why| panic!("{why}"));
        let sql = "CREATE TABLE test.t (a INT); INSERT INTO test.t VALUES (20), (22); SELECT SUM(a) FROM test.t; \
                   SELECT LENGTH(REPEAT('x', 3000000));";
        let sql = format!("CREATE DATABASE IF NOT EXISTS test; {sql}");
        assert_eq!(server.query_from(Some(from), server.elsewhere, &sql), "42\n3000000\n");
        assert_eq!(server.query_from(Some(from), server.on_3306, "SELECT 7"), "7\n");
        // On a port of its own it is found out, on 3306 it is known.
        assert_eq!(pod.detected(direction, "mysql"), 2.0, "{direction}");
    }
}

/// A client of NATS: greeted, then served.
fn messages(pod: &Pod) {
    for (direction, from, to, number) in pod.ways() {
        let addr = Family::V4.addr(1, number, 4222);
        let [ip, words @ ..] = to.wrapper();
        let mut command = Command::new(ip);
        command.args(words).args(["nats-server", "-a", &addr.ip().to_string(), "-p", "4222"]);
        let mut server = Daemon::start(command);
        to.run(|| server.wait_port(addr));
        let mut client = from.connect_as(APP, addr);
        client
            .write_all(b"CONNECT {\"verbose\":false}\r\nSUB news 1\r\nPUB news 5\r\nhello\r\n")
            .expect("to publish");
        let mut heard = String::new();
        while !heard.contains("MSG news 1 5\r\nhello\r\n") {
            let mut part = [0; 4096];
            let count = client.read(&mut part).expect("the message");
            assert!(count > 0, "{heard}");
            heard.push_str(&String::from_utf8_lossy(&part[..count]));
        }
        assert!(heard.starts_with("INFO {"), "{heard}");
        assert_eq!(pod.detected(direction, "nats"), 1.0, "{direction}");
    }
}

/// curl, and a server that answers each request.
fn web(pod: &Pod) {
    for (direction, from, to, number) in pod.ways() {
        let listener = to.listen(Family::V4.addr(1, number, 8080));
        let url = format!("http://{}/a/page", listener.local_addr().expect("its address"));
        let [ip, words @ ..] = from.wrapper();
        let mut curl = Command::new(ip);
        curl.args(words).args(["curl", "-sS", "-i", "--noproxy", "*", "--max-time", "10", &url]);
        let said = std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut stream = accept(&listener);
                let mut head = [0; 4096];
                let count = stream.read(&mut head).expect("a request");
                assert!(head[..count].starts_with(b"GET /a/page HTTP/1.1\r\n"));
                stream.write_all(OK).expect("to answer");
            });
            programs::text(&mut curl, "")
        });
        assert!(said.starts_with("HTTP/1.1 200 OK\r\n") && said.ends_with("hello"), "{said}");
        let labels = [("direction", direction), ("status_code", "200")];
        eventually("it is counted", LIMIT, || pod.metrics().sum("response_total", &labels) == 1.0);
    }
}

/// Accepts all and sends back the eight bytes that each client wrote.
fn echo_all(listener: &TcpListener, count: usize) -> Vec<TcpStream> {
    let mut streams: Vec<TcpStream> = (0..count).map(|_| accept(listener)).collect();
    for stream in &mut streams {
        let mut bytes = [0; 8];
        stream.read_exact(&mut bytes).expect("what a client wrote");
        stream.write_all(&bytes).expect("to answer");
    }
    streams
}

/// [`MANY`] connections at once, half of them each way and half of each family.
fn many(pod: &Pod) {
    let each = MANY / 4;
    let mut open = Vec::new();
    for (_, from, to, number) in pod.ways() {
        for (family, port) in [(Family::V4, 7004), (Family::V6, 7006)] {
            let addr: SocketAddr = family.addr(1, number, port);
            let listener = to.listen(addr);
            let mut clients: Vec<TcpStream> =
                from.run_as(APP, || (0..each).map(|_| connect(addr).expect("a connection")).collect());
            for (index, client) in clients.iter_mut().enumerate() {
                client.write_all(&(index as u64).to_be_bytes()).expect("to write");
            }
            let servers = echo_all(&listener, each);
            for (index, client) in clients.iter_mut().enumerate() {
                let mut bytes = [0; 8];
                client.read_exact(&mut bytes).expect("the answer");
                assert_eq!(u64::from_be_bytes(bytes), index as u64);
            }
            open.push((clients, servers));
        }
    }
    let live = pod.metrics().sum("tcp_open_connections", &[("peer", "src")]);
    assert!(live >= MANY as f64, "{live}");
    println!("resident with {live} connections: {} kB", pod.status("VmRSS"));
    // Beside them a bulky one each way.
    for (clients, servers) in &open {
        // Which of the servers' ends is the first client's is not known: it is asked.
        let (mut client, total, seed) = (&clients[0], 8 << 20, seed());
        client.write_all(&[1]).expect("to write");
        let mut byte = [0];
        let is_it = |server: &&TcpStream| {
            server.set_nonblocking(true).expect("its mode");
            let found = server.peek(&mut byte).is_ok();
            server.set_nonblocking(false).expect("its mode");
            found
        };
        let mut found = None;
        let mut is_it = is_it;
        eventually("the byte arrives", LIMIT, || {
            found = servers.iter().find(&mut is_it);
            found.is_some()
        });
        let mut server = found.expect("the server's end");
        server.read_exact(&mut [0]).expect("the byte");
        let (sent, got) = std::thread::scope(|scope| {
            let sent =
                scope.spawn(move || send_random(server, total, seed, (1 << 10, 64 << 10)).expect("to send"));
            (
                receive_exactly(client, total, seed, (1 << 10, 64 << 10)).expect("to receive"),
                sent.join().expect("it"),
            )
        });
        assert_eq!(sent, got);
    }
}

/// SIGTERM, as the kubelet sends it: not ready, and out with 0.
fn ends(mut pod: Pod) {
    kill_process(Pid::from_raw(pod.proxy.pid() as i32).expect("a pid"), Signal::TERM).expect("to signal");
    let code = pod.proxy.wait(LIMIT).and_then(|status| status.code());
    assert_eq!(code, Some(0), "{}", pod.proxy.output());
}
