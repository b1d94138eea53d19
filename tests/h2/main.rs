//! The HTTP/2 observer, fed with bytes only: HPACK against its RFC, two encoders and an oracle; frames at every split
//! point; generated, recorded, hostile and mutated conversations.

mod answers;
mod attacks;
mod captures;
mod encoder;
mod frames;
mod hpack;
mod measured;
mod mutate;
mod oracle;
mod property;
mod state;
mod support;
