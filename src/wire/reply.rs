//! The answers wayside gives in its own name, as bytes.

mod h2;

pub use h2::{EVERY_STREAM, Http2, MAX_STREAMS, grpc_status, http2_goaway, http2_greeting, http2_shutdown};

/// The header that tells wayside's own answers from the application's, and why they were given.
pub const ERROR_HEADER: &str = "wayside-error";

/// The longest cause put into an answer; what is beyond it is cut.
const MAX_CAUSE: usize = 256;

/// An HTTP/1.1 answer of ours: a status, a cause in the `wayside-error` header and as the one line of the body.
///
/// It has no `Date`: this module knows no clock (RFC 9110, section 6.6.1, lets a sender without one leave it out).
#[derive(Debug, Clone, Copy)]
pub struct Http1<'a> {
    /// The status code. Outside 400 to 599 it becomes 500: wayside answers for itself only where something went wrong.
    pub status: u16,
    /// Why, in plain words. Anything but printable ASCII in it becomes `?`.
    pub cause: &'a str,
    /// The request was a HEAD: the headers stand for a body that is not sent (RFC 9110, section 9.3.2).
    pub to_head: bool,
    /// Without it the answer says `connection: close`.
    pub keep_alive: bool,
}

impl Http1<'_> {
    /// The whole answer.
    pub fn bytes(&self) -> Vec<u8> {
        let status = own(self.status);
        let reason = reason(status);
        let cause = clean(self.cause);
        let body = format!("{status} {reason}: {cause}\n");
        let connection = if self.keep_alive { "" } else { "connection: close\r\n" };
        // Required with 405: what there is to ask us for, as the last hop (RFC 9110, section 15.5.6).
        let allow = if status == 405 { "allow: OPTIONS\r\n" } else { "" };
        let head = format!(
            "HTTP/1.1 {status} {reason}\r\n{ERROR_HEADER}: {cause}\r\n{allow}content-type: text/plain\r\n\
             content-length: {}\r\n{connection}\r\n",
            body.len()
        );
        let mut bytes = head.into_bytes();
        if !self.to_head {
            bytes.extend_from_slice(body.as_bytes());
        }
        bytes
    }
}

/// The usual answer: with a body, and the connection is closed after it.
pub fn http1(status: u16, cause: &str) -> Vec<u8> {
    Http1 { status, cause, to_head: false, keep_alive: false }.bytes()
}

/// The answer to an OPTIONS whose last hop we are (RFC 9110, section 9.3.7).
pub fn http1_options(keep_alive: bool) -> Vec<u8> {
    let connection = if keep_alive { "" } else { "connection: close\r\n" };
    format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n{connection}\r\n").into_bytes()
}

/// A status of ours: wayside answers for itself only where something went wrong.
fn own(status: u16) -> u16 {
    if (400..600).contains(&status) { status } else { 500 }
}

/// The reason phrases of RFC 9110, section 15, RFC 6585 and RFC 5842, for what wayside says.
fn reason(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        508 => "Loop Detected",
        _ if status < 500 => "Client Error",
        _ => "Server Error",
    }
}

/// The cause as one line that cannot end a header: printable ASCII, no blanks around it.
fn clean(cause: &str) -> String {
    let fit = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { '?' };
    let line: String = cause.trim().chars().map(fit).take(MAX_CAUSE).collect();
    let line = line.trim();
    if line.is_empty() { "unspecified".to_owned() } else { line.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_answer_word_for_word() {
        let expected = "HTTP/1.1 502 Bad Gateway\r\nwayside-error: connection refused\r\ncontent-type: text/plain\r\n\
                        content-length: 36\r\nconnection: close\r\n\r\n502 Bad Gateway: connection refused\n";
        assert_eq!(String::from_utf8(http1(502, "connection refused")).unwrap(), expected);
    }

    #[test]
    fn every_status_of_ours_has_its_phrase() {
        for status in [400, 403, 404, 405, 408, 431, 500, 501, 502, 503, 504, 508] {
            let said = String::from_utf8(http1(status, "why")).unwrap();
            let phrase = said.split("\r\n").next().unwrap().split_once(&status.to_string()).unwrap().1;
            assert!(!phrase.contains("Error") || status == 500, "{said}");
            assert!(
                said.contains("\r\nwayside-error: why\r\n")
                    && said.ends_with(&format!("{status}{phrase}: why\n"))
            );
        }
    }

    #[test]
    fn every_answer_is_one_httparse_reads() {
        let hostile = "a\r\nset-cookie: x\r\n\r\nbody\0\u{7f}\u{e9}\u{1f4a3}";
        for status in [0, 200, 400, 403, 404, 408, 418, 431, 500, 501, 502, 503, 504, 508, 599, 600, u16::MAX]
        {
            for cause in ["no route", "", "  ", hostile, &"x".repeat(10_000)] {
                for (to_head, keep_alive) in [(false, false), (false, true), (true, false), (true, true)] {
                    check(Http1 { status, cause, to_head, keep_alive });
                }
            }
        }
    }

    fn check(answer: Http1<'_>) {
        let bytes = answer.bytes();
        let mut headers = [httparse::EMPTY_HEADER; 8];
        let mut parsed = httparse::Response::new(&mut headers);
        let head = parsed.parse(&bytes).unwrap().unwrap();
        let code = parsed.code.unwrap();
        assert!(code == answer.status || (code == 500 && !(400..600).contains(&answer.status)), "{answer:?}");
        assert_eq!(parsed.headers.len(), if answer.keep_alive { 3 } else { 4 }, "{answer:?}");
        let value = |name: &str| {
            let found = parsed.headers.iter().find(|header| header.name == name);
            found.map(|header| std::str::from_utf8(header.value).unwrap())
        };
        let body = bytes.get(head..).unwrap();
        let length: usize = value("content-length").unwrap().parse().unwrap();
        assert_eq!(body.len(), if answer.to_head { 0 } else { length });
        assert_eq!(value("connection").is_none(), answer.keep_alive);
        let cause = value(ERROR_HEADER).unwrap();
        assert!(!cause.is_empty() && cause.len() <= MAX_CAUSE);
        assert!(answer.to_head || std::str::from_utf8(body).unwrap().contains(cause));
        assert_eq!(body.iter().filter(|byte| **byte == b'\n').count(), usize::from(!answer.to_head));
    }
}
