//! Register activations: which registers count under which mask (class 6, T2).
//!
//! A mask of this meter is a tariff. Its name is one octet, the number of the tariff, and the registers in it are registers of this tariff. So
//! whatever a client writes, no energy is counted under two tariffs or under none: energies and maxima that the assignment does not list
//! follow the same mask.

use cosem::axdr::{Full, Octets, Reader, Writer};
use cosem::{AccessError, Obis};
use heapless::Vec;
use metrology::{Quadrant, Quantity, Tariff};

use crate::demand;

/// Registers that an assignment can list: four energies by eight tariffs, or whichever else.
pub const REGISTERS: usize = 32;

/// What kind of registers an activation is for, and what they are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind {
    /// Class of the registers.
    pub class_id: u16,
    /// Group D of their names.
    pub d: u8,
    /// Group C of those that there are, with what they count, at most 16; group E is the tariff.
    pub groups: &'static [(u8, Quantity)],
}

/// The energies that are counted by tariff, in the order of group C of their names.
pub const RATED: [(u8, Quantity); 16] = [
    (1, Quantity::ActiveImport),
    (2, Quantity::ActiveExport),
    (3, Quantity::ReactiveImport),
    (4, Quantity::ReactiveExport),
    (5, Quantity::Reactive(Quadrant::I)),
    (6, Quantity::Reactive(Quadrant::II)),
    (7, Quantity::Reactive(Quadrant::III)),
    (8, Quantity::Reactive(Quadrant::IV)),
    (9, Quantity::ApparentImport),
    (10, Quantity::ApparentExport),
    (15, Quantity::ActiveAbsolute),
    (16, Quantity::ActiveNet),
    (17, Quantity::Active(Quadrant::I)),
    (18, Quantity::Active(Quadrant::II)),
    (19, Quantity::Active(Quadrant::III)),
    (20, Quantity::Active(Quadrant::IV)),
];

/// The registers of the energies (0-0:14.0.1).
pub const ENERGIES: Kind = Kind {
    class_id: 3,
    d: 8,
    groups: &RATED,
};

/// The registers of the maximum demands (0-0:14.0.2).
pub const MAXIMA: Kind = Kind {
    class_id: 4,
    d: 6,
    groups: &demand::QUANTITIES,
};

/// A register of an assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Register {
    /// Its place in [`Kind::groups`].
    group: u8,
    tariff: Tariff,
}

/// One register activation: the assignment, and the masks over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activation {
    kind: Kind,
    assignment: Vec<Register, REGISTERS>,
    /// For each tariff the registers of its mask, a bit for each place of [`Kind::groups`]; without any there is no such mask.
    masks: [u16; TARIFFS],
}

const TARIFFS: usize = 8;

impl Activation {
    /// Octets of the saved form at most.
    pub const OCTETS: usize = 1 + REGISTERS + 2 * TARIFFS;

    /// As it leaves the factory: A+, A-, R+ and R- of each tariff.
    #[must_use]
    pub fn factory(kind: Kind) -> Self {
        let mut assignment = Vec::new();
        for group in 0..4 {
            for tariff in Tariff::all() {
                let _fits = assignment.push(Register { group, tariff });
            }
        }
        Self {
            kind,
            assignment,
            masks: [0b1111; TARIFFS],
        }
    }

    /// Attribute 2, register_assignment.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn write_assignment(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.array(self.assignment.len())?;
        for register in &self.assignment {
            out.structure(2)?;
            out.value(self.kind.class_id)?;
            out.value(self.kind.name(*register))?;
        }
        Ok(())
    }

    /// Sets attribute 2. The masks keep their registers, wherever these stand now.
    ///
    /// # Errors
    /// `TypeUnmatched` when it is no array of definitions; `OtherReason` when it lists more than [`REGISTERS`], one that is no register of a
    /// tariff here, or one twice, or when it leaves out one that a mask names.
    pub fn set_assignment(&mut self, from: &mut Reader<'_>) -> Result<(), AccessError> {
        let mut changed = Self {
            assignment: Vec::new(),
            ..self.clone()
        };
        for _ in 0..from.array()? {
            changed.add_register(from)?;
        }
        let named = Tariff::all().flat_map(|tariff| self.registers_of(tariff));
        if named
            .into_iter()
            .any(|register| !changed.assignment.contains(&register))
        {
            return Err(AccessError::OtherReason);
        }
        *self = changed;
        Ok(())
    }

    /// Method 1, add_register.
    ///
    /// # Errors
    /// As [`Activation::set_assignment`].
    pub fn add_register(&mut self, from: &mut Reader<'_>) -> Result<(), AccessError> {
        from.structure(2)?;
        let class_id: u16 = from.value()?;
        let name: Obis = from.value()?;
        let register = self.kind.register(class_id, name).ok_or(AccessError::OtherReason)?;
        if self.assignment.contains(&register) {
            return Err(AccessError::OtherReason);
        }
        self.assignment.push(register).map_err(|_| AccessError::OtherReason)
    }

    /// Attribute 3, mask_list: in the order of the tariffs, with the places of the registers in the assignment, from 1.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn write_masks(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.array(Tariff::all().filter(|tariff| self.has_mask(*tariff)).count())?;
        for tariff in Tariff::all().filter(|tariff| self.has_mask(*tariff)) {
            out.structure(2)?;
            out.value(Octets(&[tariff.number()]))?;
            let places = || {
                let with_places = (1_u8..).zip(&self.assignment);
                with_places.filter(|(_, register)| self.names(tariff, **register))
            };
            out.array(places().count())?;
            for (place, _) in places() {
                out.value(place)?;
            }
        }
        Ok(())
    }

    /// Sets attribute 3.
    ///
    /// # Errors
    /// `TypeUnmatched` when it is no array of masks; `OtherReason` when one of them is refused by [`Activation::add_mask`], or when the mask of
    /// `active` is not among them.
    pub fn set_masks(&mut self, from: &mut Reader<'_>, active: Tariff) -> Result<(), AccessError> {
        let mut changed = Self {
            masks: [0; TARIFFS],
            ..self.clone()
        };
        for _ in 0..from.array()? {
            changed.add_mask(from)?;
        }
        if self.has_mask(active) && !changed.has_mask(active) {
            return Err(AccessError::OtherReason);
        }
        *self = changed;
        Ok(())
    }

    /// Method 2, add_mask.
    ///
    /// # Errors
    /// `TypeUnmatched` when it is no mask; `OtherReason` when its name is not the number of a tariff or that of another mask, when it is empty, or
    /// when it names a place that is not in the assignment, twice the same, or a register of another tariff.
    pub fn add_mask(&mut self, from: &mut Reader<'_>) -> Result<(), AccessError> {
        from.structure(2)?;
        let Octets(name) = from.value()?;
        let tariff = named(name)?;
        let mut mask = 0;
        for _ in 0..from.array()? {
            let place: u8 = from.value()?;
            let register = usize::from(place).checked_sub(1).and_then(|at| self.assignment.get(at));
            let register = register.filter(|register| register.tariff == tariff);
            let bit = 1 << register.ok_or(AccessError::OtherReason)?.group;
            if mask & bit != 0 {
                return Err(AccessError::OtherReason);
            }
            mask |= bit;
        }
        if self.has_mask(tariff) || mask == 0 {
            return Err(AccessError::OtherReason);
        }
        self.put(tariff, mask);
        Ok(())
    }

    /// Method 3, delete_mask.
    ///
    /// # Errors
    /// `OtherReason` when there is no such mask, or when it is that of `active`.
    pub fn delete_mask(&mut self, name: &[u8], active: Tariff) -> Result<(), AccessError> {
        let tariff = named(name)?;
        if tariff == active || !self.has_mask(tariff) {
            return Err(AccessError::OtherReason);
        }
        self.put(tariff, 0);
        Ok(())
    }

    /// The tariff of a mask that there is.
    ///
    /// # Errors
    /// `OtherReason` when there is none of this name.
    pub fn tariff(&self, name: &[u8]) -> Result<Tariff, AccessError> {
        let tariff = named(name)?;
        if self.has_mask(tariff) {
            Ok(tariff)
        } else {
            Err(AccessError::OtherReason)
        }
    }

    /// Writes the saved form.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn save(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.put(&[u8::try_from(self.assignment.len()).unwrap_or(0)])?;
        for register in &self.assignment {
            out.put(&[register.octet()])?;
        }
        for mask in self.masks {
            out.put(&mask.to_be_bytes())?;
        }
        Ok(())
    }

    /// Reads the saved form; `None` when it is none.
    #[must_use]
    pub fn restored(kind: Kind, from: &mut Reader<'_>) -> Option<Self> {
        let mut it = Self {
            kind,
            assignment: Vec::new(),
            masks: [0; TARIFFS],
        };
        let [count]: [u8; 1] = from.array_of().ok()?;
        for _ in 0..count {
            let [octet]: [u8; 1] = from.array_of().ok()?;
            let register =
                Register::of_octet(octet).filter(|register| usize::from(register.group) < kind.groups.len())?;
            it.assignment.push(register).ok()?;
        }
        for mask in &mut it.masks {
            *mask = u16::from_be_bytes(from.array_of().ok()?);
        }
        let mut named = Tariff::all().flat_map(|tariff| it.registers_of(tariff));
        let is_whole = named.all(|register| it.assignment.contains(&register));
        is_whole.then_some(it)
    }

    fn mask(&self, tariff: Tariff) -> u16 {
        self.masks.get(index(tariff)).copied().unwrap_or(0)
    }

    fn put(&mut self, tariff: Tariff, mask: u16) {
        if let Some(place) = self.masks.get_mut(index(tariff)) {
            *place = mask;
        }
    }

    fn has_mask(&self, tariff: Tariff) -> bool {
        self.mask(tariff) != 0
    }

    fn names(&self, tariff: Tariff, register: Register) -> bool {
        register.tariff == tariff && self.mask(tariff) >> register.group & 1 != 0
    }

    /// The registers that the mask of a tariff names.
    fn registers_of(&self, tariff: Tariff) -> impl Iterator<Item = Register> + use<> {
        let mask = self.mask(tariff);
        (0..16_u8)
            .filter(move |group| mask >> group & 1 != 0)
            .map(move |group| Register { group, tariff })
    }
}

impl Kind {
    fn name(self, register: Register) -> Obis {
        let c = self.groups.get(usize::from(register.group)).map_or(0, |(c, _)| *c);
        Obis::from_octets([1, 0, c, self.d, register.tariff.number(), 255])
    }

    fn register(self, class_id: u16, name: Obis) -> Option<Register> {
        let [_, _, c, _, e, _] = name.octets();
        let group = self.groups.iter().position(|(group, _)| *group == c)?;
        let register = Register {
            group: u8::try_from(group).ok()?,
            tariff: Tariff::new(e)?,
        };
        (class_id == self.class_id && name == self.name(register)).then_some(register)
    }
}

impl Register {
    const fn octet(self) -> u8 {
        self.group << 3 | (self.tariff.number() - 1)
    }

    fn of_octet(octet: u8) -> Option<Self> {
        Some(Self {
            group: octet >> 3,
            tariff: Tariff::new((octet & 7) + 1)?,
        })
    }
}

const fn index(tariff: Tariff) -> usize {
    tariff.number() as usize - 1
}

/// The tariff that a mask is for: its name is one octet, 1 to 8.
fn named(name: &[u8]) -> Result<Tariff, AccessError> {
    match name {
        [number] => Tariff::new(*number).ok_or(AccessError::OtherReason),
        _ => Err(AccessError::OtherReason),
    }
}
