//! A host on which `wayside init` is run, by each backend that is installed.

use crate::support::*;

/// As `--backend` has them, and a program of each.
const BACKENDS: [(&str, &str); 3] = [
    ("nft", "nft"),
    ("iptables-nft", "iptables-nft-restore"),
    ("iptables-legacy", "iptables-legacy-restore"),
];

/// Those that are installed.
pub(crate) fn backends() -> Vec<&'static str> {
    let mut found = Vec::new();
    for (backend, program) in BACKENDS {
        match have(program) {
            Some(_) => found.push(backend),
            None => say_skipped("init", &format!("no {program}")),
        }
    }
    found
}

/// `wayside init ARGS` on this host.
pub(crate) fn try_init(host: &Host, args: &[&str]) -> Ended {
    let args: Vec<&str> = ["init"].iter().chain(args).copied().collect();
    run_through(&host.wrapper(), &args, &[])
}

/// The same; it must succeed. What it said on stdout.
#[track_caller]
pub(crate) fn init(host: &Host, args: &[&str]) -> String {
    let ended = try_init(host, args);
    assert_eq!((ended.code, &*ended.stderr), (Some(0), ""), "{args:?}: {}", ended.stdout);
    ended.stdout
}

/// What this command says on this host.
#[track_caller]
pub(crate) fn output(host: &Host, command: &str) -> String {
    output_of(host, &command.split(' ').collect::<Vec<_>>())
}

/// The same of a command as words.
#[track_caller]
pub(crate) fn output_of(host: &Host, command: &[&str]) -> String {
    let [ip, words @ ..] = host.wrapper();
    let mut ip = std::process::Command::new(ip);
    programs::text(ip.args(words).args(command), "")
}

/// All rules of both families, in every packet filter that is installed.
pub(crate) fn rules(host: &Host) -> String {
    let mut all = String::new();
    for command in [
        "nft -s list ruleset",
        "iptables-nft-save -t nat",
        "ip6tables-nft-save -t nat",
        "iptables-legacy-save -t nat",
        "ip6tables-legacy-save -t nat",
    ] {
        let program = command.split(' ').next().expect("a program");
        if have(program).is_some() {
            let said = output(host, command);
            // The time of day, and how many packets passed.
            let kept = said.lines().filter(|line| !line.starts_with('#'));
            let kept = kept.map(|line| line.split(" [").next().unwrap_or(line));
            all.push_str(&format!("{program}:\n{}\n", kept.collect::<Vec<_>>().join("\n")));
        }
    }
    all
}
