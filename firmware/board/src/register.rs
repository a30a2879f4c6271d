//! A register of a peripheral: one word that is read and written whole.

/// A 32-bit register. Only [`crate::map`] makes them, from the board's memory map.
#[derive(Clone, Copy)]
pub(crate) struct Register(usize);

impl Register {
    /// The register `offset` octets behind `base`, both multiples of four in the board's memory map.
    pub(crate) const fn new(base: usize, offset: usize) -> Self {
        Self(base + offset)
    }

    /// Its value now.
    #[expect(unsafe_code, reason = "a register has no other door")]
    pub(crate) fn read(self) -> u32 {
        let register = self.0 as *const u32;
        // SAFETY: the map names aligned words of peripherals that are always there; no Rust object lives at them.
        unsafe { register.read_volatile() }
    }

    /// Sets it.
    #[expect(unsafe_code, reason = "a register has no other door")]
    pub(crate) fn write(self, value: u32) {
        let register = self.0 as *mut u32;
        // SAFETY: as for reading; what a write does to the hardware is documented where the register is used.
        unsafe { register.write_volatile(value) }
    }
}
