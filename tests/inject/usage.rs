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

#[test]
fn files_become_one_stream() {
    let dir = TempDir::new();
    let names = ["a.yml", "b.yml", "c.json"];
    let texts = [POD.trim_end(), "---\nkind: X\n", "{\"kind\": \"Y\"}"];
    let files = names.iter().zip(texts).map(|(name, text)| dir.file(name, text));
    let files: Vec<String> = files.map(|file| file.display().to_string()).collect();
    let arguments: Vec<&str> = ["uninject"].into_iter().chain(files.iter().map(String::as_str)).collect();
    let (out, _) = fine(&arguments, b"");
    assert_eq!(out, format!("{}\n---\nkind: X\n---\n{{\"kind\": \"Y\"}}", POD.trim_end()));
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
            POD.replace("{name: p}", "{annotations: {wayside.dev/skip-inbound-ports: \"80x\"}}"),
            "stdin:3: wayside.dev/skip-inbound-ports: \"80x\" is not a port",
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
