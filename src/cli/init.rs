//! The flags of `wayside init`.

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::{config_flag, flag};
use crate::commands::init::Manner;
use crate::commands::init::backend::Choice;
use crate::config::options::find;
use crate::config::redirect::{REDIRECT_OPTIONS, RedirectOpt, SHARED};

/// The command.
pub(super) const NAME: &str = "init";

const BACKEND: &str = "backend";
const PRINT: &str = "print";
const DELETE: &str = "delete";
const NO_VERIFY: &str = "no-verify";

const RULES: &str = "What is redirected";
const MANNER: &str = "How";

const MORE: &str = "\
Forms:
  PORTS is 25,3306,4000-4100. CIDRS is 10.0.0.0/8,fd00::/8. Several with commas, or the flag again.
Loopback, what this host sends itself, connections that are there already and all but TCP are never redirected.
The ports are those of wayside run: --config, WAYSIDE_INBOUND_LISTEN, WAYSIDE_OUTBOUND_LISTEN and the other variables are read.
An admin listener that is not on loopback only is skipped on the way in.
Run again, it replaces the rules at once, with no moment without. It ends with a self-test of the redirection.
Exit code: 0 done, 1 wrong configuration, no permission or a failed test, 2 wrong usage or a wrong flag.";

/// Its definition.
pub(super) fn command() -> Command {
    let shared = SHARED
        .iter()
        .filter_map(|(name, alias)| Some(flag(find(name)?).help_heading(RULES).visible_alias(*alias)));
    Command::new(NAME)
        .about("Install the packet-filter rules that send TCP to wayside, or remove them")
        .args(REDIRECT_OPTIONS.iter().map(own))
        .args(shared)
        .arg(config_flag().help_heading(RULES))
        .args(manner_flags())
        .after_help(MORE)
}

/// Its flags of what is redirected, for a command that only has to know of it.
pub(super) fn hidden_flags() -> impl Iterator<Item = Arg> {
    REDIRECT_OPTIONS.iter().map(|option| own(option).hide(true))
}

/// The other name of an option that `run` has as well.
pub(super) fn with_alias(arg: Arg) -> Arg {
    match SHARED.iter().find(|(name, _)| arg.get_id() == name) {
        Some((_, alias)) => arg.alias(*alias),
        None => arg,
    }
}

fn own(option: &'static RedirectOpt) -> Arg {
    let arg = Arg::new(option.name)
        .long(option.name)
        .value_name(option.form.metavar)
        .help(format!("{} [default: {}]", option.help, option.default))
        .help_heading(RULES)
        .short(option.short)
        // A negative number or a stray hyphen is a wrong value, and is told as one.
        .allow_hyphen_values(true)
        .action(if option.is_list() { ArgAction::Append } else { ArgAction::Set });
    match option.alias {
        Some(alias) => arg.visible_alias(alias),
        None => arg,
    }
}

fn manner_flags() -> [Arg; 4] {
    let switch = |name: &'static str, help| {
        Arg::new(name).long(name).help(help).help_heading(MANNER).action(ArgAction::SetTrue)
    };
    [
        Arg::new(BACKEND)
            .long(BACKEND)
            .value_name("nft|iptables")
            .help(
                "Which packet filter; also iptables-nft, iptables-legacy [default: the first that is there]",
            )
            .help_heading(MANNER)
            .value_parser(str::parse::<Choice>),
        switch(PRINT, "Only print what would be loaded"),
        switch(DELETE, "Remove the rules, and nothing else"),
        switch(NO_VERIFY, "No self-test at the end"),
    ]
}

/// The values of its own flags.
pub(super) fn flags(matches: &ArgMatches) -> Vec<(&'static str, Vec<String>)> {
    let given = |option: &'static RedirectOpt| {
        let values = matches.get_many::<String>(option.name)?;
        Some((option.name, values.cloned().collect()))
    };
    REDIRECT_OPTIONS.iter().filter_map(given).collect()
}

/// How it is to be done.
pub(super) fn manner(matches: &ArgMatches) -> Manner {
    Manner {
        backend: matches.get_one(BACKEND).copied(),
        print: matches.get_flag(PRINT),
        delete: matches.get_flag(DELETE),
        no_verify: matches.get_flag(NO_VERIFY),
    }
}
