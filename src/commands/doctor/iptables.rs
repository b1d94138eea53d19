//! Reads what `iptables-save` prints.

use super::rules::{Chain, Family, Hook, Keeper, Rule, Test, Verdict, What};
use crate::config::Cidr;

/// The chains of the table `nat`. Lines that are no rule of it are passed over.
pub(super) fn read(text: &str, keeper: Keeper, family: Family) -> Vec<Chain> {
    read_table(text, "nat", keeper, family)
}

/// The same of another table; only chains of `nat` are asked by a hook that matters.
pub(super) fn read_table(text: &str, wanted: &str, keeper: Keeper, family: Family) -> Vec<Chain> {
    let mut chains: Vec<Chain> = Vec::new();
    let mut is_wanted = false;
    for line in text.lines() {
        if let Some(table) = line.strip_prefix('*') {
            is_wanted = table.trim() == wanted;
        } else if !is_wanted {
            continue;
        } else if let Some(rest) = line.strip_prefix(':') {
            let name = rest.split_ascii_whitespace().next().unwrap_or_default();
            let hook = match name {
                "PREROUTING" => Some((Hook::Prerouting, -100)),
                "OUTPUT" => Some((Hook::Output, -100)),
                _ => None,
            };
            let (table, name) = (wanted.to_owned(), name.to_owned());
            chains.push(Chain { keeper, family: Some(family), table, name, hook, rules: Vec::new() });
        } else if let Some(rest) = line.strip_prefix("-A ") {
            let words = words(rest);
            let Some((name, options)) = words.split_first() else { continue };
            if let Some(chain) = chains.iter_mut().find(|chain| chain.name == *name) {
                let mut rule = rule(options);
                rule.text = line.to_owned();
                rule.remove = Some(format!("{} -t {wanted} -D {rest}", program(keeper, family)));
                chain.rules.push(rule);
            }
        }
    }
    chains
}

fn program(keeper: Keeper, family: Family) -> &'static str {
    match (keeper, family) {
        (Keeper::Nft, Family::V4) => "iptables-nft",
        (Keeper::Nft, Family::V6) => "ip6tables-nft",
        (Keeper::Legacy, Family::V4) => "iptables-legacy",
        (Keeper::Legacy, Family::V6) => "ip6tables-legacy",
    }
}

/// Words between blanks; quotes hold one together.
pub(in crate::commands) fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut is_open, mut is_quoted) = (String::new(), false, false);
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' if is_quoted => word.extend(chars.next()),
            '"' => (is_quoted, is_open) = (!is_quoted, true),
            char if char.is_whitespace() && !is_quoted => {
                if is_open || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                is_open = false;
            }
            char => word.push(char),
        }
    }
    if is_open || !word.is_empty() {
        words.push(word);
    }
    words
}

fn rule(options: &[String]) -> Rule {
    let mut rule = Rule { tests: Vec::new(), verdict: Verdict::Next, text: String::new(), remove: None };
    let mut words = options.iter().map(String::as_str).peekable();
    let mut negated = false;
    let mut to_port = None;
    while let Some(option) = words.next() {
        if option == "!" {
            negated = true;
            continue;
        }
        let mut value = || words.next_if(|word| !word.starts_with('-') && *word != "!").unwrap_or_default();
        match option {
            "-m" | "--match" | "--comment" => drop(value()),
            "-j" | "--jump" => rule.verdict = verdict(value()),
            "-g" | "--goto" => rule.verdict = Verdict::Goto(value().to_owned()),
            "--to-ports" => to_port = value().split('-').next().and_then(|port| port.parse().ok()),
            _ => {
                let what = test(option, &mut value);
                // What an unknown target is told says nothing about the packet.
                if rule.verdict == Verdict::Next {
                    rule.tests.push(Test { negated, what });
                }
            }
        }
        negated = false;
    }
    if let (Verdict::Redirect(port), Some(to)) = (&mut rule.verdict, to_port) {
        *port = to;
    }
    rule
}

fn verdict(target: &str) -> Verdict {
    match target {
        "ACCEPT" => Verdict::Accept,
        "RETURN" => Verdict::Return,
        "DROP" | "REJECT" => Verdict::Drop,
        // The port follows; 0 keeps the one that was asked for.
        "REDIRECT" => Verdict::Redirect(0),
        "DNAT" | "NETMAP" | "TPROXY" => Verdict::Elsewhere,
        "LOG" | "NFLOG" | "MARK" | "CONNMARK" | "MASQUERADE" | "SNAT" | "TRACE" | "" => Verdict::Next,
        chain => Verdict::Jump(chain.to_owned()),
    }
}

fn test<'a>(option: &str, value: &mut impl FnMut() -> &'a str) -> What {
    match option {
        "-p" | "--protocol" => What::Tcp(matches!(value(), "tcp" | "6" | "all")),
        "--uid-owner" => ranges(value(), '-').map_or(What::Unknown, What::User),
        "--gid-owner" => ranges(value(), '-').map_or(What::Unknown, What::Group),
        "--dport" | "--dports" | "--destination-port" | "--destination-ports" => {
            ranges(value(), ':').map_or(What::Unknown, What::Port)
        }
        "-d" | "--destination" => Cidr::parse(value()).map_or(What::Some, |block| What::To(vec![block])),
        "-i" | "-o" | "--in-interface" | "--out-interface" => What::Through(vec![value().to_owned()]),
        "--syn" => What::New,
        "--tcp-flags" => match (value(), value()) {
            (_, "SYN") => What::New,
            _ => What::Unknown,
        },
        "--dst-type" => {
            if value() == "LOCAL" {
                What::Local
            } else {
                What::Some
            }
        }
        "--state" | "--ctstate" => {
            if value().contains("NEW") {
                What::New
            } else {
                What::Unknown
            }
        }
        "-s" | "--source" | "--sport" | "--sports" | "--source-port" | "--src-type" => {
            value();
            What::Some
        }
        _ => {
            value();
            What::Unknown
        }
    }
}

/// `1,3-5`, with this between the ends of a range.
pub(super) fn ranges(text: &str, to: char) -> Option<Vec<(u32, u32)>> {
    let range = |item: &str| {
        let (low, high) = item.split_once(to).unwrap_or((item, item));
        Some((low.trim().parse().ok()?, high.trim().parse().ok()?))
    };
    text.split(',').map(range).collect()
}
