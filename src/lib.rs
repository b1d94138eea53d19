//! wayside: a small transparent TCP proxy. This file is the map of the house.
//!
//! | question | module |
//! |---|---|
//! | who keeps several workers going? | [`supervisor`] |
//! | who schedules a connection's work? | [`worker`] |
//! | where does a connection come from and where does it want to go? | [`listener`], [`resolve`] |
//! | what is a connection's whole life? | [`flow`] |
//! | which of several backends takes it? | [`balance`] |
//! | where does a byte wait? | [`flow`]`::transit` |
//! | which request goes to which backend set? | [`route`] |
//! | who understands a byte? | [`wire`] |
//! | who counts it? | [`metrics`] |
//! | who writes the access log? | [`access_log`] |
//! | who answers the operator? | [`admin`], [`commands`] |
//! | what may be set? | [`cli`], [`config`] |
//! | who touches the kernel? | [`sys`] |
//!
//! Imports point down this list: `main cli commands supervisor worker listener flow kit course pool backends balance route exchanges
//! resolve access_log admin config wire metrics base sys`. `tests/house.rs` checks it.

pub mod access_log;
pub mod admin;
pub mod backends;
pub mod balance;
pub mod base;
pub mod cli;
pub mod commands;
pub mod config;
pub mod course;
pub mod exchanges;
pub mod flow;
pub mod kit;
pub mod listener;
pub mod metrics;
pub mod pool;
pub mod resolve;
pub mod route;
pub mod supervisor;
pub mod sys;
pub mod wire;
pub mod worker;
