//! The rules of the house, as tests over the source tree. Each rule is first shown to see what it forbids.

#[path = "house/lex.rs"]
mod lex;
#[path = "house/rules.rs"]
mod rules;

use std::path::PathBuf;

use rules::*;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of the tree under `folder` that `wanted` accepts: its path from the root, and its text.
fn tree(folder: &str, wanted: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let name = path.strip_prefix(root()).expect("inside").to_string_lossy().into_owned();
            let built = ["target", ".git", "artifacts", "corpus"].iter().any(|built| path.ends_with(built));
            if built {
                continue;
            } else if path.is_dir() {
                folders.push(path);
            } else if wanted(&name)
                && let Ok(text) = std::fs::read_to_string(&path)
            {
                found.push((name, text));
            }
        }
    }
    assert!(!found.is_empty(), "nothing was looked at in {folder}");
    found
}

fn is_rust(name: &str) -> bool {
    name.ends_with(".rs")
}

/// Holds `rule` against all `files`, and panics with every complaint at once.
#[track_caller]
fn hold(files: &[(String, String)], rule: impl Fn(&str, &str) -> Complaints) {
    let mut complaints = String::new();
    for (path, text) in files {
        for (line, what) in rule(path, text) {
            complaints.push_str(&format!("{path}:{line}: {what}\n"));
        }
    }
    assert!(complaints.is_empty(), "\n{complaints}");
}

/// Shows that the rule finds nothing in `good`, and something in `bad`, at that line.
#[track_caller]
fn sees(rule: impl Fn(&str) -> Complaints, good: &[&str], bad: &[(&str, usize)]) {
    for text in good {
        assert_eq!(rule(text), [], "in {text}");
    }
    for (text, line) in bad {
        let lines: Vec<usize> = rule(text).into_iter().map(|(line, _)| line).collect();
        assert!(lines.contains(line), "nothing wrong at line {line} ({lines:?}) in {text}");
    }
}

#[test]
fn files_are_short() {
    sees(short_file, &[&"a\n".repeat(400)], &[(&"a\n".repeat(401), 0)]);
    hold(&tree("", is_rust), |_, text| short_file(text));
}

#[test]
fn files_open_with_their_purpose() {
    sees(
        opens_with_its_purpose,
        &["//! A file.\n"],
        &[("use std::io;\n", 1), ("// A.\n//! B.\n", 1), ("", 1)],
    );
    hold(&tree("", is_rust), |_, text| opens_with_its_purpose(text));
}

#[test]
fn unsafe_is_fenced() {
    let with = "// SAFETY: it is.\n#[inline]\nunsafe { f() }";
    let elsewhere = |text: &str| fenced_unsafe("src/flow/lane.rs", text);
    sees(elsewhere, &["// unsafe\n\"unsafe\"; unsafe_code"], &[(with, 3), ("unsafe fn f() {}", 1)]);
    let inside = |text: &str| fenced_unsafe("src/sys/pipe.rs", text);
    sees(
        inside,
        &[with, "f(); unsafe { g() } // SAFETY: yes"],
        &[("// SAFETY: no\nf();\nunsafe { g() }", 3)],
    );
    hold(&tree("", is_rust), fenced_unsafe);
}

#[test]
fn the_kernel_is_behind_sys() {
    let elsewhere = |text: &str| kernel_behind_sys("src/worker.rs", text);
    sees(
        elsewhere,
        &["// libc\nuse mio::net;", "let rustix_like = 1;"],
        &[("\nlet a = libc::AF_INET;", 2), ("use rustix::net;", 1)],
    );
    assert_eq!(kernel_behind_sys("src/sys/socket.rs", "use rustix::net;"), []);
    hold(&tree("src", is_rust), kernel_behind_sys);
}

#[test]
fn wire_names_nothing_else() {
    let dependencies = dependencies(&std::fs::read_to_string(root().join("Cargo.toml")).unwrap());
    assert!(
        dependencies.iter().any(|name| name == "signal_hook") && dependencies.len() > 5,
        "{dependencies:?}"
    );
    let rule = |text: &str| wire_stands_alone(text, &dependencies);
    let good = [
        "use std::fmt;\nuse crate::wire::detect::{A, B};\nuse super::x;\nuse httparse::Header;\nlet mio = 1;",
        "fn a() {}\n#[cfg(test)]\nmod tests {\n use crate::base::x; use proptest::x; fn f() {}\n}\n",
        "// mio::Token and crate::base\nlet a = \"crate::base\";",
    ];
    let bad = [
        ("use mio::Token;", 1),
        ("\nfn f(a: mio::Token) {}", 2),
        ("use crate::{\n    wire::a,\n    base::b,\n};", 1),
        ("let a = crate::metrics::X;", 1),
        ("use std::fs;", 1),
        ("use std::time::{Duration, Instant};", 1),
        ("#[cfg(test)]\nmod tests {}\nuse crate::base::x;", 3),
    ];
    sees(rule, &good, &bad);
    hold(&tree("src", |name| is_rust(name) && name.starts_with("src/wire") && !is_test(name)), |_, text| {
        rule(text)
    });
}

/// The names under `[dependencies]`, as code writes them.
fn dependencies(manifest: &str) -> Vec<String> {
    let (_, after) = manifest.split_once("\n[dependencies]\n").expect("dependencies");
    let table = after.split("\n[").next().expect("a table");
    let names = table.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(" = "));
    names.map(|(name, _)| name.trim().replace('-', "_")).collect()
}

/// Tests of a module in a file of their own.
fn is_test(name: &str) -> bool {
    name.ends_with("/tests.rs") || name.contains("/tests/")
}

#[test]
fn imports_point_down_the_list() {
    let map = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let order = order(&map).expect("src/lib.rs says: Imports point down this list: `...`");
    assert_eq!((order.first().unwrap().as_str(), order.last().unwrap().as_str()), ("main", "sys"));
    let rule = |text: &str| imports_point_down("src/flow/dial.rs", text, &order);
    let good = [
        "use crate::flow::lane;\nuse crate::{kit::Kit, base::{token::Key, timer}, sys};",
        "// crate::worker\nuse super::lane;\nuse mycrate::worker;",
        "#[cfg(test)]\nmod tests { use crate::worker::Worker; }",
    ];
    let bad = [
        ("\nuse crate::worker::Worker;", 2),
        ("use crate::{kit::Kit, worker};", 1),
        ("use crate::{base::{token::Key, timer}, listener::Listener};", 1),
        ("fn f(a: &crate::listener::Listener) {}", 1),
    ];
    sees(rule, &good, &bad);
    assert_eq!(imports_point_down("src/sys.rs", "use crate::wire;", &order).len(), 1);
    assert_eq!(imports_point_down("src/main.rs", "use wayside::worker;", &order), []);
    assert_eq!(imports_point_down("src/new_module.rs", "", &order).len(), 1);
    let files = tree("src", |name| is_rust(name) && name != "src/lib.rs" && !is_test(name));
    hold(&files, |path, text| imports_point_down(path, text, &order));
}

#[test]
fn the_map_is_only_a_map() {
    let good = "//! Docs: struct, fn.\n#![warn(missing_docs)]\n\npub mod a;\n#[cfg(test)]\nmod b;\n";
    sees(map_only, &[good], &[("pub struct A;", 1), ("pub mod a {\n}", 1), ("\npub use a::B;", 2)]);
    hold(&tree("src", |name| name == "src/lib.rs"), |_, text| map_only(text));
}

#[test]
fn nothing_is_put_off() {
    let bad =
        [("todo!()", 1), ("\nunimplemented!();", 2), ("#[ignore]\nfn a() {}", 1), ("#[ignore = \"why\"]", 1)];
    sees(nothing_put_off, &["// todo!()\nlet a = \"#[ignore]\";"], &bad);
    hold(&tree("", is_rust), |_, text| nothing_put_off(text));
}

#[test]
fn no_path_of_one_machine() {
    let path = ["/ho", "me/me/x"].concat();
    let bad = [(&*format!("\nlet a = \"{path}\";"), 2), (&*path, 1)];
    sees(no_machine_paths, &[&format!("https://example.com{path}"), "/etc/hosts"], &bad);
    let text = [".rs", ".md", ".toml", "run", "test", ".sh", ".py", ".yaml", ".json"];
    hold(&tree("", |name| text.iter().any(|end| name.ends_with(end))), |_, text| no_machine_paths(text));
}

#[test]
fn nothing_sleeps_to_wait() {
    let good =
        ["sleep(a); // pace: one byte a second", "// pace: slow\nsleep(a);", "// sleep(a)\nasleep = 1;"];
    sees(no_sleep, &good, &[("\nthread::sleep(a);", 2), ("sleep(a); // why not", 1)]);
    hold(&tree("", is_rust), |_, text| no_sleep(text));
}

#[test]
fn functions_are_short() {
    let of = |lines: usize| {
        format!(
            "impl A {{\nfn f<'a>(a: [u8; 4], b: char) {{\n{}}}\n}}\n",
            "g('{', \"}\");\n".repeat(lines - 2)
        )
    };
    let wide = format!("impl A {{\n{}}}\n", "fn f() {\n}\n".repeat(100));
    sees(short_functions, &[&of(70), &wide, "trait A { fn a(&self); }\n"], &[(&of(71), 2)]);
    hold(&tree("", is_rust), |_, text| short_functions(text));
}

#[test]
fn what_documents_mention_exists() {
    let text = "See `src/a.rs`, [b](docs/b.md#c), `tests/**`, `src/{a,b}.rs`, `a/b`, <https://x/y.md>.\n\
                ```\n./scripts/c --test d\n```\n`cargo run --example e` and `F.md`\nsrc/not-quoted.rs\n";
    let found: Vec<_> = mentioned(text).into_iter().map(|(line, path)| format!("{line} {path}")).collect();
    let expected = ["1 docs/b.md", "1 src/a.rs", "3 scripts/c", "3 tests/d.rs", "5 examples/e.rs", "5 F.md"]
        .map(str::to_owned);
    assert_eq!(found, expected);

    // The change log is history: it may name what is gone.
    let documents = tree("", |name| name.ends_with(".md") && name != "CHANGELOG.md");
    let missing = |text: &str| {
        // A module may be named without its ending, and a test or example may be a folder with a main.rs.
        let folder = |path: &str| path.strip_suffix(".rs").map(|stem| format!("{stem}/main.rs"));
        let is_there = |path: &str| {
            let others = [Some(format!("{path}.rs")), folder(path)];
            root().join(path).exists() || others.into_iter().flatten().any(|path| root().join(path).exists())
        };
        let gone = |(_, path): &(usize, String)| !is_there(path);
        let missing = mentioned(text).into_iter().filter(gone);
        missing.map(|(line, path)| (line, format!("{path} does not exist"))).collect::<Complaints>()
    };
    sees(missing, &["`src/lib.rs`"], &[("\n`src/gone.rs`", 2)]);
    hold(&documents, |_, text| missing(text));
    let comments = |text: &str| {
        let kept = text.lines().map(|line| if line.starts_with("//!") { line } else { "" });
        kept.collect::<Vec<_>>().join("\n")
    };
    hold(&tree("", is_rust), |_, text| missing(&comments(text)));
}
