//! Python's own network tests end alike with and without wayside: a quick part of what `scripts/python-tests` runs.

mod support;

use std::process::Command;

use support::*;

/// How the script says that this machine cannot do it.
const NOT_HERE: i32 = 77;

#[test]
fn a_quick_part_of_pythons_own_tests_ends_as_without_wayside() {
    if !is_root() {
        skipped!("not root");
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/python-tests");
    if have("python3").is_none() {
        skipped!("no python3");
    }
    let output = Command::new("python3").args([script, "--quick"]).env("WAYSIDE", program()).output();
    let output = output.expect("to start the script");
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.code() == Some(NOT_HERE) {
        skipped!("{}", complained.trim().trim_start_matches("skipped: "));
    }
    assert!(output.status.success(), "{said}\n{complained}");
    // The script counts what went through wayside, so a run past it cannot look like success.
    assert!(said.contains(" 0 unexplained; "), "{said}");
}
