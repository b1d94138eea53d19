//! Child processes: which program they run, what they inherit, and what is left of them.

use rustix::fs::{MemfdFlags, Mode, OFlags, memfd_create, open};
use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};
use rustix::process::{Pid, Signal as KernelSignal, WaitOptions, kill_process, waitpid};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};

/// What a process is told by a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM.
    Term,
    /// SIGINT.
    Int,
    /// SIGHUP.
    Hup,
    /// SIGKILL.
    Kill,
    /// SIGQUIT.
    Quit,
    /// SIGUSR1.
    Usr1,
    /// SIGUSR2.
    Usr2,
    /// SIGWINCH.
    Winch,
    /// SIGALRM.
    Alrm,
}

/// Sends a signal to a child that was not waited for yet, so that its id is still its own.
pub fn signal(child: &Child, signal: Signal) {
    let signal = match signal {
        Signal::Term => KernelSignal::TERM,
        Signal::Int => KernelSignal::INT,
        Signal::Hup => KernelSignal::HUP,
        Signal::Kill => KernelSignal::KILL,
        Signal::Quit => KernelSignal::QUIT,
        Signal::Usr1 => KernelSignal::USR1,
        Signal::Usr2 => KernelSignal::USR2,
        Signal::Winch => KernelSignal::WINCH,
        Signal::Alrm => KernelSignal::ALARM,
    };
    let _ = kill_process(Pid::from_child(child), signal);
}

/// As a shell tells it: the exit code, or 128 and the number of the signal that ended it.
pub fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| signal.saturating_add(128)));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

/// Takes leave of children that have ended and are nobody's: process 1 of a container gets all orphans. One that
/// `is_ours` is left to whoever started it; then the rest is left for the next time, too.
pub fn reap_orphans(is_ours: impl Fn(u32) -> bool) {
    while let Some(pid) = ended_child() {
        if is_ours(pid.as_raw_nonzero().get().unsigned_abs()) {
            return;
        }
        let _ = waitpid(Some(pid), WaitOptions::NOHANG);
    }
}

/// A child that has ended and was not waited for.
fn ended_child() -> Option<Pid> {
    // SAFETY: zeroes are a valid value of it; the kernel writes it, or leaves it, and then the process id is 0.
    let (result, pid) = unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let flags = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        let result = libc::waitid(libc::P_ALL, 0, &mut info, flags);
        (result, info.si_pid())
    };
    Pid::from_raw(pid).filter(|_| result == 0)
}

/// An executable file, held open: what is put in its place later does not change it.
#[derive(Debug)]
pub struct Program(OwnedFd);

impl Program {
    /// The file at `path`, as it is now.
    pub fn open(path: &Path) -> io::Result<Program> {
        Ok(Program(open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?))
    }

    /// The file that this process runs.
    pub fn own() -> io::Result<Program> {
        Program::open(Path::new("/proc/self/exe"))
    }

    /// Where the kernel finds it, in this process and in one that is being started.
    pub fn path(&self) -> PathBuf {
        path_of(&self.0)
    }
}

/// A path to an open file, for this process and for a child that inherits it.
pub fn path_of(file: &impl AsRawFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// A file in memory, without a name.
pub fn memory_file(name: &str) -> io::Result<File> {
    Ok(memfd_create(name, MemfdFlags::CLOEXEC)?.into())
}

/// The same, with something in it.
pub fn memory_text(name: &str, text: &[u8]) -> io::Result<File> {
    let mut file = memory_file(name)?;
    file.write_all(text)?;
    Ok(file)
}

/// All that is in such a file, up to `most` bytes.
pub fn read_all(file: &mut File, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Two ends of a private connection.
pub fn connection() -> io::Result<(UnixStream, UnixStream)> {
    UnixStream::pair()
}

/// Starts `command` with `inherited` open in it, each under the number that it has here. All else that we hold is
/// closed there. For a process with one thread: another one's child might inherit them as well.
pub fn spawn(command: &mut Command, inherited: &[BorrowedFd<'_>]) -> io::Result<Child> {
    let set = |flags: FdFlags| -> io::Result<()> {
        inherited.iter().try_for_each(|fd| Ok(fcntl_setfd(fd, flags)?))
    };
    let outcome = set(FdFlags::empty()).and_then(|()| command.spawn());
    let _ = set(FdFlags::CLOEXEC);
    outcome
}

/// Takes over a descriptor that this process inherited under this number. Each number may be taken once.
pub fn inherited(fd: RawFd) -> io::Result<OwnedFd> {
    if fd <= 2 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: only borrowed for two calls that fail where it is not open.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    fcntl_getfd(borrowed)?;
    fcntl_setfd(borrowed, FdFlags::CLOEXEC)?;
    // SAFETY: it is open, it was inherited, and the caller takes each number once: nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;
    use std::process::Stdio;

    #[test]
    fn a_child_inherits_what_it_is_given_and_nothing_else() {
        let (given, kept) = (memory_text("given", b"hello").unwrap(), memory_file("kept").unwrap());
        let script =
            format!("cat /proc/self/fd/{}; test ! -e /proc/self/fd/{}", given.as_raw_fd(), kept.as_raw_fd());
        let mut command = Command::new("sh");
        command.arg("-c").arg(script).stdout(Stdio::piped());
        let output = spawn(&mut command, &[given.as_fd()]).unwrap().wait_with_output().unwrap();
        assert_eq!((output.stdout.as_slice(), output.status.code()), (b"hello".as_slice(), Some(0)));
        assert!(fcntl_getfd(&given).unwrap().contains(FdFlags::CLOEXEC));
    }

    #[test]
    fn what_was_not_inherited_cannot_be_taken() {
        assert!(inherited(1).is_err());
        assert!(inherited(1_000_000).is_err());
    }

    #[test]
    fn ends_are_told_as_a_shell_does() {
        for (script, code) in [("exit 7", 7), ("kill -KILL $$", 137)] {
            assert_eq!(exit_code(Command::new("sh").args(["-c", script]).status().unwrap()), code);
        }
    }
}
