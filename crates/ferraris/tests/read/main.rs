//! `ferraris read` as its users have it: the built command against running meters, over every way there is, and against ways that break.

mod command;
mod deeds;
mod failures;
mod party;
mod profiles;
#[path = "../meter/running.rs"]
#[allow(dead_code, reason = "these tests use a part of it")]
mod running;
mod security;
mod serial;
mod values;
