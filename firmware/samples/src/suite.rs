//! The algorithms of suite 0 on a board.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[macro_use]
mod lend;

lend!(dlms::security::SYMMETRIC);
