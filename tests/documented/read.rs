//! The commands of README.md, CONTRIBUTING.md, SECURITY.md, docs/ and examples/, as they are written.

use std::path::{Path, PathBuf};

/// A command, and where a document shows it.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    /// `FILE:LINE`.
    pub(crate) place: String,
    /// Without comment, prompt or indentation.
    pub(crate) command: String,
    /// Shown to be run as it is; else within a line, as a mention, perhaps with placeholders.
    pub(crate) in_block: bool,
}

/// Commands with what they print: a block of the kind `console`.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) place: String,
    /// The lines with `$ ` are commands, `...` stands for any lines.
    pub(crate) lines: Vec<String>,
    /// The last `toml` block before it, or nothing.
    pub(crate) file: String,
}

/// What a fence may say of its block.
const KINDS: [&str; 8] = ["sh", "console", "toml", "yaml", "json", "ini", "dockerfile", "text"];

/// How a command begins where it stands within a line.
const PROGRAMS: [&str; 8] =
    ["wayside ", "cargo ", "scripts/", "curl ", "kubectl ", "docker ", "promtool ", "systemctl "];

pub(crate) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The documents: their path from the root, and their text.
fn documents() -> Vec<(String, String)> {
    let mut paths: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md", "SECURITY.md"].map(PathBuf::from).into();
    for (folder, end) in [("docs", "md"), ("examples", "toml")] {
        let entries = std::fs::read_dir(root().join(folder)).expect("a folder");
        let names = entries.map(|entry| Path::new(folder).join(entry.expect("an entry").file_name()));
        paths.extend(names.filter(|path| path.extension().is_some_and(|extension| extension == end)));
    }
    paths.sort();
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(root().join(&path)).expect("a document");
        (path.display().to_string(), text)
    };
    paths.into_iter().map(read).collect()
}

/// A fenced block: its place, its kind, its lines.
struct Block<'a> {
    place: String,
    kind: &'a str,
    lines: Vec<&'a str>,
}

/// The blocks of a document, and its other lines with their numbers.
fn split<'a>(name: &str, text: &'a str) -> (Vec<Block<'a>>, Vec<(usize, &'a str)>) {
    let (mut blocks, mut others, mut open) = (Vec::<Block>::new(), Vec::new(), false);
    for (number, line) in text.lines().enumerate() {
        match (line.strip_prefix("```"), open) {
            (Some(kind), false) => {
                let place = format!("{name}:{}", number + 1);
                assert!(
                    KINDS.contains(&kind),
                    "{place}: the kind of the block is one of {KINDS:?}, not {kind:?}"
                );
                blocks.push(Block { place, kind, lines: Vec::new() });
                open = true;
            }
            (Some(_), true) => open = false,
            (None, true) => blocks.last_mut().expect("a block").lines.push(line),
            (None, false) => others.push((number + 1, line)),
        }
    }
    assert!(!open, "{name}: a block without an end");
    (blocks, others)
}

/// A command without what follows ` # `, which is a comment.
fn command(line: &str) -> &str {
    line.split_once(" # ").map_or(line, |(command, _)| command).trim()
}

/// Every command of every document, in order, but for [`sessions`].
pub(crate) fn shown() -> Vec<Shown> {
    let mut found = Vec::new();
    for (name, text) in documents() {
        if name.ends_with(".toml") {
            let lines = text.lines().filter_map(|line| line.strip_prefix("#   wayside "));
            let one =
                |line: &str| format!("wayside {}", line.split_whitespace().collect::<Vec<_>>().join(" "));
            found.extend(lines.map(|line| Shown { place: name.clone(), command: one(line), in_block: true }));
            continue;
        }
        let (blocks, others) = split(&name, &text);
        for block in blocks.iter().filter(|block| block.kind == "sh") {
            let commands = block.lines.iter().map(|line| command(line));
            for command in commands.filter(|command| !command.is_empty() && !command.starts_with('#')) {
                found.push(Shown { place: block.place.clone(), command: command.to_owned(), in_block: true });
            }
        }
        for (number, line) in others {
            for code in line.split('`').skip(1).step_by(2) {
                let bare = code.trim_start_matches(|char: char| char.is_ascii_uppercase() || char == '_');
                // `NAME=value command` sets a variable.
                let bare = bare
                    .strip_prefix('=')
                    .and_then(|rest| rest.split_once(' '))
                    .map_or(code, |(_, rest)| rest);
                let is_file = code.starts_with("scripts/") && (code.contains('.') || code.ends_with('/'));
                if PROGRAMS.iter().any(|program| bare.starts_with(program)) && !is_file {
                    let place = format!("{name}:{number}");
                    found.push(Shown { place, command: bare.to_owned(), in_block: false });
                }
            }
        }
    }
    assert!(found.len() > 40, "{found:?}");
    found
}

/// Every block of the kind `console`.
pub(crate) fn sessions() -> Vec<Session> {
    let mut found = Vec::new();
    for (name, text) in documents().into_iter().filter(|(name, _)| name.ends_with(".md")) {
        let mut file = String::new();
        for block in split(&name, &text).0 {
            let lines: Vec<String> = block.lines.iter().map(|&line| line.to_owned()).collect();
            match block.kind {
                "toml" => file = lines.join("\n"),
                "console" => found.push(Session { place: block.place, lines, file: file.clone() }),
                _ => {}
            }
        }
    }
    found
}

/// The first `toml` block of a document.
pub(crate) fn first_file(name: &str) -> String {
    let text = std::fs::read_to_string(root().join(name)).expect("a document");
    let (blocks, _) = split(name, &text);
    blocks.iter().find(|block| block.kind == "toml").expect("a file").lines.join("\n")
}
