//! SIGHUP: the configuration and the program are read again, and new workers take the place of the old.
//!
//! 1. The program at our path checks the configuration. If it does not like it, nothing changes.
//! 2. New workers start, on the sockets that are there already and on new ones.
//! 3. When all of them are ready, the old ones stop accepting and end with their last connection.

use super::member::Phase;
use super::plan::{self, Plan};
use super::watch::Chair;
use super::{Course, Supervisor};
use crate::metrics::Counter;
use crate::sys::child::{self, Program, Signal};
use log::{error, info, warn};
use std::fs::File;
use std::io;
use std::process::{Child, ExitStatus};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How long the check may take.
const MOST_CHECK: Duration = Duration::from_secs(10);
/// The longest effective configuration, and the longest complaint.
const MOST_TEXT: u64 = 16 << 20;

/// A configuration that is being looked at.
#[derive(Debug)]
pub(super) struct Check {
    child: Child,
    program: Rc<Program>,
    out: File,
    err: File,
    until: Instant,
}

impl Check {
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn until(&self) -> Instant {
        self.until
    }

    /// The effective configuration, or the first line of what is wrong with it.
    fn outcome(&mut self, status: ExitStatus) -> Result<String, String> {
        let read = |file: &mut File| {
            let bytes = child::read_all(file, MOST_TEXT).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let said = read(&mut self.err);
        let mut lines = said.lines();
        if status.success() {
            lines.for_each(|line| warn!("{line}"));
            return Ok(read(&mut self.out));
        }
        let wrong = lines.find(|line| !line.starts_with("warning: "));
        Err(wrong.map_or_else(|| format!("the check failed ({status})"), str::to_owned))
    }
}

impl Drop for Check {
    /// Where it is given up.
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

impl Supervisor {
    /// Begins; while one is under way, another one follows it.
    pub(super) fn reload(&mut self) {
        if self.check.is_some() || self.coming.is_some() {
            self.must_reload = true;
            return;
        }
        self.manager.reloading();
        match self.begin_check() {
            Ok(check) => self.check = Some(check),
            Err(error) => self.refuse_reload(&format!("cannot check the configuration: {error}")),
        }
    }

    fn begin_check(&self) -> io::Result<Check> {
        let program = match Program::open(&self.path) {
            Ok(program) => Rc::new(program),
            Err(error) => {
                warn!("{}: {error}; going on with the program that runs", self.path.display());
                self.plan.program()
            }
        };
        let (out, err) = (child::memory_file("wayside-check")?, child::memory_file("wayside-check")?);
        let child = plan::check(&program, &self.sources, &out, &err)?;
        Ok(Check { child, program, out, err, until: self.now + MOST_CHECK })
    }

    /// Goes on to the second step, once the check is done.
    pub(super) fn end_of_check(&mut self) {
        let Some(check) = &mut self.check else { return };
        let outcome = match check.child.try_wait() {
            Ok(None) if check.until > self.now => return,
            Ok(None) => Err(format!("the check took more than {MOST_CHECK:?}")),
            Ok(Some(status)) => check.outcome(status),
            Err(error) => Err(error.to_string()),
        };
        let program = Rc::clone(&check.program);
        self.check = None;
        let begun = outcome.and_then(|text| self.begin_plan(&text, program));
        if let Err(error) = begun {
            self.refuse_reload(&error);
        }
    }

    fn begin_plan(&mut self, text: &str, program: Rc<Program>) -> Result<(), String> {
        let config = plan::understand(text)?;
        if config.admin != self.plan.config.admin {
            warn!("--admin-listen: a change takes a restart; it stays as it is");
        }
        let generation = self.next_generation;
        self.next_generation += 1;
        let plan = Plan::new(generation, config, text, program, &self.plan.sockets, self.now)?;
        let workers = plan.workers;
        self.coming = Some(plan);
        (0..workers).try_for_each(|place| self.seat(place, true))
    }

    /// The third step, once all new workers are ready.
    pub(super) fn end_of_reload(&mut self) {
        let is_there = self.coming.as_ref().is_some_and(|plan| self.count(plan.generation) == plan.workers);
        if is_there && let Some(plan) = self.coming.take() {
            for member in self.members.iter_mut().filter(|it| it.generation == self.plan.generation) {
                match member.phase {
                    Phase::Ready => member.signal(Signal::Hup),
                    // It has nothing yet.
                    Phase::Starting => member.signal(Signal::Kill),
                    Phase::Leaving => continue,
                }
                member.enter(Phase::Leaving);
            }
            self.chairs = Chair::row(plan.workers);
            self.plan = plan;
            self.metrics.count(Counter::ReloadDone);
            info!("{}", self.status());
            self.manager.ready(&self.status());
        }
        let is_free = self.check.is_none() && self.coming.is_none();
        if self.must_reload && is_free && self.course == Course::Serving {
            self.must_reload = false;
            self.reload();
        }
    }

    /// The old workers go on.
    pub(super) fn refuse_reload(&mut self, why: &str) {
        error!("SIGHUP: {why}; going on as before");
        if let Some(plan) = self.coming.take() {
            for member in self.members.iter_mut().filter(|it| it.generation == plan.generation) {
                member.signal(Signal::Kill);
                member.enter(Phase::Leaving);
            }
        }
        self.metrics.count(Counter::ReloadRefused);
        self.manager.ready(&self.status());
    }
}
