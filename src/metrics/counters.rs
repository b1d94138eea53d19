//! Process-wide counters: one table of families, labels and help. A new counter is one line in it.

use super::labels::Direction;

/// Declares [`Counter`], its families and their rows from one table.
macro_rules! counters {
    ($( $name:literal $help:literal { $( $(#[$doc:meta])* $variant:ident $(($dir:ident))? $labels:literal; )* } )*) => {
        /// Something that happened in this process, of which only the number matters.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Counter {
            $( $( $(#[$doc])* $variant $(($dir))?, )* )*
        }

        #[derive(Clone, Copy)]
        enum Place {
            $( $( $variant, )* )*
        }

        const ROWS: usize = [$( $( Place::$variant, )* )*].len();

        impl Counter {
            fn place(self) -> usize {
                match self {
                    $( $( Counter::$variant { .. } => Place::$variant as usize, )* )*
                }
            }

            fn direction(self) -> Option<Direction> {
                match self {
                    $( $( $( Counter::$variant(direction) => { let it: $dir = direction; Some(it) } )? )* )*
                    _ => None,
                }
            }
        }

        /// The families, in the order of the table.
        pub(super) static FAMILIES: &[Family] = &[
            $( Family {
                name: $name,
                help: $help,
                rows: &[$( Row {
                    place: Place::$variant as usize,
                    labels: $labels,
                    directed: counters!(@directed $($dir)?),
                }, )*],
            }, )*
        ];
    };
    (@directed $dir:ident) => { true };
    (@directed) => { false };
}

counters! {
    "wayside_refused_total" "Connections closed at once, because where they go cannot be known or must not be." {
        /// The original destination is one of our own listeners, or the connection is one of our own.
        RefusedLoop(Direction) "reason=\"loop\"";
        /// It came to the listener directly.
        RefusedNotRedirected(Direction) "reason=\"not_redirected\"";
        /// The kernel could not say where it was going.
        RefusedNoOriginalDst(Direction) "reason=\"no_original_dst\"";
    }
    "wayside_accept_paused_total" "Times that accepting paused." {
        /// As many connections as `--max-connections` allows.
        AcceptPausedLimit "reason=\"max_connections\"";
        /// The process or the system is out of file descriptors.
        AcceptPausedFds "reason=\"descriptors\"";
    }
    "wayside_accept_errors_total" "Errors of accept(2) other than a lack of descriptors." {
        /// One such error.
        AcceptErrors "";
    }
    "wayside_log_dropped_total" "Log lines dropped, because stderr did not take them." {
        /// One line.
        LogDropped "";
    }
    "wayside_access_log_lines_total" "Lines of the access log that stdout took." {
        /// Kept by the access log.
        AccessLogLines "";
    }
    "wayside_access_log_dropped_total" "Lines of the access log dropped, because stdout did not take them in time." {
        /// Kept by the access log.
        AccessLogDropped "";
    }
    "wayside_buffer_budget_total" "Times that a connection had to wait, because the buffer budget was used up." {
        /// One such wait.
        BufferBudget "";
    }
    "wayside_pipe_refused_total" "Times that bytes were copied instead of spliced, because no pipe could be had." {
        /// One such time.
        PipeRefused "";
    }
    "wayside_admin_refused_total" "Admin connections closed or refused to stay within the limit of their number." {
        /// One connection.
        AdminRefused "";
    }
    "wayside_bad_gateway_total" "HTTP requests answered with 502 or 504 (gRPC: UNAVAILABLE or DEADLINE_EXCEEDED), because the upstream could not be reached." {
        /// One answer.
        AnsweredBadGateway "";
    }
    "wayside_pool_total" "What became of upstream connections that were kept for the next request." {
        /// A request was sent on one.
        PoolReused "event=\"reused\"";
        /// One was idle, but for too long for a request that must not be sent twice. It stays.
        PoolDistrusted "event=\"distrusted\"";
        /// The server closed it, or spoke, while it was idle.
        PoolClosedByServer "event=\"closed_by_server\"";
        /// It was closed because there were enough.
        PoolFull "event=\"full\"";
        /// It was idle for too long.
        PoolExpired "event=\"expired\"";
    }
    "wayside_retries_total" "Requests sent again, as the connection that was kept for them had ended." {
        /// One request.
        Retried "";
    }
    "wayside_worker_restarts_total" "Workers that ended unasked, and were started again." {
        /// One such end.
        WorkerRestarts "";
    }
    "wayside_reloads_total" "Times that SIGHUP was heeded, and what became of it." {
        /// The new workers serve.
        ReloadDone "outcome=\"done\"";
        /// The old workers serve on.
        ReloadRefused "outcome=\"refused\"";
    }
    "wayside_backend_left_out_total" "Addresses that a backend set left out, as it had enough." {
        /// One address, each time that the set learnt its addresses.
        BackendLeftOut "";
    }
    "wayside_resolver_total" "What came up while names were looked up." {
        /// A lookup began that needed a name server.
        ResolverLookups "event=\"lookup\"";
        /// A lookup ended without an address.
        ResolverFailed "event=\"failed\"";
        /// A question was sent, over UDP or TCP.
        ResolverQueries "event=\"query\"";
        /// A question was sent over TCP.
        ResolverQueriesTcp "event=\"query_over_tcp\"";
        /// A reply did not answer the question.
        ResolverForeign "event=\"foreign_reply\"";
        /// A server did not reply in time.
        ResolverTimeouts "event=\"timeout\"";
        /// A client's name was forgotten for another.
        ResolverGuestsForgotten "event=\"guest_forgotten\"";
        /// Its lookup was under way, and was given up for another client's.
        ResolverGuestsDisplaced "event=\"guest_displaced\"";
        /// The lookup of a client's name let another one by, to go on later.
        ResolverGuestsPaused "event=\"guest_paused\"";
        /// A client's name was not looked up, as too many others were.
        ResolverGuestsRefused "event=\"guest_refused\"";
    }
    "wayside_label_overflow_total" "Look-ups whose label value went to ~other." {
        /// Too many targets.
        LabelOverflowTarget "label=\"target_addr\"";
        /// Too many server names, or one that cannot be a label.
        LabelOverflowSni "label=\"sni\"";
        /// Too many ALPN lists, or one that cannot be a label.
        LabelOverflowAlpn "label=\"alpn\"";
        /// Too many combinations with a server name or an ALPN list.
        LabelOverflowNames "label=\"names\"";
        /// Too many combinations of labels.
        LabelOverflowSeries "label=\"series\"";
        /// Too many authorities, or one that cannot be a label.
        LabelOverflowAuthority "label=\"authority\"";
        /// Too many combinations of target and authority.
        LabelOverflowHttp "label=\"http_series\"";
        /// Too many different outcomes of HTTP requests.
        LabelOverflowOutcome "label=\"http_outcome\"";
    }
}

/// One family of counters.
pub(super) struct Family {
    pub(super) name: &'static str,
    pub(super) help: &'static str,
    pub(super) rows: &'static [Row],
}

/// One counter of a family; two where it is kept for each direction.
pub(super) struct Row {
    place: usize,
    labels: &'static str,
    directed: bool,
}

impl Row {
    /// Each line of this row: its labels and its value.
    pub(super) fn lines(&self, counters: &Counters) -> impl Iterator<Item = (String, u64)> {
        let [inbound, outbound] = counters.values.get(self.place).copied().unwrap_or_default();
        let line = |direction: Direction, value| {
            (super::text::join(&format!("direction=\"{}\"", direction.as_str()), self.labels), value)
        };
        let lines = match self.directed {
            true => [Some(line(Direction::Inbound, inbound)), Some(line(Direction::Outbound, outbound))],
            false => [Some((self.labels.to_string(), inbound)), None],
        };
        lines.into_iter().flatten()
    }
}

/// The values.
#[derive(Debug)]
pub(super) struct Counters {
    /// By row and direction; a counter without a direction uses the first.
    values: [[u64; 2]; ROWS],
}

impl Counters {
    pub(super) fn new() -> Counters {
        Counters { values: [[0; 2]; ROWS] }
    }

    pub(super) fn count(&mut self, counter: Counter) {
        if let Some(value) = self.value(counter) {
            *value += 1;
        }
    }

    pub(super) fn set(&mut self, counter: Counter, total: u64) {
        if let Some(value) = self.value(counter) {
            *value = total;
        }
    }

    fn value(&mut self, counter: Counter) -> Option<&mut u64> {
        let direction = counter.direction().map_or(0, |direction| direction as usize);
        self.values.get_mut(counter.place())?.get_mut(direction)
    }
}
