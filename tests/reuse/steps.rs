//! The orders in which messages begin, end and break off that no common client and server show.

use crate::play::Step::*;
use crate::play::*;

#[test]
fn responses_without_a_body() {
    play(
        "a HEAD whose response names a length, and a request behind it",
        &[
            Asks("HEAD / HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHost: h\r\n\r\n"),
            Accept,
            Got("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"),
            Says("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"),
            Hears("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"),
            Got(GET_2),
            Says(OK_2),
            Hears(OK_2),
        ],
    );
    play(
        "a 304 that names a length, and a 204",
        &[
            Asks(BOTH),
            Accept,
            Got(GET_1),
            Says("HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n"),
            Hears("HTTP/1.1 304 Not Modified\r\nContent-Length: 100\r\n\r\n"),
            Got(GET_2),
            Says("HTTP/1.1 204 No Content\r\n\r\n"),
            Hears("HTTP/1.1 204 No Content\r\n\r\n"),
            Asks(GET_1),
            Got(GET_1),
            Says(OK_1),
            Hears(OK_1),
        ],
    );
}

#[test]
fn answers_before_the_request_has_ended() {
    play(
        "the server reads the rest all the same: the connection serves on",
        &[
            Asks(POST),
            Accept,
            Got(POST),
            Says(EARLY),
            Hears(EARLY),
            Asks("abcdefGET /2 HTTP/1.1\r\nHost: h\r\n\r\n"),
            Got("abcdef"),
            Got(GET_2),
            Says(OK_2),
            Hears(OK_2),
        ],
    );
    play(
        "behind interim responses, and the client ends within its body",
        &[
            Asks(PATIENT),
            Accept,
            Got(PATIENT),
            Says(CONTINUE),
            Hears(CONTINUE),
            Asks("abc"),
            Got("abc"),
            Says(HINTS),
            Hears(HINTS),
            Says(EARLY),
            Hears(EARLY),
            ClientEnds,
            EndAtClient,
            GoneAtServer,
        ],
    );
    play(
        "the client ends within its body first, and is answered all the same",
        &[
            Asks(CHUNKED),
            Asks("3\r\nabc\r\n"),
            Accept,
            Got(CHUNKED),
            Got("3\r\nabc\r\n"),
            ClientEnds,
            Says(EARLY),
            Hears(EARLY),
            EndAtClient,
            GoneAtServer,
        ],
    );
    play(
        "the server closes behind its answer, and the client goes on sending",
        &[
            Asks(POST),
            Accept,
            Got(POST),
            Says("HTTP/1.1 413 Too Big\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"),
            ServerEnds,
            Hears("HTTP/1.1 413 Too Big\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno"),
            Asks("abc"),
            EndAtClient,
            GoneAtServer,
        ],
    );
}

#[test]
fn servers_that_end_before_they_have_answered() {
    play(
        "while the request's body is on its way",
        &[
            Asks(POST),
            Accept,
            Got(POST),
            ServerEnds,
            Hears(CLOSED_LAST),
            Asks("abcdef"),
            EndAtClient,
            GoneAtServer,
        ],
    );
    play(
        "behind a 100, with a body that came after it",
        &[
            Asks(PATIENT),
            Accept,
            Got(PATIENT),
            Says(CONTINUE),
            Hears(CONTINUE),
            Asks("abcdef"),
            Got("abcdef"),
            ServerEnds,
            Hears(CLOSED),
            // The request was whole: the connection lives on.
            Asks(GET_2),
            Accept,
            Got(GET_2),
            Says(OK_2),
            Hears(OK_2),
        ],
    );
    play(
        "behind an interim response on a kept connection: it has spoken, so the request is not sent anew",
        &[
            Asks(GET_1),
            Accept,
            Got(GET_1),
            Says(OK_1),
            Hears(OK_1),
            Asks(GET_2),
            Got(GET_2),
            Says(HINTS),
            Hears(HINTS),
            ServerEnds,
            Hears(CLOSED),
        ],
    );
    play(
        "within a head, on a new connection: not sent anew either",
        &[
            Asks(GET_1),
            Accept,
            Got(GET_1),
            Says("HTTP/1.1 20"),
            ServerEnds,
            Hears("HTTP/1.1 502 Bad Gateway\r\n"),
        ],
    );
}

#[test]
fn a_server_whose_kept_connection_ends() {
    play(
        "a kept one, without a word: the request is sent anew, and what is pipelined stays behind it",
        &[
            Asks(GET_1),
            Accept,
            Got(GET_1),
            Says(OK_1),
            Hears(OK_1),
            Asks(BOTH),
            Got(GET_1),
            ServerResets,
            Accept,
            Got(GET_1),
            Says(OK_1),
            Hears(OK_1),
            Got(GET_2),
            Says(OK_2),
            Hears(OK_2),
        ],
    );
}

#[test]
fn responses_that_end_with_the_connection() {
    play(
        "what is pipelined behind goes nowhere",
        &[
            Asks(BOTH),
            Accept,
            Got(GET_1),
            Says("HTTP/1.1 200 OK\r\n\r\nall"),
            Hears("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall"),
            ServerEnds,
            EndAtClient,
            GoneAtServer,
        ],
    );
    play(
        "a reset makes no whole of it",
        &[
            Asks(GET_1),
            Accept,
            Got(GET_1),
            Says("HTTP/1.1 200 OK\r\n\r\nhalf"),
            Hears("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhalf"),
            ServerResets,
            ResetAtClient,
        ],
    );
    play(
        "an end makes no whole of one that names its length",
        &[
            Asks(GET_1),
            Accept,
            Got(GET_1),
            Says("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
            Hears("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
            ServerEnds,
            ResetAtClient,
        ],
    );
}

#[test]
fn clients_that_end_their_side_behind_requests() {
    play(
        "two that are pipelined are both answered",
        &[
            Asks(BOTH),
            ClientEnds,
            Accept,
            Got(GET_1),
            // The next one waits for the response.
            QuietAtServer,
            Says(OK_1),
            Hears(OK_1),
            Got(GET_2),
            Says(OK_2),
            Hears(OK_2),
            EndAtClient,
        ],
    );
    play(
        "half a request behind a whole one is none",
        &[
            Asks("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nGET /2 HTTP/1.1\r\nHo"),
            ClientEnds,
            Accept,
            Got(GET_1),
            Says(OK_1),
            Hears(OK_1),
            EndAtClient,
        ],
    );
}

#[test]
fn heads_that_say_something_about_the_way() {
    play(
        "a target that names another host than Host",
        &[
            Asks("GET http://a.test/ HTTP/1.1\r\nHost: b.test\r\n\r\n"),
            Hears("HTTP/1.1 400 Bad Request\r\nwayside-error: host\r\n"),
        ],
    );
    play(
        "an upgrade that the server takes: both ways are the client's own from there on",
        &[
            Asks("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"),
            Accept,
            Got("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"),
            Says("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhello"),
            Hears("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nhello"),
            Asks(GET_1),
            Got(GET_1),
            Says("no HTTP"),
            Hears("no HTTP"),
            ServerEnds,
            EndAtClient,
            Asks("more"),
            Got("more"),
            ClientEnds,
            GoneAtServer,
        ],
    );
    play(
        "an upgrade that the server does not take: what is behind it is the next request",
        &[
            Asks("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"),
            Accept,
            Got("GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"),
            Asks(GET_2),
            QuietAtServer,
            Says(OK_1),
            Hears(OK_1),
            Got(GET_2),
            Says(OK_2),
            Hears(OK_2),
        ],
    );
}
