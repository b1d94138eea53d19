//! One client of the admin server: reads request heads, sends answers, one step at a time.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::net::TcpStream;

use super::answer::{self, Answer};
use super::request::{self, Input, MAX_HEAD};
use super::{Made, Subject, Turn};

/// A whole request head has to come within this, from the connection's beginning or the head's first byte.
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// An answer of which the client takes nothing for this long is given up.
pub(super) const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// A connection between two requests is closed after this; above the usual intervals of scrapes and probes.
pub(super) const KEEP_TIMEOUT: Duration = Duration::from_secs(120);
/// After the last answer, what the client still sends is thrown away for this long, so that no reset
/// overtakes the answer.
const LINGER_TIMEOUT: Duration = Duration::from_secs(2);
/// The output buffer holds less than this before more is rendered; a step adds a slice and one series at most, so
/// that it stays under 64 KiB.
const ENOUGH_OUTPUT: usize = 32 * 1024;
/// What starting an answer costs of a turn's budget.
const REQUEST_COST: usize = 4 * 1024;
/// What any step costs at least.
const STEP_COST: usize = 1024;
/// Compressing costs so many times what rendering does.
const GZIP_FACTOR: usize = 2;

/// What a client should do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// More at once, when its turn comes again.
    Again,
    /// Nothing until its socket says so.
    Wait,
    /// Go.
    Close,
}

/// A connection.
#[derive(Debug)]
pub(super) struct Client {
    stream: TcpStream,
    /// Which of the clients that had this slot it is.
    pub(super) generation: u32,
    /// It stands in the queue.
    pub(super) queued: bool,
    readable: bool,
    writable: bool,
    input: Vec<u8>,
    output: Vec<u8>,
    sent: usize,
    answer: Option<Answer>,
    /// No request after this one.
    last: bool,
    /// Everything was said; waiting for the client's end.
    lingering: bool,
    /// At least one request was answered.
    served: bool,
    /// It is the process that started this one.
    pub(super) is_supervisor: bool,
    /// What it waits for is made elsewhere.
    waiting: bool,
    ticket: Option<u64>,
    /// When it last got further, in the sense of the time-outs.
    since: Instant,
}

impl Client {
    pub(super) fn new(stream: TcpStream, generation: u32, now: Instant) -> Client {
        // An answer's last part must not wait for an acknowledgement; without it it is only slower.
        let _ = stream.set_nodelay(true);
        Client {
            stream,
            generation,
            queued: false,
            readable: true,
            writable: true,
            input: Vec::new(),
            output: Vec::new(),
            sent: 0,
            answer: None,
            last: false,
            lingering: false,
            served: false,
            is_supervisor: false,
            waiting: false,
            ticket: None,
            since: now,
        }
    }

    pub(super) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    pub(super) fn mark(&mut self, event: &Event) {
        self.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        self.writable |= event.is_writable() || event.is_write_closed() || event.is_error();
    }

    fn pending(&self) -> usize {
        self.output.len().saturating_sub(self.sent)
    }

    /// No answer is owed: it may be closed without harm.
    pub(super) fn is_idle(&self) -> bool {
        self.answer.is_none() && self.pending() == 0 && !self.waiting
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.waiting
    }

    /// The bytes of buffers that it holds.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.pending() + self.input.len()
    }

    pub(super) fn compresses(&self) -> bool {
        self.answer.as_ref().is_some_and(Answer::compresses)
    }

    pub(super) fn since(&self) -> Instant {
        self.since
    }

    /// `None`: it may take its time.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let timeout = match () {
            () if self.is_supervisor => return None,
            () if self.lingering => LINGER_TIMEOUT,
            () if !self.is_idle() => STALL_TIMEOUT,
            () if self.served && self.input.is_empty() => KEEP_TIMEOUT,
            () => HEAD_TIMEOUT,
        };
        Some(self.since + timeout)
    }

    /// One step: at most one read, one slice of an answer and one write.
    pub(super) fn step(&mut self, now: Instant, subject: &mut dyn Subject, turn: &mut Turn<'_>) -> Step {
        turn.spend(STEP_COST);
        if self.lingering {
            return self.linger(turn);
        }
        if self.flush(now).is_err() {
            return Step::Close;
        }
        if let Some(answer) = &mut self.answer {
            if self.output.len() - self.sent >= ENOUGH_OUTPUT {
                return Step::Wait;
            }
            let more = answer.render(subject, turn.spare, &mut self.output);
            turn.spend(turn.spare.len() * if answer.compresses() { GZIP_FACTOR } else { 1 });
            if !more {
                self.answer = None;
            }
            return Step::Again;
        }
        match (self.last, self.pending()) {
            (true, 0) => self.shut(now),
            (true, _) | (false, ENOUGH_OUTPUT..) => Step::Wait,
            (false, _) => self.next_request(now, subject, turn),
        }
    }

    fn next_request(&mut self, now: Instant, subject: &mut dyn Subject, turn: &mut Turn<'_>) -> Step {
        let parsed = if self.input.is_empty() { Input::Partial } else { request::parse(&self.input) };
        match parsed {
            Input::Partial => return self.read(now, turn),
            Input::Broken(refusal) => {
                self.last = true;
                answer::refuse(refusal, false, false, &mut self.output);
            }
            Input::Request(request) => {
                turn.spend(REQUEST_COST);
                let made = match request.report() {
                    Some(report) => subject.elsewhere(report, &mut self.ticket),
                    None => Made::Here,
                };
                self.waiting = matches!(made, Made::Later);
                if self.waiting {
                    self.since = now;
                    return Step::Wait;
                }
                self.ticket = None;
                self.last = !request.keep_alive;
                self.input.drain(..request.length.min(self.input.len()));
                if request.page == Ok(request::Page::Metrics) && !request.head_only {
                    turn.refresh(now, subject);
                }
                self.answer = answer::begin(&request, turn.gzip, subject, made, &mut self.output);
            }
        }
        (self.served, self.since) = (true, now);
        Step::Again
    }

    fn read(&mut self, now: Instant, turn: &mut Turn<'_>) -> Step {
        if !self.readable {
            // Nothing to hold on to between requests.
            if self.input.is_empty() {
                self.input = Vec::new();
            }
            return Step::Wait;
        }
        let room = MAX_HEAD.saturating_sub(self.input.len());
        turn.spare.clear();
        turn.spare.resize(room, 0);
        match self.stream.read(turn.spare) {
            Ok(0) => {
                self.last = true;
                if self.pending() == 0 { Step::Close } else { Step::Again }
            }
            Ok(length) => {
                if self.input.is_empty() {
                    self.since = now;
                }
                self.input.extend_from_slice(turn.spare.get(..length).unwrap_or_default());
                Step::Again
            }
            Err(error) => self.not_read(&error),
        }
    }

    fn not_read(&mut self, error: &std::io::Error) -> Step {
        match error.kind() {
            ErrorKind::Interrupted => Step::Again,
            ErrorKind::WouldBlock => {
                self.readable = false;
                // Comes back once more, and finds nothing to do but to let go of its buffer.
                Step::Again
            }
            _ => Step::Close,
        }
    }

    fn flush(&mut self, now: Instant) -> Result<(), ()> {
        while self.writable && self.pending() > 0 {
            match self.stream.write(self.output.get(self.sent..).unwrap_or_default()) {
                Ok(0) => return Err(()),
                Ok(length) => {
                    self.sent += length;
                    self.since = now;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Err(()),
            }
        }
        if self.pending() == 0 {
            self.sent = 0;
            self.output.clear();
            if self.answer.is_none() {
                self.output = Vec::new();
            }
        } else {
            self.output.drain(..self.sent);
            self.sent = 0;
        }
        Ok(())
    }

    fn shut(&mut self, now: Instant) -> Step {
        // Closing with unread input would send a reset, and that may take the answer away from the client.
        self.input = Vec::new();
        (self.lingering, self.since) = (true, now);
        match self.stream.shutdown(Shutdown::Write) {
            Ok(()) => Step::Again,
            Err(_) => Step::Close,
        }
    }

    fn linger(&mut self, turn: &mut Turn<'_>) -> Step {
        if !self.readable {
            return Step::Wait;
        }
        turn.spare.clear();
        turn.spare.resize(MAX_HEAD, 0);
        match self.stream.read(turn.spare) {
            Ok(0) => Step::Close,
            Ok(_) => Step::Again,
            Err(error) => self.not_read(&error),
        }
    }
}
