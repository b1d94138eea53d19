//! Every way in which a stream of HTTP/2 ends: one line with the bytes of its frames each way, one request counted, one response.

use crate::play::{Step, c, expect, s};
use Step::{ClientFin, ClientReset, ServerFin, ServerReset};

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW: u8 = 8;
const CONTINUATION: u8 = 9;
/// END_STREAM.
const END: u8 = 1;
/// END_HEADERS.
const WHOLE: u8 = 4;
const PADDED: u8 = 8;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a small frame").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// GET, http, /
const ASK: &[u8] = b"\x82\x86\x84";
/// The same with POST and the content type of gRPC.
const CALL: &[u8] = b"\x83\x86\x84\0\x0ccontent-type\x10application/grpc";
const OK: &[u8] = b"\x88";
const STATUS: &[u8] = b"\0\x0bgrpc-status\x010";

fn head(flags: u8, stream: u32, block: &[u8]) -> Vec<u8> {
    frame(HEADERS, WHOLE | flags, stream, block)
}

fn data(flags: u8, stream: u32, length: usize) -> Vec<u8> {
    frame(DATA, flags, stream, &vec![b'd'; length])
}

fn cancel(stream: u32, code: u8) -> Vec<u8> {
    frame(RST, 0, stream, &[0, 0, 0, code])
}

/// Both prefaces, and then these.
fn begun(steps: &[Step]) -> Vec<Step> {
    let settings = frame(SETTINGS, 0, 0, b"");
    let preface = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &settings[..]].concat();
    [&[c(preface), s(settings)], steps].concat()
}

/// Bytes of a frame with such a payload.
const fn f(payload: usize) -> usize {
    9 + payload
}

const ASKED: usize = f(ASK.len());
const ANSWERED: usize = f(OK.len());

#[test]
fn whole_exchanges() {
    let unary = [c(head(END, 1, ASK)), s(head(0, 1, OK)), s(data(END, 1, 1000))];
    expect("unary", &begun(&unary), &[(200, "", ASKED, ANSWERED + f(1000))], None);
    let streaming = [
        c(head(0, 1, ASK)),
        c(data(0, 1, 300)),
        s(head(0, 1, b"\x08\x03103")),
        s(head(0, 1, OK)),
        s([data(0, 1, 16_000), frame(WINDOW, 0, 1, &[0, 0, 0, 9]), frame(PING, 0, 0, &[0; 8])].concat()),
        // Another in the midst of it, with a split head and padding; it is over first.
        c([frame(HEADERS, END, 3, &ASK[..1]), frame(CONTINUATION, WHOLE, 3, &ASK[1..])].concat()),
        s([head(0, 3, OK), frame(DATA, PADDED | END, 3, &[4; 10])].concat()),
        s(frame(PUSH, WHOLE, 1, &[&[0, 0, 0, 2], ASK].concat())),
        s([head(0, 2, OK), data(END, 2, 50)].concat()),
        c(data(0, 1, 0)),
        c(data(END, 1, 5)),
        s(data(0, 1, 7)),
        s(head(END, 1, STATUS)),
    ];
    let split = ASKED + 9;
    let up = ASKED + f(300) + f(0) + f(5);
    let down = f(5) + ANSWERED + f(16_000) + f(7) + f(STATUS.len());
    expect("streaming", &begun(&streaming), &[(200, "", split, ANSWERED + f(10)), (200, "", up, down)], None);
    let large = data(END, 1, 15 << 20);
    let bulky = [c(head(0, 1, ASK)), c(&large), s(head(0, 1, OK)), s(&large)];
    expect("in bulk", &begun(&bulky), &[(200, "", ASKED + large.len(), ANSWERED + large.len())], None);
    let call = [
        c(head(0, 1, CALL)),
        c(data(END, 1, 12)),
        s(head(0, 1, OK)),
        s(data(0, 1, 9)),
        s(head(END, 1, STATUS)),
    ];
    let lines = [(200, "", f(CALL.len()) + f(12), ANSWERED + f(9) + f(STATUS.len()))];
    expect("gRPC", &begun(&call), &lines, None);
    let only = [OK, STATUS].concat();
    let failed = [c(head(0, 1, CALL)), c(data(END, 1, 12)), s(head(END, 1, &only))];
    expect("trailers only", &begun(&failed), &[(200, "", f(CALL.len()) + f(12), f(only.len()))], None);
    // RFC 8441: the stream is the tunnel.
    let connect = b"\x02\x07CONNECT\x86\x84\0\x09:protocol\x09websocket";
    let tunnel =
        [c(head(0, 1, connect)), s(head(0, 1, OK)), c(data(0, 1, 8)), s(data(END, 1, 6)), c(data(END, 1, 4))];
    expect("a tunnel", &begun(&tunnel), &[(200, "", f(connect.len()) + f(8) + f(4), ANSWERED + f(6))], None);
}

#[test]
fn responses_before_their_requests_end() {
    let early = [c(head(0, 1, ASK)), c(data(0, 1, 10)), s(head(END, 1, OK))];
    let then = |steps: &[Step]| begun(&[&early[..], steps].concat());
    let up = ASKED + f(10);
    let after = [c(head(END, 3, ASK)), s(head(END, 3, OK))];
    let other = (200, "", ASKED, ANSWERED);
    let it = |up| (200, "", up, ANSWERED);
    for (name, steps, up) in [
        ("it goes on", vec![c(data(0, 1, 10)), c(data(END, 1, 3))], up + f(10) + f(3)),
        ("the server wants no more", vec![s(cancel(1, 0)), c(data(0, 1, 10))], up),
        ("the client gives it up", vec![c(data(0, 1, 10)), c(cancel(1, 8))], up + f(10)),
    ] {
        expect(name, &then(&[&steps[..], &after].concat()), &[it(up), other], None);
    }
    expect("the connection ends", &then(&[c(data(0, 1, 7)), ClientReset]), &[it(up + f(7))], None);
}

#[test]
fn exchanges_that_are_cut_short() {
    let half = [c(head(0, 1, ASK)), c(data(0, 1, 10)), s(head(0, 1, OK)), s(&data(END, 1, 1000)[..509])];
    let then = |steps: &[Step]| begun(&[&half[..], steps].concat());
    let (up, down) = (ASKED + f(10), ANSWERED + 509);
    for (name, step, error) in [
        ("the client cancels", c(cancel(1, 8)), "h2(CANCEL)"),
        ("the client ends", ClientFin, "client_closed"),
        ("the client resets", ClientReset, "client_reset"),
        ("the server ends", ServerFin, "server_closed"),
        ("the server resets", ServerReset, "server_reset"),
    ] {
        expect(name, &then(&[step]), &[(200, error, up, down)], None);
    }
    let asked = [c(head(END, 1, ASK)), c(head(END, 3, CALL)), c(&data(0, 3, 9)[..5])];
    let refused = [&asked[..2], &[s(head(END, 1, OK)), s(cancel(3, 7))]].concat();
    let first = (200, "", ASKED, ANSWERED);
    let call = f(CALL.len());
    expect("refused", &begun(&refused), &[first, (0, "h2(REFUSED_STREAM)", call, 0)], None);
    let goaway = frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0]);
    let left_out = [&asked[..2], &[s(&goaway), s(head(END, 1, OK))]].concat();
    expect("left out by a GOAWAY", &begun(&left_out), &[(0, "h2(NO_ERROR)", call, 0), first], None);
    let answer = head(0, 1, OK);
    let lost = [&asked[..1], &[s(&answer[..answer.len() - 1]), ServerReset]].concat();
    expect("in the midst of a head", &begun(&lost), &[(0, "server_reset", ASKED, ANSWERED - 1)], None);
    expect("half a head asks nothing", &begun(&[c(&head(END, 1, ASK)[..10]), ClientReset]), &[], None);
    let blind = [&asked[..1], &[s(&answer), s(frame(PING, 0, 0, b"?"))]].concat();
    expect("blind", &begun(&blind), &[(200, "blind", ASKED, ANSWERED)], None);
}

#[test]
fn by_upgrade() {
    let request = "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\
                   HTTP2-Settings: AAMAAABk\r\n\r\n";
    let switch = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    let settings = frame(SETTINGS, 0, 0, b"");
    let steps = [
        c(request),
        s([switch.as_bytes(), &settings, &head(0, 1, OK)].concat()),
        c([b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &settings[..], &head(END, 3, ASK)].concat()),
        s([data(END, 1, 5), head(END, 3, OK)].concat()),
    ];
    let lines = [(200, "", request.len(), switch.len() + ANSWERED + f(5)), (200, "", ASKED, ANSWERED)];
    expect("by upgrade", &steps, &lines, None);
    let lost = [&steps[..1], &[s(switch), ServerFin]].concat();
    let line = (0, "server_closed", request.len(), switch.len());
    expect("by upgrade, and never answered", &lost, &[line], None);
}
