//! A client's first lines, as strict observation reads them: what a lenient server may take for a request must not pass
//! because it is none by the rules. A control byte, a blank too many or a line of junk is enough for that.

use crate::wire::request_line::is_token;

/// The most bytes that are looked at. No request line that is followed is longer; a longer one that is held is refused.
pub(super) const MAX_LINES: usize = 64 * 1024;

/// The methods that RFC 9110 and RFC 5789 know. Others would make requests of Redis' and memcached's commands.
const METHODS: [&[u8]; 9] =
    [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH"];

/// What is to be done with the bytes shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// They may begin a request line, and wait for its end.
    Hold,
    /// Nothing is against them. These were held back before and are to be shown first, the last ones with them; `None`:
    /// none were.
    Pass(Option<Vec<u8>>),
    /// The same, but this has to turn out as HTTP: the first line names it.
    Http(Vec<u8>),
    /// A lenient server may take them for a request that the rules do not know.
    Refuse,
}

/// How the first line begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    /// With a word of token characters, a letter first, and a blank, or as if it were to be that. It is held.
    #[default]
    Request,
    /// With something else. It passes as it comes, and is watched up to its end.
    Other,
    /// It is over.
    Later,
    /// Nobody looks any more.
    Done,
}

/// How far a first line that is held has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Part {
    /// Blanks and empty lines.
    #[default]
    Before,
    Word,
    /// Behind a method of [`METHODS`]: whatever comes, some take it for a request.
    Target,
    /// Behind another word. A control byte shows that it is no request by the rules.
    Text,
}

/// The client's lines in passing.
#[derive(Debug, Default)]
pub(super) struct Lines {
    stage: Stage,
    part: Part,
    /// The line that is not whole; all there is, while it is held.
    line: Vec<u8>,
    /// How many of its bytes need not be searched again.
    searched: usize,
    taken: usize,
}

impl Lines {
    /// For what comes behind a first line that was HTTP's.
    pub(super) fn behind_first() -> Lines {
        Lines { stage: Stage::Later, ..Lines::default() }
    }

    /// How many bytes are held.
    pub(super) fn held(&self) -> usize {
        if self.stage == Stage::Request { self.line.len() } else { 0 }
    }

    /// Whether the rest need not be shown.
    pub(super) fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// The next bytes of the client, in order, each once.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Step {
        match self.stage {
            Stage::Request => self.request(bytes),
            Stage::Other | Stage::Later => {
                if self.watch(bytes) {
                    Step::Pass(None)
                } else {
                    Step::Refuse
                }
            }
            Stage::Done => Step::Pass(None),
        }
    }

    /// The client has sent its last byte, or time is up: the line ends here to some. What was held, if it may pass.
    pub(super) fn end(&mut self) -> Result<Vec<u8>, ()> {
        let is_request = match self.stage {
            Stage::Request | Stage::Other => is_first(&self.line),
            Stage::Later => is_later(&self.line),
            Stage::Done => false,
        };
        let held = if self.held() > 0 { std::mem::take(&mut self.line) } else { Vec::new() };
        if is_request { Err(()) } else { Ok(held) }
    }

    /// The server has spoken before the first line could be one of a request: what was held.
    pub(super) fn release(&mut self) -> Vec<u8> {
        let held = if self.held() > 0 { std::mem::take(&mut self.line) } else { Vec::new() };
        *self = Lines { stage: Stage::Done, ..Lines::default() };
        held
    }

    fn request(&mut self, bytes: &[u8]) -> Step {
        self.line.extend_from_slice(bytes);
        for (at, &byte) in bytes.iter().enumerate() {
            let behind = bytes.len().saturating_sub(at);
            self.part = match (self.part, byte) {
                (Part::Before, b'\r' | b'\n' | b' ' | b'\t') => Part::Before,
                (Part::Word | Part::Target | Part::Text, b'\n') => return self.first_whole(behind),
                (Part::Before, b'A'..=b'Z' | b'a'..=b'z') => Part::Word,
                (Part::Word, _) if is_token(byte) => Part::Word,
                (Part::Word, b' ' | b'\t' | b'\r' | b'/') => self.behind_word(behind),
                (Part::Target, _) => Part::Target,
                (Part::Text, _) if !byte.is_ascii_control() || matches!(byte, b'\t' | b'\r') => Part::Text,
                _ => return self.let_pass(),
            };
        }
        if self.line.len() > MAX_LINES { Step::Refuse } else { Step::Hold }
    }

    /// The first word is whole; what is behind are `behind` bytes.
    fn behind_word(&self, behind: usize) -> Part {
        let word = self.line.get(..self.line.len().saturating_sub(behind)).unwrap_or_default();
        if METHODS.contains(&word.trim_ascii_start()) { Part::Target } else { Part::Text }
    }

    /// The first line is whole; its LF and what is behind are `behind` bytes.
    fn first_whole(&mut self, behind: usize) -> Step {
        let line = self.line.get(..self.line.len().saturating_sub(behind)).unwrap_or_default();
        if !names_http(line) {
            return self.let_pass();
        }
        self.stage = Stage::Done;
        Step::Http(std::mem::take(&mut self.line))
    }

    /// What was held is watched from now on.
    fn let_pass(&mut self) -> Step {
        let held = std::mem::take(&mut self.line);
        let begin = held.iter().position(|byte| !matches!(byte, b'\r' | b'\n' | b' ' | b'\t'));
        self.stage = Stage::Other;
        let is_good = self.watch(held.get(begin.unwrap_or(0)..).unwrap_or_default());
        if is_good { Step::Pass(Some(held)) } else { Step::Refuse }
    }

    /// Looks for a request among bytes that pass. False: there is one.
    fn watch(&mut self, bytes: &[u8]) -> bool {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            self.taken = self.taken.saturating_add(piece.len());
            self.line.extend_from_slice(piece);
            if !self.watch_line(piece.ends_with(b"\n")) {
                return false;
            }
        }
        if self.taken > MAX_LINES {
            *self = Lines { stage: Stage::Done, ..Lines::default() };
        }
        true
    }

    fn watch_line(&mut self, is_whole: bool) -> bool {
        if self.stage == Stage::Other {
            // Before its end: who knows how the server finds that.
            let new = self.line.get(self.searched.saturating_sub(VERSION)..).unwrap_or_default();
            if names_http(new) {
                return false;
            }
            self.searched = self.line.len();
        }
        if !is_whole {
            return true;
        }
        let is_request = if self.stage == Stage::Other { is_first(&self.line) } else { is_later(&self.line) };
        (self.stage, self.searched) = (Stage::Later, 0);
        self.line.clear();
        !is_request
    }
}

/// What some server takes for a blank: C's `isspace`, and Unicode's in Latin-1.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | 0x1c..=0x20 | 0x85 | 0xa0)
}

/// The length of a blank and `HTTP/`.
const VERSION: usize = 6;

/// Whether a version stands where a request line may have one: behind a blank. FastCGI's and AJP's parameters do not.
fn names_http(line: &[u8]) -> bool {
    line.windows(VERSION).any(|part| {
        part.split_first()
            .is_some_and(|(&blank, name)| is_blank(blank) && name.eq_ignore_ascii_case(b"HTTP/"))
    })
}

/// Whether a first line is a request to a lenient server: one of HTTP/0.9, of an odd version, or with other bytes for blanks.
/// What is no token may stand before it.
fn is_first(line: &[u8]) -> bool {
    if names_http(line) {
        return true;
    }
    let begin = line.iter().position(|&byte| is_token(byte)).unwrap_or(line.len());
    let text = line.get(begin..).unwrap_or_default();
    let word = text.iter().take_while(|&&byte| is_token(byte)).count();
    let (method, rest) = text.split_at_checked(word).unwrap_or_default();
    if !METHODS.contains(&method) {
        return false;
    }
    let blanks = rest.iter().take_while(|&&byte| is_blank(byte) || byte.is_ascii_control()).count();
    let target = rest.get(blanks..).unwrap_or_default();
    let begins = |with: &[u8]| target.get(..with.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(with));
    let is_target = blanks > 0 && (begins(b"/") || begins(b"http:") || begins(b"https:"));
    is_target || rest.windows(5).any(|part| part.eq_ignore_ascii_case(b"HTTP/"))
}

/// Whether a line behind the first is a request to a server that reads over junk: three words or more, the last a version.
fn is_later(line: &[u8]) -> bool {
    let mut words = line.split(|&byte| is_blank(byte)).filter(|word| !word.is_empty());
    let Some(last) = words.next_back() else { return false };
    let is_version = last.get(..5).is_some_and(|name| name.eq_ignore_ascii_case(b"HTTP/"));
    is_version && words.count() >= 2
}

#[cfg(test)]
mod tests;
