//! What this kernel can do, tried out on sockets and pipes of our own that lead nowhere.

use std::os::fd::AsRawFd;

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, SpliceFlags, pipe_with, splice};
use socket2::{Domain, Socket, Type};

/// The kernel's release, as in `6.1.0-18-amd64`; needs no `/proc`.
pub fn release() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

/// Whether splice(2) is there: asked of an empty pipe, it says that there is nothing yet.
pub fn has_splice() -> bool {
    let flags = PipeFlags::CLOEXEC | PipeFlags::NONBLOCK;
    let (Ok((read, _keep)), Ok((_other, write))) = (pipe_with(flags), pipe_with(flags)) else {
        return false;
    };
    splice(&read, None, &write, None, 1, SpliceFlags::NONBLOCK) == Err(Errno::AGAIN)
}

/// Whether `TCP_INFO` counts acknowledged bytes: since Linux 4.2, so it tells an older kernel.
pub fn has_tcp_info() -> bool {
    const WITH_BYTES_ACKED: usize = 128;
    let Ok(socket) = Socket::new(Domain::IPV4, Type::STREAM, None) else { return false };
    let mut info = [0u8; WITH_BYTES_ACKED];
    let mut len = info.len() as libc::socklen_t;
    // SAFETY: the kernel writes at most `len` bytes to `info`, which lives through the call; the descriptor is open.
    let result = unsafe {
        let to = info.as_mut_ptr().cast();
        libc::getsockopt(socket.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_INFO, to, &mut len)
    };
    result == 0 && len as usize == WITH_BYTES_ACKED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_release_is_that_of_proc() {
        let told = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("a release");
        assert_eq!(release(), told.trim());
    }

    #[test]
    fn both_are_there() {
        assert!(has_splice());
        assert!(has_tcp_info());
    }
}
