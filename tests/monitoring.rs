//! What is written about metrics, and what reads them, against what a wayside really shows.

#[path = "monitoring/documents.rs"]
mod documents;
#[path = "monitoring/seen.rs"]
mod seen;
mod support;
