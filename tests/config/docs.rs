//! The table of docs/configuration.md, the help and the code say the same.

use wayside::config::options::{Group, OPTIONS, Opt, find};

use crate::support::wayside;

const DOCS: &str = include_str!("../../docs/configuration.md");

/// The cells of every row that begins with a flag, without backticks.
fn rows() -> Vec<Vec<String>> {
    let rows = DOCS.lines().filter(|line| line.starts_with("| `--"));
    let cells = |line: &str| {
        let line = line.replace("\\|", "\u{0}").replace('`', "");
        let cells = line.trim_matches('|').split('|').map(|cell| cell.trim().replace('\u{0}', "|"));
        cells.collect()
    };
    rows.map(cells).collect()
}

#[test]
fn the_docs_have_every_option_as_the_code_has_it() {
    let mut expected: Vec<Vec<String>> = OPTIONS
        .iter()
        .map(|option| {
            let default = if option.default.is_empty() { "none" } else { option.default };
            [&format!("--{}", option.name), &option.env(), option.name, default, option.form.metavar]
                .map(ToString::to_string)
                .to_vec()
        })
        .collect();
    let config = ["--config", "WAYSIDE_CONFIG", "(not in the file)", "none", "FILE"].map(str::to_owned);
    let visible = OPTIONS.iter().take_while(|option| option.group != Group::Later).count();
    expected.insert(visible, config.to_vec());
    let found: Vec<Vec<String>> = rows().into_iter().map(|row| row.into_iter().take(5).collect()).collect();
    assert_eq!(found, expected);
}

#[test]
fn every_row_has_a_meaning() {
    for row in rows() {
        assert_eq!(row.len(), 7, "{row:?}");
        assert!(row[6].ends_with('.'), "{row:?}");
    }
}

#[test]
fn the_help_has_every_option_on_one_line_with_its_default() {
    for command in ["run", "check"] {
        let help = wayside(&[command, "--help"], &[]).stdout;
        let is_option =
            |line: &&str| line.trim_start().starts_with("--") && !line.trim_start().starts_with("--explain");
        let flags: Vec<&str> = help.lines().filter(is_option).collect();
        let mut visible: Vec<Vec<String>> = rows();
        visible.retain(|row| {
            !OPTIONS.iter().any(|option| option.group == Group::Later && option.name == row[2])
        });
        assert_eq!(flags.len(), visible.len(), "{help}");
        for (line, row) in flags.iter().zip(visible) {
            let is_switch = find(&row[2]).is_some_and(Opt::is_switch);
            let (before, after) = if is_switch { ("[=<", ">]") } else { (" <", ">") };
            let flag = [&row[0], before, &row[4], after].concat();
            assert!(line.trim_start().starts_with(&flag), "{line} {row:?}");
            assert!(line.ends_with(&format!(" [default: {}]", row[3])), "{line} {row:?}");
        }
    }
}

#[test]
fn later_options_are_known_but_not_promised() {
    let help = wayside(&["run", "--help"], &[]).stdout;
    let later: Vec<_> = OPTIONS.iter().filter(|option| option.group == Group::Later).collect();
    assert_eq!(later.len(), 1);
    for option in later {
        assert!(!help.contains(option.name), "{}", option.name);
        let said = wayside(&["check", &format!("--{}={}", option.name, option.default)], &[]);
        assert_eq!(said.code, 0, "{said:?}");
    }
}
