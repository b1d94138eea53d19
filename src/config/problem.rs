//! What is wrong with a configuration, and where it was written.

use std::fmt;

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nowhere: it is the default.
    Default,
    /// A flag, by its name without the hyphens.
    Flag(&'static str),
    /// An environment variable.
    Env(String),
    /// A line of the configuration file; line 0 is the file as a whole.
    File {
        /// The file.
        path: String,
        /// The line, from 1.
        line: usize,
        /// The key, where it is one of ours.
        key: Option<&'static str>,
    },
}

impl Origin {
    /// The place alone, without the key.
    pub fn place(&self) -> String {
        match self {
            Origin::Default => "default".to_owned(),
            Origin::Flag(name) => format!("--{name}"),
            Origin::Env(name) => name.clone(),
            Origin::File { path, line: 0, .. } => path.clone(),
            Origin::File { path, line, .. } => format!("{path}:{line}"),
        }
    }

    /// The order in which problems are told: the file line by line, the environment, the flags.
    pub(super) fn rank(&self) -> (u8, usize) {
        match self {
            Origin::File { line, .. } => (0, *line),
            Origin::Default | Origin::Env(_) => (1, 0),
            Origin::Flag(_) => (2, 0),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.place())?;
        match self {
            Origin::File { key: Some(key), .. } => write!(f, ": {key}"),
            _ => Ok(()),
        }
    }
}

/// One thing that is wrong, told in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub at: Origin,
    /// What was written and what is accepted.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.text)
    }
}

/// Why there is no configuration: every problem, not the first only.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Failure {
    /// What must be put right; never empty.
    pub problems: Vec<Problem>,
    /// What is odd besides.
    pub warnings: Vec<String>,
}

impl Failure {
    /// 2, wrong usage, where a flag is wrong; else 1, wrong configuration.
    pub fn exit_code(&self) -> u8 {
        let usage = self.problems.iter().any(|problem| matches!(problem.at, Origin::Flag(_)));
        if usage { 2 } else { 1 }
    }
}

/// `text` in quotes, on one line. Longer than 120 characters it is cut.
pub(super) fn quote(text: &str) -> String {
    const LONGEST: usize = 120;
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{:?}...", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

/// The name that `wrong` was most likely meant to be, if any is near.
pub(super) fn nearest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_ascii_lowercase().replace('_', "-");
    let ranked = known.map(|name| {
        // A part of the name, like `inbound`, or more than it, like `log-level`, is as near as a slip or two.
        let part = wrong.len() >= 4 && (name.contains(&wrong) || wrong.contains(name));
        let distance = distance(&wrong, name);
        (if part { distance.min(2) } else { distance }, distance, name)
    });
    ranked.filter(|&(rank, _, name)| rank <= 2.max(name.len() / 3)).min().map(|(_, _, name)| name)
}

/// Where to look if nothing is near.
pub(super) const SEE_HELP: &str = "`wayside run --help` lists them";

/// How many letters must be put in, taken out or changed to turn `a` into `b`.
fn distance(a: &str, b: &str) -> usize {
    // The longest name of ours has some 30 letters; what is far longer is not near to any.
    if a.len() > 100 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i.saturating_add(1);
        let mut next = vec![left];
        for (to, &above) in b.chars().zip(row.iter().skip(1)) {
            left = (left.min(above).saturating_add(1)).min(diagonal + usize::from(from != to));
            diagonal = above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_single_letters() {
        for (a, b, expected) in
            [("", "", 0), ("abc", "abc", 0), ("", "abc", 3), ("abc", "", 3), ("kitten", "sitting", 3)]
        {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }

    #[test]
    fn what_is_near_is_suggested_and_what_is_far_is_not() {
        let known = ["inbound-listen", "detect-timeout", "connect-timeout", "log"];
        for (wrong, expected) in [
            ("detect-timout", Some("detect-timeout")),
            ("DETECT_TIMEOUT", Some("detect-timeout")),
            ("connect", Some("connect-timeout")),
            ("inbound", Some("inbound-listen")),
            ("log-level", Some("log")),
            ("lgo", Some("log")),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(wrong, known.into_iter()), expected, "{wrong}");
        }
    }

    #[test]
    fn a_quoted_text_is_one_short_line() {
        assert_eq!(quote("a\n\"b"), "\"a\\n\\\"b\"");
        assert_eq!(quote(&"é".repeat(120)), format!("\"{}\"", "é".repeat(120)));
        assert_eq!(quote(&"é".repeat(121)), format!("\"{}\"...", "é".repeat(120)));
    }
}
