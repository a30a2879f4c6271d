//! What a request points at: an attribute or a method of an object (IEC 62056-5-3, Cosem-Attribute-Descriptor).

use crate::Obis;

/// One attribute of one object. The object is found by class **and** name, since one name may stand under two classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Attribute {
    /// The interface class, e.g. 3 for Register.
    pub class_id: u16,
    /// The logical name of the object.
    pub name: Obis,
    /// The attribute's number; 1 is the logical name, 0 stands for all of them.
    pub index: i8,
}

/// One method of one object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Method {
    /// The interface class, e.g. 70 for Disconnect control.
    pub class_id: u16,
    /// The logical name of the object.
    pub name: Obis,
    /// The method's number, from 1.
    pub index: i8,
}

impl Attribute {
    /// The attribute `index` of object `name` of class `class_id`.
    #[must_use]
    pub const fn new(class_id: u16, name: Obis, index: i8) -> Self {
        Self { class_id, name, index }
    }
}

impl Method {
    /// The method `index` of object `name` of class `class_id`.
    #[must_use]
    pub const fn new(class_id: u16, name: Obis, index: i8) -> Self {
        Self { class_id, name, index }
    }
}
