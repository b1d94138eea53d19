//! A control group with a bound on memory, version 2 or 1.

use std::fs;
use std::path::{Path, PathBuf};

/// The group. Dropped, it is gone, once nothing runs in it.
pub(crate) struct Cgroup {
    pub(crate) path: PathBuf,
    is_v2: bool,
}

impl Cgroup {
    /// With this many bytes at most; or why there is none.
    pub(crate) fn new(most: u64) -> Result<Cgroup, String> {
        let top = Path::new("/sys/fs/cgroup");
        let controllers = fs::read_to_string(top.join("cgroup.subtree_control")).unwrap_or_default();
        let is_v2 = controllers.split_whitespace().any(|controller| controller == "memory");
        let parent = if is_v2 { top.to_owned() } else { top.join("memory") };
        let path = parent.join(format!("wayside-test-{}", std::process::id()));
        if !parent.join("cgroup.procs").exists() {
            return Err("no control groups for memory".to_owned());
        }
        fs::create_dir(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let group = Cgroup { path, is_v2 };
        let limit = if is_v2 { "memory.max" } else { "memory.limit_in_bytes" };
        fs::write(group.path.join(limit), most.to_string()).map_err(|error| format!("{limit}: {error}"))?;
        if is_v2 {
            // What is written to swap would not count.
            let _ = fs::write(group.path.join("memory.swap.max"), "0");
        }
        Ok(group)
    }

    /// How many processes the kernel has killed for want of memory.
    pub(crate) fn kills(&self) -> u64 {
        let text = self.read(if self.is_v2 { "memory.events" } else { "memory.oom_control" });
        let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        line.and_then(|count| count.parse().ok()).expect("oom_kill")
    }

    /// The most memory that was in use, the kernel's included; 0 where the kernel does not say.
    pub(crate) fn peak(&self) -> u64 {
        let file = if self.is_v2 { "memory.peak" } else { "memory.max_usage_in_bytes" };
        fs::read_to_string(self.path.join(file)).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0)
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // A process that was killed leaves it a moment later.
        crate::support::wait_until(crate::support::LIMIT, || fs::remove_dir(&self.path).is_ok());
    }
}
