//! Who watches a connection's bytes as they pass. An observer never changes, holds or delays a byte.

use crate::wire::detect::{DecidedBy, Detector, Verdict};

/// The watcher of one connection. The observers of HTTP will stand beside these.
#[derive(Debug, Default)]
pub enum Observer {
    /// No byte has come yet.
    #[default]
    Fresh,
    /// The first bytes left it open what this is.
    Detecting(Box<Detector>),
    /// Nothing more to find out: the bytes need not be seen.
    Opaque,
}

impl Observer {
    /// Whether bytes may pass without being shown here.
    pub fn is_done(&self) -> bool {
        matches!(self, Observer::Opaque)
    }

    /// Who has settled that this is not HTTP, while only its name is still open.
    pub fn opaque(&self) -> Option<DecidedBy> {
        match self {
            Observer::Detecting(detector) => detector.opaque(),
            Observer::Fresh | Observer::Opaque => None,
        }
    }

    /// The client's next bytes.
    pub fn client(&mut self, bytes: &[u8]) -> Option<Verdict> {
        self.show(bytes, Detector::client)
    }

    /// The server's next bytes.
    pub fn server(&mut self, bytes: &[u8]) -> Option<Verdict> {
        self.show(bytes, Detector::server)
    }

    /// Time is up, or a side has ended: what can be said by now.
    pub fn give_up(&mut self, why: DecidedBy) -> Option<Verdict> {
        match std::mem::replace(self, Observer::Opaque) {
            Observer::Fresh => Some(Detector::default().give_up(why)),
            Observer::Detecting(mut detector) => Some(detector.give_up(why)),
            Observer::Opaque => None,
        }
    }

    /// Most connections are decided by their first segment, and so never need the box.
    fn show(&mut self, bytes: &[u8], look: fn(&mut Detector, &[u8]) -> Option<Verdict>) -> Option<Verdict> {
        match self {
            Observer::Opaque => None,
            Observer::Fresh => {
                let mut detector = Detector::default();
                let verdict = look(&mut detector, bytes);
                *self = match verdict {
                    Some(_) => Observer::Opaque,
                    None => Observer::Detecting(Box::new(detector)),
                };
                verdict
            }
            Observer::Detecting(detector) => {
                let verdict = look(detector, bytes)?;
                *self = Observer::Opaque;
                Some(verdict)
            }
        }
    }
}
