//! How the thread is lost, and what an observer tells of itself.

use wayside::wire::event::{Id, Peer};
use wayside::wire::h2::Observer;

use crate::frames::{C, S, data, get, reset, status, talk};
use crate::support::*;

/// Why, and by which frames.
type Loss<'a> = (&'a str, &'a [(Peer, Vec<u8>)]);

#[test]
fn the_thread_is_lost() {
    let lost: &[Loss<'_>] = &[
        ("frame size", &[(C, frame(RST, 0, 1, &[0; 5]))]),
        ("frame size", &[(C, frame(SETTINGS, 0, 0, &[0; 7]))]),
        ("frame size", &[(C, frame(SETTINGS, ACK, 0, &[0; 6]))]),
        ("frame size", &[(S, frame(GOAWAY, 0, 0, &[0; 7]))]),
        ("frame size", &[(S, frame(PING, 0, 0, &[0; 7]))]),
        ("frame size", &[(S, frame(WINDOW, 0, 0, &[0; 5]))]),
        ("frame size", &[(C, frame(HEADERS, ENDS | PRIORITY, 1, &[0; 4]))]),
        ("frame size", &[(S, frame(PUSH, END_HEADERS, 1, &[0; 3]))]),
        ("padding", &[(C, frame(HEADERS, ENDS | PADDED, 1, &[5, 0x82, 0, 0, 0]))]),
        ("stream number", &[(C, frame(DATA, 0, 0, &[]))]),
        ("stream number", &[(C, frame(SETTINGS, 0, 1, &[]))]),
        ("stream number", &[(C, frame(PING, 0, 1, &[0; 8]))]),
        ("stream number", &[get(2)]),
        ("stream number", &[data(C, 0, 1, 0)]),
        ("stream number", &[reset(S, 3, 8)]),
        ("stream number", &[status(ENDS, 1, "200")]),
        ("stream number", &[(C, frame(PUSH, END_HEADERS, 1, &[0, 0, 0, 2]))]),
        ("continuation", &[(C, frame(CONTINUATION, END_HEADERS, 1, &[]))]),
        ("continuation", &[(C, frame(HEADERS, 0, 1, &[])), (C, frame(CONTINUATION, 4, 3, &[]))]),
        ("continuation", &[(C, frame(HEADERS, 0, 1, &[])), (C, frame(PING, 0, 0, &[0; 8]))]),
        ("hpack index", &[(C, frame(HEADERS, ENDS, 1, &[0x80]))]),
        ("hpack truncated", &[(C, frame(HEADERS, ENDS, 1, &[0x40]))]),
    ];
    for (reason, frames) in lost {
        let blind = format!("blind: {reason}");
        means(reason, &talk(&[frames, &[get(9)][..]].concat()), &[&blind]);
    }
    means(
        "not HTTP/2",
        &vec![(C, b"PRI * HTTP/2.0\r\n\r\nSN\r\n\r\n".to_vec())],
        &["blind: no http/2 preface"],
    );
    means(
        "HTTP/1",
        &vec![(C, preface()), (S, b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())],
        &["blind: no settings first"],
    );
    means("an ACK first", &vec![(S, frame(SETTINGS, ACK, 0, &[]))], &["blind: no settings first"]);
    let head = frame(HEADERS, ENDS, 1, &vec![0; 70_000]);
    means("a long head", &talk(&[(C, head[..12].to_vec())]), &["blind: header block too large"]);
}

#[test]
fn boundaries_and_counts() {
    let mut watch = Watch::new(Observer::new());
    assert!(!watch.observer.is_at_frame_boundary(C) && !watch.observer.is_at_frame_boundary(S));
    watch.show(C, &preface());
    watch.show(S, &settings(&[])[..8]);
    assert!(watch.observer.is_at_frame_boundary(C) && !watch.observer.is_at_frame_boundary(S));
    watch.show(S, &settings(&[])[8..]);
    assert!(watch.observer.is_at_frame_boundary(S));
    assert_eq!((watch.observer.last_client_stream(), watch.observer.open_exchanges()), (0, 0));
    watch.show(C, &frame(HEADERS, 0, 7, &[0x82]));
    assert!(!watch.observer.is_at_frame_boundary(C), "inside a header block");
    watch.show(C, &frame(CONTINUATION, END_HEADERS, 7, &[]));
    assert!(watch.observer.is_at_frame_boundary(C));
    assert_eq!((watch.observer.last_client_stream(), watch.observer.open_exchanges()), (7, 1));
    watch.show(C, &frame(DATA, END_STREAM | PADDED, 7, &[1; 100])[..20]);
    assert!(!watch.observer.is_at_frame_boundary(C));
    assert_eq!((watch.skip(C), watch.skip(S)), (89, 0));
    watch.skipped(C, 88);
    assert_eq!(watch.events.last().map(String::as_str), Some("0 GET  "));
    watch.skipped(C, 1);
    assert_eq!(watch.events.last().map(String::as_str), Some("0 sent"));
    assert!(watch.observer.is_at_frame_boundary(C));
    watch.skipped(C, 1);
    assert_eq!(watch.events.last().map(String::as_str), Some("blind: skipped too far"));
    assert_eq!((watch.skip(C), watch.skip(S)), (u64::MAX, u64::MAX));
    assert_eq!((watch.observer.last_client_stream(), watch.observer.open_exchanges()), (7, 1));
    assert!(watch.observer.is_blind() && !watch.observer.is_at_frame_boundary(S));
    let told = watch.events.len();
    watch.skipped(C, u64::MAX);
    watch.show(S, &[0; 100]);
    assert_eq!(watch.events.len(), told);
}

#[test]
fn what_the_receiver_allows_binds_the_sender() {
    let size =
        |size: u8| frame(HEADERS, END_HEADERS, 1, &[&[size][..], &block(&[(":method", "GET")])].concat());
    let server = settings(&[(1, 0), (3, 9), (1, 30)]);
    let hello = [(C, preface()), (S, server)];
    let ack = (C, frame(SETTINGS, ACK, 0, &[]));
    let told = |frames: &[(Peer, Vec<u8>)]| [&hello[..], frames].concat();
    means("before the ACK", &told(&[(C, size(0x82))]), &["0 GET  "]);
    means("no size", &told(&[ack.clone(), (C, size(0x82))]), &["blind: hpack table size"]);
    means("too large", &told(&[ack.clone(), (C, size(0x3e))]), &["blind: hpack table size"]);
    means("the lowest", &told(&[ack.clone(), (C, size(0x20))]), &["0 GET  "]);
    let other = (S, frame(SETTINGS, ACK, 0, &[]));
    means("the other's ACK", &told(&[other, (C, size(0x82))]), &["0 GET  "]);
}

#[test]
fn the_settings_of_an_upgrade_count() {
    let answer = |first: u8| frame(HEADERS, ENDS, 1, &[&[first][..], &block(&[(":status", "200")])].concat());
    for (settings, first, expected) in [
        // SETTINGS_HEADER_TABLE_SIZE = 0, in base64url.
        (&b"AAEAAAAA"[..], 0x20, "3 status 200"),
        (b" AAEAAAAA ", 0x82, "blind: hpack table size"),
        (b"AAEAAAAA", 0x82, "blind: hpack table size"),
        (b"AAEAAAAAAAEAABAA", 0x82, "blind: hpack table size"),
        (b"", 0x82, "3 status 200"),
        (b"AAEAAAA", 0x82, "3 status 200"),
        (b"AA*AAAAA", 0x82, "3 status 200"),
        (b"AAMAAABkAAQAAP__", 0x82, "3 status 200"),
    ] {
        let mut watch = Watch::new(Observer::after_upgrade(Id(3), settings, [0; 2]));
        assert_eq!((watch.observer.last_client_stream(), watch.observer.open_exchanges()), (1, 1));
        watch.show(S, &crate::support::settings(&[]));
        watch.show(S, &answer(first));
        assert_eq!(watch.events.first().map(String::as_str), Some(expected), "{settings:?} {first:x}");
    }
    let mut watch = Watch::new(Observer::after_upgrade(Id(3), b"", [0; 2]));
    watch.show(C, &preface());
    watch.show(C, &get(3).1);
    assert_eq!(watch.events, ["0 GET a /", "0 sent"]);
}
