//! Random manifests: what is added is added, nothing else is touched, and all of it comes out again. Large ones: the work grows
//! as they do.

use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::commands::inject::Resources;
use crate::sys::cpu::thread_time;

fn settings(is_classic: bool) -> Settings {
    let resources =
        Resources { cpu_request: None, cpu_limit: None, memory_request: None, memory_limit: None };
    Settings {
        image: "i".to_owned(),
        init_image: None,
        pull_policy: "Always".to_owned(),
        inbound_port: 4143,
        outbound_port: 4140,
        admin_port: 4191,
        uid: 2102,
        skip_inbound: crate::config::PortSet::default(),
        skip_outbound: crate::config::PortSet::default(),
        opaque: None,
        log: None,
        access_log: None,
        resources,
        is_classic,
    }
}

/// A value of any shape, with the scalars that go wrong in other hands.
fn any_value() -> impl Strategy<Value = Value> {
    let words =
        ["yes", "1e3", "0755", "0o17", "~", "", "a: b", "# no", "é\n\n x\n", "---", "- a", "[", "22:22"];
    let strings = proptest::sample::select(words.to_vec()).prop_map(Value::string);
    let bare =
        proptest::sample::select(vec!["yes", "0755", "null", "1e3", "off", ".5"]).prop_map(Value::bare);
    prop_oneof![strings, bare].prop_recursive(3, 20, 4, |inner| {
        let keys = proptest::collection::btree_map("[a-z]{1,3}|on|\"|é", inner.clone(), 0..4);
        let map = keys.prop_map(|entries| {
            let mut map = Value::map([]);
            entries.into_iter().for_each(|(key, value)| map.push(&key, value));
            map
        });
        prop_oneof![proptest::collection::vec(inner, 0..4).prop_map(Value::Seq), map]
    })
}

/// A container called `name`, with anything in it.
fn container(name: &str, rest: Value) -> Value {
    Value::map([("name", Value::string(name)), ("x", rest)])
}

/// A Deployment, and how many of its entries come before and after the containers.
fn manifest() -> impl Strategy<Value = Value> {
    let containers = proptest::collection::vec(any_value(), 1..3);
    let inits = proptest::option::of(proptest::collection::vec(any_value(), 1..3));
    (containers, inits, any_value(), any_value(), any::<bool>()).prop_map(
        |(containers, inits, a, b, is_last)| {
            let list =
                |items: Vec<Value>| Value::Seq(items.into_iter().map(|item| container("c", item)).collect());
            let mut spec = Value::map([("before", a)]);
            let mut inits = inits.map(list);
            if let Some(inits) = inits.take_if(|_| !is_last) {
                spec.push(INIT_CONTAINERS, inits);
            }
            spec.push(CONTAINERS, list(containers));
            if let Some(inits) = inits {
                spec.push(INIT_CONTAINERS, inits);
            } else {
                spec.push("after", b);
            }
            Value::map([
                ("apiVersion", Value::string("apps/v1")),
                ("kind", Value::string("Deployment")),
                ("spec", Value::map([("template", Value::map([("spec", spec)]))])),
            ])
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn the_text_stays_and_what_was_added_comes_out(
        manifest in manifest(),
        form in 0..5usize,
        is_classic in any::<bool>(),
        newline in proptest::sample::select(vec!["\n", "\r\n"]),
        ends in any::<bool>(),
        commented in any::<bool>(),
    ) {
        let lines = match form {
            0 | 1 => manifest.yaml(form * 2),
            2 => vec![format!("--- {}", manifest.json())],
            3 => vec![manifest.json()],
            _ => manifest.json_lines("\t"),
        };
        let comment = if commented && form < 2 { "  # \"comment\": [" } else { "" };
        let mut text: String = lines.iter().map(|line| format!("{line}{comment}{newline}")).collect();
        if !ends {
            text.truncate(text.len() - newline.len());
        }
        let settings = settings(is_classic);
        let injected = change(&text, Task::Inject(&settings)).expect("it is right");
        prop_assert_eq!(&injected.notes[..], &["deployment without a name: injected"], "{}", text);
        let containers = injected.text.matches("wayside-proxy").count() + injected.text.matches("wayside-init").count();
        prop_assert_eq!(containers, 2);
        // Every line of the input is there, in its order.
        let mut out = injected.text.lines();
        if form != 2 && form != 3 {
            for line in text.lines() {
                let here = line.trim_end_matches([',', '[', '{']);
                prop_assert!(out.any(|found| found.starts_with(here)), "{:?} is lost in {}", line, injected.text);
            }
        }
        let again = change(&injected.text, Task::Inject(&settings)).expect("it is right");
        prop_assert_eq!(&again.text, &injected.text);
        let undone = change(&injected.text, Task::Uninject).expect("it is right");
        prop_assert_eq!(undone.text, text);
    }
}

/// A pod with `n` of something, or `n` pods.
fn large(form: usize, n: usize) -> String {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - {name: c}\n";
    let each = |head: &str, write: &dyn Fn(usize) -> String| {
        format!("{pod}{head}{}", (0..n).map(write).collect::<String>())
    };
    match form {
        0 => each("    env:\n", &|i| format!("    - name: V{i}\n      value: \"é\"\n"))
            .replace("{name: c}", "name: c"),
        1 => each("  x:\n", &|_| "  - {a: b}\n".to_owned()),
        2 => each("  a: &a {b: c}\n  x:\n", &|_| "  - {<<: *a, d: e}\n".to_owned()),
        3 => each("", &|i| format!("  - {{name: c{i}}}\n")),
        _ => {
            let item = pod.replace('\n', "\n  ").replace("containers", "# A remark.\n    containers");
            format!(
                "apiVersion: v1\nkind: List\nitems:\n{}",
                format!("- {}\n", item.trim_end()).repeat(n / 8)
            )
        }
    }
}

/// The least processor time that it takes, of some tries.
fn cost(text: &str) -> Duration {
    let once = || {
        let start = thread_time();
        let changed = change(text, Task::Inject(&settings(false))).expect("it is right");
        assert!(changed.notes.iter().all(|note| note.ends_with(": injected")), "{:?}", changed.notes);
        thread_time() - start
    };
    (0..3).map(|_| once()).min().unwrap_or_default()
}

#[test]
fn a_manifest_of_eight_times_the_size_takes_eight_times_the_work() {
    for form in 0..5 {
        let [small, large] = [1_000, 8_000].map(|n| cost(&large(form, n)));
        // What is quadratic takes 64 times as long.
        assert!(large < small * 24, "{form}: {small:?}, then {large:?}");
    }
}
