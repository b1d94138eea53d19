//! How many bytes each message had, however it is cut.

use wayside::wire::event::{Event, Id, Peer, Sink};
use wayside::wire::h1::Observer;

#[derive(Default)]
struct Measures(Vec<(Id, Peer, u64)>);

impl Sink for Measures {
    fn event(&mut self, _: Event<'_>) {}
    fn measured(&mut self, id: Id, by: Peer, bytes: u64) {
        self.0.push((id, by, bytes));
    }
}

const REQUESTS: [&str; 3] = [
    "GET /a HTTP/1.1\r\nHost: a\r\n\r\n",
    "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
    "PUT /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nT: 1\r\n\r\n",
];
const RESPONSES: [&str; 3] = [
    "HTTP/1.1 204 No Content\r\n\r\n",
    "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n",
];

#[test]
fn each_message_has_its_own_bytes_at_every_split() {
    let (client, server) = (REQUESTS.concat(), RESPONSES.concat());
    let lengths = |texts: [&str; 3]| texts.map(|text| text.len() as u64).to_vec();
    for split in 0..=client.len().max(server.len()) {
        let (mut observer, mut measures) = (Observer::new(false), Measures::default());
        let (first, last) = client.as_bytes().split_at(split.min(client.len()));
        observer.client(first, &mut measures);
        observer.client(last, &mut measures);
        let (first, last) = server.as_bytes().split_at(split.min(server.len()));
        observer.server(first, &mut measures);
        observer.server(last, &mut measures);
        let of = |peer| -> Vec<u64> { measures.0.iter().filter(|it| it.1 == peer).map(|it| it.2).collect() };
        assert_eq!(of(Peer::Client), lengths(REQUESTS), "split at {split}");
        assert_eq!(of(Peer::Server), lengths(RESPONSES), "split at {split}");
    }
}

#[test]
fn what_passes_unseen_counts_as_well() {
    let (mut observer, mut measures) = (Observer::new(false), Measures::default());
    observer.client(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", &mut measures);
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
    observer.server(head, &mut measures);
    assert_eq!(observer.server_skip(), 1_000_000);
    observer.server_skipped(1_000_000, &mut measures);
    assert_eq!(measures.0.last(), Some(&(Id(0), Peer::Server, 1_000_000 + head.len() as u64)));
}

/// What was told last of each side.
fn last(measures: &Measures) -> [Option<u64>; 2] {
    [Peer::Client, Peer::Server].map(|by| measures.0.iter().rfind(|it| it.1 == by).map(|it| it.2))
}

const WS: &str = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n\r\n";
const SWITCH: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n";

/// A body until close, a tunnel, an early answer, and a message cut off: all that was shown, at every split.
#[test]
fn what_has_no_end_of_its_own_counts_to_the_last_byte() {
    let close = "HTTP/1.1 200 OK\r\n\r\nuntil close";
    let (tunnel, half) = (format!("{SWITCH}down"), "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf");
    let early = "HTTP/1.1 413 No\r\nContent-Length: 0\r\n\r\n";
    let rows = [
        (WS, "", close),
        (WS, "up", &tunnel),
        (REQUESTS[0], "", half),
        (REQUESTS[0], "", &half[..20]),
        (&REQUESTS[1][..REQUESTS[1].len() - 4], "ell", early),
    ];
    for (request, then, response) in rows {
        for split in 0..=response.len() {
            let (mut observer, mut measures) = (Observer::new(false), Measures::default());
            observer.client(request.as_bytes(), &mut measures);
            for part in [&response.as_bytes()[..split], &response.as_bytes()[split..]] {
                observer.server(part, &mut measures);
            }
            observer.client(then.as_bytes(), &mut measures);
            observer.server_end(&mut measures);
            observer.close(&mut measures);
            let wanted = [request.len() + then.len(), response.len()].map(|len| Some(len as u64));
            assert_eq!(last(&measures), wanted, "{response:?}, split at {split}");
        }
    }
}
