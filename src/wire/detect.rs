//! Which protocol a connection speaks, from the first bytes of both sides as they pass.
//!
//! Nothing here holds a byte back, and nothing is read twice: HTTP/1, HTTP/2 and TLS are recognised in passing. Only for a
//! name that is a mere label are up to 512 bytes of each side kept, and only if the first segment did not tell it.

use super::head::{Guess, Window};
use super::preface::{Preface, ServerSettings};
use super::request_line::{Found, RequestLine};
use super::tls::Walker;
use super::{banner, first};

pub use super::protocol::Protocol;

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

/// How far the detection is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    /// It may be anything.
    #[default]
    Open,
    /// It is TLS; the hello is not complete.
    Hello,
    /// It is none of HTTP/1, HTTP/2 and TLS; the client's bytes may tell a name.
    ClientName,
    /// The server spoke first; its bytes may tell a name.
    ServerName,
    /// The server's greeting was SMTP's or FTP's; the client's first command will tell.
    Command,
    /// The verdict was given.
    Done,
}

/// A ClientHello that may be there.
#[derive(Debug, Default)]
enum Tls {
    /// Before the first byte.
    #[default]
    Begin,
    Walk(Box<Walker>),
    Dead,
}

/// Watches both directions from the first byte until the verdict.
#[derive(Debug, Default)]
pub struct Detector {
    stage: Stage,
    line: RequestLine,
    preface: Preface,
    settings: ServerSettings,
    tls: Tls,
    client: Window,
    server: Window,
}

impl Detector {
    /// The next bytes of the client, in order, each exactly once.
    pub fn client(&mut self, bytes: &[u8]) -> Option<Verdict> {
        if bytes.is_empty() {
            return None;
        }
        match self.stage {
            Stage::Open => self.client_open(bytes),
            Stage::Hello => match self.feed_tls(bytes) {
                Found::More => None,
                _ => Some(self.tls_verdict()),
            },
            Stage::ClientName => self.client_name(bytes),
            Stage::ServerName => {
                self.client.add(bytes);
                None
            }
            Stage::Command => self.command(bytes),
            Stage::Done => None,
        }
    }

    /// The next bytes of the server, in order, each exactly once.
    pub fn server(&mut self, bytes: &[u8]) -> Option<Verdict> {
        if bytes.is_empty() {
            return None;
        }
        match self.stage {
            Stage::Open => self.server_open(bytes),
            Stage::Hello => Some(self.tls_verdict()),
            // An answer before the name is clear: no more bytes of the client's belong to its first packet.
            Stage::ClientName => {
                let protocol = first::answered(self.client.head(), bytes);
                Some(self.finish(protocol, DecidedBy::Client))
            }
            Stage::ServerName => self.server_name(bytes),
            Stage::Command | Stage::Done => None,
        }
    }

    /// No verdict came in time, or a side ended: the verdict is what can be said by now.
    ///
    /// `why` is who decided only where no side's bytes had ruled out HTTP by then.
    pub fn give_up(&mut self, why: DecidedBy) -> Verdict {
        if self.stage == Stage::Hello {
            return self.tls_verdict();
        }
        let by = match self.opaque() {
            Some(by) => by,
            None if self.settings.begun() => DecidedBy::Server,
            None => why,
        };
        self.finish(Protocol::Unknown, by)
    }

    /// Whose bytes have ruled out HTTP, once they have: from here on only a label is open (the name, or a
    /// ClientHello's server name). Once `Some`, it stays so until the verdict, and is the verdict's `decided_by`.
    pub fn opaque(&self) -> Option<DecidedBy> {
        match self.stage {
            Stage::Open | Stage::Done => None,
            Stage::Hello | Stage::ClientName => Some(DecidedBy::Client),
            Stage::ServerName | Stage::Command => Some(DecidedBy::Server),
        }
    }

    /// Whether it can become neither HTTP/1 nor HTTP/2 any more.
    pub fn is_beyond_http(&self) -> bool {
        match self.stage {
            Stage::Open => self.line.is_dead() && self.preface.is_dead(),
            Stage::Hello | Stage::ClientName | Stage::ServerName | Stage::Command => true,
            Stage::Done => false,
        }
    }

    /// Whether it is TLS, or nothing but TLS is left to ask about, and more of the ClientHello is to come.
    pub fn is_in_hello(&self) -> bool {
        self.stage == Stage::Hello || (self.stage == Stage::Open && self.is_beyond_http())
    }

    fn client_open(&mut self, bytes: &[u8]) -> Option<Verdict> {
        if self.line.feed(bytes) == Found::Yes {
            return Some(self.finish(Protocol::Http1, DecidedBy::Client));
        }
        if self.preface.feed(bytes) == Found::Yes {
            return Some(self.finish(Protocol::Http2, DecidedBy::Client));
        }
        let tls = self.feed_tls(bytes);
        if tls == Found::Yes {
            return Some(self.tls_verdict());
        }
        if let Tls::Walk(walker) = &self.tls
            && walker.is_certain()
        {
            self.stage = Stage::Hello;
            self.client.clear();
            return None;
        }
        if tls == Found::More || !self.line.is_dead() || !self.preface.is_dead() {
            self.client.add(bytes);
            return None;
        }
        if self.settings.begun() {
            self.client.add(bytes);
            self.stage = Stage::ServerName;
            return self.server_name(&[]);
        }
        self.stage = Stage::ClientName;
        self.client_name(bytes)
    }

    fn server_open(&mut self, bytes: &[u8]) -> Option<Verdict> {
        // Whoever lets the server speak first speaks neither HTTP/1 nor TLS; HTTP/2 may.
        self.line.kill();
        self.tls = Tls::Dead;
        if self.settings.feed(bytes) && !self.preface.is_dead() {
            self.server.add(bytes);
            return None;
        }
        self.stage = Stage::ServerName;
        self.server_name(bytes)
    }

    fn client_name(&mut self, bytes: &[u8]) -> Option<Verdict> {
        let guess = self.client.guess(bytes, first::guess);
        self.named(guess, DecidedBy::Client)
    }

    fn server_name(&mut self, bytes: &[u8]) -> Option<Verdict> {
        let guess = self.server.guess(bytes, banner::guess);
        if guess == Guess::Ask {
            self.stage = Stage::Command;
            self.server.clear();
            return self.command(&[]);
        }
        self.named(guess, DecidedBy::Server)
    }

    fn command(&mut self, bytes: &[u8]) -> Option<Verdict> {
        let guess = self.client.guess(bytes, first::command);
        self.named(guess, DecidedBy::Server)
    }

    fn named(&mut self, guess: Guess, by: DecidedBy) -> Option<Verdict> {
        match guess {
            Guess::More => None,
            Guess::Is(protocol) => Some(self.finish(protocol, by)),
            Guess::No | Guess::Ask => Some(self.finish(Protocol::Unknown, by)),
        }
    }

    fn feed_tls(&mut self, bytes: &[u8]) -> Found {
        let mut walker = match std::mem::replace(&mut self.tls, Tls::Dead) {
            Tls::Begin if bytes.first() == Some(&22) => Box::new(Walker::new()),
            Tls::Walk(walker) => walker,
            Tls::Begin | Tls::Dead => return Found::No,
        };
        let found = walker.feed(bytes);
        if found != Found::No {
            self.tls = Tls::Walk(walker);
        }
        found
    }

    fn tls_verdict(&mut self) -> Verdict {
        let hello = match &mut self.tls {
            Tls::Walk(walker) => walker.hello(),
            Tls::Begin | Tls::Dead => ClientHello::default(),
        };
        let verdict = self.finish(Protocol::Tls, DecidedBy::Client);
        Verdict { hello: Some(Box::new(hello)), ..verdict }
    }

    /// Gives all memory back.
    fn finish(&mut self, protocol: Protocol, decided_by: DecidedBy) -> Verdict {
        *self = Detector { stage: Stage::Done, ..Detector::default() };
        Verdict { protocol, decided_by, hello: None }
    }
}
