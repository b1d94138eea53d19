//! What a slow, hostile or hung client can hold and delay.

use std::time::{Duration, Instant};

use super::super::client::{HEAD_TIMEOUT, KEEP_TIMEOUT, STALL_TIMEOUT};
use super::super::{MAX_CLIENTS, MAX_GZIP, PATIENCE, client_number};
use super::bench::{Bench, Peer};

const GET: &[u8] = b"GET /live HTTP/1.1\r\nHost: a\r\n\r\n";
const ENDLESS: &[u8] = b"GET /connections HTTP/1.1\r\nHost: a\r\n\r\n";
const ENDLESS_GZIP: &[u8] = b"GET /connections HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n";
const MOMENT: Duration = Duration::from_millis(1);

fn crowd(bench: &mut Bench, count: usize) -> Vec<Peer> {
    (0..count)
        .map(|_| {
            let peer = bench.connect_narrow();
            bench.settle();
            bench.now += MOMENT;
            peer
        })
        .collect()
}

fn output(bench: &Bench) -> usize {
    bench.admin.clients.iter().map(|(_, client)| client.held()).max().unwrap_or(0)
}

fn pass(bench: &mut Bench, time: Duration) {
    bench.now += time;
    bench.admin.expire(bench.now);
    bench.turn();
}

#[test]
fn one_too_many_takes_the_place_of_the_oldest_idle() {
    let mut bench = Bench::new();
    let mut crowd = crowd(&mut bench, MAX_CLIENTS);
    // The oldest has just been served, so that the second one is now the longest idle.
    crowd[0].send(GET);
    assert_eq!(crowd[0].response(&mut bench, false).status, 200);
    assert_eq!((bench.clients(), bench.subject.refused), (MAX_CLIENTS, 0));
    assert_eq!(bench.get("/live").status, 200);
    assert_eq!((bench.clients(), bench.subject.refused), (MAX_CLIENTS, 1));
    assert_eq!(crowd[1].rest(&mut bench), b"");
    crowd[0].send(GET);
    assert_eq!(crowd[0].response(&mut bench, false).status, 200);
}

#[test]
fn an_answer_is_not_cut_off_while_another_client_idles() {
    let mut bench = Bench::new();
    bench.subject.connections = 1 << 30;
    let mut stalled = bench.connect();
    stalled.send(ENDLESS);
    bench.settle();
    bench.now += PATIENCE * 2;
    let mut crowd = crowd(&mut bench, MAX_CLIENTS - 1);
    assert_eq!(bench.get("/live").status, 200);
    assert_eq!((crowd[0].rest(&mut bench), bench.subject.refused), (Vec::new(), 1));
    stalled.take();
    assert!(!stalled.ended && !bench.admin.is_idle());
}

#[test]
fn with_all_busy_the_new_one_waits_for_a_stalled_one() {
    let mut bench = Bench::new();
    bench.subject.connections = 1 << 30;
    let mut crowd = crowd(&mut bench, MAX_CLIENTS);
    for peer in &mut crowd {
        peer.send(ENDLESS);
    }
    bench.settle();
    let mut refused = bench.connect();
    bench.settle();
    assert_eq!((refused.rest(&mut bench), bench.subject.refused), (Vec::new(), 1));
    bench.now += PATIENCE + MOMENT;
    assert_eq!(bench.get("/live").status, 200);
    assert_eq!((bench.clients(), bench.subject.refused), (MAX_CLIENTS, 2));
    assert!(output(&bench) <= 64 * 1024, "{}", output(&bench));
}

#[test]
fn a_slow_reader_stops_the_rendering_and_nobody_else() {
    let mut bench = Bench::new();
    bench.subject.connections = 1 << 30;
    let mut slow = bench.connect();
    slow.send(ENDLESS);
    bench.settle();
    assert!(!bench.serve(), "nothing to do for a client that does not read");
    let held = output(&bench);
    assert!((1024..=64 * 1024).contains(&held), "{held}");
    assert!(!bench.admin.is_idle());
    assert_eq!(bench.get("/live").status, 200);
    // It goes on as soon as the client does.
    let mut total = 0;
    while total < 20 << 20 {
        bench.turn();
        while slow.take() {}
        assert!(!slow.ended && output(&bench) <= 64 * 1024);
        total += std::mem::take(&mut slow.got).len();
    }
}

#[test]
fn a_turn_is_short_whatever_is_asked() {
    let mut bench = Bench::new();
    bench.fill(1000);
    bench.subject.connections = 1 << 30;
    let mut crowd = crowd(&mut bench, MAX_CLIENTS);
    for (n, peer) in crowd.iter_mut().enumerate() {
        match n % 3 {
            0 => peer.send(&GET.repeat(1000)),
            1 => peer.send(ENDLESS_GZIP),
            _ => peer.send(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"),
        }
    }
    let (mut longest, mut longer) = (Duration::ZERO, 0);
    for _ in 0..500 {
        let start = Instant::now();
        bench.turn();
        let took = start.elapsed();
        longest = longest.max(took);
        longer += usize::from(took > Duration::from_millis(5));
        for peer in &mut crowd {
            peer.take();
        }
    }
    // The machine may be busy with other tests: some turns may wait for a CPU.
    assert!(longer < 50, "{longer} of 500 turns took over 5 ms, the longest {longest:?}");
}

#[test]
fn few_compressors_are_had() {
    let mut bench = Bench::new();
    bench.subject.connections = 1 << 30;
    let mut crowd = crowd(&mut bench, 6);
    for peer in &mut crowd {
        peer.send(ENDLESS_GZIP);
    }
    let mut compressed = 0;
    for peer in &mut crowd {
        while !peer.got.windows(4).any(|it| it == b"\r\n\r\n") {
            bench.turn();
            peer.take();
        }
        compressed += usize::from(peer.got.windows(22).any(|it| it == b"Content-Encoding: gzip"));
    }
    assert_eq!(compressed, MAX_GZIP);
}

#[test]
fn half_a_head_has_ten_seconds() {
    let mut bench = Bench::new();
    let (mut silent, mut slow) = (bench.connect(), bench.connect());
    slow.send(b"GET /");
    bench.settle();
    assert_eq!(bench.admin.next_deadline(), Some(bench.now + HEAD_TIMEOUT));
    // Another byte is no excuse.
    pass(&mut bench, HEAD_TIMEOUT - MOMENT);
    slow.send(b"l");
    bench.settle();
    assert_eq!(bench.clients(), 2);
    pass(&mut bench, MOMENT);
    assert_eq!((bench.clients(), bench.admin.next_deadline()), (0, None));
    assert_eq!((silent.rest(&mut bench), slow.rest(&mut bench)), (Vec::new(), Vec::new()));
}

#[test]
fn a_kept_connection_has_longer_and_its_next_head_ten_seconds_again() {
    let mut bench = Bench::new();
    let mut peer = bench.connect();
    peer.send(GET);
    assert_eq!(peer.response(&mut bench, false).status, 200);
    bench.settle();
    pass(&mut bench, KEEP_TIMEOUT - MOMENT);
    assert_eq!((bench.clients(), bench.admin.is_idle()), (1, true));
    peer.send(b"GET");
    bench.settle();
    assert_eq!(bench.admin.next_deadline(), Some(bench.now + HEAD_TIMEOUT));
    peer.send(&GET[3..]);
    assert_eq!(peer.response(&mut bench, false).status, 200);
    bench.settle();
    pass(&mut bench, KEEP_TIMEOUT);
    assert_eq!(bench.clients(), 0);
}

#[test]
fn a_stalled_answer_has_thirty_seconds_from_its_last_progress() {
    let mut bench = Bench::new();
    bench.subject.connections = 1 << 30;
    let mut peer = bench.connect();
    peer.send(ENDLESS);
    bench.settle();
    pass(&mut bench, STALL_TIMEOUT - MOMENT);
    while peer.take() {}
    bench.settle();
    assert_eq!(bench.admin.next_deadline(), Some(bench.now + STALL_TIMEOUT));
    pass(&mut bench, STALL_TIMEOUT);
    assert_eq!(bench.clients(), 0);
}

#[test]
fn pipelining_without_reading_fills_no_memory() {
    let mut bench = Bench::new();
    let mut peer = bench.connect();
    let (requests, mut sent, mut stuck) = (GET.repeat(1000), 0, 0);
    // Until the answers fill the client's socket, and then the requests ours.
    while stuck < 20 {
        match std::io::Write::write(&mut peer.stream, &requests[sent % GET.len()..]) {
            Ok(length) => (sent, stuck) = (sent + length, 0),
            Err(_) => stuck += 1,
        }
        bench.turn();
        assert!(output(&bench) <= 64 * 1024);
    }
    assert!(sent > 100_000, "{sent}");
    // It was all understood, and goes on where it stopped.
    let first = peer.response(&mut bench, false);
    let mut left = (first.head.len() + first.body.len()) * (sent / GET.len() - 1);
    while left > 0 {
        assert!(!peer.ended && peer.got.len() <= left, "{left}");
        left -= std::mem::take(&mut peer.got).len();
        bench.turn();
        while peer.take() {}
    }
}

#[test]
fn an_endless_body_is_thrown_away_for_two_seconds_only() {
    let mut bench = Bench::new();
    let mut peer = bench.connect();
    peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n");
    assert_eq!(peer.response(&mut bench, false).status, 405);
    for _ in 0..100 {
        let _ = std::io::Write::write(&mut peer.stream, &[b'x'; 65536]);
        bench.turn();
        assert!(output(&bench) <= 64 * 1024);
    }
    assert_eq!(bench.clients(), 1);
    pass(&mut bench, Duration::from_secs(2));
    assert_eq!(bench.clients(), 0);
}

#[test]
fn events_of_a_gone_client_do_not_reach_its_heir() {
    let mut bench = Bench::new();
    let number = |bench: &Bench| {
        let (slot, client) = bench.admin.clients.iter().next().unwrap();
        (slot, client_number(slot, client.generation))
    };
    let first = bench.connect();
    bench.settle();
    let old = number(&bench);
    drop(first);
    bench.settle();
    let mut second = bench.connect();
    bench.settle();
    let new = number(&bench);
    assert_eq!(old.0, new.0, "the same slot");
    second.send(GET);
    assert_eq!(bench.misdirect(old.1), 0);
    second.send(GET);
    assert_eq!(bench.misdirect(new.1), 1);
}

#[test]
fn clients_that_vanish_leave_nothing() {
    let mut bench = Bench::new();
    bench.fill(300);
    for n in 0..200 {
        let mut peer = bench.connect();
        match n % 4 {
            0 => {}
            1 => peer.send(b"GET /me"),
            2 => peer.send(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"),
            _ => peer.send(GET),
        }
        if n % 3 == 0 {
            bench.turn();
        }
    }
    bench.settle();
    assert_eq!((bench.clients(), bench.admin.queue.len(), bench.admin.spare.capacity()), (0, 0, 0));
}

/// Runs itself again in a process of its own, which may have few descriptors.
#[test]
fn without_descriptors_accepting_pauses() {
    const ALONE: &str = "WAYSIDE_TEST_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return pause_without_descriptors();
    }
    let program = std::env::current_exe().unwrap();
    let name = "admin::tests::bounds::without_descriptors_accepting_pauses";
    let script = format!("ulimit -n 64; exec '{}' --exact {name}", program.display());
    let output = std::process::Command::new("sh").args(["-c", &script]).env(ALONE, "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

fn pause_without_descriptors() {
    let mut bench = Bench::new();
    let mut peer = bench.connect();
    let mut files = Vec::new();
    while let Ok(file) = std::fs::File::open("/dev/null") {
        files.push(file);
    }
    bench.turn();
    assert!(!bench.serve(), "no trying again at once");
    let until = bench.admin.next_deadline().unwrap();
    assert!(until > bench.now && until <= bench.now + Duration::from_secs(1));
    let paused = "wayside_accept_paused_total{reason=\"descriptors\"}";
    assert_eq!(bench.samples()[paused], 1.0);
    files.clear();
    pass(&mut bench, Duration::from_secs(1));
    peer.send(GET);
    assert_eq!(peer.response(&mut bench, false).status, 200);
    assert_eq!(bench.samples()[paused], 1.0);
}
