//! GET, SET and ACTION in all their forms.

use super::fields::{
    block_number, choice, data_block, data_or_result, descriptor, invoke_id, last_block, list, present, result,
    selection, sized, tag, within,
};
use super::{Carried, Stream};
use crate::explain::data::data;
use crate::explain::tree::{Stop, Walk, Xml};

pub(super) fn get_request(walk: &mut Walk<'_>) -> Result<Carried, Stop> {
    tag(walk, "Get-Request", "get-request")?;
    let form = choice(
        walk,
        &["get-request-normal", "get-request-next", "get-request-with-list"],
    )?;
    invoke_id(walk)?;
    match form {
        1 => {
            descriptor(walk, false)?;
            selection(walk)?;
        }
        2 => {
            block_number(walk)?;
        }
        _ => attributes(walk)?,
    }
    walk.end();
    walk.end();
    Ok(Carried::Nothing)
}

pub(super) fn attributes(walk: &mut Walk<'_>) -> Result<(), Stop> {
    list(walk, "attribute-descriptor-list", |walk| {
        within(walk, "Cosem-Attribute-Descriptor-With-Selection", |walk| {
            descriptor(walk, false)?;
            selection(walk)
        })
    })
}

pub(super) fn get_response(walk: &mut Walk<'_>) -> Result<Carried, Stop> {
    tag(walk, "Get-Response", "get-response")?;
    let form = choice(
        walk,
        &[
            "get-response-normal",
            "get-response-with-data-block",
            "get-response-with-list",
        ],
    )?;
    invoke_id(walk)?;
    let mut carried = Carried::Nothing;
    match form {
        1 => within(walk, "result", data_or_result)?,
        2 => {
            walk.begin("result", Xml::Element("result"));
            let last = last_block(walk)?;
            let number = block_number(walk)?;
            walk.begin("result", Xml::Element("result"));
            if present(walk)? {
                result(walk, "data-access-result")?;
            } else {
                carried = Carried::Block {
                    stream: Stream::Get,
                    number,
                    last,
                    raw: sized(walk, "raw-data")?,
                };
            }
            walk.end();
            walk.end();
        }
        _ => list(walk, "result", data_or_result)?,
    }
    walk.end();
    walk.end();
    Ok(carried)
}

pub(super) fn set_request(walk: &mut Walk<'_>) -> Result<Carried, Stop> {
    tag(walk, "Set-Request", "set-request")?;
    let form = choice(
        walk,
        &[
            "set-request-normal",
            "set-request-first-data-block",
            "set-request-with-datablock",
            "set-request-with-list",
            "set-request-with-list-and-first-datablock",
        ],
    )?;
    invoke_id(walk)?;
    let mut carried = Carried::Nothing;
    match form {
        1 => {
            descriptor(walk, false)?;
            selection(walk)?;
            within(walk, "value", data)?;
        }
        2 => {
            descriptor(walk, false)?;
            selection(walk)?;
            carried = data_block(walk, "datablock", Stream::Set)?;
        }
        3 => carried = data_block(walk, "datablock", Stream::Set)?,
        4 => {
            attributes(walk)?;
            list(walk, "value-list", data)?;
        }
        _ => {
            attributes(walk)?;
            carried = data_block(walk, "datablock", Stream::SetList)?;
        }
    }
    walk.end();
    walk.end();
    Ok(carried)
}

pub(super) fn set_response(walk: &mut Walk<'_>) -> Result<Carried, Stop> {
    tag(walk, "Set-Response", "set-response")?;
    let form = choice(
        walk,
        &[
            "set-response-normal",
            "set-response-data-block",
            "set-response-with-last-data-block",
            "set-response-last-datablock-with-list",
            "set-response-with-list",
        ],
    )?;
    invoke_id(walk)?;
    match form {
        1 => result(walk, "result")?,
        2 => {
            block_number(walk)?;
        }
        3 => {
            result(walk, "result")?;
            block_number(walk)?;
        }
        4 => {
            list(walk, "result", |walk| result(walk, "data-access-result"))?;
            block_number(walk)?;
        }
        _ => list(walk, "result", |walk| result(walk, "data-access-result"))?,
    }
    walk.end();
    walk.end();
    Ok(Carried::Nothing)
}

pub(super) fn action_request(walk: &mut Walk<'_>) -> Result<Carried, Stop> {
    tag(walk, "Action-Request", "action-request")?;
    let form = choice(
        walk,
        &[
            "action-request-normal",
            "action-request-next-pblock",
            "action-request-with-list",
            "action-request-with-first-pblock",
            "action-request-with-list-and-first-pblock",
            "action-request-with-pblock",
        ],
    )?;
    invoke_id(walk)?;
    let mut carried = Carried::Nothing;
    let methods = |walk: &mut Walk<'_>| list(walk, "cosem-method-descriptor-list", |walk| descriptor(walk, true));
    match form {
        1 => {
            descriptor(walk, true)?;
            let from = walk.at();
            if present(walk)? {
                walk.begin_at(
                    from,
                    "method-invocation-parameters",
                    Xml::Element("method-invocation-parameters"),
                );
                data(walk)?;
                walk.end();
            } else {
                walk.leaf("method-invocation-parameters", from, "absent", Xml::Hidden);
            }
        }
        2 => {
            block_number(walk)?;
        }
        3 => {
            methods(walk)?;
            list(walk, "method-invocation-parameters", data)?;
        }
        4 => {
            descriptor(walk, true)?;
            carried = data_block(walk, "pblock", Stream::ActionRequest)?;
        }
        5 => {
            methods(walk)?;
            carried = data_block(walk, "pblock", Stream::SetList)?;
        }
        _ => carried = data_block(walk, "pblock", Stream::ActionRequest)?,
    }
    walk.end();
    walk.end();
    Ok(carried)
}

pub(super) fn action_response(walk: &mut Walk<'_>) -> Result<Carried, Stop> {
    tag(walk, "Action-Response", "action-response")?;
    let form = choice(
        walk,
        &[
            "action-response-normal",
            "action-response-with-pblock",
            "action-response-with-list",
            "action-response-next-pblock",
        ],
    )?;
    invoke_id(walk)?;
    let mut carried = Carried::Nothing;
    let single = |walk: &mut Walk<'_>| {
        result(walk, "result")?;
        let from = walk.at();
        if present(walk)? {
            walk.begin_at(from, "return-parameters", Xml::Element("return-parameters"));
            data_or_result(walk)?;
            walk.end();
        } else {
            walk.leaf("return-parameters", from, "absent", Xml::Hidden);
        }
        Ok(())
    };
    match form {
        1 => within(walk, "single-response", single)?,
        2 => carried = data_block(walk, "pblock", Stream::ActionResponse)?,
        3 => list(walk, "list-of-responses", |walk| {
            within(walk, "Action-Response-With-Optional-Data", single)
        })?,
        _ => {
            block_number(walk)?;
        }
    }
    walk.end();
    walk.end();
    Ok(carried)
}
