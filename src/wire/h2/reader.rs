//! One direction's bytes, cut into frames: what a frame means for the whole is the observer's matter.

use super::bounds;
use super::frame::*;
use super::scratch::Scratch;

/// What a frame, or a part of one, says.
pub(super) enum Item<'a> {
    /// A header table size in a SETTINGS frame.
    TableSize(u32),
    /// The end of a SETTINGS frame.
    Settings,
    /// An acknowledgement of SETTINGS.
    Acknowledged,
    /// A complete header block.
    Block(Opened, Block<'a>),
    /// The end of a DATA frame.
    Data {
        /// Its stream.
        stream: u32,
        /// It is the stream's last.
        is_end: bool,
        /// Bytes of the frame, its head included.
        bytes: u64,
    },
    /// RST_STREAM.
    Reset {
        /// Its stream.
        stream: u32,
        /// Its error code.
        code: u32,
    },
    /// GOAWAY.
    Goaway {
        /// The last stream that was or may be processed.
        last: u32,
        /// Its error code.
        code: u32,
    },
}

/// A header block's bytes: where they came, or gathered from several reads or frames.
pub(super) enum Block<'a> {
    Here(&'a [u8]),
    Gathered(Vec<u8>),
}

/// The frame that began a header block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opened {
    pub(super) stream: u32,
    /// HEADERS with END_STREAM.
    pub(super) is_end: bool,
    /// PUSH_PROMISE.
    pub(super) is_promise: bool,
    /// Bytes of its frame and of those that continue it, as far as they have begun.
    pub(super) bytes: u64,
}

/// What the next bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Preface,
    Head,
    Settings,
    Reset,
    Goaway,
    /// What stands before a header block's fragment: pad length, priority, promised stream.
    Prelude,
    Fragment,
    /// Nothing to look at: `left` bytes.
    Skip,
}

/// Where one direction stands.
#[derive(Debug)]
pub(super) struct Reader {
    step: Step,
    /// A SETTINGS frame has come.
    has_begun: bool,
    /// The last SETTINGS_INITIAL_WINDOW_SIZE.
    window: u32,
    /// A small piece that came incomplete.
    piece: [u8; HEAD],
    have: u8,
    padding: u8,
    head: Head,
    /// What is left of the payload.
    left: u32,
    /// A header block has begun, and not ended.
    opened: Option<Opened>,
    block: Vec<u8>,
}

impl Reader {
    pub(super) fn new(has_preface: bool) -> Reader {
        let head = Head { kind: Kind::Other, flags: 0, stream: 0, length: 0 };
        let step = if has_preface { Step::Preface } else { Step::Head };
        Reader {
            step,
            has_begun: false,
            window: DEFAULT_WINDOW,
            piece: [0; HEAD],
            have: 0,
            padding: 0,
            head,
            left: 0,
            opened: None,
            block: Vec::new(),
        }
    }

    /// Between two frames, after the first SETTINGS, and not inside a header block.
    pub(super) fn is_at_boundary(&self) -> bool {
        self.step == Step::Head && self.have == 0 && self.opened.is_none() && self.has_begun
    }

    /// A SETTINGS frame has come, or has begun to.
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// The last SETTINGS_INITIAL_WINDOW_SIZE.
    pub(super) fn window(&self) -> u32 {
        self.window
    }

    /// How many of the next bytes need not be seen.
    pub(super) fn skip(&self) -> u32 {
        if self.step == Step::Skip { self.left } else { 0 }
    }

    /// So many bytes passed unseen. What they ended comes with the next item.
    pub(super) fn skipped(&mut self, count: u64) -> Result<(), Lost> {
        if count > u64::from(self.skip()) {
            return Err(Lost::Skipped);
        }
        self.left -= count as u32;
        Ok(())
    }

    /// Bytes that have passed of a DATA frame or header block of `stream` that is not complete.
    pub(super) fn passed(&self, stream: u32) -> u64 {
        let left = u64::from(self.left);
        match self.opened {
            Some(opened) if opened.stream == stream && !opened.is_promise => {
                let piece = if self.step == Step::Prelude { self.have } else { 0 };
                opened.bytes.saturating_sub(left).saturating_add(piece.into())
            }
            None if self.step == Step::Skip && self.head.kind == Kind::Data && self.head.stream == stream => {
                self.head.bytes().saturating_sub(left)
            }
            _ => 0,
        }
    }

    /// Bytes of memory owned.
    pub(super) fn owned(&self) -> usize {
        self.block.capacity()
    }

    /// Takes bytes up to the next item; none when all are taken and none is complete.
    pub(super) fn next<'a>(
        &mut self,
        bytes: &mut &'a [u8],
        scratch: &mut Scratch,
    ) -> Result<Option<Item<'a>>, Lost> {
        loop {
            let item = match self.step {
                Step::Skip => {
                    let taken = take(bytes, self.left as usize).len();
                    self.left -= taken as u32;
                    if self.left > 0 {
                        return Ok(None);
                    }
                    self.step = Step::Head;
                    let Head { kind, stream, .. } = self.head;
                    let (is_end, bytes) = (self.head.has(END_STREAM), self.head.bytes());
                    (kind == Kind::Data).then_some(Item::Data { stream, is_end, bytes })
                }
                Step::Fragment => {
                    let length = self.left as usize - usize::from(self.padding);
                    let part = take(bytes, length);
                    self.left -= part.len() as u32;
                    let Some(item) = self.fragment(part, part.len() == length, scratch)? else {
                        return Ok(None);
                    };
                    item
                }
                Step::Settings if self.left == 0 => {
                    self.step = Step::Head;
                    Some(Item::Settings)
                }
                step => {
                    let Some(piece) = self.gather(bytes, self.wanted(step)) else {
                        return Ok(None);
                    };
                    self.piece(step, piece)?
                }
            };
            if item.is_some() {
                return Ok(item);
            }
        }
    }

    /// How long the piece is that a step needs whole.
    fn wanted(&self, step: Step) -> usize {
        match step {
            Step::Head => HEAD,
            Step::Settings => 6,
            Step::Reset => 4,
            Step::Goaway => 8,
            // A preface is compared byte by byte.
            Step::Preface => 1,
            Step::Prelude => {
                let pad = if self.head.has(PADDED) { 1 } else { 0 };
                let promised = if self.head.kind == Kind::PushPromise { 4 } else { 0 };
                let is_weighed = self.head.kind == Kind::Headers && self.head.has(PRIORITY);
                pad + promised + if is_weighed { 5 } else { 0 }
            }
            Step::Fragment | Step::Skip => 0,
        }
    }

    /// The next `wanted` bytes, at most a frame head's, once they are there. Behind them are zeros.
    fn gather(&mut self, bytes: &mut &[u8], wanted: usize) -> Option<[u8; HEAD]> {
        let have = usize::from(self.have);
        let part = take(bytes, wanted.saturating_sub(have));
        let piece = self.piece.get_mut(have..have + part.len())?;
        piece.copy_from_slice(part);
        self.have += part.len() as u8;
        if usize::from(self.have) < wanted {
            return None;
        }
        self.have = 0;
        Some(std::mem::take(&mut self.piece))
    }

    /// A piece is complete.
    fn piece<'a>(&mut self, step: Step, piece: [u8; HEAD]) -> Result<Option<Item<'a>>, Lost> {
        let [a, b, c, d, e, f, g, h, _] = piece;
        match step {
            Step::Preface => self.preface(a)?,
            Step::Head => return self.begin(Head::parse(piece)?),
            Step::Settings => {
                self.left -= 6;
                let value = u32::from_be_bytes([c, d, e, f]);
                match u16::from_be_bytes([a, b]) {
                    HEADER_TABLE_SIZE => return Ok(Some(Item::TableSize(value))),
                    INITIAL_WINDOW_SIZE => self.window = value,
                    _ => {}
                }
            }
            Step::Reset => {
                self.step = Step::Head;
                let code = u32::from_be_bytes([a, b, c, d]);
                return Ok(Some(Item::Reset { stream: self.head.stream, code }));
            }
            Step::Goaway => {
                self.left -= 8;
                self.step = Step::Skip;
                let last = u32::from_be_bytes([a & 0x7f, b, c, d]);
                return Ok(Some(Item::Goaway { last, code: u32::from_be_bytes([e, f, g, h]) }));
            }
            Step::Prelude => {
                self.left -= self.wanted(Step::Prelude) as u32;
                self.padding = if self.head.has(PADDED) { a } else { 0 };
                if u32::from(self.padding) > self.left {
                    return Err(Lost::Padding);
                }
                self.step = Step::Fragment;
            }
            Step::Fragment | Step::Skip => {}
        }
        Ok(None)
    }

    /// One byte of the preface; `left` counts them.
    fn preface(&mut self, byte: u8) -> Result<(), Lost> {
        if PREFACE.get(self.left as usize) != Some(&byte) {
            return Err(Lost::Preface);
        }
        self.left += 1;
        if self.left as usize == PREFACE.len() {
            self.left = 0;
            self.step = Step::Head;
        }
        Ok(())
    }

    /// A frame begins.
    fn begin<'a>(&mut self, head: Head) -> Result<Option<Item<'a>>, Lost> {
        let is_acknowledgement = head.kind == Kind::Settings && head.has(ACK);
        if !self.has_begun && (head.kind != Kind::Settings || is_acknowledgement) {
            return Err(Lost::NoSettings);
        }
        self.has_begun = true;
        let is_continued = self.opened.is_some_and(|opened| opened.stream == head.stream);
        if (head.kind == Kind::Continuation) != self.opened.is_some()
            || (self.opened.is_some() && !is_continued)
        {
            return Err(Lost::Continuation);
        }
        (self.head, self.left) = (head, head.length);
        if is_acknowledgement {
            return Ok(Some(Item::Acknowledged));
        }
        self.step = match head.kind {
            Kind::Settings => Step::Settings,
            Kind::Reset => Step::Reset,
            Kind::Goaway => Step::Goaway,
            Kind::Headers | Kind::PushPromise => self.open()?,
            Kind::Continuation => self.resume()?,
            Kind::Data | Kind::Other => Step::Skip,
        };
        Ok(None)
    }

    /// A header block begins.
    fn open(&mut self) -> Result<Step, Lost> {
        let Head { kind, stream, length, .. } = self.head;
        if (length as usize) < self.wanted(Step::Prelude) {
            return Err(Lost::FrameSize);
        }
        if length as usize > bounds::BLOCK + u8::MAX as usize + HEAD {
            return Err(Lost::Block);
        }
        let is_promise = kind == Kind::PushPromise;
        let is_end = !is_promise && self.head.has(END_STREAM);
        self.opened = Some(Opened { stream, is_promise, is_end, bytes: self.head.bytes() });
        self.padding = 0;
        Ok(if self.wanted(Step::Prelude) > 0 { Step::Prelude } else { Step::Fragment })
    }

    /// A header block goes on.
    fn resume(&mut self) -> Result<Step, Lost> {
        if self.head.length as usize > bounds::BLOCK {
            return Err(Lost::Block);
        }
        if let Some(opened) = &mut self.opened {
            opened.bytes = opened.bytes.saturating_add(self.head.bytes());
        }
        self.padding = 0;
        Ok(Step::Fragment)
    }

    /// More of a header block; none when more bytes are needed, and an item when it is complete.
    #[expect(clippy::option_option, reason = "the loop goes on, stops, or has an item")]
    fn fragment<'a>(
        &mut self,
        part: &'a [u8],
        is_last: bool,
        scratch: &mut Scratch,
    ) -> Result<Option<Option<Item<'a>>>, Lost> {
        let is_whole = is_last && self.head.has(END_HEADERS);
        if self.block.len() + part.len() > bounds::BLOCK {
            return Err(Lost::Block);
        }
        let is_gathered = !is_whole || !self.block.is_empty();
        if is_gathered && !part.is_empty() {
            if self.block.capacity() == 0 {
                self.block = scratch.take();
            }
            self.block.extend_from_slice(part);
        }
        if !is_last {
            return Ok(None);
        }
        self.step = if self.left > 0 { Step::Skip } else { Step::Head };
        if !is_whole {
            return Ok(Some(None));
        }
        let gathered = std::mem::take(&mut self.block);
        let block = if gathered.is_empty() { Block::Here(part) } else { Block::Gathered(gathered) };
        Ok(Some(self.opened.take().map(|opened| Item::Block(opened, block))))
    }
}

/// Takes up to `most` bytes.
fn take<'a>(bytes: &mut &'a [u8], most: usize) -> &'a [u8] {
    let (taken, rest) = bytes.split_at_checked(most).unwrap_or((bytes, &[]));
    *bytes = rest;
    taken
}
