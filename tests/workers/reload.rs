//! SIGHUP: another configuration, another program, and nobody notices.

use std::io::{Read, Write};
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::process::Signal;

use super::house::{ask, children, reloads, renew, under_load};
use crate::support::*;

const SECOND: Duration = Duration::from_secs(1);

fn config(dir: &TempDir, server: &Server, more: &str) -> std::path::PathBuf {
    let text = format!(
        "inbound-listen = \"off\"\noutbound-listen = \"off\"\nadmin-listen = \"127.0.0.1:0\"\n\
         forward = \"127.0.0.1:0={}\"\n{more}\n",
        server.addr()
    );
    dir.file("wayside.toml", text)
}

#[test]
fn twenty_renewals_under_load_lose_nothing() {
    let (server, dir) = (http_server(), TempDir::new());
    let path = dir.path().join("wayside");
    renew(&path);
    let file = config(&dir, &server, "workers = 2");
    let launch = Launch::new(&["--config", &file.to_string_lossy()]).program(&path);
    let wayside = launch.start().expect("it starts");
    let mut long_lived = wayside.connect(0);
    let outcome = under_load(&wayside, 4, |outcome| {
        for round in 1..=20 {
            let before = outcome.answered.load(Ordering::Relaxed);
            // More workers, fewer, and one.
            config(&dir, &server, &format!("workers = {}\nidle-timeout = \"{round}h\"", 1 + round % 3));
            if round % 5 == 0 {
                renew(&path);
            }
            wayside.signal(Signal::HUP);
            eventually("the reload is done", 20 * SECOND, || reloads(&wayside, "done") == round as f64);
            eventually("somebody is served", 10 * SECOND, || {
                outcome.answered.load(Ordering::Relaxed) > before
            });
        }
    });
    assert_eq!(*outcome.failures(), Vec::<String>::new());
    // The last ones run the last program: 20 is a multiple of 5.
    let exes = children(wayside.pid()).into_iter().map(|pid| std::fs::read_link(format!("/proc/{pid}/exe")));
    assert!(exes.flatten().any(|exe| exe == path), "no worker runs the new program");
    // What was there before all of it still is.
    long_lived.write_all(GET).expect("to write");
    let mut answer = vec![0; OK.len()];
    long_lived.read_exact(&mut answer).expect("an answer");
    assert_eq!(answer, OK);
}

#[test]
fn what_is_configured_anew_holds() {
    let (one, two, dir) = (http_server(), Server::greeter(b"two"), TempDir::new());
    let file = config(&dir, &one, "workers = 2");
    let wayside = Launch::new(&["--config", &file.to_string_lossy()]).start().expect("it starts");
    ask(wayside.addr(0)).expect("an answer of the first");
    config(&dir, &two, "workers = 2");
    wayside.signal(Signal::HUP);
    eventually("the reload is done", 10 * SECOND, || reloads(&wayside, "done") == 1.0);
    let mut greeting = [0; 3];
    wayside.connect(0).read_exact(&mut greeting).expect("a greeting of the second");
    assert_eq!(&greeting, b"two");
}

#[test]
fn a_wrong_configuration_or_program_changes_nothing() {
    let (server, dir) = (http_server(), TempDir::new());
    let path = dir.path().join("wayside");
    renew(&path);
    let file = config(&dir, &server, "workers = 2");
    let launch = Launch::new(&["--config", &file.to_string_lossy()]).program(&path);
    let wayside = launch.start().expect("it starts");
    let before = children(wayside.pid());
    config(&dir, &server, "workers = 0");
    wayside.signal(Signal::HUP);
    eventually("the reload is refused", 10 * SECOND, || reloads(&wayside, "refused") == 1.0);
    eventually("it says why", SECOND, || wayside.stderr().contains("\"0\" is not a number of workers"));

    config(&dir, &server, "workers = 2");
    std::fs::remove_file(&path).expect("to remove the program");
    std::fs::write(&path, "#!/no/such/thing\n").expect("another file");
    wayside.signal(Signal::HUP);
    eventually("the reload is refused", 10 * SECOND, || reloads(&wayside, "refused") == 2.0);
    assert_eq!(children(wayside.pid()), before);
    ask(wayside.addr(0)).expect("the old ones serve on");

    renew(&path);
    wayside.signal(Signal::HUP);
    eventually("the reload is done", 10 * SECOND, || reloads(&wayside, "done") == 1.0);
    ask(wayside.addr(0)).expect("the new ones serve");
}
