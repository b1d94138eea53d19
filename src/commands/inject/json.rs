//! JSON documents, one after the other, to a [`Tree`].

use super::tree::{Broken, DEEPEST, Id, Kind, Node, Tree};
use super::value::Scalar;

/// Reads a chunk: any number of values with white space between.
pub(super) fn read(text: &str) -> Result<Tree, Broken> {
    let mut reading = Reading { text, at: 0, tree: Tree::over(text) };
    while reading.peek().is_some() {
        let root = reading.value(0)?;
        reading.tree.roots.push(root);
    }
    Ok(reading.tree)
}

struct Reading<'a> {
    text: &'a str,
    at: usize,
    tree: Tree,
}

impl Reading<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next byte that is not white space, which is passed over.
    fn peek(&mut self) -> Option<u8> {
        self.at = self.text.len() - self.rest().trim_start_matches([' ', '\t', '\r', '\n']).len();
        self.rest().bytes().next()
    }

    fn broken<T>(&self, why: &str) -> Result<T, Broken> {
        Err(Broken { line: self.tree.line_at(self.at), why: why.to_owned() })
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self, depth: usize) -> Result<Id, Broken> {
        if depth >= DEEPEST {
            return self.broken(&format!("deeper than {DEEPEST} levels"));
        }
        match self.peek() {
            Some(b'{') => self.map(depth),
            Some(b'[') => self.seq(depth),
            Some(b'"') => self.string(),
            Some(_) => self.bare(),
            None => self.broken("the JSON ends too early"),
        }
    }

    fn add(&mut self, start: usize, kind: Kind) -> Id {
        let open = Some(start).filter(|_| matches!(kind, Kind::Seq(_) | Kind::Map(_)));
        self.tree.add(Node { start, end: self.at, kind, open })
    }

    fn map(&mut self, depth: usize) -> Result<Id, Broken> {
        let start = self.at;
        self.at += 1;
        let mut entries = Vec::new();
        while !self.take(b'}') {
            if !entries.is_empty() && !self.take(b',') {
                return self.broken("expected \",\" or \"}\"");
            }
            if self.peek() != Some(b'"') {
                return self.broken("expected a key in double quotes");
            }
            let key = self.string()?;
            if !self.take(b':') {
                return self.broken("expected \":\"");
            }
            entries.push((key, self.value(depth + 1)?));
        }
        let map = self.add(start, Kind::Map(entries));
        match self.tree.twice(map) {
            Some(key) => {
                let name = self.tree.text(key).unwrap_or_default();
                let line = self.tree.line(key);
                Err(Broken { line, why: format!("the key {name:?} stands here a second time") })
            }
            None => Ok(map),
        }
    }

    fn seq(&mut self, depth: usize) -> Result<Id, Broken> {
        let start = self.at;
        self.at += 1;
        let mut items = Vec::new();
        while !self.take(b']') {
            if !items.is_empty() && !self.take(b',') {
                return self.broken("expected \",\" or \"]\"");
            }
            items.push(self.value(depth + 1)?);
        }
        Ok(self.add(start, Kind::Seq(items)))
    }

    /// A number, `true`, `false` or `null`.
    fn bare(&mut self) -> Result<Id, Broken> {
        let start = self.at;
        let rest = self.rest();
        let text = &rest
            [..rest.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c)).unwrap_or(rest.len())];
        if !(matches!(text, "true" | "false" | "null") || is_number(text)) {
            return self.broken("expected a JSON value");
        }
        let text = text.to_owned();
        self.at += text.len();
        Ok(self.add(start, Kind::Scalar(Scalar { text, plain: true, tag: None })))
    }

    fn string(&mut self) -> Result<Id, Broken> {
        let start = self.at;
        let mut text = String::new();
        self.at += 1;
        loop {
            let mut rest = self.rest().chars();
            let Some(next) = rest.next() else { return self.broken("a string without its end") };
            self.at += next.len_utf8();
            match next {
                '"' => break,
                '\\' => self.escape(&mut text)?,
                c if c < ' ' => return self.broken("a control character in a string"),
                c => text.push(c),
            }
        }
        Ok(self.add(start, Kind::Scalar(Scalar { text, plain: false, tag: None })))
    }

    /// What follows a backslash. Half a surrogate pair is what Go makes of it: U+FFFD.
    fn escape(&mut self, text: &mut String) -> Result<(), Broken> {
        let Some(kind) = self.rest().chars().next() else { return self.broken("a string without its end") };
        self.at += kind.len_utf8();
        text.push(match kind {
            '"' | '\\' | '/' => kind,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => self.unicode()?,
            _ => return self.broken("an unknown escape in a string"),
        });
        Ok(())
    }

    fn unicode(&mut self) -> Result<char, Broken> {
        let high = self.hex()?;
        let back = self.at;
        if (0xd800..0xdc00).contains(&high) && self.rest().starts_with("\\u") {
            self.at += 2;
            let low = self.hex()?;
            if (0xdc00..0xe000).contains(&low) {
                let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = back;
        }
        Ok(char::from_u32(high).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex(&mut self) -> Result<u32, Broken> {
        let digits = self.rest().get(..4).filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let Some(code) = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) else {
            return self.broken("\"\\u\" without four hexadecimal digits");
        };
        self.at += 4;
        Ok(code)
    }
}

/// RFC 8259, section 6.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let whole = whole.strip_prefix('-').unwrap_or(whole);
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    digits(whole) && (whole.len() == 1 || !whole.starts_with('0')) && digits(fraction) && digits(exponent)
}
