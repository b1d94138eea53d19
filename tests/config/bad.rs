//! Every option with its wrong values, from all three sources: one line, where it is, what is accepted.

use wayside::config::options::{OPTIONS, find};

use crate::support::{TempFile, check_file, wayside};

/// An option, wrong values, and what the line must say.
const WRONG: &[(&str, &[&str], &str)] = &[
    ("inbound-listen", ADDRESSES, "is not an address and port to listen on; write \"127.0.0.1:8080\""),
    ("outbound-listen", ADDRESSES, "is not an address and port to listen on; write \"127.0.0.1:8080\""),
    ("admin-listen", ADDRESSES, "is not an address and port to listen on; write \"127.0.0.1:8080\""),
    ("admin-listen", &["off,:1", ":1,off"], "\"off\" cannot stand beside an address"),
    ("inbound-listen", &[":9,127.0.0.1:9"], "127.0.0.1:9 overlaps with [::]:9 of inbound-listen"),
    ("outbound-listen", &["127.0.0.1:4191"], "overlaps with 127.0.0.1:4191 of admin-listen (default)"),
    ("admin-listen", &["0.0.0.0:4140"], "overlaps with 127.0.0.1:4140 of outbound-listen (default)"),
    (
        "forward",
        &[
            "db:80",
            ":80",
            ":80=",
            ":80=db",
            ":80=db:0",
            ":80=db:65536",
            "x:80=db:80",
            ":80=-db:80",
            ":80=::1:80",
            ":80=1.2.3:80",
        ],
        "is not a forward (",
    ),
    ("forward", &[":80=localhost:80", "127.0.0.1:81=127.0.0.1:4191"], "is our own listener"),
    ("forward", &["127.0.0.1:4140=db:80", ":80=db:1,:80=db:2"], "overlaps with"),
    (
        "proxy-clients",
        &["x", "10.0.0.0/33", "10.0.0.1/8", "::/129", "127.0.0.1,,::1", "10.0.0.0/"],
        "is not a block of addresses (",
    ),
    (
        "proxy-clients",
        &["10.0.0.0/8", "127.0.0.1,0.0.0.0/0", "::/0", "126.0.0.0/7"],
        "is more than this host, and CONNECT would go to every port; set connect-ports too",
    ),
    ("connect-ports", PORTS, "is not a port or a range of ports"),
    ("opaque-ports", PORTS, "is not a port or a range of ports"),
    ("skip-inbound-ports", PORTS, "is not a port or a range of ports"),
    ("skip-outbound-ports", PORTS, "is not a port or a range of ports"),
    ("detect-timeout", DURATIONS, "is not a duration; write an integer and ms, s, m or h, as in \"10s\""),
    ("connect-timeout", DURATIONS, "is not a duration; write an integer and ms, s, m or h, as in \"10s\""),
    ("idle-timeout", DURATIONS, "is not a duration; write an integer and ms, s, m or h, as in \"10s\""),
    ("half-close-timeout", DURATIONS, "is not a duration; write an integer and ms, s, m or h, as in \"10s\""),
    ("pool-idle-timeout", DURATIONS, "is not a duration; write an integer and ms, s, m or h, as in \"10s\""),
    ("pool-idle-timeout", TOO_LONG, "is too long; the most is \"8760h\""),
    (
        "pool-size",
        &["", "-1", "65536", "auto", "1.5"],
        "is not a number of connections; write an integer from 0",
    ),
    ("drain-timeout", DURATIONS, "is not a duration; write an integer and ms, s, m or h, as in \"10s\""),
    ("detect-timeout", TOO_LONG, "is too long; the most is \"8760h\""),
    ("connect-timeout", TOO_LONG, "is too long; the most is \"8760h\""),
    ("idle-timeout", TOO_LONG, "is too long; the most is \"8760h\""),
    ("half-close-timeout", TOO_LONG, "is too long; the most is \"8760h\""),
    ("drain-timeout", TOO_LONG, "is too long; the most is \"8760h\""),
    ("max-connections", &["", "0", "-1", "16777217", "many", "1.5"], "is not a number of connections; write"),
    ("log", &["", "wran", "5", "warn,", "wayside=loud"], "is not a log level; write off, error, warn"),
    ("workers", &["", "0", "-1", "1025", "two"], "is not a number of workers; write"),
    ("access-log", &["", "on", "JSON"], "is not a form of access log; write off, json or apache"),
    ("http-strict", &["", "yes", "2"], "is not a switch; write true or false"),
    ("http-reuse", &["", "yes", "2"], "is not a switch; write true or false"),
    ("pin", &["", "yes", "2"], "is not a switch; write true or false"),
];
const ADDRESSES: &[&str] =
    &["", "4143", "127.0.0.1", "localhost:80", "127.0.0.1:65536", "::1:80", "[::1]", "*:80", ":1,,:2"];
const PORTS: &[&str] = &["0", "65536", "20-10", "x", "25,", "25,,26", "1-2-3", "-5", "25 26"];
const DURATIONS: &[&str] = &["", "10", "10 sec", "1.5s", "-1s", "1d", "s"];
const TOO_LONG: &[&str] = &["8761h", "18446744073709551616ms", "18446744073709551615h"];

#[test]
fn every_option_has_wrong_values_here() {
    for option in OPTIONS {
        assert!(WRONG.iter().any(|(name, _, _)| *name == option.name), "{}", option.name);
    }
    assert!(WRONG.iter().all(|(name, _, _)| find(name).is_some()));
}

/// Each wrong value, how the line must begin, and how the program is told it.
fn each(mut told: impl FnMut(&'static str, &str, &str) -> (crate::support::Said, String), code: i32) {
    for (name, values, expected) in WRONG {
        for value in *values {
            let (said, begin) = told(name, &find(name).expect("an option").env(), value);
            assert_eq!(said.code, code, "{name} {value:?}: {said:?}");
            assert_eq!(said.stdout, "", "{name} {value:?}");
            assert_eq!(said.lines().len(), 1, "{name} {value:?}: {said:?}");
            assert!(said.stderr.starts_with(&begin), "{name} {value:?}: {said:?}");
            assert!(said.stderr.contains(expected), "{name} {value:?}: {said:?}");
        }
    }
}

#[test]
fn wrong_flags() {
    let told = |name: &str, _: &str, value: &str| {
        (wayside(&["run", &format!("--{name}={value}")], &[]), format!("--{name}: "))
    };
    each(told, 2);
}

#[test]
fn wrong_variables() {
    let told = |_: &str, env: &str, value: &str| (wayside(&["run"], &[(env, value)]), format!("{env}: "));
    each(told, 1);
}

#[test]
fn wrong_values_in_the_file() {
    let told = |name: &str, _: &str, value: &str| {
        (check_file(format!("# a comment\n\n{name} = {value:?}\n")), format!("FILE:3: {name}: "))
    };
    each(told, 1);
}

#[test]
fn wrong_types_in_the_file() {
    for option in OPTIONS {
        for value in ["1.5", "{ a = 1 }", "[[1]]", "1979-05-27"] {
            let said = check_file(format!("{} = {value}", option.name));
            assert_eq!(said.code, 1, "{said:?}");
            assert_eq!(said.lines().len(), 1, "{said:?}");
            assert!(said.stderr.starts_with(&format!("FILE:1: {}: a", option.name)), "{said:?}");
            assert!(said.stderr.contains(" is not a"), "{said:?}");
        }
    }
}

#[test]
fn all_problems_at_once() {
    let file = TempFile::new(
        "detect-timeout = \"10 sec\"\nopaque_ports = 25\nlog = 3\nforward = [\n  \":80=db\",\n  \":81=db:0\",\n]\nidle-timeout = 10s\n",
    );
    let variables =
        [("WAYSIDE_MAX_CONNECTIONS", "0"), ("WAYSIDE_DRIAN_TIMEOUT", "1s"), ("WAYSIDE_CONFIG", file.path())];
    let said = wayside(&["run", "--drain-timeout", "soon", "--admin-listen", "127.0.0.1:4140"], &variables);
    let stderr = said.stderr.replace(file.path(), "wayside.toml");
    let expected = [
        "warning: WAYSIDE_DRIAN_TIMEOUT is not an option; did you mean WAYSIDE_DRAIN_TIMEOUT?",
        "wayside.toml:1: detect-timeout: \"10 sec\" is not a duration; write an integer and ms, s, m or h, as in \"10s\"",
        "wayside.toml:2: \"opaque_ports\" is not an option; did you mean \"opaque-ports\"?",
        "wayside.toml:3: log: an integer is not a log level; write off, ",
        "wayside.toml:5: forward: \":80=db\" is not a forward (the target has no port); write LISTEN=TARGET, ",
        "wayside.toml:6: forward: \":81=db:0\" is not a forward (there is no port 0 to connect to); write ",
        "wayside.toml:8: not TOML: string values must be quoted",
        "WAYSIDE_MAX_CONNECTIONS: \"0\" is not a number of connections; write an integer from 1 to 16777216, or \"auto\"",
        "--drain-timeout: \"soon\" is not a duration; write an integer and ms, s, m or h, as in \"10s\"",
        "--admin-listen: 127.0.0.1:4140 overlaps with 127.0.0.1:4140 of outbound-listen (default); give each its own port",
    ];
    assert_eq!(stderr.lines().count(), expected.len(), "{stderr}");
    for (line, expected) in stderr.lines().zip(expected) {
        assert!(line.starts_with(expected), "{line}\n{expected}");
    }
    assert_eq!(said.code, 2, "a flag is wrong too");
}

#[test]
fn files_that_cannot_be_read() {
    let empty: [(&str, &str); 0] = [];
    for (path, expected) in [
        ("/nonexistent/wayside.toml", "/nonexistent/wayside.toml: cannot be read: No such file"),
        ("/tmp", "/tmp: cannot be read: Is a directory"),
        ("/dev/zero", "/dev/zero: cannot be read: larger than 1048576 bytes"),
    ] {
        for said in
            [wayside(&["check", "--config", path], &empty), wayside(&["run"], &[("WAYSIDE_CONFIG", path)])]
        {
            assert_eq!(said.code, 1, "{said:?}");
            assert_eq!(said.lines().len(), 1, "{said:?}");
            assert!(said.stderr.starts_with(expected), "{said:?}");
        }
    }
    let said = check_file(b"log = 'info'\nforward = '\xff'\n");
    assert_eq!((said.code, said.stderr.as_str()), (1, "FILE:2: not UTF-8\n"));
    let said = wayside(&["run"], &[("WAYSIDE_CONFIG", "")]);
    assert_eq!(said.code, 1);
    assert!(said.stderr.starts_with("WAYSIDE_CONFIG: "), "{said:?}");
}

#[test]
fn a_file_of_many_problems_is_told_soon_and_briefly() {
    let keys: String = (0..50_000).map(|number| format!("k{number} = 1\n")).collect();
    let said = check_file(keys);
    assert_eq!((said.code, said.lines().len()), (1, 201));
    assert!(said.stderr.ends_with(": ... and 49800 more problems\n"), "{:?}", said.lines().last());
}

#[test]
#[cfg(unix)]
fn a_variable_that_is_not_text() {
    use std::os::unix::ffi::OsStrExt;
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_wayside"))
        .arg("check")
        .env_clear()
        .env("WAYSIDE_LOG", std::ffi::OsStr::from_bytes(b"inf\xff"))
        .output()
        .expect("the program starts");
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(stderr.starts_with("WAYSIDE_LOG: ") && stderr.contains("is not UTF-8"), "{stderr}");
}
