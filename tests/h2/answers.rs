//! wayside's own answers: frames out for requests in, read again by the observer and word for word.

use wayside::wire::event::Peer;
use wayside::wire::h2::{Observer, Open};
use wayside::wire::reply::{Http2, MAX_STREAMS, grpc_status, http2_greeting};

use crate::frames::{connect, data, get, post};
use crate::support::*;

/// Shows what a client has sent, answers it, shows the answer. What was said, and the answer.
fn answered(client: &[(Peer, Vec<u8>)], answer: Http2<'_>) -> (Vec<String>, Vec<u8>) {
    let mut watch = Watch::new(Observer::new());
    watch.show(Peer::Client, &preface());
    client.iter().for_each(|(_, frame)| watch.show(Peer::Client, frame));
    let streams: Vec<Open> = watch.observer.open_streams().collect();
    let bytes = answer.bytes(&streams);
    if answer.is_greeted {
        watch.show(Peer::Server, &http2_greeting());
    }
    let asked = watch.events.len();
    watch.show(Peer::Server, &bytes);
    let answered = watch.events.iter().filter(|event| event.contains(" answered")).count();
    assert_eq!(answered, streams.len().min(MAX_STREAMS), "{:?}", watch.events);
    assert!(watch.observer.is_at_frame_boundary(Peer::Server) && !watch.observer.is_blind());
    (watch.events.split_off(asked), bytes)
}

fn bad_gateway(cause: &str) -> Http2<'_> {
    Http2 { status: 502, cause, is_greeted: false, has_settings: true, window: 65_535 }
}

fn head(stream: u32) -> (Peer, Vec<u8>) {
    (
        Peer::Client,
        frame(HEADERS, ENDS, stream, &block(&[(":method", "HEAD"), (":path", "/"), (":authority", "a")])),
    )
}

fn goaway(last: u32, cause: &str) -> Vec<u8> {
    frame(GOAWAY, 0, 0, &[&last.to_be_bytes()[..], &[0; 4], cause.as_bytes()].concat())
}

/// The answer to a request that is no gRPC call.
fn plain(stream: u32, status: &str, cause: &str, body: &str, is_sent: bool) -> Vec<u8> {
    let length = body.len().to_string();
    let fields = [
        (":status", status),
        ("wayside-error", cause),
        ("content-type", "text/plain"),
        ("content-length", &length),
    ];
    let head = frame(HEADERS, if is_sent { END_HEADERS } else { ENDS }, stream, &block(&fields));
    if is_sent { [head, frame(DATA, END_STREAM, stream, body.as_bytes())].concat() } else { head }
}

#[test]
fn word_for_word() {
    let body = "502 Bad Gateway: connection refused\n";
    let greeting = [settings(&[]), frame(SETTINGS, ACK, 0, &[])].concat();
    let (_, bytes) = answered(&[get(1), head(3)], bad_gateway("connection refused"));
    let expected = [
        greeting.clone(),
        plain(1, "502", "connection refused", body, true),
        plain(3, "502", "connection refused", body, false),
        goaway(3, "connection refused"),
    ];
    assert_eq!(bytes, expected.concat());
    let call = |message: &str, cause: &str| {
        let fields = [
            (":status", "200"),
            ("content-type", "application/grpc"),
            ("grpc-status", "14"),
            ("grpc-message", message),
            ("wayside-error", cause),
        ];
        let reset = frame(RST, 0, 1, &[0; 4]);
        [greeting.clone(), frame(HEADERS, ENDS, 1, &block(&fields)), reset, goaway(1, cause)].concat()
    };
    assert_eq!(answered(&[post(1)], bad_gateway("no route")).1, call("no route", "no route"));
    assert_eq!(answered(&[post(1)], bad_gateway(" 5% \u{e9}\r\n")).1, call("5%25 ?", "5% ?"));
}

#[test]
fn each_kind_of_request_gets_an_answer_that_is_read_as_meant() {
    let said = |client: &[(Peer, Vec<u8>)]| answered(client, bad_gateway("why")).0;
    assert_eq!(said(&[get(1)]), ["0 status 502", "0 answered"]);
    assert_eq!(said(&[head(1)]), ["0 status 502", "0 answered"]);
    let call = ["0 status 200 grpc-status 14", "0 answered grpc-status 14"];
    assert_eq!(said(&[post(1), data(Peer::Client, END_STREAM, 1, 3)]), call);
    // What is left of a call is not wanted; of other requests it is the client's to end.
    assert_eq!(said(&[post(1), data(Peer::Client, 0, 1, 3)]), [call[0], call[1], "0 sent"]);
    assert_eq!(said(&[connect(1)]), ["0 status 502", "0 answered"]);
    let both = said(&[get(1), post(7), data(Peer::Client, END_STREAM, 7, 3)]);
    assert_eq!(both[2..], ["1 status 200 grpc-status 14", "1 answered grpc-status 14"]);
    // One that the client has given up gets none.
    let left = said(&[get(1), get(3), crate::frames::reset(Peer::Client, 1, 8)]);
    assert_eq!(left, ["1 status 502", "1 answered"]);
    assert_eq!(said(&[]), [] as [&str; 0]);
}

#[test]
fn the_goaway_names_the_last_that_was_answered() {
    let many: Vec<_> = (0..MAX_STREAMS as u32 + 50).map(|number| get(2 * number + 1)).collect();
    let last = MAX_STREAMS as u32 * 2 - 1;
    let (events, bytes) = answered(&many, bad_gateway("why"));
    assert!(bytes.ends_with(&goaway(last, "why")));
    assert_eq!(events.iter().filter(|event| event.ends_with("status 502")).count(), MAX_STREAMS);
    assert_eq!(events.iter().filter(|event| event.contains("reset by Server 0")).count(), 50);
    assert!(bytes.len() < 16 << 10, "{} bytes are not taken at once", bytes.len());
    assert!(answered(&[], bad_gateway("why")).1.ends_with(&goaway(0, "why")));
}

#[test]
fn what_was_said_already_is_not_said_again_and_a_small_window_is_heeded() {
    let greeted = Http2 { is_greeted: true, has_settings: false, ..bad_gateway("why") };
    let body = "502 Bad Gateway: why\n";
    let expected = [plain(1, "502", "why", body, true), goaway(1, "why")].concat();
    assert_eq!(answered(&[get(1)], greeted).1, expected);
    let fits = Http2 { window: body.len() as u32, ..greeted };
    assert_eq!(answered(&[get(1)], fits).1, expected);
    let too_small = Http2 { window: body.len() as u32 - 1, ..greeted };
    let fields = [(":status", "502"), ("wayside-error", "why")];
    let expected = [frame(HEADERS, ENDS, 1, &block(&fields)), goaway(1, "why")].concat();
    assert_eq!(answered(&[get(1)], too_small).1, expected);
    let mut watch = Watch::new(Observer::new());
    assert_eq!((watch.observer.client_window(), watch.observer.has_client_settings()), (65_535, false));
    watch.show(
        Peer::Client,
        &[&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &settings(&[(3, 7), (4, 9), (5, 8)])].concat(),
    );
    assert_eq!((watch.observer.client_window(), watch.observer.has_client_settings()), (9, true));
}

#[test]
fn hostile_causes_and_strange_statuses_stay_one_field() {
    for status in [0, 200, 403, 502, 599, 600, u16::MAX] {
        for cause in ["", "a\r\nb: c\0\u{1f4a3}", &"x".repeat(10_000), &"%".repeat(300)] {
            let expected = if (400..600).contains(&status) { status } else { 500 };
            let (events, _) = answered(&[get(1), post(3)], Http2 { status, ..bad_gateway(cause) });
            assert_eq!(events[0], format!("0 status {expected}"));
            assert_eq!(events[2], format!("1 status 200 grpc-status {}", grpc_status(status)));
        }
    }
    let table = [
        (400, 13),
        (403, 7),
        (404, 5),
        (408, 4),
        (431, 13),
        (500, 13),
        (502, 14),
        (503, 14),
        (504, 4),
        (508, 10),
    ];
    for (status, expected) in table {
        assert_eq!(grpc_status(status), expected, "{status}");
    }
}
