//! stub
#![allow(missing_docs)]
use std::net::IpAddr;
use std::time::Instant;
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct NameId(u32);
pub enum Answer<'a> {
    Addresses(&'a [IpAddr]),
    Pending,
    Failed(Failure),
}
#[derive(Clone, Copy, Debug)]
pub enum Failure {
    Timeout,
}
impl Failure {
    pub fn as_str(self) -> &'static str {
        "timeout"
    }
}
#[derive(Default)]
pub struct Settings {}
pub struct Resolver {}
impl Resolver {
    pub fn new(_: Settings) -> Resolver {
        Resolver {}
    }
    pub fn name(&mut self, _: &str) -> NameId {
        NameId(0)
    }
    pub fn addresses(&mut self, _: NameId, _: Instant, _: &mio::Registry) -> Answer<'_> {
        Answer::Failed(Failure::Timeout)
    }
    pub fn ready(&mut self, _: usize, _: Instant, _: &mio::Registry) {}
    pub fn next_deadline(&self) -> Option<Instant> {
        None
    }
    pub fn expire(&mut self, _: Instant, _: &mio::Registry) {}
    pub fn settled(&mut self) -> Option<NameId> {
        None
    }
}
