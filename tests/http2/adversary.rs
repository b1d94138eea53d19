//! Frames of every kind, conformant and not, between Python's `h2` on both sides: each byte arrives as it was sent, what
//! can be followed is counted, and nothing costs memory.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use super::count::{self, Outcome};
use crate::support::servers::forward;
use crate::support::*;

/// Resident memory that a case may add; wayside itself has a tenth of it in tables and buffers.
const GROWTH: u64 = 8 << 20;

/// `adversary.py`, both ends in one process.
struct Adversary {
    child: Child,
    heard: BufReader<std::process::ChildStdout>,
}

impl Adversary {
    fn start(case: &str) -> Result<Self, String> {
        let python = python().ok_or("there is no Python")?;
        let has = Command::new(&python).args(["-Isc", "import h2"]).stderr(Stdio::null()).status();
        if !has.is_ok_and(|status| status.success()) {
            return Err("this Python has no h2".to_owned());
        }
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/http2/adversary.py");
        let mut command = Command::new(python);
        // Without -I, because it has a file beside it; and that file leaves nothing behind.
        command.args(["-EsB"]).arg(script).arg(case).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("Python");
        let heard = BufReader::new(child.stdout.take().expect("a pipe"));
        Ok(Adversary { child, heard })
    }

    fn hear(&mut self) -> String {
        let mut line = String::new();
        self.heard.read_line(&mut line).expect("a line");
        line.trim().to_owned()
    }

    fn say(&mut self, line: &str) {
        let stdin = self.child.stdin.as_mut().expect("a pipe");
        stdin.write_all(format!("{line}\n").as_bytes()).and_then(|()| stdin.flush()).expect("to write");
    }
}

impl Drop for Adversary {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A case, and what is counted of it.
struct Case {
    name: &'static str,
    outcomes: &'static [Outcome<'static>],
    /// Why it is lost sight of; `""`: it is not.
    blind: &'static str,
    protocol: &'static str,
}

const fn case(name: &'static str, outcomes: &'static [Outcome<'static>]) -> Case {
    Case { name, outcomes, blind: "", protocol: "http/2" }
}

const fn lost(name: &'static str, outcomes: &'static [Outcome<'static>], blind: &'static str) -> Case {
    Case { name, outcomes, blind, protocol: "http/2" }
}

/// Plays them one after the other, each with a wayside of its own. False where there is no adversary.
#[track_caller]
fn play(cases: &[Case]) -> Result<(), String> {
    for case in cases {
        println!("{}", case.name);
        let mut adversary = Adversary::start(case.name)?;
        let target = forward(format!("127.0.0.1:{}", adversary.hear()));
        let wayside = Wayside::start(&["--forward", &target]);
        let before = wayside.rss();
        adversary.say(&wayside.addr(0).to_string());
        let end = adversary.hear();
        assert!(end.starts_with("same "), "{}: {end:?}", case.name);
        let times = usize::from(!case.blind.is_empty());
        count::expect(&wayside, case.outcomes);
        count::expect_blind(&wayside, case.blind, times);
        let grown = wayside.rss().saturating_sub(before);
        assert!(grown < GROWTH, "{}: {grown} bytes more", case.name);
        verdicts::expect_detected(&wayside, case.protocol, "", 1);
    }
    Ok(())
}

#[test]
fn frames_of_every_kind_pass() {
    let cases = [
        case("padding", &[("200", "", 4)]),
        case("priority", &[("200", "", 3)]),
        case("continuation", &[("200", "", 5)]),
        case("informational", &[("200", "", 1)]),
        case("trailers", &[("200", "", 1)]),
        case("extended_connect", &[("200", "", 2)]),
        case("unknown_frames", &[("200", "", 1)]),
        case("server_first", &[("200", "", 3)]),
    ];
    if let Err(why) = play(&cases) {
        skipped!("{why}");
    }
}

#[test]
fn header_tables_are_followed_up_and_down() {
    if let Err(why) = play(&[case("table_sizes", &[("200", "", 33)])]) {
        skipped!("{why}");
    }
}

#[test]
fn what_is_given_up_is_counted_with_its_error() {
    let resets: &[Outcome<'_>] = &[
        ("", "h2(CANCEL)", 1),
        ("200", "h2(CANCEL)", 1),
        ("", "h2(INTERNAL_ERROR)", 1),
        ("200", "h2(INTERNAL_ERROR)", 1),
        ("", "h2(REFUSED_STREAM)", 1),
        ("200", "", 2),
    ];
    let goaway: &[Outcome<'_>] = &[("200", "", 3), ("", "h2(ENHANCE_YOUR_CALM)", 2)];
    if let Err(why) = play(&[case("resets", resets), case("goaway", goaway)]) {
        skipped!("{why}");
    }
}

#[test]
fn a_reader_that_stops_breaks_no_count() {
    let cases = [case("one_stream_stalls", &[("200", "", 51)]), case("reader_stalls", &[("200", "", 64)])];
    if let Err(why) = play(&cases) {
        skipped!("{why}");
    }
}

#[test]
fn floods_cost_no_memory() {
    let cases = [
        case("ping_flood", &[("200", "", 2)]),
        case("settings_flood", &[("200", "", 2)]),
        case("window_flood", &[("200", "", 2)]),
        case("empty_data_flood", &[("200", "", 2)]),
        case("empty_continuations", &[("200", "", 2)]),
        case("rapid_reset", &[("", "h2(CANCEL)", 100_000)]),
    ];
    if let Err(why) = play(&cases) {
        skipped!("{why}");
    }
}

#[test]
fn what_goes_too_far_is_carried_on_blind() {
    let cases = [
        lost("table_size_flood", &[("200", "", 1), ("200", "blind", 1)], "settings not acknowledged"),
        lost("hpack_bomb", &[("200", "", 1), ("", "blind", 1)], "header list too large"),
        lost("continuation_flood", &[("200", "", 1)], "header block too large"),
        lost("not_http2", &[("200", "", 1), ("", "blind", 1)], "frame size"),
    ];
    if let Err(why) = play(&cases) {
        skipped!("{why}");
    }
}

#[test]
fn settings_that_come_with_an_upgrade_are_followed() {
    let upgrade = Case { protocol: "http/1", ..case("upgrade", &[("200", "", 4)]) };
    if let Err(why) = play(&[upgrade]) {
        skipped!("{why}");
    }
}
