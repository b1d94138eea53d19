//! Several workers under a supervisor: load over restarts and renewals, sums that never go back, exit codes, an
//! application beside it, and what a service manager hands over and hears.

mod support;

#[path = "workers/application.rs"]
mod application;
#[path = "workers/ends.rs"]
mod ends;
#[path = "workers/house.rs"]
mod house;
#[path = "workers/manager.rs"]
mod manager;
#[path = "workers/reload.rs"]
mod reload;
#[path = "workers/restart.rs"]
mod restart;
#[path = "workers/wrk.rs"]
mod wrk;
