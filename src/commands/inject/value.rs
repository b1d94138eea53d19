//! What a document means, without its notation: the measure of "nothing else was changed", and what is written out.

/// A node with aliases and merge keys resolved. The order of keys is part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// A scalar.
    Scalar(Scalar),
    /// A sequence.
    Seq(Vec<Value>),
    /// A mapping. Its keys are scalars, as in JSON.
    Map(Vec<(Scalar, Value)>),
}

/// A scalar as it was written. Which type a plain one has is the reader's affair (YAML 1.1 and 1.2 differ): so a plain
/// one stays plain, letter for letter.
#[derive(Debug, Clone, Eq)]
pub(super) struct Scalar {
    /// The text, unescaped.
    pub(super) text: String,
    /// Without quotes, so that it may be a number, a boolean or null.
    pub(super) plain: bool,
    /// `!!str`, or another one.
    pub(super) tag: Option<String>,
}

/// Quotes are no matter where there is no other way to read the text.
impl PartialEq for Scalar {
    fn eq(&self, other: &Scalar) -> bool {
        self.text == other.text
            && self.tag == other.tag
            && (self.plain == other.plain || is_plainly_a_string(&self.text))
    }
}

impl Scalar {
    fn string(text: &str) -> Scalar {
        Scalar { text: text.to_owned(), plain: false, tag: None }
    }

    /// As YAML, on one line, in block context.
    fn yaml(&self) -> String {
        let text = if self.plain || is_plainly_a_string(&self.text) {
            self.text.clone()
        } else {
            quoted(&self.text)
        };
        self.tag.as_ref().map_or(text.clone(), |tag| format!("{tag} {text}"))
    }

    fn json(&self) -> String {
        if self.plain { self.text.clone() } else { quoted(&self.text) }
    }
}

impl Value {
    /// A string.
    pub(super) fn string(text: &str) -> Value {
        Value::Scalar(Scalar::string(text))
    }

    /// A number, `true` or `false`.
    pub(super) fn bare(text: impl ToString) -> Value {
        Value::Scalar(Scalar { text: text.to_string(), plain: true, tag: None })
    }

    /// A mapping with these keys.
    pub(super) fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
        Value::Map(entries.into_iter().map(|(key, value)| (Scalar::string(key), value)).collect())
    }

    /// A sequence of strings.
    pub(super) fn strings<'a>(items: impl IntoIterator<Item = &'a str>) -> Value {
        Value::Seq(items.into_iter().map(Value::string).collect())
    }

    /// Appends an entry to a mapping.
    pub(super) fn push(&mut self, key: &str, value: Value) {
        if let Value::Map(entries) = self {
            entries.push((Scalar::string(key), value));
        }
    }

    /// The value under `key`.
    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        let Value::Map(entries) = self else { return None };
        entries.iter_mut().find(|(found, _)| found.text == key).map(|(_, value)| value)
    }

    /// The string under `key`.
    pub(super) fn string_at(&self, key: &str) -> Option<&str> {
        let Value::Map(entries) = self else { return None };
        match entries.iter().find(|(found, _)| found.text == key) {
            Some((_, Value::Scalar(scalar))) => Some(&scalar.text),
            _ => None,
        }
    }

    /// Lines of block YAML, without a common indentation; sequences in mappings stand in by `dash` columns.
    pub(super) fn yaml(&self, dash: usize) -> Vec<String> {
        match self {
            Value::Scalar(scalar) => vec![scalar.yaml()],
            Value::Seq(items) if items.is_empty() => vec!["[]".to_owned()],
            Value::Map(entries) if entries.is_empty() => vec!["{}".to_owned()],
            Value::Seq(items) => items.iter().flat_map(|item| behind("- ", "  ", item.yaml(dash))).collect(),
            Value::Map(entries) => {
                let lines = entries.iter().flat_map(|(key, value)| entry(key, value, dash));
                lines.collect()
            }
        }
    }

    /// JSON on one line. It is flow YAML, too.
    pub(super) fn json(&self) -> String {
        let inside: Vec<String> = match self {
            Value::Scalar(scalar) => return scalar.json(),
            Value::Seq(items) => items.iter().map(Value::json).collect(),
            Value::Map(entries) => entries
                .iter()
                .map(|(key, value)| format!("{}: {}", quoted(&key.text), value.json()))
                .collect(),
        };
        let (open, close) = self.brackets();
        format!("{open}{}{close}", inside.join(", "))
    }

    /// JSON in lines, a level in by `unit`.
    pub(super) fn json_lines(&self, unit: &str) -> Vec<String> {
        let inside: Vec<Vec<String>> = match self {
            Value::Seq(items) if !items.is_empty() => {
                items.iter().map(|item| item.json_lines(unit)).collect()
            }
            Value::Map(entries) if !entries.is_empty() => entries
                .iter()
                .map(|(key, value)| behind(&format!("{}: ", quoted(&key.text)), "", value.json_lines(unit)))
                .collect(),
            _ => return vec![self.json()],
        };
        let (open, close) = self.brackets();
        let mut lines = vec![open.to_owned()];
        let last = inside.len().saturating_sub(1);
        for (index, mut child) in inside.into_iter().enumerate() {
            if let Some(end) = child.last_mut().filter(|_| index < last) {
                end.push(',');
            }
            lines.extend(behind(unit, unit, child));
        }
        lines.push(close.to_owned());
        lines
    }

    fn brackets(&self) -> (&'static str, &'static str) {
        if matches!(self, Value::Seq(_)) { ("[", "]") } else { ("{", "}") }
    }
}

/// `key: value` in as many lines as it takes.
fn entry(key: &Scalar, value: &Value, dash: usize) -> Vec<String> {
    let key = key.yaml();
    let child = value.yaml(dash);
    let indent = match value {
        Value::Seq(items) if !items.is_empty() => " ".repeat(dash),
        Value::Map(entries) if !entries.is_empty() => "  ".to_owned(),
        _ => return behind(&format!("{key}: "), "", child),
    };
    let mut lines = vec![format!("{key}:")];
    lines.extend(behind(&indent, &indent, child));
    lines
}

/// `lines` with `first` before the first of them and `rest` before the others.
fn behind(first: &str, rest: &str, lines: Vec<String>) -> Vec<String> {
    let lines = lines.into_iter().enumerate();
    lines.map(|(index, line)| format!("{}{line}", if index == 0 { first } else { rest })).collect()
}

/// Whether `text` without quotes is a string to every YAML reader, of 1.1 and 1.2, in block and in flow context.
fn is_plainly_a_string(text: &str) -> bool {
    const WORDS: [&str; 9] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null"];
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
    let goes_on = |byte: u8| byte.is_ascii_alphanumeric() || b"_./-".contains(&byte);
    starts_well && text.bytes().all(goes_on) && !WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// As a JSON string, which is a double-quoted YAML scalar as well.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() || "\u{2028}\u{2029}\u{feff}".contains(c) => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests;
