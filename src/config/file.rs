//! The configuration file: TOML with one key for each option, and where each value stands in it.

mod backends;
mod criteria;
mod route;
pub(super) mod tables;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use self::tables::Draft;
use super::load::{Given, Source};
use super::options::{CONFIG, OPTIONS, Opt, find};
use super::problem::{Origin, Problem, SEE_HELP, nearest, quote};

/// The keys that are tables, not options.
const TABLES: [&str; 2] = ["backends", "route"];

/// The largest file. A longer one is refused, so that a device or a wrong name cannot fill the memory.
const LARGEST: u64 = 1 << 20;
/// After so many syntax errors nothing more is told.
const MOST_ERRORS: usize = 100;

/// Every option that the file sets.
pub(super) fn read(path: &Path) -> Source {
    let name = path.display().to_string().replace(char::is_control, "?");
    match contents(path) {
        Ok(bytes) => match str::from_utf8(&bytes) {
            Ok(text) => Reader::new(name, text).read(),
            Err(error) => {
                let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
                let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
                fail(name, line, "not UTF-8".to_owned())
            }
        },
        Err(error) => fail(name, 0, format!("cannot be read: {error}")),
    }
}

fn contents(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return Err(io::Error::other(format!("larger than {LARGEST} bytes")));
    }
    Ok(bytes)
}

fn fail(path: String, line: usize, text: String) -> Source {
    let at = Origin::File { path, line, key: None };
    Source { problems: vec![Problem { at, text }], ..Source::default() }
}

struct Reader<'a> {
    name: String,
    text: &'a str,
    newlines: Vec<usize>,
}

impl<'a> Reader<'a> {
    fn new(name: String, text: &'a str) -> Reader<'a> {
        Reader { name, text, newlines: text.match_indices('\n').map(|(at, _)| at).collect() }
    }

    fn read(&self) -> Source {
        let mut source = Source::default();
        let (text, mut errors) = self.without_halts();
        let (table, more) = DeTable::parse_recoverable(&text);
        errors.extend(more);
        let broken = self.syntax(&errors, &mut source);
        if errors.len() > MOST_ERRORS {
            // This is hardly meant to be TOML.
            return source;
        }
        for (key, value) in table.get_ref() {
            // What the parser made of a broken line is a guess.
            let (key_span, value_span) = (key.span(), value.span());
            let span = key_span.start.min(value_span.start)..=key_span.end.max(value_span.end);
            if broken.iter().any(|at| span.contains(at)) {
                continue;
            }
            match find(key.get_ref()) {
                Some(option) => self.option(option, key_span, value, &mut source),
                None if TABLES.contains(&key.get_ref().as_ref()) => {}
                None => source.problems.push(self.unknown(key)),
            }
        }
        if broken.is_empty() {
            self.tables(table.get_ref(), &mut source);
        }
        source
    }

    /// The backend sets, then the routes that name them.
    fn tables(&self, table: &DeTable<'_>, source: &mut Source) {
        if let Some(value) = table.get("backends") {
            source.tables = backends::read(self, value, &mut source.problems);
        }
        if let Some(value) = table.get("route") {
            route::read(self, value, &mut source.tables, &mut source.problems);
        }
        for (index, (set, (at, _))) in
            source.tables.backends.iter().zip(&source.tables.backends_at).enumerate()
        {
            let is_named = |draft: &Draft| draft.route.backends.iter().any(|&(set, _)| set == index);
            // Where something is wrong with the tables, a route may be meant that could not be read.
            if source.problems.is_empty() && !source.tables.routes.iter().any(is_named) {
                let text = format!("{}: backends.{}: no route names it", at.place(), set.name);
                source.warnings.push(text);
            }
        }
    }

    /// The parser recovers from most errors, but leaves aside all that follows a line without `=`. Such lines are
    /// blanked out, so that the values after them are checked too.
    fn without_halts(&self) -> (String, Vec<toml::de::Error>) {
        let (_, mut errors) = DeTable::parse_recoverable(self.text);
        errors.retain(|error| error.message().starts_with("key with no value"));
        let halts: BTreeSet<usize> = errors.iter().map(|error| self.line(start(error))).collect();
        let lines = self.text.split_inclusive('\n').enumerate().map(|(index, line)| {
            let blank = || " ".repeat(line.trim_end_matches('\n').len()) + "\n";
            if halts.contains(&(index + 1)) { Cow::Owned(blank()) } else { Cow::Borrowed(line) }
        });
        (lines.collect(), errors)
    }

    /// One problem for each broken line: those that follow on it mostly follow from it. Yields where they stand.
    fn syntax(&self, errors: &[toml::de::Error], source: &mut Source) -> Vec<usize> {
        let mut places: Vec<(usize, &str)> =
            errors.iter().map(|error| (start(error), error.message())).collect();
        places.sort_unstable();
        places.truncate(MOST_ERRORS);
        let mut last = 0;
        for &(at, message) in &places {
            let line = self.line(at);
            if line != last {
                let text = format!("not TOML: {}", message.replace('\n', "; "));
                source.problems.push(Problem { at: self.origin(at, None), text });
            }
            last = line;
        }
        places.into_iter().map(|(at, _)| at).collect()
    }

    fn unknown(&self, key: &Spanned<impl AsRef<str>>) -> Problem {
        let name = key.get_ref().as_ref();
        let text = if name == CONFIG {
            "\"config\" is not for the file; use --config or WAYSIDE_CONFIG".to_owned()
        } else {
            let names = OPTIONS.iter().map(|option| option.name).chain(TABLES);
            let hint = nearest(name, names)
                .map_or_else(|| SEE_HELP.to_owned(), |near| format!("did you mean \"{near}\"?"));
            format!("{} is not an option; {hint}", quote(name))
        };
        Problem { at: self.origin(key.span().start, None), text }
    }

    fn option(
        &self,
        option: &'static Opt,
        key: Range<usize>,
        value: &Spanned<DeValue<'_>>,
        source: &mut Source,
    ) {
        let origin = self.origin(key.start, Some(option));
        let values: Vec<&Spanned<DeValue<'_>>> = match value.get_ref() {
            DeValue::Array(array) if option.is_list() => array.iter().collect(),
            _ => vec![value],
        };
        let mut texts = Vec::new();
        let mut wrong = false;
        for value in values {
            let at = self.origin(value.span().start, Some(option));
            match text(option, value.get_ref()) {
                Ok(text) => texts.push((text, at)),
                Err(text) => {
                    wrong = true;
                    source.problems.push(Problem { at, text });
                }
            }
        }
        if !wrong {
            let texts: Vec<_> = texts.iter().map(|(text, at)| (text.as_str(), at.clone())).collect();
            source.given.push(Given::of(option, origin, &texts));
        }
    }

    fn origin(&self, at: usize, option: Option<&'static Opt>) -> Origin {
        Origin::File { path: self.name.clone(), line: self.line(at), key: option.map(|option| option.name) }
    }

    /// The line that the byte at `at` is in, from 1.
    fn line(&self, at: usize) -> usize {
        1 + self.newlines.partition_point(|&newline| newline < at)
    }
}

/// Where an error begins.
fn start(error: &toml::de::Error) -> usize {
    error.span().map_or(0, |span| span.start)
}

/// The value as a flag would give it, or why a value of this type is not accepted.
fn text(option: &Opt, value: &DeValue<'_>) -> Result<String, String> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(integer) if option.form.integer => {
            let decimal =
                i64::from_str_radix(integer.as_str(), integer.radix()).map(|value| value.to_string());
            Ok(decimal.unwrap_or_else(|_| integer.to_string()))
        }
        DeValue::Boolean(value) if option.form.boolean => Ok(value.to_string()),
        other => {
            let article = if matches!(other, DeValue::Integer(_) | DeValue::Array(_)) { "an" } else { "a" };
            Err(format!(
                "{article} {} is not {}; {}",
                other.type_str(),
                option.form.noun,
                option.form.accepted
            ))
        }
    }
}

#[cfg(test)]
mod tests;
