//! The command line: flags made from the table of options, the help, and which command is meant.

mod inject;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::ValueParser;
use clap::{Arg, ArgAction, ArgMatches, Command};

mod init;
mod man;
mod outline;
mod shells;

use crate::commands::doctor::Ask;
use crate::commands::explain::{Explain, Field, From, Question};
use crate::commands::init::Manner;
use crate::commands::inject::Settings;
use crate::commands::worker::Inheritance;
use crate::config::Sources;
use crate::config::options::{CONFIG, Group, OPTIONS, Opt};
use crate::listener::sockets::Role;
use crate::supervisor::PROTOCOL;

/// What the user asks for.
#[derive(Debug)]
pub enum Action {
    /// `wayside run`, and the application to start beside it.
    Run(Sources, Vec<OsString>),
    /// `wayside worker`, which a supervisor starts.
    Worker(Sources, Inheritance),
    /// `wayside check`.
    Check(Sources),
    /// `wayside check --explain`.
    Explain(Sources, Explain),
    /// `wayside init`: the sources of `wayside run`, flags of its own, and how it is to be done.
    Init(Sources, Vec<(&'static str, Vec<String>)>, Manner),
    /// `wayside inject`.
    Inject(Vec<PathBuf>, Box<Settings>),
    /// `wayside uninject`.
    Uninject(Vec<PathBuf>),
    /// `wayside doctor`.
    Doctor(Sources, Ask),
    /// `wayside completions`, `wayside man`: this text.
    Print(String),
}

const COMMAND: &str = "COMMAND";
const EXPLAIN: &str = "explain";
const EXPLAIN_HEADER: &str = "explain-header";
const EXPLAIN_LISTEN: &str = "explain-listen";

const COMPLETIONS: &str = "completions";
const SHELL: &str = "shell";
const MAN: &str = "man";

const JSON: &str = "json";
const READY: &str = "ready";
const UID: &str = "uid";

const ABOUT: &str =
    "A small transparent TCP proxy: it carries every connection unchanged and finds out what it is";

const EXAMPLE: &str = "\
Try it:
  wayside run --forward 127.0.0.1:8080=example.com:80
  curl -H 'Host: example.com' http://127.0.0.1:8080/";

const MORE: &str = "\
Forms:
  LISTEN is ADDR:PORT, or \":8080\" for \"[::]:8080\", all addresses. A listener may also be \"off\".
  TARGET is host:port, 1.2.3.4:port or [v6]:port. inbound:LISTEN=TARGET leads to the application.
  PORTS is 25,3306,4000-4100. DUR is an integer and ms, s, m or h; 0 is no limit.
  Addresses, forwards and ports: several with commas, or the flag again.
Every option is also an environment variable (WAYSIDE_DETECT_TIMEOUT=10s) and a key of the file
(detect-timeout = \"10s\"). Flags win over the environment, the environment over the file.
Routes and backend sets stand in the file only.
Exit code: 0 a clean end, 1 wrong configuration or failed start, 2 wrong usage or a wrong flag.";

const DOCTOR: &str = "\
Takes every other option of run, too, and those by which init redirects: it looks at what they would use.
It changes nothing and takes 5 s at most. Without root it sees no rules nor owners of ports, and says so.
Exit code: 0 nothing is wrong (there may be warnings), 1 something is wrong, 2 wrong usage.";

/// Understands the arguments. An error is clap's own: the help, the version, or wrong usage.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Action, clap::Error> {
    let matches = command().try_get_matches_from(arguments)?;
    let environment = environment.into_iter().collect();
    Ok(match matches.subcommand() {
        Some(("worker", options)) => {
            let config = options.get_one::<PathBuf>(CONFIG).cloned();
            Action::Worker(Sources { config, ..Sources::default() }, inheritance(options))
        }
        Some(("check", options)) => match explain(options) {
            Some(explain) => Action::Explain(sources(options, environment), explain),
            None => Action::Check(sources(options, environment)),
        },
        Some((init::NAME, options)) => {
            let (flags, manner) = (init::flags(options), init::manner(options));
            Action::Init(sources(options, environment), flags, manner)
        }
        Some(("inject", options)) => {
            Action::Inject(inject::files(options), Box::new(inject::settings(options)))
        }
        Some(("uninject", options)) => Action::Uninject(inject::files(options)),
        Some(("doctor", options)) => Action::Doctor(sources(options, environment), ask(options)),
        Some((COMPLETIONS, options)) => Action::Print(completions(options)),
        Some((MAN, _)) => {
            let (program, commands) = outline::outline(command());
            Action::Print(man::page(&program, &commands))
        }
        // `subcommand_required` leaves only `run`.
        other => {
            let options = other.map_or(&matches, |(_, options)| options);
            let command = options.get_many::<OsString>(COMMAND).into_iter().flatten().cloned().collect();
            Action::Run(sources(options, environment), command)
        }
    })
}

/// The whole command line, for the help and for completions.
pub fn command() -> Command {
    Command::new("wayside")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .after_help(EXAMPLE)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .disable_help_subcommand(true)
        .subcommand(with_options(Command::new("run").about("Run the proxy")).arg(application()))
        .subcommand(worker())
        .subcommand(
            with_options(
                Command::new("check").about("Check the configuration and print what it comes to, as TOML"),
            )
            .args(explain_flags()),
        )
        .subcommand(init::command())
        .subcommand(inject::inject_command())
        .subcommand(inject::uninject_command())
        .subcommand(doctor())
        .subcommand(
            Command::new(COMPLETIONS).about("Print completions for a shell").arg(
                Arg::new(SHELL)
                    .value_name("SHELL")
                    .required(true)
                    .value_parser(shells::Shell::NAMES)
                    .help("Where to put them: docs/operating.md"),
            ),
        )
        .subcommand(Command::new(MAN).about("Print the manual page, for man"))
}

fn completions(matches: &ArgMatches) -> String {
    let (program, commands) = outline::outline(command());
    let shell = matches.get_one::<String>(SHELL).and_then(|name| shells::Shell::named(name));
    shell.map(|shell| shells::completions(shell, &program, &commands)).unwrap_or_default()
}

fn application() -> Arg {
    Arg::new(COMMAND)
        .value_name("COMMAND")
        .help("Start this application too, and end with its exit code when it has ended")
        .value_parser(ValueParser::os_string())
        .num_args(1..)
        .last(true)
}

/// What a supervisor starts; nobody else has use for it.
fn worker() -> Command {
    let arg = |name| Arg::new(name).long(name).required(true);
    let descriptor = || clap::value_parser!(i32).range(3..);
    Command::new("worker")
        .hide(true)
        .arg(arg("protocol").value_parser([PROTOCOL]))
        .arg(arg(CONFIG).value_parser(ValueParser::path_buf()))
        .arg(arg("control").value_parser(descriptor()))
        .arg(arg("words").value_parser(descriptor()))
        .arg(arg("of").value_parser(clap::value_parser!(usize)))
        .arg(arg("core").required(false).value_parser(clap::value_parser!(usize)))
        .arg(arg("socket").action(ArgAction::Append).value_parser(inherited_socket))
}

fn inherited_socket(text: &str) -> Result<(Role, i32), String> {
    let (role, number) = text.rsplit_once('=').ok_or("no number")?;
    Ok((role.parse()?, number.parse().map_err(|_| text.to_owned())?))
}

fn inheritance(matches: &ArgMatches) -> Inheritance {
    let number = |name: &str| matches.get_one::<i32>(name).copied().unwrap_or(-1);
    Inheritance {
        control: number("control"),
        words: number("words"),
        of: matches.get_one("of").copied().unwrap_or(1),
        core: matches.get_one("core").copied(),
        sockets: matches.get_many("socket").into_iter().flatten().copied().collect(),
    }
}

fn with_options(command: Command) -> Command {
    let config = config_flag().help_heading(Group::Process.heading());
    command.args(OPTIONS.iter().map(flag)).arg(config).after_help(MORE)
}

fn config_flag() -> Arg {
    Arg::new(CONFIG)
        .long(CONFIG)
        .value_name("FILE")
        .help("Read options from this TOML file [default: none]")
        .value_parser(ValueParser::path_buf())
}

/// It takes every option of `run` and of `init`, so that it looks at what they would use; the help shows those that matter to it.
fn doctor() -> Command {
    let is_shown = |name: &str| name.ends_with("-listen");
    let hidden = |arg: Arg| {
        let is_shown = arg.get_long().is_some_and(is_shown);
        arg.hide(!is_shown)
    };
    with_options(
        Command::new("doctor").about("Look for what keeps redirection from working, and name the fix"),
    )
    .mut_args(move |arg| if arg.get_id() == CONFIG { arg } else { hidden(arg) })
    .args(init::hidden_flags())
    .mut_args(init::with_alias)
    .args(doctor_flags())
    .after_help(DOCTOR)
}

fn doctor_flags() -> [Arg; 3] {
    let arg = |name, help| Arg::new(name).long(name).help(help).help_heading("Doctor");
    [
        arg(JSON, "JSON instead of a table").action(ArgAction::SetTrue),
        arg(READY, "Only ask the admin port: exit 0 if ready, else 1").action(ArgAction::SetTrue),
        arg(UID, "The user wayside runs as [default: the running one's, or 2102]")
            .value_name("UID")
            .value_parser(clap::value_parser!(u32)),
    ]
}

fn ask(matches: &ArgMatches) -> Ask {
    Ask {
        json: matches.get_flag(JSON),
        ready: matches.get_flag(READY),
        user: matches.get_one(UID).copied(),
        redirect: init::flags(matches),
    }
}

fn flag(option: &'static Opt) -> Arg {
    let default = if option.default.is_empty() { "none" } else { option.default };
    let arg = Arg::new(option.name)
        .long(option.name)
        .value_name(option.form.metavar)
        .help(format!("{} [default: {default}]", option.help))
        .help_heading(option.group.heading())
        // A negative number or a stray hyphen is a wrong value, and is told as one.
        .allow_hyphen_values(true)
        .action(if option.is_list() { ArgAction::Append } else { ArgAction::Set });
    if option.is_switch() {
        return arg.num_args(0..=1).require_equals(true).default_missing_value("true");
    }
    arg
}

fn explain_flags() -> [Arg; 3] {
    let arg = |name, metavar, help| {
        Arg::new(name)
            .long(name)
            .value_name(metavar)
            .help(help)
            .help_heading("Routes")
            .allow_hyphen_values(true)
    };
    [
        arg(EXPLAIN, "REQUEST", "Only say its route: \"GET http://host/path\", \"TLS name\"")
            .action(ArgAction::Append)
            .value_parser(Question::parse),
        arg(EXPLAIN_HEADER, "FIELD", "Every such request has it: \"name: value\"")
            .action(ArgAction::Append)
            .value_parser(Field::parse)
            .requires(EXPLAIN),
        arg(EXPLAIN_LISTEN, "LISTENER", "Of inbound, outbound or a forward's address [default: outbound]")
            .value_parser(From::parse)
            .requires(EXPLAIN),
    ]
}

fn explain(matches: &ArgMatches) -> Option<Explain> {
    Some(Explain {
        questions: matches.get_many(EXPLAIN)?.cloned().collect(),
        headers: matches.get_many(EXPLAIN_HEADER).into_iter().flatten().cloned().collect(),
        from: matches.get_one(EXPLAIN_LISTEN).copied().unwrap_or(From::Outbound),
    })
}

fn sources(matches: &ArgMatches, environment: Vec<(OsString, OsString)>) -> Sources {
    let flags = OPTIONS.iter().filter_map(|option| {
        // `init` has a few of them only.
        let values = matches.try_get_many::<String>(option.name).ok()??;
        Some((option.name, values.cloned().collect()))
    });
    Sources { config: matches.get_one::<PathBuf>(CONFIG).cloned(), flags: flags.collect(), environment }
}

#[cfg(test)]
mod tests;
