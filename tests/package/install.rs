//! `scripts/install` into a folder, and the unit that it installs.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output};

use crate::root::source;
use crate::support::*;

const FILES: [&str; 7] = [
    "bin/wayside",
    "lib/systemd/system/wayside.service",
    "lib/sysusers.d/wayside.conf",
    "share/bash-completion/completions/wayside",
    "share/fish/vendor_completions.d/wayside.fish",
    "share/man/man1/wayside.1",
    "share/zsh/site-functions/_wayside",
];

fn install(dir: &Path, prefix: Option<&str>, args: &[&str]) -> Output {
    let mut script = Command::new(source().join("scripts/install"));
    script.env("DESTDIR", dir).env_remove("PREFIX").args(args);
    if let Some(prefix) = prefix {
        script.env("PREFIX", prefix);
    }
    programs::run(&mut script, b"")
}

/// Every file below, by its path from there.
fn files(folder: &Path) -> BTreeSet<String> {
    let (mut found, mut folders) = (BTreeSet::new(), vec![folder.to_owned()]);
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.insert(path.strip_prefix(folder).expect("inside").to_string_lossy().into_owned());
            }
        }
    }
    found
}

#[test]
fn it_installs_all_of_it_and_takes_all_of_it_away() {
    let program = program();
    for (prefix, place) in [(None, "usr/local"), (Some("/opt/wayside"), "opt/wayside")] {
        let dir = TempDir::new();
        // Twice is the same as once.
        for _ in 0..2 {
            let output = install(dir.path(), prefix, &[&program]);
            assert!(output.status.success(), "{output:?}");
        }
        let expected: BTreeSet<String> = FILES.iter().map(|file| format!("{place}/{file}")).collect();
        assert_eq!(files(dir.path()), expected);
        let read = |file: &str| std::fs::read_to_string(dir.path().join(place).join(file)).expect("a text");
        assert_eq!(read("share/man/man1/wayside.1"), run_to_end(&["man"], &[]).stdout);
        assert!(read("share/zsh/site-functions/_wayside").starts_with("#compdef wayside\n"));
        let unit = read("lib/systemd/system/wayside.service");
        assert!(unit.contains(&format!("\nExecStart=/{place}/bin/wayside run\n")), "{unit}");
        assert_eq!(read("lib/sysusers.d/wayside.conf"), "u wayside 2102 \"wayside proxy\" -\n");
        let version = Command::new(dir.path().join(place).join("bin/wayside")).arg("--version").output();
        assert!(version.expect("to start it").status.success());
        assert!(install(dir.path(), prefix, &["--uninstall"]).status.success());
        assert_eq!(files(dir.path()), BTreeSet::new());
    }
    assert_eq!(install(Path::new("/nowhere"), None, &["--remove"]).status.code(), Some(2));
}

#[test]
fn the_unit_leaves_little_exposed() {
    if have("systemd-analyze").is_none() {
        skipped!("no systemd-analyze")
    }
    let unit = source().join("scripts/wayside.service");
    let analyze = |words: &[&str], unit: &Path| {
        programs::run(Command::new("systemd-analyze").env("SYSTEMD_COLORS", "0").args(words).arg(unit), b"")
    };
    // 1.1 of 10: the threshold is in tenths. What is left is, for the most part, that it uses the network.
    let said = analyze(&["security", "--offline=true", "--threshold=11", "--no-pager"], &unit);
    let text = String::from_utf8_lossy(&said.stdout);
    if String::from_utf8_lossy(&said.stderr).contains("unrecognized option") {
        skipped!("this systemd-analyze has no --offline")
    }
    println!("{}", text.lines().last().unwrap_or_default());
    assert!(said.status.success(), "{text}");
    // It knows every setting; the program must be there for that.
    let dir = TempDir::new();
    let text = std::fs::read_to_string(&unit).expect("the unit");
    let there = text.replace("/usr/local/bin/wayside", "/bin/sh");
    let said = analyze(&["verify", "--man=no"], &dir.file("wayside.service", there));
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(!said.contains("wayside.service:"), "{said}");
}
