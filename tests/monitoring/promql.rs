//! As much of PromQL as it takes to see which series an expression reads, and how. Whether it is well-formed says promtool.

use std::collections::BTreeSet;

use crate::seen::Seen;

/// One selector of an expression.
#[derive(Debug, PartialEq)]
pub(crate) struct Selector {
    pub(crate) name: String,
    labels: Vec<String>,
    /// The function or aggregation that it stands in, the innermost.
    inside: String,
    /// Whether a range follows: `[5m]`.
    ranged: bool,
}

/// The selectors of an expression, and the labels that it groups and matches by.
pub(crate) fn read(mut text: &str) -> (Vec<Selector>, Vec<String>) {
    let (mut selectors, mut grouped, mut inside) = (Vec::new(), Vec::new(), Vec::new());
    while let Some(first) = text.chars().next() {
        let length = text.find(|char: char| !char.is_ascii_alphanumeric() && !"_:.".contains(char));
        let (word, rest) = text.split_at(length.unwrap_or(text.len()));
        let after = rest.trim_start();
        text = match word {
            "" => {
                match first {
                    '(' => inside.push(String::new()),
                    ')' => drop(inside.pop()),
                    _ => {}
                }
                &text[first.len_utf8()..]
            }
            "by" | "without" | "on" | "ignoring" | "group_left" | "group_right" => {
                let (list, rest) =
                    after.strip_prefix('(').and_then(|list| list.split_once(')')).expect("a list");
                let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
                grouped.extend(names.map(str::to_owned));
                // What is aggregated stands in the aggregation's parentheses.
                rest.trim_start()
            }
            "and" | "or" | "unless" | "bool" => rest,
            _ if first.is_ascii_digit() || word == "." => rest,
            _ if after.starts_with('(') => {
                inside.push(word.to_owned());
                &after[1..]
            }
            "sum" | "count" | "max" | "min" | "avg" => rest,
            _ => {
                let (labels, rest) = matchers(after);
                let innermost = inside.iter().rev().find(|name| !name.is_empty()).cloned();
                let inside = innermost.unwrap_or_default();
                selectors.push(Selector {
                    name: word.to_owned(),
                    labels,
                    inside,
                    ranged: rest.starts_with('['),
                });
                rest.strip_prefix('[').map_or(rest, |range| range.split_once(']').expect("its end").1)
            }
        };
    }
    (selectors, grouped)
}

/// The label names of `{...}`, and what follows it.
fn matchers(text: &str) -> (Vec<String>, &str) {
    let Some(mut text) = text.strip_prefix('{') else { return (Vec::new(), text) };
    let mut labels = Vec::new();
    loop {
        text = text.trim_start_matches([',', ' ']);
        if let Some(rest) = text.strip_prefix('}') {
            return (labels, rest);
        }
        let (label, rest) = text.split_once(['=', '!']).expect("a matcher");
        labels.push(label.trim().to_owned());
        text = rest.split_once('"').and_then(|(_, value)| value.split_once('"')).expect("a value").1;
    }
}

/// Labels that a scraper adds.
const SCRAPER: [&str; 2] = ["job", "instance"];

/// What of an expression does not fit to what was seen: names, labels, and counters that are not read as counters.
pub(crate) fn wrong(text: &str, seen: &Seen) -> Vec<String> {
    let (selectors, grouped) = read(text);
    let (mut wrong, mut known) = (Vec::new(), BTreeSet::from(SCRAPER.map(str::to_owned)));
    for Selector { name, labels, inside, ranged } in selectors {
        let family = seen.family(&name);
        let kind = if name == "up" { "gauge" } else { seen.kinds.get(family).map_or("", String::as_str) };
        if kind.is_empty() || kind == "histogram" && family == name {
            wrong.push(format!("there is no {name}"));
        }
        let mut own: BTreeSet<String> = seen.labels(family).into_keys().map(str::to_owned).collect();
        own.extend(SCRAPER.map(str::to_owned));
        if name.ends_with("_bucket") {
            own.insert("le".to_owned());
        }
        wrong.extend(
            labels.iter().filter(|label| !own.contains(*label)).map(|label| format!("{name} has no {label}")),
        );
        known.extend(own);
        let counted = ["rate", "increase"].contains(&inside.as_str());
        if kind == "gauge" && counted || ranged && kind != "gauge" && !counted {
            wrong.push(format!("{name} is a {kind}, and read by {inside:?}"));
        }
        // How long a process has been up is worth reading as it is.
        if !ranged && kind != "gauge" && name != "process_uptime_seconds_total" {
            wrong.push(format!("{name} only grows: read its rate"));
        }
    }
    wrong.extend(
        grouped
            .into_iter()
            .filter(|label| !known.contains(label))
            .map(|label| format!("no {label} in {text}")),
    );
    wrong
}

#[test]
fn what_does_not_fit_is_seen() {
    let seen = crate::seen::everything();
    for good in [
        r#"sum by (authority, le) (rate(response_latency_ms_bucket{job=~"$job",authority!=""}[5m]))"#,
        r#"1 - (sum(rate(response_total{error="}, {"}[5m])) or 0 * sum(increase(tcp_open_total[$__rate_interval]))) / 2"#,
        "tcp_open_connections > bool 0 and on (job, instance) wayside_build_info",
        "changes(process_start_time_seconds[30m]) > 2 or up == 0",
    ] {
        assert_eq!(wrong(good, &seen), Vec::<String>::new(), "{good}");
    }
    for bad in [
        "rate(requests_total[5m])",
        "rate(response_latency_ms[5m])",
        r#"rate(tcp_open_total{host="a"}[5m])"#,
        r#"rate(tcp_open_total{le="1"}[5m])"#,
        "sum by (host) (rate(tcp_open_total[5m]))",
        "rate(tcp_open_connections[5m])",
        "sum(tcp_open_total)",
        "max_over_time(tcp_open_total[5m])",
        "deriv(response_latency_ms_count[5m])",
        "sum(rate(tcp_open_total[5m])) / response_latency_ms_count",
    ] {
        assert_eq!(wrong(bad, &seen).len(), 1, "{bad}: {:?}", wrong(bad, &seen));
    }
}
