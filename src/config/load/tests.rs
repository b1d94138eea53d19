//! Which source wins, and that nothing wrong is passed over.

use super::*;
use std::time::Duration;

fn environment(variables: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    variables.iter().map(|(name, value)| (name.into(), value.into())).collect()
}

fn flag(name: &'static str, values: &[&str]) -> (&'static str, Vec<String>) {
    (name, values.iter().map(|&value| value.to_owned()).collect())
}

#[test]
fn a_flag_wins_over_the_environment() {
    let variables = environment(&[("WAYSIDE_DETECT_TIMEOUT", "2s"), ("WAYSIDE_IDLE_TIMEOUT", "3s")]);
    let flags = vec![flag("detect-timeout", &["1s"])];
    let loaded = load(Sources { flags, environment: variables, ..Sources::default() }).expect("right");
    assert_eq!(loaded.config.detect_timeout, Duration::from_secs(1));
    assert_eq!(loaded.config.idle_timeout, Duration::from_secs(3));
    assert_eq!(loaded.config.drain_timeout, Duration::from_secs(25));
}

#[test]
fn a_list_replaces_the_list_of_a_weaker_source() {
    let variables = environment(&[("WAYSIDE_FORWARD", ":1=a:1,:2=b:2")]);
    let flags = vec![flag("forward", &[":3=c:3", ":4=d:4,:5=e:5"])];
    let loaded =
        load(Sources { flags, environment: variables.clone(), ..Sources::default() }).expect("right");
    let targets: Vec<String> =
        loaded.config.forwards.iter().map(|forward| forward.target.to_string()).collect();
    assert_eq!(targets, ["c:3", "d:4", "e:5"]);
    let none = Sources { flags: vec![flag("forward", &[""])], environment: variables, ..Sources::default() };
    assert!(load(none).expect("right").config.forwards.is_empty());
}

#[test]
fn a_wrong_value_is_told_though_a_flag_overrides_it() {
    let variables = environment(&[("WAYSIDE_DETECT_TIMEOUT", "soon")]);
    let flags = vec![flag("detect-timeout", &["1s"])];
    let failure = load(Sources { flags, environment: variables, ..Sources::default() }).expect_err("wrong");
    assert_eq!(failure.exit_code(), 1);
    assert_eq!(failure.problems.len(), 1);
}

#[test]
fn rust_log_is_weaker_than_our_own_variable() {
    for (variables, expected) in [
        (vec![("RUST_LOG", "debug")], "debug"),
        (vec![("RUST_LOG", "debug"), ("WAYSIDE_LOG", "info")], "info"),
        (vec![("RUST_LOG", "")], "warn"),
    ] {
        let loaded =
            load(Sources { environment: environment(&variables), ..Sources::default() }).expect("right");
        assert_eq!(loaded.config.log, expected);
        assert!(loaded.warnings.is_empty());
    }
    let odd = environment(&[("RUST_LOG", "my_crate")]);
    let loaded = load(Sources { environment: odd, ..Sources::default() }).expect("right");
    assert_eq!(loaded.config.log, "warn");
    assert_eq!(loaded.warnings.len(), 1);
}

#[test]
fn an_unknown_variable_is_a_warning() {
    let variables =
        environment(&[("WAYSIDE_LISTEN", "x"), ("WAYSIDE_PORT_80_TCP", "tcp://10.0.0.1:80"), ("OTHER", "1")]);
    let loaded = load(Sources { environment: variables, ..Sources::default() }).expect("right");
    assert_eq!(loaded.warnings.len(), 1, "{:?}", loaded.warnings);
    assert!(loaded.warnings[0].starts_with("WAYSIDE_LISTEN is not an option"), "{:?}", loaded.warnings);
}

#[test]
fn blank_is_no_listener() {
    for name in ["inbound-listen", "outbound-listen", "admin-listen"] {
        let failure = load(Sources { flags: vec![flag(name, &[""])], ..Sources::default() }).expect_err(name);
        assert_eq!(failure.problems.len(), 1);
        assert_eq!(failure.exit_code(), 2);
    }
}
