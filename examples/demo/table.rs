//! What was measured, as text of at most 100 columns.

use std::fmt::Write as _;
use std::time::Duration;

use super::Row;
use super::kinds::{ALPN, HOST};
use super::proxy::Metrics;

/// How often each kind of traffic is sent, directly and through wayside.
pub(crate) const ROUNDS: usize = 21;

/// The table and what explains it.
pub(crate) fn text(rows: &[Row], metrics: &Metrics) -> String {
    let mut out = format!(
        "wayside in front of {} servers; each kind of traffic {ROUNDS} times directly and {ROUNDS} times through it\n\n\
         {:<55} {:>17} {:>19}\n\
         {:<35} {:<8} {:<10} {:>8} {:>8} {:>9} {:>9}\n",
        rows.len(),
        "",
        "first answer, ms",
        "bytes each way",
        "what the client sent",
        "detected",
        "decided by",
        "direct",
        "wayside",
        "up",
        "down",
    );
    for row in rows {
        let _ = writeln!(
            out,
            "{:<7} {:<27} {:<8} {:<10} {:>8.3} {:>8.3} {:>9} {:>9}",
            row.kind.name,
            row.kind.sent,
            row.seen.protocol,
            row.seen.decided_by,
            millis(median(&row.direct)),
            millis(median(&row.through)),
            row.seen.bytes_up,
            row.seen.bytes_down,
        );
    }
    let client = [("peer", "src")];
    let _ = writeln!(
        out,
        "\nfirst answer: from before the connect to the server's first byte, median of {ROUNDS}\n\
         detected, decided by, bytes: one connection, as /connections showed it while it was open\n\
         the ClientHello's sni {HOST} and alpn {ALPN} are labels in /metrics\n\
         /metrics of all: {} connections, {} bytes up, {} bytes down, {} still open",
        metrics.sum("tcp_close_total", &client),
        metrics.sum("tcp_read_bytes_total", &client),
        metrics.sum("tcp_write_bytes_total", &client),
        metrics.sum("tcp_open_connections", &client),
    );
    out
}

/// The middle one; zero where there is none.
fn median(times: &[Duration]) -> Duration {
    let mut sorted = times.to_vec();
    sorted.sort();
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
