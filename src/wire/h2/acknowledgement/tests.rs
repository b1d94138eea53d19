//! Acknowledgements among other frames, at every split.

use super::*;

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("a short one");
    [&[0, 0, length, kind, flags, 0, 0, 0, stream], payload].concat()
}

/// What it is, its frames, and which of them is looked for.
type Stream = (&'static str, Vec<Vec<u8>>, Option<usize>);

/// What clients send around it.
fn streams() -> Vec<Stream> {
    let settings = frame(4, 0, 0, &[0, 4, 0, 0, 0xff, 0xff]);
    let ack = frame(4, 1, 0, &[]);
    let headers = frame(1, 5, 1, b"\x82\x86\x84");
    let part = frame(1, 1, 1, b"\x82\x86");
    let rest = frame(9, 4, 1, b"\x84");
    // A head of an acknowledgement within a frame is none.
    let decoy = frame(0, 0, 1, &ack);
    let (ping, unknown) = (frame(6, 0, 0, &[9; 8]), frame(0xbe, 0xff, 0, &ack));
    vec![
        ("nothing but settings", vec![settings.clone()], None),
        ("before the request", vec![settings.clone(), ack.clone(), headers.clone()], Some(1)),
        ("behind it", vec![settings.clone(), headers.clone(), ack.clone()], Some(2)),
        ("behind a block of two", vec![settings.clone(), part, rest, ack.clone(), ping.clone()], Some(3)),
        ("behind what looks like it", vec![settings.clone(), headers, decoy, unknown, ack.clone()], Some(4)),
        ("two of them", vec![settings, ping, ack.clone(), ack], Some(2)),
    ]
}

#[test]
fn it_is_found_wherever_the_bytes_are_split() {
    for (what, frames, place) in streams() {
        let all = [PREFACE, &frames.concat()[..]].concat();
        let before: usize =
            PREFACE.len() + frames.iter().take(place.unwrap_or(0)).map(Vec::len).sum::<usize>();
        let expected = place.map(|_| before..before + HEAD);
        for split in 0..=all.len() {
            let mut search = Acknowledgement::default();
            let first = search.find(&all[..split]);
            let is_there = expected.as_ref().is_some_and(|found| found.end <= split);
            assert_eq!(first.is_some(), is_there, "{what}, split at {split}");
            assert_eq!(first.or_else(|| search.find(&all)), expected, "{what}, split at {split}");
        }
        let mut search = Acknowledgement::default();
        let found = (0..=all.len()).find_map(|end| search.find(&all[..end]));
        assert_eq!(found, expected, "{what}, byte by byte");
    }
}

#[test]
fn what_is_no_frame_ends_the_search() {
    let all = [PREFACE, &frame(4, 1, 0, &[0; 6])[..], &frame(4, 1, 0, &[])].concat();
    assert_eq!(Acknowledgement::default().find(&all), None);
}
