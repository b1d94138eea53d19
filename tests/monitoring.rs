//! What is written about metrics, and what reads them, against what a wayside really shows.

#[path = "monitoring/documents.rs"]
mod documents;
#[path = "monitoring/files.rs"]
mod files;
#[path = "monitoring/promql.rs"]
mod promql;
#[path = "monitoring/seen.rs"]
mod seen;
mod support;
