//! `WAYSIDE_*` variables, and `RUST_LOG`.

use std::ffi::OsString;
use std::path::PathBuf;

use super::load::{Given, Source, is_filter};
use super::options::{CONFIG, OPTIONS, PREFIX, env, find};
use super::problem::{Origin, Problem, SEE_HELP, nearest, quote};
use super::redirect;

/// The file that `WAYSIDE_CONFIG` names.
pub(super) fn config(variables: &[(OsString, OsString)]) -> Option<PathBuf> {
    variables.iter().find(|(name, _)| *name == *env(CONFIG)).map(|(_, path)| PathBuf::from(path))
}

/// Every option that the environment sets, in the order of the table.
pub(super) fn read(variables: &[(OsString, OsString)]) -> Source {
    let mut source = Source::default();
    rust_log(variables, &mut source);
    for option in OPTIONS {
        let name = option.env();
        let Some((_, value)) = variables.iter().find(|(key, _)| key.to_str() == Some(&name)) else {
            continue;
        };
        let origin = Origin::Env(name);
        match value.to_str() {
            Some(text) => source.given.push(Given::of(option, origin.clone(), &[(text, origin)])),
            None => {
                let text = format!("{} is not UTF-8", quote(&value.to_string_lossy()));
                source.problems.push(Problem { at: origin, text });
            }
        }
    }
    unknown(variables, &mut source);
    source
}

/// `RUST_LOG` is everybody's: where it is not for us, that is no reason not to start.
fn rust_log(variables: &[(OsString, OsString)], source: &mut Source) {
    const NAME: &str = "RUST_LOG";
    let value = variables.iter().find(|(name, _)| name == NAME).and_then(|(_, value)| value.to_str());
    let (Some(text), Some(option)) = (value.map(str::trim), find("log")) else { return };
    if is_filter(text) {
        let origin = Origin::Env(NAME.to_owned());
        source.given.push(Given::of(option, origin.clone(), &[(text, origin)]));
    } else if !text.is_empty() {
        let accepted = option.form.accepted;
        source.warnings.push(format!("{NAME}: {} is left aside; {accepted}", quote(text)));
    }
}

fn unknown(variables: &[(OsString, OsString)], source: &mut Source) {
    let names = || OPTIONS.iter().map(|option| option.name).chain([CONFIG]).chain(redirect::in_environment());
    let known: Vec<String> = names().map(env).collect();
    let mut unknown: Vec<String> = variables
        .iter()
        .map(|(name, _)| name.to_string_lossy().into_owned())
        .filter(|name| name.starts_with(PREFIX) && !known.contains(name) && !is_service(name))
        .collect();
    unknown.sort_unstable();
    for name in unknown {
        let hint = nearest(name.strip_prefix(PREFIX).unwrap_or_default(), names())
            .map_or_else(|| SEE_HELP.to_owned(), |near| format!("did you mean {}?", env(near)));
        source.warnings.push(format!("{} is not an option; {hint}", name.escape_debug()));
    }
}

/// The names that Kubernetes and container links put into every container for a service called `wayside...`:
/// `_SERVICE_HOST`, `_SERVICE_PORT`, `_SERVICE_PORT_NAME`, `_PORT`, `_PORT_80_TCP`, `_PORT_80_TCP_ADDR`, ...
fn is_service(name: &str) -> bool {
    let numbered = |rest: &str| {
        let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        ["_TCP", "_UDP", "_SCTP"].iter().any(|protocol| rest.starts_with(protocol))
    };
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.ends_with("_PORT")
        || name.match_indices("_PORT_").any(|(at, part)| name.get(at + part.len()..).is_some_and(numbered))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_variables_are_not_taken_for_options() {
        for name in [
            "WAYSIDE_SERVICE_HOST",
            "WAYSIDE_SERVICE_PORT",
            "WAYSIDE_SERVICE_PORT_HTTP",
            "WAYSIDE_ADMIN_SERVICE_HOST",
            "WAYSIDE_PORT",
            "WAYSIDE_PORT_80_TCP",
            "WAYSIDE_PORT_80_TCP_ADDR",
            "WAYSIDE_PORT_53_UDP_PROTO",
        ] {
            assert!(is_service(name), "{name}");
        }
        for name in
            ["WAYSIDE_PORTS", "WAYSIDE_OPAQUE_PORTS", "WAYSIDE_PORT_X", "WAYSIDE_SERVICE", "WAYSIDE_HOST"]
        {
            assert!(!is_service(name), "{name}");
        }
        assert!(OPTIONS.iter().all(|option| !is_service(&option.env())));
    }
}
