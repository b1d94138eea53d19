//! What the process may use, and giving back what it does not.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit of open descriptors as far as it goes without privilege, and says what it is then.
pub fn raise_descriptor_limit() -> usize {
    let limit = getrlimit(Resource::Nofile);
    if limit.current < limit.maximum || limit.maximum.is_none() && limit.current.is_some() {
        let wanted = Rlimit { current: limit.maximum, maximum: limit.maximum };
        let _ = setrlimit(Resource::Nofile, wanted);
    }
    getrlimit(Resource::Nofile)
        .current
        .map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
}

/// What buffers may hold at most: a quarter of the memory that the control group allows, and 64 MiB at the most.
pub fn memory_share() -> usize {
    // Read once, at the start. Version 2 of control groups, and version 1.
    let files = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    share(files.iter().find_map(|file| std::fs::read_to_string(file).ok()).as_deref())
}

/// Outside of a limited group there is no file, or it says `max`, or (version 1) more than there can be.
fn share(allowed: Option<&str>) -> usize {
    const MOST: usize = 64 << 20;
    allowed
        .and_then(|text| text.trim().parse::<usize>().ok())
        .map_or(MOST, |bytes| (bytes / 4).clamp(1 << 20, MOST))
}

/// Gives free memory back to the system. Some milliseconds where there is much of it.
pub fn trim_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim takes no pointer and may be called at any time.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quarter_of_what_the_group_may_have() {
        for (said, expected) in [
            (Some("16777216\n"), 4 << 20),
            (Some("1073741824"), 64 << 20),
            (Some("1000"), 1 << 20),
            (Some("9223372036854771712\n"), 64 << 20),
            (Some("max\n"), 64 << 20),
            (None, 64 << 20),
        ] {
            assert_eq!(share(said), expected, "{said:?}");
        }
    }
}
