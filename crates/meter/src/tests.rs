//! The whole meter from outside: booted on a flash model, stepped, cut.
