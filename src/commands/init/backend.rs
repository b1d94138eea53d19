//! Which packet filter takes the rules, what of ours is in each, and how it is put there and taken away.

use super::iptables::{self, Found};
use super::nft;
use super::program::{self, Failure};
use crate::config::redirect::Redirect;
use std::str::FromStr;

/// `--backend`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// `nft`.
    Nft,
    /// `iptables`: whichever the host calls so.
    Iptables,
    /// `iptables-nft` or `iptables-legacy`.
    Variant(Variant),
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Choice, String> {
        match text {
            "nft" => Ok(Choice::Nft),
            "iptables" => Ok(Choice::Iptables),
            "iptables-nft" => Ok(Choice::Variant(Variant::Nft)),
            "iptables-legacy" => Ok(Choice::Variant(Variant::Legacy)),
            _ => Err("write nft, iptables, iptables-nft or iptables-legacy".to_owned()),
        }
    }
}

/// The two programs that are called iptables: one feeds nftables, one the older tables. Rules of one are not seen by the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// `iptables-nft`.
    Nft,
    /// `iptables-legacy`.
    Legacy,
}

/// A packet filter, by the programs that talk to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// `nft`.
    Nft,
    /// `iptables...-restore` and its kin: the variant, and what follows `iptables` in the names.
    Iptables(Variant, &'static str),
}

/// What is fed to a program.
struct Step {
    program: String,
    input: String,
}

impl Backend {
    /// The one that is asked for, else the first that is there.
    pub fn choose(choice: Option<Choice>) -> Result<Backend, Failure> {
        let plain = || program::find("iptables-restore").map(|_| Backend::Iptables(plain_variant(), ""));
        let there = |backend: Backend| backend.is_installed().then_some(backend);
        let variant = |variant| there(Backend::Iptables(variant, variant.suffix()));
        let any = || plain().or_else(|| variant(Variant::Nft)).or_else(|| variant(Variant::Legacy));
        let (found, name) = match choice {
            None => return there(Backend::Nft).or_else(any).ok_or(Failure::NoBackend),
            Some(Choice::Nft) => (there(Backend::Nft), "nft"),
            Some(Choice::Iptables) => (any(), "iptables"),
            Some(Choice::Variant(kind)) => (variant(kind), Backend::Iptables(kind, kind.suffix()).name()),
        };
        found.ok_or_else(|| Failure::NoProgram(name.to_owned()))
    }

    /// The same where nothing is to be loaded: what is not there can still be printed for.
    pub fn to_print(choice: Option<Choice>) -> Backend {
        Backend::choose(choice).unwrap_or(match choice {
            None | Some(Choice::Nft) => Backend::Nft,
            Some(Choice::Iptables) => Backend::Iptables(Variant::Nft, ""),
            Some(Choice::Variant(variant)) => Backend::Iptables(variant, variant.suffix()),
        })
    }

    /// All that are installed, each once.
    pub fn installed() -> Vec<Backend> {
        let plain = Backend::Iptables(plain_variant(), "");
        let all = [
            Backend::Nft,
            Backend::Iptables(Variant::Nft, "-nft"),
            Backend::Iptables(Variant::Legacy, "-legacy"),
            plain,
        ];
        let mut found: Vec<Backend> = Vec::new();
        for backend in all.into_iter().filter(|backend| backend.is_installed()) {
            if !found.iter().any(|other| other.is_same(backend)) {
                found.push(backend);
            }
        }
        found
    }

    /// As `--backend` has it.
    pub fn name(self) -> &'static str {
        match self {
            Backend::Nft => "nft",
            Backend::Iptables(Variant::Nft, _) => "iptables-nft",
            Backend::Iptables(Variant::Legacy, _) => "iptables-legacy",
        }
    }

    /// Whether both lead to the same tables.
    pub fn is_same(self, other: Backend) -> bool {
        self.name() == other.name()
    }

    fn is_installed(self) -> bool {
        let program = match self {
            Backend::Nft => "nft".to_owned(),
            Backend::Iptables(_, suffix) => format!("iptables{suffix}-restore"),
        };
        program::find(&program).is_some()
    }

    /// What [`load`](Backend::load) would feed now, as it stands. Where the present rules cannot be read, there are none.
    pub fn print_load(self, plan: &Redirect) -> String {
        self.loading(plan, |is_ipv4| Ok(self.found(is_ipv4).unwrap_or_default()))
            .map_or_else(|_| String::new(), printed)
    }

    /// The same of [`unload`](Backend::unload).
    pub fn print_unload(self) -> String {
        self.unloading(|is_ipv4| Ok(self.found(is_ipv4).unwrap_or_default()))
            .map_or_else(|_| String::new(), printed)
    }

    /// Puts the rules there, in place of what an earlier run of ours left there.
    pub fn load(self, plan: &Redirect) -> Result<(), Failure> {
        let steps = self.loading(plan, |is_ipv4| self.found(is_ipv4))?;
        // Two families are two transactions: what a program would refuse is found out before anything is changed.
        if let Backend::Iptables(..) = self {
            steps.iter().try_for_each(|step| feed(step, &["-w", "5", "--noflush", "--test"]))?;
        }
        steps.iter().try_for_each(|step| feed(step, self.arguments()))
    }

    /// Takes away all of ours that is there, and only that; whether there was any.
    pub fn unload(self) -> Result<bool, Failure> {
        let ours = format!("table {}", nft::TABLE);
        let is_ours = |line: &str| line.trim_end() == ours;
        let steps = match self {
            Backend::Nft if !program::run("nft", &["list", "tables"], "")?.lines().any(is_ours) => Vec::new(),
            _ => self.unloading(|is_ipv4| self.found(is_ipv4))?,
        };
        steps.iter().try_for_each(|step| feed(step, self.arguments()))?;
        Ok(!steps.is_empty())
    }

    fn arguments(self) -> &'static [&'static str] {
        match self {
            Backend::Nft => &["-f", "-"],
            Backend::Iptables(..) => &["-w", "5", "--noflush"],
        }
    }

    fn loading(
        self,
        plan: &Redirect,
        found: impl Fn(bool) -> Result<Found, Failure>,
    ) -> Result<Vec<Step>, Failure> {
        let Backend::Iptables(_, suffix) = self else {
            return Ok(vec![Step { program: "nft".to_owned(), input: nft::load(plan) }]);
        };
        let mut steps = vec![restore(true, suffix, iptables::load(plan, true, &found(true)?))];
        if plan.ipv6 && has_ipv6() {
            steps.push(restore(false, suffix, iptables::load(plan, false, &found(false)?)));
        } else {
            let left = found(false).unwrap_or_default();
            steps.extend((!left.is_empty()).then(|| restore(false, suffix, iptables::unload(&left))));
        }
        Ok(steps)
    }

    fn unloading(self, found: impl Fn(bool) -> Result<Found, Failure>) -> Result<Vec<Step>, Failure> {
        let Backend::Iptables(_, suffix) = self else {
            return Ok(vec![Step { program: "nft".to_owned(), input: nft::unload() }]);
        };
        let mut steps = Vec::new();
        for is_ipv4 in [true, false] {
            let left = found(is_ipv4)?;
            steps.extend((!left.is_empty()).then(|| restore(is_ipv4, suffix, iptables::unload(&left))));
        }
        Ok(steps)
    }

    /// What of ours is in the tables of iptables.
    fn found(self, is_ipv4: bool) -> Result<Found, Failure> {
        let Backend::Iptables(variant, suffix) = self else { return Ok(Found::default()) };
        let (save, tables) = if is_ipv4 {
            (format!("iptables{suffix}-save"), "/proc/net/ip_tables_names")
        } else {
            (format!("ip6tables{suffix}-save"), "/proc/net/ip6_tables_names")
        };
        // To list a legacy table is to make it; and where there is no ip6tables, it has left nothing.
        let is_made = || match std::fs::read_to_string(tables) {
            Ok(names) => names.lines().any(|name| name == "nat"),
            Err(error) => error.kind() != std::io::ErrorKind::NotFound,
        };
        let is_absent = !is_ipv4 && program::find(&save).is_none();
        if is_absent || (variant == Variant::Legacy && !is_made()) {
            return Ok(Found::default());
        }
        program::run(&save, &["-t", "nat"], "").map(|saved| Found::read(&saved))
    }
}

impl Variant {
    /// What follows `iptables` in its name.
    fn suffix(self) -> &'static str {
        match self {
            Variant::Nft => "-nft",
            Variant::Legacy => "-legacy",
        }
    }
}

/// Which one `iptables` is. Before it said so, there was only the older one.
fn plain_variant() -> Variant {
    match program::run("iptables", &["--version"], "") {
        Ok(said) if said.contains("nf_tables") => Variant::Nft,
        _ => Variant::Legacy,
    }
}

/// Whether the kernel has IPv6, and an interface that uses it.
fn has_ipv6() -> bool {
    std::fs::read_to_string("/proc/net/if_inet6").is_ok_and(|addresses| !addresses.is_empty())
}

fn restore(is_ipv4: bool, suffix: &str, input: String) -> Step {
    let family = if is_ipv4 { "iptables" } else { "ip6tables" };
    let program = format!("{family}{suffix}-restore");
    Step { input: format!("# {program} --noflush\n{input}"), program }
}

fn feed(step: &Step, arguments: &[&str]) -> Result<(), Failure> {
    program::run(&step.program, arguments, &step.input).map(drop)
}

fn printed(steps: Vec<Step>) -> String {
    steps.into_iter().map(|step| step.input).collect()
}
