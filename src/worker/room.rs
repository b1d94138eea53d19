//! How the descriptors that the process may open are shared out.

/// Descriptors that are not connections: stdio, epoll, signals, listeners, 32 admin connections, DNS.
const RESERVE: usize = 64;
/// One bulky lane in so many descriptors gets a pipe.
const DESCRIPTORS_PER_PIPE: usize = 32;
/// The most pipes, whatever the limit of descriptors: they hold 256 KiB of kernel memory each.
const MOST_PIPES: usize = 512;
/// One descriptor in so many is for an upstream connection that waits for the next request.
const DESCRIPTORS_PER_IDLE: usize = 8;
/// The most of those, whatever the limit of descriptors.
const MOST_IDLE: usize = 4096;

/// What so many descriptors have room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Connections, of two descriptors each.
    pub connections: usize,
    /// Pipes that may be open at once, of two descriptors each.
    pub pipes: usize,
    /// Upstream connections that may be kept while no request needs them.
    pub idle: usize,
}

impl Room {
    /// That of a limit of `descriptors`.
    pub fn of(descriptors: usize) -> Room {
        let pipes = (descriptors / DESCRIPTORS_PER_PIPE).min(MOST_PIPES);
        let idle = (descriptors / DESCRIPTORS_PER_IDLE).min(MOST_IDLE);
        Room { connections: descriptors.saturating_sub(RESERVE + 2 * pipes + idle) / 2, pipes, idle }
    }

    /// The least limit of descriptors that carries so many connections.
    pub fn descriptors_for(connections: usize) -> usize {
        let mut descriptors: usize = 0;
        // So many more never carry more than what is missing: no step is too long.
        loop {
            let missing = connections.saturating_sub(Room::of(descriptors).connections);
            let next = descriptors.saturating_add(missing.saturating_mul(2).saturating_sub(1));
            if missing == 0 || next == descriptors {
                return descriptors;
            }
            descriptors = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_that_carries_them() {
        let carries = |descriptors| Room::of(descriptors).connections;
        for wanted in (0..3000).chain([10_000, 100_000, 1 << 20]) {
            let least = Room::descriptors_for(wanted);
            assert!(carries(least) >= wanted, "{wanted}: {least}");
            // One fewer pipe may make room for a connection: a few below it are looked at, and not the next one only.
            for fewer in least.saturating_sub(100)..least {
                assert!(carries(fewer) < wanted, "{wanted}: {fewer} would do, not {least}");
            }
        }
        assert_eq!(Room::descriptors_for(1000), 2539);
        assert_eq!(Room::descriptors_for(usize::MAX), usize::MAX);
    }
}
