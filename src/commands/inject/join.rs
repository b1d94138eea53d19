//! Several files to one stream. kubectl takes a stream that begins with `{` for JSON to its end, and any other for YAML.

use super::json;

/// The files one behind the other: JSON alone stays a stream of JSON; else all is YAML, of which JSON is a part, and each
/// document has a marker before it.
pub(super) fn join(files: &[String]) -> String {
    if let [alone] = files {
        return alone.clone();
    }
    let files = || files.iter().map(String::as_str).filter(|file| !file.trim().is_empty());
    let is_json = files().all(|file| documents(file).is_some());
    if is_json {
        return files().fold(String::new(), |mut whole, file| {
            end_line(&mut whole);
            whole + file
        });
    }
    let mut whole = String::new();
    for document in files().flat_map(|file| documents(file).unwrap_or_else(|| vec![file])) {
        let looks_like_json = whole.is_empty() && document.trim_start().starts_with('{');
        end_line(&mut whole);
        if (looks_like_json || !whole.is_empty()) && !document.starts_with("---") {
            // After `...` a directive may follow.
            whole.push_str(if document.starts_with('%') { "...\n" } else { "---\n" });
        }
        whole.push_str(document);
    }
    whole
}

fn end_line(whole: &mut String) {
    if !whole.is_empty() && !whole.ends_with('\n') {
        whole.push('\n');
    }
}

/// The documents of a file that is JSON to kubectl.
fn documents(file: &str) -> Option<Vec<&str>> {
    if !file.trim_start().starts_with('{') {
        return None;
    }
    let tree = json::read(file).ok()?;
    let starts = tree.roots.iter().map(|&root| tree.node(root).start).skip(1);
    let (mut found, mut from) = (Vec::new(), 0);
    for start in starts {
        found.push(file.get(from..start)?.trim_end());
        from = start;
    }
    found.push(file.get(from..)?);
    Some(found)
}
