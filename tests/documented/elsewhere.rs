//! Commands that this test does not run, and who does.

use crate::read::{Shown, root};
use crate::support::run_to_end;

/// How a command begins; the file that runs it, or that runs what it runs; and what stands there.
const BY: &[(&str, &str, &str)] = &[
    ("cargo test", "scripts/test", "cargo test --no-fail-fast"),
    ("cargo build", "scripts/test", "cargo test --no-fail-fast"),
    ("cargo run --release --example demo", ".ci/run", "step cargo run --release --example demo"),
    ("scripts/test", ".ci/run", "step scripts/test"),
    (".ci/run", ".ci/run", "all passed"),
    ("cargo bench", ".ci/run", "step cargo bench"),
    ("scripts/instructions", ".ci/run", "step scripts/instructions"),
    ("scripts/fairness", ".ci/run", "step fairness"),
    ("scripts/observer-cost", ".ci/run", "step observer_cost"),
    ("scripts/python-tests", "tests/python_suite.rs", "\"/scripts/python-tests\""),
    ("scripts/compare", "tests/compare.rs", "\"/scripts/compare\""),
    ("scripts/lab", "tests/documented/here.rs", "join(\"scripts/lab\")"),
    ("scripts/build-static", "scripts/test", "scripts/build-static --dev"),
    ("scripts/install", "tests/package/install.rs", "join(\"scripts/install\")"),
    ("scripts/image-root", "tests/package/root.rs", "join(\"scripts/image-root\")"),
    // Neither a container engine nor a running service manager is to be had everywhere: what they would read is tested.
    ("docker build", "tests/package/image.rs", "Dockerfile"),
    ("systemctl edit", "tests/package/install.rs", "wayside.service"),
    // Half an hour each: before a release, as CONTRIBUTING.md says.
    ("scripts/fuzz", "CONTRIBUTING.md", "scripts/fuzz"),
    ("scripts/soak", "CONTRIBUTING.md", "scripts/soak"),
    (
        "promtool test rules scripts/prometheus/wayside.rules.test.yml",
        "tests/monitoring/files.rs",
        "\"wayside.rules.test.yml\"",
    ),
];

/// Whether somebody runs this command. Of one that is mentioned within a line the words must be understood, if it is wayside's.
pub(crate) fn is_run(shown: &Shown) -> Result<(), String> {
    let command = shown.command.as_str();
    let words: Vec<&str> = command.split_whitespace().collect();
    match words[..] {
        ["cargo", "test", "--test", name, ref rest @ ..] => test(name, rest),
        ["cargo", "bench", "--bench", name, ..] => bench(name),
        ["wayside", command, ref rest @ ..] if !shown.in_block => mention(command, rest),
        ["cargo", "test", _, ..] => Err("name a test file: --test NAME".to_owned()),
        _ => {
            let mut by = BY
                .iter()
                .filter(|(start, ..)| command.starts_with(&format!("{start} ")) || command == *start);
            let (_, file, text) = by.next().ok_or("nobody runs it: see tests/documented/")?;
            let found = std::fs::read_to_string(root().join(file)).expect("a file").contains(text);
            found.then_some(()).ok_or_else(|| format!("{file} does not say {text:?}"))
        }
    }
}

/// A test that `scripts/test` runs, with the name of a function in it where one is given.
fn test(name: &str, rest: &[&str]) -> Result<(), String> {
    let root = root();
    let files = [format!("tests/{name}.rs"), format!("tests/{name}/main.rs")].map(|path| root.join(path));
    if !files.iter().any(|file| file.exists()) {
        return Err(format!("there is no test {name}"));
    }
    let Some(filter) = rest.first().filter(|word| **word != "--") else { return Ok(()) };
    let folder = std::fs::read_dir(root.join("tests").join(name)).into_iter().flatten().flatten();
    let texts = folder.map(|entry| entry.path()).chain(files).filter_map(|path| {
        let is_named = path.file_stem().is_some_and(|stem| stem.to_string_lossy().contains(filter));
        Some((std::fs::read_to_string(path).ok()?, is_named))
    });
    let has_it =
        |text: &str| text.lines().any(|line| line.trim().starts_with("fn ") && line.contains(filter));
    let mut found = texts.filter(|(text, is_named)| *is_named || has_it(text));
    found.next().map(drop).ok_or_else(|| format!("tests/{name} has no {filter}"))
}

/// A benchmark of the manifest; CI runs all of them.
fn bench(name: &str) -> Result<(), String> {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("a manifest");
    let has_it = manifest.contains(&format!("[[bench]]\nname = \"{name}\"\n"));
    has_it.then_some(()).ok_or_else(|| format!("there is no benchmark {name}"))?;
    let ci = std::fs::read_to_string(root().join(".ci/run")).expect("a script");
    ci.contains("step cargo bench").then_some(()).ok_or_else(|| ".ci/run runs no benchmark".to_owned())
}

/// The subcommand and its flags must be known to the program.
fn mention(command: &str, words: &[&str]) -> Result<(), String> {
    if command.contains("...") {
        return Ok(());
    }
    let help = run_to_end(&[command, "--help"], &[]);
    if help.code != Some(0) {
        return Err(format!("wayside has no command {command}"));
    }
    let mut flags = words
        .iter()
        .filter(|word| word.starts_with("--"))
        .map(|word| word.split('=').next().expect("a flag"));
    let unknown = flags.find(|flag| !help.stdout.split([' ', '\n', ',', '[', '=']).any(|word| word == *flag));
    unknown.map_or(Ok(()), |flag| Err(format!("wayside {command} has no {flag}")))
}
