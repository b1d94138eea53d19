//! The manual page, made from the definition of the command line: text for roff.

use std::fmt::Write as _;

use super::outline::{Flag, Outline};

/// What is no part of the command line, and belongs on the page all the same.
const END: &str = "\
.SH SIGNALS
SIGTERM, SIGINT and SIGQUIT: stop accepting connections to the application, let what runs end, exit 0. A second one ends at once.
With \\-\\- COMMAND they are passed on to it, SIGUSR1, SIGUSR2, SIGWINCH and SIGALRM too.
.SH SEE ALSO
.BR nft (8),
.BR iptables (8)
.PP
The folder docs of the source, operating.md first.
";

/// wayside(1).
pub(super) fn page(program: &Outline, commands: &[Outline]) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let mut page = format!(
        ".\\\" By `wayside man`.\n.TH WAYSIDE 1 \"\" \"wayside {version}\" \"User Commands\"\n.SH NAME\n\
         wayside \\- {}\n.SH SYNOPSIS\n",
        escape(&lower(env!("CARGO_PKG_DESCRIPTION")))
    );
    for command in commands {
        let _ = writeln!(page, ".B wayside {}\n{}\n.br", command.name, line(&command.usage));
    }
    let _ = writeln!(page, ".SH DESCRIPTION\n{}.", line(&program.about));
    paragraphs(&mut page, &program.more);
    page.push_str(".SH OPTIONS\n");
    flags(&mut page, &program.flags);
    page.push_str(".SH COMMANDS\n");
    let mut told: Option<&Outline> = None;
    for command in commands {
        let _ = writeln!(page, ".SS wayside {}\n{}.", command.name, line(&command.about));
        for (argument, help) in &command.arguments {
            let _ = writeln!(page, ".TP\n\\fI{}\\fR\n{}", escape(argument), line(help));
        }
        // `check` takes all that `run` does: that is told once.
        let has_all = told.is_some_and(|told| told.flags.iter().all(|flag| has(command, flag)));
        if let (true, Some(told)) = (has_all, told) {
            let _ = writeln!(page, ".PP\nIt takes all options of\n.BR \"wayside {}\" .", told.name);
            let rest = command.flags.iter().filter(|flag| !has(told, flag));
            flags(&mut page, rest);
        } else {
            flags(&mut page, &command.flags);
        }
        if told.is_none_or(|told| told.more != command.more) {
            paragraphs(&mut page, &command.more);
        }
        told = told.or(Some(command));
    }
    page + END
}

/// Whether a command has the same flag.
fn has(command: &Outline, flag: &Flag) -> bool {
    command.flags.iter().any(|other| other.names == flag.names && other.help == flag.help)
}

fn flags<'a>(page: &mut String, flags: impl IntoIterator<Item = &'a Flag>) {
    let mut heading = "";
    for flag in flags {
        if flag.heading != heading && flag.heading != "Options" {
            let _ = writeln!(page, ".PP\n.I {}", escape(&flag.heading));
        }
        heading = &flag.heading;
        let names: Vec<String> = flag.names.iter().map(|name| format!("\\fB{}\\fR", escape(name))).collect();
        let value = match (flag.metavar.is_empty(), flag.is_optional) {
            (true, _) => String::new(),
            (false, true) => format!("[=\\fI{}\\fR]", escape(&flag.metavar)),
            (false, false) => format!(" \\fI{}\\fR", escape(&flag.metavar)),
        };
        let _ = writeln!(page, ".TP\n{}{value}\n{}", names.join(", "), line(&flag.help));
    }
}

/// Each line by itself, as in the help; a blank one begins a paragraph.
fn paragraphs(page: &mut String, text: &str) {
    if text.is_empty() {
        return;
    }
    page.push_str(".PP\n");
    for (index, each) in text.lines().enumerate() {
        let _ = match (each.trim(), index) {
            ("", _) => writeln!(page, ".PP"),
            (words, 0) => writeln!(page, "{}", line(words)),
            (words, _) => writeln!(page, ".br\n{}", line(words)),
        };
    }
}

/// A line of text, which must not begin like a request.
fn line(text: &str) -> String {
    format!("\\&{}", escape(text))
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\e").replace('-', "\\-").replace('\'', "\\(aq").replace('`', "\\(ga")
}

/// The first letter small, as NAME has it.
fn lower(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}
