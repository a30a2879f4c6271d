//! Which part of an attribute a GET wants, and how far a long GET has come.

use crate::axdr::{AxdrError, Decode, Encode, Full, Reader, Writer};
use crate::{Attribute, DateTime, Obis};

/// The selective-access part of a request (IEC 62056-5-3, Selective-Access-Descriptor).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection<'a> {
    /// All of the attribute.
    Whole,
    /// A part of it.
    Selected {
        /// Which of the attribute's selectors.
        selector: u8,
        /// Its parameters: one A-XDR value.
        parameters: &'a [u8],
    },
}

/// A place in the answer to a long GET, kept by the session between the steps and understood only by the object that answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cursor {
    /// How many steps were made; 0 before the first.
    pub step: u32,
    /// What the object must remember.
    pub words: [u32; 24],
}

/// What one step of a GET says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// There is more: call again with the same cursor.
    More,
    /// The value is complete.
    Done,
}

/// A column of a profile, or the object that restricts a range (IEC 62056-6-2, capture_object_definition).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptureObject {
    /// The captured attribute.
    pub attribute: Attribute,
    /// 0 the whole attribute, n its n-th element.
    pub data_index: u16,
}

/// Selector 1 of a profile's buffer: the rows between two values of a column, ends included.
#[derive(Clone, Debug)]
pub struct ByRange<'a> {
    /// The column that is compared.
    pub restricting: CaptureObject,
    /// The first value.
    pub from: DateTime,
    /// The last value.
    pub to: DateTime,
    /// The columns that are wanted; none stands for all.
    pub columns: Columns<'a>,
}

/// Selector 2 of a profile's buffer: the rows and columns between two numbers, ends included, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByEntry {
    /// The first row.
    pub from_entry: u32,
    /// The last row; 0 is the newest.
    pub to_entry: u32,
    /// The first column.
    pub from_column: u16,
    /// The last column; 0 is the last one.
    pub to_column: u16,
}

/// The columns that a range asks for, read one by one.
#[derive(Clone, Debug)]
pub struct Columns<'a> {
    reader: Reader<'a>,
    left: usize,
}

impl Iterator for Columns<'_> {
    type Item = Result<CaptureObject, AxdrError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        Some(self.reader.value())
    }
}

impl Columns<'_> {
    /// True when all columns are wanted.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.left == 0
    }
}

impl CaptureObject {
    /// No object at all, as the sort object of an unsorted profile.
    pub const NONE: Self = Self {
        attribute: Attribute::new(0, Obis::NONE, 0),
        data_index: 0,
    };

    /// The whole of `attribute`.
    #[must_use]
    pub const fn whole(attribute: Attribute) -> Self {
        Self {
            attribute,
            data_index: 0,
        }
    }
}

impl Encode for CaptureObject {
    fn encode(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.structure(4)?;
        out.value(self.attribute.class_id)?;
        out.value(self.attribute.name)?;
        out.value(self.attribute.index)?;
        out.value(self.data_index)
    }
}

impl Decode<'_> for CaptureObject {
    fn decode(from: &mut Reader<'_>) -> Result<Self, AxdrError> {
        from.structure(4)?;
        let (class_id, name, index) = (from.value()?, from.value()?, from.value()?);
        Ok(Self {
            attribute: Attribute::new(class_id, name, index),
            data_index: from.value()?,
        })
    }
}

impl<'a> ByRange<'a> {
    /// Reads the parameters of selector 1. Only ranges of time are read: profiles are sorted by time or not at all.
    ///
    /// # Errors
    /// When the parameters are not such a structure.
    pub fn parse(parameters: &'a [u8]) -> Result<Self, AxdrError> {
        let mut reader = Reader::new(parameters);
        reader.structure(4)?;
        let (restricting, from, to) = (reader.value()?, reader.value()?, reader.value()?);
        let left = reader.array()?;
        let columns = Columns {
            reader: reader.clone(),
            left,
        };
        for column in columns.clone() {
            column?;
        }
        Ok(Self {
            restricting,
            from,
            to,
            columns,
        })
    }
}

impl ByEntry {
    /// Reads the parameters of selector 2.
    ///
    /// # Errors
    /// When the parameters are not such a structure.
    pub fn parse(parameters: &[u8]) -> Result<Self, AxdrError> {
        let mut reader = Reader::new(parameters);
        reader.structure(4)?;
        let entries = Self {
            from_entry: reader.value()?,
            to_entry: reader.value()?,
            from_column: reader.value()?,
            to_column: reader.value()?,
        };
        reader.end()?;
        Ok(entries)
    }
}
