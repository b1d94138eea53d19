//! The scrapes of several processes as one. Pure: text in, text out.
//!
//! Counters and histograms are added up, those of processes that are gone as well, so that no total ever goes back.
//! Gauges are added up over the living. What a sum would make nonsense of has a rule of its own (`Rule`).

use super::labels::OTHER;
use std::collections::HashMap;
use std::fmt::Write;

/// Digits after the point that are kept: what [`super::Scrape`] writes at most.
const DECIMALS: u32 = 6;
const ONE: i128 = 10i128.pow(DECIMALS);

/// Labels whose values clients or configurations choose, in the order they are written.
const CHOSEN: [&str; 5] = ["authority", "target_addr", "target_port", "sni", "alpn"];

/// Whose scrape is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// A process that runs.
    Living,
    /// One that has ended: only what can be totalled counts. Beyond so many series, a new one is added to the series
    /// with `~other` for what was chosen, so that the sums stay and the memory is bounded.
    Dead {
        /// The most series.
        most: usize,
    },
}

/// A line that is not of a scrape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed(
    /// The line.
    pub String,
);

/// How values of one series are put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// Added up, for good.
    Total,
    /// Added up over the living.
    Gauge,
    /// The first one counts: that of the process that was added first.
    First,
    /// Always 1.
    Info,
}

impl Rule {
    fn of(name: &str, kind: &str) -> Rule {
        match name {
            "process_start_time_seconds" | "process_uptime_seconds_total" => Rule::First,
            _ if name.ends_with("_info") => Rule::Info,
            _ if kind == "gauge" => Rule::Gauge,
            _ => Rule::Total,
        }
    }
}

#[derive(Debug, Clone)]
struct Family {
    /// Its HELP and TYPE lines.
    head: String,
    rule: Rule,
    /// Each series with its value in millionths, in order of appearance.
    samples: Vec<(String, i128)>,
    places: HashMap<String, usize>,
}

impl Family {
    fn add(&mut self, series: &str, value: i128) {
        match self.places.get(series).and_then(|&place| self.samples.get_mut(place)) {
            None => {
                self.places.insert(series.to_owned(), self.samples.len());
                self.samples.push((series.to_owned(), value));
            }
            Some((_, first)) => match self.rule {
                Rule::Total | Rule::Gauge => *first = first.saturating_add(value),
                Rule::First => {}
                Rule::Info => *first = (*first).max(value),
            },
        }
    }
}

/// A scrape that others can be added to.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    families: Vec<Family>,
    places: HashMap<String, usize>,
}

impl Totals {
    /// Reads a scrape: each family with its HELP and TYPE before its samples.
    pub fn parse(text: &str) -> Result<Totals, Malformed> {
        let mut totals = Totals::default();
        let (mut head, mut family) = (String::new(), None);
        for line in text.lines().filter(|line| !line.is_empty()) {
            let malformed = || Malformed(line.to_owned());
            if line.starts_with("# HELP ") {
                head = format!("{line}\n");
            } else if let Some(what) = line.strip_prefix("# TYPE ") {
                let (name, kind) = what.split_once(' ').ok_or_else(malformed)?;
                let _ = writeln!(head, "{line}");
                family = Some(totals.place(name, Rule::of(name, kind), &std::mem::take(&mut head)));
            } else if !line.starts_with('#') {
                let (series, value) = line.rsplit_once(' ').ok_or_else(malformed)?;
                let value = read(value).ok_or_else(malformed)?;
                let place = family.ok_or_else(malformed)?;
                totals.families.get_mut(place).ok_or_else(malformed)?.add(series, value);
            }
        }
        Ok(totals)
    }

    fn place(&mut self, name: &str, rule: Rule, head: &str) -> usize {
        *self.places.entry(name.to_owned()).or_insert_with(|| {
            let (samples, places) = (Vec::new(), HashMap::new());
            self.families.push(Family { head: head.to_owned(), rule, samples, places });
            self.families.len() - 1
        })
    }

    /// Adds a scrape.
    pub fn add(&mut self, other: &Totals, whose: Whose) {
        let mut count = self.len();
        for (name, place) in other.in_order() {
            let Some(from) = other.families.get(place) else { continue };
            if whose != Whose::Living && from.rule != Rule::Total {
                continue;
            }
            let place = self.place(name, from.rule, &from.head);
            let Some(to) = self.families.get_mut(place) else { continue };
            for (series, value) in &from.samples {
                let is_new = !to.places.contains_key(series);
                match whose {
                    Whose::Dead { most } if is_new && count >= most => to.add(&folded(series), *value),
                    _ => to.add(series, *value),
                }
                count += usize::from(is_new);
            }
        }
    }

    fn in_order(&self) -> Vec<(&str, usize)> {
        let mut names: Vec<_> = self.places.iter().map(|(name, &place)| (name.as_str(), place)).collect();
        names.sort_unstable_by_key(|&(_, place)| place);
        names
    }

    /// How many series there are.
    pub fn len(&self) -> usize {
        self.families.iter().map(|family| family.samples.len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// As a scrape. A family without a series is left out.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for family in self.families.iter().filter(|family| !family.samples.is_empty()) {
            text.push_str(&family.head);
            for (series, value) in &family.samples {
                let _ = write!(text, "{series} ");
                write(&mut text, *value);
                text.push('\n');
            }
        }
        text
    }
}

/// The series with `~other` for everything that somebody chose.
fn folded(series: &str) -> String {
    let mut out = String::with_capacity(series.len());
    let mut rest = series;
    // A label's value holds no bare quote: it is escaped.
    while let Some((before, after)) = rest.split_once("=\"") {
        let name = before.rsplit(['{', ',']).next().unwrap_or_default();
        let end = closing_quote(after);
        let value = after.get(..end).unwrap_or(after);
        out.extend([before, "=\"", if CHOSEN.contains(&name) { OTHER } else { value }]);
        rest = after.get(end..).unwrap_or_default();
        if let Some(after) = rest.strip_prefix('"') {
            out.push('"');
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

/// Where the value ends.
fn closing_quote(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'"' if !is_escaped => return at,
            b'\\' => is_escaped = !is_escaped,
            _ => is_escaped = false,
        }
    }
    text.len()
}

/// A decimal number in millionths; `None` for anything else.
fn read(text: &str) -> Option<i128> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let kept = fraction.get(..DECIMALS as usize).unwrap_or(fraction);
    let millionths: i128 = format!("{kept:0<width$}", width = DECIMALS as usize).parse().ok()?;
    let value = whole.parse::<i128>().ok()?.checked_mul(ONE)?.checked_add(millionths)?;
    Some(if is_negative { -value } else { value })
}

fn write(out: &mut String, value: i128) {
    let (sign, magnitude) = (if value < 0 { "-" } else { "" }, value.unsigned_abs());
    let (whole, fraction) = (magnitude / ONE.unsigned_abs(), magnitude % ONE.unsigned_abs());
    let _ = write!(out, "{sign}{whole}");
    if fraction > 0 {
        let digits = format!("{fraction:0width$}", width = DECIMALS as usize);
        let _ = write!(out, ".{}", digits.trim_end_matches('0'));
    }
}

#[cfg(test)]
mod tests;
