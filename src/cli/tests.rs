//! Arguments in, what was asked for out.

use super::*;

fn parse_words(words: &str) -> Result<Action, clap::Error> {
    parse(words.split(' ').map(OsString::from), [])
}

#[test]
fn clap_is_content_with_the_definition() {
    command().debug_assert();
}

#[test]
fn flags_arrive_under_their_names_in_order() {
    let Ok(Action::Run(sources, _)) = parse_words(
        "wayside run --forward :1=a:1 --log info --forward=:2=b:2,:3=c:3 --http-strict --config f",
    ) else {
        panic!("not run");
    };
    assert_eq!(sources.config, Some(PathBuf::from("f")));
    let flags: Vec<(&str, Vec<&str>)> = sources
        .flags
        .iter()
        .map(|(name, values)| (*name, values.iter().map(String::as_str).collect()))
        .collect();
    let expected =
        [("forward", vec![":1=a:1", ":2=b:2,:3=c:3"]), ("http-strict", vec!["true"]), ("log", vec!["info"])];
    assert_eq!(flags, expected);
}

#[test]
fn a_command_stands_behind_two_hyphens() {
    let Ok(Action::Run(sources, command)) = parse_words("wayside run --log info -- sh --log x") else {
        panic!("not run");
    };
    assert_eq!(sources.flags, [("log", vec!["info".to_owned()])]);
    assert_eq!(command, ["sh", "--log", "x"]);
}

#[test]
fn wrong_usage_is_2_and_help_is_0() {
    for (words, code) in [
        ("wayside", 2),
        ("wayside walk", 2),
        ("wayside run --no-such-flag", 2),
        ("wayside run stray", 2),
        ("wayside run --log", 2),
        ("wayside run --log info --log warn", 2),
        ("wayside --help", 0),
        ("wayside run --help", 0),
        ("wayside check -h", 0),
        ("wayside doctor --uid me", 2),
        ("wayside doctor --help", 0),
        ("wayside --version", 0),
        ("wayside -V", 0),
    ] {
        assert_eq!(parse_words(words).expect_err(words).exit_code(), code, "{words}");
    }
}

#[test]
fn doctor_takes_what_run_takes_and_its_own() {
    let words = "wayside doctor --json --uid 7 --inbound-listen :1 --max-connections 9 --config f";
    let Ok(Action::Doctor(sources, ask)) = parse_words(words) else {
        panic!("not doctor");
    };
    assert_eq!((ask.json, ask.ready, ask.user), (true, false, Some(7)));
    assert_eq!(sources.config, Some(PathBuf::from("f")));
    let flags: Vec<&str> = sources.flags.iter().map(|(name, _)| *name).collect();
    assert_eq!(flags, ["inbound-listen", "max-connections"]);
}
