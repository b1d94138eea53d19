//! `--http-strict` where the buffers are lent out: what is not sure to be good is held back all the same.

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use support::*;

/// Lets the process believe in a control group of 4 MiB, so that it has 1 MiB of buffers; and few descriptors, so 8 pipes.
const SMALL: &str = "ulimit -n 256 && mount -t tmpfs none /sys/fs/cgroup && echo 4194304 >/sys/fs/cgroup/memory.max && \
                     exec \"$0\" \"$@\"";

/// Sends until nothing more is taken for a while.
fn fill(stream: &TcpStream) {
    stream.set_write_timeout(Some(Duration::from_millis(200))).expect("a time-out");
    // No text, so that it is no first line that waits for its end.
    let piece = [0; 64 << 10];
    let mut to = stream;
    while to.write(&piece).is_ok() {}
}

#[test]
fn a_bad_head_does_not_pass_when_the_buffers_are_lent_out() {
    let through = ["unshare", "--mount", "sh", "-c", SMALL];
    let works = || {
        let [program, words @ ..] = through;
        std::process::Command::new(program)
            .args(words)
            .arg("true")
            .status()
            .is_ok_and(|status| status.success())
    };
    if !is_root() || !works() {
        skipped!("no mount namespaces");
    }
    let listener = listen();
    let forward = format!("127.0.0.1:0={}", listener.local_addr().expect("an address"));
    let wayside = Launch::new(&["--http-strict", "--forward", &forward]).through(&through).start();
    let wayside = wayside.unwrap_or_else(|error| panic!("{error}"));

    // Each of these has bytes waiting for a server that does not read.
    let mut stalled = Vec::new();
    for _ in 0..40 {
        let client = wayside.connect(0);
        let server = accept(&listener);
        stalled.push(std::thread::spawn(move || {
            fill(&client);
            (client, server)
        }));
    }
    let stalled: Vec<_> = stalled.into_iter().map(|thread| thread.join().expect("a sender")).collect();

    let mut good = wayside.connect(0);
    let mut server = accept(&listener);
    let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    good.write_all(request).expect("to ask");
    let mut got = [0; 27];
    server.read_exact(&mut got).expect("a good request");
    assert_eq!(&got, request);

    let spent = wayside.metrics().sum("wayside_buffer_budget_total", &[]);
    assert!(spent > 0.0, "the buffers are not lent out, so this proves nothing");

    let mut bad = wayside.connect(0);
    let mut server = accept(&listener);
    let smuggled =
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    bad.write_all(smuggled.as_bytes()).expect("to ask");
    let mut answer = String::new();
    bad.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    let mut passed = Vec::new();
    match server.read_to_end(&mut passed) {
        Ok(_) => {}
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
    assert_eq!(String::from_utf8_lossy(&passed), "");
    drop(stalled);
}
