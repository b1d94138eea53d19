//! The answers wayside gives in its own name, as bytes.
