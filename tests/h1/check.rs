//! What is to come of a payload, checked on the observer alone. `tests/strict.rs` has its own `check` for the same tables,
//! which asks the running program.

use crate::support::{C, S, Step, everywhere, sizes};
use wayside::wire::event::Peer;

/// What to do with a payload without `strict`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lenient {
    /// Blind, for this reason.
    Blind(&'static str),
    /// Followed, with these events.
    Follow(&'static str),
}

/// What to do with it with `strict`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Strict {
    /// Refused with this status before a byte has passed.
    Refuse(u16),
    /// Refused with this status after so many bytes have.
    After(u16, usize),
    /// Passes with the same events.
    Pass,
}

pub(crate) use Lenient::{Blind, Follow};
pub(crate) use Strict::{After, Pass, Refuse};

/// Checks one payload.
#[track_caller]
pub(crate) fn check(before: &[Step<'_>], payload: Step<'_>, lenient: Lenient, strict: Strict) {
    let steps = [before, &[payload]].concat();
    let name = format!("{payload:?}");
    let outcome = everywhere(&name, &steps, false);
    assert_eq!((outcome.client_passed, outcome.server_passed), sizes(&steps), "{name}: byte-exact");
    let last: Vec<&str> = outcome.events.iter().map(String::as_str).collect();
    match lenient {
        Blind(reason) => assert_eq!(last.last(), Some(&format!("blind {reason}").as_str()), "{name}"),
        Follow(events) => assert!(last.join("; ").ends_with(events), "{name}: {last:?}"),
    }
    let expected = outcome.events;
    let outcome = everywhere(&name, &steps, true);
    let (peer, context) = match payload {
        S(_) => {
            (Peer::Server, before.iter().map(|step| if let S(bytes) = step { bytes.len() } else { 0 }).sum())
        }
        _ => (Peer::Client, 0usize),
    };
    let passed = if peer == Peer::Client { outcome.client_passed } else { outcome.server_passed };
    match strict {
        Pass => {
            assert_eq!((outcome.fault, &outcome.events), (None, &expected), "{name}");
            assert_eq!((outcome.client_passed, outcome.server_passed), sizes(&steps), "{name}");
        }
        Refuse(status) | After(status, _) => {
            let after = if let After(_, after) = strict { after } else { 0 };
            let fault = outcome.fault.unwrap_or_else(|| panic!("{name} is let through"));
            assert_eq!((fault.status, fault.by, fault.begun), (status, peer, after > 0), "{name}: {fault:?}");
            assert_eq!(passed - context, after, "{name}: {fault:?}");
        }
    }
}

#[test]
fn the_second_request_is_held_back_alone() {
    let good = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    let payload = [&good[..], b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\n"].concat();
    let steps = [C(&payload)];
    let outcome = everywhere("pipelined", &steps, true);
    assert_eq!(outcome.client_passed, good.len());
    assert_eq!(outcome.events, ["> 0 GET [h] /", ">| 0"]);
    assert_eq!(outcome.fault.map(|fault| (fault.status, fault.begun)), Some((400, false)));
}
