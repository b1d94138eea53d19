//! The program: parse, dispatch.

fn main() {}
