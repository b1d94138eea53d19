//! The dashboard and the alert rules of scripts/: well-formed, complete, and about series that exist.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tinyjson::JsonValue;

use crate::promql;
use crate::seen::{Seen, everything};
use crate::support::*;

const DASHBOARD: &str = include_str!("../../scripts/grafana/wayside.json");
const RULES: &str = include_str!("../../scripts/prometheus/wayside.rules.yml");
const RULES_TEST: &str = include_str!("../../scripts/prometheus/wayside.rules.test.yml");

fn text<'a>(value: &'a JsonValue, key: &str) -> &'a str {
    value[key].get::<String>().unwrap_or_else(|| panic!("{key}"))
}

fn list<'a>(value: &'a JsonValue, key: &str) -> &'a Vec<JsonValue> {
    value[key].get().unwrap_or_else(|| panic!("{key}"))
}

/// The panels that show something, rows left out.
fn panels(dashboard: &JsonValue) -> Vec<&JsonValue> {
    list(dashboard, "panels").iter().filter(|panel| text(panel, "type") != "row").collect()
}

/// The title of each panel and each of its expressions.
fn expressions() -> Vec<(String, String)> {
    let dashboard: JsonValue = DASHBOARD.parse().expect("JSON");
    let of = |panel: &JsonValue| {
        let title = text(panel, "title").to_owned();
        list(panel, "targets")
            .iter()
            .map(move |target| (title.clone(), text(target, "expr").to_owned()))
            .collect()
    };
    panels(&dashboard).into_iter().flat_map(|panel| -> Vec<_> { of(panel) }).collect()
}

/// An alert: its name, its expression, and all of its text.
struct Alert<'a> {
    name: &'a str,
    expression: String,
    text: &'a str,
}

/// Reads the rules as they are laid out in our file: the keys of a rule are indented by 8.
fn alerts() -> Vec<Alert<'static>> {
    let of = |text: &'static str| {
        let (name, rest) = text.split_once('\n').expect("a line");
        let (_, expression) = rest.split_once("expr: ").expect("an expression");
        let is_key = |line: &&str| line.starts_with("        ") && !line.starts_with("         ");
        let lines: Vec<&str> = expression.lines().take_while(|line| !is_key(line)).collect();
        Alert { name, expression: lines.join(" ").trim_start_matches('|').trim().to_owned(), text }
    };
    let alerts: Vec<_> = RULES.split("- alert: ").skip(1).map(of).collect();
    assert!(alerts.len() > 20);
    alerts
}

#[test]
fn each_expression_reads_series_that_exist() {
    let seen = everything();
    let rules = alerts().into_iter().map(|alert| (alert.name.to_owned(), alert.expression));
    let mut wrong = String::new();
    for (place, expression) in expressions().into_iter().chain(rules) {
        for what in promql::wrong(&expression, &seen) {
            let _ = writeln!(wrong, "{place}: {what}");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// The families that some of these expressions read.
fn read<'a>(expressions: impl Iterator<Item = &'a String>, seen: &Seen) -> BTreeSet<String> {
    let selectors = expressions.flat_map(|expression| promql::read(expression).0);
    selectors.map(|selector| seen.family(&selector.name).to_owned()).collect()
}

#[test]
fn each_family_is_on_the_dashboard_and_each_bound_has_an_alert() {
    let seen = everything();
    let shown = read(expressions().iter().map(|(_, expression)| expression), &seen);
    let missing: Vec<_> = seen.kinds.keys().filter(|family| !shown.contains(*family)).collect();
    assert!(missing.is_empty(), "not on the dashboard: {missing:?}");
    // These count work, not a bound that was hit.
    let work = ["wayside_access_log_lines_total", "wayside_pool_total", "wayside_retries_total"];
    let expressions: Vec<_> = alerts().into_iter().map(|alert| alert.expression).collect();
    let watched = read(expressions.iter(), &seen);
    let is_bound = |family: &&String| family.starts_with("wayside_") && family.ends_with("_total");
    let missing: Vec<_> =
        seen.kinds.keys().filter(is_bound).filter(|family| !watched.contains(*family)).collect();
    assert_eq!(missing, work.iter().collect::<Vec<_>>(), "without an alert");
}

#[test]
fn the_dashboard_is_whole() {
    let dashboard: JsonValue = DASHBOARD.parse().expect("JSON");
    let mut ids = BTreeSet::new();
    let mut cells = BTreeSet::new();
    for panel in list(&dashboard, "panels") {
        let number = |value: &JsonValue, key: &str| *value[key].get::<f64>().expect("a number") as u32;
        assert!(ids.insert(number(panel, "id")), "an id twice: {}", text(panel, "title"));
        let place = &panel["gridPos"];
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| number(place, key));
        assert!(x + w <= 24, "{}", text(panel, "title"));
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(cells.insert(cell), "{} lies on another panel", text(panel, "title"));
        }
    }
    let variables: BTreeSet<&str> =
        list(&dashboard["templating"], "list").iter().map(|v| text(v, "name")).collect();
    let mut used = BTreeSet::new();
    for panel in panels(&dashboard) {
        assert!(text(panel, "description").ends_with('.'), "{}", text(panel, "title"));
        let mut references = BTreeSet::new();
        for target in list(panel, "targets") {
            assert!(references.insert(text(target, "refId")), "{}", text(panel, "title"));
            assert_eq!(text(&target["datasource"], "uid"), "${datasource}");
            let names = text(target, "expr").split('$').skip(1);
            used.extend(names.map(|name| name.split(['"', ']']).next().expect("a name").to_owned()));
        }
    }
    used.remove("__rate_interval");
    used.insert("datasource".to_owned());
    assert_eq!(used, variables.into_iter().map(str::to_owned).collect(), "variables used and defined");
}

#[test]
fn each_alert_says_what_to_do_and_is_tested() {
    for Alert { name, text, .. } in alerts() {
        let severity =
            ["info", "warning", "critical"].iter().find(|word| text.contains(&format!("severity: {word}}}")));
        let description =
            text.split_once("description: >-\n").expect(name).1.split("\n\n").next().expect("a text");
        assert!(severity.is_some() && text.contains("summary: '") && description.len() > 60, "{name}");
        let test = |kind: &str| {
            RULES_TEST.split("  - name: ").find(|test| test.starts_with(&format!("{name} {kind}\n")))
        };
        let (fires, quiet) = (test("fires").expect(name), test("quiet").expect(name));
        assert!(quiet.contains("exp_samples: []") && fires.contains("value: 1"), "{name}");
        // A label that the alert does not carry would be an empty word in its message.
        for label in text.split("$labels.").skip(1) {
            let label = label.split(' ').next().expect("a name");
            assert!(fires.contains(&format!(" {label}=\"")), "{name} has no label {label}");
        }
    }
}

fn promtool() -> Option<PathBuf> {
    let fetched = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/promtool/promtool");
    if fetched.exists() { Some(fetched) } else { have("promtool") }
}

/// Runs promtool in a folder; panics with what it says if it fails.
fn check(promtool: &Path, words: &[&str], folder: &Path) {
    programs::text(Command::new(promtool).args(words).current_dir(folder), "");
}

#[test]
fn promtool_takes_the_rules_and_their_tests_pass() {
    let Some(promtool) = promtool() else { skipped!("there is no promtool") };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/prometheus");
    check(&promtool, &["check", "rules", "wayside.rules.yml"], &folder);
    check(&promtool, &["test", "rules", "wayside.rules.test.yml"], &folder);
}

/// The queries that documents show in a line.
fn documented() -> Vec<(String, String)> {
    let metrics = include_str!("../../docs/metrics.md");
    let queries = metrics.split('`').filter(|code| code.starts_with("sum by"));
    let found: Vec<_> = queries.map(|query| ("docs/metrics.md".to_owned(), query.to_owned())).collect();
    assert!(!found.is_empty());
    found
}

/// A test of promtool's in which every series that was seen grows, or stays if it is a gauge.
fn grown(seen: &Seen, queries: &[(String, String)]) -> String {
    let mut out = "evaluation_interval: 1m\ntests:\n  - interval: 1m\n    input_series:\n".to_owned();
    for sample in &seen.scrape.samples {
        let mut series = format!("{}{{job=\"wayside\",instance=\"a\"", sample.name);
        for (label, value) in &sample.labels {
            let _ = write!(series, ",{label}={value:?}");
        }
        let is_gauge = seen.kinds[seen.family(&sample.name)] == "gauge";
        let values = if is_gauge { format!("{}x60", sample.value) } else { format!("0+{}x60", sample.value) };
        let _ = writeln!(out, "      - {{series: '{}}}', values: '{values}'}}", series.replace('\'', "''"));
    }
    out.push_str("    promql_expr_test:\n");
    for (title, query) in queries {
        let mut query = query.replace("$__rate_interval", "5m");
        for variable in ["job", "instance", "direction", "authority", "target"] {
            query = query.replace(&format!("\"${variable}\""), "\".*\"");
        }
        // What is not equal to itself is not a number.
        let shown = format!("count(({query}) == ({query})) > bool 0");
        let _ = writeln!(out, "      - expr: '{shown}'  # {title}\n        eval_time: 50m");
        out.push_str("        exp_samples: [{labels: '{}', value: 1}]\n");
    }
    out
}

#[test]
fn each_panel_shows_something_of_a_wayside_that_has_seen_everything() {
    let Some(promtool) = promtool() else { skipped!("there is no promtool") };
    let (seen, dir) = (everything(), TempDir::new());
    let queries: Vec<_> = expressions().into_iter().chain(documented()).collect();
    let path = dir.file("panels.yml", grown(&seen, &queries));
    let folder = path.parent().expect("a folder");
    check(&promtool, &["test", "rules", "panels.yml"], folder);

    // A query that finds nothing is an error.
    let nothing = ("none".to_owned(), "rate(tcp_open_total{direction=\"neither\"}[5m])".to_owned());
    dir.file("nothing.yml", grown(&seen, &[nothing]));
    let output = Command::new(&promtool).args(["test", "rules", "nothing.yml"]).current_dir(folder).output();
    assert!(!output.expect("promtool").status.success());
}
