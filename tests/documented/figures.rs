//! The figures of docs/security.md are those of the code, and the rules that docs/operating.md explains those that are printed.

use std::collections::BTreeSet;

use crate::read::root;
use crate::support::run_to_end;
use wayside::worker::room::Room;

/// What the document says, and the line of the code that makes it true.
const FIGURES: &[(&str, &str, &str)] = &[
    ("served in it, 8 to 64 |", "src/worker/accept.rs", "MOST: usize = 64;"),
    ("RLIMIT_NOFILE − 64 − 2 a pipe − 1 a kept connection", "src/worker/room.rs", "RESERVE: usize = 64;"),
    ("accepting pauses for 100 ms", "src/worker/accept.rs", "PAUSE: Duration = Duration::from_millis(100);"),
    ("one for 32 descriptors, 512 at most", "src/worker/room.rs", "DESCRIPTORS_PER_PIPE: usize = 32;"),
    ("one for 32 descriptors, 512 at most", "src/worker/room.rs", "MOST_PIPES: usize = 512;"),
    ("one for 8 descriptors, 4,096 at most", "src/worker/room.rs", "DESCRIPTORS_PER_IDLE: usize = 8;"),
    ("one for 8 descriptors, 4,096 at most", "src/worker/room.rs", "MOST_IDLE: usize = 4096;"),
    ("each listener | 4,096, or", "src/sys/socket.rs", "BACKLOG: i32 = 4096;"),
    (
        "| 8 and one in 10 ms; 8,192 for 10 s",
        "src/base/dials.rs",
        "EACH: Duration = Duration::from_millis(10);",
    ),
    ("| 8 and one in 10 ms; 8,192 for 10 s", "src/base/dials.rs", "BURST: u32 = 8;"),
    ("| 8 and one in 10 ms; 8,192 for 10 s", "src/base/dials.rs", "MOST: usize = 8192;"),
    (
        "| 8 and one in 10 ms; 8,192 for 10 s",
        "src/base/dials.rs",
        "ALARM: Duration = Duration::from_secs(10);",
    ),
    ("a peer that vanished | 30 s", "src/sys/socket.rs", "USER_TIMEOUT: Duration = Duration::from_secs(30);"),
    (
        "until it says what it speaks | 1 s |",
        "src/flow/refuse.rs",
        "FIRST_BYTES: Duration = Duration::from_secs(1);",
    ),
    (
        "behind its answer | 2 s, 1 MiB |",
        "src/flow/refuse.rs",
        "FAREWELL: Duration = Duration::from_secs(2);",
    ),
    ("behind its answer | 2 s, 1 MiB |", "src/flow/refuse.rs", "FAREWELL_BYTES: usize = 1 << 20;"),
    ("64 KiB, 256 KiB through a pipe", "src/base/buffers.rs", "READ_SIZE: usize = 64 * 1024;"),
    ("64 KiB, 256 KiB through a pipe", "src/sys/pipe.rs", "SIZE: usize = 256 * 1024;"),
    ("waiting in all lanes | 64 MiB", "src/sys/limits.rs", "MOST: usize = 64 << 20;"),
    ("a head, a first line or early data of 64 KiB", "src/wire/h1.rs", "MAX_HEAD: usize = 64 * 1024;"),
    ("a head, a first line or early data of 64 KiB", "src/wire/h1.rs", "MAX_EARLY: usize = 64 * 1024;"),
    ("before the server has answered | 64 KiB |", "src/wire/lines.rs", "MAX_LINES: usize = 64 * 1024;"),
    ("a request line, a ClientHello | 64 KiB |", "src/wire/request_line.rs", "MAX_LINE: u32 = 64 * 1024;"),
    ("a request line, a ClientHello | 64 KiB |", "src/wire/tls.rs", "MAX_HELLO: usize = 64 * 1024;"),
    ("kept of each side for a name | 512 bytes |", "src/wire/head.rs", "WINDOW: usize = 512;"),
    ("more than 64 KiB of it", "src/wire/h2/bounds.rs", "TABLE: u32 = 64 << 10;"),
    ("CONTINUATION | 64 KiB", "src/wire/h2/bounds.rs", "BLOCK: usize = 64 << 10;"),
    ("decoding stops at 256 KiB", "src/wire/h2/bounds.rs", "LIST: usize = 256 << 10;"),
    ("3 KiB for each of 4,096 exchanges", "src/wire/h2/bounds.rs", "STREAMS: usize = 4096;"),
    ("not answered | 4,096, then blind", "src/wire/h1/exchange.rs", "MAX_OPEN: usize = 4096;"),
    ("| 1,024, 256, 256, 8,192;", "src/metrics.rs", "targets: 1024,"),
    ("| 1,024, 256, 256, 8,192;", "src/metrics.rs", "series: 8192,"),
    ("an ALPN list | 1,024 |", "src/metrics.rs", "chosen: 1024,"),
    ("| 1,024, 2,048 and one a target, 8,192, 64;", "src/metrics.rs", "authorities: 1024,"),
    ("| 1,024, 2,048 and one a target, 8,192, 64;", "src/metrics.rs", "http: 2048,"),
    ("| 1,024, 2,048 and one a target, 8,192, 64;", "src/metrics.rs", "outcomes: 8192,"),
    ("| 1,024, 2,048 and one a target, 8,192, 64;", "src/metrics/http.rs", "OUTCOMES: usize = 64;"),
    ("a label value | 255 bytes", "src/metrics/labels.rs", "LONGEST: usize = 255;"),
    ("32 connections, heads of 8 KiB", "src/admin.rs", "MAX_CLIENTS: usize = 32;"),
    ("heads of 8 KiB and 64 fields in 10 s", "src/admin/request.rs", "MAX_HEAD: usize = 8 * 1024;"),
    ("heads of 8 KiB and 64 fields in 10 s", "src/admin/request.rs", "MAX_FIELDS: usize = 64;"),
    (
        "heads of 8 KiB and 64 fields in 10 s",
        "src/admin/client.rs",
        "HEAD_TIMEOUT: Duration = Duration::from_secs(10);",
    ),
    ("120 s between requests", "src/admin/client.rs", "KEEP_TIMEOUT: Duration = Duration::from_secs(120);"),
    ("30 s for an answer", "src/admin/client.rs", "STALL_TIMEOUT: Duration = Duration::from_secs(30);"),
    ("16 KiB made a turn", "src/admin.rs", "TURN_BYTES: usize = 16 * 1024;"),
    ("32 lookups at once, 60 s each", "src/resolve/running.rs", "MOST_LOOKUPS: usize = 32;"),
    ("24 of 32 at once, 1,024 kept", "src/resolve/running.rs", "MOST_GUEST_LOOKUPS: usize = 24;"),
    ("24 of 32 at once, 1,024 kept", "src/resolve/names.rs", "MOST_GUESTS: usize = 1024;"),
    (
        "32 lookups at once, 60 s each",
        "src/resolve/lookup.rs",
        "LONGEST: Duration = Duration::from_secs(60);",
    ),
    ("16 addresses a name", "src/resolve/message.rs", "MOST_ADDRESSES: usize = 16;"),
    ("8 aliases, 256 records", "src/resolve/message.rs", "MOST_ALIASES: usize = 8;"),
    ("8 aliases, 256 records", "src/resolve/message.rs", "MOST_RECORDS: usize = 256;"),
    ("4,096 bytes over UDP", "src/resolve/socket.rs", "LARGEST_DATAGRAM: usize = 4096;"),
    ("32 foreign replies", "src/resolve/query.rs", "MOST_FOREIGN: u32 = 32;"),
    ("2,048 bytes of a target, 256 of each other field", "src/access_log/line.rs", "TARGET: usize = 2048;"),
    ("2,048 bytes of a target, 256 of each other field", "src/access_log/line.rs", "FIELD: usize = 256;"),
    ("256 KiB of lines waiting", "src/access_log.rs", "BUFFER: usize = 256 * 1024;"),
    ("a line of 4,096 bytes, then cut", "src/sys/stderr.rs", "LINE: usize = 4096;"),
    ("up to 8 addresses", "src/flow/steer/seek.rs", "MOST_TRIED: usize = 8;"),
    ("held until its route is known | 256 KiB", "src/flow/steer/greet.rs", "MOST_HELD: usize = 256 * 1024;"),
    (
        "a name it must wait for | 15 s",
        "src/flow/steer/seek.rs",
        "NAME_PATIENCE: Duration = Duration::from_secs(15);",
    ),
    ("addresses of a set | 256 |", "src/balance.rs", "MOST_ENDPOINTS: usize = 256;"),
    ("whose server speaks first | 1,024, each for", "src/worker/start.rs", "SERVER_FIRST: usize = 1024;"),
    (
        "each for 10 minutes",
        "src/worker/start.rs",
        "SERVER_FIRST_LASTS: Duration = Duration::from_secs(600);",
    ),
    ("a configuration file | 1 MiB", "src/config/file.rs", "LARGEST: u64 = 1 << 20;"),
    ("1,024 routes, 256 backend sets", "src/config/routes.rs", "MOST_ROUTES: usize = 1024;"),
    ("1,024 routes, 256 backend sets", "src/config/routes.rs", "MOST_BACKENDS: usize = 256;"),
    ("nested 128 deep", "src/commands/inject/tree.rs", "DEEPEST: usize = 128;"),
];

#[test]
fn the_bounds_are_those_of_the_code() {
    let read = |path: &str| {
        std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    };
    let document = read("docs/security.md");
    let mut wrong = BTreeSet::new();
    for (said, path, line) in FIGURES {
        if !document.contains(said) {
            wrong.insert(format!("docs/security.md does not say {said:?}"));
        }
        if !read(path).contains(line) {
            wrong.insert(format!("{path} does not say {line:?}, which docs/security.md tells as {said:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_connections_that_a_limit_carries_are_those_of_the_code() {
    let document = std::fs::read_to_string(root().join("docs/operating.md")).expect("a document");
    let (_, table) = document.split_once("| hard limit | connections |\n|---|---|\n").expect("the table");
    let number = |text: &str| text.trim().replace(',', "").parse::<usize>().expect("a number");
    let rows: Vec<_> = table
        .lines()
        .map_while(|line| line.strip_prefix("| ")?.strip_suffix(" |")?.split_once(" | "))
        .map(|(limit, connections)| (number(limit), number(connections)))
        .collect();
    assert!(rows.len() >= 4, "{rows:?}");
    for (limit, connections) in rows {
        assert_eq!(Room::of(limit).connections, connections, "of {limit} descriptors");
    }
}

/// A host whose rules outlive its wayside is cut off.
#[test]
fn the_drop_in_takes_its_rules_away_again() {
    let document = std::fs::read_to_string(root().join("docs/operating.md")).expect("a document");
    let blocks = document.split("```ini\n").skip(1).filter_map(|rest| rest.split("```").next());
    let drop_in = blocks.filter(|block| block.contains("wayside init")).collect::<Vec<_>>().concat();
    for line in [
        "ExecStartPre=+/usr/local/bin/wayside init --skip-inbound-ports 22\n",
        "ExecStopPost=+/usr/local/bin/wayside init --delete\n",
    ] {
        assert_eq!(drop_in.matches(line).count(), 1, "{line:?} in {drop_in:?}");
    }
}

/// Whether a rule redirects, returns, or names a chain: without comments, and with single spaces.
fn rule(line: &str) -> String {
    let line = line.split(" comment ").next().expect("a rule");
    let line = line.split("  #").next().expect("a rule");
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_rules_that_are_explained_are_those_that_are_printed() {
    let document = std::fs::read_to_string(root().join("docs/operating.md")).expect("a document");
    let (_, block) = document.split_once("```text\nchain inbound {").expect("the rules");
    let block = block.split("```").next().expect("its end");
    let (inbound, outbound) = block.split_once("chain outbound {").expect("two chains");
    let explained = |chain: &str| -> Vec<String> {
        let rules = chain.lines().skip(1).map(rule).filter(|rule| !["", "}"].contains(&rule.as_str()));
        rules.collect()
    };
    let flags = ["init", "--print", "--skip-inbound-ports", "22", "--skip-outbound-subnets", "10.0.0.0/8"];
    let printed = run_to_end(&flags, &[]).stdout;
    for (name, chain) in [("inbound", inbound), ("outbound", outbound)] {
        let begin = format!("add rule inet wayside {name} ");
        let rules: Vec<String> =
            printed.lines().filter_map(|line| line.strip_prefix(&begin)).map(rule).collect();
        assert!(rules.len() > 4, "{printed}");
        assert_eq!(explained(chain), rules, "{name}");
        let (_, kind) = chain.lines().next().expect("a line").split_once("# ").expect("its kind");
        assert!(printed.contains(&format!("inet wayside {name} {{ {kind};")), "{kind}");
    }
}
