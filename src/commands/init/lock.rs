//! One `wayside init` at a time: it reads what of ours is there and then replaces it, and what came in between would stay twice.

use std::io::{Error, ErrorKind, Result};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::thread;
use std::time::{Duration, Instant};

/// An abstract name, unix(7): it needs no file, belongs to the network namespace, as the rules do, and ends with the process.
const NAME: &str = "wayside-init";
/// Some thirty runs of others.
const LIMIT: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(20);

/// Waits for its turn, 10 s at most; it lasts until what is returned is dropped. Then, and where there can be no such socket, an
/// error: anybody in the namespace could hold the name, which is no reason to be left without rules.
pub fn take() -> Result<UnixDatagram> {
    let addr = SocketAddr::from_abstract_name(NAME)?;
    let end = Instant::now() + LIMIT;
    loop {
        match UnixDatagram::bind_addr(&addr) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && Instant::now() < end => {
                // pace: a name that is taken tells nobody when it is free.
                thread::sleep(PAUSE);
            }
            Err(error) if error.kind() == ErrorKind::AddrInUse => {
                return Err(Error::other(format!("another one has been at it for {} s", LIMIT.as_secs())));
            }
            outcome => return outcome,
        }
    }
}
