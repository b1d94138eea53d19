//! Sockets with time-outs, and the ways a connection ends.

use std::io::{self, ErrorKind, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, SockRef, Socket, Type};

/// How long any single read, write or accept of a test may take.
pub const LIMIT: Duration = Duration::from_secs(10);

/// Gives the socket its time-outs and TCP_NODELAY.
pub fn guard(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Connects, with time-outs.
pub fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
    guard(TcpStream::connect_timeout(&addr, LIMIT)?)
}

/// Listens on a free port of 127.0.0.1, with room for a rush of connections.
pub fn listen() -> TcpListener {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let addr: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    socket.bind(&addr.into()).expect("a free port");
    socket.listen(4096).expect("to listen");
    socket.into()
}

/// An address that refuses connections for as long as the socket is kept: bound, not listening.
pub fn refusing() -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let addr: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    socket.bind(&addr.into()).expect("a free port");
    let addr = socket.local_addr().expect("its address").as_socket().expect("an IP address");
    (socket, addr)
}

/// A listener that takes no more connections, and what fills it.
pub fn full() -> (Socket, Vec<TcpStream>, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).expect("a free port");
    socket.listen(0).expect("to listen");
    let addr = socket.local_addr().expect("its address").as_socket().expect("an IP address");
    let mut filling = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&addr, Duration::from_millis(200)) {
        filling.push(stream);
        assert!(filling.len() < 100, "it never fills");
    }
    (socket, filling, addr)
}

/// Accepts one connection, or panics after [`LIMIT`].
pub fn accept(listener: &TcpListener) -> TcpStream {
    // Linux lets SO_RCVTIMEO limit accept, too.
    SockRef::from(listener).set_read_timeout(Some(LIMIT)).expect("SO_RCVTIMEO");
    let (stream, _) = listener.accept().expect("a connection to accept");
    guard(stream).expect("time-outs")
}

/// Closes with a reset (SO_LINGER 0).
pub fn reset(stream: TcpStream) {
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
}

/// Small socket buffers, so that a reader that stops is felt early.
pub fn small_buffers(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    socket.set_recv_buffer_size(16 << 10).expect("SO_RCVBUF");
    socket.set_send_buffer_size(16 << 10).expect("SO_SNDBUF");
}

/// Whether this is how a reset looks to the one who reads or writes.
pub fn is_reset(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::ConnectionAborted)
}

/// The other side ends within `limit`, without a further byte.
#[track_caller]
pub fn expect_eof(stream: &TcpStream, limit: Duration) {
    match read_within(stream, limit) {
        Ok(0) => {}
        Ok(count) => panic!("{count} more bytes where the end was expected"),
        Err(error) => panic!("{error} where the end was expected (within {limit:?})"),
    }
}

/// The other side resets within `limit`, without a further byte.
#[track_caller]
pub fn expect_reset(stream: &TcpStream, limit: Duration) {
    match read_within(stream, limit) {
        Err(error) if is_reset(&error) => {}
        Ok(0) => panic!("an orderly end where a reset was expected"),
        Ok(count) => panic!("{count} more bytes where a reset was expected"),
        Err(error) => panic!("{error} where a reset was expected (within {limit:?})"),
    }
}

/// Nothing comes for `period`: no byte, no end, no reset.
#[track_caller]
pub fn expect_silence(stream: &TcpStream, period: Duration) {
    match read_within(stream, period) {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
        other => panic!("{other:?} where nothing was expected for {period:?}"),
    }
}

/// One read with its own time-out.
fn read_within(mut stream: &TcpStream, limit: Duration) -> io::Result<usize> {
    let began = Instant::now();
    stream.set_read_timeout(Some(limit))?;
    let result = loop {
        match stream.read(&mut [0; 4096]) {
            Err(error) if error.kind() == ErrorKind::Interrupted && began.elapsed() < limit => {}
            result => break result,
        }
    };
    stream.set_read_timeout(Some(LIMIT))?;
    result
}
