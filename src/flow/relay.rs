//! Two lanes and an observer; how ends and resets travel.

use crate::base::end::End;
use crate::base::time::Moment;
use crate::flow::http::Counter;
use crate::flow::lane::{Fault, Progress};
use crate::flow::ledger::How;
use crate::flow::watch::Watch;
use crate::flow::{Ending, Flow, Next, Resetting, Side, Stage};
use crate::kit::Kit;
use crate::sys::socket;
use crate::wire::detect::DecidedBy;
use crate::wire::event::Peer;
use std::io;
use std::time::Duration;

/// How often a kernel is asked whether it has delivered what came before a reset: at first, and in the end.
const DELIVERY_POLL: Duration = Duration::from_millis(10);
const SLOWEST_POLL: Duration = Duration::from_millis(250);

/// How long after bytes have moved a flow is looked at for a reader that pauses: well below TCP_USER_TIMEOUT.
pub(super) const STALL_CHECK: Duration = Duration::from_secs(10);
/// The age at which the upstream's socket is guarded: when the flow is mostly looked at anyway.
const GUARD_AFTER: Duration = STALL_CHECK;

impl Flow {
    /// One turn of both lanes.
    pub(super) fn relaying(&mut self, kit: &mut Kit) -> Next {
        self.find_silent_resets();
        let up = self.turn_up(kit);
        let down = self.turn_down(kit);
        if self.stall_check == Moment::NEVER && self.up.taken + self.down.taken > 0 {
            self.stall_check = kit.now.plus(STALL_CHECK);
        }
        if kit.hurry_from.is_some() {
            self.give_notice(kit);
            if let Some(next) = self.drain(kit) {
                return next;
            }
        }
        if self.observer.is_refused()
            && let Some(next) = self.refuse_message(kit)
        {
            return next;
        }
        match self.broken {
            Some(side) => self.follow_reset(side, up, down, kit),
            None if up == Progress::Over && down == Progress::Over => Next::Close(Ending::Finished),
            None => self.follow_ends(up, down, kit),
        }
    }

    /// A lane that has ended reads no more, and so cannot find out that its source was reset since.
    fn find_silent_resets(&mut self) {
        if self.broken.is_some() {
            return;
        }
        if self.up.ended && self.client.ready.is_failed() {
            self.break_side(Side::Client, socket::pending_error(&self.client.stream));
        } else if self.down.ended
            && let Some(upstream) = &self.upstream
            && upstream.ready.is_failed()
        {
            self.break_side(Side::Upstream, socket::pending_error(&upstream.stream));
        }
    }

    fn turn_up(&mut self, kit: &mut Kit) -> Progress {
        if self.broken == Some(Side::Upstream) {
            return Progress::Over;
        }
        let (connection, had_ended) = (self.account.connection(), self.up.ended);
        let is_refused = self.observer.is_refused();
        let Some(upstream) = &mut self.upstream else { return Progress::Over };
        if is_refused {
            // What follows a refused message is not read.
            let pushed = self.up.transit.push(upstream, kit).map(|()| Progress::Waits);
            return self.settle(pushed.map_err(Fault::Sink), Side::Client, Side::Upstream);
        }
        let (observer, http) = (&mut self.observer, &mut self.http);
        let mut watch = Watch { peer: Peer::Client, observer, http, asked: None, connection, verdict: None };
        let turned = self.up.turn(&mut self.client, upstream, kit, &mut watch);
        if let Some(verdict) = watch.verdict {
            self.decide(verdict, kit);
        }
        let progress = self.settle(turned, Side::Client, Side::Upstream);
        if self.up.ended && !had_ended {
            return self.client_ended(progress, kit);
        }
        progress
    }

    fn turn_down(&mut self, kit: &mut Kit) -> Progress {
        if self.broken == Some(Side::Client) {
            return Progress::Over;
        }
        let (connection, had_ended) = (self.account.connection(), self.down.ended);
        let Some(upstream) = &mut self.upstream else { return Progress::Over };
        let (observer, http) = (&mut self.observer, &mut self.http);
        let mut watch = Watch { peer: Peer::Server, observer, http, asked: None, connection, verdict: None };
        let turned = self.down.turn(upstream, &mut self.client, kit, &mut watch);
        if let Some(verdict) = watch.verdict {
            self.decide(verdict, kit);
        }
        let progress = self.settle(turned, Side::Upstream, Side::Client);
        if self.down.ended && !had_ended && self.broken.is_none() {
            self.account.first_end(Side::Upstream, How::Fin);
            self.tell_observer(Peer::Server, kit);
        }
        // What the server said may settle what the client's bytes are.
        self.let_go(kit);
        progress
    }

    /// The client's bytes have come to their end.
    fn client_ended(&mut self, progress: Progress, kit: &mut Kit) -> Progress {
        if self.broken.is_none() {
            self.account.first_end(Side::Client, How::Fin);
            self.tell_observer(Peer::Client, kit);
        }
        self.give_up_detection(DecidedBy::Eof, kit);
        if self.up.transit.is_empty() { progress } else { Progress::Waits }
    }

    fn tell_observer(&mut self, peer: Peer, kit: &mut Kit) {
        let connection = self.account.connection();
        self.observer.ended(peer, &mut Counter { http: &mut self.http, asked: None, connection, kit });
    }

    /// Passes on those of the client's bytes that were held back and are settled now.
    pub(super) fn let_go(&mut self, kit: &mut Kit) {
        let settled = self.up.withheld().saturating_sub(self.observer.client_held());
        if settled == 0 {
            return;
        }
        let Some(upstream) = &mut self.upstream else { return };
        if let Err(Fault::Sink(error) | Fault::Source(error)) = self.up.let_go(settled, upstream, kit) {
            self.break_side(Side::Upstream, Some(error));
        }
    }

    /// A failed source has no more bytes; a failed sink takes none.
    fn settle(&mut self, turned: Result<Progress, Fault>, source: Side, sink: Side) -> Progress {
        match turned {
            Ok(progress) => progress,
            Err(Fault::Source(error)) => {
                self.break_side(source, Some(error));
                match source {
                    Side::Client => self.up.end(),
                    Side::Upstream => self.down.end(),
                }
            }
            Err(Fault::Sink(error)) => {
                self.break_side(sink, Some(error));
                Progress::Over
            }
        }
    }

    pub(super) fn break_side(&mut self, side: Side, error: Option<io::Error>) {
        let errno = error.as_ref().and_then(io::Error::raw_os_error).unwrap_or(socket::RESET);
        let end = match side {
            Side::Client => Some(&mut self.client),
            Side::Upstream => self.upstream.as_mut(),
        };
        if let Some(end) = end {
            end.errno = errno;
        }
        if self.broken.is_none() {
            self.account.first_end(side, How::Failed(errno));
        }
        // Should the other side break as well, nobody is left to be told.
        self.broken = Some(side);
    }

    /// Tells each side what the other has ended.
    fn follow_ends(&mut self, up: Progress, down: Progress, kit: &mut Kit) -> Next {
        let Some(upstream) = &mut self.upstream else { return Next::Close(Ending::Reset) };
        let told_up = up != Progress::Over || self.up.tell_end(&upstream.stream, kit);
        let told_down = down != Progress::Over || self.down.tell_end(&self.client.stream, kit);
        if !told_up {
            self.break_side(Side::Upstream, None);
        } else if !told_down {
            self.break_side(Side::Client, None);
        }
        if up == Progress::More || down == Progress::More || !told_up || !told_down {
            Next::Again
        } else {
            Next::Wait
        }
    }

    /// `side` is broken: what came from it is still delivered, then the other side is reset.
    fn follow_reset(&mut self, side: Side, up: Progress, down: Progress, kit: &mut Kit) -> Next {
        let (from_broken, to_broken, other) = match side {
            Side::Client => (up, &mut self.down, Side::Upstream),
            Side::Upstream => (down, &mut self.up, Side::Client),
        };
        to_broken.discard(kit);
        match from_broken {
            Progress::More => Next::Again,
            Progress::Waits => Next::Wait,
            Progress::Over => self.reset_later(other, Ending::Reset, kit),
        }
    }

    /// A reset would throw away what the kernel has not delivered yet. A reader may be slow, but not stand still.
    pub(super) fn resetting(&mut self, kit: &mut Kit) -> Next {
        let Stage::Resetting(wait) = &mut self.stage else { return Next::Wait };
        let Resetting { side, ending, next, looks, left, until } = &mut **wait;
        let end = match side {
            Side::Client => Some(&self.client),
            Side::Upstream => self.upstream.as_ref(),
        };
        let Some(end) = end else { return Next::Close(Ending::Reset) };
        let unacknowledged = socket::unacknowledged(&end.stream);
        if unacknowledged < *left {
            (*left, *until) = (unacknowledged, kit.now.after(kit.config.half_close_timeout));
        }
        if end.ready.is_failed() || *until <= kit.now || unacknowledged == 0 {
            socket::reset(&end.stream);
            return Next::Close(*ending);
        }
        *next = kit.now.plus((DELIVERY_POLL * (1 << (*looks).min(8))).min(SLOWEST_POLL));
        *looks = looks.saturating_add(1);
        Next::Wait
    }

    /// The nearest of the time-outs that a relaying flow is under.
    pub(super) fn relay_deadline(&self, kit: &Kit) -> Moment {
        let detect = self.detect_deadline(kit);
        let check = self.stall_check.min(self.guard_deadline());
        detect.min(check).min(self.quiet_deadline(kit).0).min(self.drain_deadline(kit))
    }

    /// When the upstream's socket is guarded: most connections that last that long last longer.
    fn guard_deadline(&self) -> Moment {
        if self.is_guarded { Moment::NEVER } else { self.account.opened().plus(GUARD_AFTER) }
    }

    /// When the detection is over. Strict observation may hold a request line that comes late, and waits from its last byte.
    fn detect_deadline(&self, kit: &Kit) -> Moment {
        let from = if kit.config.http_strict { self.active } else { self.account.opened() };
        if self.observer.is_decided() { Moment::NEVER } else { from.after(kit.config.detect_timeout) }
    }

    /// When a flow on which nothing moves is closed, and what for.
    fn quiet_deadline(&self, kit: &Kit) -> (Moment, Ending) {
        let idle = (self.active.after(kit.config.idle_timeout), Ending::Idle);
        if !self.up.ended && !self.down.ended && self.broken.is_none() && !self.is_reset_behind_bytes() {
            return idle;
        }
        let half = (self.active.after(kit.config.half_close_timeout), Ending::HalfClosed);
        if half.0 < idle.0 { half } else { idle }
    }

    /// A side was reset while bytes from it wait for the other, which does not read.
    fn is_reset_behind_bytes(&self) -> bool {
        self.client.ready.is_failed() || self.upstream.as_ref().is_some_and(|end| end.ready.is_failed())
    }

    /// They are to be told of although the bytes before them were never read.
    fn find_resets_behind_bytes(&mut self) {
        if self.broken.is_some() {
            return;
        }
        if self.client.ready.is_failed() {
            self.break_side(Side::Client, socket::pending_error(&self.client.stream));
        } else if let Some(upstream) = self.upstream.as_ref().filter(|end| end.ready.is_failed()) {
            self.break_side(Side::Upstream, socket::pending_error(&upstream.stream));
        }
    }

    /// Nothing moves here, but the client's kernel may still have bytes to deliver, which a reset would throw away.
    fn go_silently(&mut self, ending: Ending, kit: &mut Kit) -> Next {
        let is_slow = socket::unacknowledged(&self.client.stream) > 0;
        if !is_slow || !self.is_amid() || self.down.is_told() || !self.down.transit.is_empty() {
            return Next::Close(ending);
        }
        if let Some(upstream) = self.upstream.as_ref().filter(|_| !self.up.is_told()) {
            socket::reset(&upstream.stream);
        }
        self.reset_later(Side::Client, ending, kit)
    }

    fn reset_later(&mut self, side: Side, ending: Ending, kit: &mut Kit) -> Next {
        let (looks, left, until) = (0, usize::MAX, Moment::NEVER);
        self.stage =
            Stage::Resetting(Box::new(Resetting { side, ending, next: kit.now, looks, left, until }));
        self.resetting(kit)
    }

    pub(super) fn relay_expired(&mut self, kit: &mut Kit) -> Next {
        let (quiet, ending) = self.quiet_deadline(kit);
        if quiet <= kit.now {
            self.find_resets_behind_bytes();
            return self.go_silently(ending, kit);
        }
        if let Some(next) = self.drain(kit) {
            return next;
        }
        if self.guard_deadline() <= kit.now {
            self.is_guarded = true;
            self.upstream.iter().for_each(|end| socket::guard(&end.stream));
        }
        if self.stall_check <= kit.now {
            self.check_for_stall(kit);
        }
        if self.detect_deadline(kit) <= kit.now {
            self.give_up_detection(DecidedBy::Timeout, kit);
        }
        if self.observer.is_refused() {
            return Next::Again;
        }
        Next::Wait
    }

    /// The kernel would end a connection after TCP_USER_TIMEOUT of a shut window, but a reader may pause as long
    /// as it likes. Bytes that are on their way and unanswered are another matter: there the time-out stands.
    fn check_for_stall(&mut self, kit: &Kit) {
        let ends = [Some(&mut self.client), self.upstream.as_mut()];
        let must_look_again = ends.into_iter().flatten().fold(false, |any, end| any | heed_pause(end));
        self.stall_check = if must_look_again { kit.now.plus(STALL_CHECK) } else { Moment::NEVER };
    }
}

/// Lifts TCP_USER_TIMEOUT while a reader pauses. Returns whether to look again.
pub(super) fn heed_pause(end: &mut End) -> bool {
    // Mostly nothing waits, and thousands of quiet flows are asked: one system call for each end then.
    let waits = socket::unacknowledged(&end.stream) > 0;
    let is_paused = waits && socket::is_window_shut(&end.stream);
    if is_paused != end.is_paused {
        end.is_paused = is_paused;
        socket::limit_silence(&end.stream, !is_paused);
    }
    waits
}
