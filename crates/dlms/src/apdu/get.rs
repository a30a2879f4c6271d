//! GET: attributes are read.

use cosem::AccessError;
use cosem::axdr::{AxdrError, Full, Reader, Writer};

use super::descriptor::{take_count, take_invoke, take_number};
use super::{Invoke, Item, Items, put_item, tag};

/// A Get-Request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GetRequest<'a> {
    /// 1: one attribute.
    Normal(Invoke, Item<'a>),
    /// 2: the block after this one.
    Next(Invoke, u32),
    /// 3: several attributes.
    List(Invoke, Items<'a>),
}

/// A Get-Response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GetResponse<'a> {
    /// 1: the value, or why there is none.
    Normal(Invoke, Result<&'a [u8], AccessError>),
    /// 2: a piece of the value, or why there are no more.
    Block {
        /// Which request it answers.
        invoke: Invoke,
        /// True for the last block.
        last: bool,
        /// The number, from 1.
        number: u32,
        /// The piece.
        raw: Result<&'a [u8], AccessError>,
    },
    /// 3: for each attribute the value, or why there is none.
    List(Invoke, Results<'a>),
}

/// The results of a list, read one by one; they were checked when they were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Results<'a> {
    /// How many there are.
    pub count: usize,
    /// Their octets.
    pub octets: &'a [u8],
}

impl<'a> GetRequest<'a> {
    /// Reads a Get-Request that is all of `octets`.
    ///
    /// # Errors
    /// When the octets are none.
    pub fn parse(octets: &'a [u8]) -> Result<Self, AxdrError> {
        let mut reader = Reader::new(octets);
        reader.expect(tag::GET_REQUEST, "a Get-Request is expected")?;
        let error = reader.error("no such form of Get-Request");
        let form = reader.octet()?;
        let invoke = take_invoke(&mut reader)?;
        let request = match form {
            1 => Self::Normal(invoke, Item::take(&mut reader)?),
            2 => Self::Next(invoke, take_number(&mut reader)?),
            3 => Self::List(invoke, Items::take(&mut reader)?),
            _ => return Err(error),
        };
        reader.end()?;
        Ok(request)
    }

    /// Writes the Get-Request.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        match *self {
            Self::Normal(invoke, item) => {
                out.put(&[tag::GET_REQUEST, 1, invoke.0])?;
                put_item(out, item)
            }
            Self::Next(invoke, number) => {
                out.put(&[tag::GET_REQUEST, 2, invoke.0])?;
                out.put(&number.to_be_bytes())
            }
            Self::List(invoke, items) => {
                out.put(&[tag::GET_REQUEST, 3, invoke.0])?;
                out.length(items.count)?;
                out.put(items.octets)
            }
        }
    }
}

impl<'a> Results<'a> {
    /// Reads a counted list of results that is all of `octets`.
    ///
    /// # Errors
    /// When a result in it is wrong, or the list is empty.
    pub fn parse(octets: &'a [u8]) -> Result<Self, AxdrError> {
        let mut reader = Reader::new(octets);
        let count = take_count(&mut reader)?;
        let octets = reader.rest();
        for _ in 0..count {
            let _passed = take_result(&mut reader)?;
        }
        reader.end()?;
        Ok(Self { count, octets })
    }

    /// The results in their order.
    pub fn iter(self) -> impl Iterator<Item = Result<&'a [u8], AccessError>> {
        let mut reader = Reader::new(self.octets);
        (0..self.count).map_while(move |_| take_result(&mut reader).ok())
    }
}

fn take_result<'a>(reader: &mut Reader<'a>) -> Result<Result<&'a [u8], AccessError>, AxdrError> {
    match reader.octet()? {
        0 => reader.skip_value().map(Ok),
        1 => reader
            .octet()
            .map(|code| Err(AccessError::from_code(code).unwrap_or(AccessError::OtherReason))),
        _ => Err(reader.error("data (00) or a result (01) is expected")),
    }
}

impl<'a> GetResponse<'a> {
    /// Reads a Get-Response that is all of `octets`.
    ///
    /// # Errors
    /// When the octets are none, or the data is not whole.
    pub fn parse(octets: &'a [u8]) -> Result<Self, AxdrError> {
        let mut reader = Reader::new(octets);
        reader.expect(tag::GET_RESPONSE, "a Get-Response is expected")?;
        let error = reader.error("no such form of Get-Response");
        let form = reader.octet()?;
        let invoke = take_invoke(&mut reader)?;
        let response = match form {
            1 => Self::Normal(invoke, take_result(&mut reader)?),
            2 => {
                let last = reader.octet()? != 0;
                let number = take_number(&mut reader)?;
                let raw = match reader.octet()? {
                    0 => {
                        let length = reader.length()?;
                        Ok(reader.take(length)?)
                    }
                    1 => Err(AccessError::from_code(reader.octet()?).unwrap_or(AccessError::OtherReason)),
                    _ => return Err(reader.error("data (00) or a result (01) is expected")),
                };
                Self::Block {
                    invoke,
                    last,
                    number,
                    raw,
                }
            }
            3 => return Results::parse(reader.rest()).map(|results| Self::List(invoke, results)),
            _ => return Err(error),
        };
        reader.end()?;
        Ok(response)
    }

    /// Writes everything of the Get-Response that stands before its data.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn emit_head(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        match *self {
            Self::Normal(invoke, Ok(_)) => out.put(&[tag::GET_RESPONSE, 1, invoke.0, 0]),
            Self::Normal(invoke, Err(error)) => out.put(&[tag::GET_RESPONSE, 1, invoke.0, 1, error.code()]),
            Self::Block {
                invoke,
                last,
                number,
                raw,
            } => {
                out.put(&[tag::GET_RESPONSE, 2, invoke.0, u8::from(last)])?;
                out.put(&number.to_be_bytes())?;
                match raw {
                    Ok(raw) => {
                        out.octet(0)?;
                        out.length(raw.len())
                    }
                    Err(error) => out.put(&[1, error.code()]),
                }
            }
            Self::List(invoke, results) => {
                out.put(&[tag::GET_RESPONSE, 3, invoke.0])?;
                out.length(results.count)
            }
        }
    }

    /// Writes the Get-Response.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        self.emit_head(out)?;
        match *self {
            Self::Normal(_, Ok(data)) | Self::Block { raw: Ok(data), .. } => out.put(data),
            Self::List(_, results) => out.put(results.octets),
            Self::Normal(_, Err(_)) | Self::Block { raw: Err(_), .. } => Ok(()),
        }
    }
}
