//! One side of the connection: where in its messages it stands, and how it moves through a body.

use super::body::SizeLine;
use super::fields::number;
use super::gather::{End, Gather};
use super::parse::unfold;
use super::{MAX_HEAD, Reason, strict};
use crate::wire::h1::fields::Framing;
use httparse::{EMPTY_HEADER, Status};

/// The most fields of a trailer section that are read; a section with more is refused.
const MAX_TRAILERS: usize = 64;

/// What the next byte of a side is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) enum Stage {
    /// Part of a head, or the first of one.
    #[default]
    Head,
    /// Nobody knows before the response to the last request is there.
    Wait,
    /// One of so many of a body.
    Length(u64),
    /// Part of a chunk's size line.
    Size(SizeLine),
    /// One of so many of a chunk.
    Data(u64),
    /// Of the CRLF behind a chunk; true: its LF.
    DataEnd(bool),
    /// Part of the trailer section.
    Trailers,
    /// Part of a body that ends with the connection.
    UntilClose,
    /// Not HTTP/1 any more.
    Tunnel,
    /// Nobody looks at it.
    Blind,
    /// Refused, with so many before it.
    Refused(usize),
}

impl Stage {
    /// The stage at the beginning of a body; `None`: there is none.
    pub(super) fn of(framing: Framing) -> Option<Stage> {
        match framing {
            Framing::None | Framing::Length(0) => None,
            Framing::Length(length) => Some(Stage::Length(length)),
            Framing::Chunked => Some(Stage::Size(SizeLine::default())),
        }
    }

    /// Within a body of known framing.
    fn is_body(self) -> bool {
        matches!(
            self,
            Stage::Length(_) | Stage::Size(_) | Stage::Data(_) | Stage::DataEnd(_) | Stage::Trailers
        )
    }
}

/// One side.
#[derive(Debug, Default)]
pub(super) struct Side {
    pub(super) stage: Stage,
    /// An incomplete head or trailer section, or what waits.
    pub(super) gather: Gather,
    /// An empty line has come since the last message.
    pub(super) is_blank_seen: bool,
    /// It has sent its last byte.
    pub(super) is_ended: bool,
    /// Bytes of the message that has begun, from its head's end on; of a client between two, those of the last. Those of a
    /// tunnel belong to the message that has made it.
    pub(super) message: u64,
}

/// How far a body has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Progress {
    /// How many bytes were looked at.
    pub(super) used: usize,
    /// The body is complete; with `grpc-status` of its trailers.
    pub(super) end: Option<Option<u32>>,
}

impl Progress {
    fn more(used: usize) -> Progress {
        Progress { used, end: None }
    }
}

impl Side {
    /// How many of the bytes seen are part of something that is not complete, and so may still be refused.
    pub(super) fn unsettled(&self) -> usize {
        match self.stage {
            Stage::Head | Stage::Wait | Stage::Trailers => self.gather.len(),
            Stage::Size(line) => line.len(),
            Stage::DataEnd(has_cr) => usize::from(has_cr),
            Stage::Refused(count) => count,
            _ => 0,
        }
    }

    /// So many more bytes of the message.
    pub(super) fn add(&mut self, bytes: usize) {
        self.message = self.message.saturating_add(bytes as u64);
    }

    /// How many bytes of the message that has begun have passed.
    pub(super) fn passed(&self, is_strict: bool) -> u64 {
        let held = self.unsettled() as u64;
        match self.stage {
            Stage::Head if !is_strict => self.message.saturating_add(held),
            Stage::Size(_) | Stage::DataEnd(_) | Stage::Trailers if is_strict => {
                self.message.saturating_sub(held)
            }
            _ => self.message,
        }
    }

    /// Whether a message has begun and its head was good.
    pub(super) fn is_in_body(&self) -> bool {
        self.stage.is_body() || matches!(self.stage, Stage::UntilClose)
    }

    /// How many of the next bytes need not be seen.
    pub(super) fn skip(&self) -> u64 {
        match self.stage {
            Stage::Length(left) | Stage::Data(left) => left,
            Stage::UntilClose | Stage::Tunnel | Stage::Blind => u64::MAX,
            _ => 0,
        }
    }

    /// Moves through bytes that nobody saw. True: the body is complete.
    pub(super) fn skipped(&mut self, count: u64) -> Result<bool, Reason> {
        match self.stage {
            Stage::Length(left) if count < left => self.stage = Stage::Length(left.saturating_sub(count)),
            Stage::Data(left) if count < left => self.stage = Stage::Data(left.saturating_sub(count)),
            Stage::Length(left) if count == left => return Ok(true),
            Stage::Data(left) if count == left => self.stage = Stage::DataEnd(false),
            Stage::UntilClose | Stage::Tunnel | Stage::Blind => {}
            _ if count == 0 => {}
            _ => return Err(Reason::Skipped),
        }
        Ok(false)
    }

    /// Moves through the next bytes of a body, as far as one stage goes. There must be some.
    pub(super) fn body(&mut self, bytes: &[u8], is_strict: bool) -> Result<Progress, Reason> {
        match self.stage {
            Stage::Length(left) | Stage::Data(left) => {
                let used = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                let is_end = self.skipped(u64::try_from(used).unwrap_or(u64::MAX))?;
                Ok(Progress { used, end: is_end.then_some(None) })
            }
            Stage::Size(mut line) => {
                let (used, size) = line.feed(bytes, is_strict)?;
                self.stage = match size {
                    None => Stage::Size(line),
                    Some(0) => Stage::Trailers,
                    Some(size) => Stage::Data(size),
                };
                Ok(Progress::more(used))
            }
            Stage::DataEnd(has_cr) => {
                self.stage = match (has_cr, bytes.first()) {
                    (false, Some(b'\r')) => Stage::DataEnd(true),
                    (true, Some(b'\n')) => Stage::Size(SizeLine::default()),
                    _ => return Err(Reason::Chunk),
                };
                Ok(Progress::more(1))
            }
            Stage::Trailers => self.trailers(bytes, is_strict),
            _ => Ok(Progress::more(bytes.len())),
        }
    }

    fn trailers(&mut self, bytes: &[u8], is_strict: bool) -> Result<Progress, Reason> {
        if self.gather.is_empty() {
            if bytes.starts_with(b"\r\n") {
                return Ok(Progress { used: 2, end: Some(None) });
            }
            self.gather.begin(End::at_line_start(), b"");
        }
        let added = self.gather.add(bytes, MAX_HEAD);
        if added.is_complete {
            let status = trailers(&self.gather.take(), is_strict)?;
            return Ok(Progress { used: added.used, end: Some(status) });
        }
        if added.is_full { Err(Reason::Trailers) } else { Ok(Progress::more(added.used)) }
    }
}

/// Reads a whole trailer section. Folded lines are joined as those of a head are.
fn trailers(bytes: &[u8], is_strict: bool) -> Result<Option<u32>, Reason> {
    match trailers_plain(bytes, is_strict) {
        Err(Reason::Trailers) if !is_strict => {
            let mut scratch = Vec::new();
            unfold(bytes, 1, &mut scratch).map_err(|_| Reason::Trailers)?;
            trailers_plain(&scratch, false)
        }
        other => other,
    }
}

fn trailers_plain(bytes: &[u8], is_strict: bool) -> Result<Option<u32>, Reason> {
    let mut headers = [EMPTY_HEADER; MAX_TRAILERS];
    let Ok(Status::Complete((len, fields))) = httparse::parse_headers(bytes, &mut headers) else {
        return Err(Reason::Trailers);
    };
    if len != bytes.len() {
        return Err(Reason::Trailers);
    }
    if is_strict {
        strict::lines(bytes)?;
        strict::trailers(fields)?;
    }
    let status = fields.iter().rfind(|field| field.name.eq_ignore_ascii_case("grpc-status"));
    Ok(status.and_then(|field| number(field.value)))
}
