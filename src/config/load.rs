//! Three sources, one configuration: flags win over the environment, the environment over the file, the file
//! over the defaults. Every value of every source is checked, also one that another source overrides.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;

use super::Config;
use super::conflicts;
use super::environment;
use super::file;
use super::file::tables::Tables;
use super::listed;
use super::options::{self, CONFIG, OPTIONS, Opt, Shown};
use super::problem::{Failure, Origin, Problem};
use super::value::{self, List};

/// What the user wrote, and where.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file that `--config` names.
    pub config: Option<PathBuf>,
    /// Flags: the option's name and its values, in the order given.
    pub flags: Vec<(&'static str, Vec<String>)>,
    /// The process's environment.
    pub environment: Vec<(OsString, OsString)>,
}

/// A configuration, and how it came about.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// What is odd, but does not keep us from running.
    pub warnings: Vec<String>,
    origins: Origins,
    tables: Tables,
}

/// The most problems that are told, one line each; then a last line says how many more there are.
const MOST_PROBLEMS: usize = 200;

/// Where each value of an option was written; an option that is missing has its default.
pub(super) type Origins = BTreeMap<&'static str, Vec<Origin>>;

/// One option as one source gives it.
pub(super) struct Given {
    pub(super) option: &'static Opt,
    /// The source, where there is no value to point at.
    pub(super) origin: Origin,
    pub(super) items: Vec<(String, Origin)>,
}

impl Given {
    /// `texts` as they stand, split at commas where the option is a list.
    pub(super) fn of(option: &'static Opt, origin: Origin, texts: &[(&str, Origin)]) -> Given {
        let mut items: Vec<(String, Origin)> = Vec::new();
        for (text, at) in texts {
            match option.form.list {
                List::No => items.push((text.trim().to_owned(), at.clone())),
                List::Any if text.trim().is_empty() => {}
                _ => items.extend(text.split(',').map(|item| (item.trim().to_owned(), at.clone()))),
            }
        }
        Given { option, origin, items }
    }
}

/// What one source yields.
#[derive(Default)]
pub(super) struct Source {
    pub(super) given: Vec<Given>,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<String>,
    pub(super) tables: Tables,
}

/// Reads all sources, checks every value and merges them.
pub fn load(sources: Sources) -> Result<Loaded, Failure> {
    let environment = environment::read(&sources.environment);
    let path = sources.config.or_else(|| environment::config(&sources.environment));
    let mut file = match &path {
        Some(path) if path.as_os_str().is_empty() => no_file_name(),
        Some(path) => file::read(path),
        None => Source::default(),
    };
    let mut merge = Merge { tables: std::mem::take(&mut file.tables), ..Merge::default() };
    merge.config.file = path;
    for source in [file, environment, flags(sources.flags)] {
        merge.problems.extend(source.problems);
        merge.warnings.extend(source.warnings);
        source.given.into_iter().for_each(|given| merge.apply(given));
    }
    merge.finish()
}

fn no_file_name() -> Source {
    let text = "\"\" is not a file; name one, or leave it unset".to_owned();
    Source { problems: vec![Problem { at: Origin::Env(options::env(CONFIG)), text }], ..Source::default() }
}

fn flags(flags: Vec<(&'static str, Vec<String>)>) -> Source {
    let mut source = Source::default();
    for (name, texts) in flags {
        let Some(option) = options::find(name) else { continue };
        let origin = Origin::Flag(option.name);
        let texts: Vec<_> = texts.iter().map(|text| (text.as_str(), origin.clone())).collect();
        source.given.push(Given::of(option, origin, &texts));
    }
    source
}

#[derive(Default)]
struct Merge {
    config: Config,
    origins: Origins,
    /// Options with a wrong value; what they would clash with cannot be said.
    unsure: BTreeSet<&'static str>,
    problems: Vec<Problem>,
    warnings: Vec<String>,
    /// Only the file has any.
    tables: Tables,
}

impl Merge {
    /// Takes over what a source gives: over all that came before, or not at all where it is wrong.
    fn apply(&mut self, given: Given) {
        let Given { option, origin, items } = given;
        let texts: Vec<&str> = items.iter().map(|(text, _)| text.as_str()).collect();
        let outcome = if items.is_empty() && option.form.list == List::Some {
            Err(vec![(0, format!("an empty list; {}", option.form.accepted))])
        } else {
            (option.set)(&mut self.config, &texts)
        };
        match outcome {
            Ok(()) if items.is_empty() => {
                self.origins.insert(option.name, vec![origin]);
            }
            Ok(()) => {
                self.origins.insert(option.name, items.into_iter().map(|(_, at)| at).collect());
            }
            Err(faults) => {
                self.unsure.insert(option.name);
                self.problems.extend(faults.into_iter().map(|(index, text)| {
                    let at = items.get(index).map_or_else(|| origin.clone(), |(_, at)| at.clone());
                    Problem { at, text }
                }));
            }
        }
    }

    fn finish(mut self) -> Result<Loaded, Failure> {
        self.imply();
        if !self.unsure.contains("forward") {
            self.problems.extend(listed::look_up(&mut self.tables, &self.config.forwards));
        }
        self.config.backends.clone_from(&self.tables.backends);
        self.config.routes = self.tables.routes.iter().map(|draft| draft.route.clone()).collect();
        self.problems.extend(conflicts::servers(
            &self.config,
            &self.origins,
            &self.tables.backends_at,
            &self.unsure,
        ));
        self.problems.extend(conflicts::find(&self.config, &self.origins, &self.unsure));
        self.problems.sort_by_key(|problem| problem.at.rank());
        let beyond = self.problems.len().saturating_sub(MOST_PROBLEMS);
        self.problems.truncate(MOST_PROBLEMS);
        if beyond > 0
            && let Some(last) = self.problems.last()
        {
            let more = Problem { at: last.at.clone(), text: format!("... and {beyond} more problems") };
            self.problems.push(more);
        }
        if self.problems.is_empty() {
            return Ok(Loaded {
                config: self.config,
                warnings: self.warnings,
                origins: self.origins,
                tables: self.tables,
            });
        }
        Err(Failure { problems: self.problems, warnings: self.warnings })
    }
}

impl Merge {
    /// `http-reuse` shares connections, where lenient framing would be request smuggling: it turns `http-strict` on.
    fn imply(&mut self) {
        if self.config.http_reuse && !self.config.http_strict {
            self.config.http_strict = true;
            let at = self.origins.get("http-reuse").cloned().unwrap_or_default();
            self.origins.insert("http-strict", at);
        }
    }
}

impl Loaded {
    /// The configuration as a file that gives the same again: every option, and where its value comes from.
    /// A default that a line could not express stands as a comment.
    pub fn to_toml(&self) -> String {
        let mut lines = String::new();
        for option in OPTIONS {
            let (mark, value) = match (option.show)(&self.config) {
                Shown::Value(value) => ("", value),
                Shown::Unset(value) => ("# ", value),
            };
            let places = self.origins.get(option.name).map_or_else(|| "default".to_owned(), |at| places(at));
            lines.push_str(&format!("{mark}{} = {value}  # {places}\n", option.name));
        }
        lines.push_str(&listed::to_toml(&self.tables, &self.config.forwards));
        lines
    }
}

impl Loaded {
    /// Where a route of [`Config::routes`] was written.
    pub fn route_place(&self, route: usize) -> String {
        self.tables.routes.get(route).map_or_else(String::new, |draft| draft.at.place())
    }
}

/// Each place once, in order.
fn places(origins: &[Origin]) -> String {
    let mut places: Vec<String> = origins.iter().map(Origin::place).collect();
    places.dedup();
    places.join(", ").replace(char::is_control, "?")
}

/// Whether `text` is a value of the option called `name`. An error says what to write.
pub fn check(name: &str, text: &str) -> Result<(), String> {
    let Some(option) = super::options::find(name) else { return Err(format!("there is no option {name}")) };
    let outcome = (option.set)(&mut Config::default(), &[text]);
    outcome.map_err(|faults| faults.into_iter().map(|(_, fault)| fault).collect::<Vec<_>>().join("; "))
}

/// A value for `--log` that comes from elsewhere, checked.
pub(super) fn is_filter(text: &str) -> bool {
    value::filter(text).is_ok()
}

#[cfg(test)]
mod tests;
