//! The program itself: started, watched from outside, ended.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{Metrics, connect, get, wait_until};

/// How long the program has to say that it is ready.
const READY: Duration = Duration::from_secs(10);

/// The path of the program under test; `WAYSIDE_BIN` puts another in its place.
pub fn program() -> String {
    std::env::var("WAYSIDE_BIN").unwrap_or_else(|_| env!("CARGO_BIN_EXE_wayside").to_owned())
}

/// Copies a program that is to be started from there. Another process does it: were the copy open for writing here, a child that
/// another test forks at that moment would hold it open, too, and to start it would fail with "Text file busy".
#[track_caller]
pub fn copy_program(from: impl AsRef<std::path::Path>, to: &std::path::Path) {
    let ran = Command::new("cp").arg("--").arg(from.as_ref()).arg(to).output().expect("cp");
    assert!(ran.status.success(), "{ran:?}");
}

/// How to start `wayside run`.
#[derive(Debug, Default, Clone)]
pub struct Launch {
    program: Option<String>,
    wrapper: Vec<String>,
    args: Vec<String>,
    env: Vec<(String, String)>,
}

impl Launch {
    /// With these arguments after `run`.
    pub fn new(args: &[&str]) -> Self {
        Launch { args: args.iter().map(|&arg| arg.to_owned()).collect(), ..Launch::default() }
    }

    /// Through another program that replaces itself with it, such as `prlimit --nofile=256` or `ip netns exec NAME`.
    pub fn through(mut self, wrapper: &[&str]) -> Self {
        self.wrapper = wrapper.iter().map(|&word| word.to_owned()).collect();
        self
    }

    /// A copy of the program in another place.
    pub fn program(mut self, path: &std::path::Path) -> Self {
        self.program = Some(path.to_string_lossy().into_owned());
        self
    }

    /// With this environment variable.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts it and waits until it is ready; otherwise says what it said.
    ///
    /// Unless the arguments or the environment say otherwise, admin is on a free port, inbound and outbound are off.
    pub fn start(self) -> Result<Wayside, String> {
        let mut args = vec!["run".to_owned()];
        args.extend(self.args.clone());
        // `WAYSIDE_TEST_ARGS`: the suite as it is, with these options besides.
        args.extend(
            std::env::var("WAYSIDE_TEST_ARGS")
                .iter()
                .flat_map(|words| words.split_whitespace())
                .map(str::to_owned),
        );
        let config = self.args.iter().any(|arg| arg.starts_with("--config"));
        let defaults = [("admin", "127.0.0.1:0"), ("inbound", "off"), ("outbound", "off")];
        for (name, value) in defaults {
            let flag = format!("--{name}-listen");
            let variable = format!("WAYSIDE_{}_LISTEN", name.to_uppercase());
            let set = self.args.iter().any(|arg| arg.starts_with(&flag));
            if !config && !set && !self.env.iter().any(|(key, _)| *key == variable) {
                args.extend([flag, value.to_owned()]);
            }
        }
        let mut command = bare(self.program.unwrap_or_else(program), &self.wrapper, &self.env);
        let child = command.args(args).spawn().map_err(|error| format!("{}: {error}", program()))?;
        Wayside::wait_ready(child)
    }
}

/// The program with the environment of tests: none of ours, but for `env`.
fn bare(program: String, wrapper: &[String], env: &[(String, String)]) -> Command {
    let mut words = wrapper.to_vec();
    words.push(program);
    let mut command = Command::new(&words[0]);
    command.args(&words[1..]);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("WAYSIDE_") || name == "RUST_LOG" {
            command.env_remove(name);
        }
    }
    if let Ok(level) = std::env::var("WAYSIDE_TEST_LOG") {
        command.env("RUST_LOG", level);
    }
    command.envs(env.iter().map(|(name, value)| (name, value)));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// How a run ended, and what it said.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// All of stdout.
    pub stdout: String,
    /// All of stderr.
    pub stderr: String,
}

/// Runs the program to its end, for what does not stay: `check`, `--help`, a wrong option. `stdin` is empty.
pub fn run_to_end(args: &[&str], env: &[(&str, &str)]) -> Ended {
    run_through(&[], args, env)
}

/// The same with words before the command, such as [`Host::wrapper`](super::Host::wrapper).
pub fn run_through(wrapper: &[&str], args: &[&str], env: &[(&str, &str)]) -> Ended {
    let env: Vec<_> = env.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
    let wrapper: Vec<_> = wrapper.iter().map(|&word| word.to_owned()).collect();
    let mut child = bare(program(), &wrapper, &env).args(args).spawn().expect("the program");
    let stdout = gather(child.stdout.take().expect("a pipe"), |_| {});
    let stderr = gather(child.stderr.take().expect("a pipe"), |_| {});
    let status = wait_child(&mut child, READY).unwrap_or_else(|| {
        let _ = child.kill();
        panic!("wayside {args:?} has not ended; stdout {:?}, stderr {:?}", stdout.text(), stderr.text())
    });
    Ended { code: status.code(), stdout: stdout.finish(), stderr: stderr.finish() }
}

/// The running program. Dropped, it is killed; what it said is shown if the test failed.
#[derive(Debug)]
pub struct Wayside {
    child: Child,
    status: Option<ExitStatus>,
    admin: Option<SocketAddr>,
    forwards: Vec<SocketAddr>,
    inbound: Vec<SocketAddr>,
    outbound: Vec<SocketAddr>,
    stdout: Gathered,
    stderr: Gathered,
}

impl Wayside {
    /// `wayside run` with these arguments; see [`Launch::start`]. Panics if it does not get ready.
    #[track_caller]
    pub fn start(args: &[&str]) -> Self {
        Launch::new(args).start().unwrap_or_else(|error| panic!("wayside run {args:?}: {error}"))
    }

    fn wait_ready(mut child: Child) -> Result<Self, String> {
        let (lines, heard) = channel();
        let out = child.stdout.take().ok_or("no stdout")?;
        let err = child.stderr.take().ok_or("no stderr")?;
        let stdout = gather(out, move |line| drop(lines.send(line.to_owned())));
        let stderr = gather(err, |_| {});
        let (forwards, inbound, outbound) = (vec![], vec![], vec![]);
        let mut this =
            Wayside { child, status: None, admin: None, forwards, inbound, outbound, stdout, stderr };
        match this.hear(&heard) {
            Ok(()) => Ok(this),
            Err(why) => {
                let _ = this.child.kill();
                this.status = this.child.wait().ok();
                // Whoever it has started may keep the pipe open.
                wait_until(READY, || this.stderr.reader.is_finished());
                Err(format!("{why}; {:?}; stderr:\n{}", this.status, this.stderr.text()))
            }
        }
    }

    /// Reads the lines of the start up to `wayside: ready`.
    fn hear(&mut self, lines: &Receiver<String>) -> Result<(), String> {
        let end = Instant::now() + READY;
        loop {
            let line = match lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) => line,
                Err(RecvTimeoutError::Timeout) => return Err("not ready in time".to_owned()),
                Err(RecvTimeoutError::Disconnected) => return Err("ended before it was ready".to_owned()),
            };
            let words: Vec<_> = line.split_whitespace().collect();
            match words[..] {
                ["wayside:", "ready"] => return Ok(()),
                ["wayside:", "listening", kind, addr, ..] => {
                    let addr = addr.parse().map_err(|_| format!("no address in {line:?}"))?;
                    match kind {
                        "forward" => self.forwards.push(addr),
                        "admin" => self.admin = Some(addr),
                        "inbound" => self.inbound.push(addr),
                        "outbound" => self.outbound.push(addr),
                        _ => return Err(format!("unknown listener in {line:?}")),
                    }
                }
                _ => {}
            }
        }
    }

    /// Where the n-th `--forward` listens, in the order they were given.
    pub fn addr(&self, forward: usize) -> SocketAddr {
        self.forwards[forward]
    }

    /// Where redirected connections to the application are expected.
    pub fn inbound(&self) -> &[SocketAddr] {
        &self.inbound
    }

    /// Where redirected connections from the application are expected.
    pub fn outbound(&self) -> &[SocketAddr] {
        &self.outbound
    }

    /// Where the admin server listens.
    pub fn admin(&self) -> SocketAddr {
        self.admin.expect("an admin listener")
    }

    /// A client's connection to the n-th forward.
    pub fn connect(&self, forward: usize) -> TcpStream {
        connect(self.addr(forward)).expect("a connection to wayside")
    }

    /// `GET path` of the admin server: status and body.
    pub fn get(&self, path: &str) -> (u16, String) {
        get(self.admin(), path).unwrap_or_else(|error| panic!("admin {path}: {error}"))
    }

    /// A scrape.
    pub fn metrics(&self) -> Metrics {
        let (status, text) = self.get("/metrics");
        assert_eq!(status, 200, "{text}");
        Metrics::parse(&text).unwrap_or_else(|error| panic!("{error} in\n{text}"))
    }

    /// What `/connections` says, as text; [`field`](super::field) reads a line of it.
    pub fn connections(&self) -> String {
        let (status, text) = self.get("/connections");
        assert_eq!(status, 200, "{text}");
        text
    }

    /// Its stdout so far.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// Its stderr so far.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal, as long as it was not seen to end.
    pub fn signal(&self, signal: Signal) {
        if self.status.is_none() {
            kill_process(Pid::from_child(&self.child), signal).expect("to send a signal");
        }
    }

    /// Waits for its end; none if it does not come within `limit`.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = wait_child(&mut self.child, limit);
        }
        self.status
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.wait(Duration::ZERO).is_none()
    }

    /// Its resident memory in bytes.
    pub fn rss(&self) -> u64 {
        self.status("VmRSS:")
    }

    /// Bytes of resident memory that are its own. The rest is pages of the program file, which come with whatever code runs.
    pub fn own_memory(&self) -> u64 {
        self.status("RssAnon:")
    }

    fn status(&self, name: &str) -> u64 {
        let status = self.proc_file("status");
        let line = status.lines().find_map(|line| line.strip_prefix(name)).expect(name);
        1024 * line.split_whitespace().next().and_then(|word| word.parse::<u64>().ok()).expect("kilobytes")
    }

    /// How many descriptors it has open.
    pub fn fds(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid())).expect("its descriptors").count()
    }

    /// How many ends of pipes it has open; a lane that splices takes two.
    pub fn pipes(&self) -> usize {
        let folder = format!("/proc/{}/fd", self.pid());
        let entries = std::fs::read_dir(folder).expect("its descriptors").flatten();
        let targets = entries.filter_map(|entry| std::fs::read_link(entry.path()).ok());
        targets.filter(|target| target.to_string_lossy().starts_with("pipe:")).count()
    }

    /// The processor time it has used, user and system, to the kernel's 10 ms.
    pub fn cpu(&self) -> Duration {
        let stat = self.proc_file("stat");
        // The name in parentheses may hold anything; utime and stime are fields 14 and 15.
        let (_, after) = stat.rsplit_once(')').expect("a name");
        let ticks: u64 =
            after.split_whitespace().skip(11).take(2).map(|word| word.parse::<u64>().expect("ticks")).sum();
        Duration::from_secs_f64(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
    }

    fn proc_file(&self, name: &str) -> String {
        let path = format!("/proc/{}/{name}", self.pid());
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }
}

impl Drop for Wayside {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.wait(READY);
        let stderr = self.stderr.text();
        if std::thread::panicking() {
            eprintln!(
                "--- wayside ({:?}) said on stdout:\n{}--- on stderr:\n{stderr}---",
                self.status,
                self.stdout()
            );
        } else if stderr.contains("panicked at") {
            panic!("wayside panicked:\n{stderr}");
        }
    }
}

fn wait_child(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let mut status = None;
    wait_until(limit, || {
        status = child.try_wait().expect("its state");
        status.is_some()
    });
    status
}

/// A stream of the program, read to its end by a thread so that it never blocks on us.
#[derive(Debug)]
struct Gathered {
    text: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

impl Gathered {
    fn text(&self) -> String {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn finish(self) -> String {
        let _ = self.reader.join();
        let text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        text.clone()
    }
}

fn gather(from: impl Read + Send + 'static, mut each: impl FnMut(&str) + Send + 'static) -> Gathered {
    let text = Arc::new(Mutex::new(String::new()));
    let ours = Arc::clone(&text);
    let reader = std::thread::spawn(move || {
        let mut from = BufReader::new(from);
        let mut line = Vec::new();
        while from.read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
            let line_text = String::from_utf8_lossy(&line).into_owned();
            ours.lock().unwrap_or_else(PoisonError::into_inner).push_str(&line_text);
            each(&line_text);
            line.clear();
        }
    });
    Gathered { text, reader }
}
