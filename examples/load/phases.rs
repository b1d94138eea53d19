//! A load in two phases: warm-up, then what is measured, begun by whoever measures. What is begun in a phase ends in it.

use std::io::{self, BufRead, Write};
use std::time::Duration;

use super::Failure;

/// What a phase did.
#[derive(Default)]
pub(crate) struct Done {
    /// Requests answered in full and as they should be.
    pub(crate) requests: u64,
    /// Connections or requests that failed.
    pub(crate) errors: u64,
    /// What the first one of them was.
    pub(crate) problem: Option<String>,
    /// Bytes of bulk that passed.
    pub(crate) bytes: u64,
    /// How long it took.
    pub(crate) time: Duration,
    /// Of each request, in nanoseconds; not in order.
    pub(crate) latencies: Vec<u32>,
}

/// Runs both; prints what the second did.
///
/// # Errors
/// What the load says, or stdin or stdout broken.
pub(crate) fn run(
    warm: Duration,
    time: Duration,
    mut phase: impl FnMut(Duration) -> Result<Done, Failure>,
) -> Result<(), Failure> {
    let mut stdout = io::stdout();
    let warmed = phase(warm)?;
    if let Some(problem) = warmed.problem {
        return Err(format!("{} requests failed in the warm-up: {problem}", warmed.errors).into());
    }
    writeln!(stdout, "ready")?;
    stdout.flush()?;
    if io::stdin().lock().read_line(&mut String::new())? == 0 {
        return Ok(());
    }
    writeln!(stdout, "{}", phase(time)?.json())?;
    Ok(())
}

impl Done {
    fn json(mut self) -> String {
        self.latencies.sort_unstable();
        let at = |share: f64| {
            let last = self.latencies.len().saturating_sub(1);
            self.latencies
                .get((last as f64 * share).round() as usize)
                .map_or(0.0, |&time| f64::from(time) / 1e3)
        };
        format!(
            r#"{{"requests":{},"errors":{},"problem":"{}","bytes":{},"seconds":{:.6},"p50":{:.2},"p99":{:.2},"p99.9":{:.2}}}"#,
            self.requests,
            self.errors,
            self.problem.unwrap_or_default().replace(['"', '\\'], "'"),
            self.bytes,
            self.time.as_secs_f64(),
            at(0.5),
            at(0.99),
            at(0.999),
        )
    }
}
