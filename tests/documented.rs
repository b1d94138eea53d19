//! Every command that the documents show is run: here, in a network namespace of its own, or by a test or step of CI that
//! is named here.

#[path = "documented/elsewhere.rs"]
mod elsewhere;
#[path = "documented/figures.rs"]
mod figures;
#[path = "documented/here.rs"]
mod here;
#[path = "documented/read.rs"]
mod read;
#[path = "documented/scene.rs"]
mod scene;
mod support;

use std::collections::BTreeSet;

use read::{Shown, shown};

/// The commands in blocks that are neither run here nor elsewhere.
fn unknown(commands: &[Shown], elsewhere: impl Fn(&Shown) -> Result<(), String>) -> Vec<String> {
    let is_here = |command: &str| here::COMMANDS.iter().any(|run| run.command == command);
    let mut unknown = Vec::new();
    for shown in commands.iter().filter(|shown| !(shown.in_block && is_here(&shown.command))) {
        if let Err(why) = elsewhere(shown) {
            unknown.push(format!("{}: {}: {why}", shown.place, shown.command));
        }
    }
    unknown
}

#[test]
fn each_command_is_run_somewhere() {
    assert_eq!(unknown(&shown(), elsewhere::is_run), Vec::<String>::new());
    let new = |command: &str, in_block| Shown { place: "a.md:1".into(), command: command.into(), in_block };
    for bad in [
        new("wayside doctor --json --ready", true),
        new("wayside doctor --fast", false),
        new("wayside doktor", false),
        new("wayside run --workers 3 --forward 127.0.0.1:1=127.0.0.1:2", true),
        new("cargo test --test gone", false),
        new("cargo test --test house no_such_function -- --nocapture", false),
        new("cargo bench --bench gone", false),
        new("scripts/gone", true),
        new("make install", true),
    ] {
        assert_eq!(unknown(std::slice::from_ref(&bad), elsewhere::is_run).len(), 1, "{bad:?}");
    }
}

#[test]
fn each_command_that_is_run_here_is_shown() {
    let commands = shown();
    let shown: BTreeSet<&str> =
        commands.iter().filter(|shown| shown.in_block).map(|shown| shown.command.as_str()).collect();
    let gone: Vec<_> = here::COMMANDS.iter().filter(|run| !shown.contains(run.command)).collect();
    assert!(gone.is_empty(), "no document shows them any more: {gone:?}");
}
