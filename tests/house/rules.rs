//! The rules of the house: text in, complaints out.

use super::lex::{block_end, code, has_word, product, second_segments};

/// What a rule found: the line (0: the file as a whole) and what is wrong.
pub(crate) type Complaints = Vec<(usize, String)>;

/// The most lines a file may have.
pub(crate) const FILE_LINES: usize = 400;
/// The most lines a function may have.
pub(crate) const FUNCTION_LINES: usize = 70;

/// The lines of the code for which `wrong` has something to say.
fn lines(code: &str, wrong: impl Fn(usize, &str) -> Option<String>) -> Complaints {
    code.lines().enumerate().filter_map(|(index, line)| Some((index + 1, wrong(index, line)?))).collect()
}

/// A file has at most [`FILE_LINES`] lines.
pub(crate) fn short_file(text: &str) -> Complaints {
    let count = text.lines().count();
    if count > FILE_LINES { vec![(0, format!("{count} lines; {FILE_LINES} are the most"))] } else { vec![] }
}

/// A file opens with a `//!` that says what it is.
pub(crate) fn opens_with_its_purpose(text: &str) -> Complaints {
    if text.starts_with("//! ") { vec![] } else { vec![(1, "opens without a //! of what it is".to_owned())] }
}

/// `unsafe` stands under `src/sys` only, and there with a SAFETY comment just above.
pub(crate) fn fenced_unsafe(path: &str, text: &str) -> Complaints {
    let raw: Vec<&str> = text.lines().collect();
    lines(&code(text), |index, line| {
        if !has_word(line, "unsafe") {
            None
        } else if !is_sys(path) {
            Some("unsafe outside src/sys".to_owned())
        } else {
            let above = raw[..index].iter().rev().take_while(|line| is_beside_code(line));
            let says =
                above.chain([&raw[index]]).any(|line| line.contains("SAFETY:") || line.contains("# Safety"));
            (!says).then(|| "unsafe without a SAFETY comment".to_owned())
        }
    })
}

fn is_beside_code(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("//") || line.starts_with("#[")
}

fn is_sys(path: &str) -> bool {
    path == "src/sys.rs" || path.starts_with("src/sys/")
}

/// Only `src/sys` names the kernel's crates.
pub(crate) fn kernel_behind_sys(path: &str, text: &str) -> Complaints {
    lines(&code(text), |_, line| {
        let names = ["libc", "rustix"].into_iter().find(|name| has_word(line, name))?;
        (!is_sys(path)).then(|| format!("{names} named outside src/sys"))
    })
}

/// `src/wire` names no crate but httparse and memchr, nothing of ours but itself, no clock, no file, no socket.
pub(crate) fn wire_stands_alone(text: &str, dependencies: &[String]) -> Complaints {
    let code = product(text);
    let mut complaints = Complaints::new();
    for name in dependencies.iter().filter(|name| !["httparse", "memchr"].contains(&name.as_str())) {
        let paths = second_segments(&code, name).into_iter();
        complaints.extend(paths.map(|(line, _)| (line, format!("wire names the crate {name}"))));
    }
    for (line, name) in second_segments(&code, "crate") {
        if name != "wire" {
            complaints.push((line, format!("wire imports crate::{name}")));
        }
    }
    for (line, name) in second_segments(&code, "std") {
        if ["fs", "thread", "process", "env", "os"].contains(&name.as_str()) {
            complaints.push((line, format!("wire imports std::{name}")));
        }
    }
    let io = ["TcpStream", "TcpListener", "UdpSocket", "SystemTime", "Instant"];
    complaints.extend(lines(&code, |_, line| {
        let name = io.into_iter().find(|name| has_word(line, name))?;
        Some(format!("wire names {name}: the clock and the bytes are arguments"))
    }));
    complaints
}

/// The list in the map of the house (`src/lib.rs`) that imports point down.
pub(crate) fn order(map: &str) -> Option<Vec<String>> {
    let text: String = map.lines().filter_map(|line| line.strip_prefix("//!")).collect();
    let (_, after) = text.split_once("Imports point down this list: `")?;
    Some(after.split_once('`')?.0.split_whitespace().map(str::to_owned).collect())
}

/// A module names itself and what stands below it in the list, never what stands above.
pub(crate) fn imports_point_down(path: &str, text: &str, order: &[String]) -> Complaints {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    let own = inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs");
    let rank = |name: &str| order.iter().position(|member| member == name);
    let Some(own_rank) = rank(own) else {
        return vec![(0, format!("{own} is missing from the list in src/lib.rs"))];
    };
    let code = product(text);
    let root = if own == "main" { "wayside" } else { "crate" };
    let named = second_segments(&code, root).into_iter();
    let wrong = named.filter(|(_, name)| rank(name).is_some_and(|rank| rank < own_rank));
    wrong.map(|(line, name)| (line, format!("{own} imports {name}, which stands above it"))).collect()
}

/// The map of the house has documentation and `mod` lines only.
pub(crate) fn map_only(text: &str) -> Complaints {
    lines(&code(text), |_, line| {
        let line = line.trim();
        let is_mod = line.ends_with(';') && (line.starts_with("pub mod ") || line.starts_with("mod "));
        let fits = line.is_empty() || line.starts_with("#[") || line.starts_with("#![") || is_mod;
        (!fits).then(|| format!("more than a mod line: {line}"))
    })
}

/// No work is left for later unseen.
pub(crate) fn nothing_put_off(text: &str) -> Complaints {
    lines(&code(text), |_, line| {
        let words = ["todo!", "unimplemented!", "#[ignore"];
        let word = words.into_iter().find(|word| line.contains(word))?;
        Some(format!("{word} is left"))
    })
}

/// No path that only one machine has.
pub(crate) fn no_machine_paths(text: &str) -> Complaints {
    // In two parts, or this file would be its own offender.
    let folders =
        [["/ho", "me/"], ["/ro", "ot/"], ["/wo", "rk/"], ["/Us", "ers/"]].map(|parts| parts.concat());
    lines(text, |_, line| {
        let is_found = |folder: &&String| {
            let begins = |at: usize| {
                !line[..at].ends_with(|char: char| char.is_alphanumeric() || "-_./}~".contains(char))
            };
            line.match_indices(folder.as_str()).any(|(at, _)| begins(at))
        };
        let folder = folders.iter().find(is_found)?;
        Some(format!("a path under {folder}"))
    })
}

/// A sleep is not a way to wait for something; where time itself is the matter, `// pace:` says so beside it.
pub(crate) fn no_sleep(text: &str) -> Complaints {
    let raw: Vec<&str> = text.lines().collect();
    lines(&code(text), |index, line| {
        let above = index.checked_sub(1).map_or("", |above| raw[above]);
        let marked = raw[index].contains("// pace:") || above.trim_start().starts_with("// pace:");
        (has_word(line, "sleep") && line.contains("sleep(") && !marked)
            .then(|| "sleep without a `// pace:` reason".to_owned())
    })
}

/// A function fits on a screen: at most [`FUNCTION_LINES`] lines from `fn` to its closing brace.
pub(crate) fn short_functions(text: &str) -> Complaints {
    let code = code(text);
    let mut complaints = Vec::new();
    for (at, _) in code.match_indices("fn ") {
        let begins = !code[..at].ends_with(|char: char| char.is_alphanumeric() || char == '_');
        let Some(length) = block_end(&code[at..]).filter(|_| begins) else { continue };
        let count = code[at..at + length].lines().count();
        if count > FUNCTION_LINES {
            let line = code[..at].matches('\n').count() + 1;
            complaints.push((line, format!("a function of {count} lines; {FUNCTION_LINES} are the most")));
        }
    }
    complaints
}

/// What a document says the tree has: paths and targets in backticks or links, each with its line.
pub(crate) fn mentioned(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fenced = false;
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().trim_start_matches(['/', '!']).trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        let links = line.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(link, _)| link);
        let quoted = line.split('`').skip(1).step_by(2);
        let spans: Vec<&str> = if fenced { vec![line] } else { links.chain(quoted).collect() };
        found.extend(spans.into_iter().flat_map(paths).map(|path| (index + 1, path)));
    }
    found
}

/// The words of a span that name a file or folder of the tree.
fn paths(span: &str) -> Vec<String> {
    let words: Vec<&str> = span.split_whitespace().collect();
    let mut found = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let word = word.split('#').next().unwrap_or(word).trim_end_matches([',', ';', ':', ')']);
        let word = word.strip_prefix("./").unwrap_or(word).split("::").next().unwrap_or(word);
        let folders = ["src/", "tests/", "benches/", "scripts/", "docs/", "examples/", "fuzz/", ".ci/"];
        let is_root_file =
            !word.contains('/') && [".md", ".toml"].iter().any(|end| word.len() > 3 && word.ends_with(end));
        let is_path = folders.iter().any(|folder| word.starts_with(folder)) || is_root_file;
        if is_path && !word.contains(['*', '<', '{', '$', '…', '=']) {
            found.push(word.trim_end_matches('/').to_owned());
        }
        let target = words.get(index + 1).copied().unwrap_or_default();
        match word {
            "--example" => found.push(format!("examples/{target}.rs")),
            "--test" => found.push(format!("tests/{target}.rs")),
            "--bench" => found.push(format!("benches/{target}.rs")),
            _ => {}
        }
    }
    found
}
