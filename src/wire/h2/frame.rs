//! Frame heads, and the ways to lose the thread.

/// Why a connection cannot be followed any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// The client's preface is not HTTP/2's.
    Preface,
    /// A side does not begin with SETTINGS: most often a server that answers in HTTP/1.
    NoSettings,
    /// A frame's length does not fit its type.
    FrameSize,
    /// A frame on a stream where its type must not be, or that nobody opened.
    StreamNumber,
    /// A header block that is not continued, or a continuation of none.
    Continuation,
    /// Padding that is longer than the frame.
    Padding,
    /// A header block of more than [`super::bounds::BLOCK`] bytes.
    Block,
    /// A header block that decodes to more than [`super::bounds::LIST`] bytes.
    List,
    /// More than [`super::bounds::STREAMS`] exchanges at once.
    Streams,
    /// More than [`super::bounds::OFFERS`] table sizes wait for their acknowledgement.
    Unacknowledged,
    /// A table of more than [`super::bounds::TABLE`] bytes is used.
    Table,
    /// HPACK: a table of more bytes than the receiver allows.
    Size,
    /// HPACK: the receiver lowered its limit, and the sender did not follow.
    MissingSize,
    /// HPACK: a change of size behind the first field.
    LateSize,
    /// HPACK: an index that stands for no field.
    Index,
    /// HPACK: an integer of more than 32 bits.
    Integer,
    /// HPACK: a string that is no Huffman code.
    Huffman,
    /// HPACK: a block that ends inside a field.
    Truncated,
    /// The caller skipped more than it was told to.
    Skipped,
}

impl Lost {
    /// The value of the `reason` label.
    pub fn as_str(self) -> &'static str {
        match self {
            Lost::Preface => "no http/2 preface",
            Lost::NoSettings => "no settings first",
            Lost::FrameSize => "frame size",
            Lost::StreamNumber => "stream number",
            Lost::Continuation => "continuation",
            Lost::Padding => "padding",
            Lost::Block => "header block too large",
            Lost::List => "header list too large",
            Lost::Streams => "too many streams",
            Lost::Unacknowledged => "settings not acknowledged",
            Lost::Table => "header table too large",
            Lost::Size | Lost::MissingSize | Lost::LateSize => "hpack table size",
            Lost::Index => "hpack index",
            Lost::Integer => "hpack integer",
            Lost::Huffman => "hpack huffman",
            Lost::Truncated => "hpack truncated",
            Lost::Skipped => "skipped too far",
        }
    }
}

/// What a client sends first.
pub(super) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes of a frame's head.
pub(super) const HEAD: usize = 9;

pub(super) const END_STREAM: u8 = 0x1;
pub(super) const ACK: u8 = 0x1;
pub(super) const END_HEADERS: u8 = 0x4;
pub(super) const PADDED: u8 = 0x8;
pub(super) const PRIORITY: u8 = 0x20;

/// The setting that matters to header blocks.
pub(super) const HEADER_TABLE_SIZE: u16 = 1;
/// The setting that matters to an answer of ours.
pub(super) const INITIAL_WINDOW_SIZE: u16 = 4;
/// What it is before it is set (RFC 9113, section 6.5.2).
pub(super) const DEFAULT_WINDOW: u32 = 65_535;

/// A frame's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Data,
    Headers,
    Reset,
    Settings,
    PushPromise,
    Goaway,
    Continuation,
    /// Of no interest: PRIORITY, PING, WINDOW_UPDATE, and whatever extensions bring.
    Other,
}

/// A frame's head.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) kind: Kind,
    pub(super) flags: u8,
    pub(super) stream: u32,
    pub(super) length: u32,
}

impl Head {
    /// Reads a head, and checks what the head alone can show.
    pub(super) fn parse(raw: [u8; HEAD]) -> Result<Head, Lost> {
        let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = raw;
        let length = u32::from_be_bytes([0, l0, l1, l2]);
        let stream = u32::from_be_bytes([s0 & 0x7f, s1, s2, s3]);
        let (kind, has_stream, is_length) = match kind {
            0 => (Kind::Data, true, true),
            1 => (Kind::Headers, true, true),
            2 => (Kind::Other, true, true),
            3 => (Kind::Reset, true, length == 4),
            4 => {
                (Kind::Settings, false, if flags & ACK == 0 { length.is_multiple_of(6) } else { length == 0 })
            }
            5 => (Kind::PushPromise, true, true),
            6 => (Kind::Other, false, length == 8),
            7 => (Kind::Goaway, false, length >= 8),
            8 => (Kind::Other, stream != 0, length == 4),
            9 => (Kind::Continuation, true, true),
            _ => (Kind::Other, stream != 0, true),
        };
        if !is_length {
            return Err(Lost::FrameSize);
        }
        if has_stream != (stream != 0) {
            return Err(Lost::StreamNumber);
        }
        Ok(Head { kind, flags, stream, length })
    }

    /// How many bytes the frame has, this head included.
    pub(super) fn bytes(&self) -> u64 {
        HEAD as u64 + u64::from(self.length)
    }

    pub(super) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}
