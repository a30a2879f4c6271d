#![no_std]
#![forbid(unsafe_code)]
//! Under construction by its first commit.
