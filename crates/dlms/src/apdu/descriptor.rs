//! The pieces that the services share: invoke identifier, attribute and method references, blocks.

use cosem::axdr::{AxdrError, Full, Reader, Writer};
use cosem::{Attribute, Method, Obis, Selection};

/// Invoke-Id-And-Priority: which request it is and how it is to be served. The response repeats it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invoke(pub u8);

impl Invoke {
    /// A confirmed request of high priority, as clients usually send it, with the number `id` modulo 16.
    #[must_use]
    pub const fn confirmed(id: u8) -> Self {
        Self(0xC0 | id & 0x0F)
    }

    /// Whether it is answered.
    #[must_use]
    pub const fn is_confirmed(self) -> bool {
        self.0 & 0x40 != 0
    }

    /// Whether it goes before those of normal priority.
    #[must_use]
    pub const fn is_high(self) -> bool {
        self.0 & 0x80 != 0
    }

    /// The number of the request, 0 to 15.
    #[must_use]
    pub const fn id(self) -> u8 {
        self.0 & 0x0F
    }
}

/// An attribute and the part of it that is wanted or set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// The attribute.
    pub attribute: Attribute,
    /// Which part.
    pub selection: Selection<'a>,
}

/// A list of references, read one by one; it was checked when it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Items<'a> {
    /// How many there are.
    pub count: usize,
    /// Their octets.
    pub octets: &'a [u8],
}

/// One block of a long value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// True for the last one.
    pub last: bool,
    /// The number, from 1.
    pub number: u32,
    /// The piece of the value.
    pub raw: &'a [u8],
}

impl<'a> Item<'a> {
    /// Takes one reference with its selection.
    ///
    /// # Errors
    /// When it is cut short, or its selection is no value.
    pub fn take(reader: &mut Reader<'a>) -> Result<Self, AxdrError> {
        let attribute = take_attribute(reader)?;
        let selection = match reader.octet()? {
            0 => Selection::Whole,
            1 => Selection::Selected {
                selector: reader.octet()?,
                parameters: reader.skip_value()?,
            },
            _ => return Err(reader.error("a selection (01) or none (00) is expected")),
        };
        Ok(Self { attribute, selection })
    }
}

impl<'a> Items<'a> {
    /// Takes a counted list.
    ///
    /// # Errors
    /// When a reference in it is wrong, or the list is empty.
    pub(super) fn take(reader: &mut Reader<'a>) -> Result<Self, AxdrError> {
        let count = take_count(reader)?;
        let octets = reader.rest();
        let from = reader.offset();
        for _ in 0..count {
            Item::take(reader)?;
        }
        Ok(Self {
            count,
            octets: octets.get(..reader.offset() - from).unwrap_or(&[]),
        })
    }

    /// The references in their order.
    pub fn iter(self) -> impl Iterator<Item = Item<'a>> {
        let mut reader = Reader::new(self.octets);
        (0..self.count).map_while(move |_| Item::take(&mut reader).ok())
    }
}

impl<'a> Block<'a> {
    pub(super) fn take(reader: &mut Reader<'a>) -> Result<Self, AxdrError> {
        let last = reader.octet()? != 0;
        let number = take_number(reader)?;
        let length = reader.length()?;
        Ok(Self {
            last,
            number,
            raw: reader.take(length)?,
        })
    }

    pub(super) fn put_head(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.octet(u8::from(self.last))?;
        out.put(&self.number.to_be_bytes())?;
        out.length(self.raw.len())
    }
}

pub(super) fn take_count(reader: &mut Reader<'_>) -> Result<usize, AxdrError> {
    let error = reader.error("a list of at least one, and no more than its octets, is expected");
    let count = reader.length()?;
    if (1..=reader.rest().len()).contains(&count) {
        Ok(count)
    } else {
        Err(error)
    }
}

pub(super) fn take_number(reader: &mut Reader<'_>) -> Result<u32, AxdrError> {
    reader.array_of().map(u32::from_be_bytes)
}

pub(super) fn take_invoke(reader: &mut Reader<'_>) -> Result<Invoke, AxdrError> {
    reader.octet().map(Invoke)
}

pub(super) fn take_attribute(reader: &mut Reader<'_>) -> Result<Attribute, AxdrError> {
    let class_id = u16::from_be_bytes(reader.array_of()?);
    let name = Obis::from_octets(reader.array_of()?);
    Ok(Attribute::new(class_id, name, i8::from_be_bytes(reader.array_of()?)))
}

pub(super) fn take_method(reader: &mut Reader<'_>) -> Result<Method, AxdrError> {
    let it = take_attribute(reader)?;
    Ok(Method::new(it.class_id, it.name, it.index))
}

/// Writes an attribute reference.
///
/// # Errors
/// [`Full`] when it does not fit.
pub fn put_attribute(out: &mut Writer<'_>, attribute: Attribute) -> Result<(), Full> {
    out.put(&attribute.class_id.to_be_bytes())?;
    out.put(&attribute.name.octets())?;
    out.put(&attribute.index.to_be_bytes())
}

/// Writes a method reference.
///
/// # Errors
/// [`Full`] when it does not fit.
pub fn put_method(out: &mut Writer<'_>, method: Method) -> Result<(), Full> {
    put_attribute(out, Attribute::new(method.class_id, method.name, method.index))
}

/// Writes an attribute reference with its selection.
///
/// # Errors
/// [`Full`] when it does not fit.
pub fn put_item(out: &mut Writer<'_>, item: Item<'_>) -> Result<(), Full> {
    put_attribute(out, item.attribute)?;
    match item.selection {
        Selection::Whole => out.octet(0),
        Selection::Selected { selector, parameters } => {
            out.put(&[1, selector])?;
            out.put(parameters)
        }
    }
}
