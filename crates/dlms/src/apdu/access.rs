//! ACCESS: attributes are read and written and methods invoked, all in one request (IEC 62056-5-3, 7.3.9).

use cosem::Selection;
use cosem::axdr::{AxdrError, Full, Reader, Writer};
use cosem::{Attribute, Method};

use super::descriptor::{take_attribute, take_count, take_method};
use super::{Item, put_attribute, put_method, tag};

/// Long-Invoke-Id-And-Priority: which request it is and how it is to be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongInvoke(pub u32);

impl LongInvoke {
    const SELF_DESCRIPTIVE: u32 = 1 << 28;
    const BREAK_ON_ERROR: u32 = 1 << 29;
    const CONFIRMED: u32 = 1 << 30;
    const HIGH_PRIORITY: u32 = 1 << 31;

    /// A confirmed request of high priority with the number `id` modulo 2^24.
    #[must_use]
    pub const fn confirmed(id: u32) -> Self {
        Self(Self::HIGH_PRIORITY | Self::CONFIRMED | id & 0x00FF_FFFF)
    }

    /// One of normal priority that nobody answers.
    #[must_use]
    pub const fn unconfirmed(id: u32) -> Self {
        Self(id & 0x00FF_FFFF)
    }

    /// This one, and what follows the first failure is not done.
    #[must_use]
    pub const fn breaking_on_error(self) -> Self {
        Self(self.0 | Self::BREAK_ON_ERROR)
    }

    /// This one, and the response repeats what was asked.
    #[must_use]
    pub const fn self_descriptive(self) -> Self {
        Self(self.0 | Self::SELF_DESCRIPTIVE)
    }

    /// The number of the request, 24 bits.
    #[must_use]
    pub const fn id(self) -> u32 {
        self.0 & 0x00FF_FFFF
    }

    /// Whether it is answered.
    #[must_use]
    pub const fn is_confirmed(self) -> bool {
        self.0 & Self::CONFIRMED != 0
    }

    /// Whether it goes before those of normal priority.
    #[must_use]
    pub const fn is_high(self) -> bool {
        self.0 & Self::HIGH_PRIORITY != 0
    }

    /// Whether what follows the first failure is left undone.
    #[must_use]
    pub const fn breaks_on_error(self) -> bool {
        self.0 & Self::BREAK_ON_ERROR != 0
    }

    /// Whether the response repeats what was asked.
    #[must_use]
    pub const fn is_self_descriptive(self) -> bool {
        self.0 & Self::SELF_DESCRIPTIVE != 0
    }

    pub(super) fn take(reader: &mut Reader<'_>) -> Result<Self, AxdrError> {
        reader.array_of().map(u32::from_be_bytes).map(Self)
    }
}

/// One thing that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessSpec<'a> {
    /// 1 and 4: read an attribute, or a part of it.
    Get(Item<'a>),
    /// 2 and 5: write an attribute, or a part of it.
    Set(Item<'a>),
    /// 3: invoke a method.
    Act(Method),
}

/// The things that are asked for, read one by one; they were checked when they were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessSpecs<'a> {
    /// How many there are.
    pub count: usize,
    /// Their octets.
    pub octets: &'a [u8],
}

/// An Access-Request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessRequest<'a> {
    /// Which request it is.
    pub invoke: LongInvoke,
    /// When it was sent: a date-time of 12 octets, or none.
    pub time: &'a [u8],
    /// What is asked for.
    pub specs: AccessSpecs<'a>,
    /// A value for each of it, without their count: null-data where nothing is given.
    pub data: &'a [u8],
}

/// An Access-Response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccessResponse<'a> {
    /// Which request it answers.
    pub invoke: LongInvoke,
    /// When it was sent: a date-time of 12 octets, or none.
    pub time: &'a [u8],
    /// What was asked for, when the request wanted it repeated.
    pub specs: Option<AccessSpecs<'a>>,
    /// How many things were asked for.
    pub count: usize,
    /// A value for each, without their count: null-data where there is none.
    pub data: &'a [u8],
    /// For each its kind (1 read, 2 written, 3 invoked) and the code of its result, 0 for success.
    pub results: &'a [u8],
}

impl<'a> AccessSpec<'a> {
    fn take(reader: &mut Reader<'a>) -> Result<Self, AxdrError> {
        let error = reader.error("get (01, 04), set (02, 05) or action (03) is expected");
        let whole = |attribute: Attribute| Item {
            attribute,
            selection: Selection::Whole,
        };
        let selected = |reader: &mut Reader<'a>| {
            let attribute = take_attribute(reader)?;
            let selection = Selection::Selected {
                selector: reader.octet()?,
                parameters: reader.skip_value()?,
            };
            Ok(Item { attribute, selection })
        };
        Ok(match reader.octet()? {
            1 => Self::Get(whole(take_attribute(reader)?)),
            2 => Self::Set(whole(take_attribute(reader)?)),
            3 => Self::Act(take_method(reader)?),
            4 => Self::Get(selected(reader)?),
            5 => Self::Set(selected(reader)?),
            _ => return Err(error),
        })
    }

    /// The kind that stands in a result: 1 read, 2 written, 3 invoked.
    #[must_use]
    pub const fn kind(self) -> u8 {
        match self {
            Self::Get(_) => 1,
            Self::Set(_) => 2,
            Self::Act(_) => 3,
        }
    }

    /// Writes it.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn emit(self, out: &mut Writer<'_>) -> Result<(), Full> {
        let item = |out: &mut Writer<'_>, kind: u8, item: Item<'_>| match item.selection {
            Selection::Whole => {
                out.octet(kind)?;
                put_attribute(out, item.attribute)
            }
            Selection::Selected { selector, parameters } => {
                out.octet(kind + 3)?;
                put_attribute(out, item.attribute)?;
                out.octet(selector)?;
                out.put(parameters)
            }
        };
        match self {
            Self::Get(of) => item(out, 1, of),
            Self::Set(of) => item(out, 2, of),
            Self::Act(method) => {
                out.octet(3)?;
                put_method(out, method)
            }
        }
    }
}

impl<'a> AccessSpecs<'a> {
    fn take(reader: &mut Reader<'a>) -> Result<Self, AxdrError> {
        let count = take_count(reader)?;
        let octets = reader.rest();
        let from = reader.offset();
        for _ in 0..count {
            AccessSpec::take(reader)?;
        }
        Ok(Self {
            count,
            octets: octets.get(..reader.offset() - from).unwrap_or(&[]),
        })
    }

    /// The things that are asked for in their order.
    pub fn iter(self) -> impl Iterator<Item = AccessSpec<'a>> {
        let mut reader = Reader::new(self.octets);
        (0..self.count).map_while(move |_| AccessSpec::take(&mut reader).ok())
    }
}

/// Takes an octet-string without a tag that is a date-time or empty.
pub(super) fn take_time<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], AxdrError> {
    let error = reader.error("a date-time of 12 octets, or none, is expected");
    match reader.length()? {
        0 => Ok(&[]),
        12 => reader.take(12),
        _ => Err(error),
    }
}

/// Takes `count` values behind their count.
fn take_data<'a>(reader: &mut Reader<'a>, count: usize) -> Result<&'a [u8], AxdrError> {
    let error = reader.error("a value for each thing that is asked for is expected");
    if reader.length()? != count {
        return Err(error);
    }
    let octets = reader.rest();
    let from = reader.offset();
    for _ in 0..count {
        let _passed = reader.skip_value()?;
    }
    Ok(octets.get(..reader.offset() - from).unwrap_or(&[]))
}

impl<'a> AccessRequest<'a> {
    /// Reads an Access-Request that is all of `octets`, its values included.
    ///
    /// # Errors
    /// When the octets are none, or the values are not whole or not as many as what is asked for.
    pub fn parse(octets: &'a [u8]) -> Result<Self, AxdrError> {
        let mut reader = Reader::new(octets);
        reader.expect(tag::ACCESS_REQUEST, "an Access-Request is expected")?;
        let invoke = LongInvoke::take(&mut reader)?;
        let time = take_time(&mut reader)?;
        let specs = AccessSpecs::take(&mut reader)?;
        let data = take_data(&mut reader, specs.count)?;
        reader.end()?;
        Ok(Self {
            invoke,
            time,
            specs,
            data,
        })
    }

    /// Writes the Access-Request.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.octet(tag::ACCESS_REQUEST)?;
        out.put(&self.invoke.0.to_be_bytes())?;
        out.length(self.time.len())?;
        out.put(self.time)?;
        out.length(self.specs.count)?;
        out.put(self.specs.octets)?;
        out.length(self.specs.count)?;
        out.put(self.data)
    }
}

impl<'a> AccessResponse<'a> {
    /// Reads an Access-Response that is all of `octets`.
    ///
    /// # Errors
    /// When the octets are none, or there are not as many results as values.
    pub fn parse(octets: &'a [u8]) -> Result<Self, AxdrError> {
        let mut reader = Reader::new(octets);
        reader.expect(tag::ACCESS_RESPONSE, "an Access-Response is expected")?;
        let invoke = LongInvoke::take(&mut reader)?;
        let time = take_time(&mut reader)?;
        let specs = match reader.octet()? {
            0 => None,
            1 => Some(AccessSpecs::take(&mut reader)?),
            _ => return Err(reader.error("what was asked (01) or not (00) is expected")),
        };
        let mut ahead = reader.clone();
        let count = take_count(&mut ahead)?;
        let data = take_data(&mut reader, count)?;
        let error = reader.error("a result for each value is expected");
        if reader.length()? != count {
            return Err(error);
        }
        let results = reader.rest();
        for _ in 0..count {
            if !(1..=3).contains(&reader.octet()?) {
                return Err(reader.error("the kind of a result is 01 to 03"));
            }
            let _code = reader.octet()?;
        }
        reader.end()?;
        Ok(Self {
            invoke,
            time,
            specs,
            count,
            data,
            results,
        })
    }

    /// For each thing that was asked for its value, its kind (1 read, 2 written, 3 invoked) and the code of its result.
    pub fn iter(self) -> impl Iterator<Item = (&'a [u8], u8, u8)> {
        let mut data = Reader::new(self.data);
        let mut results = Reader::new(self.results);
        (0..self.count).map_while(move |_| {
            let value = data.skip_value().ok()?;
            Some((value, results.octet().ok()?, results.octet().ok()?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cosem::Obis;

    const REQUEST: &[u8] = &[
        0xD9, 0xE0, 0, 0, 5, 0, 3, 1, 0, 3, 1, 0, 1, 8, 0, 255, 2, 4, 0, 7, 1, 0, 99, 1, 0, 255, 2, 2, 0x11, 9, 3, 0,
        70, 0, 0, 96, 3, 10, 255, 1, 3, 0, 0, 0x0F, 0,
    ];

    #[test]
    fn a_request_is_read_and_written() {
        let request = AccessRequest::parse(REQUEST).expect("it is one");
        assert_eq!(request.invoke.id(), 5);
        assert!(request.invoke.is_confirmed() && request.invoke.breaks_on_error());
        let kinds = request.specs.iter().map(AccessSpec::kind);
        assert!(kinds.eq([1, 1, 3]));
        assert_eq!(
            request.specs.iter().last(),
            Some(AccessSpec::Act(Method::new(70, Obis::new("0-0:96.3.10"), 1)))
        );
        let mut buffer = [0; 64];
        let mut out = Writer::new(&mut buffer);
        assert_eq!(request.emit(&mut out), Ok(()));
        assert_eq!(out.written(), REQUEST);
        for spec in request.specs.iter() {
            let mut buffer = [0; 32];
            let mut out = Writer::new(&mut buffer);
            assert_eq!(spec.emit(&mut out), Ok(()));
            assert_eq!(AccessSpec::take(&mut Reader::new(out.written())), Ok(spec));
        }
    }

    #[test]
    fn a_request_that_is_cut_or_lies_is_refused() {
        for length in 0..REQUEST.len() {
            assert!(
                AccessRequest::parse(REQUEST.get(..length).unwrap_or(&[])).is_err(),
                "{length}"
            );
        }
        for (at, octet) in [(5, 11), (6, 0), (6, 9), (7, 6), (40, 2), (40, 4)] {
            let mut octets = [0; 45];
            octets.copy_from_slice(REQUEST);
            if let Some(place) = octets.get_mut(at) {
                *place = octet;
            }
            assert!(AccessRequest::parse(&octets).is_err(), "octet {at}");
        }
    }

    #[test]
    fn a_response_is_read_value_by_value() {
        let octets = [
            0xDA, 0xE0, 0, 0, 5, 0, 0, 3, 6, 0, 0, 0, 9, 0, 0x11, 7, 3, 1, 0, 1, 4, 3, 0,
        ];
        let response = AccessResponse::parse(&octets).expect("it is one");
        let all: [(&[u8], u8, u8); 3] = [(&[6, 0, 0, 0, 9], 1, 0), (&[0], 1, 4), (&[0x11, 7], 3, 0)];
        assert!(response.iter().eq(all));
        for length in 0..octets.len() {
            assert!(
                AccessResponse::parse(octets.get(..length).unwrap_or(&[])).is_err(),
                "{length}"
            );
        }
    }
}
