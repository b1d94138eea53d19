//! The supervisor: keeps the listening sockets, starts workers on them, watches, renews and drains them, and tells of
//! them all as one. It carries no traffic itself.
//!
//! | question | module |
//! |---|---|
//! | which sockets are kept, and whose are they? | `sockets` |
//! | what is a worker started with? | `plan` |
//! | how is a worker asked? | `member`, `answer` |
//! | what does a scrape see? | `report` |
//! | what if a worker dies? | `watch` |
//! | SIGHUP? | `reload` |
//! | SIGTERM? The application beside it? | `leave`, `application` |
//!
//! | bound | what happens at it |
//! |---|---|
//! | 30 s for a worker to get ready | it is killed; at the start that is a failed start, after SIGHUP the old workers stay |
//! | 10 s for the check of a new configuration | it is killed, and the old one stays |
//! | 10,000 series a second of workers | they are asked for their totals more rarely |
//! | 1 s for all workers to answer a scrape | the last known totals of the others are told |
//! | 32 old workers that still carry connections | the oldest closes them |
//! | 65,536 series of workers that are gone | new ones are counted as `~other` |

mod answer;
mod application;
mod leave;
mod member;
mod plan;
mod reload;
mod report;
mod sockets;
mod start;
mod watch;

pub use plan::PROTOCOL;

use self::application::Application;
use self::member::{Member, Phase};
use self::plan::Plan;
use self::reload::Check;
use self::report::Reports;
use self::watch::Chair;
use crate::admin::Admin;
use crate::base::token::Source;
use crate::config::{Config, Sources};
use crate::metrics::Metrics;
use crate::metrics::merge::Totals;
use crate::sys;
use crate::sys::notify::Manager;
use mio::{Events, Poll};
use signal_hook_mio::v1_0::Signals;
use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Events taken from the kernel at once.
const EVENTS: usize = 64;

/// What a supervisor is told at its start.
#[derive(Debug)]
pub struct Task {
    /// The effective configuration.
    pub config: Config,
    /// The same as a file.
    pub text: String,
    /// Where it came from, to be read again at SIGHUP.
    pub sources: Sources,
    /// The application to start beside it, and its arguments; empty: none.
    pub command: Vec<OsString>,
}

/// What the supervisor as a whole does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Course {
    /// The first workers are not ready yet.
    Starting,
    Serving,
    /// The application was told to end; it is served until it has.
    Awaiting,
    /// The workers were told to end; when they are made to, and when they are killed.
    Draining(Option<Instant>),
    /// All were made to end; when they are killed.
    Ending(Instant),
    /// Nothing is waited for any more.
    Killed,
}

/// The process that workers are started from.
pub struct Supervisor {
    poll: Poll,
    signals: Signals,
    admin: Admin,
    admin_addrs: Vec<SocketAddr>,
    manager: Manager,
    metrics: Metrics,
    /// What workers counted that are gone.
    legacy: Totals,
    reports: Reports,
    sources: Sources,
    path: PathBuf,
    plan: Plan,
    /// What is being started in its place.
    coming: Option<Plan>,
    check: Option<Check>,
    /// SIGHUP came while one was heeded.
    must_reload: bool,
    members: Vec<Member>,
    /// For each place of the plan, when and after how long its worker is started again.
    chairs: Vec<Chair>,
    next_number: usize,
    next_generation: u64,
    application: Option<Application>,
    course: Course,
    now: Instant,
}

impl Supervisor {
    /// Runs until a signal or the application's end ends it; the exit code. The error is one line for the user.
    pub fn run(&mut self) -> Result<u8, String> {
        let mut events = Events::with_capacity(EVENTS);
        sys::limits::drop_program_pages();
        while !self.is_over() {
            match self.poll.poll(&mut events, self.time_to_wait()) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    self.kill_all();
                    return Err(format!("cannot wait for events: {error}"));
                }
                _ => self.now = Instant::now(),
            }
            for event in &events {
                match Source::of(event.token()) {
                    Source::Signal => self.take_signals(),
                    Source::Admin(number) => self.admin.ready(number, event, self.poll.registry(), self.now),
                    Source::Worker(number) => self.hear(number),
                    _ => {}
                }
            }
            // Whatever the event was: a child that has ended is seen at once.
            self.bury()?;
            self.keep_time()?;
            self.gather_totals();
            self.tell();
            while self.serve_admin() {}
            self.manager.beat(self.now);
        }
        Ok(self.application.as_ref().map_or(0, Application::code))
    }

    fn time_to_wait(&self) -> Option<Duration> {
        let course = match self.course {
            Course::Draining(at) => at,
            Course::Ending(at) => Some(at),
            _ => None,
        };
        let others = [
            course,
            self.admin.next_deadline(),
            self.manager.next_deadline(),
            Some(self.reports.next_deadline()),
            self.check.as_ref().map(Check::until),
        ];
        let chairs = self.chairs.iter().filter_map(Chair::refill_at);
        let next = self.members.iter().filter_map(Member::ready_by).chain(chairs);
        let next = next.chain(others.into_iter().flatten()).min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// A worker has something to say, or is gone; the latter is seen elsewhere.
    fn hear(&mut self, number: usize) {
        let Some(member) = self.members.iter_mut().find(|it| it.number == number) else { return };
        for (question, answer) in member.hear() {
            report::note(member, question, answer);
        }
    }

    /// Whether every worker that should serve does.
    fn is_ready(&self) -> bool {
        let of = self.members.iter().filter(|it| it.generation == self.plan.generation);
        self.course == Course::Serving
            && of.filter(|it| it.phase == Phase::Ready).count() == self.plan.workers
    }

    fn kill_all(&mut self) {
        self.members.iter().for_each(|it| it.signal(crate::sys::child::Signal::Kill));
        if let Some(application) = &mut self.application {
            application.signal(crate::sys::child::Signal::Kill);
        }
        self.course = Course::Killed;
    }
}
