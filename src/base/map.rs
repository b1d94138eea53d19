//! Hash tables that are asked for each connection or request.
//!
//! The standard hasher costs some 300 instructions for an address and a protocol; this one a tenth. It is seeded anew in
//! each process. Some keys are names that clients choose, so whoever found colliding ones could slow a search down; each
//! such table is bounded (`metrics::Limits`), and so is what that costs.

/// A hash map.
pub type Map<K, V> = std::collections::HashMap<K, V, foldhash::fast::RandomState>;
/// A set.
pub type Set<T> = std::collections::HashSet<T, foldhash::fast::RandomState>;
