//! What this process uses, as `/proc` tells it. For scrapes: a few short reads, no allocation worth naming.

use std::ffi::CStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

/// What the process uses now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// User and system time of all threads, in steps of the kernel's clock tick (10 ms).
    pub cpu: Duration,
    /// Address space.
    pub virtual_bytes: u64,
    /// Resident memory, as `/proc/self/stat` gives it.
    pub resident_bytes: u64,
    /// Threads.
    pub threads: u64,
    /// Open descriptors; `None` where they cannot be counted.
    pub open_fds: Option<u64>,
    /// The soft RLIMIT_NOFILE; `None` where there is none.
    pub max_fds: Option<u64>,
}

/// Reads it; `None` where there is no `/proc`.
pub fn usage() -> Option<Usage> {
    let mut buffer = [0; 1024];
    let length = File::open("/proc/self/stat").and_then(|mut file| file.read(&mut buffer)).ok()?;
    let stat = parse_stat(std::str::from_utf8(buffer.get(..length)?).ok()?)?;
    let ticks = rustix::param::clock_ticks_per_second().max(1);
    Some(Usage {
        cpu: Duration::from_millis(stat.ticks.saturating_mul(1000) / ticks),
        virtual_bytes: stat.virtual_bytes,
        resident_bytes: stat.resident_pages.saturating_mul(rustix::param::page_size() as u64),
        threads: stat.threads,
        open_fds: open_fds(),
        max_fds: getrlimit(Resource::Nofile).current,
    })
}

/// What `ps` and `top` call this process; at most 15 bytes are kept.
pub fn set_name(name: &CStr) -> io::Result<()> {
    Ok(rustix::thread::set_name(name)?)
}

/// The user and the group that this process's sockets belong to.
pub fn owner() -> (u32, u32) {
    (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())
}

/// Since Linux 6.2 the size of the folder is the number of descriptors; before, it is 0 and we count: one
/// directory entry each, some milliseconds for 20,000.
fn open_fds() -> Option<u64> {
    const FOLDER: &str = "/proc/self/fd";
    match fs::metadata(FOLDER).ok()?.len() {
        // The listing's own descriptor is among the entries.
        0 => Some((fs::read_dir(FOLDER).ok()?.count() as u64).saturating_sub(1)),
        count => Some(count),
    }
}

/// Whether a call failed for want of file descriptors (the process's or the system's) or of memory for sockets:
/// it may succeed later, and not sooner for being tried again at once.
pub fn lacks_descriptors(error: &io::Error) -> bool {
    let lacks = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    Errno::from_io_error(error).is_some_and(|errno| lacks.contains(&errno))
}

#[derive(Debug, PartialEq, Eq)]
struct Stat {
    ticks: u64,
    threads: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

fn parse_stat(line: &str) -> Option<Stat> {
    // The second field, the program's name, may hold anything, blanks and brackets too.
    let (_, rest) = line.rsplit_once(')')?;
    // `rest` begins with the third field: field n of proc(5) is at n - 3.
    let field = |number: usize| rest.split_ascii_whitespace().nth(number - 3)?.parse::<u64>().ok();
    Some(Stat {
        ticks: field(14)?.saturating_add(field(15)?),
        threads: field(20)?,
        virtual_bytes: field(23)?,
        resident_pages: field(24)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_line_with_a_nasty_name() {
        let line = "7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 120 30 13 14 15 16 4 18 19 5000 42 21 22\n";
        let wanted = Stat { ticks: 150, threads: 4, virtual_bytes: 5000, resident_pages: 42 };
        assert_eq!(parse_stat(line), Some(wanted));
        assert_eq!(parse_stat("7 (a) S 1 2"), None);
        assert_eq!(parse_stat(""), None);
    }

    #[test]
    fn sees_this_process() {
        let before = usage().unwrap();
        assert!(before.threads >= 1 && before.resident_bytes > 100_000, "{before:?}");
        assert!(before.virtual_bytes > before.resident_bytes);
        // Other tests open and close files beside this one: many of our own must show.
        let files: Vec<File> = (0..64).map(|_| File::open("/proc/self/stat").unwrap()).collect();
        let after = usage().unwrap();
        assert!(after.open_fds.unwrap() >= before.open_fds.unwrap() + 32, "{before:?} {after:?}");
        drop(files);
    }
}
