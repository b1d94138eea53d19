//! The programs that talk to the packet filter: found, fed, and their errors told in one line with the fix.

use std::fmt;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

/// Why the packet filter did not do as it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The program is not there.
    NoProgram(String),
    /// No packet filter's program is there.
    NoBackend,
    /// We may not.
    NotPermitted(String),
    /// The kernel cannot.
    NotInKernel(String),
    /// Anything else, as the program says it.
    Other(String),
}

const INSTALL: &str =
    "install nftables (or iptables), or load the rules that `wayside init --print` prints from where it is";

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::NoProgram(what) => write!(f, "{what} is not installed; {INSTALL}"),
            Failure::NoBackend => write!(f, "neither nft nor iptables is installed; {INSTALL}"),
            Failure::NotPermitted(said) => write!(
                f,
                "not permitted: {said}; it takes CAP_NET_ADMIN: run it as root, or add NET_ADMIN to the container's capabilities"
            ),
            Failure::NotInKernel(said) => write!(
                f,
                "the kernel lacks a part of it: {said}; load the modules on the host (modprobe -a nf_conntrack nf_nat \
                 nft_chain_nat nft_redir, or iptable_nat ip6table_nat xt_REDIRECT xt_owner xt_multiport), or try another --backend"
            ),
            Failure::Other(said) => f.write_str(said),
        }
    }
}

/// The full path of a program: in PATH, or where only root's programs are.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let further = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    std::env::split_paths(&path).chain(further).map(|folder| folder.join(name)).find(|file| is_program(file))
}

fn is_program(file: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(file).is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
}

/// Runs it with `input`, and returns what it wrote to stdout.
pub fn run(name: &str, arguments: &[&str], input: &str) -> Result<String, Failure> {
    let path = find(name).ok_or_else(|| Failure::NoProgram(name.to_owned()))?;
    let output = feed(Command::new(path).args(arguments), input)
        .map_err(|error| Failure::Other(format!("{name}: {error}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(explain(name, &String::from_utf8_lossy(&output.stderr), &output.status.to_string()))
}

fn feed(command: &mut Command, input: &str) -> std::io::Result<Output> {
    // What it says is read below.
    command.env("LC_ALL", "C").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    // A program that fails before it has read all is asked for its reason all the same. The pipe closes here.
    drop(child.stdin.take().map(|mut pipe| pipe.write_all(input.as_bytes())));
    child.wait_with_output()
}

/// Which kind of failure it is, from what the program wrote to stderr.
fn explain(name: &str, stderr: &str, status: &str) -> Failure {
    const NOT_PERMITTED: [&str; 3] = ["Operation not permitted", "Permission denied", "must be root"];
    const NOT_IN_KERNEL: [&str; 6] = [
        "No such file or directory",
        "not supported",
        "does not exist",
        "do you need to insmod",
        "missing kernel module",
        "Failed to initialize nft",
    ];
    let has = |words: &[&str]| words.iter().any(|word| stderr.contains(word));
    // nft repeats the rule below its message, and iptables a hint.
    let first = stderr.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    let said = match first {
        Some(line) if line.starts_with(name) => line.to_owned(),
        Some(line) => format!("{name}: {line}"),
        None => format!("{name}: {status}"),
    };
    if has(&NOT_PERMITTED) {
        Failure::NotPermitted(said)
    } else if has(&NOT_IN_KERNEL) {
        Failure::NotInKernel(said)
    } else {
        Failure::Other(said)
    }
}
