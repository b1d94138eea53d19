//! The start: the sockets, the first plan, its workers, and what is said when they are ready.

use super::application::Application;
use super::leave::PASSED_ON;
use super::member::Member;
use super::plan::Plan;
use super::report::Reports;
use super::sockets::Sockets;
use super::watch::Chair;
use super::{Course, Supervisor, Task};
use crate::admin::Admin;
use crate::base::token::Source;
use crate::listener::sockets::{Given, Wanted, announce};
use crate::metrics::Metrics;
use crate::metrics::merge::Totals;
use crate::sys::child::Program;
use crate::sys::limits::{self, Descriptors};
use crate::sys::notify::Manager;
use mio::net::TcpListener;
use mio::{Interest, Poll};
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook_mio::v1_0::Signals;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How long an address may be somebody else's at the start: workers of a supervisor that was killed have theirs until
/// they see it.
const PATIENCE: Duration = Duration::from_secs(1);

impl Supervisor {
    /// Opens the sockets and starts the workers; [`Supervisor::run`] waits for them. The error is one line for the user.
    pub fn start(task: Task, mut given: Given) -> Result<Supervisor, String> {
        let Task { config, text, sources, command } = task;
        let descriptors = Descriptors::now();
        limits::raise_descriptor_limit();
        let poll = Poll::new().map_err(|error| format!("cannot open an epoll instance: {error}"))?;
        // Without an application there is nobody to pass those on to: they do what they do by default.
        let passed_on = if command.is_empty() { &[][..] } else { PASSED_ON };
        let mut signals = Signals::new([SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGCHLD].iter().chain(passed_on))
            .map_err(|error| format!("cannot catch signals: {error}"))?;
        poll.registry()
            .register(&mut signals, Source::Signal.token(), Interest::READABLE)
            .map_err(|error| format!("cannot watch for signals: {error}"))?;
        let said =
            |error| format!("cannot find the program itself, which workers run (is there a /proc?): {error}");
        let path = std::env::current_exe().map_err(said)?;
        let program = Rc::new(Program::own().map_err(said)?);
        let handed_over = Sockets::handed_over(&mut given, &config)?;
        let sockets = given.complete(&Wanted::admin(&config))?;
        let sockets: Vec<TcpListener> = sockets.into_iter().map(|(_, socket)| socket).collect();
        let admin_addrs = sockets.iter().filter_map(|socket| socket.local_addr().ok()).collect();
        let admin = Admin::new(sockets, poll.registry())
            .map_err(|error| format!("--admin-listen: cannot be watched: {error}"))?;
        let plan = Plan::new(1, config, &text, program, &handed_over, Instant::now() + PATIENCE)?;
        let mut supervisor = Supervisor {
            poll,
            signals,
            admin,
            admin_addrs,
            manager: Manager::from_environment(),
            metrics: Metrics::new(),
            legacy: Totals::default(),
            reports: Reports::new(Instant::now()),
            sources,
            path,
            chairs: Chair::row(plan.workers),
            plan,
            coming: None,
            check: None,
            must_reload: false,
            members: Vec::new(),
            next_number: 0,
            next_generation: 2,
            application: Application::of(command, descriptors),
            course: Course::Starting,
            now: Instant::now(),
        };
        for place in 0..supervisor.plan.workers {
            supervisor.seat(place, false).inspect_err(|_| supervisor.kill_all())?;
        }
        Ok(supervisor)
    }

    /// Starts the worker of a place, of the plan that is coming or of the one that is there.
    pub(super) fn seat(&mut self, place: usize, is_coming: bool) -> Result<(), String> {
        let plan = if is_coming { self.coming.as_ref() } else { Some(&self.plan) };
        let Some(plan) = plan else { return Ok(()) };
        self.next_number += 1;
        self.members.push(Member::start(plan, place, self.next_number, self.poll.registry())?);
        Ok(())
    }

    /// All of the first workers are ready.
    pub(super) fn open_the_house(&mut self) -> Result<(), String> {
        self.course = Course::Serving;
        announce(self.plan.sockets.describe(&self.plan.config), &self.admin_addrs);
        self.manager.ready(&self.status());
        if let Some(application) = &mut self.application
            && let Err(error) = application.start()
        {
            self.kill_all();
            return Err(error);
        }
        Ok(())
    }

    /// A line for the service manager.
    pub(super) fn status(&self) -> String {
        format!("serving with {} workers, generation {}", self.plan.workers, self.plan.generation)
    }
}
