//! What completions and the manual are made from: the definition of the command line, as flags and their values.

use clap::builder::StyledStr;
use clap::{Arg, ArgAction, Command};

/// What may follow a flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Values {
    /// Nothing.
    None,
    /// One of these, or something else.
    Words(Vec<String>),
    /// A file.
    File,
    /// What cannot be guessed.
    Other,
}

/// One flag.
#[derive(Debug)]
pub(super) struct Flag {
    /// With its hyphens; its letter first, then other names of it.
    pub(super) names: Vec<String>,
    /// What stands for its value.
    pub(super) metavar: String,
    pub(super) values: Values,
    /// It may stand alone, and its value comes after `=` only.
    pub(super) is_optional: bool,
    pub(super) is_repeated: bool,
    pub(super) help: String,
    /// Where it stands in the help.
    pub(super) heading: String,
}

/// One command.
#[derive(Debug)]
pub(super) struct Outline {
    pub(super) name: String,
    pub(super) about: String,
    /// What follows the flags in the help.
    pub(super) more: String,
    /// As `[OPTIONS] [FILE]...`: what comes after its name.
    pub(super) usage: String,
    pub(super) flags: Vec<Flag>,
    /// What stands without a flag, as `[FILE]...`, and its help.
    pub(super) arguments: Vec<(String, String)>,
    /// What may stand there without a flag.
    pub(super) plain: Values,
}

/// All that the help shows: the program's own flags, and each command.
pub(super) fn outline(mut program: Command) -> (Outline, Vec<Outline>) {
    program.build();
    let commands = program.get_subcommands().filter(|command| !command.is_hide_set()).map(one).collect();
    (one(&program), commands)
}

fn one(command: &Command) -> Outline {
    let shown = command.get_opts().chain(command.get_arguments().filter(|arg| is_switch(arg)));
    let mut shown: Vec<&Arg> = shown.filter(|arg| !arg.is_hide_set()).collect();
    // In the order of the help.
    shown.sort_by_key(|arg| command.get_arguments().position(|other| other.get_id() == arg.get_id()));
    let plain = command.get_positionals().next().map_or(Values::None, values);
    let usage = command.clone().render_usage().to_string();
    let path = command.get_bin_name().unwrap_or_else(|| command.get_name());
    Outline {
        name: command.get_name().to_owned(),
        about: text(command.get_about()),
        more: text(command.get_after_help()),
        usage: usage.trim_start_matches("Usage: ").trim_start_matches(path).trim().to_owned(),
        flags: shown.into_iter().map(flag).collect(),
        arguments: command.get_positionals().map(|arg| (arg.to_string(), text(arg.get_help()))).collect(),
        plain,
    }
}

fn is_switch(arg: &Arg) -> bool {
    !arg.get_action().takes_values() && !arg.is_positional()
}

fn flag(arg: &Arg) -> Flag {
    let letters = arg.get_short().into_iter().map(|letter| format!("-{letter}"));
    let long = arg.get_long().into_iter().chain(arg.get_visible_aliases().into_iter().flatten());
    let default: Vec<_> = arg.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    let mut help = text(arg.get_help());
    if arg.get_action().takes_values() && !default.is_empty() && !help.contains("[default: ") {
        help.push_str(&format!(" [default: {}]", default.join(",")));
    }
    Flag {
        names: letters.chain(long.map(|name| format!("--{name}"))).collect(),
        metavar: metavar(arg),
        values: values(arg),
        is_optional: arg.is_require_equals_set(),
        is_repeated: matches!(arg.get_action(), ArgAction::Append | ArgAction::Count),
        help,
        heading: arg.get_help_heading().unwrap_or("Options").to_owned(),
    }
}

fn metavar(arg: &Arg) -> String {
    if !arg.get_action().takes_values() {
        return String::new();
    }
    arg.get_value_names().unwrap_or_default().iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

/// What clap knows, else what the metavar tells: `off|json`, of `N|auto` the second, `FILE`.
fn values(arg: &Arg) -> Values {
    let metavar = metavar(arg);
    let possible: Vec<String> =
        arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    let is_word = |word: &&str| word.starts_with(|first: char| first.is_ascii_lowercase());
    let words: Vec<String> = match metavar.as_str() {
        "LEVEL" => ["off", "error", "warn", "info", "debug", "trace"].map(str::to_owned).into(),
        _ => metavar.split('|').filter(is_word).map(str::to_owned).collect(),
    };
    match (arg.get_action().takes_values(), possible.is_empty(), words.is_empty()) {
        (false, ..) => Values::None,
        (true, false, _) => Values::Words(possible),
        (true, true, false) => Values::Words(words),
        _ if metavar == "FILE" => Values::File,
        _ => Values::Other,
    }
}

fn text(styled: Option<&StyledStr>) -> String {
    styled.map(ToString::to_string).unwrap_or_default()
}
