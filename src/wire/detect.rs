//! Which protocol a connection speaks, from the first bytes of both sides as they pass.

/// What a connection was found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Nothing that we know.
    Unknown,
    /// HTTP/1.0 or HTTP/1.1.
    Http1,
}

impl Protocol {
    /// The value of the `protocol` label.
    pub fn as_str(self) -> &'static str {
        match self {
            Protocol::Unknown => "unknown",
            Protocol::Http1 => "http/1",
        }
    }
    /// The protocol that a well-known port promises, for ports that are never inspected.
    pub fn of_port(_port: u16) -> Protocol {
        Protocol::Unknown
    }
}

/// Who made the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecidedBy {
    /// The port is configured as opaque or skipped.
    Port,
    /// Some other configuration.
    Config,
    /// The client's bytes.
    Client,
    /// The server's bytes.
    Server,
    /// Nobody: the detect time-out.
    Timeout,
    /// The end of a side's bytes, or of the connection, before a decision.
    Eof,
}

impl DecidedBy {
    /// The value of the `decided_by` label.
    pub fn as_str(self) -> &'static str {
        match self {
            DecidedBy::Port => "port",
            DecidedBy::Config => "config",
            DecidedBy::Client => "client",
            DecidedBy::Server => "server",
            DecidedBy::Timeout => "timeout",
            DecidedBy::Eof => "eof",
        }
    }
}

/// What a ClientHello says in clear.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientHello {
    /// The server name, lower case; none where the hello has none.
    pub sni: Option<String>,
    /// The protocols offered, in order, joined by commas.
    pub alpn: Option<String>,
}

/// The outcome of a detection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What it is.
    pub protocol: Protocol,
    /// Who decided.
    pub decided_by: DecidedBy,
    /// For TLS, what the client said in clear.
    pub hello: Option<Box<ClientHello>>,
}

/// Watches both directions from the first byte until the verdict.
#[derive(Debug, Default)]
pub struct Detector {}

impl Detector {
    /// The next bytes of the client, in order, each exactly once.
    pub fn client(&mut self, _bytes: &[u8]) -> Option<Verdict> {
        Some(Verdict { protocol: Protocol::Unknown, decided_by: DecidedBy::Client, hello: None })
    }
    /// The next bytes of the server, in order, each exactly once.
    pub fn server(&mut self, _bytes: &[u8]) -> Option<Verdict> {
        Some(Verdict { protocol: Protocol::Unknown, decided_by: DecidedBy::Server, hello: None })
    }
    /// No verdict came in time, or a side ended: the verdict is what can be said by now.
    pub fn give_up(&mut self, why: DecidedBy) -> Verdict {
        Verdict { protocol: Protocol::Unknown, decided_by: why, hello: None }
    }
}
