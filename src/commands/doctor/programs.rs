//! Asks the packet filter's programs for its rules. They only list; none of them is told to change anything.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use super::facts::Filters;
use super::proc::Tree;
use super::rules::{Chain, Family, Keeper};
use super::{iptables, nft};
use crate::sys::process;

/// How long one of them may take.
const LIMIT: Duration = Duration::from_millis(2500);
/// The most that is read of its output: some 100,000 rules.
const MOST_OUTPUT: u64 = 16 << 20;

/// What a program said, or why it did not.
type Said = Result<String, String>;

/// All rules that this user may see.
pub(super) fn filters(tree: &Tree) -> Filters {
    let mut filters = read(tree);
    let (user, _) = process::owner();
    if user != 0 && !filters.unseen.is_empty() {
        filters.unseen = vec!["only root may list the rules".to_owned()];
    }
    filters
}

fn read(tree: &Tree) -> Filters {
    let names = ["ip_tables_names", "ip6_tables_names"];
    let [v4, v6] = names.map(|name| tree.text(&format!("proc/net/{name}")).unwrap_or_default());
    let has_table = |name: &str| [v4.contains(name), v6.contains(name)];
    let (has_legacy, has_filter) = (has_table("nat"), has_table("filter"));
    let asked = thread::scope(|scope| {
        let ask = |names: &'static [&'static str], args: &'static [&'static str]| {
            scope.spawn(move || first(names, args))
        };
        let nft = ask(&["nft"], &["-nn", "-a", "list", "ruleset"]);
        let saves = [
            ask(&["iptables-nft-save", "iptables-save"], &["-t", "nat"]),
            ask(&["ip6tables-nft-save", "ip6tables-save"], &["-t", "nat"]),
        ];
        // Without the tables, it would load a module.
        let legacy = [
            has_legacy[0].then(|| ask(&["iptables-legacy-save"], &["-t", "nat"])),
            has_legacy[1].then(|| ask(&["ip6tables-legacy-save"], &["-t", "nat"])),
        ];
        let filter = [
            has_filter[0].then(|| ask(&["iptables-legacy-save"], &["-t", "filter"])),
            has_filter[1].then(|| ask(&["ip6tables-legacy-save"], &["-t", "filter"])),
        ];
        let join = |thread: thread::ScopedJoinHandle<'_, Option<Said>>| thread.join().unwrap_or_default();
        let filter = filter.map(|thread| thread.and_then(join));
        (join(nft), saves.map(join), legacy.map(|thread| thread.map(join)), filter)
    });
    let (nft, saves, legacy, filter) = asked;
    let mut filters = Filters::default();
    if let Some(Ok(text)) = &nft {
        filters.filter = nft::read_all(text);
    }
    for (family, said) in Family::BOTH.into_iter().zip(filter) {
        let text = said.and_then(Result::ok).unwrap_or_default();
        filters.filter.extend(iptables::read_table(&text, "filter", Keeper::Legacy, family));
    }
    nftables(nft, saves, &mut filters);
    for (family, said) in Family::BOTH.into_iter().zip(legacy) {
        match said {
            None => {}
            Some(Some(Ok(text))) => filters.chains.extend(iptables::read(&text, Keeper::Legacy, family)),
            Some(Some(Err(why))) => filters.unseen.push(why),
            Some(None) => {
                filters.unseen.push("there are legacy rules, but no iptables-legacy-save".to_owned())
            }
        }
    }
    filters
}

/// A table `nat` that `iptables-nft` keeps is read from it: `nft` cannot show all of such rules.
fn nftables(nft: Option<Said>, saves: [Option<Said>; 2], filters: &mut Filters) {
    let is_seen = nft.as_ref().is_some_and(Result::is_ok);
    let mut chains = match nft {
        Some(Ok(text)) => nft::read(&text),
        Some(Err(why)) => {
            filters.unseen.push(why);
            Vec::new()
        }
        None => Vec::new(),
    };
    for (family, said) in Family::BOTH.into_iter().zip(saves) {
        let why = match said {
            // Where the other iptables is the only one, its rules are read as what they are.
            Some(Ok(text)) if text.contains("(nf_tables)") => {
                let found = iptables::read(&text, Keeper::Nft, family);
                if found.iter().any(|chain| !chain.rules.is_empty()) {
                    let is_same = |chain: &Chain| chain.table == "nat" && chain.family == Some(family);
                    chains.retain(|chain| !is_same(chain));
                    chains.extend(found);
                }
                continue;
            }
            Some(Err(why)) => why,
            _ => "neither nft nor iptables-nft-save is installed".to_owned(),
        };
        if !is_seen && !filters.unseen.contains(&why) {
            filters.unseen.push(why);
        }
    }
    filters.chains.extend(chains);
}

/// The first of them that is installed; `None`: none is.
fn first(names: &[&str], args: &[&str]) -> Option<Said> {
    let path = names.iter().find_map(|name| find(name))?;
    Some(run(&path, args))
}

/// In PATH, or where Debian keeps what only root runs.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(more).map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Its output; an error names it and says why there is none.
fn run(program: &Path, args: &[&str]) -> Said {
    let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("{name}: {error}"))?;
    let (ended, end) = channel();
    let read = |stream: Option<Box<dyn Read + Send>>| {
        let ended = ended.clone();
        thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = stream.map(|stream| stream.take(MOST_OUTPUT).read_to_end(&mut bytes));
            drop(ended);
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let out = read(child.stdout.take().map(|stream| Box::new(stream) as _));
    let err = read(child.stderr.take().map(|stream| Box::new(stream) as _));
    drop(ended);
    // Nothing is ever sent: it returns when both streams have ended.
    let is_late = end.recv_timeout(LIMIT) == Err::<(), _>(std::sync::mpsc::RecvTimeoutError::Timeout);
    if is_late {
        let _ = child.kill();
        // One that waits inside the kernel ends later than we can wait.
        thread::spawn(move || child.wait());
        return Err(format!("{name}: no answer in {} ms", LIMIT.as_millis()));
    }
    let status = child.wait().map_err(|error| format!("{name}: {error}"))?;
    let (out, err) = (out.join().unwrap_or_default(), err.join().unwrap_or_default());
    match err.lines().find(|line| !line.trim().is_empty()) {
        _ if status.success() => Ok(out),
        Some(line) => Err(format!("{name}: {}", line.trim())),
        None => Err(format!("{name}: {status}")),
    }
}
