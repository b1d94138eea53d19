//! Values to text.

use super::*;

#[test]
fn only_what_every_reader_takes_for_a_string_goes_without_quotes() {
    for text in ["web", "/metrics", "a-b_c.d/e", "nginx", "NET_ADMIN", "e3", "inf"] {
        assert_eq!(Value::string(text).yaml(0), [text]);
    }
    for text in [
        "", "yes", "No", "ON", "off", "y", "null", "True", "~", "1", "1e3", "0755", "0o17", "0x1f", ".5",
        "-a",
    ] {
        assert_eq!(Value::string(text).yaml(0), [format!("\"{text}\"")]);
    }
    for (text, expected) in [
        ("a: b", r#""a: b""#),
        ("a #b", r#""a #b""#),
        ("[::]:4191", r#""[::]:4191""#),
        ("12:30:45", r#""12:30:45""#),
        ("2001-01-01", r#""2001-01-01""#),
        ("a\n\t\"\\\u{1}\u{85}é", r#""a\n\t\"\\\u0001\u0085é""#),
    ] {
        assert_eq!(Value::string(text).yaml(0), [expected]);
        assert_eq!(Value::string(text).json(), expected);
    }
}

#[test]
fn blocks_nest() {
    let nested = Value::Seq(vec![
        Value::Seq(vec![Value::bare(1), Value::Seq(Vec::new())]),
        Value::map([("a", Value::map([("b", Value::strings(["x"]))])), ("c", Value::map([]))]),
    ]);
    let expected = ["- - 1", "  - []", "- a:", "    b:", "      - x", "  c: {}"];
    assert_eq!(nested.yaml(2), expected);
    assert_eq!(nested.json(), r#"[[1, []], {"a": {"b": ["x"]}, "c": {}}]"#);
    let lines = ["[", "\t[", "\t\t1,", "\t\t[]", "\t],", "\t{"];
    assert_eq!(nested.json_lines("\t")[..6], lines);
}
