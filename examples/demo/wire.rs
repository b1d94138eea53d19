//! The two ends of a connection: a client that counts and times, and a server on threads.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// How long the client waits for anything: far more than it takes, so that only a fault gets there.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// The next bytes must be these.
pub(crate) fn expect(from: &mut impl Read, wanted: &[u8]) -> io::Result<()> {
    let mut got = vec![0; wanted.len()];
    from.read_exact(&mut got)?;
    if got == wanted {
        return Ok(());
    }
    let show = |bytes: &[u8]| bytes.get(..60).unwrap_or(bytes).escape_ascii().to_string();
    Err(io::Error::other(format!("the server sent \"{}\", not \"{}\"", show(&got), show(wanted))))
}

/// The client's end.
pub(crate) struct Wire {
    stream: TcpStream,
    began: Instant,
    /// From just before the connect to the first byte of the server's.
    pub(crate) first_answer: Option<Duration>,
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

impl Wire {
    pub(crate) fn connect(addr: SocketAddr) -> io::Result<Wire> {
        let began = Instant::now();
        let stream = TcpStream::connect_timeout(&addr, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Wire { stream, began, first_answer: None, sent: 0, received: 0 })
    }

    /// As wayside names it in `/connections`.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.stream.local_addr()
    }

    /// Sends `bytes` and expects them back, at the same time: neither side could hold so many.
    pub(crate) fn expect_echo(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut writer = self.stream.try_clone()?;
        self.sent += bytes.len() as u64;
        thread::scope(|scope| {
            let writing = scope.spawn(move || writer.write_all(bytes));
            let read = expect(self, bytes);
            writing.join().unwrap_or_else(|_| Err(io::Error::other("the writer panicked"))).and(read)
        })
    }

    /// Ends our half and reads until the server has ended, too.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.stream.shutdown(Shutdown::Write)?;
        io::copy(self, &mut io::sink()).map(drop)
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(buffer)?;
        if count > 0 {
            self.first_answer.get_or_insert_with(|| self.began.elapsed());
        }
        self.received += count as u64;
        Ok(count)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.stream.write(bytes)?;
        self.sent += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// What a server does with one connection. Its error ends that connection, as the client will notice.
pub(crate) type Serve = Arc<dyn Fn(TcpStream) -> io::Result<()> + Send + Sync>;

/// Serves on a free port for as long as the process lives, a thread a connection.
pub(crate) fn listen(serve: Serve) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let addr = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            let serve = Arc::clone(&serve);
            thread::spawn(move || stream.set_nodelay(true).and_then(|()| serve(stream)));
        }
    });
    Ok(addr)
}
