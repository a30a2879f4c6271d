//! Files in which keys lie, or what was said with passwords: they are made so that their owner alone reads them.
//!
//! One that is there already keeps the rights that it has: they may be somebody's wish.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;

/// How such a file is opened to be written; whether it loses what it held is for the caller to say.
pub(crate) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(0o600);
    options
}
