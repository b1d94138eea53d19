//! What our own code costs, case by case, without a kernel where it can be had without one. `docs/benches.md`.
//!
//! ```text
//! cargo bench --bench cost [PART ...]     nanoseconds, of the cases whose names contain PART
//! scripts/instructions                    instructions, against those of benches/instructions.txt
//! ```

mod balance;
mod detect;
mod h1;
mod h2;
mod harness;
mod lane;
mod ledger;
mod steer;
mod wheel;
mod worker;

fn main() {
    let groups = [
        balance::cases(),
        detect::cases(),
        h1::cases(),
        h2::cases(),
        lane::cases(),
        ledger::cases(),
        steer::cases(),
        wheel::cases(),
        worker::cases(),
    ];
    harness::run(&groups.into_iter().flatten().collect::<Vec<_>>());
}
