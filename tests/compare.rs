//! `scripts/compare`, in its smallest form: what it writes can be read, and nothing of it is left running.

mod support;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use support::*;

/// How the script says that this machine cannot do it.
const NOT_HERE: i32 = 77;
/// In the environment of the script, and so of all that it starts.
const MARK: &str = "WAYSIDE_COMPARE_TEST";

/// A run with a mark of its own.
struct Compare {
    folder: TempDir,
    mark: String,
}

impl Compare {
    fn new() -> Self {
        let folder = TempDir::new();
        let mark = format!("{MARK}={}", folder.path().display());
        Compare { folder, mark }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("python3");
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/compare")).arg("--no-install");
        command.args(["--peers", "haproxy,nginx", "--out"]).arg(self.folder.path()).args(arguments);
        command.env("WAYSIDE", program()).env("WAYSIDE_LOAD", example("load"));
        command.env(MARK, self.folder.path()).stdin(Stdio::null());
        command
    }

    /// Processes of this run.
    fn running(&self) -> Vec<String> {
        let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
        let ours = processes.filter(|process| {
            let environment = std::fs::read(process.path().join("environ")).unwrap_or_default();
            environment.split(|&byte| byte == 0).any(|variable| variable == self.mark.as_bytes())
        });
        ours.map(|process| std::fs::read_to_string(process.path().join("comm")).unwrap_or_default()).collect()
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
fn ctrl_c_leaves_nothing_running() {
    if have("python3").is_none() {
        skipped!("no python3");
    }
    let compare = Compare::new();
    let mut command = compare.command(&["--loads", "tcp-kept", "--seconds", "60"]);
    let mut script: Child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the script");
    let mut said = BufReader::new(script.stderr.take().expect("its stderr")).lines().map_while(Result::ok);
    let begun = said.find(|line| line.starts_with("tcp-kept:") || line.contains("scripts/compare:"));
    if begun.as_ref().is_none_or(|line| line.starts_with("skipped")) {
        let status = script.wait().expect("its end");
        assert_eq!(status.code(), Some(NOT_HERE), "{begun:?}");
        skipped!("{begun:?}");
    }
    // The script, the servers and the load.
    let wide = Duration::from_secs(30);
    eventually("a load runs", wide, || {
        compare.running().iter().filter(|name| name.trim() == "load").count() == 2
    });
    let pid = rustix::process::Pid::from_child(&script);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("to be told");
    assert_eq!(script.wait().expect("its end").code(), Some(130));
    assert_eq!(compare.running(), Vec::<String>::new());
}
