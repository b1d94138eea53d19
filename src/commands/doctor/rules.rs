//! The packet filter's NAT rules in one form, whichever program wrote them, and what they do to a connection.

use std::net::IpAddr;

use crate::config::Cidr;

/// Rules looked at for one connection; a host of Kubernetes may have tens of thousands. Beyond it the answer is in doubt.
const MOST_STEPS: usize = 200_000;
/// Chains within chains; the kernel allows 16.
const MOST_DEPTH: usize = 16;

/// Who keeps the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keeper {
    /// nftables, whether by `nft` or by `iptables-nft`.
    Nft,
    /// The older tables of `iptables-legacy`.
    Legacy,
}

/// IP version 4 or 6.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    pub(super) const BOTH: [Family; 2] = [Family::V4, Family::V6];

    pub(super) fn of(ip: IpAddr) -> Family {
        if ip.is_ipv4() { Family::V4 } else { Family::V6 }
    }

    /// As nftables has it.
    pub(super) fn table(self) -> &'static str {
        match self {
            Family::V4 => "ip",
            Family::V6 => "ip6",
        }
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        }
    }
}

/// Where a chain is called by the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hook {
    Prerouting,
    Output,
}

/// A chain of NAT rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) keeper: Keeper,
    /// None: both.
    pub(super) family: Option<Family>,
    /// Chains jump within their table only.
    pub(super) table: String,
    pub(super) name: String,
    /// Set for a base chain: its hook and its priority, lowest first.
    pub(super) hook: Option<(Hook, i32)>,
    pub(super) rules: Vec<Rule>,
}

impl Chain {
    /// One of its rules, for people.
    fn name_of(&self, rule: &Rule) -> String {
        let family = self.family.map_or("inet", Family::table);
        format!("table {family} {}, chain {}: {}", self.table, self.name, rule.text)
    }
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    /// All must hold.
    pub(super) tests: Vec<Test>,
    pub(super) verdict: Verdict,
    /// As its program prints it.
    pub(super) text: String,
    /// A command that takes it away, where one can be given.
    pub(super) remove: Option<String>,
}

/// One condition of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Test {
    pub(super) negated: bool,
    pub(super) what: What,
}

/// What a condition asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum What {
    /// Whether TCP is among the protocols.
    Tcp(bool),
    Family(Family),
    User(Vec<(u32, u32)>),
    Group(Vec<(u32, u32)>),
    Port(Vec<(u32, u32)>),
    To(Vec<Cidr>),
    /// An address of this host.
    Local,
    /// Interfaces, by name; a `+` or `*` at the end stands for any rest.
    Through(Vec<String>),
    /// The first packet of a connection: always so for NAT.
    New,
    /// Any other condition about the packet; some connections meet it.
    Some,
    /// One that is not understood.
    Unknown,
}

/// What becomes of a packet that meets a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The next rule.
    Next,
    Accept,
    Return,
    Drop,
    Redirect(u16),
    /// Another target, on this host or not.
    Elsewhere,
    Jump(String),
    Goto(String),
}

/// A new TCP connection. What is `None` may be anything.
#[derive(Debug, Clone, Copy)]
pub(super) struct Connection {
    pub(super) hook: Hook,
    pub(super) family: Family,
    pub(super) user: Option<u32>,
    pub(super) group: Option<u32>,
    pub(super) to: Option<IpAddr>,
    pub(super) port: Option<u16>,
    /// Whether it stays on this host, and so on the interface `lo`.
    pub(super) is_local: bool,
}

/// One thing that may become of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) end: End,
    /// It hangs on a condition that is not understood here.
    pub(super) is_doubtful: bool,
    /// The rule that did it, with its table and its chain; `None`: no rule did.
    pub(super) by: Option<String>,
    /// The command that takes the rule away that did it.
    pub(super) remove: Option<String>,
}

/// Where a connection goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Where it wanted to.
    Straight,
    /// To this port of ours.
    Redirected(u16),
    /// Dropped, or sent to another place.
    Elsewhere,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    No,
    Maybe,
    Doubt,
    Yes,
}

impl Test {
    fn ask(&self, connection: &Connection) -> Answer {
        let sure = |holds: bool| if holds { Answer::Yes } else { Answer::No };
        let within = |ranges: &[(u32, u32)], number: Option<u32>, unknown: Answer| match number {
            Some(number) => sure(ranges.iter().any(|&(low, high)| low <= number && number <= high)),
            None => unknown,
        };
        let answer = match &self.what {
            What::Tcp(is_meant) => sure(*is_meant),
            What::Family(family) => sure(*family == connection.family),
            // Only what this host sends has a user.
            What::User(_) | What::Group(_) if connection.hook == Hook::Prerouting => return Answer::No,
            What::User(users) => within(users, connection.user, Answer::Maybe),
            What::Group(groups) => within(groups, connection.group, Answer::Doubt),
            What::Port(ports) => within(ports, connection.port.map(u32::from), Answer::Maybe),
            What::To(blocks) => match connection.to {
                Some(ip) => sure(blocks.iter().any(|block| block.contains(ip))),
                // As the rules of Docker's name server have it.
                None if !connection.is_local && blocks.iter().all(|block| block.is_loopback()) => Answer::No,
                None => Answer::Maybe,
            },
            What::Local => match (connection.is_local, connection.hook) {
                (false, Hook::Output) => Answer::No,
                _ => Answer::Yes,
            },
            What::Through(names) => through(names, connection.is_local),
            What::New => Answer::Yes,
            What::Some => Answer::Maybe,
            What::Unknown => Answer::Doubt,
        };
        match (answer, self.negated) {
            (Answer::Yes, true) => Answer::No,
            (Answer::No, true) => Answer::Yes,
            (answer, _) => answer,
        }
    }
}

fn through(names: &[String], is_local: bool) -> Answer {
    if names.iter().any(|name| name == "*" || name == "+") {
        return Answer::Yes;
    }
    match (names.iter().any(|name| name == "lo"), is_local) {
        (true, true) => Answer::Yes,
        (false, true) => Answer::No,
        (true, false) if names.len() == 1 => Answer::No,
        _ => Answer::Maybe,
    }
}

/// All that may become of it, in the order of the rules that do it. Never empty.
pub(super) fn walk(chains: &[Chain], connection: &Connection) -> Vec<Outcome> {
    let mut bases: Vec<(i32, &Chain)> = Vec::new();
    for chain in chains {
        let fits = chain.family.is_none_or(|family| family == connection.family);
        match chain.hook {
            Some((hook, priority)) if hook == connection.hook && fits => bases.push((priority, chain)),
            _ => {}
        }
    }
    bases.sort_by_key(|&(priority, _)| priority);
    let mut walk = Walk { chains, connection, steps: 0, outcomes: Vec::new(), accepted: None };
    let mut alive = Some(false);
    for (_, chain) in bases {
        let Some(doubt) = alive else { break };
        walk.accepted = None;
        let fell = walk.chain(chain, doubt, 0);
        alive = either(fell, walk.accepted);
    }
    if let Some(doubt) = alive {
        walk.reach(End::Straight, doubt, None);
    }
    walk.outcomes
}

struct Walk<'a> {
    chains: &'a [Chain],
    connection: &'a Connection,
    steps: usize,
    outcomes: Vec<Outcome>,
    /// Whether some got past this base chain by ACCEPT, and whether that is in doubt.
    accepted: Option<bool>,
}

/// A way that is sure is better than one in doubt.
fn either(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a && b),
        (a, b) => a.or(b),
    }
}

impl Walk<'_> {
    fn reach(&mut self, end: End, is_doubtful: bool, place: Option<(&Chain, &Rule)>) {
        let name = |(chain, rule): (&Chain, &Rule)| chain.name_of(rule);
        let remove = place.and_then(|(_, rule)| rule.remove.clone());
        if let Some(known) = self.outcomes.iter_mut().find(|known| known.end == end) {
            if known.is_doubtful && !is_doubtful {
                (known.by, known.remove) = (place.map(name), remove);
            }
            known.is_doubtful &= is_doubtful;
        } else {
            self.outcomes.push(Outcome { end, is_doubtful, by: place.map(name), remove });
        }
    }

    /// Goes through a chain; says whether some connections come out at its end, and whether that is in doubt.
    fn chain(&mut self, chain: &Chain, doubt: bool, depth: usize) -> Option<bool> {
        if depth > MOST_DEPTH {
            return Some(true);
        }
        let (mut alive, mut left) = (Some(doubt), None);
        for rule in &chain.rules {
            let Some(doubt) = alive else { break };
            self.steps += 1;
            if self.steps > MOST_STEPS {
                return Some(true);
            }
            let answer =
                rule.tests.iter().map(|test| test.ask(self.connection)).min_by_key(|answer| match answer {
                    Answer::No => 0,
                    Answer::Doubt => 1,
                    Answer::Maybe => 2,
                    Answer::Yes => 3,
                });
            let answer = answer.unwrap_or(Answer::Yes);
            if answer == Answer::No || rule.verdict == Verdict::Next {
                continue;
            }
            let met = doubt || answer == Answer::Doubt;
            let passed = match answer {
                Answer::Yes => None,
                Answer::Doubt => Some(true),
                _ => Some(doubt),
            };
            let (back, returned) = self.obey(rule, chain, met, depth);
            left = either(left, returned);
            alive = either(passed, back);
        }
        either(alive, left)
    }

    /// What a met rule does: who goes on to the next rule, and who leaves the chain.
    fn obey(
        &mut self,
        rule: &Rule,
        chain: &Chain,
        doubt: bool,
        depth: usize,
    ) -> (Option<bool>, Option<bool>) {
        let place = Some((chain, rule));
        match &rule.verdict {
            Verdict::Next => return (Some(doubt), None),
            Verdict::Return => return (None, Some(doubt)),
            Verdict::Accept => self.accepted = either(self.accepted, Some(doubt)),
            Verdict::Drop | Verdict::Elsewhere => self.reach(End::Elsewhere, doubt, place),
            Verdict::Redirect(port) => self.reach(End::Redirected(*port), doubt, place),
            Verdict::Jump(name) | Verdict::Goto(name) => {
                let same = |other: &&Chain| {
                    (other.keeper, other.family, &other.table) == (chain.keeper, chain.family, &chain.table)
                        && other.name == *name
                };
                let chains = self.chains;
                let back = match chains.iter().find(same) {
                    Some(target) => self.chain(target, doubt, depth + 1),
                    None => Some(true),
                };
                let is_goto = matches!(rule.verdict, Verdict::Goto(_));
                return if is_goto { (None, back) } else { (back, None) };
            }
        }
        (None, None)
    }
}

/// The first rule that may drop or reject such a connection, with its table and chain, and the command that takes it away. Rules before
/// it that let the connection pass are not looked at.
pub(super) fn dropper(chains: &[Chain], connection: &Connection) -> Option<(String, Option<String>)> {
    let fits = |chain: &&Chain| chain.family.is_none_or(|family| family == connection.family);
    let mut rules =
        chains.iter().filter(fits).flat_map(|chain| chain.rules.iter().map(move |it| (chain, it)));
    let is_met = |rule: &Rule| rule.tests.iter().all(|test| test.ask(connection) != Answer::No);
    let (chain, rule) = rules.find(|(_, rule)| rule.verdict == Verdict::Drop && is_met(rule))?;
    Some((chain.name_of(rule), rule.remove.clone()))
}

/// The ports that any rule of this keeper redirects to.
pub(super) fn redirects(chains: &[Chain], keeper: Keeper) -> Vec<u16> {
    let rules = chains.iter().filter(|chain| chain.keeper == keeper).flat_map(|chain| &chain.rules);
    rules
        .filter_map(|rule| match rule.verdict {
            Verdict::Redirect(port) => Some(port),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests;
