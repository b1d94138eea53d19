//! `wayside inject` and `uninject` from outside: what goes in, what comes out, and what others read in it.

#[path = "inject/golden.rs"]
mod golden;
#[path = "inject/meaning.rs"]
mod meaning;
#[path = "inject/random.rs"]
mod random;
mod support;
#[path = "inject/usage.rs"]
mod usage;

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// Runs the program with `input` on stdin.
fn wayside(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(support::program())
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("to start it");
    let mut stdin = child.stdin.take().expect("its stdin");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        // Where it has ended already, with an error, nobody reads.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().expect("its end");
    writer.join().expect("the writer");
    output
}

/// What it writes, where it must go well: stdout and stderr.
#[track_caller]
fn fine(arguments: &[&str], input: &[u8]) -> (String, String) {
    let output = wayside(arguments, input);
    let [out, said] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).expect("UTF-8"));
    assert!(output.status.success(), "{arguments:?}: {said}");
    (out, said)
}

/// The error, where it must end with 1 and write nothing.
#[track_caller]
fn broken(arguments: &[&str], input: &[u8]) -> String {
    let output = wayside(arguments, input);
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(output.stdout, b"", "{said}");
    said
}

fn folder(name: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests/inject", name].iter().collect()
}

/// The manifests: name and text, in order.
fn manifests() -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(folder("manifests")).expect("manifests");
    let mut all: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .map(|path| {
            (
                path.file_name().expect("a name").to_string_lossy().into_owned(),
                std::fs::read(&path).expect("a manifest"),
            )
        })
        .collect();
    all.sort();
    assert!(all.len() >= 25, "{}", all.len());
    all
}

/// Some manifest with a pod.
const POD: &str =
    "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n  - {name: c, image: i}\n";
