//! Writes answers: small ones at once, `/metrics` and lists in slices.

use std::io::Write as _;
use std::rc::Rc;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::list::Walk;
use super::request::{Page, Refusal, Request};
use super::{Made, Subject};
use crate::metrics::Scrape;

/// About so much is rendered in one step, before compression.
pub(super) const SLICE: usize = 8 * 1024;

const TEXT: &str = "text/plain; charset=utf-8";
const INDEX: &str = "wayside\n\n/metrics      what is counted, as Prometheus text\n\
    /ready        200 while new connections are welcome, else 503\n\
    /live         200 while the process works\n/connections  each live connection, as JSON\n\
    /backends     each address of each backend set, as JSON\n\
    /server-first targets whose server spoke before the client, as JSON\n";

/// An answer whose body is still being made.
#[derive(Debug)]
pub(super) struct Answer {
    body: Body,
    chunked: bool,
    gzip: Option<GzEncoder<Vec<u8>>>,
}

#[derive(Debug)]
enum Body {
    Metrics(Box<Scrape>),
    List(Walk),
    /// Made elsewhere, and how much of it is rendered.
    Text(Rc<[u8]>, usize),
}

/// Writes the head, and the body where it is short. `gzip`: a compressor may be had.
pub(super) fn begin(
    request: &Request,
    gzip: bool,
    subject: &dyn Subject,
    made: Made,
    out: &mut Vec<u8>,
) -> Option<Answer> {
    match request.page {
        Err(refusal) => refuse(refusal, request.head_only, request.keep_alive, out),
        Ok(Page::Index) => small(request, "200 OK", INDEX, out),
        Ok(Page::Live) => small(request, "200 OK", "live\n", out),
        Ok(Page::Ready) if subject.ready() => small(request, "200 OK", "ready\n", out),
        Ok(Page::Ready) => small(request, "503 Service Unavailable", "not ready\n", out),
        Ok(Page::Metrics) => {
            return stream(request, gzip, "text/plain; version=0.0.4; charset=utf-8", subject, made, out);
        }
        Ok(Page::List(_)) => return stream(request, gzip, "application/json", subject, made, out),
    }
    None
}

/// Answers a request that gets no page.
pub(super) fn refuse(refusal: Refusal, head_only: bool, keep_alive: bool, out: &mut Vec<u8>) {
    let (status, more, body) = match refusal {
        Refusal::BadRequest => ("400 Bad Request", "", "not a request that is understood here\n"),
        Refusal::NotFound => ("404 Not Found", "", "no such page; / lists what there is\n"),
        Refusal::MethodNotAllowed => ("405 Method Not Allowed", "Allow: GET, HEAD\r\n", "GET or HEAD only\n"),
        Refusal::HeadTooLarge => {
            ("431 Request Header Fields Too Large", "", "the request head is over 8 KiB or 64 fields\n")
        }
    };
    head(out, status, TEXT, keep_alive, &format!("{more}Content-Length: {}\r\n", body.len()));
    if !head_only {
        out.extend_from_slice(body.as_bytes());
    }
}

fn small(request: &Request, status: &str, body: &str, out: &mut Vec<u8>) {
    head(out, status, TEXT, request.keep_alive, &format!("Content-Length: {}\r\n", body.len()));
    if !request.head_only {
        out.extend_from_slice(body.as_bytes());
    }
}

fn stream(
    request: &Request,
    gzip: bool,
    kind: &str,
    subject: &dyn Subject,
    made: Made,
    out: &mut Vec<u8>,
) -> Option<Answer> {
    let gzip = gzip && request.gzip;
    let encoding = if gzip { "Content-Encoding: gzip\r\n" } else { "" };
    let framing = if request.chunks { "Transfer-Encoding: chunked\r\n" } else { "" };
    let more = format!("Vary: Accept-Encoding\r\n{encoding}{framing}");
    head(out, "200 OK", kind, request.keep_alive, &more);
    if request.head_only {
        return None;
    }
    let body = match (made, request.page) {
        (Made::Text(text), _) => Body::Text(text, 0),
        (_, Ok(Page::Metrics)) => Body::Metrics(Box::new(Scrape::new(subject.metrics()))),
        (_, Ok(Page::List(list))) => Body::List(Walk::new(list)),
        _ => return None,
    };
    let gzip = gzip.then(|| GzEncoder::new(Vec::new(), Compression::fast()));
    Some(Answer { body, chunked: request.chunks, gzip })
}

fn head(out: &mut Vec<u8>, status: &str, kind: &str, keep_alive: bool, more: &str) {
    let close = if keep_alive { "" } else { "Connection: close\r\n" };
    // Writing to a Vec never fails, here and below.
    let _ = write!(
        out,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nCache-Control: no-store\r\n{more}{close}\r\n"
    );
}

impl Answer {
    /// Whether it holds a compressor, which takes some 300 KB.
    pub(super) fn compresses(&self) -> bool {
        self.gzip.is_some()
    }

    /// Appends the next part of the body to `out`; false: that was all. `plain` is a spare buffer, left with what was rendered.
    pub(super) fn render(&mut self, subject: &dyn Subject, plain: &mut Vec<u8>, out: &mut Vec<u8>) -> bool {
        plain.clear();
        let more = match &mut self.body {
            Body::Metrics(scrape) => scrape.next(subject.metrics(), plain, SLICE),
            Body::List(walk) => walk.next(subject, plain, SLICE),
            Body::Text(text, at) => {
                let rest = text.get(*at..).unwrap_or_default();
                let slice = rest.get(..SLICE).unwrap_or(rest);
                plain.extend_from_slice(slice);
                *at += slice.len();
                slice.len() < rest.len()
            }
        };
        match &mut self.gzip {
            None => chunk(out, plain, self.chunked),
            Some(encoder) => {
                let _ = encoder.write_all(plain);
                if !more {
                    let _ = encoder.try_finish();
                }
                chunk(out, encoder.get_ref(), self.chunked);
                encoder.get_mut().clear();
            }
        }
        if !more && self.chunked {
            out.extend_from_slice(b"0\r\n\r\n");
        }
        more
    }
}

fn chunk(out: &mut Vec<u8>, bytes: &[u8], chunked: bool) {
    match (bytes.is_empty(), chunked) {
        // An empty chunk would be the end.
        (true, _) => {}
        (false, false) => out.extend_from_slice(bytes),
        (false, true) => {
            let _ = write!(out, "{:x}\r\n", bytes.len());
            out.extend_from_slice(bytes);
            out.extend_from_slice(b"\r\n");
        }
    }
}
