//! The command line and the configuration, from outside: the program as users start it.

#[path = "config/bad.rs"]
mod bad;
#[path = "config/docs.rs"]
mod docs;
#[path = "config/effective.rs"]
mod effective;
#[path = "config/support.rs"]
mod support;
#[path = "config/tables.rs"]
mod tables;
#[path = "config/usage.rs"]
mod usage;
