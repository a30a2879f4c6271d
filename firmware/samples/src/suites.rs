//! The algorithms of suites 0 to 2 on a board.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[macro_use]
mod lend;

lend!(dlms::security::ASYMMETRIC);
