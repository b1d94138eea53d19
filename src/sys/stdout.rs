//! A stdout that never makes the loop wait.
//!
//! Others may hold the same pipe or terminal, and read or write it as they are used to; so it is not switched to
//! non-blocking. Instead it is opened once more, as a description of our own, where that is allowed.

use super::stderr::{LINE, takes_a_line};
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, Mode, OFlags, fstat, open};
use rustix::io::{Errno, ReadWriteFlags, fcntl_dupfd_cloexec, pwritev2};
use rustix::net::{SendFlags, send};
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

/// What a writable pipe takes without blocking (PIPE_BUF).
pub const PIPE_BUF: usize = 4096;
/// "Where it stands": a pipe has no offset.
const NO_OFFSET: u64 = u64::MAX;

/// Stdout, or another descriptor that is written to in its place.
#[derive(Debug)]
pub struct Stdout {
    fd: OwnedFd,
    way: Way,
}

/// How it is written without waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// A plain write: a description of our own that does not block, or a file, which never does for long.
    Plain,
    /// A socket: each send says that it must not block.
    Socket,
    /// A pipe or terminal that could not be opened again: another user's, or there is no `/proc`. Each write says
    /// that it must not block, where the kernel knows that (for pipes since 6.4). Else it is asked first; then only a
    /// second writer to the same pipe, or a terminal that is stopped between question and write, can make us wait.
    Shared,
}

impl Stdout {
    /// The process's stdout.
    pub fn open() -> io::Result<Stdout> {
        Stdout::of(fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3)?)
    }

    /// The same for any descriptor.
    pub fn of(fd: OwnedFd) -> io::Result<Stdout> {
        Ok(match FileType::from_raw_mode(fstat(&fd)?.st_mode) {
            FileType::Fifo | FileType::CharacterDevice => {
                let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
                let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
                match open(path, flags, Mode::empty()) {
                    Ok(own) => Stdout { fd: own, way: Way::Plain },
                    Err(_) => Stdout { fd, way: Way::Shared },
                }
            }
            FileType::Socket => Stdout { fd, way: Way::Socket },
            _ => Stdout { fd, way: Way::Plain },
        })
    }

    /// Asks for an event when it takes bytes again. False: it has no such events (a file, `/dev/null`).
    pub fn register(&self, registry: &Registry, token: Token) -> bool {
        registry.register(&mut SourceFd(&self.fd.as_raw_fd()), token, Interest::WRITABLE).is_ok()
    }

    /// Writes what it takes at once; `WouldBlock`: nothing.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            let written = match self.way {
                Way::Plain => rustix::io::write(&self.fd, bytes),
                Way::Socket => send(&self.fd, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL),
                Way::Shared => self.write_shared(bytes),
            };
            if written != Err(Errno::INTR) {
                return Ok(written?);
            }
        }
    }

    fn write_shared(&self, bytes: &[u8]) -> rustix::io::Result<usize> {
        match pwritev2(&self.fd, &[IoSlice::new(bytes)], NO_OFFSET, ReadWriteFlags::NOWAIT) {
            Err(Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS | Errno::PERM) => self.ask_and_write(bytes),
            known => known,
        }
    }

    fn ask_and_write(&self, bytes: &[u8]) -> rustix::io::Result<usize> {
        if !self.wait(Duration::ZERO) {
            return Err(Errno::AGAIN);
        }
        rustix::io::write(&self.fd, bytes.get(..PIPE_BUF).unwrap_or(bytes))
    }

    /// Waits until it takes bytes, or has an error to tell; false after `most`.
    pub fn wait(&self, most: Duration) -> bool {
        let mut fds = [PollFd::new(&self.fd, PollFlags::OUT)];
        let most = Timespec { tv_sec: most.as_secs().min(3600) as i64, tv_nsec: most.subsec_nanos().into() };
        matches!(poll(&mut fds, Some(&most)), Ok(ready) if ready > 0)
    }
}

/// Says something on stdout, as far as that is taken at once, and without a descriptor of its own.
pub fn say(text: &[u8]) {
    for part in text.chunks(LINE) {
        let stdout = rustix::stdio::stdout();
        if !takes_a_line(stdout) || rustix::io::write(stdout, part).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::pipe::{PipeFlags, pipe_with};
    use std::fs::File;
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    use super::*;

    /// Writes until it takes no more; how much it took.
    fn fill(out: &Stdout) -> usize {
        let mut total = 0;
        loop {
            match out.write(&[b'x'; 8192]) {
                Ok(count) => total += count,
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                    return total;
                }
            }
        }
    }

    fn pipe() -> (File, OwnedFd) {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        (read.into(), write)
    }

    fn blocks(fd: &OwnedFd) -> bool {
        !rustix::fs::fcntl_getfl(fd).unwrap().contains(OFlags::NONBLOCK)
    }

    #[test]
    fn a_full_pipe_is_no_wait_and_stays_as_it_was() {
        let (mut reader, write) = pipe();
        let theirs = write.try_clone().unwrap();
        let out = Stdout::of(write).unwrap();
        assert_eq!((out.way, blocks(&theirs)), (Way::Plain, true));
        assert_eq!(fill(&out), 65_536);
        assert!(!out.wait(Duration::ZERO));
        reader.read_exact(&mut [0; 8192]).unwrap();
        assert!(out.wait(Duration::from_secs(10)));
        assert_eq!(fill(&out), 8192);
    }

    #[test]
    fn a_pipe_that_cannot_be_opened_again() {
        for write in [Stdout::write as fn(&Stdout, &[u8]) -> io::Result<usize>, |out, bytes| {
            Ok(out.ask_and_write(bytes)?)
        }] {
            let (mut reader, fd) = pipe();
            let out = Stdout { fd, way: Way::Shared };
            let mut total = 0;
            while let Ok(count) = write(&out, &[b'x'; 8192]) {
                total += count;
            }
            assert_eq!((total, blocks(&out.fd)), (65_536, true));
            reader.read_exact(&mut [0; 8192]).unwrap();
            assert!(write(&out, b"more").is_ok());
            drop(reader);
            assert_eq!(write(&out, b"more").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        }
    }

    #[test]
    fn a_full_socket_is_no_wait() {
        let (mut reader, write) = UnixStream::pair().unwrap();
        let theirs: OwnedFd = write.try_clone().unwrap().into();
        let out = Stdout::of(write.into()).unwrap();
        assert_eq!(out.way, Way::Socket);
        assert!(fill(&out) > 10_000 && blocks(&theirs));
        reader.read_exact(&mut [0; 10_000]).unwrap();
        drop(reader);
        assert_eq!(out.write(b"x").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn devices() {
        let out = Stdout::of(File::options().write(true).open("/dev/null").unwrap().into()).unwrap();
        assert_eq!(out.write(&[0; 100_000]).unwrap(), 100_000);
        let out = Stdout::of(File::options().write(true).open("/dev/full").unwrap().into()).unwrap();
        assert_eq!(out.write(b"x").unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
