//! Help, version, and what is no proper use.

use crate::support::wayside;

#[test]
fn alone_it_shows_the_help() {
    let said = wayside(&[], &[]);
    assert_eq!((said.code, said.stdout.as_str()), (2, ""));
    assert!(said.stderr.contains("Usage: wayside <COMMAND>"), "{said:?}");
}

#[test]
fn help_and_version_are_one_screen() {
    let said = wayside(&["--version"], &[]);
    assert_eq!((said.code, said.stdout), (0, format!("wayside {}\n", env!("CARGO_PKG_VERSION"))));
    for (arguments, most) in [
        (vec!["--help"], 24),
        (vec!["run", "--help"], 51),
        (vec!["check", "--help"], 54),
        (vec!["doctor", "--help"], 24),
    ] {
        let said = wayside(&arguments, &[]);
        assert_eq!((said.code, said.stderr.as_str()), (0, ""));
        assert!(said.stdout.lines().count() <= most, "{arguments:?}: {}", said.stdout.lines().count());
        assert!(said.stdout.lines().all(|line| line.chars().count() <= 105), "{}", said.stdout);
    }
}

#[test]
fn wrong_usage_is_2() {
    for arguments in [
        vec!["walk"],
        vec!["--config", "x"],
        vec!["run", "stray"],
        vec!["run", "--no-such-flag"],
        vec!["run", "--detect-timout", "1s"],
        vec!["run", "--log"],
        vec!["run", "--log", "info", "--log", "warn"],
    ] {
        let said = wayside(&arguments, &[]);
        assert_eq!((said.code, said.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(said.stderr.starts_with("error: "), "{said:?}");
    }
    let said = wayside(&["run", "--detect-timout", "1s"], &[]);
    assert!(said.stderr.contains("--detect-timeout"), "the nearest flag is named: {said:?}");
}
