//! ACTION: methods are invoked.

use cosem::axdr::{AxdrError, Full, Reader, Writer};
use cosem::{AccessError, ActionError, Method};

use super::descriptor::{take_count, take_invoke, take_method, take_number};
use super::{Block, Invoke, put_method, tag};

/// An Action-Request. Parameters are not checked here: what they must be is for the method to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionRequest<'a> {
    /// 1: one method, its parameters if it has any.
    Normal(Invoke, Method, Option<&'a [u8]>),
    /// 2: the block of the result after this one.
    Next(Invoke, u32),
    /// 3: several methods, and behind a count their parameters.
    List(Invoke, Methods<'a>, &'a [u8]),
    /// 4: one method, the first piece of its parameters.
    FirstBlock(Invoke, Method, Block<'a>),
    /// 5: several methods, the first piece of their counted parameters.
    ListFirstBlock(Invoke, Methods<'a>, Block<'a>),
    /// 6: a further piece.
    Block(Invoke, Block<'a>),
}

/// A list of method references, read one by one; it was checked when it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Methods<'a> {
    /// How many there are.
    pub count: usize,
    /// Their octets.
    pub octets: &'a [u8],
}

/// How it went with one method (Action-Response-With-Optional-Data).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActionResult<'a> {
    /// Done or refused.
    pub result: Result<(), ActionError>,
    /// What the method returns, if anything, or why that cannot be told.
    pub returned: Option<Result<&'a [u8], AccessError>>,
}

/// An Action-Response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActionResponse<'a> {
    /// 1: how it went.
    Normal(Invoke, ActionResult<'a>),
    /// 2: a piece of the results.
    Block(Invoke, Block<'a>),
    /// 3: how it went with each method, behind their count.
    List(Invoke, &'a [u8]),
    /// 4: this block was taken, the next one may come.
    Next(Invoke, u32),
}

impl<'a> Methods<'a> {
    fn take(reader: &mut Reader<'a>) -> Result<Self, AxdrError> {
        let count = take_count(reader)?;
        let octets = reader.rest();
        let from = reader.offset();
        for _ in 0..count {
            take_method(reader)?;
        }
        Ok(Self {
            count,
            octets: octets.get(..reader.offset() - from).unwrap_or(&[]),
        })
    }

    /// The references in their order.
    pub fn iter(self) -> impl Iterator<Item = Method> {
        let mut reader = Reader::new(self.octets);
        (0..self.count).map_while(move |_| take_method(&mut reader).ok())
    }
}

impl<'a> ActionRequest<'a> {
    /// Reads an Action-Request that is all of `octets`.
    ///
    /// # Errors
    /// When the octets are none.
    pub fn parse(octets: &'a [u8]) -> Result<Self, AxdrError> {
        let mut reader = Reader::new(octets);
        reader.expect(tag::ACTION_REQUEST, "an Action-Request is expected")?;
        let error = reader.error("no such form of Action-Request");
        let form = reader.octet()?;
        let invoke = take_invoke(&mut reader)?;
        let request = match form {
            1 => {
                let method = take_method(&mut reader)?;
                match reader.octet()? {
                    0 => Self::Normal(invoke, method, None),
                    1 => return Ok(Self::Normal(invoke, method, Some(reader.rest()))),
                    _ => return Err(reader.error("parameters (01) or none (00) are expected")),
                }
            }
            2 => Self::Next(invoke, take_number(&mut reader)?),
            3 => return Methods::take(&mut reader).map(|methods| Self::List(invoke, methods, reader.rest())),
            4 => Self::FirstBlock(invoke, take_method(&mut reader)?, Block::take(&mut reader)?),
            5 => Self::ListFirstBlock(invoke, Methods::take(&mut reader)?, Block::take(&mut reader)?),
            6 => Self::Block(invoke, Block::take(&mut reader)?),
            _ => return Err(error),
        };
        reader.end()?;
        Ok(request)
    }

    /// Writes the Action-Request.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let head = |out: &mut Writer<'_>, form, invoke: Invoke| out.put(&[tag::ACTION_REQUEST, form, invoke.0]);
        let list = |out: &mut Writer<'_>, methods: Methods<'_>| {
            out.length(methods.count)?;
            out.put(methods.octets)
        };
        let block = |out: &mut Writer<'_>, block: Block<'_>| {
            block.put_head(out)?;
            out.put(block.raw)
        };
        match *self {
            Self::Normal(invoke, method, parameters) => {
                head(out, 1, invoke)?;
                put_method(out, method)?;
                out.octet(u8::from(parameters.is_some()))?;
                out.put(parameters.unwrap_or(&[]))
            }
            Self::Next(invoke, number) => {
                head(out, 2, invoke)?;
                out.put(&number.to_be_bytes())
            }
            Self::List(invoke, methods, parameters) => {
                head(out, 3, invoke)?;
                list(out, methods)?;
                out.put(parameters)
            }
            Self::FirstBlock(invoke, method, first) => {
                head(out, 4, invoke)?;
                put_method(out, method)?;
                block(out, first)
            }
            Self::ListFirstBlock(invoke, methods, first) => {
                head(out, 5, invoke)?;
                list(out, methods)?;
                block(out, first)
            }
            Self::Block(invoke, next) => {
                head(out, 6, invoke)?;
                block(out, next)
            }
        }
    }
}

impl<'a> ActionResult<'a> {
    /// Takes one result.
    ///
    /// # Errors
    /// When it is cut short, or the data is not whole.
    pub fn take(reader: &mut Reader<'a>) -> Result<Self, AxdrError> {
        let result = ActionError::from_code(reader.octet()?).map_or(Ok(()), Err);
        let returned = match reader.octet()? {
            0 => None,
            1 => Some(match reader.octet()? {
                0 => Ok(reader.skip_value()?),
                1 => Err(AccessError::from_code(reader.octet()?).unwrap_or(AccessError::OtherReason)),
                _ => return Err(reader.error("data (00) or a result (01) is expected")),
            }),
            _ => return Err(reader.error("return parameters (01) or none (00) are expected")),
        };
        Ok(Self { result, returned })
    }

    /// Writes everything of the result that stands before its data.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn emit_head(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        out.octet(self.result.map_or_else(ActionError::code, |()| 0))?;
        match self.returned {
            None => out.octet(0),
            Some(Ok(_)) => out.put(&[1, 0]),
            Some(Err(error)) => out.put(&[1, 1, error.code()]),
        }
    }
}

impl<'a> ActionResponse<'a> {
    /// Reads an Action-Response that is all of `octets`.
    ///
    /// # Errors
    /// When the octets are none.
    pub fn parse(octets: &'a [u8]) -> Result<Self, AxdrError> {
        let mut reader = Reader::new(octets);
        reader.expect(tag::ACTION_RESPONSE, "an Action-Response is expected")?;
        let error = reader.error("no such form of Action-Response");
        let form = reader.octet()?;
        let invoke = take_invoke(&mut reader)?;
        let response = match form {
            1 => Self::Normal(invoke, ActionResult::take(&mut reader)?),
            2 => Self::Block(invoke, Block::take(&mut reader)?),
            3 => {
                let results = reader.rest();
                for _ in 0..take_count(&mut reader)? {
                    ActionResult::take(&mut reader)?;
                }
                Self::List(invoke, results)
            }
            4 => Self::Next(invoke, take_number(&mut reader)?),
            _ => return Err(error),
        };
        reader.end()?;
        Ok(response)
    }

    /// Writes everything of the Action-Response that stands before its data.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn emit_head(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        match *self {
            Self::Normal(invoke, result) => {
                out.put(&[tag::ACTION_RESPONSE, 1, invoke.0])?;
                result.emit_head(out)
            }
            Self::Block(invoke, block) => {
                out.put(&[tag::ACTION_RESPONSE, 2, invoke.0])?;
                block.put_head(out)
            }
            Self::List(invoke, _) => out.put(&[tag::ACTION_RESPONSE, 3, invoke.0]),
            Self::Next(invoke, number) => {
                out.put(&[tag::ACTION_RESPONSE, 4, invoke.0])?;
                out.put(&number.to_be_bytes())
            }
        }
    }

    /// Writes the Action-Response.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        self.emit_head(out)?;
        match *self {
            Self::Normal(
                _,
                ActionResult {
                    returned: Some(Ok(data)),
                    ..
                },
            ) => out.put(data),
            Self::Block(_, block) => out.put(block.raw),
            Self::List(_, results) => out.put(results),
            Self::Normal(..) | Self::Next(..) => Ok(()),
        }
    }
}
