//! Reads what workers answer: HTTP/1 as our own admin server writes it. Bytes in, answers out.

/// The longest head.
const MOST_HEAD: usize = 4096;
/// The longest body. A worker that says more is not understood.
const MOST_BODY: usize = 64 << 20;
/// The longest line before a chunk.
const MOST_LINE: usize = 32;

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The status is 200.
    pub(super) is_ok: bool,
    pub(super) body: Vec<u8>,
}

/// It does not speak as our admin server does.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misunderstood;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    Head,
    /// So many bytes, and that is all.
    Body(usize),
    /// The line before a chunk.
    Line,
    /// So many bytes of a chunk, and the end of its line.
    Chunk(usize),
}

/// A cursor over the bytes of one connection.
#[derive(Debug)]
pub(super) struct Reader {
    input: Vec<u8>,
    /// What of `input` is understood.
    at: usize,
    expect: Expect,
    is_ok: bool,
    body: Vec<u8>,
}

impl Reader {
    pub(super) fn new() -> Reader {
        Reader { input: Vec::new(), at: 0, expect: Expect::Head, is_ok: false, body: Vec::new() }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.input.drain(..self.at);
        self.at = 0;
        self.input.extend_from_slice(bytes);
    }

    /// The next whole answer, if it is there.
    pub(super) fn next(&mut self) -> Result<Option<Answer>, Misunderstood> {
        loop {
            let rest = self.input.get(self.at..).unwrap_or_default();
            let wanted = match self.expect {
                Expect::Head => {
                    let Some((used, expect, is_ok)) = head(rest)? else { return Ok(None) };
                    (self.at, self.expect, self.is_ok) = (self.at + used, expect, is_ok);
                    continue;
                }
                Expect::Line => {
                    let Some((used, size)) = chunk_line(rest)? else { return Ok(None) };
                    (self.at, self.expect) = (self.at + used, Expect::Chunk(size));
                    continue;
                }
                Expect::Body(size) => size,
                Expect::Chunk(size) => size.saturating_add(2),
            };
            if self.body.len().saturating_add(wanted) > MOST_BODY {
                return Err(Misunderstood);
            }
            let Some(bytes) = rest.get(..wanted) else { return Ok(None) };
            self.at += wanted;
            match self.expect {
                Expect::Chunk(size) if size > 0 => {
                    self.body.extend_from_slice(bytes.get(..size).unwrap_or_default());
                    self.expect = Expect::Line;
                }
                Expect::Chunk(_) => return Ok(Some(self.whole())),
                _ => {
                    self.body.extend_from_slice(bytes);
                    return Ok(Some(self.whole()));
                }
            }
        }
    }

    fn whole(&mut self) -> Answer {
        self.expect = Expect::Head;
        Answer { is_ok: self.is_ok, body: std::mem::take(&mut self.body) }
    }
}

/// Its length, what follows, and whether its status is 200.
fn head(bytes: &[u8]) -> Result<Option<(usize, Expect, bool)>, Misunderstood> {
    let mut fields = [httparse::EMPTY_HEADER; 16];
    let mut response = httparse::Response::new(&mut fields);
    let used = match response.parse(bytes) {
        Ok(httparse::Status::Complete(used)) => used,
        Ok(httparse::Status::Partial) if bytes.len() < MOST_HEAD => return Ok(None),
        _ => return Err(Misunderstood),
    };
    let field = |name: &str| {
        let field = response.headers.iter().find(|field| field.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(field.value).ok()
    };
    let expect = match (field("transfer-encoding"), field("content-length").map(str::parse)) {
        (Some("chunked"), _) => Expect::Line,
        (None, Some(Ok(length))) => Expect::Body(length),
        _ => return Err(Misunderstood),
    };
    Ok(Some((used, expect, response.code == Some(200))))
}

/// The length of the line, and of the chunk after it.
fn chunk_line(bytes: &[u8]) -> Result<Option<(usize, usize)>, Misunderstood> {
    match httparse::parse_chunk_size(bytes) {
        Ok(httparse::Status::Complete((used, size))) => {
            Ok(Some((used, usize::try_from(size).map_err(|_| Misunderstood)?)))
        }
        Ok(httparse::Status::Partial) if bytes.len() < MOST_LINE => Ok(None),
        _ => Err(Misunderstood),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &[u8] =
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n\
        HTTP/1.1 503 Service Unavailable\r\nContent-Length: 2\r\n\r\nno";

    #[test]
    fn answers_come_out_at_every_split() {
        for split in 0..TWO.len() {
            let mut reader = Reader::new();
            let mut answers = Vec::new();
            for part in [&TWO[..split], &TWO[split..]] {
                reader.feed(part);
                while let Some(answer) = reader.next().unwrap() {
                    answers.push((answer.is_ok, answer.body));
                }
            }
            assert_eq!(answers, [(true, b"abcd".to_vec()), (false, b"no".to_vec())], "{split}");
        }
    }

    #[test]
    fn anything_else_is_not_understood() {
        for text in [
            "SSH-2.0-x\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 67108865\r\n\r\n",
        ] {
            let mut reader = Reader::new();
            reader.feed(text.as_bytes());
            assert_eq!(reader.next(), Err(Misunderstood), "{text}");
        }
    }
}
