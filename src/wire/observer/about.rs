//! What is known of a connection by now.

use super::Observer;
use crate::wire::detect::DecidedBy;
use crate::wire::h2;

impl Observer {
    /// Whether it was found out that this is not HTTP.
    pub fn is_not_http(&self) -> bool {
        match self {
            Observer::Opaque => true,
            Observer::Detecting(undecided) => undecided.detector.is_beyond_http(),
            Observer::Gated(gate) => gate.inner().is_not_http(),
            _ => false,
        }
    }

    /// Whether this is TLS, as far as can be said, and more of the ClientHello is to come.
    pub fn is_in_hello(&self) -> bool {
        match self {
            Observer::Detecting(undecided) => undecided.detector.is_in_hello(),
            Observer::Gated(gate) => gate.inner().is_in_hello(),
            _ => false,
        }
    }

    /// HTTP/2's observer, if there is one.
    pub fn http2(&self) -> Option<&h2::Observer> {
        match self {
            Observer::Http2(http) => Some(http),
            Observer::Gated(gate) => gate.inner().http2(),
            _ => None,
        }
    }

    /// Who has settled that this is not HTTP, while only its name is still open.
    pub fn opaque(&self) -> Option<DecidedBy> {
        match self {
            Observer::Detecting(undecided) => undecided.detector.opaque(),
            Observer::Gated(gate) => gate.inner().opaque(),
            _ => None,
        }
    }
}
