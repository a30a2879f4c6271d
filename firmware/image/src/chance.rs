//! Entropy: on a real board the part's generator of random numbers, here the host's, or a seed for tests that are repeated.

use board::{console, say};

use crate::probe::Probe;

/// 32 octets that nobody can guess, unless the test gave a seed.
pub(crate) fn seed(probe: &Probe) -> [u8; 32] {
    let mut octets = [0; 32];
    match probe.seed {
        Some(seed) => {
            for (place, octet) in octets.iter_mut().zip(seed.to_be_bytes()) {
                *place = octet;
            }
        }
        None => {
            if !console::host_entropy(&mut octets) {
                say!("fault the host gives no entropy");
                console::exit(NO_ENTROPY);
            }
        }
    }
    octets
}

/// The exit code of a board that could only be guessed.
const NO_ENTROPY: u8 = 103;
