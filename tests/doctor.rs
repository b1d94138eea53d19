//! `wayside doctor`: a healthy host has nothing wrong, each planted fault is found and its fix named.
//!
//! The hosts are network namespaces; what is wrong with one is wrong there only.

#[path = "doctor/faults.rs"]
mod faults;
#[path = "doctor/fixes.rs"]
mod fixes;
#[path = "doctor/patient.rs"]
mod patient;
mod support;
#[path = "doctor/usage.rs"]
mod usage;
