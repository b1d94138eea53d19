//! The table of docs/configuration.md, the help and the code say the same.

use wayside::config::options::{OPTIONS, Opt, find};

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
    expected.push(config.to_vec());
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
        let rows = rows();
        assert_eq!(flags.len(), rows.len(), "{help}");
        for (line, row) in flags.iter().zip(rows) {
            let is_switch = find(&row[2]).is_some_and(Opt::is_switch);
            let (before, after) = if is_switch { ("[=<", ">]") } else { (" <", ">") };
            let flag = [&row[0], before, &row[4], after].concat();
            assert!(line.trim_start().starts_with(&flag), "{line} {row:?}");
            assert!(line.ends_with(&format!(" [default: {}]", row[3])), "{line} {row:?}");
        }
    }
}
