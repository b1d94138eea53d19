//! Tables of replies, written by another implementation; and mutated ones.

use simple_dns::rdata::{A, AAAA, CNAME, RData, SOA};
use simple_dns::{CLASS, Name as Wire, Packet, PacketFlag, QTYPE, Question, RCODE, ResourceRecord, TYPE};

use super::*;

const ID: u16 = 0x1234;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

/// `owner ttl type data` a line; `SOA`'s data is the minimum.
fn record(line: &str) -> ResourceRecord<'_> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let data = match words[2] {
        "A" => RData::A(A::from(words[3].parse::<Ipv4Addr>().unwrap())),
        "AAAA" => RData::AAAA(AAAA::from(words[3].parse::<Ipv6Addr>().unwrap())),
        "CNAME" => RData::CNAME(CNAME(Wire::new_unchecked(words[3]))),
        "SOA" => RData::SOA(SOA {
            mname: Wire::new_unchecked("ns"),
            rname: Wire::new_unchecked("me"),
            serial: 1,
            refresh: 2,
            retry: 3,
            expire: 4,
            minimum: words[3].parse().unwrap(),
        }),
        other => panic!("{other}"),
    };
    ResourceRecord::new(Wire::new_unchecked(words[0]), CLASS::IN, words[1].parse().unwrap(), data)
}

fn packet<'a>(asked: &'a str, kind: TYPE, lines: &'a [&'a str]) -> Packet<'a> {
    let mut packet = Packet::new_reply(ID);
    packet.set_flags(PacketFlag::RECURSION_DESIRED | PacketFlag::RECURSION_AVAILABLE);
    let kind = QTYPE::TYPE(kind);
    packet.questions.push(Question::new(Wire::new_unchecked(asked), kind, CLASS::IN.into(), false));
    for line in lines {
        let record = record(line);
        match record.rdata {
            RData::SOA(_) => packet.name_servers.push(record),
            _ => packet.answers.push(record),
        }
    }
    packet
}

fn bytes(packet: &Packet<'_>) -> Vec<u8> {
    let (plain, packed) = (packet.build_bytes_vec().unwrap(), packet.build_bytes_vec_compressed().unwrap());
    let of = |bytes: &[u8]| read(bytes, ID, &name("x.test"), Family::V4, false);
    assert_eq!(of(&plain), of(&packed), "compression changes nothing");
    packed
}

fn read_v4(packet: &Packet<'_>) -> Reply {
    read(&bytes(packet), ID, &name("x.test"), Family::V4, false)
}

fn addresses(list: &str, ttl: u32) -> Reply {
    Reply::Addresses { addresses: list.split_whitespace().map(|word| word.parse().unwrap()).collect(), ttl }
}

#[test]
fn what_answers_mean() {
    let table: &[(&[&str], Reply)] = &[
        (&["x.test 60 A 1.0.0.1", "x.test 50 A 1.0.0.2"], addresses("1.0.0.1 1.0.0.2", 50)),
        (&["X.Test 60 A 1.0.0.1"], addresses("1.0.0.1", 60)),
        (&["x.test 60 A 1.0.0.1", "x.test 60 A 1.0.0.1"], addresses("1.0.0.1", 60)),
        (&["x.test 4000000000 A 1.0.0.1"], addresses("1.0.0.1", 0)),
        (&["x.test 60 CNAME y.test", "y.test 20 A 1.0.0.1"], addresses("1.0.0.1", 20)),
        (&["y.test 20 A 1.0.0.1", "x.test 10 CNAME y.test"], addresses("1.0.0.1", 10)),
        (&["x.test 9 CNAME y.test", "y.test 8 CNAME z.test", "z.test 7 A 1.0.0.1"], addresses("1.0.0.1", 7)),
        // What is not on the chain does not count, and its TTL neither.
        (&["x.test 60 A 1.0.0.1", "evil.test 1 A 6.6.6.6"], addresses("1.0.0.1", 60)),
        (&["evil.test 60 A 6.6.6.6"], Reply::NoData { ttl: None }),
        (&["x.test 9 CNAME y.test", "x.test 9 A 6.6.6.6", "y.test 9 A 1.0.0.1"], addresses("1.0.0.1", 9)),
        (&["x.test 9 AAAA ::1"], Reply::NoData { ttl: None }),
        (&["x.test 9 CNAME y.test"], Reply::Alias { to: name("y.test"), hops: 1, ttl: 9 }),
        (
            &["x.test 9 CNAME y.test", "y.test 8 CNAME z.test"],
            Reply::Alias { to: name("z.test"), hops: 2, ttl: 8 },
        ),
        (&["x.test 9 CNAME y.test", "test 30 SOA 20"], Reply::NoData { ttl: Some(20) }),
        (&["x.test 9 CNAME x.test"], Reply::TooManyAliases),
        (&["x.test 9 CNAME y.test", "y.test 9 CNAME x.test"], Reply::TooManyAliases),
        (&["test 30 SOA 20"], Reply::NoData { ttl: Some(20) }),
        (&["test 10 SOA 20"], Reply::NoData { ttl: Some(10) }),
        (&[], Reply::NoData { ttl: None }),
    ];
    for (lines, expected) in table {
        assert_eq!(read_v4(&packet("x.test", TYPE::A, lines)), *expected, "{lines:?}");
    }
    let v6 = bytes(&packet("x.test", TYPE::AAAA, &["x.test 5 AAAA fd00::1", "x.test 5 A 1.0.0.1"]));
    assert_eq!(read(&v6, ID, &name("x.test"), Family::V6, false), addresses("fd00::1", 5));
}

#[test]
fn codes_and_flags() {
    for (code, lines, expected) in [
        (RCODE::NameError, &["test 30 SOA 20"][..], Reply::NoSuchName { ttl: Some(20) }),
        (RCODE::NameError, &[], Reply::NoSuchName { ttl: None }),
        (RCODE::NameError, &["x.test 9 CNAME y.test"], Reply::NoSuchName { ttl: None }),
        (RCODE::ServerFailure, &[], Reply::Refused(Refusal::Unwilling)),
        (RCODE::Refused, &["x.test 60 A 6.6.6.6"], Reply::Refused(Refusal::Unwilling)),
        (RCODE::FormatError, &[], Reply::Refused(Refusal::Misunderstood)),
        (RCODE::NotImplemented, &[], Reply::Refused(Refusal::Misunderstood)),
    ] {
        let mut packet = packet("x.test", TYPE::A, lines);
        *packet.rcode_mut() = code;
        assert_eq!(read_v4(&packet), expected, "{code:?}");
        packet.questions.clear();
        let unnamed = read_v4(&packet);
        let refusal = matches!(expected, Reply::Refused(_));
        assert_eq!(unnamed, if refusal { expected } else { Reply::NotOurs }, "{code:?} without a question");
    }
    let mut cut = packet("x.test", TYPE::A, &["x.test 60 A 1.0.0.1"]);
    cut.set_flags(PacketFlag::TRUNCATION);
    assert_eq!(read_v4(&cut), Reply::Truncated);
    assert_eq!(read(&bytes(&cut), ID, &name("x.test"), Family::V4, true), addresses("1.0.0.1", 60));
    let mut referral = packet("x.test", TYPE::A, &[]);
    referral.remove_flags(PacketFlag::RECURSION_AVAILABLE);
    assert_eq!(read_v4(&referral), Reply::Broken);
    referral.set_flags(PacketFlag::AUTHORITATIVE_ANSWER);
    assert_eq!(read_v4(&referral), Reply::NoData { ttl: None });
}

#[test]
fn others_replies_are_not_ours() {
    let good = packet("x.test", TYPE::A, &["x.test 60 A 1.0.0.1"]);
    assert_eq!(read_v4(&good), addresses("1.0.0.1", 60));
    let good = bytes(&good);
    let changed = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    for (what, bytes) in [
        ("another id", changed(0, 0x13)),
        ("a question", changed(2, 0x01)),
        ("another opcode", changed(2, 0x89)),
        ("another name", changed(13, b'y')),
        ("another type", changed(21, 28)),
        ("another class", changed(23, 3)),
        ("two questions", changed(5, 2)),
        ("no question", changed(5, 0)),
        ("nothing", Vec::new()),
        ("a header cut short", good[..11].to_vec()),
        ("a question cut short", good[..20].to_vec()),
    ] {
        assert_eq!(read(&bytes, ID, &name("x.test"), Family::V4, false), Reply::NotOurs, "{what}");
    }
    for length in 24..good.len() {
        assert_eq!(
            read(&good[..length], ID, &name("x.test"), Family::V4, false),
            Reply::Broken,
            "{length} bytes"
        );
    }
    let mut wrong_size = good.clone();
    let at = wrong_size.len() - 5;
    wrong_size[at] = 3;
    assert_eq!(read(&wrong_size, ID, &name("x.test"), Family::V4, false), Reply::Broken);
}

#[test]
fn bounds() {
    let chain: Vec<String> = (0..9).map(|hop| format!("h{hop}.test 9 CNAME h{}.test", hop + 1)).collect();
    for (first, enough) in [(1, true), (0, false)] {
        let mut lines: Vec<&str> = chain[first..].iter().map(String::as_str).collect();
        lines.push("h9.test 9 A 1.0.0.1");
        let asked = format!("h{first}.test");
        let bytes = packet(&asked, TYPE::A, &lines).build_bytes_vec_compressed().unwrap();
        let expected = if enough { addresses("1.0.0.1", 9) } else { Reply::TooManyAliases };
        assert_eq!(read(&bytes, ID, &name(&asked), Family::V4, false), expected);
    }
    let many: Vec<String> = (0..300).map(|n| format!("x.test 9 A 10.0.{}.{}", n / 256, n % 256)).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    match read_v4(&packet("x.test", TYPE::A, &many)) {
        Reply::Addresses { addresses, .. } => assert_eq!(addresses.len(), MOST_ADDRESSES),
        other => panic!("{other:?}"),
    }
    // Twelve bytes and a question that announce 65,535 records of each kind.
    let mut boast = bytes(&packet("x.test", TYPE::A, &[]));
    boast[6..12].fill(0xff);
    assert_eq!(read(&boast, ID, &name("x.test"), Family::V4, false), Reply::Broken);
}

#[test]
fn questions_as_others_read_them() {
    for (family, kind) in [(Family::V4, TYPE::A), (Family::V6, TYPE::AAAA)] {
        for edns in [false, true] {
            let bytes = question(ID, &name("www.Example.com."), family, edns);
            let packet = Packet::parse(&bytes).unwrap();
            assert_eq!((packet.id(), packet.questions.len()), (ID, 1));
            assert!(
                packet.has_flags(PacketFlag::RECURSION_DESIRED) && !packet.has_flags(PacketFlag::RESPONSE)
            );
            assert_eq!(packet.questions[0].qname.to_string(), "www.example.com");
            assert_eq!(packet.questions[0].qtype, QTYPE::TYPE(kind));
            assert_eq!(packet.opt().map(|opt| opt.udp_packet_size), edns.then_some(OFFERED));
        }
    }
}

/// 3 million with `WAYSIDE_LONG_TESTS=1`.
#[test]
fn mutated_replies_never_panic() {
    let count = if std::env::var_os("WAYSIDE_LONG_TESTS").is_some() { 3_000_000 } else { 100_000 };
    let seeds = [
        bytes(&packet("x.test", TYPE::A, &["x.test 60 A 1.0.0.1", "x.test 50 A 1.0.0.2"])),
        bytes(&packet(
            "x.test",
            TYPE::A,
            &["x.test 9 CNAME y.test", "y.test 8 CNAME z.test", "z.test 7 A 1.0.0.1"],
        )),
        bytes(&packet("x.test", TYPE::A, &["x.test 9 CNAME y.test", "test 30 SOA 20"])),
        bytes(&packet("x.test", TYPE::A, &["test 30 SOA 20"])),
    ];
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 16) as usize % below
    };
    let (asked, mut kinds) = (name("x.test"), [0_u32; 3]);
    for _ in 0..count {
        let mut bytes = seeds[random(seeds.len())].clone();
        for _ in 0..=random(4) {
            // Mostly past the question: before it hardly anything is read.
            let at = if random(8) == 0 {
                random(bytes.len())
            } else {
                24.min(bytes.len() - 1) + random(bytes.len().saturating_sub(24).max(1))
            };
            let at = at.min(bytes.len() - 1);
            match random(6) {
                0 => bytes.truncate(at.max(1)),
                1 => bytes[at] = [0, 0xff, 0xc0, 0x3f, 0x40, 0x0c][random(6)],
                2 => bytes.insert(at, random(256) as u8),
                3 => drop(bytes.remove(at)),
                4 if bytes.len() > 11 => bytes[6 + random(6)] = random(256) as u8,
                _ => bytes[at] = random(256) as u8,
            }
            if bytes.is_empty() {
                bytes.push(0);
            }
        }
        let reply = read(&bytes, ID, &asked, Family::V4, random(2) == 0);
        if let Reply::Addresses { addresses, .. } = &reply {
            assert!(
                !addresses.is_empty()
                    && addresses.len() <= MOST_ADDRESSES
                    && addresses.iter().all(IpAddr::is_ipv4)
            );
        }
        kinds[match reply {
            Reply::NotOurs => 0,
            Reply::Broken => 1,
            _ => 2,
        }] += 1;
    }
    // The mutations reach all depths.
    assert!(kinds.iter().all(|&count_of| count_of > count / 50), "{kinds:?}");
}
