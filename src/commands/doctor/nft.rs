//! Reads what `nft -nn -a list ruleset` prints.

use super::iptables::ranges;
use super::rules::{Chain, Family, Hook, Keeper, Rule, Test, Verdict, What};
use crate::commands::init::nft::TABLE;
use crate::config::Cidr;

/// The NAT chains of the tables `ip`, `ip6` and `inet`, and the chains that these can jump to.
pub(super) fn read(text: &str) -> Vec<Chain> {
    // A table without NAT has nothing to jump to from it.
    let is_of_nat = |chains: &[Chain]| chains.iter().any(|chain| chain.hook.is_some());
    tables(text, false).into_iter().filter(|chains| is_of_nat(chains)).flatten().collect()
}

/// The chains of these tables, whatever they are for; only those of NAT have a hook.
pub(super) fn read_all(text: &str) -> Vec<Chain> {
    tables(text, true).concat()
}

fn tables(text: &str, is_all: bool) -> Vec<Vec<Chain>> {
    let tokens = tokens(text);
    let mut reader = Reader { tokens: &tokens, at: 0, is_all };
    let mut tables = Vec::new();
    while let Some(token) = reader.next() {
        if token != "table" {
            continue;
        }
        let (family, name) = (reader.next().unwrap_or_default(), reader.next().unwrap_or_default());
        let family = match family {
            "ip" => Some(Some(Family::V4)),
            "ip6" => Some(Some(Family::V6)),
            "inet" => Some(None),
            _ => None,
        };
        reader.until("{");
        let found = reader.table(family.flatten(), name);
        if family.is_some() {
            tables.push(found);
        }
    }
    tables
}

/// Words, signs of their own, quoted texts with one `"` before them, and `\n`. Comments are left out.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        for (index, part) in line.split('"').enumerate() {
            if index % 2 == 1 {
                tokens.push(format!("\"{part}"));
                continue;
            }
            let spaced: String = part.chars().flat_map(apart).collect();
            tokens.extend(spaced.split_whitespace().map(str::to_owned));
        }
        tokens.push("\n".to_owned());
    }
    tokens
}

/// Blanks around the signs that stand alone.
fn apart(char: char) -> impl Iterator<Item = char> {
    let is_sign = matches!(char, '{' | '}' | ',' | ';');
    let blank = is_sign.then_some(' ');
    blank.into_iter().chain([char]).chain(blank)
}

struct Reader<'a> {
    tokens: &'a [String],
    at: usize,
    /// Base chains of something else than NAT are kept, too.
    is_all: bool,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> &'a str {
        self.tokens.get(self.at).map_or("", String::as_str)
    }

    fn next(&mut self) -> Option<&'a str> {
        let token = self.tokens.get(self.at)?;
        self.at += 1;
        Some(token)
    }

    fn until(&mut self, end: &str) {
        while self.next().is_some_and(|token| token != end) {}
    }

    /// Past the brace that closes the one that was just read.
    fn skip_block(&mut self) {
        let mut depth = 1;
        while depth > 0 {
            match self.next() {
                Some("{") => depth += 1,
                Some("}") => depth -= 1,
                Some(_) => {}
                None => return,
            }
        }
    }

    fn table(&mut self, family: Option<Family>, table: &str) -> Vec<Chain> {
        let mut chains = Vec::new();
        while let Some(token) = self.next() {
            match token {
                "}" => break,
                "chain" => {
                    let name = self.next().unwrap_or_default().to_owned();
                    self.until("{");
                    let (table, keeper) = (table.to_owned(), Keeper::Nft);
                    let mut chain = Chain { keeper, family, table, name, hook: None, rules: Vec::new() };
                    if self.chain(&mut chain) || self.is_all {
                        chains.push(chain);
                    }
                }
                "{" => self.skip_block(),
                _ => {}
            }
        }
        chains
    }

    /// Fills it; false: it is the base of something else than redirection.
    fn chain(&mut self, chain: &mut Chain) -> bool {
        let mut is_ours = true;
        loop {
            match self.peek() {
                "" => return is_ours,
                "}" => {
                    self.at += 1;
                    return is_ours;
                }
                "\n" | ";" => self.at += 1,
                // The chain's own handle.
                "#" => self.until("\n"),
                "policy" | "comment" => self.until("\n"),
                "type" => {
                    chain.hook = self.hook();
                    is_ours = chain.hook.is_some();
                }
                _ => {
                    let mut rule = self.rule();
                    rule.remove = self.handle().and_then(|handle| remove(chain, handle));
                    chain.rules.push(rule);
                }
            }
        }
    }

    /// `type nat hook output priority -100;`, up to the semicolon.
    fn hook(&mut self) -> Option<(Hook, i32)> {
        let mut words = Vec::new();
        while !matches!(self.peek(), ";" | "\n" | "") {
            words.extend(self.next());
        }
        let ["type", "nat", "hook", hook, .., priority] = words.as_slice() else { return None };
        let hook = match *hook {
            "prerouting" => Hook::Prerouting,
            "output" => Hook::Output,
            _ => return None,
        };
        // By name, where this nft has no numbers.
        Some((hook, priority.parse().unwrap_or(-100)))
    }

    fn rule(&mut self) -> Rule {
        let start = self.at;
        let mut rule = Rule { tests: Vec::new(), verdict: Verdict::Next, text: String::new(), remove: None };
        loop {
            let token = match self.peek() {
                "" | "\n" | ";" | "}" | "#" => break,
                token => token,
            };
            self.at += 1;
            match token {
                "accept" => rule.verdict = Verdict::Accept,
                "return" => rule.verdict = Verdict::Return,
                "drop" => rule.verdict = Verdict::Drop,
                "reject" => {
                    rule.verdict = Verdict::Drop;
                    self.rest();
                }
                "dnat" | "tproxy" | "queue" => {
                    rule.verdict = Verdict::Elsewhere;
                    self.rest();
                }
                "jump" => rule.verdict = Verdict::Jump(self.next().unwrap_or_default().to_owned()),
                "goto" => rule.verdict = Verdict::Goto(self.next().unwrap_or_default().to_owned()),
                "redirect" => rule.verdict = Verdict::Redirect(self.port()),
                "counter" => {
                    while matches!(self.peek(), "packets" | "bytes") {
                        self.at += 2;
                    }
                }
                "log" | "comment" | "masquerade" | "snat" => self.rest(),
                _ => self.tests(token, &mut rule.tests),
            }
        }
        rule.text = self.tokens.get(start..self.at).map(text).unwrap_or_default();
        rule
    }

    /// `# handle 4`, which follows a rule with `nft -a`.
    fn handle(&mut self) -> Option<u64> {
        if self.peek() != "#" {
            return None;
        }
        let start = self.at;
        self.until("\n");
        let words = self.tokens.get(start..self.at)?;
        let at = words.iter().rposition(|word| word == "handle")?;
        words.get(at + 1)?.parse().ok()
    }

    /// What is left of the rule, up to a comment.
    fn rest(&mut self) {
        while !matches!(self.peek(), "" | "\n" | ";" | "}" | "#") {
            if self.next() == Some("{") {
                self.skip_block();
            }
        }
    }

    /// `to :4140`; 0 keeps the port that was asked for.
    fn port(&mut self) -> u16 {
        if self.peek() != "to" {
            return 0;
        }
        self.at += 1;
        let to = self.next().unwrap_or_default();
        to.trim_start_matches(':').split('-').next().and_then(|port| port.parse().ok()).unwrap_or(0)
    }

    /// One condition, which begins with `first`.
    fn tests(&mut self, first: &str, tests: &mut Vec<Test>) {
        let key = match first {
            "meta" | "tcp" | "th" | "ip" | "ip6" | "ct" => self.next().unwrap_or_default(),
            _ => first,
        };
        if (first, key) == ("tcp", "flags") {
            return tests.push(self.flags());
        }
        let mut push = |negated, what| tests.push(Test { negated, what });
        match first {
            "tcp" => push(false, What::Tcp(true)),
            "udp" | "sctp" | "dccp" | "icmp" | "icmpv6" => push(false, What::Tcp(false)),
            "ip" => push(false, What::Family(Family::V4)),
            "ip6" => push(false, What::Family(Family::V6)),
            "fib" => {
                while !matches!(self.peek(), "type" | "oif" | "oifname" | "\n" | "") {
                    self.at += 1;
                }
                let is_type = self.next() == Some("type");
                let (negated, values) = self.values();
                let is_local = is_type && matches!(values.as_slice(), ["local" | "2"]);
                return push(negated, if is_local { What::Local } else { What::Unknown });
            }
            _ => {}
        }
        let (negated, values) = self.values();
        if let Some(what) = what(first, key, &values) {
            push(negated, what);
        }
    }

    /// `syn / fin,syn,rst,ack` or `& (fin | syn | rst | ack) != syn`: whether it is the first packet of a connection.
    fn flags(&mut self) -> Test {
        const ENDS: [&str; 13] = [
            "accept", "return", "drop", "reject", "redirect", "dnat", "jump", "goto", "counter", "comment",
            "\n", "", "#",
        ];
        let (mut negated, mut value) = (false, self.peek());
        while !ENDS.contains(&self.peek()) {
            if let Some(sign @ ("!=" | "==")) = self.next() {
                (negated, value) = (sign == "!=", self.peek());
            }
        }
        let what = if matches!(value, "syn" | "0x2" | "0x02") { What::New } else { What::Unknown };
        Test { negated, what }
    }

    /// What a condition compares with: one value or a set.
    fn values(&mut self) -> (bool, Vec<&'a str>) {
        let mut negated = false;
        while matches!(self.peek(), "!=" | "==" | "&" | "|") {
            negated |= self.next() == Some("!=");
        }
        if self.peek() == "vmap" {
            self.rest();
            return (false, vec!["vmap"]);
        }
        if self.peek() != "{" {
            return (negated, self.next().into_iter().collect());
        }
        self.at += 1;
        let mut values = Vec::new();
        while let Some(token) = self.next().filter(|&token| token != "}") {
            if token != "," && token != "\n" {
                values.push(token);
            }
        }
        (negated, values)
    }
}

/// As it was printed.
fn text(tokens: &[String]) -> String {
    let word = |token: &String| match token.strip_prefix('"') {
        Some(quoted) => format!("\"{quoted}\""),
        None => token.clone(),
    };
    tokens.iter().filter(|token| *token != "\n").map(word).collect::<Vec<_>>().join(" ")
}

/// The command that takes a rule away. `wayside init` puts other rules in the place of its own, and needs none.
fn remove(chain: &Chain, handle: u64) -> Option<String> {
    let family = chain.family.map_or("inet", Family::table);
    let (table, name) = (&chain.table, &chain.name);
    let is_own = format!("{family} {table}") == TABLE;
    (!is_own).then(|| format!("nft delete rule {family} {table} {name} handle {handle}"))
}

/// What is asked. None: it is always so here.
fn what(first: &str, key: &str, values: &[&str]) -> Option<What> {
    let numbers = || ranges(&values.join(","), '-');
    Some(match (first, key) {
        (_, "l4proto" | "protocol" | "nexthdr") => {
            What::Tcp(values.iter().any(|&value| matches!(value, "tcp" | "6")))
        }
        (_, "nfproto") => match values {
            ["ipv4" | "2"] => What::Family(Family::V4),
            ["ipv6" | "10"] => What::Family(Family::V6),
            _ => What::Some,
        },
        (_, "skuid") => numbers().map_or(What::Unknown, What::User),
        (_, "skgid") => numbers().map_or(What::Unknown, What::Group),
        ("tcp" | "th", "dport") => numbers().map_or(What::Some, What::Port),
        ("ip" | "ip6", "daddr") => {
            let blocks: Result<_, _> = values.iter().map(|value| Cidr::parse(value)).collect();
            blocks.map_or(What::Some, What::To)
        }
        (_, "iif" | "oif" | "iifname" | "oifname") => {
            What::Through(values.iter().map(|name| name.trim_start_matches('"').to_owned()).collect())
        }
        ("ip" | "ip6", "saddr") | ("tcp" | "th", "sport") => What::Some,
        ("ct", "state") if values.contains(&"new") || values.contains(&"0x8") => What::New,
        ("udp" | "sctp" | "dccp" | "icmp" | "icmpv6", _) => return None,
        _ => What::Unknown,
    })
}
