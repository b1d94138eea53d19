//! Walks a TLS ClientHello as it passes and keeps nothing of it but the server name and the ALPN list.
//!
//! It is certain to be TLS when these bytes have been seen: a record header (type 22, version 3.0 to 3.4, length at most
//! 2^14), and in its records a handshake header (type 1, length 41 to 131,396) and the hello's own version (3.0 to
//! 3.4): 11 bytes where the first record is not cut shorter. From there on nothing can make it "not TLS": a hello that
//! is broken inside ends the walk with what is known by then. RFC 8446, sections 4.1.2, 4.2 and 5.1;
//! RFC 6066, section 3; RFC 7301, section 3.1.

use super::detect::ClientHello;
use super::request_line::Found;

mod names;
use names::Alpn;

/// So many bytes of the client are walked; then it is TLS with what is known. A hello with two post-quantum key
/// shares has about 4 KiB.
const MAX_HELLO: usize = 64 * 1024;

/// RFC 8446, section 5.1: the longest record.
const MAX_RECORD: u16 = 1 << 14;

/// The shortest hello: version, random, an empty session id, one cipher suite, one compression method.
const MIN_LENGTH: u32 = 41;

/// The longest hello that OpenSSL reads (`CLIENT_HELLO_MAX_LENGTH`).
const MAX_LENGTH: u32 = 131_396;

/// RFC 6066, section 3.
const SERVER_NAME: u32 = 0;

/// RFC 7301, section 3.1.
const ALPN: u32 = 16;

/// The field being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Type,
    Length,
    Version,
    Random,
    SessionLength,
    Session,
    SuitesLength,
    Suites,
    MethodsLength,
    Methods,
    ExtensionsLength,
    ExtensionType,
    ExtensionLength,
    /// The body of an extension, or what is left of it: skipped.
    Extension,
    NamesLength,
    NameType,
    NameLength,
    Name,
    ProtocolsLength,
    ProtocolLength,
    Protocol,
}

/// What one field, or all the bytes given, led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Walk {
    On,
    NotTls,
    Over,
}

/// A ClientHello in passing. About 150 bytes, and at most 255 and 64 more for the names.
#[derive(Debug)]
pub(super) struct Walker {
    /// Bytes of the client seen, record headers included.
    seen: usize,
    /// Bytes of the record header seen; 0 while in a record.
    header: u8,
    /// The high byte of the record's length.
    record_high: u8,
    /// Bytes of this record still to come.
    record: u16,
    certain: bool,
    seen_names: bool,
    seen_alpn: bool,
    at: At,
    /// Bytes of this field still to come.
    field: u32,
    /// The number being read.
    number: u32,
    /// Bytes of the hello after this field.
    hello: u32,
    /// Bytes of this extension after this field.
    extension: u32,
    /// The type of this extension.
    kind: u32,
    name: Vec<u8>,
    sni: Option<String>,
    alpn: Alpn,
}

impl Walker {
    /// At the first byte of a connection.
    pub(super) fn new() -> Walker {
        Walker {
            seen: 0,
            header: 0,
            record_high: 0,
            record: 0,
            certain: false,
            seen_names: false,
            seen_alpn: false,
            at: At::Type,
            field: 1,
            number: 0,
            hello: 0,
            extension: 0,
            kind: 0,
            name: Vec::new(),
            sni: None,
            alpn: Alpn::default(),
        }
    }

    /// Whether it is TLS beyond doubt.
    pub(super) fn is_certain(&self) -> bool {
        self.certain
    }

    /// What is known by now; taken out.
    pub(super) fn hello(&mut self) -> ClientHello {
        ClientHello { sni: self.sni.take(), alpn: std::mem::take(&mut self.alpn).finish() }
    }

    /// The next bytes of the client. `Yes`: the hello is over.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Found {
        let room = MAX_HELLO.saturating_sub(self.seen);
        let bytes = bytes.get(..room).unwrap_or(bytes);
        self.seen = self.seen.saturating_add(bytes.len());
        match self.records(bytes) {
            Walk::On if self.seen < MAX_HELLO => Found::More,
            Walk::NotTls => Found::No,
            _ if self.certain => Found::Yes,
            _ => Found::No,
        }
    }

    /// Takes records apart; a record may begin and end anywhere, and may be empty.
    fn records(&mut self, mut bytes: &[u8]) -> Walk {
        loop {
            if self.record == 0 {
                let Some((&byte, rest)) = bytes.split_first() else { return Walk::On };
                bytes = rest;
                if !self.record_header(byte) {
                    return Walk::Over;
                }
                continue;
            }
            let (now, rest) = split(bytes, u32::from(self.record));
            if now.is_empty() {
                return Walk::On;
            }
            self.record = self.record.saturating_sub(u16::try_from(now.len()).unwrap_or(u16::MAX));
            bytes = rest;
            match self.body(now) {
                Walk::On => {}
                end => return end,
            }
        }
    }

    /// One byte of a record header. False: there is no such record.
    fn record_header(&mut self, byte: u8) -> bool {
        let place = self.header;
        self.header = place.saturating_add(1);
        match place {
            0 => byte == 22,
            1 => byte == 3,
            2 => byte <= 4,
            3 => {
                self.record_high = byte;
                u16::from(byte) <= MAX_RECORD >> 8
            }
            _ => {
                self.header = 0;
                self.record = u16::from_be_bytes([self.record_high, byte]);
                self.record <= MAX_RECORD
            }
        }
    }

    /// Takes the handshake message apart, field by field.
    fn body(&mut self, mut bytes: &[u8]) -> Walk {
        loop {
            let (now, rest) = split(bytes, self.field);
            bytes = rest;
            self.take(now);
            if self.field > 0 {
                return Walk::On;
            }
            match self.step() {
                Walk::On => {}
                end => return end,
            }
        }
    }

    /// Takes bytes of this field.
    fn take(&mut self, bytes: &[u8]) {
        self.field = self.field.saturating_sub(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
        match self.at {
            At::Random | At::Session | At::Suites | At::Methods | At::Extension => {}
            At::Name => self.name.extend_from_slice(bytes),
            At::Protocol => self.alpn.extend(bytes),
            _ => {
                for &byte in bytes {
                    self.number = self.number << 8 | u32::from(byte);
                }
            }
        }
    }

    /// A field is complete: on to the next.
    fn step(&mut self) -> Walk {
        let number = std::mem::take(&mut self.number);
        match self.at {
            At::Type if number == 1 => self.on(At::Length, 3),
            At::Length if (MIN_LENGTH..=MAX_LENGTH).contains(&number) => {
                self.hello = number;
                self.enter(At::Version, 2)
            }
            At::Version if (0x0300..=0x0304).contains(&number) => {
                self.certain = true;
                self.enter(At::Random, 32)
            }
            At::Type | At::Length | At::Version => Walk::NotTls,
            At::Random => self.enter(At::SessionLength, 1),
            At::SessionLength if number <= 32 => self.enter(At::Session, number),
            At::Session => self.enter(At::SuitesLength, 2),
            At::SuitesLength if number >= 2 && number.is_multiple_of(2) => self.enter(At::Suites, number),
            At::Suites => self.enter(At::MethodsLength, 1),
            At::MethodsLength if number >= 1 => self.enter(At::Methods, number),
            At::Methods => self.enter(At::ExtensionsLength, 2),
            At::ExtensionsLength if number == self.hello => self.enter(At::ExtensionType, 2),
            At::SessionLength | At::SuitesLength | At::MethodsLength | At::ExtensionsLength => Walk::Over,
            _ => self.step_in_extensions(number),
        }
    }

    /// The same, from the first extension on.
    fn step_in_extensions(&mut self, number: u32) -> Walk {
        match self.at {
            At::ExtensionType => {
                self.kind = number;
                self.enter(At::ExtensionLength, 2)
            }
            At::ExtensionLength => self.extension(number),
            At::NamesLength if number == self.extension => self.inside(At::NameType, 1),
            At::NameType if number == 0 => self.inside(At::NameLength, 2),
            At::NameLength if (1..=255).contains(&number) => {
                self.name.reserve_exact(number as usize);
                self.inside(At::Name, number)
            }
            At::Name => {
                self.sni = names::host(&std::mem::take(&mut self.name));
                self.skip()
            }
            At::ProtocolsLength if number == self.extension => self.next_protocol(),
            At::ProtocolLength if number >= 1 => self.inside(At::Protocol, number),
            At::Protocol => {
                self.alpn.commit();
                self.next_protocol()
            }
            At::Extension => self.enter(At::ExtensionType, 2),
            _ => self.skip(),
        }
    }

    /// At an extension of `length` bytes. The first of a type counts.
    fn extension(&mut self, length: u32) -> Walk {
        if length > self.hello {
            return Walk::Over;
        }
        self.hello = self.hello.saturating_sub(length);
        self.extension = length;
        match self.kind {
            SERVER_NAME if !self.seen_names => {
                self.seen_names = true;
                self.inside(At::NamesLength, 2)
            }
            ALPN if !self.seen_alpn => {
                self.seen_alpn = true;
                self.inside(At::ProtocolsLength, 2)
            }
            _ => self.skip(),
        }
    }

    fn next_protocol(&mut self) -> Walk {
        if self.extension == 0 { self.skip() } else { self.inside(At::ProtocolLength, 1) }
    }

    /// On to a field of this extension; one that reaches beyond it spoils the extension, not the hello.
    fn inside(&mut self, at: At, length: u32) -> Walk {
        if length > self.extension {
            return self.skip();
        }
        self.extension = self.extension.saturating_sub(length);
        self.on(at, length)
    }

    /// On to the end of this extension.
    fn skip(&mut self) -> Walk {
        let rest = std::mem::take(&mut self.extension);
        self.on(At::Extension, rest)
    }

    /// On to a field of the hello; one that reaches beyond it is the end of the walk, and so is the end of the hello.
    fn enter(&mut self, at: At, length: u32) -> Walk {
        if length > self.hello {
            return Walk::Over;
        }
        self.hello = self.hello.saturating_sub(length);
        self.on(at, length)
    }

    fn on(&mut self, at: At, length: u32) -> Walk {
        self.at = at;
        self.field = length;
        Walk::On
    }
}

/// The first `most` bytes, and the others.
fn split(bytes: &[u8], most: u32) -> (&[u8], &[u8]) {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    bytes.split_at_checked(most).unwrap_or((bytes, &[]))
}
