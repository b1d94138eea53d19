//! What a test needs of the machine: programs, directories, time.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Polls until the condition holds; false if it does not within `limit`.
pub fn wait_until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    loop {
        if condition() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(2)); // pace: the poll itself
    }
}

/// The same, but panics and says `what` did not come true.
#[track_caller]
pub fn eventually(what: &str, limit: Duration, condition: impl FnMut() -> bool) {
    assert!(wait_until(limit, condition), "not within {limit:?}: {what}");
}

/// Writes the line that `scripts/test` looks for. Use [`skipped!`](super::skipped).
pub fn say_skipped(here: &str, why: &str) {
    let name = here.strip_suffix("::here").unwrap_or(here);
    // Not eprintln!, which the test runner would swallow.
    let _ = std::io::stderr().write_all(format!("skipped: {name}: {why}\n").as_bytes());
}

/// The full path of a program: in PATH, or where Debian keeps what only root runs.
pub fn have(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let further = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(further).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Whether the tests run as root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A port of 127.0.0.1 that was free a moment ago, for programs that cannot choose one and say which.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// A directory of its own, removed at the end.
#[derive(Debug)]
pub struct TempDir(PathBuf);

impl TempDir {
    /// Makes one. Every user may enter it: some servers give up root.
    pub fn new() -> Self {
        use std::os::unix::fs::PermissionsExt;
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("wayside-test-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).expect("a directory");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("its mode");
        TempDir(path)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file in it and returns its path.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).expect("to write a file");
        path
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A real server for the time of a test. Its output goes to a file, shown when the test fails.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    name: String,
    dir: TempDir,
    is_waited_for: bool,
}

impl Daemon {
    /// Starts it (it must stay in the foreground), in its own process group.
    pub fn start(mut command: Command) -> Self {
        use std::os::unix::process::CommandExt;
        let dir = TempDir::new();
        let name = command.get_program().to_string_lossy().into_owned();
        let log = std::fs::File::create(dir.path().join("log")).expect("a log file");
        command.stdin(Stdio::null()).stdout(log.try_clone().expect("a handle")).stderr(log).process_group(0);
        let child = command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
        Daemon { child, name, dir, is_waited_for: false }
    }

    /// Waits until it accepts connections there; panics with its output if it ends or does not in 30 s.
    pub fn wait_port(&mut self, addr: SocketAddr) {
        let mut ended = None;
        let up = wait_until(Duration::from_secs(30), || {
            ended = self.child.try_wait().expect("its state");
            ended.is_some() || TcpStream::connect_timeout(&addr, Duration::from_secs(1)).is_ok()
        });
        assert!(up && ended.is_none(), "{} is not up on {addr} ({ended:?}):\n{}", self.name, self.output());
    }

    /// Waits until it accepts connections there; false if it ends first, as where another program has its port.
    pub fn comes_up(&mut self, addr: SocketAddr) -> bool {
        let mut ended = false;
        let up = wait_until(Duration::from_secs(30), || {
            ended = self.child.try_wait().expect("its state").is_some();
            ended || TcpStream::connect_timeout(&addr, Duration::from_secs(1)).is_ok()
        });
        up && !ended && self.child.try_wait().expect("its state").is_none()
    }

    /// What it wrote so far, both streams.
    pub fn output(&self) -> String {
        let log = std::fs::read(self.dir.path().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for its end; none if it does not come within `limit`.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let mut status = None;
        wait_until(limit, || {
            status = self.child.try_wait().expect("its state");
            status.is_some()
        });
        self.is_waited_for |= status.is_some();
        status
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        use rustix::process::{Pid, Signal, kill_process_group};
        if std::thread::panicking() {
            eprintln!("--- {} said:\n{}---", self.name, self.output());
        }
        // The group, for servers that fork; unreaped as it is, its id cannot be another's.
        if self.is_waited_for {
            return;
        }
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}
