//! `scripts/compare`, in its smallest form: what it writes can be read, and nothing of it is left running.

mod support;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use support::programs::{example, run};
use support::*;

/// How the script says that this machine cannot do it.
const NOT_HERE: i32 = 77;

/// A run with a folder of its own, by which its processes are known.
struct Compare {
    folder: TempDir,
}

impl Compare {
    fn new() -> Self {
        Compare { folder: TempDir::new() }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("python3");
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/compare")).arg("--no-install");
        command.args(["--peers", "haproxy,nginx", "--out"]).arg(self.folder.path()).args(arguments);
        command.env("WAYSIDE", program()).env("WAYSIDE_LOAD", example("load"));
        command.env("TMPDIR", self.folder.path()).stdin(Stdio::null());
        command
    }

    /// Processes of this run: they have its folder in their environment, or as nginx in their command.
    fn running(&self) -> Vec<String> {
        let folder = self.folder.path().as_os_str().as_encoded_bytes();
        let processes = std::fs::read_dir("/proc").expect("/proc").flatten().map(|process| process.path());
        let names = |process: &Path, file: &str| {
            let text = std::fs::read(process.join(file)).unwrap_or_default();
            text.windows(folder.len()).any(|part| part == folder)
        };
        let ours = processes.filter(|process| names(process, "environ") || names(process, "cmdline"));
        ours.map(|process| std::fs::read_to_string(process.join("comm")).unwrap_or_default()).collect()
    }

    fn file(&self, end: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(format!("compare.{end}"))).expect("a file")
    }
}

#[test]
fn a_tiny_comparison_is_whole() {
    if have("python3").is_none() {
        skipped!("no python3");
    }
    let compare = Compare::new();
    let loads = "tcp-kept,http-new-reuse,start";
    let output = compare.command(&["--loads", loads, "--rounds", "1", "--seconds", "0.05"]).output();
    let output = output.expect("to start the script");
    let (table, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.code() == Some(NOT_HERE) {
        skipped!("{}", said.lines().last().unwrap_or_default());
    }
    assert!(output.status.success(), "{table}{said}");
    assert_eq!(compare.running(), Vec::<String>::new());

    let json: tinyjson::JsonValue = compare.file("json").parse().expect("JSON");
    let results: &Vec<_> = json["loads"].get().expect("loads");
    assert_eq!(results.len(), 3);
    for result in results {
        let rows: &Vec<tinyjson::JsonValue> = result["rows"].get().expect("rows");
        let is_ours =
            |row: &&tinyjson::JsonValue| row["peer"].get::<String>().is_some_and(|peer| peer == "wayside");
        let ours = rows.iter().find(is_ours).expect("a row of wayside");
        let cost: f64 = *ours["figures"]["cost"]["median"].get().expect("a cost");
        assert!(cost > 0.1, "{cost}");
    }
    let markdown = compare.file("md");
    let columns: Vec<usize> = markdown
        .lines()
        .skip_while(|line| !line.starts_with("| load"))
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.matches(" |").count())
        .collect();
    assert!(columns.len() > 5 && columns.iter().all(|&count| count == 10), "{columns:?}\n{markdown}");
    // Python's own parser of XML: every element is closed, every text escaped.
    assert!(is_xml(&compare.folder.path().join("compare.svg")), "{}", compare.file("svg"));
    assert!(compare.file("svg").contains(">wayside</text>"));
}

fn is_xml(path: &Path) -> bool {
    let parse = "import sys, xml.dom.minidom; xml.dom.minidom.parse(sys.argv[1])";
    Command::new("python3").args(["-c", parse]).arg(path).status().is_ok_and(|status| status.success())
}

#[test]
fn its_parts_do_what_they_are_to() {
    if have("python3").is_none() {
        skipped!("no python3");
    }
    let parts = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/compare");
    let output = run(Command::new("python3").args(["-B", "-m", "unittest", "discover", "-s", parts]), b"");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("\nRan ") && !said.contains("\nRan 0 "), "{said}");
}

#[test]
fn configurations_that_do_something_else_are_seen() {
    if have("python3").is_none() {
        skipped!("no python3");
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/compare/planted.py");
    let output = run(Command::new("python3").arg(script).env("WAYSIDE_LOAD", example("load")), b"");
    let (table, said) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.code() == Some(NOT_HERE) {
        skipped!("{}", said.lines().last().unwrap_or_default());
    }
    assert!(output.status.success() && table.starts_with("seen "), "{table}{said}");
}

#[test]
fn ctrl_c_leaves_nothing_running() {
    leaves_nothing(Signal::INT, 130);
}

#[test]
fn a_terminal_that_goes_leaves_nothing_running() {
    leaves_nothing(Signal::HUP, 129);
}

fn leaves_nothing(signal: Signal, code: i32) {
    if have("python3").is_none() {
        skipped!("no python3");
    }
    let compare = Compare::new();
    if have("haproxy").is_none() {
        skipped!("no haproxy");
    }
    // There HAProxy waits for ten seconds.
    let mut command = compare.command(&["--loads", "greeting", "--rounds", "1"]);
    let mut script: Child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the script");
    let mut said = BufReader::new(script.stderr.take().expect("its stderr")).lines().map_while(Result::ok);
    let begun = said.find(|line| line.starts_with("greeting:") || line.contains("scripts/compare:"));
    if begun.as_ref().is_none_or(|line| line.starts_with("skipped")) {
        let status = script.wait().expect("its end");
        assert_eq!(status.code(), Some(NOT_HERE), "{begun:?}");
        skipped!("{begun:?}");
    }
    let runs = || compare.running().iter().any(|name| name.trim() == "haproxy");
    eventually("HAProxy runs", Duration::from_secs(30), runs);
    let pid = rustix::process::Pid::from_child(&script);
    rustix::process::kill_process(pid, signal).expect("to be told");
    assert_eq!(script.wait().expect("its end").code(), Some(code));
    assert_eq!(compare.running(), Vec::<String>::new());
    // Those of its runs are folders for a time, below TMPDIR.
    let left =
        std::fs::read_dir(compare.folder.path()).expect("a folder").flatten().map(|entry| entry.path());
    assert_eq!(left.filter(|path| path.is_dir()).collect::<Vec<_>>(), Vec::<PathBuf>::new());
}
