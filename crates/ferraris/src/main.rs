//! The command: `ferraris meter | replay`.
fn main() {}
