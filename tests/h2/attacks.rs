//! Peers that want to cost more than their bytes: memory stays bounded, and the observer goes blind rather than grow.

use wayside::wire::event::Peer;
use wayside::wire::h2::{Observer, bounds};

use crate::encoder::integer;
use crate::frames::{C, S, get, reset};
use crate::support::*;

/// An observer behind the greetings.
fn greeted() -> Watch {
    let mut watch = Watch::new(Observer::new());
    watch.show(C, &preface());
    watch.show(S, &settings(&[]));
    watch
}

/// Shows `bytes` again and again, and asserts that the observer owns at most `most` all along.
#[track_caller]
fn flood(watch: &mut Watch, from: Peer, bytes: &[u8], times: usize, most: usize) {
    for _ in 0..times {
        watch.show(from, bytes);
        let owned = watch.observer.owned();
        assert!(owned <= most, "{owned} bytes are owned");
    }
}

fn last(watch: &Watch) -> &str {
    watch.events.last().map_or("", String::as_str)
}

/// A field that fills most of a table of 4,096 bytes.
fn large_field() -> Vec<u8> {
    [&[0x40, 1, b'x'][..], &integer(0, 7, 4000), &[b'v'; 4000]].concat()
}

#[test]
fn an_idle_connection_owns_little() {
    assert!(size_of::<Observer>() <= 512, "{} bytes", size_of::<Observer>());
    let watch = greeted();
    assert_eq!((watch.observer.owned(), watch.scratch.owned()), (0, 0));
}

#[test]
fn a_head_in_pieces_uses_one_buffer_for_all() {
    let head =
        frame(HEADERS, ENDS, 1, &block(&[("x-a", "1"), ("x-b", "2"), ("x-c", "a longer value")].repeat(10)));
    let mut watch = greeted();
    watch.show(C, &head[..200]);
    assert_eq!(watch.scratch.owned(), 0);
    assert!(watch.observer.owned() > 100);
    watch.show(C, &head[200..]);
    let kept = watch.scratch.owned();
    assert!(kept > head.len() - 9 && kept <= bounds::SPARE, "{kept} bytes");
    let streams = watch.observer.owned();
    for nth in 1..100 {
        watch.show(S, &reset(S, 2 * nth - 1, 7).1);
        let head = [&head[..5], &(2 * nth + 1).to_be_bytes(), &head[9..]].concat();
        head.chunks(7).for_each(|part| watch.show(C, part));
        assert_eq!((watch.scratch.owned(), watch.observer.owned()), (kept, streams), "the same again");
    }
    let large = [&[0, 1, b'x'][..], &integer(0, 7, 30_000), &[b'v'; 30_000]].concat();
    frame(HEADERS, ENDS, 201, &large).chunks(1000).for_each(|part| watch.show(C, part));
    assert_eq!(last(&watch), "1 sent");
    assert!(watch.scratch.owned() <= bounds::SPARE, "a large one is not kept");
    watch.scratch.trim();
    assert_eq!(watch.scratch.owned(), 0);
}

#[test]
fn a_header_bomb_costs_its_bytes() {
    let mut watch = greeted();
    watch.show(C, &frame(HEADERS, ENDS, 1, &[large_field(), vec![0xbe; 60_000]].concat()));
    assert_eq!(watch.events, ["blind: header list too large"]);
    assert_eq!(watch.observer.owned(), 0);
    // Below the bound, as often as one likes.
    let mut watch = greeted();
    watch.show(C, &frame(HEADERS, ENDS, 1, &large_field()));
    for nth in 1..1000 {
        watch.show(C, &frame(HEADERS, ENDS, 2 * nth + 1, &[0xbe; 64]));
        watch.show(C, &reset(C, 2 * nth + 1, 8).1);
        assert!(watch.observer.owned() < 8000 && !watch.observer.is_blind());
    }
    assert!(watch.scratch.owned() < 16_000, "{}", watch.scratch.owned());
    let paths = [&large_field()[..], &[0x84; 7000]].concat();
    watch.show(C, &frame(HEADERS, ENDS, 2001, &paths));
    assert_eq!(last(&watch), "blind: header list too large", "small fields count 32 bytes more");
}

#[test]
fn continuations_are_bounded() {
    let mut watch = greeted();
    watch.show(C, &frame(HEADERS, 0, 1, &[0x82]));
    flood(&mut watch, C, &frame(CONTINUATION, 0, 1, &[]), 100_000, 64);
    watch.show(C, &frame(CONTINUATION, END_HEADERS, 1, &[]));
    assert_eq!(watch.events, ["0 GET  "]);
    let mut watch = greeted();
    watch.show(C, &frame(HEADERS, 0, 1, &[]));
    flood(&mut watch, C, &frame(CONTINUATION, 0, 1, &[0; 1000]), 100, 2 * bounds::BLOCK);
    assert_eq!(watch.events, ["blind: header block too large"]);
    assert_eq!(watch.observer.owned(), 0);
    // A frame that claims much owns only what came.
    let mut watch = greeted();
    watch.show(C, &frame(HEADERS, END_HEADERS, 1, &[0; 65_000])[..100]);
    assert!(watch.observer.owned() <= 256);
}

#[test]
fn floods_leave_nothing() {
    let large = 1_u32 << 20;
    for (name, bytes, most) in [
        ("PING", frame(PING, 0, 0, &[0; 8]), 0),
        ("PRIORITY", frame(2, 0, 9, &[0; 5]), 0),
        ("WINDOW_UPDATE", frame(WINDOW, 0, 9, &[0; 4]), 0),
        ("an extension", frame(99, 0, 9, &[0; 30]), 0),
        ("SETTINGS", settings(&[]), 0),
        ("other SETTINGS", settings(&[(3, 1), (4, 1), (5, 20_000)]), 0),
        ("ACK", frame(SETTINGS, ACK, 0, &[]), 0),
        (
            "SETTINGS that are acknowledged",
            [settings(&[(1, large)]), frame(SETTINGS, ACK, 0, &[])].concat(),
            1000,
        ),
    ] {
        let mut watch = greeted();
        for _ in 0..20_000 {
            watch.show(C, &bytes);
            watch.show(S, &bytes);
        }
        let owned = watch.observer.owned();
        assert!(owned <= most, "{name}: {owned} bytes are owned");
        watch.show(C, &get(11).1);
        assert_eq!(watch.events, ["0 GET a /", "0 sent"], "{name}");
    }
    let mut watch = greeted();
    flood(&mut watch, C, &settings(&[(1, 1), (1, 4096)]), 100, 64 * bounds::OFFERS);
    assert_eq!(watch.events, ["blind: settings not acknowledged"]);
    // One frame with all the settings that fit.
    let mut watch = greeted();
    let all: Vec<(u16, u32)> = (0..2_000_000).map(|nth| (1, nth % 5000)).collect();
    watch.show(C, &settings(&all));
    assert!(watch.observer.owned() < 100 && !watch.observer.is_blind());
}

#[test]
fn rapid_resets_leave_nothing() {
    for by in [C, S] {
        let mut watch = greeted();
        let mut most = 0;
        for nth in 0..100_000 {
            watch.show(C, &get(2 * nth + 1).1);
            watch.show(by, &reset(by, 2 * nth + 1, 8).1);
            most = most.max(watch.observer.owned());
        }
        assert!(most < 1000, "{most} bytes");
        assert_eq!((watch.events.len(), watch.observer.open_exchanges()), (300_000, 0));
    }
    // One that stays open in front of all the others.
    let mut watch = greeted();
    watch.show(C, &get(1).1);
    for nth in 1..50_000 {
        watch.show(C, &get(4 * nth + 1).1);
        watch.show(C, &get(4 * nth + 3).1);
        watch.show(C, &reset(C, 4 * nth + 1, 8).1);
        watch.show(S, &reset(S, 4 * nth - 1, 8).1);
        assert!(watch.observer.owned() < 4000, "{} bytes", watch.observer.owned());
    }
    assert_eq!(watch.observer.open_exchanges(), 2);
}

#[test]
fn streams_are_bounded() {
    let mut watch = greeted();
    for nth in 0..bounds::STREAMS as u32 {
        watch.show(C, &get(2 * nth + 1).1);
    }
    assert_eq!((watch.observer.open_exchanges(), last(&watch)), (bounds::STREAMS, "4095 sent"));
    assert!(watch.observer.owned() <= 44 * bounds::STREAMS);
    // Each is found, in whatever order they end; then nothing is left.
    let mut numbers: Vec<u32> = (0..bounds::STREAMS as u32).map(|nth| 2 * nth + 1).collect();
    let mut random = Random(9);
    while !numbers.is_empty() {
        let number = numbers.swap_remove(random.below(numbers.len()));
        watch.show(S, &reset(S, number, 7).1);
        assert_eq!(last(&watch), format!("{} reset by Server 7", number / 2));
    }
    watch.show(C, &get(9001).1);
    assert_eq!(last(&watch), "0 sent", "the lowest id");
    watch.show(S, &reset(S, 9001, 7).1);
    assert_eq!(watch.observer.open_exchanges(), 0);
    assert!(watch.observer.owned() < 2048, "{} bytes", watch.observer.owned());
    let mut watch = greeted();
    for nth in 0..=bounds::STREAMS as u32 {
        watch.show(C, &get(2 * nth + 1).1);
    }
    assert_eq!(last(&watch), "blind: too many streams");
    assert_eq!((watch.observer.open_exchanges(), watch.observer.owned()), (bounds::STREAMS, 0));
}

#[test]
fn tables_are_bounded() {
    let mut watch = greeted();
    watch.show(S, &settings(&[(1, u32::MAX)]));
    watch.show(C, &frame(SETTINGS, ACK, 0, &[]));
    let size = |size: u32| integer(0x20, 5, size as usize);
    watch.show(C, &frame(HEADERS, ENDS, 1, &size(bounds::TABLE)));
    // Entries of the smallest kind, and then of many sizes.
    flood(&mut watch, C, &frame(HEADERS, ENDS, 1, &[0x40, 0, 0].repeat(1000)), 10, 40_000);
    let mut random = Random(5);
    for _ in 0..3000 {
        let value = vec![b'v'; random.pick(&[1, 40, 700, 9000])];
        let field = [&[0x40, 1, b'n'][..], &integer(0, 7, value.len()), &value].concat();
        flood(&mut watch, C, &frame(HEADERS, ENDS, 1, &field), 1, bounds::TABLE as usize * 2 + 40_000);
    }
    assert!(!watch.observer.is_blind());
    watch.show(C, &frame(HEADERS, ENDS, 3, &size(bounds::TABLE + 1)));
    assert_eq!(last(&watch), "blind: header table too large");
    assert_eq!(watch.observer.owned(), 0);
}
