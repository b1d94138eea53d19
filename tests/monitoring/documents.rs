//! docs/metrics.md against the program: the same families, of the same types, with the same labels.

use std::collections::{BTreeMap, BTreeSet};

use crate::seen::Seen;

const METRICS: &str = include_str!("../../docs/metrics.md");

/// A row of a table that describes a family.
#[derive(Debug)]
struct Row {
    kind: String,
    labels: BTreeSet<String>,
    text: String,
}

/// What stands in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The labels that *NAME* stands for: "*NAME* stands for `a` `b`".
fn set(name: &str) -> Vec<&'static str> {
    let (_, after) = METRICS.split_once(&format!("*{name}* stands for ")).expect("its definition");
    quoted(after.split_once('.').expect("an end").0).collect()
}

/// The families of all tables whose first column is called "family". A table without a type has counters.
fn documented() -> BTreeMap<String, Row> {
    let mut found = BTreeMap::new();
    let mut columns: Vec<&str> = Vec::new();
    for line in METRICS.lines() {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        if !line.starts_with('|') {
            columns = Vec::new();
        } else if columns.is_empty() {
            columns = cells;
        } else if columns[0] == "family" && cells[0].starts_with('`') {
            let cell =
                |name: &str| columns.iter().position(|column| column.starts_with(name)).map(|at| cells[at]);
            let kind = cell("type").unwrap_or("counter").split(',').next().expect("a word").to_owned();
            let labels = cell("labels").unwrap_or_default();
            let sets = ["the target", "the connection"].into_iter().filter(|name| labels.contains(name));
            let labels = sets.flat_map(set).chain(quoted(labels)).map(str::to_owned).collect();
            let name = cells[0].trim_matches('`').to_owned();
            assert!(
                found.insert(name, Row { kind, labels, text: line.to_owned() }).is_none(),
                "twice: {line}"
            );
        }
    }
    assert!(found.len() > 30, "{found:?}");
    found
}

/// What a scrape shows and the document does not say, or the other way.
fn differences(documented: &BTreeMap<String, Row>, seen: &Seen) -> Vec<String> {
    let mut wrong = Vec::new();
    for family in seen.kinds.keys().filter(|family| !documented.contains_key(*family)) {
        wrong.push(format!("{family} is not documented"));
    }
    for (family, row) in documented {
        let Some(kind) = seen.kinds.get(family) else {
            wrong.push(format!("{family} is documented, and does not exist"));
            continue;
        };
        if *kind != row.kind {
            wrong.push(format!("{family} is a {kind}, and documented as a {}", row.kind));
        }
        let labels: BTreeSet<String> = seen.labels(family).into_keys().map(str::to_owned).collect();
        if labels != row.labels {
            wrong
                .push(format!("{family} has the labels {labels:?}, and is documented with {:?}", row.labels));
        }
    }
    wrong
}

#[test]
fn each_family_is_documented_with_its_type_and_labels() {
    let (mut documented, mut seen) = (documented(), crate::seen::everything());
    assert_eq!(differences(&documented, &seen), Vec::<String>::new());

    // What it sees, it sees.
    seen.kinds.insert("new_total".into(), "counter".into());
    documented
        .insert("old".into(), Row { kind: "gauge".into(), labels: BTreeSet::new(), text: String::new() });
    documented.get_mut("tcp_open_total").expect("a family").kind = "gauge".into();
    documented.get_mut("wayside_pool_total").expect("a family").labels.insert("x".into());
    assert_eq!(differences(&documented, &seen).len(), 4);
}

/// Labels whose values we choose, so that a document can name all of them.
const OURS: [&str; 11] = [
    "cause",
    "classification",
    "decided_by",
    "direction",
    "event",
    "label",
    "outcome",
    "peer",
    "reason",
    "state",
    "tls",
];

/// Values of [`OURS`] that no document names.
fn unnamed(documented: &BTreeMap<String, Row>, seen: &Seen) -> Vec<String> {
    let mut wrong = Vec::new();
    for (family, row) in documented {
        for (label, values) in seen.labels(family).into_iter().filter(|(label, _)| OURS.contains(label)) {
            // Where the label has a row of its own, its values stand there.
            let begin = format!("| `{label}` |");
            let own = METRICS.lines().find(|line| line.starts_with(&begin)).unwrap_or_default();
            let more = if family == "http_blind_total" { include_str!("../../docs/http.md") } else { "" };
            let named: BTreeSet<&str> = [own, &row.text, more].into_iter().flat_map(quoted).collect();
            let missing = values.into_iter().filter(|value| !named.contains(value));
            wrong.extend(missing.map(|value| format!("{family}: {label}={value:?} is not documented")));
        }
    }
    wrong
}

#[test]
fn each_value_that_we_choose_is_documented() {
    let (mut documented, seen) = (documented(), crate::seen::everything());
    assert_eq!(unnamed(&documented, &seen), Vec::<String>::new());
    documented.get_mut("wayside_pool_total").expect("a family").text.clear();
    let events = &seen.labels("wayside_pool_total")["event"];
    assert_eq!(unnamed(&documented, &seen).len(), events.len());
}
