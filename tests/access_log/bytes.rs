//! Every way in which an exchange of HTTP/1 ends: one line with the bytes that passed each way, one request counted, one
//! response.

use std::io::{Read, Write};

use rustix::process::Signal;

use crate::lines::{read, wait_for};
use crate::play::{Line, Step, c, expect, s};
use crate::support::servers::forward;
use crate::support::*;
use Step::{ClientFin, ClientReset, ServerFin, ServerReset};

const POST: &str = "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n";
const CHUNKS: &str =
    "PUT /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: 1\r\n\r\n";
const HEAD: &str = "HEAD / HTTP/1.1\r\nHost: h\r\n\r\n";
const WS: &str = "GET /chat HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
const CONNECT: &str = "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n";

const UPGRADE: &str = "POST / HTTP/1.1\r\nHost: h\r\nUpgrade: x\r\nContent-Length: 3\r\n\r\n";

const LENGTH: &str = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n";
const LAST: &str = "0\r\nX-Sum: 1\r\n\r\n";
const CLOSE: &str = "HTTP/1.1 200 OK\r\n\r\n";
const CONTINUE: &str = "HTTP/1.1 100 Continue\r\n\r\n";
const HINTS: &str = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
const TOO_LARGE: &str = "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n";
const MOVED: &str = "HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n";

fn join(parts: &[&str]) -> String {
    parts.concat()
}

/// A row of a table: its name, what happens, and the lines.
type Row<'a> = (&'a str, Vec<Step>, &'a [Line]);

#[track_caller]
fn hold(rows: &[Row<'_>]) {
    for (name, steps, lines) in rows {
        expect(name, steps, lines, None);
    }
}

const G: usize = GET.len();
const O: usize = OK.len();

#[test]
fn whole_exchanges() {
    let large = vec![b'l'; 3 << 20];
    let long = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", large.len());
    let upload = format!("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n", large.len());
    hold(&[
        ("keep-alive", vec![c(GET), s(OK), c(GET), s(OK)], &[(200, "", G, O), (200, "", G, O)]),
        (
            "pipelined",
            vec![c([GET, HEAD.as_bytes()].concat()), s([OK, LENGTH.as_bytes()].concat())],
            &[(200, "", G, O), (200, "", HEAD.len(), LENGTH.len())],
        ),
        (
            "no bodies",
            vec![c(HEAD), s(LENGTH), c(GET), s(MOVED)],
            &[(200, "", HEAD.len(), LENGTH.len()), (304, "", G, MOVED.len())],
        ),
        (
            "chunks and trailers",
            vec![c(CHUNKS), s(CHUNKED), s(LAST)],
            &[(200, "", CHUNKS.len(), CHUNKED.len() + LAST.len())],
        ),
        (
            "interim responses",
            vec![c(POST), s(CONTINUE), c("1234567890"), s(HINTS), s(OK)],
            &[(200, "", POST.len() + 10, CONTINUE.len() + HINTS.len() + O)],
        ),
        (
            "until close, the body right behind its head",
            vec![c(GET), s(join(&[CLOSE, "some"])), s("more"), ServerFin],
            &[(200, "", G, CLOSE.len() + 8)],
        ),
        (
            "until close, and the client ends first",
            vec![c(GET), s(join(&[CLOSE, "some"])), ClientFin, s("more"), ServerFin],
            &[(200, "", G, CLOSE.len() + 8)],
        ),
        (
            "unseen, until close",
            vec![c(GET), s(CLOSE), s(&large), ServerFin],
            &[(200, "", G, CLOSE.len() + (3 << 20))],
        ),
        (
            "unseen, of known length",
            vec![c(&upload), c(&large), s(&long), s(&large)],
            &[(200, "", upload.len() + large.len(), long.len() + large.len())],
        ),
        ("empty lines between", vec![c("\r\n"), c(GET), s(OK), c("\r\n\r")], &[(200, "", G, O)]),
    ]);
}

#[test]
fn tunnels() {
    let large = vec![b'l'; 3 << 20];
    let begun = [c(WS), s(join(&[SWITCH, "\x01"])), c("abc"), s("de")];
    let then = |steps: &[Step]| [&begun[..], steps].concat();
    let (up, down) = (WS.len() + 3, SWITCH.len() + 3);
    hold(&[
        ("the client ends first", then(&[ClientFin, s("f"), ServerFin]), &[(101, "", up, down + 1)]),
        ("the server ends first", then(&[ServerFin, c("ghi"), ClientFin]), &[(101, "", up + 3, down)]),
        (
            "the client resets after the end",
            then(&[ServerFin, c("gh"), ClientReset]),
            &[(101, "", up + 2, down)],
        ),
        (
            "CONNECT with data right behind",
            vec![
                c(join(&[CONNECT, "hello"])),
                s(join(&[CLOSE, "SSH-2.0-x"])),
                c("\x16"),
                ServerFin,
                ClientFin,
            ],
            &[(200, "", CONNECT.len() + 6, CLOSE.len() + 9)],
        ),
        (
            "CONNECT in bulk",
            vec![c(CONNECT), s(CLOSE), c(&large), s(&large), c("."), ClientFin, ServerFin],
            &[(200, "", CONNECT.len() + large.len() + 1, CLOSE.len() + large.len())],
        ),
        (
            "CONNECT refused, and another request behind it",
            vec![c(join(&[CONNECT, HEAD])), s(TOO_LARGE), s(LENGTH)],
            &[(413, "", CONNECT.len(), TOO_LARGE.len()), (200, "", HEAD.len(), LENGTH.len())],
        ),
        (
            "101 before the request's end",
            vec![c(join(&[UPGRADE, "a"])), s(SWITCH), c("bc"), c("raw"), ClientFin, ServerFin],
            &[(101, "", UPGRADE.len() + 6, SWITCH.len())],
        ),
    ]);
    // The metrics have counted a tunnel when it began.
    for (name, step, error) in
        [("client", ClientReset, "client_reset"), ("server", ServerReset, "server_reset")]
    {
        expect(name, &then(&[step]), &[(101, error, up, down)], Some(""));
    }
}

#[test]
fn responses_before_their_requests_end() {
    let early = [c(join(&[POST, "12345"])), s(TOO_LARGE)];
    let then = |steps: &[Step]| [&early[..], steps].concat();
    let (up, down) = (POST.len() + 5, TOO_LARGE.len());
    let long = format!("HTTP/1.1 400 Bad Request\r\nContent-Length: 10000\r\n\r\n{}", "x".repeat(10_000));
    hold(&[
        ("it goes on", then(&[c("67890")]), &[(413, "", up + 5, down)]),
        ("and then another", then(&[c("67890"), c(GET), s(OK)]), &[(413, "", up + 5, down), (200, "", G, O)]),
        ("the server ends first", then(&[ServerFin, c("67890"), ClientFin]), &[(413, "", up + 5, down)]),
        (
            "the server ends, it never does",
            then(&[ServerFin, c("67"), ClientFin]),
            &[(413, "", up + 2, down)],
        ),
        ("it never ends", then(&[c("67"), ClientFin]), &[(413, "", up + 2, down)]),
        ("the client resets", then(&[c("67"), ClientReset]), &[(413, "", up + 2, down)]),
        ("the server resets", then(&[ServerReset]), &[(413, "", up, down)]),
        (
            "the client ends first",
            vec![c(join(&[POST, "12345"])), ClientFin, s(&long)],
            &[(400, "", up, long.len())],
        ),
        (
            "the client ends first, within the answer",
            vec![c(join(&[POST, "12345"])), s(&long[..9_000]), ClientFin, s(&long[9_000..])],
            &[(400, "", up, long.len())],
        ),
        (
            "the client ends first, both in chunks",
            vec![c(&CHUNKS[..60]), ClientFin, s(CONTINUE), s(CHUNKED), s(LAST)],
            &[(200, "", 60, CONTINUE.len() + CHUNKED.len() + LAST.len())],
        ),
        (
            "the client ends first, and then the server ends its answer with the connection",
            vec![c(join(&[POST, "12345"])), ClientFin, s(join(&[CLOSE, "no"])), ServerFin],
            &[(200, "", up, CLOSE.len() + 2)],
        ),
        (
            "the client ends first, behind another request",
            vec![c(join(&[HEAD, POST, "12345"])), ClientFin, s(join(&[LENGTH, TOO_LARGE]))],
            &[(200, "", HEAD.len(), LENGTH.len()), (413, "", up, down)],
        ),
        (
            "the server ends its answer with the connection",
            vec![c(join(&[POST, "12345"])), s(join(&[CLOSE, "no"])), ServerFin, c("67890"), ClientFin],
            &[(200, "", up + 5, CLOSE.len() + 2)],
        ),
    ]);
}

#[test]
fn exchanges_that_are_cut_short() {
    let ends = [
        (ClientFin, "client_closed"),
        (ClientReset, "client_reset"),
        (ServerFin, "server_closed"),
        (ServerReset, "server_reset"),
    ];
    let requests = [join(&[POST, "12345"]), CHUNKS[..CHUNKS.len() - 9].to_owned(), CHUNKS[..60].to_owned()];
    let answers = [
        (0, String::new()),
        (0, CONTINUE.to_owned()),
        (0, join(&[CONTINUE, &LENGTH[..25]])),
        (200, join(&[LENGTH, "12345"])),
        (200, CHUNKED.to_owned()),
        (200, join(&[CHUNKED, "0\r\nX-S"])),
    ];
    for (end, error) in ends {
        for request in &requests {
            let steps = [c(request), s(CHUNKED), end.clone()];
            expect("half a request", &steps, &[(200, error, request.len(), CHUNKED.len())], None);
        }
        for (status, answer) in &answers {
            let name = format!("{} {end:?}", answer.escape_debug());
            let steps = [c(GET), s(answer), end.clone()];
            expect(&name, &steps, &[(*status, error, G, answer.len())], None);
        }
    }
}

#[test]
fn requests_behind_an_answer_that_closes() {
    let three = GET.repeat(3);
    let closed = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let unanswered = |error| (0, error, G, 0);
    hold(&[
        (
            "by its length",
            vec![c(&three), s(closed), ServerFin],
            &[(200, "", G, closed.len()), unanswered("server_closed"), unanswered("server_closed")],
        ),
        (
            "by its end",
            vec![c(&three), s(join(&[CLOSE, "x"])), ServerFin],
            &[(200, "", G, CLOSE.len() + 1), unanswered("server_closed"), unanswered("server_closed")],
        ),
        (
            "by a reset",
            vec![c(&three), s(OK), ServerReset],
            &[(200, "", G, O), unanswered("server_reset"), unanswered("server_reset")],
        ),
        ("half a head asks nothing", vec![c("GET / HTTP/1.1\r\nHo"), ClientFin], &[]),
        (
            "and is cut short behind another",
            vec![c(GET), s(OK), c("GET / HTTP"), ClientReset],
            &[(200, "", G, O)],
        ),
    ]);
    // The bytes up to where the thread was lost.
    expect("blind", &[c(GET), s("HTTP/1.1 2x0 OK\r\n\r\n")], &[(0, "blind", G, 0)], None);
    let steps = [c(GET), s(CHUNKED), s("zz\r\n")];
    expect("blind in a body", &steps, &[(200, "blind", G, CHUNKED.len())], None);
}

#[test]
fn answers_of_waysides_own() {
    let Some(python) = python() else { skipped!("there is no Python") };
    let (_socket, addr) = refusing();
    let wayside = Wayside::start(&["--access-log", "json", "--forward", &forward(addr)]);
    let mut client = wayside.connect(0);
    client.write_all(GET).expect("to ask");
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).expect("an answer");
    let found = read(
        &python,
        &wait_for(&wayside, 1),
        &["json", "status", "error", "request_bytes", "response_bytes"],
    );
    assert_eq!(found, [format!("502|connection refused|{G}|{}", answer.len())]);
    // Half a chunked request, and then a chunk that is none.
    let tunnel = Tunnel::new(&["--access-log", "json", "--http-strict"]);
    let (mut client, _server) = tunnel.pair();
    let request = &CHUNKS[..CHUNKS.len() - 11];
    client.write_all(join(&[request, "zz\r\n"]).as_bytes()).expect("to ask");
    answer.clear();
    client.read_to_end(&mut answer).expect("an answer");
    let found = read(
        &python,
        &wait_for(&tunnel.wayside, 1),
        &["json", "status", "error", "request_bytes", "response_bytes"],
    );
    assert_eq!(found, [format!("400|chunk|{}|{}", request.len(), answer.len())]);
}

/// wayside ends what is open: at a time-out, or with itself.
#[test]
fn time_outs() {
    let answer = join(&[LENGTH, "12345"]);
    for args in
        [&["--idle-timeout", "300ms"][..], &["--drain-timeout", "300ms"], &["--half-close-timeout", "300ms"]]
    {
        let mut tunnel = Tunnel::new(&[&["--access-log", "json"], args].concat());
        let (mut client, mut server) = tunnel.pair();
        client.write_all(GET).expect("to ask");
        server.read_exact(&mut [0; G]).expect("the request");
        server.write_all(answer.as_bytes()).expect("to answer");
        client.read_exact(&mut vec![0; answer.len()]).expect("a part of the answer");
        let error = match args[0] {
            "--drain-timeout" => {
                tunnel.wayside.signal(Signal::TERM);
                assert_eq!(tunnel.wayside.wait(LIMIT).expect("it ends").code(), Some(0));
                "closed"
            }
            "--half-close-timeout" => {
                finish(&client);
                "client_closed"
            }
            _ => "closed",
        };
        let log = wait_for(&tunnel.wayside, 1);
        let found = ["status", "error", "request_bytes", "response_bytes"].map(|key| field(&log, key));
        let wanted = ["200", error, &G.to_string(), &answer.len().to_string()].map(|it| Some(it.to_owned()));
        assert_eq!(found, wanted, "{args:?}");
        assert_eq!(log.matches('\n').count(), 1, "{log}");
    }
}
