//! `/connections`, `/backends` and `/server-first`: lists in JSON, made in slices.

use std::fmt::Write as _;

use super::{Connection, Endpoint, Subject};

/// What is listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// Each live connection.
    Connections,
    /// Each address of each backend set.
    Backends,
    /// The targets whose server spoke before the client.
    ServerFirst,
}

impl List {
    /// All of them.
    pub const ALL: [List; 3] = [List::Connections, List::Backends, List::ServerFirst];

    /// Where it is.
    pub fn path(self) -> &'static str {
        match self {
            List::Connections => "/connections",
            List::Backends => "/backends",
            List::ServerFirst => "/server-first",
        }
    }

    /// What stands before and after the items, which have a line each, with `,` between them.
    pub fn frame(self, is_empty: bool) -> (String, &'static str) {
        (format!("{{\"{}\":[\n", self.name()), if is_empty { "]}\n" } else { "\n]}\n" })
    }

    /// The only member of the object.
    fn name(self) -> &'static str {
        match self {
            List::Connections => "connections",
            List::Backends => "backends",
            List::ServerFirst => "server_first",
        }
    }

    /// The first item at or after this place, and its place.
    fn item(self, subject: &dyn Subject, from: usize) -> Option<(usize, String)> {
        match self {
            List::Connections => subject.connection(from).map(|(place, it)| (place, connection(&it))),
            List::Backends => subject.endpoint(from).map(|(place, it)| (place, endpoint(&it))),
            List::ServerFirst => subject.server_first(from).map(|address| (from, format!("\"{address}\""))),
        }
    }
}

/// The way through a list, one place after the other. Not a snapshot: what comes meanwhile may be missed.
#[derive(Debug)]
pub(super) struct Walk {
    list: List,
    place: usize,
    begun: bool,
}

impl Walk {
    pub(super) fn new(list: List) -> Walk {
        Walk { list, place: 0, begun: false }
    }

    /// Appends about `budget` bytes to `out`; false: that was all.
    pub(super) fn next(&mut self, subject: &dyn Subject, out: &mut Vec<u8>, budget: usize) -> bool {
        let full = out.len().saturating_add(budget);
        if self.place == 0 && !self.begun {
            out.extend_from_slice(self.list.frame(true).0.as_bytes());
        }
        while out.len() < full {
            let Some((place, item)) = self.list.item(subject, self.place) else {
                out.extend_from_slice(self.list.frame(!self.begun).1.as_bytes());
                return false;
            };
            if self.begun {
                out.extend_from_slice(b",\n");
            }
            self.begun = true;
            out.extend_from_slice(item.as_bytes());
            self.place = place.saturating_add(1);
        }
        true
    }
}

// Writing to a String never fails, here and below.

fn connection(connection: &Connection) -> String {
    let Connection { id, bytes_in, bytes_out, age, .. } = connection;
    let mut line = format!("{{\"id\":{id}");
    for (name, value) in [
        ("direction", connection.direction),
        ("source", &connection.source.to_string()),
        ("target", &connection.target),
        ("protocol", connection.protocol),
        ("decided_by", connection.decided_by),
        ("state", connection.state),
    ] {
        push(&mut line, name, value);
    }
    let _ =
        write!(line, ",\"bytes_in\":{bytes_in},\"bytes_out\":{bytes_out},\"age_ms\":{}}}", age.as_millis());
    line
}

fn endpoint(endpoint: &Endpoint) -> String {
    let Endpoint { weight, pending, failures, .. } = endpoint;
    let mut line = String::from("{");
    push(&mut line, "backend", &endpoint.backend);
    push(&mut line, "address", &endpoint.address.to_string());
    push(&mut line, "state", endpoint.state);
    let _ = write!(line, ",\"weight\":{weight},\"pending\":{pending},\"failures\":{failures}");
    if let Some(cause) = endpoint.cause {
        push(&mut line, "cause", cause);
        let _ = write!(line, ",\"until_ms\":{}", endpoint.until.as_millis());
    }
    if let Some(rtt) = endpoint.rtt {
        let _ = write!(line, ",\"rtt_us\":{}", rtt.as_micros());
    }
    line.push('}');
    line
}

fn push(line: &mut String, name: &str, value: &str) {
    let comma = if line.len() > 1 { "," } else { "" };
    let _ = write!(line, "{comma}\"{name}\":\"");
    push_escaped(line, value);
    line.push('"');
}

/// Appends `value` as the inside of a JSON string.
pub fn push_escaped(line: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '"' | '\\' => line.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(line, "\\u{:04x}", u32::from(c));
            }
            c => line.push(c),
        }
    }
}
