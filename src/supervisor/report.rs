//! What the supervisor tells: the workers' pages as one. They are asked when somebody asks.

use super::Supervisor;
use super::answer::Answer;
use super::member::{Member, Phase, Question};
use crate::admin::{Connection, Made, Report, Subject};
use crate::metrics::merge::{Totals, Whose};
use crate::metrics::{Counter, Metrics, Scrape};
use crate::sys::stderr;
use log::warn;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How long all workers together may take to answer; then it is told without what is missing.
const MOST: Duration = Duration::from_secs(1);

/// One page: the number of the last inquiry that has begun, and of the last that is done, with its text.
#[derive(Debug)]
struct Page {
    question: Question,
    begun: u64,
    done: u64,
    until: Option<Instant>,
    is_wanted: bool,
    text: Rc<[u8]>,
}

impl Page {
    fn of(question: Question) -> Page {
        Page { question, begun: 0, done: 0, until: None, is_wanted: false, text: Rc::from([]) }
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
    metrics: Page,
    connections: Page,
}

impl Default for Reports {
    fn default() -> Reports {
        Reports { metrics: Page::of(Question::Metrics), connections: Page::of(Question::Connections) }
    }
}

impl Reports {
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        [self.metrics.until, self.connections.until].into_iter().flatten().min()
    }

    fn page(&mut self, report: Report) -> &mut Page {
        match report {
            Report::Metrics => &mut self.metrics,
            Report::Connections => &mut self.connections,
        }
    }
}

/// Keeps what a worker has answered.
pub(super) fn note(member: &mut Member, question: Question, answer: Answer) {
    match question {
        Question::Ready if !answer.is_ok || member.phase != Phase::Starting => {}
        Question::Ready => member.enter(Phase::Ready),
        Question::Connections => member.connections = answer.body,
        Question::Metrics => match Totals::parse(&String::from_utf8_lossy(&answer.body)) {
            Ok(totals) => member.totals = Some(totals),
            Err(malformed) => warn!("worker {}: metrics not understood: {:?}", member.pid(), malformed.0),
        },
    }
}

impl Supervisor {
    /// Finishes the inquiries that can be, and begins those that are wanted.
    pub(super) fn tell(&mut self) {
        for report in [Report::Metrics, Report::Connections] {
            let page = self.reports.page(report);
            let (question, until) = (page.question, page.until);
            let is_complete = !self.members.iter().any(|member| member.owes(question));
            if until.is_some_and(|until| is_complete || until <= self.now) {
                let text = match report {
                    Report::Metrics => self.metrics_text(),
                    Report::Connections => self.connections_text(),
                };
                let page = self.reports.page(report);
                (page.done, page.until, page.text) = (page.begun, None, Rc::from(text));
                self.admin.wake();
            }
            let page = self.reports.page(report);
            if page.is_wanted && page.until.is_none() {
                page.is_wanted = false;
                page.begun += 1;
                page.until = Some(self.now + MOST);
                self.members.iter_mut().for_each(|member| member.ask(question));
            }
        }
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

    fn connections_text(&mut self) -> Vec<u8> {
        let mut text = String::from("{\"connections\":[\n");
        let mut is_first = true;
        for member in &mut self.members {
            let page = std::mem::take(&mut member.connections);
            let page = String::from_utf8_lossy(&page);
            for line in page.lines().filter(|line| line.starts_with("{\"id\":")) {
                let line = line.strip_suffix(',').unwrap_or(line);
                let Some(rest) = line.strip_prefix('{') else { continue };
                text.push_str(if is_first { "" } else { ",\n" });
                text.push_str(&format!("{{\"worker\":{},{rest}", member.pid()));
                is_first = false;
            }
        }
        text.push_str(if is_first { "]}\n" } else { "\n]}\n" });
        text.into_bytes()
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

    fn elsewhere(&mut self, report: Report, ticket: &mut Option<u64>) -> Made {
        self.reports.page(report).ask(ticket)
    }
}
