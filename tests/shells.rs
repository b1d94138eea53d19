//! `wayside completions` and `wayside man`: in real shells, and as man and groff read the page.

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use support::*;

/// What the program prints.
#[track_caller]
fn printed(args: &[&str]) -> String {
    let ended = run_to_end(args, &[]);
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{args:?}");
    ended.stdout
}

/// The commands that the help shows.
fn commands() -> Vec<String> {
    let help = printed(&["--help"]);
    let (_, list) = help.split_once("Commands:\n").expect("commands");
    let names = list.lines().take_while(|line| line.starts_with("  "));
    let names: Vec<String> =
        names.filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect();
    assert!(names.len() > 6, "{names:?}");
    names
}

/// The flags at the beginning of lines of a command's help.
fn flags(command: &str) -> BTreeSet<String> {
    let help = printed(&[command, "--help"]);
    // What it means may stand below it, further to the right, and may name another flag.
    let lines = help.lines().filter(|line| line.len() - line.trim_start().len() < 8).map(str::trim_start);
    let lines = lines.filter(|line| line.starts_with('-'));
    let is_flag = |word: &&str| word.starts_with('-') && word.len() > 1;
    let clean = |word: &str| word.split(['=', '[', ',']).next().unwrap_or_default().to_owned();
    let flags: BTreeSet<String> =
        lines.flat_map(|line| line.split_whitespace().take(2)).filter(is_flag).map(clean).collect();
    assert!(flags.contains("--help"), "{flags:?}");
    flags
}

/// What bash offers for these words, the last of which is being written. (bash takes `--a=b` for three words.)
#[track_caller]
fn bash(dir: &TempDir, words: &[&str]) -> BTreeSet<String> {
    let script = "source ./wayside.bash; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); \
                  complete -p wayside | grep -q -- '-F _wayside wayside' || exit 9; \
                  _wayside wayside; printf '%s\\n' \"${COMPREPLY[@]}\"";
    let mut command = Command::new("bash");
    command.current_dir(dir.path()).args(["--norc", "-c", script, "bash", "wayside"]).args(words);
    let said = programs::text(&mut command, "");
    said.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

#[test]
fn bash_completes_commands_flags_values_and_files() {
    if have("bash").is_none() {
        skipped!("no bash")
    }
    let dir = TempDir::new();
    dir.file("wayside.bash", printed(&["completions", "bash"]));
    dir.file("deployment.yml", "");
    for (words, expected) in [
        (vec!["ru"], vec!["run"]),
        (vec!["--ver"], vec!["--version"]),
        (vec!["run", "--inb"], vec!["--inbound-listen"]),
        (vec!["run", "--access-log", "a"], vec!["apache"]),
        (vec!["run", "--access-log", "=", "j"], vec!["json"]),
        (vec!["run", "--access-log", "="], vec!["off", "json", "apache"]),
        (vec!["run", "--forward", ""], vec![]),
        // A switch stands alone; its value comes after "=" only.
        (vec!["run", "--http-strict", "--http-r"], vec!["--http-reuse"]),
        (vec!["run", "--http-strict", "=", "t"], vec!["true"]),
        (vec!["run", "--config", "dep"], vec!["deployment.yml"]),
        (vec!["inject", "dep"], vec!["deployment.yml"]),
        (vec!["inject", "--image-p"], vec!["--image-pull-policy"]),
        (vec!["inject", "--image-pull-policy", "N"], vec!["Never"]),
        (vec!["init", "-p", ""], vec![]),
        (vec!["doctor", "--re"], vec!["--ready"]),
        (vec!["completions", "z"], vec!["zsh"]),
        (vec!["no-such-command", ""], vec![]),
    ] {
        assert_eq!(bash(&dir, &words), set(&expected), "{words:?}");
    }
    for command in commands() {
        let offered = bash(&dir, &[&command, "-"]);
        let missing: Vec<String> = flags(&command).difference(&offered).cloned().collect();
        assert_eq!(missing, Vec::<String>::new(), "{command}: {offered:?}");
    }
    let offered = bash(&dir, &[""]);
    assert!(commands().iter().all(|command| offered.contains(command)), "{offered:?}");
}

#[test]
fn fish_completes_them_too() {
    if have("fish").is_none() {
        skipped!("no fish")
    }
    let dir = TempDir::new();
    dir.file("wayside.fish", printed(&["completions", "fish"]));
    let fish = |line: &str| -> BTreeSet<String> {
        let script = format!("source ./wayside.fish; complete -C '{line}'");
        let mut command = Command::new("fish");
        command.env("HOME", dir.path()).current_dir(dir.path()).args(["--no-config", "-c", &script]);
        let said = programs::text(&mut command, "");
        said.lines().map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect()
    };
    for (line, expected) in [
        ("wayside ru", vec!["run"]),
        ("wayside run --inb", vec!["--inbound-listen"]),
        ("wayside run --access-log a", vec!["apache"]),
        ("wayside inject --image-pull-policy N", vec!["Never"]),
        ("wayside completions z", vec!["zsh"]),
    ] {
        assert_eq!(fish(line), set(&expected), "{line}");
    }
    for command in commands() {
        let offered = fish(&format!("wayside {command} --"));
        let long: Vec<String> = flags(&command).into_iter().filter(|flag| flag.starts_with("--")).collect();
        assert!(long.iter().all(|flag| offered.contains(flag)), "{command}: {offered:?}");
    }
}

#[test]
fn zsh_completes_them_too() {
    if have("zsh").is_none() {
        skipped!("no zsh")
    }
    let dir = TempDir::new();
    dir.file("_wayside", printed(&["completions", "zsh"]));
    // A shell in a terminal of its own, whose list of candidates is written to a file in place of the screen.
    let script = include_str!("shells/complete.zsh");
    let zsh = |line: &str| {
        let mut command = Command::new("zsh");
        command.env("HOME", dir.path()).current_dir(dir.path()).args(["-f", "-c", script, "zsh", line]);
        programs::text(&mut command, "")
    };
    for (line, expected) in [
        ("wayside run --inb", "wayside run --inbound-listen="),
        ("wayside ru", "wayside run "),
        ("wayside run --http-stri", "wayside run --http-strict"),
        ("wayside run --access-log=a", "wayside run --access-log=apache "),
        ("wayside completions b", "wayside completions bash "),
        ("wayside doctor --rea", "wayside doctor --ready "),
        ("wayside inject _way", "wayside inject _wayside "),
    ] {
        let said = zsh(line);
        assert!(said.trim_end_matches('\n').starts_with(expected), "{line:?}: {said:?}");
    }
}

#[test]
fn a_shell_that_is_not_known_is_wrong_usage() {
    for args in [&["completions"][..], &["completions", "csh"], &["man", "run"]] {
        assert_eq!(run_to_end(args, &[]).code, Some(2), "{args:?}");
    }
}

/// The page as `man` shows it, in one line.
fn shown(page: &Path) -> String {
    let mut command = Command::new("man");
    command.env("MANWIDTH", "1000").env("LC_ALL", "C.UTF-8").arg("--warnings").arg("-l").arg(page);
    let output = programs::run(&mut command, b"");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn the_manual_page_has_every_command_and_flag_and_no_warning() {
    let dir = TempDir::new();
    let text = printed(&["man"]);
    let page = dir.file("wayside.1", &text);
    if have("groff").is_none() {
        say_skipped("shells::the_manual_page::groff", "no groff")
    } else {
        let output = programs::run(Command::new("groff").args(["-ww", "-man", "-z"]).arg(&page), b"");
        assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    }
    if have("man").is_none() {
        skipped!("no man")
    }
    let shown = shown(&page);
    for command in commands() {
        let title = format!("\n   wayside {command}\n");
        let (_, section) = shown.split_once(&title).unwrap_or_else(|| panic!("no {command} in\n{shown}"));
        let section = section.split("\n   wayside ").next().unwrap_or_default();
        // What `check` has of `run` is told there.
        let is_told_by_run = section.contains("It takes all options of wayside run.");
        for flag in flags(&command) {
            let has = |text: &str| text.split([' ', ',', '=', '[', '\n']).any(|word| word == flag);
            assert!(
                has(section) || (is_told_by_run && flags("run").contains(&flag)),
                "{command} {flag}:\n{section}"
            );
        }
        let about = printed(&[&command, "--help"]);
        let words = section.split_whitespace().collect::<Vec<_>>().join(" ");
        let arguments = about.split_once("Arguments:\n").map_or("", |(_, rest)| rest);
        for argument in arguments.lines().take_while(|line| !line.is_empty()) {
            let (argument, help) = argument.trim().split_once("  ").expect("an argument and its help");
            let help = help.trim().split(" [possible values").next().unwrap_or_default();
            assert!(words.contains(&format!("{argument} {help}")), "{command} {argument}:\n{section}");
        }
        let about = about.lines().next().expect("a line");
        assert!(section.contains(about), "{about}");
    }
    for part in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "COMMANDS", "SIGNALS", "SEE ALSO"] {
        assert!(shown.contains(&format!("\n{part}\n")), "{part}");
    }
}
