//! What is there now and is kept elsewhere: told before each scrape.

use std::net::SocketAddr;
use std::rc::Rc;

use super::Metrics;
use super::labels::{canonical, escaped};
use super::text::Page;

/// How the backend sets and the pool stand.
#[derive(Debug, Clone, Default)]
pub struct Gauges {
    /// Each backend set, and how many addresses it has.
    pub sets: Vec<(Rc<str>, usize)>,
    /// The addresses that are set aside.
    pub aside: Vec<Aside>,
    /// Upstream connections that nobody uses.
    pub idle: usize,
}

/// An address of a backend set that is set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    /// The set.
    pub backend: Rc<str>,
    /// The address.
    pub address: SocketAddr,
    /// Why, in one word.
    pub cause: &'static str,
}

impl Metrics {
    /// What a scrape from here on says of them.
    pub fn set_gauges(&mut self, gauges: Gauges) {
        self.gauges = gauges;
    }
}

// A scrape that began before may ask for more than there are now.

pub(super) fn endpoints(page: &mut Page<'_>, number: usize) {
    if let Some((name, count)) = page.metrics.gauges.sets.get(number) {
        page.line("", &format!("backend=\"{}\"", escaped(name)), count);
    }
}

pub(super) fn aside(page: &mut Page<'_>, number: usize) {
    if let Some(Aside { backend, address, cause }) = page.metrics.gauges.aside.get(number) {
        let (name, address) = (escaped(backend), canonical(*address));
        let port = address.port();
        let labels =
            format!("backend=\"{name}\",target_addr=\"{address}\",target_port=\"{port}\",cause=\"{cause}\"");
        page.line("", &labels, 1);
    }
}

pub(super) fn idle(page: &mut Page<'_>, _number: usize) {
    let idle = page.metrics.gauges.idle;
    page.line("", "", idle);
}
