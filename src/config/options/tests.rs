//! The table agrees with itself and with the defaults.

use super::*;

/// The value as it would be written on a flag.
fn written(shown: Shown) -> String {
    let value = match shown {
        Shown::Value(value) | Shown::Unset(value) => value,
    };
    match value {
        toml::Value::String(text) => text,
        toml::Value::Array(values) => {
            values.iter().filter_map(toml::Value::as_str).collect::<Vec<_>>().join(",")
        }
        other => other.to_string(),
    }
}

#[test]
fn the_default_that_is_written_is_the_default_that_holds() {
    for option in OPTIONS {
        assert_eq!(written((option.show)(&Config::default())), option.default, "{}", option.name);
    }
}

#[test]
fn setting_the_default_changes_nothing_but_that_it_was_said() {
    for option in OPTIONS.iter().filter(|option| option.name != "connect-timeout") {
        let mut config = Config::default();
        let items: Vec<&str> = option.default.split(',').filter(|item| !item.is_empty()).collect();
        assert_eq!((option.set)(&mut config, &items), Ok(()), "{}", option.name);
        for listen in [&mut config.inbound, &mut config.outbound, &mut config.admin] {
            listen.by_default = true;
        }
        assert_eq!(config, Config::default(), "{}", option.name);
    }
}

#[test]
fn names_are_unique_and_plain() {
    let mut names: Vec<&str> = OPTIONS.iter().map(|option| option.name).collect();
    assert!(names.iter().all(|name| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')));
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    assert!(!names.contains(&CONFIG));
}

#[test]
fn more_values_than_the_most_are_one_fault() {
    let items = vec!["25"; MOST_VALUES + 1];
    let faults = ports(&items).expect_err("too many");
    assert_eq!(faults, [(MOST_VALUES, "257 values; the most is 256".to_owned())]);
    assert!(ports(&items[1..]).is_ok());
}

#[test]
fn off_stands_alone() {
    assert_eq!(listeners(&["off"]), Ok(Listen { addrs: vec![], by_default: false }));
    let faults = listeners(&[":1", "off"]).expect_err("both");
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].0, 1);
}

#[test]
fn port_sets_are_merged_and_asked() {
    let set = ports(&["3306", "4000-4100", "25", "4050-4200", "26", "65535"]).expect("ports");
    assert_eq!(set.to_string(), "25-26,3306,4000-4200,65535");
    for port in [25, 26, 3306, 4000, 4200, 65535] {
        assert!(set.contains(port), "{port}");
    }
    for port in [0, 24, 27, 3305, 3307, 3999, 4201, 65534] {
        assert!(!set.contains(port), "{port}");
    }
}
