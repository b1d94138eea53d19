//! `wayside doctor`: looks at this host and says what would keep redirection from working, and the fix.
//!
//! | question | module |
//! |---|---|
//! | what is known? | `facts` |
//! | where is it read? | `proc`, `programs`, `probe` |
//! | how are rules read? | `nft`, `iptables` |
//! | what do rules do to a connection? | `rules` |
//! | is it as it should be? | `redirection`, `process`, `host` |
//! | how is it told? | `report` |
//!
//! It changes nothing. Its connections and programs have limits that add up to less than 5 s.

mod facts;
mod host;
pub(super) mod iptables;
mod nft;
mod probe;
mod proc;
mod process;
mod programs;
mod redirection;
mod report;
mod rules;

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use crate::config::redirect::Redirect;
use crate::config::{Config, Failure, Loaded, Origin};
use crate::sys::features;
use facts::{Facts, Limits, Process, Proxy, Ready};
use proc::Tree;
use report::Verdict;
use rules::Family;

/// The user of `wayside init --proxy-uid`, where none is named: as Linkerd's.
const USUAL_USER: u32 = 2102;
/// Admin addresses that are asked, all at once.
const MOST_ASKED: usize = 8;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// JSON instead of a table.
    pub json: bool,
    /// Only whether a running wayside is ready.
    pub ready: bool,
    /// The user that wayside runs as; `None`: that of the running one, or 2102.
    pub user: Option<u32>,
    /// Flags of `wayside init`: the rules are judged by them.
    pub redirect: Vec<(&'static str, Vec<String>)>,
}

/// Looks, and tells it on stdout; `plan` is what `wayside init` would do. 0: nothing is wrong; 1: something is.
pub fn doctor(outcome: Result<Loaded, Failure>, ask: &Ask, plan: Redirect) -> ExitCode {
    if ask.ready {
        return is_ready(outcome);
    }
    let facts = gather(outcome, ask, plan);
    let checks = [process::check(&facts), redirection::check(&facts), host::check(&facts)];
    let findings = checks.concat();
    let text = if ask.json { report::json(&findings) } else { report::table(&findings) };
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
    ExitCode::from(u8::from(report::worst(&findings) == Verdict::Wrong))
}

/// `--ready`: for health checks of containers that hold no other program.
fn is_ready(outcome: Result<Loaded, Failure>) -> ExitCode {
    let why = match outcome {
        Ok(loaded) => {
            let answers = ask_all(&loaded.config.admin.addrs);
            if answers.iter().any(|(_, ready)| *ready == Ready::Yes) {
                return ExitCode::SUCCESS;
            }
            match answers.first() {
                None => "--admin-listen is off".to_owned(),
                Some((addr, Ready::Draining)) => format!("{addr}: not ready"),
                Some((addr, Ready::No(why))) => format!("{addr}: {why}"),
                Some((addr, Ready::Hung)) => format!("{addr}: no answer in time; hung or overloaded"),
                Some((addr, other)) => format!("{addr}: {other:?}"),
            }
        }
        Err(failure) => failure.problems.first().map(ToString::to_string).unwrap_or_default(),
    };
    let _ = writeln!(std::io::stderr().lock(), "wayside: {why}");
    ExitCode::FAILURE
}

/// Asks each whether it is ready. A port that the kernel chose is not known here.
fn ask_all(addrs: &[SocketAddr]) -> Vec<(SocketAddr, Ready)> {
    let known = addrs.iter().copied().filter(|addr| addr.port() != 0).take(MOST_ASKED);
    thread::scope(|scope| {
        let asked: Vec<_> = known.map(|addr| (addr, scope.spawn(move || probe::ready(addr)))).collect();
        let failed = |_| Ready::No("it could not be asked".to_owned());
        asked.into_iter().map(|(addr, thread)| (addr, thread.join().unwrap_or_else(failed))).collect()
    })
}

fn gather(outcome: Result<Loaded, Failure>, ask: &Ask, plan: Redirect) -> Facts {
    let tree = Tree(PathBuf::from("/"));
    let mut facts = Facts { plan, ..Facts::default() };
    match outcome {
        Ok(loaded) => (facts.config, facts.oddities) = (loaded.config, loaded.warnings),
        Err(failure) => {
            // What is wrong outside of the file is found by a check without it, too.
            facts.config.file = failure.problems.iter().find_map(|problem| match &problem.at {
                Origin::File { path, .. } => Some(PathBuf::from(path)),
                _ => None,
            });
            facts.problems = failure.problems.iter().map(ToString::to_string).collect();
            facts.oddities = failure.warnings;
        }
    }
    let ports = ports(&facts.config);
    facts.has_proc = tree.has_proc();
    let mut sockets = tree.listening();
    thread::scope(|scope| {
        let filters = scope.spawn(|| programs::filters(&tree));
        let ready = scope.spawn(|| ask_all(&facts.config.admin.addrs));
        tree.name_owners(&mut sockets, |port| ports.contains(&port));
        (facts.filters, facts.ready) = (filters.join().unwrap_or_default(), ready.join().unwrap_or_default());
    });
    facts.sockets = sockets;
    recognise(&mut facts, &tree);
    facts.proxy = proxy(&facts, &tree, ask);
    // Who is named to `init` is whom it leaves alone, unless another one is seen to run.
    facts.plan.uid = facts.plan.uid.map(|_| facts.proxy.user);
    facts.limits = limits(&facts, &tree);
    facts.kernel = tree.kernel();
    facts.kernel.release = features::release();
    (facts.kernel.has_splice, facts.kernel.has_tcp_info) = (features::has_splice(), features::has_tcp_info());
    facts.tested = thread::scope(|scope| {
        let facts = &facts;
        let tried =
            Family::BOTH.map(|family| (family, scope.spawn(move || probe::redirected(facts, family))));
        let tried = tried.map(|(family, thread)| Some((family, thread.join().unwrap_or_default()?)));
        tried.into_iter().flatten().collect()
    });
    facts
}

fn ports(config: &Config) -> Vec<u16> {
    let lists = [&config.inbound, &config.outbound, &config.admin];
    lists.iter().flat_map(|listen| &listen.addrs).map(|addr| addr.port()).collect()
}

/// Whoever answers as wayside on an admin address is wayside, whatever its program is called, and so are its kin.
fn recognise(facts: &mut Facts, tree: &Tree) {
    let is_up = |ready: &Ready| matches!(ready, Ready::Yes | Ready::Draining);
    let is_strange = |owner: &&Process| !owner.is_wayside;
    let answering = facts.ready.iter().filter(|(_, ready)| is_up(ready)).flat_map(|&(addr, _)| {
        let owners = process::holders(facts, addr).filter_map(|socket| socket.owner.as_ref());
        owners.filter(is_strange).filter(move |_| probe::is_wayside(addr))
    });
    let known: Vec<Process> = answering.cloned().collect();
    for owner in facts.sockets.iter_mut().filter_map(|socket| socket.owner.as_mut()) {
        owner.is_wayside |= known.iter().any(|other| tree.is_kin(owner, other));
    }
}

/// The wayside that holds one of our ports; else what is usual.
fn proxy(facts: &Facts, tree: &Tree, ask: &Ask) -> Proxy {
    let ports = ports(&facts.config);
    let mut held = facts.sockets.iter().filter(|socket| ports.contains(&socket.addr.port()));
    let named = held.clone().find(|socket| socket.owner.as_ref().is_some_and(|owner| owner.is_wayside));
    let is_up = facts.ready.iter().any(|(_, ready)| matches!(ready, Ready::Yes | Ready::Draining));
    let found = named.or_else(|| held.find(|socket| is_up && socket.owner.is_none()));
    let pid = found.and_then(|socket| Some(socket.owner.as_ref()?.pid));
    let is_running = found.is_some();
    let group = pid.and_then(|pid| tree.group(pid)).or(facts.plan.gid);
    let (user, source) = match (ask.user, found) {
        (Some(user), _) => (user, "by --uid"),
        (None, Some(socket)) => (socket.user, "as the running wayside"),
        (None, None) => match facts.plan.uid {
            Some(user) if user != USUAL_USER => (user, "by --proxy-uid"),
            _ => (USUAL_USER, "the usual one"),
        },
    };
    Proxy { user, group, source, pid, is_running }
}

fn limits(facts: &Facts, tree: &Tree) -> Limits {
    let pid = facts.proxy.pid.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
    let limit = tree.descriptors(&pid);
    let (descriptors, whose) = match facts.proxy.pid {
        Some(pid) => (limit.map(|(soft, _)| soft), format!("wayside (pid {pid})")),
        // The soft one is raised to it at the start.
        None if facts.proxy.is_running => (None, "the running wayside".to_owned()),
        None => (limit.map(|(_, hard)| hard), "this shell".to_owned()),
    };
    Limits { descriptors, whose, memory: tree.memory(&pid) }
}
