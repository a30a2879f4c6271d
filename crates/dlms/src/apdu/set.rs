//! SET: attributes are written.

use cosem::AccessError;
use cosem::axdr::{AxdrError, Full, Reader, Writer};

use super::descriptor::{take_count, take_invoke, take_number};
use super::{Block, Invoke, Item, Items, put_item, tag};

/// A Set-Request. Values are not checked here: what they must be is for the attribute to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetRequest<'a> {
    /// 1: one attribute, its value.
    Normal(Invoke, Item<'a>, &'a [u8]),
    /// 2: one attribute, the first piece of its value.
    FirstBlock(Invoke, Item<'a>, Block<'a>),
    /// 3: a further piece.
    Block(Invoke, Block<'a>),
    /// 4: several attributes, and behind a count their values.
    List(Invoke, Items<'a>, &'a [u8]),
    /// 5: several attributes, the first piece of their counted values.
    ListFirstBlock(Invoke, Items<'a>, Block<'a>),
}

/// A Set-Response. `Ok` is success.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetResponse<'a> {
    /// 1: how it went.
    Normal(Invoke, Result<(), AccessError>),
    /// 2: this block was taken, the next one may come.
    Block(Invoke, u32),
    /// 3: the last block was taken; how it went.
    LastBlock(Invoke, Result<(), AccessError>, u32),
    /// 4: the last block was taken; how it went with each attribute, as octets.
    LastBlockList(Invoke, &'a [u8], u32),
    /// 5: how it went with each attribute, as octets.
    List(Invoke, &'a [u8]),
}

impl<'a> SetRequest<'a> {
    /// Reads a Set-Request that is all of `octets`.
    ///
    /// # Errors
    /// When the octets are none.
    pub fn parse(octets: &'a [u8]) -> Result<Self, AxdrError> {
        let mut reader = Reader::new(octets);
        reader.expect(tag::SET_REQUEST, "a Set-Request is expected")?;
        let error = reader.error("no such form of Set-Request");
        let form = reader.octet()?;
        let invoke = take_invoke(&mut reader)?;
        let request = match form {
            1 => return Item::take(&mut reader).map(|item| Self::Normal(invoke, item, reader.rest())),
            2 => Self::FirstBlock(invoke, Item::take(&mut reader)?, Block::take(&mut reader)?),
            3 => Self::Block(invoke, Block::take(&mut reader)?),
            4 => return Items::take(&mut reader).map(|items| Self::List(invoke, items, reader.rest())),
            5 => Self::ListFirstBlock(invoke, Items::take(&mut reader)?, Block::take(&mut reader)?),
            _ => return Err(error),
        };
        reader.end()?;
        Ok(request)
    }

    /// Writes the Set-Request.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        let head = |out: &mut Writer<'_>, form, invoke: Invoke| out.put(&[tag::SET_REQUEST, form, invoke.0]);
        let list = |out: &mut Writer<'_>, items: Items<'_>| {
            out.length(items.count)?;
            out.put(items.octets)
        };
        let block = |out: &mut Writer<'_>, block: Block<'_>| {
            block.put_head(out)?;
            out.put(block.raw)
        };
        match *self {
            Self::Normal(invoke, item, value) => {
                head(out, 1, invoke)?;
                put_item(out, item)?;
                out.put(value)
            }
            Self::FirstBlock(invoke, item, first) => {
                head(out, 2, invoke)?;
                put_item(out, item)?;
                block(out, first)
            }
            Self::Block(invoke, next) => {
                head(out, 3, invoke)?;
                block(out, next)
            }
            Self::List(invoke, items, values) => {
                head(out, 4, invoke)?;
                list(out, items)?;
                out.put(values)
            }
            Self::ListFirstBlock(invoke, items, first) => {
                head(out, 5, invoke)?;
                list(out, items)?;
                block(out, first)
            }
        }
    }
}

fn take_result(reader: &mut Reader<'_>) -> Result<Result<(), AccessError>, AxdrError> {
    reader
        .octet()
        .map(|code| AccessError::from_code(code).map_or(Ok(()), Err))
}

fn code(result: Result<(), AccessError>) -> u8 {
    result.map_or_else(AccessError::code, |()| 0)
}

impl<'a> SetResponse<'a> {
    /// Reads a Set-Response that is all of `octets`.
    ///
    /// # Errors
    /// When the octets are none.
    pub fn parse(octets: &'a [u8]) -> Result<Self, AxdrError> {
        let mut reader = Reader::new(octets);
        reader.expect(tag::SET_RESPONSE, "a Set-Response is expected")?;
        let error = reader.error("no such form of Set-Response");
        let form = reader.octet()?;
        let invoke = take_invoke(&mut reader)?;
        let list = |reader: &mut Reader<'a>| {
            let count = take_count(reader)?;
            reader.take(count)
        };
        let response = match form {
            1 => Self::Normal(invoke, take_result(&mut reader)?),
            2 => Self::Block(invoke, take_number(&mut reader)?),
            3 => Self::LastBlock(invoke, take_result(&mut reader)?, take_number(&mut reader)?),
            4 => Self::LastBlockList(invoke, list(&mut reader)?, take_number(&mut reader)?),
            5 => Self::List(invoke, list(&mut reader)?),
            _ => return Err(error),
        };
        reader.end()?;
        Ok(response)
    }

    /// Writes the Set-Response.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn emit(&self, out: &mut Writer<'_>) -> Result<(), Full> {
        match *self {
            Self::Normal(invoke, result) => out.put(&[tag::SET_RESPONSE, 1, invoke.0, code(result)]),
            Self::Block(invoke, number) => {
                out.put(&[tag::SET_RESPONSE, 2, invoke.0])?;
                out.put(&number.to_be_bytes())
            }
            Self::LastBlock(invoke, result, number) => {
                out.put(&[tag::SET_RESPONSE, 3, invoke.0, code(result)])?;
                out.put(&number.to_be_bytes())
            }
            Self::LastBlockList(invoke, results, number) => {
                out.put(&[tag::SET_RESPONSE, 4, invoke.0])?;
                out.length(results.len())?;
                out.put(results)?;
                out.put(&number.to_be_bytes())
            }
            Self::List(invoke, results) => {
                out.put(&[tag::SET_RESPONSE, 5, invoke.0])?;
                out.length(results.len())?;
                out.put(results)
            }
        }
    }
}
