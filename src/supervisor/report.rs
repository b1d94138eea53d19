//! What the supervisor tells: the workers' pages as one. They are asked when somebody asks, and for their totals every
//! second.

use super::Supervisor;
use super::answer::Answer;
use super::member::{Member, Phase, Question};
use crate::admin::{Connection, Endpoint, List, Made, Report, Subject};
use crate::metrics::merge::{Totals, Whose};
use crate::metrics::{Counter, Metrics, Scrape};
use crate::sys::stderr;
use log::warn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How long all workers together may take to answer; then it is told without what is missing.
const MOST: Duration = Duration::from_secs(1);
/// How often workers are asked for their totals: what one that is killed has counted since is lost. For an idle worker it
/// takes 0.5 ms of processor time on both sides together, and more where there are many series; then it is done more rarely.
const EVERY: Duration = Duration::from_secs(1);
/// It is a second more for each so many series.
const SERIES: usize = 10_000;

/// One page: the number of the last inquiry that has begun, and of the last that is done, with its text.
#[derive(Debug)]
struct Page {
    report: Report,
    begun: u64,
    done: u64,
    until: Option<Instant>,
    is_wanted: bool,
    text: Rc<[u8]>,
}

impl Page {
    fn of(report: Report) -> Page {
        Page { report, begun: 0, done: 0, until: None, is_wanted: false, text: Rc::from([]) }
    }

    /// A page that is asked for is made of answers to questions that come after it: nothing in it is older.
    fn ask(&mut self, ticket: &mut Option<u64>) -> Made {
        match *ticket {
            Some(number) if self.done >= number => Made::Text(Rc::clone(&self.text)),
            Some(_) => Made::Later,
            None => {
                *ticket = Some(self.begun + 1);
                self.is_wanted = true;
                Made::Later
            }
        }
    }
}

/// The pages.
#[derive(Debug)]
pub(super) struct Reports {
    pages: Vec<Page>,
    /// When the workers are asked for their totals again.
    totals_at: Instant,
}

impl Reports {
    pub(super) fn new(now: Instant) -> Reports {
        let lists = List::ALL.into_iter().map(Report::List);
        let pages = std::iter::once(Report::Metrics).chain(lists).map(Page::of).collect();
        Reports { pages, totals_at: now + EVERY }
    }

    pub(super) fn next_deadline(&self) -> Instant {
        self.pages.iter().filter_map(|page| page.until).fold(self.totals_at, Instant::min)
    }
}

/// Keeps what a worker has answered.
pub(super) fn note(member: &mut Member, question: Question, answer: Answer) {
    match question {
        Question::Ready if !answer.is_ok || member.phase != Phase::Starting => {}
        Question::Ready => member.enter(Phase::Ready),
        Question::Page(Report::List(list)) => member.keep(list, answer.body),
        Question::Totals | Question::Page(Report::Metrics) => {
            match Totals::parse(&String::from_utf8_lossy(&answer.body)) {
                Ok(totals) => member.totals = Some(totals),
                Err(malformed) => warn!("worker {}: metrics not understood: {:?}", member.pid(), malformed.0),
            }
        }
    }
}

impl Supervisor {
    /// Finishes the inquiries that can be, and begins those that are wanted.
    pub(super) fn tell(&mut self) {
        for place in 0..self.reports.pages.len() {
            let Some(page) = self.reports.pages.get(place) else { continue };
            let (report, until) = (page.report, page.until);
            let is_complete = !self.members.iter().any(|member| member.owes(Question::Page(report)));
            let is_done = until.is_some_and(|until| is_complete || until <= self.now);
            let text = is_done.then(|| match report {
                Report::Metrics => self.metrics_text(),
                Report::List(list) => self.list_text(list).into_bytes(),
            });
            let Some(page) = self.reports.pages.get_mut(place) else { continue };
            if let Some(text) = text {
                (page.done, page.until, page.text) = (page.begun, None, Rc::from(text));
                self.admin.wake();
            }
            if page.is_wanted && page.until.is_none() {
                page.is_wanted = false;
                page.begun += 1;
                page.until = Some(self.now + MOST);
                self.members.iter_mut().for_each(|member| member.ask(Question::Page(report)));
            }
        }
    }

    /// Asks for the totals where it is time. One that still owes an answer is not asked again.
    pub(super) fn gather_totals(&mut self) {
        if self.reports.totals_at > self.now {
            return;
        }
        self.members.iter_mut().for_each(|member| member.ask(Question::Totals));
        let series: usize = self.members.iter().filter_map(|it| it.totals.as_ref()).map(Totals::len).sum();
        let share = u32::try_from(series / SERIES).unwrap_or(u32::MAX);
        self.reports.totals_at = self.now + EVERY.saturating_mul(share.saturating_add(1));
    }

    fn metrics_text(&mut self) -> Vec<u8> {
        self.metrics.set(Counter::LogDropped, stderr::dropped());
        let mut own = Vec::new();
        Scrape::new(&self.metrics).next(&self.metrics, &mut own, usize::MAX);
        let own = [String::from_utf8_lossy(&own).into_owned(), self.states()].concat();
        let mut sum = Totals::parse(&own).unwrap_or_default();
        sum.add(&self.legacy, Whose::Living);
        for totals in self.members.iter().filter_map(|member| member.totals.as_ref()) {
            sum.add(totals, Whose::Living);
        }
        sum.to_text().into_bytes()
    }

    fn states(&self) -> String {
        let count = |phase| self.members.iter().filter(|member| member.phase == phase).count();
        format!(
            "# HELP wayside_workers Worker processes.\n# TYPE wayside_workers gauge\n\
             wayside_workers{{state=\"starting\"}} {}\nwayside_workers{{state=\"ready\"}} {}\n\
             wayside_workers{{state=\"leaving\"}} {}\n",
            count(Phase::Starting),
            count(Phase::Ready),
            count(Phase::Leaving)
        )
    }

    /// The items of all workers. Objects are told apart by the process id of their `worker`; of plain values each is
    /// told once.
    fn list_text(&mut self, list: List) -> String {
        let mut items = Vec::new();
        for member in &mut self.members {
            let (pid, page) = (member.pid(), member.take(list));
            for line in String::from_utf8_lossy(&page).lines() {
                let item = line.strip_suffix(',').unwrap_or(line);
                match item.strip_prefix('{') {
                    // The line that opens the list.
                    Some(_) if item.ends_with('[') => {}
                    Some(rest) => items.push(format!("{{\"worker\":{pid},{rest}")),
                    None if item.starts_with('"') => items.push(item.to_owned()),
                    None => {}
                }
            }
        }
        if list == List::ServerFirst {
            items.sort_unstable();
            items.dedup();
        }
        let (before, after) = list.frame(items.is_empty());
        [before, items.join(",\n"), after.to_owned()].concat()
    }

    /// One bounded turn for the admin server; true if it wants another at once.
    pub(super) fn serve_admin(&mut self) -> bool {
        let is_ready = self.is_ready();
        let mut view = View { metrics: &mut self.metrics, reports: &mut self.reports, is_ready };
        let more = self.admin.serve(self.poll.registry(), self.now, &mut view);
        self.tell();
        more
    }
}

struct View<'a> {
    metrics: &'a mut Metrics,
    reports: &'a mut Reports,
    is_ready: bool,
}

impl Subject for View<'_> {
    fn ready(&self) -> bool {
        self.is_ready
    }

    fn refresh(&mut self) {}

    fn metrics(&self) -> &Metrics {
        self.metrics
    }

    fn count(&mut self, counter: Counter) {
        self.metrics.count(counter);
    }

    fn connection(&self, _from_slot: usize) -> Option<(usize, Connection)> {
        None
    }

    fn endpoint(&self, _from: usize) -> Option<(usize, Endpoint)> {
        None
    }

    fn server_first(&self, _place: usize) -> Option<SocketAddr> {
        None
    }

    fn elsewhere(&mut self, report: Report, ticket: &mut Option<u64>) -> Made {
        match self.reports.pages.iter_mut().find(|page| page.report == report) {
            Some(page) => page.ask(ticket),
            None => Made::Here,
        }
    }
}
