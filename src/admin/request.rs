//! Reads a request head, as far as the admin server needs it.

use super::Report;
use super::list::List;

/// The longest request head; a longer one is answered with 431. Also the most that a client's input buffer holds.
pub(super) const MAX_HEAD: usize = 8 * 1024;
/// The most header fields; more are answered with 431.
const MAX_FIELDS: usize = 64;

/// What a request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Page {
    Index,
    Metrics,
    Ready,
    Live,
    List(List),
}

/// Why a request gets no page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    BadRequest,
    NotFound,
    MethodNotAllowed,
    HeadTooLarge,
}

/// A request whose head is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) page: Result<Page, Refusal>,
    /// The method is HEAD: no body in the answer.
    pub(super) head_only: bool,
    /// HTTP/1.1: chunks are understood.
    pub(super) chunks: bool,
    /// The connection serves more requests after this one.
    pub(super) keep_alive: bool,
    /// gzip is welcome.
    pub(super) gzip: bool,
    /// How long its head is.
    pub(super) length: usize,
}

impl Request {
    /// The page, where it is one that may be made elsewhere.
    pub(super) fn report(&self) -> Option<Report> {
        match self.page {
            Ok(Page::Metrics) if !self.head_only => Some(Report::Metrics),
            Ok(Page::List(list)) if !self.head_only => Some(Report::List(list)),
            _ => None,
        }
    }
}

/// What the input holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// The beginning of a head.
    Partial,
    /// A whole one.
    Request(Request),
    /// Nothing that could be followed by anything sensible.
    Broken(Refusal),
}

/// Looks at all input so far, which is at most [`MAX_HEAD`] long.
pub(super) fn parse(input: &[u8]) -> Input {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut head = httparse::Request::new(&mut fields);
    match head.parse(input) {
        Ok(httparse::Status::Complete(length)) => understand(&head, length),
        Ok(httparse::Status::Partial) if input.len() < MAX_HEAD => Input::Partial,
        Ok(httparse::Status::Partial) | Err(httparse::Error::TooManyHeaders) => {
            Input::Broken(Refusal::HeadTooLarge)
        }
        Err(_) => Input::Broken(Refusal::BadRequest),
    }
}

fn understand(head: &httparse::Request<'_, '_>, length: usize) -> Input {
    let (Some(method), Some(target), Some(version)) = (head.method, head.path, head.version) else {
        return Input::Broken(Refusal::BadRequest);
    };
    let values = |name: &'static str| {
        let fields = head.headers.iter().filter(move |field| field.name.eq_ignore_ascii_case(name));
        fields.map(|field| std::str::from_utf8(field.value).unwrap_or("\u{fffd}"))
    };
    let chunks = version == 1;
    // RFC 9112, 3.2: exactly one Host where the version is 1.1, at most one before.
    let hosts = values("host").count();
    if hosts > 1 || (chunks && hosts == 0) {
        return Input::Broken(Refusal::BadRequest);
    }
    // A body is never read: what follows it on the connection could not be found.
    let body = values("transfer-encoding").next().is_some()
        || values("content-length").any(|value| value.trim().bytes().any(|digit| digit != b'0'));
    let close = values("connection").flat_map(|it| it.split(',')).any(|it| is(it, "close"));
    let head_only = method == "HEAD";
    let page = match page_of(target) {
        Ok(_) if !head_only && method != "GET" => Err(Refusal::MethodNotAllowed),
        page => page,
    };
    if page == Err(Refusal::BadRequest) {
        return Input::Broken(Refusal::BadRequest);
    }
    let keep_alive = chunks && !close && !body;
    let gzip = accepts_gzip(values("accept-encoding"));
    Input::Request(Request { page, head_only, chunks, keep_alive, gzip, length })
}

fn is(token: &str, wanted: &str) -> bool {
    token.trim().eq_ignore_ascii_case(wanted)
}

/// The page of a request target: origin form, or absolute form of whatever host.
fn page_of(target: &str) -> Result<Page, Refusal> {
    let path = match target.split_once("://") {
        Some((scheme, rest)) if is(scheme, "http") || is(scheme, "https") => {
            rest.find(['/', '?']).and_then(|start| rest.get(start..)).unwrap_or("/")
        }
        _ if target == "*" => return Err(Refusal::NotFound),
        _ if !target.starts_with('/') => return Err(Refusal::BadRequest),
        _ => target,
    };
    match path.split(['?', '#']).next().unwrap_or_default() {
        "/" | "" => Ok(Page::Index),
        "/metrics" => Ok(Page::Metrics),
        "/ready" => Ok(Page::Ready),
        "/live" => Ok(Page::Live),
        path => {
            let list = List::ALL.into_iter().find(|list| list.path() == path);
            list.map(Page::List).ok_or(Refusal::NotFound)
        }
    }
}

/// RFC 9110, 12.5.3: gzip is welcome where it, or else `*`, has a weight above 0 and not below identity's own.
fn accepts_gzip<'a>(values: impl Iterator<Item = &'a str>) -> bool {
    let (mut gzip, mut any, mut identity) = (None, None, None);
    for element in values.flat_map(|value| value.split(',')) {
        let mut parts = element.split(';');
        let coding = parts.next().unwrap_or_default();
        let slot = match () {
            () if is(coding, "gzip") || is(coding, "x-gzip") => &mut gzip,
            () if is(coding, "*") => &mut any,
            () if is(coding, "identity") => &mut identity,
            () => continue,
        };
        *slot = Some(weight(parts));
    }
    let gzip = gzip.or(any).unwrap_or(0);
    gzip > 0 && gzip >= identity.unwrap_or(0)
}

/// The weight in thousandths; 0 where it is none that the grammar allows.
fn weight<'a>(mut parameters: impl Iterator<Item = &'a str>) -> u16 {
    let q = parameters.find_map(|it| it.split_once('=').filter(|(name, _)| is(name, "q")));
    let Some((_, value)) = q else { return 1000 };
    let (whole, fraction) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
    if fraction.len() > 3 || !fraction.bytes().all(|it| it.is_ascii_digit()) {
        return 0;
    }
    let thousandths = format!("{fraction:0<3}").parse().unwrap_or(0);
    match whole {
        "0" => thousandths,
        "1" if thousandths == 0 => 1000,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> Request {
        match parse(text.as_bytes()) {
            Input::Request(request) => request,
            other => panic!("{other:?}: {text}"),
        }
    }

    #[test]
    fn targets_lead_to_pages() {
        for (target, page) in [
            ("/", Ok(Page::Index)),
            ("/metrics", Ok(Page::Metrics)),
            ("/metrics?x=1", Ok(Page::Metrics)),
            ("http://a:1/ready", Ok(Page::Ready)),
            ("http://a", Ok(Page::Index)),
            ("HTTP://a?x", Ok(Page::Index)),
            ("/metrics/", Err(Refusal::NotFound)),
            ("/Metrics", Err(Refusal::NotFound)),
            ("*", Err(Refusal::NotFound)),
            ("metrics", Err(Refusal::BadRequest)),
            ("a:80", Err(Refusal::BadRequest)),
        ] {
            assert_eq!(page_of(target), page, "{target}");
        }
    }

    #[test]
    fn a_connection_is_kept_where_its_next_request_can_be_found() {
        for (text, keep) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", true),
            ("GET / HTTP/1.1\r\nHost: a\r\nConnection: Keep-Alive, Close\r\n\r\n", false),
            ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n", false),
            ("GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", false),
            ("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", false),
        ] {
            assert_eq!(request(text).keep_alive, keep, "{text}");
        }
    }

    #[test]
    fn hosts_are_counted() {
        for text in ["GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"] {
            assert_eq!(parse(text.as_bytes()), Input::Broken(Refusal::BadRequest), "{text}");
        }
    }

    #[test]
    fn heads_have_a_limit() {
        let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(MAX_HEAD));
        assert_eq!(parse(&long.as_bytes()[..MAX_HEAD - 1]), Input::Partial);
        assert_eq!(parse(&long.as_bytes()[..MAX_HEAD]), Input::Broken(Refusal::HeadTooLarge));
        let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(65));
        assert_eq!(parse(many.as_bytes()), Input::Broken(Refusal::HeadTooLarge));
    }

    #[test]
    fn gzip_is_weighed() {
        for (value, welcome) in [
            ("gzip", true),
            ("GZip", true),
            ("deflate, gzip;q=1.0, *;q=0.5", true),
            ("x-gzip", true),
            ("*", true),
            ("br;q=1.0, *;q=0.001", true),
            ("gzip;q=0.5, identity;q=0.5", true),
            ("gzip ; Q=0.5", true),
            ("gzip;q=0.5, identity", false),
            ("gzip;q=0", false),
            ("gzip;q=0.000, *", false),
            ("*;q=0", false),
            ("*;q=0, gzip;q=0.1", true),
            ("identity", false),
            ("deflate, br", false),
            ("notgzip", false),
            ("gzip;q=2", false),
            ("gzip;q=1.001", false),
            ("gzip;q=0.1234", false),
            ("gzip;q=", false),
            ("gzip;q=-1", false),
            ("", false),
        ] {
            assert_eq!(accepts_gzip([value].into_iter()), welcome, "{value:?}");
        }
        assert!(accepts_gzip(["br", "gzip"].into_iter()));
        assert!(!accepts_gzip([].into_iter()));
    }
}
