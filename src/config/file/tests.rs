//! TOML in, lines of problems out.

use super::*;

/// The problems of a file, and the values that are sound.
fn read(text: &str) -> (Vec<String>, Vec<(&'static str, Vec<String>)>) {
    let source = Reader::new("f".to_owned(), text).read();
    let given = source.given.into_iter();
    (
        source.problems.iter().map(ToString::to_string).collect(),
        given
            .map(|given| (given.option.name, given.items.into_iter().map(|(text, _)| text).collect()))
            .collect(),
    )
}

#[test]
fn every_shape_of_a_value() {
    for (text, expected) in [
        ("detect-timeout = '5s'", vec!["5s"]),
        ("detect-timeout = 0", vec!["0"]),
        ("max-connections = 0x10", vec!["16"]),
        ("max-connections = 1_000", vec!["1000"]),
        ("max-connections = 99999999999999999999", vec!["99999999999999999999"]),
        ("opaque-ports = ''", vec![]),
        ("opaque-ports = []", vec![]),
        ("opaque-ports = 25", vec!["25"]),
        ("opaque-ports = [25, '30-40,50']", vec!["25", "30-40", "50"]),
        ("inbound-listen = ':1, :2'", vec![":1", ":2"]),
        ("inbound-listen = []", vec![]),
        ("forward = [':1=a:1', ':2=b:2']", vec![":1=a:1", ":2=b:2"]),
        ("http-strict = false", vec!["false"]),
    ] {
        let (problems, given) = read(text);
        assert_eq!(problems, [""; 0], "{text}");
        assert_eq!(given.len(), 1, "{text}");
        assert_eq!(given[0].1, expected, "{text}");
    }
}

#[test]
fn wrong_types_are_told_with_the_accepted_form() {
    for (text, problem) in [
        ("detect-timeout = true", "a boolean is not a duration; write an integer"),
        ("detect-timeout = 1.5", "a float is not a duration; write an integer"),
        ("detect-timeout = ['1s']", "an array is not a duration; write an integer"),
        ("log = 3", "an integer is not a log level; write off,"),
        ("http-strict = 1", "an integer is not a switch; write true or false"),
        ("forward = [1]", "an integer is not a forward; write LISTEN=TARGET"),
        ("forward = [['a']]", "an array is not a forward; write LISTEN=TARGET"),
        ("opaque-ports = {a = 1}", "a table is not a port"),
        ("drain-timeout = 2020-01-01", "a datetime is not a duration"),
    ] {
        let (problems, given) = read(text);
        assert_eq!(problems.len(), 1, "{text}: {problems:?}");
        let key = text.split(' ').next().unwrap_or_default();
        assert!(problems[0].starts_with(&format!("f:1: {key}: {problem}")), "{problems:?}");
        assert!(given.is_empty(), "{text}");
    }
}

#[test]
fn broken_lines_are_told_once_and_the_rest_is_read() {
    let (problems, given) =
        read("log = 'info'\ndetect-timeout = 10s\nfoo\nlog = 'warn'\nmax-connections = 5\nx-y = 1\n");
    let starts: Vec<&str> = problems.iter().map(|problem| problem.get(..13).unwrap_or_default()).collect();
    assert_eq!(
        starts,
        ["f:2: not TOML", "f:3: not TOML", "f:4: not TOML", "f:6: \"x-y\" is"],
        "{problems:?}"
    );
    assert!(problems[2].contains("duplicate key"), "{problems:?}");
    let names: Vec<&str> = given.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["log", "max-connections"]);
}

#[test]
fn a_broken_header_does_not_make_its_lines_ours() {
    let (problems, given) = read("[x\nlog = 3\nidle-timeout = '1s'\n");
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(given.is_empty());
}

#[test]
fn lines_without_a_value_are_all_told() {
    let (problems, given) = read("é\nbar\nlog = 'info'\nbaz # x\n");
    let starts: Vec<&str> = problems.iter().map(|problem| problem.get(..13).unwrap_or_default()).collect();
    assert_eq!(starts, ["f:1: not TOML", "f:2: not TOML", "f:4: not TOML"], "{problems:?}");
    assert_eq!(given.len(), 1);
    let (problems, _) = read(&"x\n".repeat(1000));
    assert_eq!(problems.len(), MOST_ERRORS);
}

#[test]
fn no_text_makes_it_fail_otherwise_than_by_problems() {
    for text in [
        "",
        "\u{feff}",
        "\0",
        "[",
        "]",
        "=",
        "a=",
        "a",
        "a\r",
        &"a=[".repeat(100_000),
        &"[".repeat(100_000),
        &"a.".repeat(100_000),
        &"x".repeat(100_000),
        "[[a]]\n[a]",
        "a.b.c=1",
        "\"\n",
        "'''",
        "a={b={c=",
        "[a]\r\n[a]",
    ] {
        let (problems, given) = read(text);
        assert!(given.is_empty(), "{text:?}");
        assert!(
            problems.iter().all(|problem| problem.starts_with("f:") && !problem.contains('\n')),
            "{problems:?}"
        );
    }
}
