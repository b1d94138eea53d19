//! What other programs read in it: two YAML parsers, Kubernetes' schemas, kubectl.

use super::support::{TempDir, have};
use super::*;
use crate::support::skipped;

/// The Python of `scripts/test`, which has all that is needed, or the system's.
fn python() -> Option<PathBuf> {
    let own: PathBuf = [env!("CARGO_MANIFEST_DIR"), "target/python/bin/python"].iter().collect();
    if own.exists() { Some(own) } else { have("python3") }
}

/// Whether a program of this name answers to `argument`.
fn runs(program: &str, argument: &str) -> bool {
    Command::new(program).arg(argument).output().is_ok_and(|output| output.status.success())
}

#[test]
fn to_others_it_means_the_same_but_for_what_is_added() {
    let Some(python) = python() else { skipped!("no python3 here") };
    let dir = TempDir::new();
    let mut arguments = Vec::new();
    let mut add = |source: &str, name: String, text: String, versions: &str| {
        arguments.push(folder("manifests").join(source));
        arguments.extend([dir.file(&name, text), PathBuf::from(versions)]);
    };
    for (name, text) in manifests() {
        // Native sidecars are known from 1.28 on; 1.25 is the oldest whose schemas are to be had.
        let (native, _) = fine(&["inject"], &text);
        let (classic, _) = fine(&["inject", "--classic-sidecar"], &text);
        let (undone, _) = fine(&["uninject"], native.as_bytes());
        add(&name, format!("native-{name}"), native, "1.28,1.31,1.37");
        let oldest = if name == "native-sidecar.yml" { "1.28,1.31" } else { "1.25,1.31" };
        add(&name, format!("classic-{name}"), classic, oldest);
        add(&name, format!("undone-{name}"), undone, "-");
    }
    let output =
        Command::new(python).arg(folder("meaning.py")).args(arguments).output().expect("to start it");
    let [found, said] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8"));
    let (missing, wrong): (Vec<&str>, Vec<&str>) =
        found.lines().partition(|line| line.starts_with("skipped: "));
    assert!(output.status.success() && wrong.is_empty(), "{}\n{said}", wrong.join("\n"));
    if let Some(missing) = missing.first() {
        skipped!("in part, as {}", missing.trim_start_matches("skipped: "));
    }
    // It was not all skipped over: so many files by each, and ours were there.
    assert!(said.contains("'PyYAML': 9") && said.contains("'removed': "), "{said}");
}

#[test]
fn kubectl_reads_it() {
    if !runs("kubectl", "--help") {
        skipped!("no kubectl here");
    }
    for (name, text) in manifests() {
        let (out, said) = fine(&["inject"], &text);
        let injected = said.matches(": injected").count();
        let dir = TempDir::new();
        let file = dir.file(&name, &out);
        // `create --dry-run=client` asks a server which kinds there are; this reads the same way, and asks nobody.
        let output = Command::new("kubectl")
            .args(["annotate", "--local", "--overwrite", "-o", "json", "read=yes", "-f"])
            .arg(&file)
            .output()
            .expect("to start it");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {said}");
        let read = String::from_utf8_lossy(&output.stdout);
        assert_eq!(read.matches("\"name\": \"wayside-proxy\"").count(), injected, "{name}");
    }
}

#[test]
fn kubectl_reads_files_of_either_notation_together() {
    if !runs("kubectl", "--help") {
        skipped!("no kubectl here");
    }
    let json = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": [{"name": "c"}]}}"#;
    let twice = format!("{json}{json}");
    for (texts, pods) in [
        (&[json, json][..], 2),
        (&[json, POD], 2),
        (&[POD, json], 2),
        (&[&twice, POD], 3),
        (&[POD, &twice], 3),
        (&[&twice, &twice], 4),
    ] {
        let dir = TempDir::new();
        let file = dir.file("all.yml", usage::joined("inject", texts).0);
        let output = Command::new("kubectl")
            .args(["annotate", "--local", "--overwrite", "-o", "json", "read=yes", "-f"])
            .arg(&file)
            .output()
            .expect("to start it");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{texts:?}: {said}");
        let read = String::from_utf8_lossy(&output.stdout);
        assert_eq!(read.matches("\"name\": \"wayside-proxy\"").count(), pods, "{texts:?}");
    }
}
