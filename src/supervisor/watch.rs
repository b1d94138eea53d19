//! Watching over the workers: who has got ready, who has ended, and who is started again, and when.

use super::application::Application;
use super::member::{MOST_START, Member, Phase};
use super::reload::Check;
use super::{Course, Supervisor};
use crate::metrics::Counter;
use crate::metrics::merge::Whose;
use crate::sys::child::{self, Signal};
use log::warn;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

/// How long the place of a worker that ended unasked stays empty at first. It doubles each time.
const FIRST_DELAY: Duration = Duration::from_millis(100);
/// The longest.
const LAST_DELAY: Duration = Duration::from_secs(10);
/// A worker that served for so long was a good one: the next delay is the first again.
const GOOD: Duration = Duration::from_secs(1);
/// The most series that are kept of workers that are gone: some 15 MB.
const MOST_SERIES: usize = 65_536;

/// The place of a worker.
#[derive(Debug, Clone)]
pub(super) struct Chair {
    delay: Duration,
    refill_at: Option<Instant>,
}

impl Chair {
    pub(super) fn row(count: usize) -> Vec<Chair> {
        vec![Chair { delay: FIRST_DELAY, refill_at: None }; count]
    }

    /// When it is taken again; `None` while it is.
    pub(super) fn refill_at(&self) -> Option<Instant> {
        self.refill_at
    }

    /// Its worker has ended, `good` or not: how long it stays empty.
    fn vacate(&mut self, now: Instant, good: bool) -> Duration {
        if good {
            self.delay = FIRST_DELAY;
        }
        let delay = self.delay;
        self.refill_at = Some(now + delay);
        self.delay = (delay * 2).min(LAST_DELAY);
        delay
    }
}

impl Supervisor {
    /// Takes leave of the children that have ended.
    pub(super) fn bury(&mut self) -> Result<(), String> {
        let mut place = 0;
        while let Some(member) = self.members.get_mut(place) {
            match member.ended() {
                None => place += 1,
                Some(status) => {
                    let mut member = self.members.remove(place);
                    if let Some(totals) = member.legacy() {
                        self.legacy.add(&totals, Whose::Dead { most: MOST_SERIES });
                    }
                    self.miss(&member, status)?;
                }
            }
        }
        self.end_of_check();
        if self.application.as_mut().is_some_and(|it| it.has_just_ended()) {
            self.drain();
        }
        let own = self.members.iter().map(Member::pid).chain(self.check.as_ref().map(Check::pid));
        let own: Vec<u32> = own.chain(self.application.as_ref().and_then(Application::pid)).collect();
        child::reap_orphans(|pid| own.contains(&pid));
        Ok(())
    }

    fn miss(&mut self, member: &Member, status: ExitStatus) -> Result<(), String> {
        if member.phase == Phase::Leaving {
            return Ok(());
        }
        if self.course == Course::Starting {
            self.kill_all();
            return Err(format!("a worker could not start ({status})"));
        }
        if member.generation != self.plan.generation {
            self.refuse_reload(&format!("a new worker could not start ({status})"));
            return Ok(());
        }
        if !matches!(self.course, Course::Serving | Course::Awaiting) {
            return Ok(());
        }
        let good = member.phase == Phase::Ready && self.now.duration_since(member.since) >= GOOD;
        let Some(chair) = self.chairs.get_mut(member.place) else { return Ok(()) };
        let delay = chair.vacate(self.now, good);
        self.metrics.count(Counter::WorkerRestarts);
        let code = child::exit_code(status);
        warn!("worker {} ended unasked ({status}, {code}); the next one in {delay:?}", member.pid());
        Ok(())
    }

    /// Does what is due.
    pub(super) fn keep_time(&mut self) -> Result<(), String> {
        for place in 0..self.chairs.len() {
            let Some(chair) = self.chairs.get_mut(place) else { continue };
            if chair.refill_at.is_none_or(|at| at > self.now) {
                continue;
            }
            chair.refill_at = None;
            if let Err(error) = self.seat(place, false) {
                warn!("{error}");
                if let Some(chair) = self.chairs.get_mut(place) {
                    chair.vacate(self.now, false);
                }
            }
        }
        let late = |it: &&mut Member| it.ready_by().is_some_and(|at| at <= self.now);
        for member in self.members.iter_mut().filter(late) {
            member.was_pressed = true;
            warn!("worker {} did not get ready in {MOST_START:?}", member.pid());
            member.signal(Signal::Kill);
        }
        if self.course == Course::Starting && self.count(self.plan.generation) == self.plan.workers {
            self.open_the_house()?;
        }
        self.end_of_reload();
        if self.admin.next_deadline().is_some_and(|at| at <= self.now) {
            self.admin.expire(self.now);
        }
        self.press();
        Ok(())
    }

    /// How many workers of this generation are ready.
    pub(super) fn count(&self, generation: u64) -> usize {
        let of = self.members.iter().filter(|it| it.generation == generation);
        of.filter(|it| it.phase == Phase::Ready).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::supervisor::Task;

    /// Its kill is seen by SIGCHLD some time later: until then it is neither waited for nor killed again.
    #[test]
    fn a_worker_that_does_not_get_ready_is_killed_once() {
        let lines = ["inbound-listen", "outbound-listen", "admin-listen"].map(|it| format!("{it} = 'off'\n"));
        let text = lines.concat() + "workers = 2\nforward = '127.0.0.1:0=127.0.0.1:1'\n";
        let config = crate::supervisor::plan::understand(&text).unwrap();
        let task = Task { config, text, sources: Default::default(), command: Vec::new() };
        let mut supervisor = Supervisor::start(task, Default::default()).unwrap();
        supervisor.members.iter_mut().for_each(|it| it.since -= MOST_START);
        supervisor.now = Instant::now();
        assert_eq!(supervisor.time_to_wait(), Some(Duration::ZERO));
        supervisor.keep_time().unwrap();
        assert!(
            supervisor.time_to_wait().is_some_and(|time| !time.is_zero()),
            "it turns until the kill is seen"
        );
        assert_eq!(supervisor.members.iter().filter(|it| it.was_pressed).count(), 2);
        supervisor.members.iter_mut().for_each(|it| while it.ended().is_none() {});
    }

    #[test]
    fn the_delay_doubles_to_its_bound_and_goes_back_after_a_good_worker() {
        let now = Instant::now();
        let mut chair = Chair::row(1).remove(0);
        let mut delays = Vec::new();
        delays.extend((0..9).map(|_| chair.vacate(now, false).as_millis()));
        assert_eq!(delays, [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000]);
        assert_eq!(chair.vacate(now, true).as_millis(), 100);
        assert_eq!(chair.vacate(now, false).as_millis(), 200);
    }
}
