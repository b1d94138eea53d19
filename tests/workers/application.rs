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
        for (script, code) in [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("kill -KILL $$", 137)] {
            let mut wayside = start(workers, &server, script);
            assert_eq!(wayside.wait(LIMIT).expect("it ends").code(), Some(code), "{workers}: {script}");
        }
    }
}

#[test]
fn it_is_told_to_end_and_served_until_it_has() {
    let server = http_server();
    let dir = TempDir::new();
    for (workers, signal, code) in [("2", Signal::TERM, 9), ("2", Signal::INT, 8), ("1", Signal::INT, 8)] {
        let mark = dir.path().join("told");
        let script = format!(
            "told() {{ echo told >{0}; while [ -e {0} ]; do sleep 0.05; done; exit $1; }}; \
             trap 'told 9' TERM; trap 'told 8' INT; echo up >&2; while :; do sleep 0.05; done",
            mark.display()
        );
        let mut wayside = start(workers, &server, &script);
        eventually("it runs", 5 * SECOND, || wayside.stderr().contains("up"));
        wayside.signal(signal);
        eventually("it was told", 5 * SECOND, || mark.exists());
        eventually("/ready says 503", 5 * SECOND, || wayside.get("/ready").0 == 503);
        super::house::ask(wayside.addr(0)).expect("still served");
        std::fs::remove_file(&mark).expect("to let it end");
        assert_eq!(wayside.wait(LIMIT).expect("it ends").code(), Some(code));
    }
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

/// What only it knows the meaning of is passed on, and is no end of ours: a JVM goes on after SIGQUIT, nginx ends by it.
#[test]
fn signals_that_are_not_ours_are_passed_on() {
    let server = http_server();
    for workers in ["1", "2"] {
        let script = "for it in USR1 USR2 WINCH ALRM; do trap \"echo told $it >&2\" $it; done; \
             trap 'echo told QUIT >&2; exit 6' QUIT; echo up >&2; while :; do sleep 0.05; done";
        let mut wayside = start(workers, &server, script);
        eventually("it runs", 5 * SECOND, || wayside.stderr().contains("up"));
        for (signal, name) in [
            (Signal::USR1, "USR1"),
            (Signal::USR2, "USR2"),
            (Signal::WINCH, "WINCH"),
            (Signal::ALARM, "ALRM"),
        ] {
            wayside.signal(signal);
            let told = format!("told {name}\n");
            eventually(&told, 5 * SECOND, || wayside.stderr().contains(&told));
            assert_eq!(wayside.get("/ready").0, 200, "{name}");
        }
        wayside.signal(Signal::QUIT);
        assert_eq!(wayside.wait(LIMIT).expect("it ends").code(), Some(6));
        assert!(wayside.stderr().contains("told QUIT\n"));
    }
}

/// Ours is raised to the hard limit; select(2), for one, takes no descriptor above 1,023.
#[test]
fn it_has_the_limit_of_descriptors_that_we_were_given() {
    if have("prlimit").is_none() {
        skipped!("no prlimit");
    }
    let server = http_server();
    let forward = format!("127.0.0.1:0={}", server.addr());
    let mut args = ARGS.to_vec();
    args.extend(["--forward", &forward, "--", "sh", "-c", "echo \"limits $(ulimit -Sn) $(ulimit -Hn)\" >&2"]);
    let launch = Launch::new(&args).through(&["prlimit", "--nofile=500:1000"]);
    let mut wayside = launch.start().expect("it starts");
    assert_eq!(wayside.wait(LIMIT).expect("it ends").code(), Some(0));
    assert!(wayside.stderr().contains("limits 500 1000\n"), "{}", wayside.stderr());
}

/// Process 1 of a container is the parent of every orphan, and must take leave of it.
#[test]
fn as_process_1_it_leaves_no_zombie() {
    if !is_root() || have("unshare").is_none() {
        skipped!("a namespace of processes takes root and unshare");
    }
    let (server, dir) = (http_server(), TempDir::new());
    let mark = dir.path().join("end");
    // Each of the inner shells is an orphan when it ends.
    let script = format!(
        "for i in 1 2 3 4 5; do (sh -c 'sleep 0.1' &) ; done; echo up >&2; while [ ! -e {0} ]; do sleep 0.05; done; exit 5",
        mark.display()
    );
    for workers in ["1", "2"] {
        let _ = std::fs::remove_file(&mark);
        let forward = format!("127.0.0.1:0={}", server.addr());
        let mut args = ARGS.to_vec();
        args[4] = workers;
        args.extend(["--forward", &forward, "--", "sh", "-c", &script]);
        let launch =
            Launch::new(&args).through(&["unshare", "--pid", "--mount-proc", "--fork", "--kill-child"]);
        let mut wayside = launch.start().expect("it starts");
        let first = super::house::children(wayside.pid())[0];
        eventually("the orphans are there", 5 * SECOND, || wayside.stderr().contains("up"));
        // The workers and the application.
        let rest = workers.parse::<usize>().expect("a number") + 1;
        eventually("they are gone", 5 * SECOND, || super::house::children(first).len() == rest);
        std::fs::write(&mark, "").expect("to let it end");
        assert_eq!(wayside.wait(LIMIT).expect("it ends").code(), Some(5));
    }
}

#[test]
fn a_command_that_cannot_be_run_is_told_with_1() {
    let all = [&["run", "--forward=127.0.0.1:0=127.0.0.1:1"][..], &ARGS, &["--", "./no-such-thing"]].concat();
    let ended = run_to_end(&all, &[]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("cannot run ./no-such-thing: "), "{ended:?}");
}
