//! DNS messages (RFC 1035, 2308, 6891): a question out, a reply in. Bytes and nothing else.
//!
//! By hand and not by a library: a library builds every record of every section before we see one (65,535 may be
//! announced in twelve bytes), and refuses a whole reply for one odd record that we do not want anyway. This
//! reads five record types, and allocates only for names that are there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::name::Name;

/// Aliases followed for one address; more is a loop or a prank. BIND's and unbound's limits are of that size.
pub(super) const MOST_ALIASES: usize = 8;
/// Addresses kept of one reply: further ones are left out. A connection never tries so many.
pub(super) const MOST_ADDRESSES: usize = 16;
/// Answer records looked at: further ones are left out.
const MOST_RECORDS: usize = 256;
/// What we offer to take over UDP (EDNS0); the DNS flag day's figure, that no path fragments.
const OFFERED: u16 = 1232;

const IN: u16 = 1;
const CNAME: u16 = 5;
const SOA: u16 = 6;
const OPT: u16 = 41;

/// Which kind of address is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    V6,
    V4,
}

impl Family {
    pub(super) const BOTH: [Family; 2] = [Family::V6, Family::V4];

    pub(super) fn has(self, address: &IpAddr) -> bool {
        address.is_ipv6() == (self == Family::V6)
    }

    fn record_type(self) -> u16 {
        match self {
            Family::V6 => 28,
            Family::V4 => 1,
        }
    }
}

/// The bytes of the question "what addresses has `name`?".
pub(super) fn question(id: u16, name: &Name, family: Family, edns: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    for word in [id, 0x0100 /* recursion desired */, 1, 0, 0, u16::from(edns)] {
        out.extend(word.to_be_bytes());
    }
    out.extend(name.as_bytes());
    out.extend(family.record_type().to_be_bytes());
    out.extend(IN.to_be_bytes());
    if edns {
        // The root's name, OPT, our size, no flags, no options.
        out.push(0);
        out.extend(OPT.to_be_bytes());
        out.extend(OFFERED.to_be_bytes());
        out.extend([0; 6]);
    }
    out
}

/// What a reply says to our question. Times to live are in seconds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// Not the answer to this question: another id, another question, no reply at all.
    NotOurs,
    /// Ours, and cut: ask over TCP.
    Truncated,
    /// Ours, and unusable: it breaks the format, or is a referral.
    Broken,
    /// Ours, and the server cannot or will not: SERVFAIL, REFUSED, ...
    Refused(Refusal),
    /// No such name.
    NoSuchName { ttl: Option<u32> },
    /// The name has no address of this family.
    NoData { ttl: Option<u32> },
    /// Here they are.
    Addresses { addresses: Vec<IpAddr>, ttl: u32 },
    /// The name is an alias `hops` times over, and the last one's address is not in here.
    Alias { to: Name, hops: usize, ttl: u32 },
    /// More than [`MOST_ALIASES`].
    TooManyAliases,
}

/// Why a server refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// FORMERR or NOTIMP: it may be our EDNS0 that it does not know.
    Misunderstood,
    /// SERVFAIL, REFUSED and the rest.
    Unwilling,
}

/// Reads `bytes` as the reply to [`question`]. Over TCP nothing is cut, whatever the reply says.
pub(super) fn read(bytes: &[u8], id: u16, name: &Name, family: Family, tcp: bool) -> Reply {
    let mut reader = Reader { bytes, at: 0 };
    let Some(header) = Header::read(&mut reader) else { return Reply::NotOurs };
    if header.id != id || !header.is_reply_to_query() {
        return Reply::NotOurs;
    }
    match header.questions {
        1 => match reader.question() {
            Some((asked, kind, IN)) if asked == *name && kind == family.record_type() => {}
            _ => return Reply::NotOurs,
        },
        // Some servers refuse without repeating the question.
        0 if header.refusal().is_some() => {}
        _ => return Reply::NotOurs,
    }
    if let Some(refusal) = header.refusal() {
        return Reply::Refused(refusal);
    }
    if header.truncated() && !tcp {
        return Reply::Truncated;
    }
    answer(&mut reader, &header, name, family).unwrap_or(Reply::Broken)
}

fn answer(reader: &mut Reader<'_>, header: &Header, name: &Name, family: Family) -> Option<Reply> {
    let (mut aliases, mut found) = (Vec::new(), Vec::new());
    for index in 0..usize::from(header.answers) {
        let record = reader.record()?;
        if record.class != IN || index >= MOST_RECORDS {
            continue;
        }
        if record.kind == CNAME {
            let to = reader.name_within(&record)?;
            aliases.push((record.owner, to, record.ttl));
        } else if record.kind == family.record_type() {
            let address = address(record.data).filter(|address| family.has(address))?;
            found.push((record.owner, address, record.ttl));
        }
    }
    let (mut at, mut hops, mut ttl) = (name, 0, u32::MAX);
    while let Some((_, to, lifetime)) = aliases.iter().find(|(owner, ..)| owner == at) {
        (at, hops, ttl) = (to, hops + 1, ttl.min(*lifetime));
        if hops > MOST_ALIASES {
            return Some(Reply::TooManyAliases);
        }
    }
    let mut addresses = Vec::new();
    for (_, address, lifetime) in found.iter().filter(|(owner, ..)| owner == at) {
        if addresses.len() < MOST_ADDRESSES && !addresses.contains(address) {
            addresses.push(*address);
            ttl = ttl.min(*lifetime);
        }
    }
    if !addresses.is_empty() {
        return Some(Reply::Addresses { addresses, ttl });
    }
    let negative = negative_ttl(reader, header);
    Some(if header.code() == Header::NO_SUCH_NAME {
        Reply::NoSuchName { ttl: negative }
    } else if hops > 0 && negative.is_none() {
        Reply::Alias { to: at.clone(), hops, ttl }
    } else if negative.is_none() && !header.authoritative_or_recursive() {
        // Neither data, nor a denial, nor a server that would go and ask: a referral. Another server may know.
        Reply::Broken
    } else {
        Reply::NoData { ttl: negative }
    })
}

/// How long a denial holds, by the SOA record of the authority section (RFC 2308, 5).
fn negative_ttl(reader: &mut Reader<'_>, header: &Header) -> Option<u32> {
    for _ in 0..usize::from(header.authorities).min(MOST_RECORDS) {
        let record = reader.record()?;
        if record.kind == SOA && record.class == IN {
            let minimum = record.data.last_chunk().map(|bytes| u32::from_be_bytes(*bytes))?;
            return Some(record.ttl.min(minimum));
        }
    }
    None
}

fn address(data: &[u8]) -> Option<IpAddr> {
    match data.len() {
        4 => <[u8; 4]>::try_from(data).ok().map(|octets| Ipv4Addr::from(octets).into()),
        16 => <[u8; 16]>::try_from(data).ok().map(|octets| Ipv6Addr::from(octets).into()),
        _ => None,
    }
}

struct Header {
    id: u16,
    flags: u16,
    questions: u16,
    answers: u16,
    authorities: u16,
}

impl Header {
    const NO_SUCH_NAME: u16 = 3;

    fn read(reader: &mut Reader<'_>) -> Option<Header> {
        let header = Header {
            id: reader.word()?,
            flags: reader.word()?,
            questions: reader.word()?,
            answers: reader.word()?,
            authorities: reader.word()?,
        };
        reader.word()?;
        Some(header)
    }

    /// QR is set and the opcode is QUERY.
    fn is_reply_to_query(&self) -> bool {
        self.flags & 0xf800 == 0x8000
    }

    fn truncated(&self) -> bool {
        self.flags & 0x0200 != 0
    }

    fn authoritative_or_recursive(&self) -> bool {
        self.flags & 0x0480 != 0
    }

    fn code(&self) -> u16 {
        self.flags & 0x000f
    }

    fn refusal(&self) -> Option<Refusal> {
        match self.code() {
            0 | Header::NO_SUCH_NAME => None,
            1 | 4 => Some(Refusal::Misunderstood),
            _ => Some(Refusal::Unwilling),
        }
    }
}

struct Record<'a> {
    owner: Name,
    kind: u16,
    class: u16,
    ttl: u32,
    /// Where `data` stands in the message: names in it may point backwards.
    data_at: usize,
    data: &'a [u8],
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn word(&mut self) -> Option<u16> {
        self.take(2)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
    }

    fn name(&mut self) -> Option<Name> {
        let (name, next) = Name::read(self.bytes, self.at)?;
        self.at = next;
        Some(name)
    }

    fn question(&mut self) -> Option<(Name, u16, u16)> {
        Some((self.name()?, self.word()?, self.word()?))
    }

    fn record(&mut self) -> Option<Record<'a>> {
        let (owner, kind, class) = self.question()?;
        let ttl = self.take(4)?.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))?;
        // RFC 2181, 8: with the highest bit set it is to be read as 0.
        let ttl = if ttl > i32::MAX as u32 { 0 } else { ttl };
        let length = usize::from(self.word()?);
        let data_at = self.at;
        Some(Record { owner, kind, class, ttl, data_at, data: self.take(length)? })
    }

    /// The name that is the whole data of `record`.
    fn name_within(&self, record: &Record<'_>) -> Option<Name> {
        let (name, next) = Name::read(self.bytes, record.data_at)?;
        (next.checked_sub(record.data_at)? == record.data.len()).then_some(name)
    }
}

#[cfg(test)]
mod tests;
