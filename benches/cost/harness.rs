//! What runs the cases: for their nanoseconds, or once each for valgrind to count their instructions.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// Calls that bring a case to its steady state: tables full, buffers grown, branches of "the first" behind it.
const WARM_UP: usize = 64;
/// Calls that are counted. A case does the same with each call, or comes round within so many.
const COUNTED: u32 = 128;
/// Rounds that are timed. The quickest counts: on a machine that others use, the least disturbed round says most.
const ROUNDS: usize = 200;
/// About the time of a round: short enough to fit between two turns of the scheduler.
const ROUND: Duration = Duration::from_micros(500);

/// Something to be called again and again.
pub(crate) trait Subject {
    /// What a call needs; timed, but not counted.
    fn prepare(&mut self) {}
    /// What is measured.
    fn call(&mut self);
}

impl<F: FnMut()> Subject for F {
    fn call(&mut self) {
        self();
    }
}

/// A named subject, made anew for each measurement.
pub(crate) struct Case {
    name: String,
    /// How many of what the case is about are in one call.
    units: u32,
    make: Box<dyn Fn() -> Box<dyn Subject>>,
}

/// A case whose every call does `units` times what it is about; figures are told for one.
pub(crate) fn case<S: Subject + 'static>(
    name: impl Into<String>,
    units: u32,
    make: impl Fn() -> S + 'static,
) -> Case {
    Case { name: name.into(), units, make: Box::new(move || Box::new(make())) }
}

/// What the command line asks for.
enum Task {
    List,
    /// One case; rounds of a loop that each call does besides.
    Count(String, u32),
    /// The cases whose names contain one of these, or all.
    Time(Vec<String>),
}

/// Does what the command line asks for.
pub(crate) fn run(cases: &[Case]) {
    match task(std::env::args().skip(1)) {
        Task::List => cases.iter().for_each(|case| println!("{}", case.name)),
        Task::Count(name, planted) => {
            let case = cases.iter().find(|case| case.name == name).expect("the name of a case");
            println!("{}", count(case, planted));
        }
        Task::Time(wanted) => {
            println!("{:<28} {:>10}", "case", "ns");
            for case in cases.iter().filter(|case| is_wanted(&case.name, &wanted)) {
                println!("{:<28} {:>10.1}", case.name, time(case));
            }
        }
    }
}

fn task(mut args: impl Iterator<Item = String>) -> Task {
    let mut wanted = Vec::new();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            // Cargo says so.
            "--bench" => {}
            "--list" => return Task::List,
            "--count" => {
                let name = args.next().expect("--count CASE [SLOWER]");
                return Task::Count(name, args.next().map_or(0, |rounds| rounds.parse().expect("a number")));
            }
            _ => wanted.push(arg),
        }
    }
    Task::Time(wanted)
}

fn is_wanted(name: &str, wanted: &[String]) -> bool {
    wanted.is_empty() || wanted.iter().any(|part| name.contains(part))
}

/// Calls a case for valgrind, which counts only inside `counted`. Gives how many units that were.
fn count(case: &Case, planted: u32) -> u32 {
    let mut subject = (case.make)();
    for _ in 0..WARM_UP {
        subject.prepare();
        subject.call();
    }
    for _ in 0..COUNTED {
        subject.prepare();
        counted(&mut *subject, planted);
    }
    COUNTED * case.units
}

/// What scripts/instructions has valgrind count. It goes by this name.
#[inline(never)]
fn counted(subject: &mut dyn Subject, planted: u32) {
    subject.call();
    if planted > 0 {
        planted_slow_down(planted);
    }
}

/// A slow-down for the gate to find, when it is tested.
#[inline(never)]
fn planted_slow_down(rounds: u32) {
    for round in 0..rounds {
        black_box(round);
    }
}

/// Nanoseconds a unit, of the quickest round.
fn time(case: &Case) -> f64 {
    let mut subject = (case.make)();
    let mut round = |calls: u32| {
        let began = Instant::now();
        for _ in 0..calls {
            subject.prepare();
            subject.call();
        }
        began.elapsed()
    };
    let mut calls = 1;
    while round(calls) < ROUND && calls < 1 << 20 {
        calls *= 2;
    }
    let quickest = (0..ROUNDS).map(|_| round(calls)).min().unwrap_or_default();
    quickest.as_secs_f64() * 1e9 / f64::from(calls) / f64::from(case.units)
}
