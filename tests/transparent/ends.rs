//! Readers that pause and hosts that vanish, as seen over a cable: TCP_USER_TIMEOUT (30 s) ends the latter only.
//!
//! One test, so that it takes one of the runner's threads while the other tests go on beside it.

use std::io::Read;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::labs::*;
use crate::support::*;

/// More than TCP_USER_TIMEOUT and the first look at a stalled flow together.
const PAUSE: Duration = Duration::from_secs(45);
/// More than the first look at a stalled flow takes.
const SHORT_PAUSE: Duration = Duration::from_secs(12);
/// When a flow to a host that is gone may end: TCP_USER_TIMEOUT, and what the kernel's timers add.
const GIVEN_UP: (Duration, Duration) = (Duration::from_secs(20), Duration::from_secs(50));
/// More than all the buffers on the way hold.
const PENDING: u64 = 128 * MB;
const SIZES: (usize, usize) = (1, 128 << 10);

/// What happens, over which family, and the test of it.
type Case = (&'static str, Family, fn(Family));

#[test]
fn slow_a_pause_is_survived_and_a_lost_host_is_not() {
    let cases: [Case; 5] = [
        ("IPv4 readers pause", Family::V4, readers_pause),
        ("IPv6 readers pause", Family::V6, readers_pause),
        ("the client's cable is pulled", Family::V4, |family| a_host_vanishes(family, true, None)),
        ("a client that had paused loses its cable", Family::V4, |family| {
            a_host_vanishes(family, true, Some(SHORT_PAUSE));
        }),
        ("the server's cable is pulled", Family::V6, |family| a_host_vanishes(family, false, None)),
    ];
    std::thread::scope(|scope| {
        let mut running = Vec::new();
        for (what, family, case) in cases {
            match family.packet_filter() {
                Ok(_) => running.push((what, scope.spawn(move || case(family)))),
                Err(why) => say_skipped(what, &why),
            }
        }
        for (what, case) in running {
            assert!(case.join().is_ok(), "{what}: see above");
        }
    });
}

/// A peer that may have to wait for a pausing one.
fn patient(stream: &TcpStream) {
    let limit = Some(PAUSE + LIMIT);
    stream.set_read_timeout(limit).and_then(|()| stream.set_write_timeout(limit)).expect("time-outs");
}

/// `from` sends while `to` reads a little, stops for [`PAUSE`], and then reads on to the end.
fn pause(from: &TcpStream, to: &TcpStream) {
    let (seed, mut came) = (seed(), 0);
    patient(from);
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let sum = send_random(from, PENDING, seed, SIZES).expect("to send, with a pause");
            finish(from);
            sum
        });
        let mut whole = Sum::default();
        let mut reader = Summing { from: to, sum: &mut whole };
        came += receive_exactly(&mut reader, MB, seed, SIZES).expect("the first bytes").len();
        std::thread::sleep(PAUSE); // pace: the pause is what is tested
        assert!(!sender.is_finished(), "the pause was not felt");
        came += receive(&mut reader, seed, SIZES).expect("the rest, after the pause").len();
        assert_eq!(whole, sender.join().expect("the sender"));
        assert_eq!(came, PENDING);
    });
}

/// Adds up what is read in several goes.
struct Summing<'a> {
    from: &'a TcpStream,
    sum: &'a mut Sum,
}

impl std::io::Read for Summing<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = std::io::Read::read(&mut self.from, buffer)?;
        self.sum.add(&buffer[..count]);
        Ok(count)
    }
}

fn readers_pause(family: Family) {
    let lab = Gateway::new(family, &[]);
    let pairs: Vec<_> = (9001..9005).map(|port| lab.pair(port)).collect();
    // Some with room for megabytes, some with next to none.
    for (client, server) in &pairs[2..] {
        small_buffers(client);
        small_buffers(server);
    }
    std::thread::scope(|scope| {
        for (number, (client, server)) in pairs.iter().enumerate() {
            let (from, to) = if number % 2 == 0 { (client, server) } else { (server, client) };
            scope.spawn(move || pause(from, to));
        }
    });
    let ended_badly = |errno| lab.wayside().sum("tcp_close_total", &[("errno", errno)]);
    assert_eq!(["ETIMEDOUT", "ECONNRESET"].map(ended_badly), [0.0; 2]);
}

/// A host is cut off while bytes are on their way to it: the other side is reset when TCP_USER_TIMEOUT is over.
fn a_host_vanishes(family: Family, is_client: bool, pause: Option<Duration>) {
    let lab = Gateway::new(family, &[]);
    let (client, server) = lab.pair(9100);
    let (left, lost, host) =
        if is_client { (&server, &client, &lab.client) } else { (&client, &server, &lab.server) };
    greet(&client, &server);
    patient(left);
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| send_random(left, u64::MAX, 1, SIZES));
        if let Some(pause) = pause {
            std::thread::sleep(pause); // pace: the pause is what is tested
        }
        receive_exactly(lost, 64 * MB, 1, SIZES).expect("bytes");
        // It reads up to the end, so the window is open as the cable is pulled.
        lost.set_read_timeout(Some(LIMIT)).expect("a time-out");
        scope.spawn(|| while matches!((&*lost).read(&mut [0; 1 << 16]), Ok(1..)) {});
        host.ip(&["link", "set", "eth0", "down"]);
        let began = Instant::now();
        let error = sender.join().expect("the sender").expect_err("a reset");
        let took = began.elapsed();
        assert!(is_reset(&error), "{error} after {took:?}");
        assert!(GIVEN_UP.0 < took && took < GIVEN_UP.1, "given up after {took:?}");
        println!("given up after {took:?}");
    });
    lab.wayside().expect_none_open();
}
