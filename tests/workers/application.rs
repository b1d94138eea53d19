//! `wayside run -- COMMAND`: started when all is ready, told what we are told, and its code is ours.

use std::time::Duration;

use rustix::process::Signal;

use crate::support::*;

const SECOND: Duration = Duration::from_secs(1);
const ARGS: [&str; 5] =
    ["--inbound-listen=off", "--outbound-listen=off", "--admin-listen=127.0.0.1:0", "--workers", "1"];

/// With a forward, and `script` as the application.
fn start(workers: &str, server: &Server, script: &str) -> Wayside {
    let forward = format!("127.0.0.1:0={}", server.addr());
    let mut args = ARGS.to_vec();
    args[4] = workers;
    args.extend(["--forward", &forward, "--", "sh", "-c", script]);
    Wayside::start(&args)
}

#[test]
fn its_exit_code_is_ours() {
    let server = http_server();
    for workers in ["1", "2"] {
        for (script, code) in [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143)] {
            let mut wayside = start(workers, &server, script);
            assert_eq!(wayside.wait(LIMIT).expect("it ends").code(), Some(code), "{workers}: {script}");
        }
    }
}

#[test]
fn it_is_told_to_end_and_served_until_it_has() {
    let server = http_server();
    let dir = TempDir::new();
    let mark = dir.path().join("told");
    let script = format!(
        "trap 'echo told >{0}; while [ -e {0} ]; do sleep 0.05; done; exit 9' TERM; echo up >&2; while :; do sleep 0.05; done",
        mark.display()
    );
    let mut wayside = start("2", &server, &script);
    eventually("it runs", 5 * SECOND, || wayside.stderr().contains("up"));
    wayside.signal(Signal::TERM);
    eventually("it was told", 5 * SECOND, || mark.exists());
    eventually("/ready says 503", 5 * SECOND, || wayside.get("/ready").0 == 503);
    super::house::ask(wayside.addr(0)).expect("still served");
    std::fs::remove_file(&mark).expect("to let it end");
    assert_eq!(wayside.wait(LIMIT).expect("it ends").code(), Some(9));
}

#[test]
fn a_second_signal_ends_it_too() {
    let server = http_server();
    let mut wayside = start("1", &server, "trap '' TERM; echo up >&2; while :; do sleep 0.05; done");
    eventually("it runs", 5 * SECOND, || wayside.stderr().contains("up"));
    wayside.signal(Signal::TERM);
    eventually("/ready says 503", 5 * SECOND, || wayside.get("/ready").0 == 503);
    wayside.signal(Signal::TERM);
    assert_eq!(wayside.wait(LIMIT).expect("it ends").code(), Some(137));
}

#[test]
fn a_command_that_cannot_be_run_is_told_with_1() {
    let all = [&["run", "--forward=127.0.0.1:0=127.0.0.1:1"][..], &ARGS, &["--", "./no-such-thing"]].concat();
    let ended = run_to_end(&all, &[]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("cannot run ./no-such-thing: "), "{ended:?}");
}
