//! Shows a lane's bytes to the flow's observer, and its events to the ledger.

use crate::course::Asked;
use crate::flow::http::{Connection, Counter, Http};
use crate::flow::lane::Watcher;
use crate::kit::Kit;
use crate::wire::detect::Verdict;
use crate::wire::event::Peer;
use crate::wire::means::Means;
use crate::wire::observer::Observer;

/// The watcher of one lane, for one turn.
pub struct Watch<'a> {
    /// Whose bytes these are.
    pub peer: Peer,
    /// The flow's observer.
    pub observer: &'a mut Observer,
    /// What the flow keeps of HTTP.
    pub http: &'a mut Http,
    /// Set where requests are steered: then HTTP/1 is looked at strictly, one exchange at a time.
    pub asked: Option<&'a mut Asked>,
    /// The flow, as far as metrics and log want to know it.
    pub connection: Connection,
    /// The verdict, if this turn brought it.
    pub verdict: Option<Verdict>,
}

impl Watch<'_> {
    /// Lends the observer what it needs besides the bytes.
    fn with<R>(
        &mut self,
        kit: &mut Kit,
        what: impl FnOnce(&mut Observer, &mut Means, &mut Counter<'_>) -> R,
    ) -> R {
        let mut means = std::mem::take(&mut kit.means);
        means.is_one_by_one = self.asked.is_some();
        let asked = self.asked.as_deref_mut();
        let is_keeping = kit.router.needs_headers() && asked.as_ref().is_some_and(|asked| asked.id.is_none());
        if is_keeping {
            means.keep_fields();
        }
        let mut counter = Counter { http: self.http, asked, connection: self.connection, kit };
        let result = what(self.observer, &mut means, &mut counter);
        counter.rest();
        if let Some(asked) = counter.asked.filter(|_| is_keeping) {
            means.take_fields(&mut asked.fields);
        }
        kit.means = means;
        result
    }
}

impl Watcher for Watch<'_> {
    fn unseen(&self) -> u64 {
        self.observer.unseen(self.peer)
    }

    fn is_strict(&self, kit: &Kit) -> bool {
        kit.config.http_strict || self.asked.is_some()
    }

    fn skipped(&mut self, count: u64, kit: &mut Kit) {
        let peer = self.peer;
        self.with(kit, |observer, means, sink| observer.skipped(peer, count, means, sink));
    }

    fn look(&mut self, bytes: &[u8], kit: &mut Kit) -> usize {
        if matches!(self.observer, Observer::Opaque) {
            return bytes.len();
        }
        let (peer, is_strict) = (self.peer, self.is_strict(kit));
        let seen = self.with(kit, |observer, means, sink| observer.look(peer, bytes, is_strict, means, sink));
        self.verdict = seen.verdict.or(self.verdict.take());
        seen.pass
    }
}
