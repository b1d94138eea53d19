//! The start: every socket that the configuration asks for, and what flows may borrow.

use crate::access_log::AccessLog;
use crate::admin::Admin;
use crate::backends::Backends;
use crate::base::buffers::Buffers;
use crate::base::dials::Dials;
use crate::base::gate::Gate;
use crate::base::recent::Recent;
use crate::base::time::{Clock, Moment};
use crate::base::token::Source;
use crate::base::wheel::Wheel;
use crate::config::Config;
use crate::course::Courses;
use crate::exchanges::Lines;
use crate::kit::Kit;
use crate::listener::sockets::{Given, Wanted};
use crate::listener::{self, Listener};
use crate::metrics::Metrics;
use crate::pool::Pool;
use crate::resolve::{Resolver, Settings};
use crate::route::Router;
use crate::sys::notify::Manager;
use crate::sys::{self, limits, pipe::Pipes};
use crate::wire::means::Means;
use crate::worker::accept::Accepting;
use crate::worker::{Post, Worker};
use mio::net::TcpListener;
use mio::{Interest, Poll, Registry};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook_mio::v1_0::Signals;
use slab::Slab;
use std::collections::VecDeque;
use std::fs::File;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Targets remembered as those whose server speaks first; the oldest is forgotten for one more.
const SERVER_FIRST: usize = 1024;
/// For so long: a server may become another, and finding out anew costs one client a wait of 4 to 12 ms.
const SERVER_FIRST_LASTS: Duration = Duration::from_secs(600);

impl Worker {
    /// Opens all that the configuration asks for. The error is one line for the user.
    pub fn start(config: Config) -> Result<Worker, String> {
        Worker::start_with(config, Given::default(), None)
    }

    /// The same with sockets that are open already, and for a supervisor, where there is one.
    pub fn start_with(config: Config, mut given: Given, post: Option<Post>) -> Result<Worker, String> {
        let descriptors = limits::raise_descriptor_limit();
        let of = post.as_ref().map_or(1, |post| post.of.max(1));
        let accepting = Accepting::new(descriptors, config.max_connections.map(|most| most.div_ceil(of)))?;
        let (clock, instant) = (Clock::start(), Instant::now());
        let poll = Poll::new().map_err(|error| format!("cannot open an epoll instance: {error}"))?;
        let registry = poll.registry().try_clone().map_err(|error| format!("cannot use epoll: {error}"))?;
        let signals = signals(&registry, post.is_some())?;
        let (mut metrics, mut resolver) = (Metrics::new(), Resolver::new(Settings::default()));
        let listeners = listener::open_all(&config, &mut given, &registry, &mut metrics, &mut resolver)?;
        let (mut admin, admin_addrs) = admin(&config, &mut given, &registry)?;
        if listeners.is_empty() {
            return Err(
                "nothing to listen on: all of inbound and outbound are off and there is no --forward; \
                        see wayside run --help"
                    .to_owned(),
            );
        }
        let last_words = post.map(|post| serve(post, &mut admin, &registry, instant)).transpose()?;
        let access_log = AccessLog::new(config.access_log, &registry, last_words.is_some())
            .map_err(|error| format!("--access-log: stdout cannot be used: {error}"))?;
        let seed = sys::random::bits64();
        let backends = Backends::new(&config, &mut resolver, seed, clock.moment(instant));
        let kit = Kit {
            now: clock.moment(instant),
            instant,
            hurry_from: None,
            registry,
            hot: vec![0; Kit::HOT].into_boxed_slice(),
            buffers: Buffers::new(limits::memory_share() / of),
            pipes: Pipes::new(accepting.pipes()),
            metrics,
            means: Means::default(),
            spare: Vec::new(),
            lines: Lines::default(),
            access_log,
            resolver,
            router: Router::new(&config),
            backends,
            pool: Pool::new(accepting.idle(), config.pool_size, config.pool_idle_timeout),
            courses: Courses::default(),
            scratch: Vec::new(),
            pseudonym: format!("wayside-{:08x}", sys::random::bits64() >> 32),
            server_first: Recent::new(SERVER_FIRST, SERVER_FIRST_LASTS),
            refusals: Gate::default(),
            own: listeners.iter().map(|listener| listener.addr).collect(),
            dials: Dials::new(listeners.iter().any(Listener::is_redirected)),
            config,
        };
        Ok(Worker {
            poll,
            clock,
            kit,
            flows: Slab::new(),
            queue: VecDeque::new(),
            closing: Vec::new(),
            wheel: Wheel::default(),
            listeners,
            accepting,
            admin,
            admin_addrs,
            admin_is_busy: false,
            signals,
            last_words,
            manager: Manager::from_environment(),
            draining: None,
            must_end: false,
            trim_at: Moment::NEVER,
        })
    }
}

/// Lets the supervisor ask; the file for the last totals.
fn serve(post: Post, admin: &mut Admin, registry: &Registry, now: Instant) -> Result<File, String> {
    admin
        .serve_supervisor(post.control, registry, now)
        .map_err(|error| format!("the connection to the supervisor cannot be watched: {error}"))?;
    Ok(post.last_words)
}

fn signals(registry: &Registry, is_supervised: bool) -> Result<Signals, String> {
    let caught: &[i32] =
        if is_supervised { &[SIGTERM, SIGINT, SIGQUIT, SIGHUP] } else { &[SIGTERM, SIGINT, SIGQUIT] };
    let mut signals = Signals::new(caught).map_err(|error| format!("cannot catch signals: {error}"))?;
    registry
        .register(&mut signals, Source::Signal.token(), Interest::READABLE)
        .map_err(|error| format!("cannot watch for signals: {error}"))?;
    Ok(signals)
}

fn admin(
    config: &Config,
    given: &mut Given,
    registry: &Registry,
) -> Result<(Admin, Vec<SocketAddr>), String> {
    let sockets = given.complete(&Wanted::admin(config))?;
    let sockets: Vec<TcpListener> = sockets.into_iter().map(|(_, socket)| socket).collect();
    let addrs = sockets.iter().filter_map(|socket| socket.local_addr().ok()).collect();
    let admin = Admin::new(sockets, registry)
        .map_err(|error| format!("--admin-listen: cannot be watched: {error}"))?;
    Ok((admin, addrs))
}
