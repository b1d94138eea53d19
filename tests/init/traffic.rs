//! `wayside init` run again and again while connections come and go: none bypasses wayside, none breaks.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::host::*;
use crate::labs::*;
use crate::support::*;

in_both_families! {
    no_connection_bypasses_or_breaks_in_100_runs
}

/// What became of the connections of one direction.
#[derive(Default)]
struct Seen {
    redirected: AtomicUsize,
    direct: AtomicUsize,
    broken: AtomicUsize,
}

/// Answers each client that tells its address with whether it is the one that is seen here.
fn serve(listener: &TcpListener, is_over: &AtomicBool) {
    while let Ok((stream, peer)) = listener.accept() {
        let mut stream = guard(stream).expect("time-outs");
        let mut told = [0; 64];
        if stream.read_exact(&mut told).is_ok() {
            let is_direct = told == *format!("{peer:64}").as_bytes();
            let _ = stream.write_all(if is_direct { b"d" } else { b"r" });
            // The client resets, so that no port stays taken.
            let _ = stream.read(&mut [0]);
        } else if is_over.load(Ordering::Relaxed) {
            return;
        }
    }
}

/// Connects again and again.
fn dial(target: SocketAddr, seen: &Seen, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        let once = || -> std::io::Result<u8> {
            let mut client = connect(target)?;
            client.write_all(format!("{:64}", client.local_addr()?).as_bytes())?;
            let mut answer = [0];
            client.read_exact(&mut answer)?;
            reset(client);
            Ok(answer[0])
        };
        let count = match once() {
            Ok(b'r') => &seen.redirected,
            Ok(_) => &seen.direct,
            Err(error) => {
                eprintln!("{target}: {error}");
                &seen.broken
            }
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

fn no_connection_bypasses_or_breaks_in_100_runs(family: Family) {
    let backends = backends();
    let lab = Pod::with(family, &[], |host| drop(init(host, &["--backend", backends[0]])));
    let (out, into) = (Seen::default(), Seen::default());
    let is_over = AtomicBool::new(false);
    let listeners = [lab.peer.listen(lab.far(8000)), lab.host.listen(lab.app(8000))];
    std::thread::scope(|scope| {
        for listener in &listeners {
            scope.spawn(|| serve(listener, &is_over));
        }
        let dials = [
            scope.spawn(|| lab.host.run_as(APP, || dial(lab.far(8000), &out, &is_over))),
            scope.spawn(|| lab.peer.run(|| dial(lab.app(8000), &into, &is_over))),
        ];
        let runs = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for run in 0..100_usize {
                // The first has the most; then the next one takes over.
                let backend = backends.get(run.saturating_sub(40) / 20).unwrap_or(&backends[0]);
                // Never the same rules twice in a row. Some runs with the self-test.
                let more = ["--skip-inbound-ports=22", "--skip-outbound-ports=25,80-90", "--no-verify"];
                let more = &more[run % 2..][..2];
                let before = [&out, &into].map(|seen| seen.redirected.load(Ordering::Relaxed));
                init(&lab.host, &[&["--backend", backend], more].concat());
                // No run comes before there was traffic under the rules of the last.
                for (seen, before) in [&out, &into].iter().zip(before) {
                    let moved = || {
                        seen.redirected.load(Ordering::Relaxed) > before + 1
                            || seen.direct.load(Ordering::Relaxed) + seen.broken.load(Ordering::Relaxed) > 0
                    };
                    eventually("connections come through", LIMIT, moved);
                }
            }
        }));
        is_over.store(true, Ordering::Relaxed);
        for (dial, addr) in dials.into_iter().zip([lab.far(8000), lab.app(8000)]) {
            dial.join().expect("the clients");
            // Wakes the server, to see that it is over.
            drop(lab.host.run_as(WAYSIDE, || connect(addr)));
        }
        runs.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    for (direction, seen) in [("outbound", out), ("inbound", into)] {
        let [redirected, direct, broken] =
            [seen.redirected, seen.direct, seen.broken].map(|count| count.into_inner());
        println!("{direction}: {redirected} redirected");
        assert_eq!((direct, broken), (0, 0), "{direction}: bypassed, broken");
        assert!(redirected >= 200, "{direction}: {redirected}");
    }
}
