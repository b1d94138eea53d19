//! Peers on threads, and the smallest set-up of all: client, wayside, server.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use super::{Wayside, accept, connect, guard, listen, send_random};

/// A server on a free port of 127.0.0.1: a thread that accepts, and a thread a connection.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    accepted: AtomicUsize,
    live: AtomicUsize,
    failed: AtomicUsize,
}

impl Server {
    /// Calls `serve` with each connection. A panic in it fails the test when the server is dropped; so errors that
    /// are part of the game (the client went away) are `Err`, and ignored.
    pub fn start(serve: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static) -> Self {
        let listener = listen();
        let addr = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let acceptor = std::thread::spawn(move || accept_all(&listener, &theirs, &Arc::new(serve)));
        Server { addr, shared, acceptor: Some(acceptor) }
    }

    /// Sends back what comes, and ends when the client ends.
    pub fn echo() -> Self {
        Server::start(|mut stream| {
            let mut buffer = vec![0; 64 << 10];
            loop {
                let count = stream.read(&mut buffer)?;
                if count == 0 {
                    return Ok(());
                }
                stream.write_all(&buffer[..count])?;
            }
        })
    }

    /// Reads to the end and answers nothing.
    pub fn sink() -> Self {
        Server::start(|mut stream| io::copy(&mut stream, &mut io::sink()).map(drop))
    }

    /// Sends `total` random bytes and ends.
    pub fn source(total: u64, seed: u64) -> Self {
        Server::start(move |stream| send_random(&stream, total, seed, (1 << 10, 64 << 10)).map(drop))
    }

    /// Sends `greeting` at once, then sends back what comes.
    pub fn greeter(greeting: &'static [u8]) -> Self {
        Server::start(move |mut stream| {
            stream.write_all(greeting)?;
            let mut reader = stream.try_clone()?;
            io::copy(&mut reader, &mut stream).map(drop)
        })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// How many connections it has accepted.
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }

    /// How many of them are still being served.
    pub fn live(&self) -> usize {
        self.shared.live.load(Ordering::SeqCst)
    }
}

fn accept_all<F>(listener: &TcpListener, shared: &Arc<Shared>, serve: &Arc<F>)
where
    F: Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static,
{
    for stream in listener.incoming() {
        if shared.stop.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream.and_then(guard) else { continue };
        shared.accepted.fetch_add(1, Ordering::SeqCst);
        shared.live.fetch_add(1, Ordering::SeqCst);
        let (shared, serve) = (Arc::clone(shared), Arc::clone(serve));
        std::thread::spawn(move || {
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| serve(stream)));
            if outcome.is_err() {
                shared.failed.fetch_add(1, Ordering::SeqCst);
            }
            shared.live.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // Wakes the acceptor.
        let _ = TcpStream::connect(self.addr);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        let failed = self.shared.failed.load(Ordering::SeqCst);
        if failed > 0 && !std::thread::panicking() {
            panic!("{failed} of the server's connections failed");
        }
    }
}

/// Client, wayside, server: the test itself plays both ends.
#[derive(Debug)]
pub struct Tunnel {
    /// The program, with one `--forward` to [`Tunnel::server`].
    pub wayside: Wayside,
    /// Where the server's ends are accepted.
    pub server: TcpListener,
}

impl Tunnel {
    /// Starts wayside with one forward and these further arguments.
    pub fn new(args: &[&str]) -> Self {
        let server = listen();
        let target = server.local_addr().expect("its address");
        let forward = format!("127.0.0.1:0={target}");
        let mut all = vec!["--forward", forward.as_str()];
        all.extend(args);
        Tunnel { wayside: Wayside::start(&all), server }
    }

    /// A new connection: the client's end and the server's. wayside dials at once, so no byte is needed.
    pub fn pair(&self) -> (TcpStream, TcpStream) {
        let client = connect(self.wayside.addr(0)).expect("a connection to wayside");
        let server = accept(&self.server);
        (client, server)
    }
}

/// Ends the sending half.
pub fn finish(stream: &TcpStream) {
    stream.shutdown(Shutdown::Write).expect("to half-close");
}
