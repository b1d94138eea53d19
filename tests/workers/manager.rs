//! A service manager: what it hands over, and what it hears. With one worker and with several.

use std::io::Read;
use std::net::TcpListener;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::Signal;

use super::house::ask;
use crate::support::*;

/// A manager's socket.
struct Heard(UnixDatagram, TempDir);

impl Heard {
    fn new() -> Self {
        let dir = TempDir::new();
        let socket = UnixDatagram::bind(dir.path().join("notify")).expect("a socket");
        socket.set_read_timeout(Some(LIMIT)).expect("a time-out");
        Heard(socket, dir)
    }

    fn path(&self) -> String {
        self.1.path().join("notify").to_string_lossy().into_owned()
    }

    /// The next message that has this line's beginning; what comes before it is passed over.
    fn expect(&self, beginning: &str) -> String {
        let mut buffer = [0; 4096];
        loop {
            let count = self.0.recv(&mut buffer).unwrap_or_else(|error| panic!("{beginning}: {error}"));
            let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
            if text.lines().any(|line| line.starts_with(beginning)) {
                return text;
            }
        }
    }
}

#[test]
fn it_hears_of_the_start_the_beats_and_the_end() {
    let server = http_server();
    let forward = format!("127.0.0.1:0={}", server.addr());
    for workers in ["1", "2"] {
        let heard = Heard::new();
        let launch = Launch::new(&["--workers", workers, "--forward", &forward]);
        let launch = launch.env("NOTIFY_SOCKET", &heard.path()).env("WATCHDOG_USEC", "200000");
        let mut wayside = launch.start().expect("it starts");
        let said = heard.expect("READY=1");
        assert!(said.contains(&format!("MAINPID={}", wayside.pid())), "{said}");
        heard.expect("WATCHDOG=1");
        heard.expect("WATCHDOG=1");
        wayside.signal(Signal::TERM);
        heard.expect("STOPPING=1");
        assert_eq!(wayside.wait(LIMIT).expect("it ends").code(), Some(0));
    }
}

#[test]
fn it_hears_of_a_reload() {
    let server = http_server();
    let heard = Heard::new();
    let forward = format!("127.0.0.1:0={}", server.addr());
    let launch = Launch::new(&["--workers", "2", "--forward", &forward]);
    let wayside = launch.env("NOTIFY_SOCKET", &heard.path()).start().expect("it starts");
    heard.expect("READY=1");
    wayside.signal(Signal::HUP);
    let said = heard.expect("RELOADING=1");
    let usec = said.lines().find_map(|line| line.strip_prefix("MONOTONIC_USEC=")).expect("a time");
    assert!(usec.parse::<u64>().is_ok(), "{said}");
    heard.expect("READY=1");
}

#[test]
fn sockets_that_it_hands_over_are_used() {
    if have("bash").is_none() {
        skipped!("no bash");
    }
    let (server, other) = (http_server(), Server::greeter(b"other"));
    for workers in ["1", "2"] {
        let sockets: Vec<TcpListener> =
            (0..3).map(|_| TcpListener::bind("127.0.0.1:0").expect("a socket")).collect();
        let [forward, admin, second] = [&sockets[0], &sockets[1], &sockets[2]];
        let script = format!(
            "LISTEN_PID=$$ LISTEN_FDS=3 LISTEN_FDNAMES=forward:admin:forward exec \"$@\" 3<&{} 4<&{} 5<&{}",
            forward.as_raw_fd(),
            admin.as_raw_fd(),
            second.as_raw_fd()
        );
        sockets.iter().for_each(|socket| fcntl_setfd(socket, FdFlags::empty()).expect("to let it through"));
        let args =
            [(9, &server), (7, &other)].map(|(port, it)| format!("--forward=127.0.0.1:{port}={}", it.addr()));
        let given = ["--workers", workers, "--admin-listen", "127.0.0.1:8", &args[0], &args[1]];
        let wayside = Launch::new(&given).through(&["bash", "-c", &script, "-"]).start().expect("it starts");
        sockets.iter().for_each(|socket| fcntl_setfd(socket, FdFlags::CLOEXEC).expect("and no further"));
        assert_eq!(wayside.addr(0), forward.local_addr().expect("its address"));
        assert_eq!(wayside.addr(1), second.local_addr().expect("its address"));
        assert_eq!(wayside.admin(), admin.local_addr().expect("its address"));
        drop(sockets);
        (0..8).for_each(|_| ask(wayside.addr(0)).expect("an answer"));
        assert_eq!(wayside.metrics().sum("request_total", &[]), 8.0);
        let mut greeting = [0; 5];
        wayside.connect(1).read_exact(&mut greeting).expect("a greeting of the other");
        assert_eq!(&greeting, b"other");
    }
}

#[test]
fn a_socket_of_an_unknown_name_is_refused() {
    if have("bash").is_none() {
        skipped!("no bash");
    }
    let socket = TcpListener::bind("127.0.0.1:0").expect("a socket");
    fcntl_setfd(&socket, FdFlags::empty()).expect("to let it through");
    let script =
        format!("LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web exec \"$@\" 3<&{}", socket.as_raw_fd());
    let launch = Launch::new(&["--forward", "127.0.0.1:0=127.0.0.1:1"]);
    let error = launch.through(&["bash", "-c", &script, "-"]).start().expect_err("it does not start");
    assert!(error.contains("\"web\" is not a listener of ours"), "{error}");
}
