//! A worker, as the supervisor sees it: a child process that can be asked.

use super::answer::{Answer, Reader};
use super::plan::Plan;
use crate::admin::{List, Report};
use crate::base::token::Source;
use crate::metrics::merge::Totals;
use crate::sys::child::{self, Signal};
use crate::worker::LAST_WORD;
use log::warn;
use mio::net::UnixStream;
use mio::{Interest, Registry};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

/// How long a worker may take until it is ready.
pub(super) const MOST_START: Duration = Duration::from_secs(30);
/// The longest last words: far above what the limits of labels allow.
const MOST_WORDS: u64 = 64 << 20;

/// Where it is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not ready yet.
    Starting,
    /// It serves.
    Ready,
    /// It was told to end, when what it carries has ended.
    Leaving,
}

/// What it is asked; each at most once at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    Ready,
    /// For a page that somebody waits for.
    Page(Report),
    /// `/metrics`, lest what it counted be lost with it.
    Totals,
}

impl Question {
    fn path(self) -> &'static str {
        match self {
            Question::Ready => "/ready",
            Question::Totals | Question::Page(Report::Metrics) => "/metrics",
            Question::Page(Report::List(list)) => list.path(),
        }
    }
}

/// A worker.
#[derive(Debug)]
pub(super) struct Member {
    /// No other has or had it.
    pub(super) number: usize,
    /// Its place among the workers of its generation.
    pub(super) place: usize,
    pub(super) generation: u64,
    pub(super) phase: Phase,
    /// When the phase began.
    pub(super) since: Instant,
    /// It was made to end.
    pub(super) was_pressed: bool,
    /// What it counted, when it was last asked.
    pub(super) totals: Option<Totals>,
    /// The lists that it gave and nobody has taken yet.
    lists: Vec<(List, Vec<u8>)>,
    child: Child,
    control: UnixStream,
    words: File,
    reader: Reader,
    owed: VecDeque<Question>,
}

impl Member {
    /// Starts a worker for this place, and asks it to say when it is ready.
    pub(super) fn start(
        plan: &Plan,
        place: usize,
        number: usize,
        registry: &Registry,
    ) -> Result<Member, String> {
        let said = |error| format!("cannot start a worker: {error}");
        let (ours, theirs) = child::connection().map_err(said)?;
        let words = child::memory_file("wayside-last-words").map_err(said)?;
        ours.set_nonblocking(true).map_err(said)?;
        let mut control = UnixStream::from_std(ours);
        let interests = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut control, Source::Worker(number).token(), interests).map_err(said)?;
        let child = plan.spawn(place, &theirs, &words).map_err(said)?;
        let mut member = Member {
            number,
            place,
            generation: plan.generation,
            phase: Phase::Starting,
            since: Instant::now(),
            was_pressed: false,
            totals: None,
            lists: Vec::new(),
            child,
            control,
            words,
            reader: Reader::new(),
            owed: VecDeque::new(),
        };
        member.ask(Question::Ready);
        Ok(member)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn enter(&mut self, phase: Phase) {
        (self.phase, self.since) = (phase, Instant::now());
    }

    /// When it is killed, unless it gets ready; `None` where it was killed, or has got ready.
    pub(super) fn ready_by(&self) -> Option<Instant> {
        (self.phase == Phase::Starting && !self.was_pressed).then(|| self.since + MOST_START)
    }

    pub(super) fn signal(&self, signal: Signal) {
        child::signal(&self.child, signal);
    }

    /// How it ended; `None` while it runs.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    pub(super) fn owes(&self, question: Question) -> bool {
        self.owed.contains(&question)
    }

    /// Asks it; the answer comes out of [`Member::hear`].
    pub(super) fn ask(&mut self, question: Question) {
        if self.owes(question) {
            return;
        }
        let request = format!("GET {} HTTP/1.1\r\nHost: supervisor\r\n\r\n", question.path());
        // Six short requests at the most: there is always room for them. If it is gone, its end will be seen.
        if self.control.write_all(request.as_bytes()).is_ok() {
            self.owed.push_back(question);
        }
    }

    /// Keeps a list until it is taken.
    pub(super) fn keep(&mut self, list: List, text: Vec<u8>) {
        self.lists.retain(|(its, _)| *its != list);
        self.lists.push((list, text));
    }

    /// The list that was kept; empty where there is none.
    pub(super) fn take(&mut self, list: List) -> Vec<u8> {
        let place = self.lists.iter().position(|(its, _)| *its == list);
        place.map(|place| self.lists.swap_remove(place).1).unwrap_or_default()
    }

    /// What it has answered since.
    pub(super) fn hear(&mut self) -> Vec<(Question, Answer)> {
        let mut answers = Vec::new();
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.control.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => self.reader.feed(buffer.get(..count).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => break,
            }
            while let Ok(Some(answer)) = self.reader.next() {
                answers.extend(self.owed.pop_front().map(|question| (question, answer)));
            }
        }
        answers
    }

    /// All that it counted, after its end: its last words, or else what it said last.
    pub(super) fn legacy(&mut self) -> Option<Totals> {
        let words = child::read_all(&mut self.words, MOST_WORDS).unwrap_or_default();
        let words = words.strip_suffix(LAST_WORD).and_then(|words| std::str::from_utf8(words).ok());
        match words.map(Totals::parse) {
            Some(Ok(totals)) => Some(totals),
            Some(Err(malformed)) => {
                warn!("the last words of worker {}: not understood: {:?}", self.pid(), malformed.0);
                self.totals.take()
            }
            None => self.totals.take(),
        }
    }
}
