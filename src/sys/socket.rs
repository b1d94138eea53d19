//! TCP sockets: the options wayside sets, where a redirected connection wanted to go, and how one ends.

use mio::net::{TcpListener, TcpStream};
use rustix::io::Errno;
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

/// Connections that the kernel holds for us before we accept them; the kernel cuts it to somaxconn.
const BACKLOG: i32 = 4096;
/// A silent peer is asked after this, and then at this interval: as Linkerd's chart does.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(10);
/// Bytes that nobody acknowledges for this long end the connection: as Linkerd's chart does.
const USER_TIMEOUT: Duration = Duration::from_secs(30);

/// Opens a listener. The options set here are inherited by each accepted socket, which saves a connection
/// four system calls. `[::]` takes IPv4 too.
pub fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = bind(addr, false)?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into()))
}

/// Reserves an address for [`adopt`] elsewhere; nothing is accepted yet. Several sockets may have the same one (SO_REUSEPORT):
/// the kernel spreads connections over those that listen.
pub fn reserve(addr: SocketAddr) -> io::Result<TcpListener> {
    Ok(TcpListener::from_std(bind(addr, true)?.into()))
}

/// Whether [`reserve`] would share the address with nobody else, who is then not told from us.
pub fn is_free(addr: SocketAddr) -> io::Result<()> {
    bind(addr, false).map(drop)
}

/// Makes a listener of a socket that somebody else has bound.
pub fn adopt(socket: OwnedFd) -> io::Result<TcpListener> {
    let socket = Socket::from(socket);
    if socket.r#type()? != Type::STREAM || socket.local_addr()?.as_socket().is_none() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a TCP socket"));
    }
    socket.set_nonblocking(true)?;
    set_options(SockRef::from(&socket))?;
    socket.listen(BACKLOG)?;
    Ok(TcpListener::from_std(socket.into()))
}

fn bind(addr: SocketAddr, is_shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    if let SocketAddr::V6(v6) = addr {
        socket.set_only_v6(*v6.ip() != Ipv6Addr::UNSPECIFIED)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(is_shared)?;
    set_options(SockRef::from(&socket))?;
    socket.bind(&addr.into())?;
    Ok(socket)
}

/// Starts to connect. It is done when the socket is writable, and failed when it reports an error. If it is to live for
/// longer than a moment, [`guard`] it.
pub fn dial(addr: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(addr)?;
    // A socket that refuses an option still carries bytes.
    let _ = set_carrying(&SockRef::from(&stream));
    Ok(stream)
}

/// Lets the kernel find out that the peer's host is gone. Four system calls that a short connection can do without.
pub fn guard(stream: &TcpStream) {
    let _ = set_guards(&SockRef::from(stream));
}

/// Connects from this port of whichever address the route has, and waits for it as long as `limit`.
pub fn connect_from(port: u16, target: SocketAddr, limit: Duration) -> io::Result<std::net::TcpStream> {
    let any: IpAddr =
        if target.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = Socket::new(Domain::for_address(target), Type::STREAM, Some(Protocol::TCP))?;
    socket.bind(&SocketAddr::new(any, port).into())?;
    socket.connect_timeout(&target.into(), limit)?;
    Ok(socket.into())
}

/// How many connections wait to be accepted; `None` where the kernel does not say. accept(2) would say that there are none at
/// the price of one: it makes a file before it looks.
pub fn waiting(listener: &TcpListener) -> Option<usize> {
    /// `tcpi_unacked` and `tcpi_sacked` of linux/tcp.h: of a listener, its queue's length and limit.
    const LENGTH: usize = 6;
    const LIMIT: usize = 7;
    let mut info = [0u32; 8];
    let whole = size_of_val(&info);
    let mut len = whole as libc::socklen_t;
    // SAFETY: the kernel writes at most `len` bytes to `info`, which lives through the call; the descriptor is open.
    let result = unsafe {
        let to = info.as_mut_ptr().cast();
        libc::getsockopt(listener.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_INFO, to, &mut len)
    };
    // Other kernels than Linux, which sandboxes have, leave both at 0.
    let is_told = result == 0 && len as usize == whole && info[LIMIT] > 0;
    is_told.then(|| usize::try_from(info[LENGTH]).unwrap_or(usize::MAX))
}

/// What a listener hands down to the sockets that it accepts.
fn set_options(socket: SockRef<'_>) -> io::Result<()> {
    set_carrying(&socket)?;
    set_guards(&socket)
}

fn set_carrying(socket: &SockRef<'_>) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    // Urgent bytes stay where they are in the stream; otherwise all but the last of them would be lost.
    socket.set_out_of_band_inline(true)
}

fn set_guards(socket: &SockRef<'_>) -> io::Result<()> {
    socket.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE_IDLE).with_interval(KEEPALIVE_IDLE))?;
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))
}

/// Where the packet filter says that a redirected connection wanted to go. `None`: it knows of no redirection.
pub fn original_destination(stream: &TcpStream, peer: SocketAddr) -> io::Result<Option<SocketAddr>> {
    let socket = SockRef::from(stream);
    let asked = match peer.ip().to_canonical() {
        IpAddr::V4(_) => socket.original_dst_v4(),
        IpAddr::V6(_) => socket.original_dst_v6(),
    };
    match asked {
        Ok(addr) => Ok(addr.as_socket().map(canonical)),
        Err(error) if matches!(Errno::from_io_error(&error), Some(Errno::NOENT | Errno::NOPROTOOPT)) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The same address with an IPv4 address that was written as IPv6 in its own form. A link-local one keeps its scope.
pub fn canonical(addr: SocketAddr) -> SocketAddr {
    match addr.ip().to_canonical() {
        IpAddr::V4(v4) => SocketAddr::new(v4.into(), addr.port()),
        IpAddr::V6(_) => addr,
    }
}

/// Whether `addr` is on this host: then it can be bound, its port left aside.
pub fn is_local(mut addr: SocketAddr) -> bool {
    addr.set_port(0);
    UdpSocket::bind(addr).is_ok()
}

/// Whether a connect failed because the other side ended the connection after it had accepted it. One that never
/// accepts is refused, out of reach or silent.
pub fn was_accepted(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::CONNRESET | Errno::PIPE))
}

/// The error that waits on the socket, if any; it is taken off.
pub fn pending_error(stream: &TcpStream) -> Option<io::Error> {
    stream.take_error().ok().flatten()
}

/// Closes with a reset instead of a FIN. What the kernel had not delivered yet is thrown away.
pub fn reset(stream: &TcpStream) {
    let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

/// Whether the peer has neither ended the connection nor sent a byte that was not read.
pub fn is_quiet(stream: &TcpStream) -> bool {
    matches!(stream.peek(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

/// Bytes that the peer has not acknowledged yet.
pub fn unacknowledged(stream: &TcpStream) -> usize {
    queued(stream, libc::TIOCOUTQ)
}

/// Whether bytes wait here although none is on its way: the peer lives, but its reader does not read.
pub fn is_window_shut(stream: &TcpStream) -> bool {
    /// `SIOCOUTQNSD` of linux/sockios.h: bytes that were not sent yet.
    const UNSENT: libc::Ioctl = 0x894B;
    let unsent = queued(stream, UNSENT);
    unsent > 0 && unsent == queued(stream, libc::TIOCOUTQ)
}

/// Puts TCP_USER_TIMEOUT on or lifts it: it would end a connection whose reader pauses although its host answers.
pub fn limit_silence(stream: &TcpStream, is_limited: bool) {
    let _ = SockRef::from(stream).set_tcp_user_timeout(is_limited.then_some(USER_TIMEOUT));
}

fn queued(stream: &TcpStream, what: libc::Ioctl) -> usize {
    let mut bytes: libc::c_int = 0;
    // SAFETY: both requests write one int, to a place that lives through the call; the descriptor is open.
    let result = unsafe { libc::ioctl(stream.as_raw_fd(), what, &mut bytes) };
    if result == 0 { usize::try_from(bytes).unwrap_or(0) } else { 0 }
}

/// Whether the error says that this process or host has no descriptor or memory to spare now.
pub fn is_exhaustion(error: &io::Error) -> bool {
    matches!(Errno::from_io_error(error), Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM))
}

/// Whether a dial of `target` failed for want of something of this process or host, and says nothing of the target.
pub fn is_own_want(error: &io::Error, target: SocketAddr) -> bool {
    // Of IPv6 it also says that the host has no address of that family, and then no other try will do.
    let has_no_port = target.is_ipv4() && error.raw_os_error() == Some(libc::EADDRNOTAVAIL);
    has_no_port || is_exhaustion(error)
}

/// Whether the error says that a host lacks this address or its family.
pub fn is_missing_family(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::AFNOSUPPORT | Errno::ADDRNOTAVAIL | Errno::PROTONOSUPPORT)
    )
}

/// The errno's symbol, as in the `errno` label. A write to a socket that was reset says EPIPE where a read says
/// ECONNRESET; it is the same event, and one name.
pub fn errno_name(raw: i32) -> &'static str {
    match Errno::from_raw_os_error(raw) {
        Errno::CONNRESET | Errno::PIPE => "ECONNRESET",
        Errno::CONNREFUSED => "ECONNREFUSED",
        Errno::CONNABORTED => "ECONNABORTED",
        Errno::TIMEDOUT => "ETIMEDOUT",
        Errno::HOSTUNREACH => "EHOSTUNREACH",
        Errno::HOSTDOWN => "EHOSTDOWN",
        Errno::NETUNREACH => "ENETUNREACH",
        Errno::NETDOWN => "ENETDOWN",
        Errno::ADDRNOTAVAIL => "EADDRNOTAVAIL",
        Errno::ADDRINUSE => "EADDRINUSE",
        Errno::AFNOSUPPORT => "EAFNOSUPPORT",
        Errno::ACCESS => "EACCES",
        Errno::PERM => "EPERM",
        Errno::INVAL => "EINVAL",
        Errno::MFILE => "EMFILE",
        Errno::NFILE => "ENFILE",
        Errno::NOBUFS => "ENOBUFS",
        Errno::NOMEM => "ENOMEM",
        Errno::PROTO => "EPROTO",
        _ => "other",
    }
}

/// The errno of a connection that was reset.
pub const RESET: i32 = libc::ECONNRESET;

/// The errno that stands for a dial that nobody answered in time.
pub const TIMED_OUT: i32 = libc::ETIMEDOUT;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_connection_that_was_not_redirected_has_no_original_destination() {
        let listener = listen("127.0.0.1:0".parse().expect("an address")).expect("a listener");
        let addr = listener.local_addr().expect("its address");
        let _client = std::net::TcpStream::connect(addr).expect("connects");
        let (stream, peer) = loop {
            if let Ok(accepted) = listener.accept() {
                break accepted;
            }
        };
        // With connection tracking loaded the kernel answers with our own address.
        let found = original_destination(&stream, peer).expect("no error");
        assert!(found.is_none() || found == Some(addr));
    }

    #[test]
    fn the_kernel_counts_what_waits_to_be_accepted() {
        let listener = listen("127.0.0.1:0".parse().expect("an address")).expect("a listener");
        let addr = listener.local_addr().expect("its address");
        let clients: Vec<_> = (0..3).map(|_| std::net::TcpStream::connect(addr).expect("connects")).collect();
        let until = |count| {
            let began = std::time::Instant::now();
            while waiting(&listener) != Some(count) {
                assert!(began.elapsed() < Duration::from_secs(5), "{:?} wait", waiting(&listener));
            }
        };
        until(clients.len());
        listener.accept().expect("accepts");
        until(clients.len() - 1);
    }

    #[test]
    fn both_sockets_of_a_flow_have_our_options() {
        let listener = listen("127.0.0.1:0".parse().expect("an address")).expect("a listener");
        let dialled = dial(listener.local_addr().expect("its address")).expect("dials");
        let accepted = loop {
            if let Ok((stream, _)) = listener.accept() {
                break stream;
            }
        };
        assert_eq!(SockRef::from(&dialled).tcp_user_timeout().expect("TCP_USER_TIMEOUT"), None);
        guard(&dialled);
        for stream in [&dialled, &accepted] {
            let socket = SockRef::from(stream);
            assert!(socket.tcp_nodelay().expect("TCP_NODELAY"));
            assert!(socket.keepalive().expect("SO_KEEPALIVE"));
            assert_eq!(socket.tcp_keepalive_time().expect("TCP_KEEPIDLE"), KEEPALIVE_IDLE);
            assert_eq!(socket.tcp_user_timeout().expect("TCP_USER_TIMEOUT"), Some(USER_TIMEOUT));
            assert!(socket.out_of_band_inline().expect("SO_OOBINLINE"));
        }
    }

    #[test]
    fn local_addresses_are_told_from_others() {
        assert!(is_local("127.0.0.1:80".parse().expect("an address")));
        assert!(!is_local("192.0.2.1:80".parse().expect("an address")));
    }

    #[test]
    fn a_quiet_connection_is_told_from_one_that_ended_or_spoke() {
        use std::net::TcpStream as Peer;
        let ends: [fn(Peer); 3] = [
            drop,
            |peer| SockRef::from(&peer).set_linger(Some(Duration::ZERO)).expect("SO_LINGER"),
            |mut peer| {
                peer.write_all(b".").expect("to write");
                // It stays open.
                std::mem::forget(peer);
            },
        ];
        for end in ends {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
            let stream = Peer::connect(listener.local_addr().expect("addr")).expect("connects");
            stream.set_nonblocking(true).expect("non-blocking");
            let stream = TcpStream::from_std(stream);
            let (peer, _) = listener.accept().expect("accepts");
            assert!(is_quiet(&stream));
            end(peer);
            let began = std::time::Instant::now();
            while is_quiet(&stream) {
                assert!(began.elapsed() < Duration::from_secs(5), "nothing was seen");
            }
        }
    }

    #[test]
    fn unacknowledged_bytes_are_seen() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a listener");
        let stream = std::net::TcpStream::connect(listener.local_addr().expect("addr")).expect("connects");
        stream.set_nonblocking(true).expect("non-blocking");
        let mut stream = TcpStream::from_std(stream);
        assert_eq!(unacknowledged(&stream), 0);
        // Nobody reads: what is beyond the receiver's buffer stays unacknowledged.
        while stream.write(&[0; 65536]).is_ok() {}
        assert!(unacknowledged(&stream) > 0);
        let began = std::time::Instant::now();
        while !is_window_shut(&stream) {
            assert!(began.elapsed() < Duration::from_secs(5), "the receiver's window never shut");
        }
    }
}
