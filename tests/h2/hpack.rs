//! HPACK: the tables, the RFC's own examples, stories of two encoders, and every way to be wrong.

use wayside::wire::h2::{Decoder, Lost, bounds, huffman};

use crate::encoder::{codes, huffman as encode_huffman, integer, statics};

/// A field as the tests compare it.
pub(crate) type Field = (Vec<u8>, Vec<u8>);

pub(crate) fn decode(decoder: &mut Decoder, block: &[u8]) -> Result<Vec<Field>, Lost> {
    let mut fields = Vec::new();
    decoder.decode(block, &mut Vec::new(), |field| {
        fields.push((field.name.to_vec(), field.value.to_vec()));
    })?;
    Ok(fields)
}

pub(crate) fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    let pair = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal");
    (0..digits.len()).step_by(2).map(pair).collect()
}

/// A limit that the receiver sets and the sender acknowledges.
pub(crate) fn limit(decoder: &mut Decoder, size: u32) {
    decoder.offer(size);
    decoder.offered().expect("room for an offer");
    decoder.acknowledged();
}

#[test]
fn the_static_table_is_the_rfcs() {
    let fields = statics();
    assert_eq!(fields.len(), 61);
    for (index, field) in fields.into_iter().enumerate() {
        let block = integer(0x80, 7, index + 1);
        assert_eq!(decode(&mut Decoder::new(), &block), Ok(vec![field]), "index {}", index + 1);
    }
    assert_eq!(decode(&mut Decoder::new(), &integer(0x80, 7, 62)), Err(Lost::Index));
}

#[test]
fn the_huffman_code_is_the_rfcs() {
    let codes = codes();
    assert_eq!(codes.len(), 257);
    // Every symbol alone, and before and behind every other.
    for first in 0..=255_u8 {
        for second in 0..=255_u8 {
            for text in [&[first][..], &[first, second], &[second, first, second]] {
                let mut out = b"before".to_vec();
                assert_eq!(huffman(&encode_huffman(&codes, text), &mut out), Ok(()), "{text:?}");
                assert_eq!(out.strip_prefix(b"before"), Some(text));
            }
        }
    }
}

#[test]
fn padding_is_less_than_a_byte_of_ones() {
    let codes = codes();
    let is = |coded: &[u8]| huffman(coded, &mut Vec::new());
    assert_eq!(is(b""), Ok(()));
    assert_eq!(is(&[0xff]), Err(Lost::Huffman), "a byte of padding alone");
    for length in 1..40 {
        let text = vec![b'a'; length];
        let coded = encode_huffman(&codes, &text);
        assert_eq!(is(&coded), Ok(()));
        assert_eq!(is(&[&coded[..], &[0xff]].concat()), Err(Lost::Huffman), "a byte too many at {length}");
        if length * 5 % 8 != 0 {
            let mut zero = coded.clone();
            *zero.last_mut().expect("a byte") &= 0xfe;
            assert_eq!(is(&zero), Err(Lost::Huffman), "a zero in the padding at {length}");
        }
        // The end of the string must not be sent, not even within.
        assert_eq!(is(&[&[0xff, 0xff, 0xff, 0xfc | 0x3], &coded[..]].concat()), Err(Lost::Huffman));
    }
}

#[test]
fn the_rfcs_examples_decode() {
    let fields = |text: &str| -> Vec<Field> {
        let one = |line: &str| {
            let (name, value) = line.split_once("= ").expect("a field");
            (name.trim().as_bytes().to_vec(), value.as_bytes().to_vec())
        };
        text.lines().map(one).collect()
    };
    let mut decoder = Decoder::new();
    let mut count = 0;
    for example in include_str!("../data/h2/rfc7541-c.txt").split("\n\n") {
        let (head, rest) = example.split_once('\n').expect("a head");
        let (bytes, expected) = rest.split_once('\n').expect("bytes");
        let name = head.trim_start_matches("# ");
        if name.ends_with("first") || name.ends_with("alone") {
            decoder = Decoder::new();
        }
        if name.contains("256") {
            // The examples assume that size from the beginning, unsaid.
            limit(&mut decoder, 256);
            assert_eq!(decode(&mut decoder, &integer(0x20, 5, 256)), Ok(vec![]));
        }
        assert_eq!(decode(&mut decoder, &hex(bytes)), Ok(fields(expected.trim_end())), "{name}");
        count += 1;
    }
    assert_eq!(count, 16);
}

/// Runs a story; how many blocks it has.
fn story(text: &str) -> usize {
    let mut decoder = Decoder::new();
    let mut lines = text.lines().peekable();
    let mut blocks = 0;
    while let Some(line) = lines.next() {
        if line.starts_with("story") {
            decoder = Decoder::new();
        } else if let Some(size) = line.strip_prefix("limit ") {
            limit(&mut decoder, size.parse().expect("a size"));
        } else {
            let block = hex(line.strip_prefix("block ").expect("a block"));
            let mut expected = Vec::new();
            while let Some(field) = lines.next_if(|line| line.contains('\t')) {
                let (name, value) = field.split_once('\t').expect("a tab");
                expected.push((unescape(name), unescape(value)));
            }
            assert_eq!(decode(&mut decoder, &block), Ok(expected), "block {blocks}: {line}");
            blocks += 1;
        }
    }
    blocks
}

/// Undoes Python's unicode_escape of what is below 256.
fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('\\') {
        out.extend(before.bytes());
        rest = if let Some(code) = behind.strip_prefix('x') {
            out.push(u8::from_str_radix(&code[..2], 16).expect("hexadecimal"));
            &code[2..]
        } else {
            out.extend(behind.bytes().take(1));
            &behind[1..]
        };
    }
    out.extend(rest.bytes());
    out
}

#[test]
fn stories_of_other_encoders_decode() {
    for text in [
        include_str!("../data/h2/story-nghttp2.txt"),
        include_str!("../data/h2/story-hpack-huffman.txt"),
        include_str!("../data/h2/story-hpack-plain.txt"),
    ] {
        assert_eq!(story(text), 150);
    }
}

#[test]
fn what_the_rfc_forbids_is_an_error() {
    let cases: &[(&str, &str, Lost)] = &[
        ("index 0", "80", Lost::Index),
        ("an index beyond the tables", "be", Lost::Index),
        ("a huge index", "ff ff ff ff ff 0f", Lost::Integer),
        ("an index of 32 bits", "ff 80 ff ff ff 0f", Lost::Index),
        ("an integer of 33 bits", "ff 80 80 80 80 10", Lost::Integer),
        ("an integer of six more bytes", "ff 80 80 80 80 80 00", Lost::Integer),
        ("an integer that ends early", "ff 80", Lost::Truncated),
        ("a name from beyond the tables", "7e 01 61", Lost::Index),
        ("a literal without a name", "40", Lost::Truncated),
        ("a literal without a value", "40 01 61", Lost::Truncated),
        ("a name that ends early", "40 05 61", Lost::Truncated),
        ("a value that ends early", "40 01 61 05 61", Lost::Truncated),
        ("a string of 4 GiB", "40 01 61 7f 80 ff ff ff 0f", Lost::Truncated),
        ("a Huffman name of padding only", "00 81 ff 00", Lost::Huffman),
        ("a Huffman value with the end in it", "00 01 61 84 ff ff ff ff", Lost::Huffman),
        ("a size beyond the limit", "3f e2 1f", Lost::Size),
        ("a size behind a field", "82 20", Lost::LateSize),
        ("a size between fields", "82 20 82", Lost::LateSize),
        ("a size that ends early", "3f", Lost::Truncated),
        ("a size of 4 GiB", "3f e0 ff ff ff 0f", Lost::Size),
        ("a crash of other decoders", "3f bf", Lost::Truncated),
    ];
    for (name, block, lost) in cases {
        assert_eq!(decode(&mut Decoder::new(), &hex(block)), Err(*lost), "{name}");
    }
    for (name, block) in [
        ("two sizes", "20 3f e1 1f 82"),
        ("a size alone", "20"),
        ("nothing", ""),
        ("the largest", "3f e1 1f"),
    ] {
        assert!(decode(&mut Decoder::new(), &hex(block)).is_ok(), "{name}");
    }
}

#[test]
fn a_lowered_limit_must_be_followed() {
    let field = hex("40 01 61 01 62");
    for (name, sizes, block, outcome) in [
        ("no size, an indexed field", &[100][..], "be", Err(Lost::MissingSize)),
        ("no size, a literal", &[100], "00 01 61 01 62", Err(Lost::MissingSize)),
        ("no size, no field", &[100], "", Err(Lost::MissingSize)),
        ("a size above the new limit", &[100], "3f 46", Err(Lost::Size)),
        ("the new limit", &[100], "3f 45 be", Ok(1)),
        ("lower than the new limit", &[100], "20", Ok(0)),
        ("down and up, unseen", &[0, 4096], "be", Err(Lost::MissingSize)),
        ("down and up, only up told", &[0, 4096], "3f e1 1f", Err(Lost::Size)),
        ("down and up", &[0, 4096], "20 3f e1 1f", Ok(0)),
        ("down and up: the table is empty", &[0, 4096], "20 3f e1 1f be", Err(Lost::Index)),
        ("lowered twice, the lowest told", &[50, 100], "3f 13 3f 45", Ok(0)),
        ("lowered twice, the lowest not told", &[50, 100], "3f 31", Err(Lost::Size)),
        ("raised: nothing needs to be told", &[8192], "be", Ok(1)),
        ("raised and used", &[8192], "3f e1 3f be", Ok(1)),
    ] {
        let mut decoder = Decoder::new();
        assert_eq!(decode(&mut decoder, &field).map(|fields| fields.len()), Ok(1));
        sizes.iter().for_each(|size| limit(&mut decoder, *size));
        assert_eq!(decode(&mut decoder, &hex(block)).map(|fields| fields.len()), outcome, "{name}");
    }
}

#[test]
fn a_limit_is_in_force_with_its_acknowledgement() {
    let mut decoder = Decoder::new();
    decoder.offer(0);
    decoder.offer(200);
    decoder.offered().unwrap();
    decoder.offered().unwrap();
    decoder.offer(8192);
    decoder.offered().unwrap();
    assert_eq!(decode(&mut decoder, &integer(0x20, 5, 8192)), Ok(vec![]), "the encoder may be ahead");
    decoder.acknowledged();
    assert_eq!(decode(&mut decoder, &[0x82]), Err(Lost::MissingSize), "0 has been passed through");
    let mut decoder = Decoder::new();
    decoder.offered().unwrap();
    decoder.offer(100);
    decoder.offered().unwrap();
    decoder.acknowledged();
    assert!(decode(&mut decoder, &[0x82]).is_ok(), "that was the frame before");
    decoder.acknowledged();
    assert_eq!(decode(&mut decoder, &[0x82]), Err(Lost::MissingSize));
    decoder.acknowledged();
    decoder.acknowledged();
}

#[test]
fn tables_are_followed_up_to_the_bound() {
    let mut decoder = Decoder::new();
    limit(&mut decoder, u32::MAX);
    assert_eq!(decode(&mut decoder, &integer(0x20, 5, bounds::TABLE as usize)), Ok(vec![]));
    assert_eq!(decode(&mut decoder, &integer(0x20, 5, bounds::TABLE as usize + 1)), Err(Lost::Table));
}
