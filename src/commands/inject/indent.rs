//! Lines in brackets or quotes that stand further left than YAML 1.2 lets them: kubectl takes them, the parser that we use does not.

/// The least room that moving lines may take; beyond it, as much as the text itself.
const LEAST: usize = 64 << 10;

/// `text` with such lines moved to the right, where they mean the same; and for each character the byte in `text` that it
/// comes from. `None` where there are none, or where this made it more than twice as long.
pub(super) fn moved(text: &str) -> Option<(String, Vec<usize>)> {
    let (mut out, mut bytes) = (String::with_capacity(text.len()), Vec::with_capacity(text.len()));
    let most = text.len() + text.len().max(LEAST);
    let (mut state, mut at) = (State::default(), 0);
    for line in text.split_inclusive('\n') {
        let missing = state.missing(line);
        if out.len() + missing + line.len() > most {
            return None;
        }
        out.extend(std::iter::repeat_n(' ', missing));
        bytes.extend(std::iter::repeat_n(at, missing));
        out.push_str(line);
        bytes.extend(line.char_indices().map(|(offset, _)| at + offset));
        state.pass(line);
        at += line.len();
    }
    (out.len() > text.len()).then_some((out, bytes))
}

/// Where a line begins.
#[derive(Default)]
struct State {
    /// Brackets that are open.
    brackets: usize,
    /// The quotation mark that is open.
    quote: Option<char>,
    /// The column that the lines in brackets or quotes must reach.
    column: usize,
    /// In a block scalar: the column that its lines are beyond.
    block: Option<usize>,
}

impl State {
    /// The spaces that a line lacks.
    fn missing(&self, line: &str) -> usize {
        let inside = self.brackets > 0 || self.quote.is_some();
        if !inside || line.trim().is_empty() { 0 } else { self.column.saturating_sub(spaces(line)) }
    }

    fn pass(&mut self, line: &str) {
        if let Some(column) = self.block {
            if line.trim().is_empty() || spaces(line) > column {
                return;
            }
            self.block = None;
        }
        let lead = line.len() - line.trim_start_matches([' ', '-', '?']).len();
        if self.brackets == 0 && self.quote.is_none() {
            self.column = lead + 1;
        }
        self.read(line, lead);
    }

    /// The characters of a line; before `lead` are spaces and the indicators of entries.
    fn read(&mut self, line: &str, lead: usize) {
        // Whether a node may begin here: what begins later is part of a plain scalar.
        let mut may_begin = true;
        let (mut before, mut word) = (' ', ' ');
        let mut rest = line.char_indices();
        while let Some((at, c)) = rest.next() {
            let next = line.get(at + 1..).and_then(|rest| rest.chars().next());
            match (self.quote, c) {
                (Some('"'), '\\') => _ = rest.next(),
                (Some('\''), '\'') if next == Some('\'') => _ = rest.next(),
                (Some(quote), c) if quote == c => (self.quote, may_begin) = (None, false),
                (Some(_), _) => {}
                (None, '#') if before.is_whitespace() => break,
                (None, '"' | '\'') if may_begin => self.quote = Some(c),
                (None, '[' | '{') if may_begin || self.brackets > 0 => {
                    (self.brackets, may_begin) = (self.brackets + 1, true);
                }
                (None, ']' | '}') if self.brackets > 0 => {
                    (self.brackets, may_begin) = (self.brackets - 1, false);
                }
                (None, ',' | ':') if self.brackets > 0 => may_begin = true,
                (None, '|' | '>') if may_begin && self.brackets == 0 => {
                    self.block = Some(if at <= lead { at.saturating_sub(2) } else { lead });
                    return;
                }
                // After a tag, an anchor or an indicator.
                (None, c) if c.is_whitespace() => may_begin |= "!&:-?".contains(word),
                (None, _) => may_begin = false,
            }
            let starts_word = before.is_whitespace() || c == ':' || word == ':';
            if self.quote.is_none() && !c.is_whitespace() && starts_word {
                word = c;
            }
            before = c;
        }
    }
}

fn spaces(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}
