//! The end: signals, the drain, and what is left at its end.

use super::application::Application;
use super::member::Phase;
use super::sockets::Sockets;
use super::{Course, Supervisor};
use crate::sys::child::Signal;
use log::{info, warn};
use signal_hook::consts::{SIGALRM, SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};
use std::time::Duration;

/// How long a worker that was made to end may take for it.
const LAST_MOMENTS: Duration = Duration::from_secs(2);
/// The most workers that may still carry connections after their successors have come.
const MOST_OLD: usize = 32;
/// What the application is told besides SIGQUIT, and we make nothing of.
pub(super) const PASSED_ON: &[i32] = &[SIGUSR1, SIGUSR2, SIGWINCH, SIGALRM];

impl Supervisor {
    pub(super) fn take_signals(&mut self) {
        for signal in self.signals.pending().collect::<Vec<_>>() {
            match (signal, self.course) {
                (SIGCHLD, _) => {}
                (SIGHUP, Course::Serving) => self.reload(),
                (SIGHUP, Course::Starting) => self.must_reload = true,
                (SIGHUP, _) => {}
                (SIGQUIT, _) if self.has_application() => self.pass_on(Signal::Quit),
                (SIGUSR1, _) => self.pass_on(Signal::Usr1),
                (SIGUSR2, _) => self.pass_on(Signal::Usr2),
                (SIGWINCH, _) => self.pass_on(Signal::Winch),
                (SIGALRM, _) => self.pass_on(Signal::Alrm),
                (_, Course::Draining(_) | Course::Awaiting) => self.end_now(),
                (_, Course::Ending(_) | Course::Killed) => {}
                (signal, Course::Starting | Course::Serving) => {
                    let signal = if signal == SIGINT { Signal::Int } else { Signal::Term };
                    self.begin_end(signal);
                }
            }
        }
    }

    fn has_application(&self) -> bool {
        self.application.as_ref().is_some_and(Application::is_running)
    }

    /// What it makes of it is its own affair: if it ends, so do we.
    fn pass_on(&self, signal: Signal) {
        if let Some(application) = &self.application {
            application.pass_on(signal);
        }
    }

    /// The application goes first: it is served until it has ended.
    fn begin_end(&mut self, signal: Signal) {
        match &mut self.application {
            Some(application) if application.is_running() => {
                info!("the application is told to end");
                self.manager.stopping();
                application.pass_on(signal);
                self.course = Course::Awaiting;
            }
            _ => self.drain(),
        }
    }

    /// All workers are told to end when what they carry has ended.
    pub(super) fn drain(&mut self) {
        if !matches!(self.course, Course::Starting | Course::Serving | Course::Awaiting) {
            return;
        }
        if self.course != Course::Awaiting {
            self.manager.stopping();
        }
        let limit = self.plan.config.drain_timeout;
        self.course = Course::Draining((!limit.is_zero()).then(|| self.now + limit));
        (self.must_reload, self.check) = (false, None);
        self.coming = None;
        self.chairs.clear();
        // From here on a listener is closed as soon as no worker has it.
        self.plan.sockets = Sockets::default();
        for member in self.members.iter_mut().filter(|it| it.phase != Phase::Leaving) {
            member.signal(Signal::Term);
            member.enter(Phase::Leaving);
        }
    }

    /// Does not wait any longer: connections that are left are closed.
    fn end_now(&mut self) {
        self.drain();
        self.members.iter().for_each(|it| it.signal(Signal::Int));
        if let Some(application) = &mut self.application {
            application.signal(Signal::Kill);
        }
        self.course = Course::Ending(self.now + LAST_MOMENTS);
    }

    /// Ends what has outstayed its time.
    pub(super) fn press(&mut self) {
        match self.course {
            Course::Draining(Some(at)) if at <= self.now => self.end_now(),
            Course::Ending(at) if at <= self.now => self.kill_all(),
            _ => {}
        }
        let mut old: Vec<_> = self.members.iter_mut().filter(|it| it.phase == Phase::Leaving).collect();
        old.sort_unstable_by_key(|it| it.number);
        let too_many = old.len().saturating_sub(MOST_OLD);
        if too_many > 0 && self.course == Course::Serving {
            for member in old.into_iter().take(too_many).filter(|it| !it.was_pressed) {
                member.was_pressed = true;
                warn!("worker {} still has connections after {MOST_OLD} reloads: closing them", member.pid());
                member.signal(Signal::Int);
            }
        }
    }

    /// Whether nobody is left.
    pub(super) fn is_over(&self) -> bool {
        match self.course {
            Course::Draining(_) | Course::Ending(_) => self.members.is_empty() && !self.has_application(),
            Course::Killed => true,
            _ => false,
        }
    }
}
