//! What the configuration comes to: which source wins, and `wayside check` gives back what it was given.

use std::path::Path;
use std::time::Duration;

use wayside::config::options::OPTIONS;
use wayside::config::{AccessLogFormat, Config, Loaded, Sources, load};

use crate::support::{TempFile, check_file, wayside};

/// For each option three values, and how `check` shows them.
const RIGHT: &[(&str, [(&str, &str); 3])] = &[
    (
        "inbound-listen",
        [
            (":1", "[\"[::]:1\"]"),
            ("off", "\"off\""),
            ("127.0.0.1:0,[::1]:2", "[\"127.0.0.1:0\", \"[::1]:2\"]"),
        ],
    ),
    ("outbound-listen", [("127.0.0.1:1", "[\"127.0.0.1:1\"]"), ("off", "\"off\""), (":3", "[\"[::]:3\"]")]),
    ("admin-listen", [("0.0.0.0:1", "[\"0.0.0.0:1\"]"), ("off", "\"off\""), ("[::1]:0", "[\"[::1]:0\"]")]),
    (
        "forward",
        [
            (":1=db:2", "[\"[::]:1=db:2\"]"),
            ("", "[]"),
            ("inbound::1=1.2.3.4:5", "[\"inbound:[::]:1=1.2.3.4:5\"]"),
        ],
    ),
    (
        "proxy-clients",
        [
            ("127.0.0.1", "[\"127.0.0.1/32\"]"),
            ("", "[]"),
            ("::1/128, 127.1.0.0/16", "[\"::1/128\", \"127.1.0.0/16\"]"),
        ],
    ),
    ("connect-ports", [("443", "\"443\""), ("", "\"\""), ("1-65535", "\"1-65535\"")]),
    ("opaque-ports", [("1", "\"1\""), ("", "\"\""), ("9, 5-7,6-8", "\"5-9\"")]),
    ("skip-inbound-ports", [("1", "\"1\""), ("", "\"\""), ("2,1-1", "\"1-2\"")]),
    ("skip-outbound-ports", [("1", "\"1\""), ("65535", "\"65535\""), ("1-65535", "\"1-65535\"")]),
    ("detect-timeout", [("1s", "\"1s\""), ("0", "\"0\""), ("1500ms", "\"1500ms\"")]),
    ("http-strict", [("true", "true"), ("off", "false"), ("on", "true")]),
    ("http-reuse", [("true", "true"), ("off", "false"), ("on", "true")]),
    ("connect-timeout", [("1s", "\"1s\""), ("0", "\"0\""), ("2m", "\"2m\"")]),
    ("idle-timeout", [("1s", "\"1s\""), ("0ms", "\"0\""), ("8760h", "\"8760h\"")]),
    ("half-close-timeout", [("1s", "\"1s\""), ("0", "\"0\""), ("120s", "\"2m\"")]),
    ("pool-idle-timeout", [("1s", "\"1s\""), ("0", "\"0\""), ("500ms", "\"500ms\"")]),
    ("pool-size", [("1", "1"), ("0", "0"), ("65535", "65535")]),
    ("drain-timeout", [("1s", "\"1s\""), ("0", "\"0\""), ("1m", "\"60s\"")]),
    ("max-connections", [("1", "1"), ("auto", "\"auto\""), ("16777216", "16777216")]),
    ("access-log", [("json", "\"json\""), ("off", "\"off\""), ("apache", "\"apache\"")]),
    ("log", [("debug", "\"debug\""), ("off", "\"off\""), ("info,mio=trace", "\"info,mio=trace\"")]),
    ("workers", [("1", "1"), ("auto", "\"auto\""), ("1024", "1024")]),
    ("pin", [("true", "true"), ("off", "false"), ("on", "true")]),
];

#[test]
fn every_option_from_every_source_and_the_stronger_one_wins() {
    assert_eq!(
        RIGHT.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
        OPTIONS.iter().map(|option| option.name).collect::<Vec<_>>()
    );
    for (option, (name, [in_file, in_env, on_flag])) in OPTIONS.iter().zip(RIGHT) {
        let file = TempFile::new(format!("\n{name} = {:?}\n", in_file.0));
        let path = file.path();
        let env = option.env();
        let flag = format!("--{name}={}", on_flag.0);
        let variables = [("WAYSIDE_CONFIG", path), (env.as_str(), in_env.0)];
        for (said, value, place) in [
            (wayside(&["check", "--config", path], &[]), in_file.1, format!("{path}:2")),
            (wayside(&["check"], &variables), in_env.1, env.clone()),
            (wayside(&["check", &flag], &variables), on_flag.1, format!("--{name}")),
        ] {
            assert_eq!((said.code, said.stderr.as_str()), (0, ""), "{name}: {said:?}");
            let line = format!("{name} = {value}  # {place}");
            assert!(said.stdout.lines().any(|found| found == line), "{line}\n{}", said.stdout);
        }
    }
}

#[test]
fn the_flag_for_the_file_wins_over_the_variable() {
    let (weak, strong) = (TempFile::new("log = 'info'\nidle-timeout = '1s'"), TempFile::new("log = 'debug'"));
    let said = wayside(&["check", "--config", strong.path()], &[("WAYSIDE_CONFIG", weak.path())]);
    assert!(said.stdout.contains("\nlog = \"debug\"  # "), "{said:?}");
    assert!(said.stdout.contains("\nidle-timeout = \"0\"  # default"), "{said:?}");
}

fn loaded(path: Option<&str>, flags: &[(&'static str, &str)]) -> Loaded {
    let flags = flags.iter().map(|&(name, value)| (name, vec![value.to_owned()])).collect();
    load(Sources { config: path.map(Into::into), flags, ..Sources::default() })
        .expect("a right configuration")
}

/// The same configuration, but for the file's name.
fn given_back(loaded: &Loaded) -> Config {
    let file = TempFile::new(loaded.to_toml());
    let mut again = self::loaded(Some(file.path()), &[]).config;
    assert_eq!(again.file.take().as_deref(), Some(Path::new(file.path())));
    again
}

#[test]
fn what_check_prints_gives_the_same_again() {
    let nothing_said = loaded(None, &[]);
    assert_eq!(given_back(&nothing_said), Config::default());
    for index in 0..3 {
        let flags: Vec<_> = RIGHT.iter().map(|(name, values)| (*name, values[index].0)).collect();
        // One at a time: all at once would clash.
        for flag in &flags {
            let said = loaded(None, std::slice::from_ref(flag));
            assert_eq!(given_back(&said), said.config, "{flag:?}");
        }
    }
    let much_said = loaded(
        None,
        &[
            ("inbound-listen", "off"),
            ("admin-listen", ":0"),
            ("forward", ":1=a.b.:2,inbound:[::1]:3=[::1]:4"),
            ("log", "mio=off"),
        ],
    );
    assert_ne!(much_said.config, Config::default());
    assert_eq!(given_back(&much_said), much_said.config);
}

#[test]
fn check_prints_toml_with_every_option() {
    let said =
        check_file("idle-timeout = '1h'\nconnect-timeout = 0\ninbound-listen = ':1'\noutbound-listen=[]\n");
    assert_eq!(said.code, 1, "an empty list is no listener: {said:?}");
    let said = check_file(
        "idle-timeout = '1h'\nconnect-timeout = 0\ninbound-listen = ':1'\noutbound-listen='off'\n",
    );
    assert_eq!(said.code, 0, "{said:?}");
    let table: toml::Table = said.stdout.parse().expect("TOML");
    for option in OPTIONS {
        let is_comment = said.stdout.contains(&format!("# {} = ", option.name));
        assert!(is_comment != table.contains_key(option.name), "{}", option.name);
        assert_eq!(is_comment, option.name == "admin-listen", "{}", option.name);
    }
}

#[test]
fn values_arrive_in_the_configuration() {
    let config =
        loaded(None, &[("connect-timeout", "7s"), ("max-connections", "9"), ("inbound-listen", "off")])
            .config;
    assert_eq!(config.inbound_connect_timeout, Duration::from_secs(7));
    assert_eq!(config.outbound_connect_timeout, Duration::from_secs(7));
    assert_eq!(config.max_connections, Some(9));
    assert!(config.inbound.addrs.is_empty() && !config.inbound.by_default);
    assert!(config.outbound.by_default && config.admin.by_default);
    assert!(!config.http_strict && config.access_log == AccessLogFormat::Off);
    let config = loaded(None, &[("http-strict", "true"), ("access-log", "json")]).config;
    assert!(config.http_strict && config.access_log == AccessLogFormat::Json);
    let config = loaded(None, &[]).config;
    assert_eq!(config.inbound_connect_timeout, Duration::from_millis(300));
    assert_eq!(config.outbound_connect_timeout, Duration::from_secs(1));
}

#[test]
fn reuse_turns_strictness_on() {
    for flags in [&[("http-reuse", "true")][..], &[("http-strict", "false"), ("http-reuse", "on")]] {
        let loaded = loaded(None, flags);
        assert!(loaded.config.http_reuse && loaded.config.http_strict, "{flags:?}");
        assert!(loaded.to_toml().contains("\nhttp-strict = true  # --http-reuse\n"), "{}", loaded.to_toml());
        assert_eq!(given_back(&loaded), loaded.config);
    }
    let strict = loaded(None, &[("http-strict", "true"), ("http-reuse", "true")]);
    assert!(strict.to_toml().contains("\nhttp-strict = true  # --http-strict\n"));
}

#[test]
fn others_may_use_the_proxy_where_it_is_said_how_far() {
    let config = loaded(None, &[("proxy-clients", "10.0.0.0/8"), ("connect-ports", "443")]).config;
    assert!(config.proxy_clients.contains("::ffff:10.1.2.3".parse().expect("an address")));
    assert!(config.connect_ports.contains(443) && !config.connect_ports.contains(22));
    let default = Config::default();
    assert!(default.proxy_clients.contains("127.0.0.2".parse().expect("an address")));
    assert!(!default.proxy_clients.contains("10.1.2.3".parse().expect("an address")));
}

#[test]
fn rust_log_counts_where_we_are_told_nothing_ourselves() {
    let file = TempFile::new("log = 'error'");
    for (arguments, variables, line) in [
        (vec!["check"], vec![("RUST_LOG", "debug")], "log = \"debug\"  # RUST_LOG"),
        (vec!["check", "--config", file.path()], vec![("RUST_LOG", "debug")], "log = \"debug\"  # RUST_LOG"),
        (
            vec!["check"],
            vec![("RUST_LOG", "debug"), ("WAYSIDE_LOG", "info")],
            "log = \"info\"  # WAYSIDE_LOG",
        ),
        (vec!["check", "--log=off"], vec![("RUST_LOG", "debug")], "log = \"off\"  # --log"),
    ] {
        let said = wayside(&arguments, &variables);
        assert_eq!((said.code, said.stderr.as_str()), (0, ""));
        assert!(said.stdout.lines().any(|found| found == line), "{line}\n{}", said.stdout);
    }
    let said = wayside(&["check"], &[("RUST_LOG", "other_program")]);
    assert_eq!(said.code, 0);
    assert!(said.stderr.starts_with("warning: RUST_LOG: \"other_program\" is left aside; "), "{said:?}");
    assert!(said.stdout.contains("\nlog = \"warn\"  # default\n"), "{said:?}");
}

#[test]
fn kubernetes_may_have_a_service_of_our_name() {
    let variables = [
        ("WAYSIDE_SERVICE_HOST", "10.0.0.1"),
        ("WAYSIDE_PORT_80_TCP_ADDR", "10.0.0.1"),
        ("WAYSIDE_PORT", "tcp://10.0.0.1:80"),
    ];
    let said = wayside(&["check"], &variables);
    assert_eq!((said.code, said.stderr.as_str()), (0, ""));
}
