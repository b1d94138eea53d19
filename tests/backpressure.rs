//! A reader that stops, stops its sender: memory stays bounded, nothing is lost, nothing else is held up.

mod support;

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use support::*;

const MB: u64 = 1 << 20;
const SIZES: (usize, usize) = (1, 128 << 10);

/// Counts what goes through.
struct Counted<'a>(&'a TcpStream, &'a AtomicU64);

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.0.write(bytes)?;
        self.1.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Waits until a sender has sent something and then nothing for 300 ms.
#[track_caller]
fn wait_for_stall(sent: &AtomicU64) {
    let mut last = (0, Instant::now());
    eventually("the sender stalls", Duration::from_secs(60), || {
        let now = sent.load(Ordering::Relaxed);
        if now != last.0 {
            last = (now, Instant::now());
        }
        now > 0 && last.1.elapsed() > Duration::from_millis(300)
    });
}

/// A sender that may be stalled for long.
fn patient(stream: &TcpStream) {
    stream.set_write_timeout(Some(Duration::from_secs(60))).expect("a time-out");
}

/// One transfer first, so that what is allocated once is there.
fn warm_up(tunnel: &Tunnel) {
    let (client, server) = tunnel.pair();
    let sender = std::thread::spawn(move || send_random(&client, 8 * MB, 1, SIZES).map(drop));
    receive(&server, 2, SIZES).expect("the warm-up");
    sender.join().expect("the sender").expect("to send");
}

/// Pushes 2 GB from `from` at `to`, which stops after 4 MB; then goes on.
fn two_gigabytes(tunnel: &Tunnel, from: &TcpStream, to: &TcpStream) {
    let (wayside, seed) = (&tunnel.wayside, seed());
    let before = wayside.rss();
    let sent = AtomicU64::new(0);
    patient(from);
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let sum = send_random(Counted(from, &sent), 2048 * MB, seed, SIZES).expect("to send");
            finish(from);
            sum
        });
        let mut received = Chain { from: to, sum: Sum::default() };
        received.take(4 * MB);
        wait_for_stall(&sent);
        assert!(sent.load(Ordering::Relaxed) < 1024 * MB, "the sender has not been stopped");
        let grown = wayside.rss().saturating_sub(before);
        assert!(grown <= MB, "{grown} bytes of memory for one stalled lane");

        let (cpu, began) = (wayside.cpu(), Instant::now());
        std::thread::sleep(Duration::from_millis(500)); // pace: half a second of standing still
        let used = wayside.cpu() - cpu;
        assert!(used <= began.elapsed() / 10, "{used:?} of processor time while nothing moves");

        received.take(u64::MAX);
        assert_eq!(received.sum, sender.join().expect("the sender"));
    });
    let grown = wayside.rss().saturating_sub(before);
    assert!(grown <= MB, "{grown} bytes of memory kept after the transfer");
}

/// Reads on where it stopped.
struct Chain<'a> {
    from: &'a TcpStream,
    sum: Sum,
}

impl Chain<'_> {
    fn take(&mut self, count: u64) {
        let mut buffer = vec![0; 128 << 10];
        let end = self.sum.len().saturating_add(count);
        while self.sum.len() < end {
            let size = buffer.len().min(usize::try_from(end - self.sum.len()).unwrap_or(usize::MAX));
            let got = self.from.read(&mut buffer[..size]).expect("more bytes");
            if got == 0 {
                return;
            }
            self.sum.add(&buffer[..got]);
        }
    }
}

#[test]
fn two_gigabytes_at_a_server_that_stops_reading() {
    let tunnel = Tunnel::new(&[]);
    warm_up(&tunnel);
    let (client, server) = tunnel.pair();
    two_gigabytes(&tunnel, &client, &server);
}

#[test]
fn two_gigabytes_at_a_client_that_stops_reading() {
    let tunnel = Tunnel::new(&[]);
    warm_up(&tunnel);
    let (client, server) = tunnel.pair();
    two_gigabytes(&tunnel, &server, &client);
}

#[test]
fn a_stalled_lane_does_not_hold_up_the_other_nor_another_connection() {
    let tunnel = Tunnel::new(&[]);
    let (mut client, mut server) = tunnel.pair();
    let (mut other_client, mut other_server) = tunnel.pair();
    let (sent, seed) = (AtomicU64::new(0), seed());
    let pusher = client.try_clone().expect("a handle");
    patient(&pusher);
    std::thread::scope(|scope| {
        let sender =
            scope.spawn(|| send_random(Counted(&pusher, &sent), 64 * MB, seed, SIZES).expect("to send"));
        wait_for_stall(&sent);
        assert!(sent.load(Ordering::Relaxed) < 64 * MB, "nothing is stalled");
        for number in 0..100_u8 {
            let mut got = [0];
            server.write_all(&[number]).expect("to write");
            client.read_exact(&mut got).expect("a byte beside the stalled lane");
            assert_eq!(got, [number]);
            other_client.write_all(&[number]).expect("to write");
            other_server.read_exact(&mut got).expect("a byte beside the stalled connection");
            assert_eq!(got, [number]);
        }
        let came = receive_exactly(&server, 64 * MB, seed, SIZES).expect("the rest");
        assert_eq!(came, sender.join().expect("the sender"));
    });
}

#[test]
fn many_stalled_connections_cost_at_most_a_megabyte_a_direction() {
    const CONNECTIONS: usize = 16;
    let tunnel = Tunnel::new(&[]);
    warm_up(&tunnel);
    let before = tunnel.wayside.rss();
    let pairs: Vec<_> = (0..CONNECTIONS).map(|_| tunnel.pair()).collect();
    let (sent, seed) = (AtomicU64::new(0), seed());
    let send = |stream: &TcpStream| {
        patient(stream);
        let sum = send_random(Counted(stream, &sent), 32 * MB, seed, SIZES).expect("to send");
        finish(stream);
        sum
    };
    std::thread::scope(|scope| {
        let senders: Vec<_> = pairs
            .iter()
            .flat_map(|(client, server)| [(client, server), (server, client)])
            .map(|(from, to)| (scope.spawn(move || send(from)), to))
            .collect();
        wait_for_stall(&sent);
        let grown = tunnel.wayside.rss().saturating_sub(before);
        let limit = 2 * CONNECTIONS as u64 * MB;
        assert!(grown <= limit, "{grown} bytes of memory for {} stalled lanes", 2 * CONNECTIONS);
        let readers: Vec<_> = senders
            .into_iter()
            .map(|(sender, to)| (sender, scope.spawn(move || receive(to, seed, SIZES).expect("the rest"))))
            .collect();
        for (sender, reader) in readers {
            assert_eq!(reader.join().expect("a reader"), sender.join().expect("a sender"));
        }
    });
}

#[test]
fn a_stalled_connection_whose_sender_resets_goes_away() {
    let tunnel = Tunnel::new(&[]);
    let (client, server) = tunnel.pair();
    let sent = AtomicU64::new(0);
    client.set_write_timeout(Some(Duration::from_secs(1))).expect("a time-out");
    let error = send_random(Counted(&client, &sent), 1024 * MB, 1, SIZES).expect_err("a stall");
    assert!(matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut), "{error}");
    reset(client);
    // What was accepted may still be delivered; then comes the reset, never an orderly end.
    let error = receive(&server, 1, SIZES).expect_err("a reset");
    assert!(is_reset(&error), "{error}");
    eventually("it is counted as closed", LIMIT, || {
        tunnel.wayside.metrics().sum("tcp_open_connections", &[]) == 0.0
    });
}
