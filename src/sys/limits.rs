//! What the process may use, and giving back what it does not.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The limits of open descriptors, the soft one and the hard one.
#[derive(Debug, Clone, Copy)]
pub struct Descriptors(Rlimit);

impl Descriptors {
    /// Those of this process now.
    pub fn now() -> Descriptors {
        Descriptors(getrlimit(Resource::Nofile))
    }

    /// `command` starts with these, whatever this process has by then.
    pub fn give(self, command: &mut Command) {
        let give = move || Ok(setrlimit(Resource::Nofile, self.0)?);
        // SAFETY: between fork and exec it is one system call, on a copy; nothing is allocated or locked.
        unsafe {
            command.pre_exec(give);
        }
    }
}

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

/// Lets go of the program file's pages that were read: most are of the start (options, configuration), and it never
/// comes again. What is still needed comes back from the page cache with its first use, 16 pages at a time.
pub fn drop_program_pages() {
    // SAFETY: the callback has the signature that is asked for, and keeps nothing of what it is given.
    unsafe {
        libc::dl_iterate_phdr(Some(drop_segments), std::ptr::null_mut());
    }
}

/// The first object is the program itself. Not 0: the others, libraries and the kernel's, are left alone.
///
/// # Safety
/// Only for `dl_iterate_phdr`, which describes an object that stays loaded.
unsafe extern "C" fn drop_segments(
    info: *mut libc::dl_phdr_info,
    _: libc::size_t,
    _: *mut libc::c_void,
) -> libc::c_int {
    // SAFETY: the loader hands out a valid description, and its headers live as long as the program.
    let (base, headers) = unsafe {
        let info = &*info;
        (info.dlpi_addr, std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)))
    };
    let page = rustix::param::page_size() as u64;
    // Of a segment that cannot be written memory is what the file is: relocation never touches it.
    for header in headers.iter().filter(|it| it.p_type == libc::PT_LOAD && it.p_flags & libc::PF_W == 0) {
        let start = (base + header.p_vaddr).next_multiple_of(page);
        let end = (base + header.p_vaddr + header.p_memsz) / page * page;
        // SAFETY: the range lies within a private, read-only mapping of a file, so its pages come back as they were.
        let _ = unsafe {
            libc::madvise(start as *mut _, end.saturating_sub(start) as usize, libc::MADV_DONTNEED)
        };
    }
    1
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
