//! What the bytes of an HTTP connection mean: the vocabulary between observers and whoever counts or steers.
//!
//! An event names its exchange by an [`Id`], which is small and dense: an observer gives each exchange the lowest
//! id that is free and frees it with the exchange's last event, so that a listener can keep a table by id.

/// An exchange (a request and its response) on one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub u16);

/// Which of the two endpoints did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// The one that connected.
    Client,
    /// The one that was connected to.
    Server,
}

/// The protocol version of an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1.
    Http11,
    /// HTTP/2.
    Http2,
}

/// The parts of a request's head that matter to metrics, log and routes, as they were sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestHead<'a> {
    /// The method.
    pub method: &'a [u8],
    /// Where the request is addressed: the absolute-form target's authority, else `Host` or `:authority`; may be empty.
    pub authority: &'a [u8],
    /// The target as sent (HTTP/1: the whole request target; HTTP/2: `:path`).
    pub target: &'a [u8],
    /// The version.
    pub version: Version,
    /// The content type begins with `application/grpc`.
    pub is_grpc: bool,
    /// `user-agent`, or empty.
    pub user_agent: &'a [u8],
    /// `referer`, or empty.
    pub referer: &'a [u8],
}

/// Something that the bytes said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// A request's head is complete.
    Request {
        /// A new exchange.
        id: Id,
        /// The head.
        head: RequestHead<'a>,
    },
    /// The request's last byte has passed.
    RequestEnd {
        /// The exchange.
        id: Id,
    },
    /// An interim response: 1xx other than 101; and a 101 to `Upgrade: h2c`, whose final response comes in HTTP/2.
    Informational {
        /// The exchange.
        id: Id,
        /// Its status.
        status: u16,
    },
    /// The final response's head is complete (a CONNECT's 2xx and all other 101 among them).
    Response {
        /// The exchange.
        id: Id,
        /// Its status.
        status: u16,
        /// `grpc-status` in the head (a trailers-only answer), if it is a number.
        grpc_status: Option<u32>,
    },
    /// The response's last byte has passed. If the request has ended too, this is the exchange's last event, else
    /// `RequestEnd` is.
    ResponseEnd {
        /// The exchange.
        id: Id,
        /// `grpc-status` in the trailers, else in the head, if it is a number.
        grpc_status: Option<u32>,
    },
    /// The exchange was given up before its end (HTTP/2 `RST_STREAM`, or a GOAWAY that leaves it out; HTTP/1: the
    /// connection ended first); its last event.
    Reset {
        /// The exchange.
        id: Id,
        /// Who gave it up; HTTP/1: who ended its side of the connection first.
        by: Peer,
        /// The HTTP/2 error code; 0 with HTTP/1.
        code: u32,
    },
    /// The exchange has become a tunnel (101, CONNECT): what follows on an HTTP/1 connection is not HTTP. There its
    /// `RequestEnd` comes with the request itself, its `ResponseEnd` when both sides have ended, or the server has and the
    /// connection is gone.
    Tunnel {
        /// The exchange.
        id: Id,
    },
    /// The thread is lost: nothing more will be said of this connection, and open exchanges stay open.
    Blind {
        /// Why, as in `http_blind_total{reason}`.
        reason: &'static str,
    },
}

/// Takes events as they come.
pub trait Sink {
    /// One event. What it borrows is valid only here.
    fn event(&mut self, event: Event<'_>);

    /// How many bytes of a message (the client's is the request) have passed. It comes right before the event that ends the
    /// message or its exchange, and for all that is open before `Blind` and at the connection's end; the last word counts.
    ///
    /// HTTP/1: head and framing included, of a response its interim responses too, and all that went through its tunnel.
    /// HTTP/2: the stream's HEADERS, CONTINUATION and DATA frames, whole.
    fn measured(&mut self, _id: Id, _by: Peer, _bytes: u64) {}

    /// Right before `Request`, `Informational` and `Response`: the whole head as it was sent. Only HTTP/1 tells.
    fn head(&mut self, _by: Peer, _head: &[u8]) {}
}

impl<F: FnMut(Event<'_>)> Sink for F {
    fn event(&mut self, event: Event<'_>) {
        self(event);
    }
}
