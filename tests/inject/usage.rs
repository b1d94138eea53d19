//! Files, stdin, errors.

use super::support::TempDir;
use super::*;

#[test]
fn the_example_works_as_it_is_written() {
    let dir = TempDir::new();
    let file = dir.file("deployment.yml", POD);
    let file = file.to_str().expect("UTF-8");
    let (out, said) = fine(&["inject", file, "--skip-outbound-ports=4406"], b"");
    assert!(out.contains("- \"--outbound-ports-to-ignore\"\n    - \"4406\"\n"), "{out}");
    assert_eq!(said, "pod \"p\": injected\n");
    let stdin = fine(&["inject", "-", "--skip-outbound-ports=4406"], POD.as_bytes());
    assert_eq!(stdin, (out, said));
}

/// What becomes of files with these texts, together.
pub(super) fn joined(task: &str, texts: &[&str]) -> (String, String) {
    let dir = TempDir::new();
    let files = texts.iter().enumerate().map(|(index, text)| dir.file(&format!("{index}.yml"), text));
    let files: Vec<String> = files.map(|file| file.display().to_string()).collect();
    let arguments: Vec<&str> = [task].into_iter().chain(files.iter().map(String::as_str)).collect();
    fine(&arguments, b"")
}

#[test]
fn files_become_one_stream() {
    let (out, _) = joined("uninject", &[POD.trim_end(), "---\nkind: X\n", "{\"kind\": \"Y\"}"]);
    assert_eq!(out, format!("{}\n---\nkind: X\n---\n{{\"kind\": \"Y\"}}", POD.trim_end()));
}

#[test]
fn json_files_become_a_json_stream_unless_yaml_is_among_them() {
    let [x, y, z] = ["{\"kind\": \"X\"}", "{\"kind\": \"Y\"}\n", "kind: Z\n"];
    for (texts, expected) in [
        (&[x, y][..], format!("{x}\n{y}")),
        (&[x, "", y, "\n", x], format!("{x}\n{y}{x}")),
        (&[x, z], format!("---\n{x}\n---\n{z}")),
        (&[z, y, x], format!("{z}---\n{y}---\n{x}")),
        // Where it is read as YAML, documents need a line between them.
        (&[&format!("{x} {y}"), z], format!("---\n{x}\n---\n{y}---\n{z}")),
        (&[&format!("{x} {y}")], format!("{x} {y}")),
    ] {
        assert_eq!(joined("uninject", texts).0, expected, "{texts:?}");
    }
}

#[test]
fn a_block_scalar_that_ends_without_a_line_end_gets_none() {
    for style in ["|", ">", "|+", "|-"] {
        let spec = format!(
            "spec:\n  containers:\n  - name: c\n  initContainers:\n  - name: i\n    x: {style}\n      foo"
        );
        let text = format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\n{spec}");
        let (out, _) = fine(&["inject", "--classic-sidecar"], text.as_bytes());
        assert!(out.contains("x: \"foo\"\n") || out.contains("x: foo\n") || style == "|-", "{out}");
        let (out, _) = joined("uninject", &[&format!("kind: X\na: {style}\n  foo"), "kind: Y\n"]);
        let kept = format!("kind: X\na: {style}\n  foo\n---\nkind: Y\n");
        match style {
            "|-" => assert_eq!(out, kept),
            _ => assert_eq!(out.replace('"', ""), "kind: X\na: foo\n---\nkind: Y\n"),
        }
    }
}

#[test]
fn an_empty_list_is_told() {
    for items in ["items: []\n", "", "items:\n"] {
        let list = format!("apiVersion: v1\nkind: List\n{items}");
        let (out, said) = fine(&["inject"], list.as_bytes());
        assert_eq!((out, &*said), (list, "a list without items: unchanged: it holds no pod\n"));
    }
}

#[test]
fn a_port_may_be_named() {
    let annotations = "{annotations: {config.linkerd.io/opaque-ports: \"80,mysql, none-such\", \
                       wayside.dev/skip-inbound-ports: web}, name: p}";
    let ports = "[{name: mysql, containerPort: 4406}, {name: web, containerPort: 8080}]";
    let text =
        POD.replace("{name: p}", annotations).replace("image: i}", &format!("image: i, ports: {ports}}}"));
    let (out, said) = fine(&["inject"], text.as_bytes());
    for expected in ["value: \"80,4406\"", "- \"4191,8080\"", "value: \"8080\""] {
        assert!(out.contains(expected), "{expected}: {out}");
    }
    let warning =
        "config.linkerd.io/opaque-ports: no container has a port called \"none-such\"; it is left out";
    assert_eq!(said, format!("pod \"p\": warning: {warning}\npod \"p\": injected\n"));
}

#[test]
fn an_annotation_with_unknown_names_only_is_as_none() {
    let with = |value: &str| {
        POD.replace("{name: p}", &format!("{{name: p, annotations: {{wayside.dev/opaque-ports: {value}}}}}"))
    };
    let (out, said) = fine(&["inject", "--opaque-ports=77"], with("mysqll").as_bytes());
    assert!(out.contains("value: \"77\""), "{out}");
    let warning = "warning: wayside.dev/opaque-ports: it names no port, and is as if it were not there\n";
    assert!(said.contains(warning), "{said}");
    let (out, _) = fine(&["inject"], with("mysqll").as_bytes());
    assert!(!out.contains("WAYSIDE_OPAQUE_PORTS"), "{out}");
    let (out, said) = fine(&["inject", "--opaque-ports=77"], with("\"\"").as_bytes());
    assert!(out.contains("- name: WAYSIDE_OPAQUE_PORTS\n      value: \"\"\n"), "{out}");
    assert_eq!(said, "pod \"p\": injected\n");
}

#[test]
fn what_is_in_the_proxys_way_is_told() {
    let user = "a container runs as user 2102, as the proxy does: its connections are not redirected; see --proxy-uid";
    for (more, warnings) in [
        ("  securityContext: {runAsUser: 2102}\n", &[user][..]),
        ("    securityContext: {runAsUser: 2102}\n", &[user]),
        ("    securityContext: {runAsUser: 2103}\n", &[]),
        (
            "    ports: [{containerPort: 4143}, {containerPort: 4191}, {containerPort: 80}]\n",
            &[
                "a container has port 4143, as the proxy does; see --inbound-port",
                "a container has port 4191, as the proxy does; see --admin-port",
            ],
        ),
    ] {
        let text = POD.replace("{name: c, image: i}\n", &format!("name: c\n{more}"));
        let told: String =
            warnings.iter().map(|warning| format!("pod \"p\": warning: {warning}\n")).collect();
        assert_eq!(fine(&["inject"], text.as_bytes()).1, format!("{told}pod \"p\": injected\n"));
    }
}

#[test]
fn what_is_no_pod_to_kubernetes_is_left_alone() {
    let no_list = "its containers are no list";
    for (spec, why) in [
        ("containers: hello", no_list),
        ("containers: {name: c}", no_list),
        ("containers:", no_list),
        ("containers: [{name: c}], initContainers: hello", no_list),
        ("containers: [{name: c}], initContainers: \"\"", no_list),
        ("containers: [{name: c}], initContainers: {a: b}", no_list),
        ("containers: [{name: c}], nodeSelector: {kubernetes.io/os: windows}", "it is for Windows"),
    ] {
        let text = format!("apiVersion: v1\nkind: Pod\nspec: {{{spec}}}\n");
        let (out, said) = fine(&["inject"], text.as_bytes());
        assert_eq!((out, said), (text, format!("pod without a name: unchanged: {why}\n")));
    }
}

#[test]
fn brackets_and_quotes_may_go_on_further_left() {
    // As kubectl has it, though YAML 1.2 forbids it.
    for more in [
        "    args: [\n      \"a\"\n    ]\n",
        "    args: [ # none\n    ]\n",
        "    args: [a,\n   b, 'it''s]',\n\"c]\", don't]\n",
        "    env: [{name: A,\nvalue: {b: [\n\"é\"\n]}}\n]\n",
        "    x: \"a\\\"\n b\"\n    y: 'c\n d'\n",
        "    x: !!str \"a\nb\"\n    y: &a [\n    ]\n",
        "    x: |\n     [ \"\n    y: [\n    ]\n    z: it's [ # [\n    args:\n    - >-\n      { '\n    - \"d\n e\"\n",
    ] {
        let text = format!("apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: c\n{more}");
        let (out, said) = fine(&["inject"], text.as_bytes());
        assert_eq!(said, "pod without a name: injected\n", "{text}");
        assert!(out.ends_with(&format!("  containers:\n  - name: c\n{more}")), "{out}");
        assert_eq!(fine(&["uninject"], out.as_bytes()).0, text);
        // Nothing of it is lost where the document is written anew.
        let shared = text.replace("  containers:", "  ? containers\n  :");
        let anew = fine(&["inject"], shared.as_bytes());
        assert!(
            anew.1.contains("written anew") && fine(&["inject"], anew.0.as_bytes()).0 == anew.0,
            "{}",
            anew.1
        );
    }
}

#[test]
fn empty_lines_at_the_end_of_a_scalar_are_kept() {
    let spec = "spec:\n  containers:\n  - name: c\n  initContainers:\n  - name: i\n    x: |+\n      a\n\n";
    let text = format!("apiVersion: v1\nkind: Pod\n{spec}");
    let (out, _) = fine(&["inject", "--classic-sidecar"], text.as_bytes());
    assert!(out.contains("x: |+\n      a\n\n") || out.contains("x: \"a\\n\\n\""), "{out}");
}

#[test]
fn a_broken_stream_is_told_with_its_line_and_nothing_is_written() {
    for (text, expected) in [
        ("a: [1, 2\nb: 3\n".to_owned(), "stdin:2: "),
        (format!("{POD}---\nok: 1\n---\nkind: Pod\n  bad: 1\n"), "stdin:11: "),
        (format!("{POD}---\na: 1\nb: 2\na: 3\n"), "stdin:10: the key \"a\" stands here a second time"),
        ("a: &a [*a]\n".to_owned(), "stdin:1: an alias of nothing, or of what it stands in"),
        ("a: *b\n".to_owned(), "stdin:1: "),
        ("{\"a\": 1,\n \"a\": 2}".to_owned(), "stdin:2: the key \"a\" stands here a second time"),
        ("{\"a\": 1,\n\n \"b\" 2}".to_owned(), "stdin:3: expected \":\""),
        (
            POD.replace("{name: p}", "{annotations: {wayside.dev/skip-inbound-ports: \"80_x\"}}"),
            "stdin:3: wayside.dev/skip-inbound-ports: \"80_x\" is not a port",
        ),
        ("[".repeat(1000), "stdin:1: "),
        ("- ".repeat(1000), "stdin:1: deeper than 128 levels"),
    ] {
        let said = broken(&["inject"], text.as_bytes());
        assert!(said.starts_with(&format!("wayside: {expected}")) && said.lines().count() == 1, "{said}");
    }
    assert!(broken(&["inject"], b"a: 1\nb: \xff\n").starts_with("wayside: stdin:2: not UTF-8"));
    assert!(broken(&["inject", "/no/such/file"], b"").starts_with("wayside: /no/such/file: "));
    assert!(broken(&["uninject", "/"], b"").starts_with("wayside: /: "));
}

#[test]
fn aliases_that_explode_are_refused() {
    let mut text = "apiVersion: v1\nkind: Pod\na0: &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9]\n".to_owned();
    for level in 1..12 {
        let before = format!("*a{}, ", level - 1).repeat(9);
        text.push_str(&format!("a{level}: &a{level} [{before}]\n"));
    }
    text.push_str("spec:\n  containers:\n  - {name: c}\n");
    assert!(broken(&["inject"], text.as_bytes()).contains("aliases make this document too large"));
}

#[test]
fn merge_keys_that_explode_are_refused() {
    let head = "apiVersion: v1\nkind: Pod\na0: &a0 {}\n";
    let rest = |last| format!("spec:\n  <<: *a{last}\n  containers:\n  - {{name: c}}\n");
    let levels = |last: usize, value: fn(usize) -> String| -> String {
        (1..=last).map(|level| format!("a{level}: &a{level} {}\n", value(level - 1))).collect()
    };
    // 2^40 ways through it.
    let wide = levels(40, |before| format!("{{<<: [*a{before}, *a{before}]}}"));
    let said = broken(&["inject"], format!("{head}{wide}{}", rest(40)).as_bytes());
    assert!(said.contains("aliases make this document too large"), "{said}");
    for value in [|before| format!("{{<<: *a{before}}}"), |before| format!("[*a{before}]")] {
        let deep = levels(100_000, value);
        let said = broken(&["inject"], format!("{head}{deep}{}", rest(100_000)).as_bytes());
        assert!(said.contains("aliases make this document deeper than 128 levels"), "{said}");
    }
    // In each of many pods what is merged is only looked at.
    let merged = fine(
        &["inject"],
        format!("{head}{}{}", levels(100, |before| format!("{{<<: *a{before}}}")), rest(100)).as_bytes(),
    );
    assert_eq!(merged.1, "pod without a name: injected\n");
}

#[test]
fn a_wrong_flag_is_wrong_usage() {
    for flag in [
        "--skip-inbound-ports=80x",
        "--inbound-port=0",
        "--admin-port=70000",
        "--proxy-uid=0",
        "--proxy-cpu-limit=much",
        "--proxy-log-level=loud",
        "--access-log=xml",
        "--image-pull-policy=Sometimes",
        "--no-such-flag",
    ] {
        let output = wayside(&["inject", flag], POD.as_bytes());
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{flag}");
    }
}
