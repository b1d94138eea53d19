//! System calls of the running program, counted by strace.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::{TempDir, Wayside, have};

/// strace, attached to the program.
#[derive(Debug)]
pub struct Trace {
    strace: Child,
    dir: TempDir,
}

/// How often each system call was made.
pub type Calls = BTreeMap<String, u64>;

impl Trace {
    /// Attaches; the error says why that cannot be.
    pub fn attach(wayside: &Wayside) -> Result<Self, String> {
        let strace = have("strace").ok_or("there is no strace")?;
        let dir = TempDir::new();
        let mut command = Command::new(strace);
        command.args(["-c", "-f", "-U", "name,calls", "-o"]).arg(dir.path().join("calls"));
        command.args(["-p", &wayside.pid().to_string()]).stderr(Stdio::piped());
        let mut strace = command.spawn().map_err(|error| format!("strace: {error}"))?;
        let mut first = String::new();
        let stderr = strace.stderr.take().expect("a pipe");
        BufReader::new(stderr).read_line(&mut first).expect("what strace says");
        let trace = Trace { strace, dir };
        if first.contains("attached") { Ok(trace) } else { Err(first.trim().to_owned()) }
    }

    /// Detaches, and tells what was counted.
    pub fn finish(mut self) -> Calls {
        kill_process(Pid::from_child(&self.strace), Signal::INT).expect("to end strace");
        self.strace.wait().expect("its end");
        let table = std::fs::read_to_string(self.dir.path().join("calls")).expect("its table");
        let rows = table.lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?.to_owned(), words.next()?.parse().ok()?))
        });
        let calls: Calls = rows.filter(|(name, _)| name != "total").collect();
        assert!(!calls.is_empty(), "no table in {table:?}");
        calls
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        let _ = self.strace.kill();
        let _ = self.strace.wait();
    }
}
