//! What these tests share: a supervisor with its workers, load of new connections, and an eye on the totals.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{GET, OK, Wayside, connect, copy_program, get, program};

/// The processes that `pid` has started.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// Sends it a signal.
pub(crate) fn kill(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.try_into().expect("a pid")).expect("a pid");
    kill_process(pid, signal).expect("to send a signal");
}

/// How many reloads came to this end.
pub(crate) fn reloads(wayside: &Wayside, outcome: &str) -> f64 {
    wayside.metrics().sum("wayside_reloads_total", &[("outcome", outcome)])
}

/// Puts a new file in the place of the program: no process runs it yet.
pub(crate) fn renew(path: &Path) {
    let next = path.with_extension("next");
    copy_program(program(), &next);
    std::fs::rename(next, path).expect("to rename it");
}

/// One connection, one request, one answer.
pub(crate) fn ask(addr: SocketAddr) -> io::Result<()> {
    let mut stream = connect(addr)?;
    stream.write_all(GET)?;
    let mut answer = vec![0; OK.len()];
    stream.read_exact(&mut answer)?;
    if answer == OK { Ok(()) } else { Err(io::Error::other("another answer")) }
}

/// What came of a load.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) answered: AtomicUsize,
    failed: Mutex<Vec<String>>,
}

impl Outcome {
    /// Why connections failed, one each.
    pub(crate) fn failures(&self) -> MutexGuard<'_, Vec<String>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// New connections by `clients` threads, one after the other, and scrapes beside them, while `act` runs.
pub(crate) fn under_load(wayside: &Wayside, clients: usize, act: impl FnOnce(&Outcome)) -> Outcome {
    let (outcome, is_over) = (Outcome::default(), AtomicBool::new(false));
    let addr = wayside.addr(0);
    std::thread::scope(|scope| {
        for _ in 0..clients {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    match ask(addr) {
                        Ok(()) => drop(outcome.answered.fetch_add(1, Ordering::Relaxed)),
                        Err(error) => outcome.failures().push(error.to_string()),
                    }
                }
            });
        }
        let watch = scope.spawn(|| {
            let mut seen = Totals::default();
            while !is_over.load(Ordering::Relaxed) {
                seen.look(wayside.admin());
            }
            seen.look(wayside.admin());
            seen.scrapes
        });
        let acted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| act(&outcome)));
        is_over.store(true, Ordering::Relaxed);
        assert!(watch.join().expect("totals that never go back") > 1);
        if let Err(panic) = acted {
            std::panic::resume_unwind(panic);
        }
    });
    outcome
}

/// Every total that was ever seen.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    seen: HashMap<String, f64>,
    pub(crate) scrapes: usize,
}

impl Totals {
    /// A scrape, in which no total is less than before, and none is missing.
    pub(crate) fn look(&mut self, admin: SocketAddr) {
        let (status, text) = get(admin, "/metrics").expect("a scrape");
        assert_eq!(status, 200);
        let mut now = HashMap::new();
        let mut kind = "";
        for line in text.lines() {
            if let Some(what) = line.strip_prefix("# TYPE ") {
                kind = what.rsplit(' ').next().expect("a type");
            } else if !line.starts_with('#') && kind != "gauge" {
                let (series, value) = line.rsplit_once(' ').expect("a sample");
                now.insert(series.to_owned(), value.parse::<f64>().expect("a number"));
            }
        }
        for (series, before) in &self.seen {
            let value = now.get(series).unwrap_or_else(|| panic!("{series} is gone"));
            assert!(value >= before, "{series} went from {before} to {value}");
        }
        self.seen = now;
        self.scrapes += 1;
    }
}
