//! Just enough of Rust's grammar for the rules: what is code, what is a comment or a string, where a block ends.

/// The code alone: comments and the inside of strings and characters become blanks; lines and columns stay.
pub(crate) fn code(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = token_end(&chars, at);
        let hidden = end > at + 1;
        for &char in &chars[at..end] {
            out.push(if hidden && char != '\n' { ' ' } else { char });
        }
        at = end;
    }
    out
}

/// Where the comment, string or character that begins at `at` ends; `at + 1` if there is none.
fn token_end(chars: &[char], at: usize) -> usize {
    let peek = |ahead: usize| chars.get(at + ahead).copied().unwrap_or('\0');
    let begins_word = at == 0 || !is_word(chars[at - 1]);
    match chars[at] {
        '/' if peek(1) == '/' => find(chars, at, |rest| rest[0] == '\n'),
        '/' if peek(1) == '*' => block_comment_end(chars, at),
        '"' => string_end(chars, at + 1),
        'b' if begins_word && peek(1) == '"' => string_end(chars, at + 2),
        'b' if begins_word && peek(1) == '\'' => char_end(chars, at + 1),
        'r' if begins_word => raw_end(chars, at + 1).unwrap_or(at + 1),
        'b' if begins_word && peek(1) == 'r' => raw_end(chars, at + 2).unwrap_or(at + 1),
        '\'' => char_end(chars, at),
        _ => at + 1,
    }
}

fn is_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

fn find(chars: &[char], from: usize, mut found: impl FnMut(&[char]) -> bool) -> usize {
    (from..chars.len()).find(|&at| found(&chars[at..])).unwrap_or(chars.len())
}

fn block_comment_end(chars: &[char], at: usize) -> usize {
    let mut depth = 0;
    let mut at = at;
    while at < chars.len() {
        match chars[at..] {
            ['/', '*', ..] => depth += 1,
            ['*', '/', ..] => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            break;
        }
    }
    at.min(chars.len())
}

fn string_end(chars: &[char], mut at: usize) -> usize {
    while at < chars.len() {
        match chars[at] {
            '\\' => at += 2,
            '"' => return at + 1,
            _ => at += 1,
        }
    }
    chars.len()
}

/// The end of `'x'` or `'\n'`; a lifetime is no character.
fn char_end(chars: &[char], at: usize) -> usize {
    match chars[at + 1..] {
        ['\\', _, ..] => find(chars, at + 3, |rest| rest[0] == '\'').saturating_add(1).min(chars.len()),
        [_, '\'', ..] => at + 3,
        _ => at + 1,
    }
}

/// The end of a raw string whose hashes begin at `at`.
fn raw_end(chars: &[char], at: usize) -> Option<usize> {
    let hashes = chars[at..].iter().take_while(|&&char| char == '#').count();
    if chars.get(at + hashes) != Some(&'"') {
        return None;
    }
    let closes =
        |rest: &[char]| rest[0] == '"' && rest[1..].iter().take_while(|&&c| c == '#').count() >= hashes;
    Some((find(chars, at + hashes + 1, closes) + 1 + hashes).min(chars.len()))
}

/// The code without its `#[cfg(test)]` modules, which may use more than the product may.
pub(crate) fn product(text: &str) -> String {
    let mut code = code(text);
    while let Some(start) = code.find("#[cfg(test)]") {
        let end = block_end(&code[start..]).map_or(code.len(), |length| start + length);
        let blank: String =
            code[start..end].chars().map(|char| if char == '\n' { '\n' } else { ' ' }).collect();
        code.replace_range(start..end, &blank);
    }
    code
}

/// How far it is to the end of the first item: past its closing brace, or its semicolon if that comes first.
pub(crate) fn block_end(code: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, char) in code.char_indices() {
        match char {
            '{' | '(' | '[' => depth += 1,
            '}' | ')' | ']' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 && char == '}' {
                    return Some(at + 1);
                }
            }
            ';' if depth == 0 => return Some(at + 1),
            _ => {}
        }
    }
    None
}

/// Whether `word` stands in the line by itself.
pub(crate) fn has_word(line: &str, word: &str) -> bool {
    line.split(|char: char| !is_word(char)).any(|part| part == word)
}

/// The paths that begin with `root::`, as far as their second segment, with their line; groups are unfolded.
pub(crate) fn second_segments(code: &str, root: &str) -> Vec<(usize, String)> {
    let prefix = format!("{root}::");
    let mut found = Vec::new();
    for (at, _) in code.match_indices(&prefix) {
        if code[..at].ends_with(|char| is_word(char) || char == ':') {
            continue;
        }
        let rest = code[at + prefix.len()..].trim_start();
        let line = code[..at].matches('\n').count() + 1;
        let group = rest.strip_prefix('{').and_then(|inner| Some((inner, block_end(rest)?)));
        let names = match group {
            Some((inner, length)) => heads(&inner[..length.saturating_sub(2)]),
            None => vec![rest.split(|char| !is_word(char)).next().unwrap_or_default().to_owned()],
        };
        found.extend(names.into_iter().map(|name| (line, name)));
    }
    found
}

/// The first segment of each member of a group, its inner groups left aside.
fn heads(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut members = vec![String::new()];
    for char in group.chars() {
        match char {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => members.push(String::new()),
            _ if depth == 0 => members.last_mut().expect("one at least").push(char),
            _ => {}
        }
    }
    let head =
        |member: String| member.trim().split(|char| !is_word(char)).next().unwrap_or_default().to_owned();
    members.into_iter().map(head).filter(|name| !name.is_empty()).collect()
}
