//! The commands that are run here, word for word, and what must have come of it.

use std::process::Command;

use crate::read::{first_file, root, sessions};
use crate::scene::{lacks, play};
use crate::support::*;

/// A command as documents show it, and a script in which `@` stands for it.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) command: &'static str,
    script: &'static str,
}

const fn run(command: &'static str, script: &'static str) -> Run {
    Run { command, script }
}

pub(crate) const COMMANDS: &[Run] = &[
    // In front of one server.
    run(
        "cargo run --release -- run --forward 127.0.0.1:8080=127.0.0.1:80",
        "serve 127.0.0.1 80
         @ >run.log 2>&1 &
         until_true grep -qx 'wayside: ready' run.log
         [[ $(fetch http://127.0.0.1:8080/) == 'hello from the server' ]]",
    ),
    run(
        "wayside run --workers 2 --forward 127.0.0.1:8080=127.0.0.1:80",
        "serve 127.0.0.1 80
         @ >run.log 2>&1 &
         until_true grep -qx 'wayside: ready' run.log
         [[ $(fetch http://127.0.0.1:8080/) == 'hello from the server' ]]
         fetch http://127.0.0.1:4191/metrics | has -x 'wayside_workers{state=\"ready\"} 2'",
    ),
    run(
        "wayside run --forward 127.0.0.1:8080=db.example.com:80 -- ./job --its-own flags",
        "serve 192.0.2.80 80
         printf '%s\n' '#!/bin/sh' 'echo \"$*\" >words' 'curl -sS http://127.0.0.1:8080/ >answer' 'exit 7' >job
         chmod 755 job
         code=0
         @ || code=$?
         [[ $code == 7 && $(<words) == '--its-own flags' && $(<answer) == 'hello from the server' ]]",
    ),
    // Redirection.
    run(
        "wayside init --skip-inbound-ports 22",
        "@
         nft list table inet wayside | has 'tcp dport 22 return'
         nft list table inet wayside | has 'meta skuid 2102 return'",
    ),
    run(
        "wayside init --skip-inbound-ports 22 --skip-outbound-subnets 10.0.0.0/8",
        "@
         nft list table inet wayside | has 'ip daddr 10.0.0.0/8 return'",
    ),
    run(
        "wayside init --print",
        "@ >rules
         [[ -z $(nft list ruleset) ]]
         nft -f rules
         nft list table inet wayside | has 'redirect to :4140'",
    ),
    run(
        "wayside init --delete",
        "wayside init --skip-inbound-ports 22
         @
         [[ -z $(nft list ruleset) ]]",
    ),
    // The HTTP proxy.
    run(
        "curl -x http://127.0.0.1:4140 http://example.com/",
        "serve 192.0.2.80 80
         run
         [[ $(@) == 'hello from the server' ]]",
    ),
    run(
        "export http_proxy=http://127.0.0.1:4140 https_proxy=http://127.0.0.1:4140",
        "serve 192.0.2.80 80
         run
         @
         [[ $(curl -sS http://example.com/) == 'hello from the server' ]]
         fetch http://127.0.0.1:4191/metrics | has '^request_total{.*authority=\"example.com\"'",
    ),
    // The admin port.
    run(
        "curl -s http://127.0.0.1:4191/metrics",
        "run
         @ | has '^wayside_build_info'",
    ),
    run(
        "curl -s http://127.0.0.1:4191/connections | grep '\"protocol\":\"mysql\"'",
        "python3 -c '
import socket
listener = socket.create_server((\"127.0.0.1\", 3306))
peers = []
while True:
    peers.append(listener.accept()[0])
    peers[-1].sendall(b\"\\x0a\\0\\0\\0\\x0a8.0.36\\0\\0\\0\\0\\0\")
' &
         until_true listens 127.0.0.1 3306
         run --forward 127.0.0.1:8306=127.0.0.1:3306
         exec 3<>/dev/tcp/127.0.0.1/8306
         seen() { @; }
         until_true seen",
    ),
    // Doctor.
    run(
        "wayside doctor",
        "run
         wayside init --skip-inbound-ports 22
         @ | has '^0 wrong'",
    ),
    run(
        "wayside doctor --json",
        "@ >found || [[ $? == 1 ]]
         python3 -c 'import json; print(json.load(open(\"found\"))[\"checks\"])'",
    ),
    run(
        "wayside doctor --ready",
        "if @; then exit 1; fi
         run
         @",
    ),
    // Kubernetes.
    run(
        "wayside inject deployment.yml --skip-outbound-ports=4406 | kubectl apply -f -",
        "@
         has 'name: wayside-proxy' applied.yml
         has '4406' applied.yml",
    ),
    run(
        "kubectl get deployment web -o yaml | wayside inject - | kubectl apply -f -",
        "@
         has 'name: wayside-proxy' applied.yml
         has '# the application' applied.yml",
    ),
    run("wayside inject deployment.yml | wayside uninject | diff - deployment.yml", "@"),
    run(
        "kubectl get deployment web -o yaml | wayside uninject | wayside inject --image=registry/wayside:0.2.0 | kubectl apply -f -",
        "wayside inject deployment.yml >old
         mv old deployment.yml
         @
         [[ $(grep -c 'image: .*registry/wayside:0.2.0' applied.yml) == 2 ]]",
    ),
    // Routes.
    run(
        "wayside check --config wayside.conf --explain 'GET http://api.example.com/v1/users'",
        "@ | has 'backend \"api\"'",
    ),
    run(
        "wayside check --config examples/routes.toml --explain 'GET http://api.example.com/v1/users'",
        "@ | has 'route \"api\"'",
    ),
    run(
        "wayside run --config examples/routes.toml",
        "serve 127.0.0.1 8081
         @ >run.log 2>&1 &
         until_true grep -qx 'wayside: ready' run.log
         [[ $(fetch http://127.0.0.1:8080/) == 'hello from the server' ]]",
    ),
];

#[test]
fn they_do_what_the_documents_say() {
    if let Some(why) = lacks() {
        skipped!("{why}");
    }
    let config = first_file("docs/routing.md");
    // Two at a time: each takes most of its time for starting something.
    std::thread::scope(|scope| {
        for half in COMMANDS.chunks(COMMANDS.len().div_ceil(2)) {
            let config = &config;
            scope.spawn(move || {
                for run in half {
                    play(&run.script.replace('@', run.command), config);
                }
            });
        }
    });
}

#[test]
fn a_command_that_fails_is_seen() {
    if let Some(why) = lacks() {
        skipped!("{why}");
    }
    for bad in
        ["wayside doctor --no-such-flag", "false | cat", "kubectl get pods", "fetch http://127.0.0.1:4191/"]
    {
        assert!(std::panic::catch_unwind(|| play(bad, "")).is_err(), "{bad}");
    }
}

/// Whether `said` is what the document shows, where `...` stands for any lines.
fn is_as_shown(shown: &[String], said: &[&str]) -> bool {
    match shown.split_first() {
        None => said.is_empty(),
        Some((line, rest)) if line == "..." => {
            (0..=said.len()).any(|skipped| is_as_shown(rest, &said[skipped..]))
        }
        Some((line, rest)) => said.first() == Some(&line.as_str()) && is_as_shown(rest, &said[1..]),
    }
}

#[test]
fn sessions_print_what_the_documents_show() {
    if let Some(why) = lacks() {
        skipped!("{why}");
    }
    let sessions = sessions();
    assert!(sessions.len() >= 2, "{sessions:?}");
    for session in sessions {
        let (command, shown) = session.lines.split_first().expect("a command");
        assert!(!shown.iter().any(|line| line.starts_with("$ ")), "{}: one command a block", session.place);
        let said = play(command.strip_prefix("$ ").expect("a prompt"), &session.file);
        let said: Vec<&str> = said.lines().collect();
        assert!(is_as_shown(shown, &said), "{}: {said:#?}", session.place);
    }
    let shown = ["...", "b", "..."].map(str::to_owned);
    assert!(is_as_shown(&shown, &["a", "b"]) && !is_as_shown(&shown, &["a", "c"]));
}

#[test]
fn the_lab_opens() {
    if let Some(why) = lacks() {
        skipped!("{why}");
    }
    let script = "until curl -s http://10.77.1.2:8000/ >/dev/null; do sleep 0.1; done\n\
                  curl -s http://127.0.0.1:4191/metrics | grep '^tcp_open_total.*10.77.1.2:8000'\nexit\n";
    let said = programs::text(&mut Command::new(root().join("scripts/lab")), script);
    assert!(
        said.contains("tcp_open_total{direction=\"outbound\",peer=\"dst\",target_addr=\"10.77.1.2:8000\""),
        "{said}"
    );
}
