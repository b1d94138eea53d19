//! Tables of conversations, each at every split point.

use wayside::wire::event::Peer;

use crate::support::*;

pub(crate) const C: Peer = Peer::Client;
pub(crate) const S: Peer = Peer::Server;

/// A conversation of frames behind both sides' greetings; frames of one side in a row are one record.
pub(crate) fn talk(frames: &[(Peer, Vec<u8>)]) -> Talk {
    let mut talk: Talk = vec![(C, preface()), (S, [settings(&[]), frame(SETTINGS, ACK, 0, &[])].concat())];
    for (from, frame) in frames {
        match talk.last_mut() {
            Some((by, bytes)) if by == from => bytes.extend(frame),
            _ => talk.push((*from, frame.clone())),
        }
    }
    talk
}

pub(crate) fn get(stream: u32) -> (Peer, Vec<u8>) {
    (C, frame(HEADERS, ENDS, stream, &block(&[(":method", "GET"), (":path", "/"), (":authority", "a")])))
}

pub(crate) fn post(stream: u32) -> (Peer, Vec<u8>) {
    let fields =
        [(":method", "POST"), (":path", "/s/M"), (":authority", "a"), ("content-type", "application/grpc")];
    (C, frame(HEADERS, END_HEADERS, stream, &block(&fields)))
}

pub(crate) fn connect(stream: u32) -> (Peer, Vec<u8>) {
    let fields =
        [(":method", "CONNECT"), (":protocol", "websocket"), (":path", "/chat"), (":authority", "a")];
    (C, frame(HEADERS, END_HEADERS, stream, &block(&fields)))
}

pub(crate) fn status(flags: u8, stream: u32, status: &str) -> (Peer, Vec<u8>) {
    (S, frame(HEADERS, flags, stream, &block(&[(":status", status)])))
}

pub(crate) fn trailers(stream: u32, status: &str) -> (Peer, Vec<u8>) {
    (S, frame(HEADERS, ENDS, stream, &block(&[("grpc-status", status), ("grpc-message", "a%20b")])))
}

pub(crate) fn data(from: Peer, flags: u8, stream: u32, length: usize) -> (Peer, Vec<u8>) {
    (from, frame(DATA, flags, stream, &vec![7; length]))
}

pub(crate) fn reset(from: Peer, stream: u32, code: u32) -> (Peer, Vec<u8>) {
    (from, frame(RST, 0, stream, &code.to_be_bytes()))
}

pub(crate) fn goaway(last: u32, code: u32) -> (Peer, Vec<u8>) {
    (S, frame(GOAWAY, 0, 0, &[&last.to_be_bytes()[..], &code.to_be_bytes(), b"debug"].concat()))
}

#[test]
fn requests_and_answers() {
    means(
        "a GET",
        &talk(&[get(1), status(END_HEADERS, 1, "200"), data(S, END_STREAM, 1, 30)]),
        &["0 GET a /", "0 sent", "0 status 200", "0 answered"],
    );
    means(
        "an answer without a body",
        &talk(&[get(1), status(ENDS, 1, "304")]),
        &["0 GET a /", "0 sent", "0 status 304", "0 answered"],
    );
    means(
        "a body that ends with an empty frame",
        &talk(&[post(1), data(C, 0, 1, 5), data(C, 1, 1, 0), status(ENDS, 1, "200")]),
        &["0 POST a /s/M grpc", "0 sent", "0 status 200", "0 answered"],
    );
    means(
        "grpc",
        &talk(&[
            post(1),
            data(C, 1, 1, 9),
            status(END_HEADERS, 1, "200"),
            data(S, 0, 1, 9),
            trailers(1, "0"),
        ]),
        &["0 POST a /s/M grpc", "0 sent", "0 status 200", "0 answered grpc-status 0"],
    );
    let only = (S, frame(HEADERS, ENDS, 1, &block(&[(":status", "200"), ("grpc-status", "12")])));
    means(
        "trailers only",
        &talk(&[post(1), only, data(C, 1, 1, 3)]),
        &["0 POST a /s/M grpc", "0 status 200 grpc-status 12", "0 answered grpc-status 12", "0 sent"],
    );
    means(
        "no number",
        &talk(&[get(1), status(END_HEADERS, 1, "200"), trailers(1, "4294967296")]),
        &["0 GET a /", "0 sent", "0 status 200", "0 answered"],
    );
    let hints = [status(END_HEADERS, 1, "103"), status(END_HEADERS, 1, "100")];
    means(
        "interim",
        &talk(&[get(1), hints[0].clone(), hints[1].clone(), status(ENDS, 1, "500")]),
        &["0 GET a /", "0 sent", "0 interim 103", "0 interim 100", "0 status 500", "0 answered"],
    );
    let trailers_of_client = (C, frame(HEADERS, ENDS, 1, &block(&[("x-sum", "1")])));
    means(
        "trailers of a request",
        &talk(&[post(1), data(C, 0, 1, 2), trailers_of_client, status(ENDS, 1, "200")]),
        &["0 POST a /s/M grpc", "0 sent", "0 status 200", "0 answered"],
    );
}

#[test]
fn heads_in_every_form() {
    let fields = block(&[
        (":method", "PUT"),
        ("host", "from-host"),
        (":path", "/p"),
        ("user-agent", "u"),
        ("referer", "r"),
    ]);
    let expected = ["0 PUT from-host /p agent u referer r", "0 sent"];
    let padded = [&[7][..], &[0x80, 0, 0, 0, 9], &fields, &[0; 7]].concat();
    means(
        "padded and weighed",
        &talk(&[(C, frame(HEADERS, ENDS | PADDED | PRIORITY, 1, &padded))]),
        &expected,
    );
    let weighed = [&[0, 0, 0, 0, 9][..], &fields].concat();
    means("weighed", &talk(&[(C, frame(HEADERS, ENDS | PRIORITY, 1, &weighed))]), &expected);
    for at in 0..=fields.len() {
        let (first, rest) = fields.split_at(at);
        let (second, third) = rest.split_at(rest.len() / 2);
        let padded = [&[3][..], first, &[0; 3]].concat();
        let frames = [
            (C, frame(HEADERS, END_STREAM | PADDED, 1, &padded)),
            (C, frame(CONTINUATION, 0, 1, second)),
            (C, frame(CONTINUATION, 0, 1, &[])),
            (C, frame(CONTINUATION, END_HEADERS, 1, third)),
        ];
        assert_eq!(whole(&talk(&frames)), expected, "continued at {at}");
        if at % 16 == 0 {
            means("continued", &talk(&frames), &expected);
        }
    }
    let twice =
        block(&[(":method", "GET"), (":authority", ""), ("host", "h"), (":path", "/1"), (":path", "/2")]);
    means("the first counts", &talk(&[(C, frame(HEADERS, ENDS, 1, &twice))]), &["0 GET h /1", "0 sent"]);
}

#[test]
fn exchanges_end_in_many_ways() {
    means(
        "the client gives up",
        &talk(&[get(1), reset(C, 1, 8), status(ENDS, 1, "200"), data(S, 1, 1, 4)]),
        &["0 GET a /", "0 sent", "0 reset by Client 8"],
    );
    means(
        "the server refuses",
        &talk(&[post(1), reset(S, 1, 7), data(C, 1, 1, 4), get(3)]),
        &["0 POST a /s/M grpc", "0 reset by Server 7", "0 GET a /", "0 sent"],
    );
    means(
        "the server has enough",
        &talk(&[post(1), status(ENDS, 1, "413"), reset(S, 1, 0), data(C, 1, 1, 4)]),
        &["0 POST a /s/M grpc", "0 status 413", "0 answered", "0 sent"],
    );
    means(
        "the client gives up behind the answer",
        &talk(&[post(1), status(ENDS, 1, "200"), reset(C, 1, 8)]),
        &["0 POST a /s/M grpc", "0 status 200", "0 answered", "0 reset by Client 8"],
    );
    means(
        "the client too, without an error",
        &talk(&[post(1), status(ENDS, 1, "200"), reset(C, 1, 0)]),
        &["0 POST a /s/M grpc", "0 status 200", "0 answered", "0 reset by Client 0"],
    );
    means(
        "a reset of what is over",
        &talk(&[get(1), status(ENDS, 1, "200"), reset(C, 1, 8), reset(S, 1, 0)]),
        &["0 GET a /", "0 sent", "0 status 200", "0 answered"],
    );
    means(
        "the lowest id is given again",
        &talk(&[get(1), get(3), get(5), reset(C, 3, 8), reset(C, 1, 8), get(7), get(9), get(11)]),
        &[
            "0 GET a /",
            "0 sent",
            "1 GET a /",
            "1 sent",
            "2 GET a /",
            "2 sent",
            "1 reset by Client 8",
            "0 reset by Client 8",
            "0 GET a /",
            "0 sent",
            "1 GET a /",
            "1 sent",
            "3 GET a /",
            "3 sent",
        ],
    );
}

#[test]
fn a_goaway_leaves_out_what_is_above() {
    means(
        "above",
        &talk(&[get(1), get(3), get(5), goaway(1, 0), status(ENDS, 1, "200")]),
        &[
            "0 GET a /",
            "0 sent",
            "1 GET a /",
            "1 sent",
            "2 GET a /",
            "2 sent",
            "2 reset by Server 0",
            "1 reset by Server 0",
            "0 status 200",
            "0 answered",
        ],
    );
    means(
        "graceful",
        &talk(&[get(1), goaway(i32::MAX as u32, 0), get(3), goaway(3, 0), get(5), goaway(7, 2), get(7)]),
        &[
            "0 GET a /",
            "0 sent",
            "1 GET a /",
            "1 sent",
            "2 GET a /",
            "2 sent",
            "2 reset by Server 0",
            "2 GET a /",
            "2 sent",
            "2 reset by Server 2",
        ],
    );
    let of_client = (C, frame(GOAWAY, 0, 0, &[0; 8]));
    means(
        "the client's",
        &talk(&[get(1), of_client, status(ENDS, 1, "200")]),
        &["0 GET a /", "0 sent", "0 status 200", "0 answered"],
    );
}

#[test]
fn tunnels() {
    means(
        "an extended CONNECT",
        &talk(&[
            connect(1),
            status(END_HEADERS, 1, "200"),
            data(C, 0, 1, 9),
            data(S, 1, 1, 9),
            data(C, 1, 1, 0),
        ]),
        &["0 CONNECT a /chat", "0 status 200", "0 tunnel", "0 answered", "0 sent"],
    );
    means(
        "refused",
        &talk(&[connect(1), status(ENDS, 1, "403"), reset(C, 1, 8)]),
        &["0 CONNECT a /chat", "0 status 403", "0 answered", "0 reset by Client 8"],
    );
    let plain =
        (C, frame(HEADERS, END_HEADERS, 1, &block(&[(":method", "CONNECT"), (":authority", "b:443")])));
    means(
        "a CONNECT",
        &talk(&[plain, status(END_HEADERS, 1, "204"), reset(S, 1, 10)]),
        &["0 CONNECT b:443 ", "0 status 204", "0 tunnel", "0 reset by Server 10"],
    );
}

#[test]
fn answers_that_no_client_may_accept() {
    for bad in ["", "99", "101", "0200", "20x", "-20"] {
        means(
            bad,
            &talk(&[get(1), status(END_HEADERS, 1, bad), data(S, 1, 1, 1)]),
            &["0 GET a /", "0 sent", "0 reset by Server 1"],
        );
    }
    means(
        "the end of an interim",
        &talk(&[get(1), status(ENDS, 1, "100")]),
        &["0 GET a /", "0 sent", "0 reset by Server 1"],
    );
    means(
        "DATA first",
        &talk(&[get(1), data(S, 0, 1, 1), status(ENDS, 1, "200")]),
        &["0 GET a /", "0 sent", "0 reset by Server 1"],
    );
}

#[test]
fn what_does_not_matter_is_passed_over() {
    let promise = |flags: u8, before: &[u8], fragment: &[u8]| {
        (S, frame(PUSH, flags, 1, &[before, &2_u32.to_be_bytes(), fragment].concat()))
    };
    // What the promise puts into the table, the answer uses.
    let kept = [&[0x40, 7][..], b":status", &[3], b"201"].concat();
    let used = (S, frame(HEADERS, ENDS, 1, &[0xbe]));
    let expected = ["0 GET a /", "0 sent", "0 status 201", "0 answered"];
    let pushed = [status(END_HEADERS, 2, "200"), data(S, 1, 2, 5), reset(C, 2, 8), reset(S, 4, 8)];
    for promised in [
        vec![promise(END_HEADERS, &[], &kept)],
        vec![promise(END_HEADERS | PADDED, &[2], &[&kept[..], &[0; 2]].concat())],
        vec![promise(0, &[], &kept[..5]), (S, frame(CONTINUATION, END_HEADERS, 1, &kept[5..]))],
    ] {
        let frames = [vec![get(1)], promised, pushed.to_vec(), vec![used.clone()]].concat();
        means("a promise", &talk(&frames), &expected);
    }
    let noise = [
        (C, frame(PING, 0, 0, &[1; 8])),
        (C, frame(2, 0, 99, &[0; 5])),
        (C, frame(WINDOW, 0, 0, &[0; 4])),
        (C, frame(WINDOW, 0, 7, &[0; 4])),
        (C, frame(0xbe, 0xff, 77, b"extension")),
        (C, frame(0xbf, 0, 0, b"")),
        (C, frame(SETTINGS, ACK, 0, &[])),
        (C, frame(SETTINGS, ACK, 0, &[])),
        (C, settings(&[(3, 1), (0xabcd, 7)])),
        (C, frame(DATA, PADDED, 1, &[0; 20])),
        (C, frame(HEADERS, ENDS, 1, &block(&[("late", "trailers")]))),
    ];
    let frames = [vec![get(1), status(ENDS, 1, "200")], noise.to_vec(), vec![get(3)]].concat();
    means(
        "noise",
        &talk(&frames),
        &["0 GET a /", "0 sent", "0 status 200", "0 answered", "0 GET a /", "0 sent"],
    );
}
