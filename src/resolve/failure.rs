//! Why a name has no address.

use std::fmt;

/// Why a name has no address. The least telling comes first: of several servers' failures the last in this order is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Failure {
    /// Too many names that clients sent are being looked up: this one was not taken, or was forgotten.
    TooManyNames,
    /// No socket could be opened here: most likely too many open files.
    NoSocket,
    /// Every name server refused the connection, or there is no route to it.
    NoServer,
    /// No name server answered in time.
    Timeout,
    /// The name servers answered that they cannot or will not say, or sent nonsense.
    ServerFailure,
    /// The name is an alias of an alias of an alias ..., or of itself.
    TooManyAliases,
    /// The name exists and has no IPv4 and no IPv6 address.
    NoAddress,
    /// The name does not exist.
    NoSuchName,
    /// Not a host name at all: nothing was asked.
    BadName,
}

impl Failure {
    /// A short word for labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Failure::TooManyNames => "too many names",
            Failure::NoSocket => "no socket for a name lookup",
            Failure::NoServer => "no name server",
            Failure::Timeout => "name lookup timeout",
            Failure::ServerFailure => "name server failure",
            Failure::TooManyAliases => "too many aliases",
            Failure::NoAddress => "name without address",
            Failure::NoSuchName => "no such name",
            Failure::BadName => "not a host name",
        }
    }

    /// The status for a client of HTTP: 504 where nobody answered in time, 503 where this is the fault of the many, 400 where it is
    /// the client's, which has named what is no host.
    pub fn status(self) -> u16 {
        match self {
            Failure::Timeout => 504,
            Failure::TooManyNames => 503,
            Failure::BadName => 400,
            _ => 502,
        }
    }

    /// True where a name server's answer is the reason: asking again brings the same until the data changes.
    pub(super) fn is_answer(self) -> bool {
        matches!(self, Failure::NoAddress | Failure::NoSuchName | Failure::BadName)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Failure::TooManyNames => "too many names that clients sent are being looked up; is the name server slow?",
            Failure::NoSocket => "no socket could be opened to ask a name server; are there too many open files?",
            Failure::NoServer => "no name server could be reached; check the nameserver lines of /etc/resolv.conf",
            Failure::Timeout => "no name server answered in time; check the nameserver lines of /etc/resolv.conf and the network",
            Failure::ServerFailure => "the name server failed or refused to answer",
            Failure::TooManyAliases => "the name is an alias too many times over, or of itself",
            Failure::NoAddress => "the name exists, but has no IPv4 or IPv6 address",
            Failure::NoSuchName => "the name does not exist in /etc/hosts or in the DNS; check its spelling",
            Failure::BadName => "this is not a host name: labels of 1 to 63 letters, digits, - and _ with dots between, 253 in all",
        })
    }
}
