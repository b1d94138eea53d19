//! stub
#![allow(missing_docs)]
use crate::metrics::{Counter, Metrics};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
pub trait Subject {
    fn ready(&self) -> bool;
    fn refresh(&mut self);
    fn metrics(&self) -> &Metrics;
    fn count(&mut self, c: Counter);
    fn connection(&self, from_slot: usize) -> Option<(usize, Connection)>;
}
pub struct Connection {
    pub id: u64,
    pub direction: &'static str,
    pub source: SocketAddr,
    pub target: String,
    pub protocol: &'static str,
    pub decided_by: &'static str,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub age: Duration,
    pub state: &'static str,
}
pub struct Admin {}
impl Admin {
    pub fn new(_: Vec<mio::net::TcpListener>, _: &mio::Registry) -> std::io::Result<Admin> {
        Ok(Admin {})
    }
    pub fn ready(&mut self, _: usize, _: &mio::event::Event, _: &mio::Registry, _: Instant) {}
    pub fn serve(&mut self, _: &mio::Registry, _: Instant, _: &mut dyn Subject) -> bool {
        false
    }
    pub fn next_deadline(&self) -> Option<Instant> {
        None
    }
    pub fn expire(&mut self, _: Instant) {}
}
