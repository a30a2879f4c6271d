//! Notifications and ACCESS.

use super::Carried;
use super::fields::{descriptor, list, long_invoke_id, moment, present, result, tag, within};
use super::initiate::octet;
use crate::explain::data::{data, date_time};
use crate::explain::tree::{Stop, Walk, Xml};
use crate::hex::hex;

pub(super) fn event_notification(walk: &mut Walk<'_>) -> Result<Carried, Stop> {
    tag(walk, "EventNotification", "event-notification-request")?;
    let from = walk.at();
    if present(walk)? {
        let length = walk.length()?;
        let octets = walk.take(length)?;
        let text = <[u8; 12]>::try_from(octets).map_or_else(|_| hex(octets), date_time);
        walk.leaf("time", from, text, Xml::Text("time", hex(octets)));
    } else {
        walk.leaf("time", from, "absent", Xml::Hidden);
    }
    descriptor(walk, false)?;
    within(walk, "attribute-value", data)?;
    walk.end();
    Ok(Carried::Nothing)
}

pub(super) fn notification(walk: &mut Walk<'_>, octet: u8) -> Result<Carried, Stop> {
    if octet == 0x10 {
        tag(walk, "DataNotificationConfirm", "data-notification-confirm")?;
        long_invoke_id(walk)?;
        moment(walk)?;
    } else {
        tag(walk, "DataNotification", "data-notification")?;
        long_invoke_id(walk)?;
        moment(walk)?;
        walk.begin("notification-body", Xml::Element("notification-body"));
        within(walk, "data-value", data)?;
        walk.end();
    }
    walk.end();
    Ok(Carried::Nothing)
}

pub(super) fn access_specification(walk: &mut Walk<'_>) -> Result<(), Stop> {
    walk.begin(
        "Access-Request-Specification",
        Xml::Element("Access-Request-Specification"),
    );
    let from = walk.at();
    let (name, method, selects) = match walk.u8()? {
        1 => ("access-request-get", false, false),
        2 => ("access-request-set", false, false),
        3 => ("access-request-action", true, false),
        4 => ("access-request-get-with-selection", false, true),
        5 => ("access-request-set-with-selection", false, true),
        other => return Err(Stop::new(format!("{other:02X} is no kind of access"))),
    };
    walk.begin_at(from, name, Xml::Element(name));
    descriptor(walk, method)?;
    if selects {
        walk.begin("access-selection", Xml::Element("access-selection"));
        octet(walk, "access-selector")?;
        within(walk, "access-parameters", data)?;
        walk.end();
    }
    walk.end();
    walk.end();
    Ok(())
}

pub(super) fn data_list(walk: &mut Walk<'_>, name: &'static str) -> Result<(), Stop> {
    list(walk, name, |walk| within(walk, "Data", data))
}

pub(super) fn access_request(walk: &mut Walk<'_>) -> Result<Carried, Stop> {
    tag(walk, "Access-Request", "access-request")?;
    long_invoke_id(walk)?;
    moment(walk)?;
    walk.begin("access-request-body", Xml::Element("access-request-body"));
    list(walk, "access-request-specification", access_specification)?;
    data_list(walk, "access-request-list-of-data")?;
    walk.end();
    walk.end();
    Ok(Carried::Nothing)
}

pub(super) fn access_response(walk: &mut Walk<'_>) -> Result<Carried, Stop> {
    tag(walk, "Access-Response", "access-response")?;
    long_invoke_id(walk)?;
    moment(walk)?;
    walk.begin("access-response-body", Xml::Element("access-response-body"));
    let from = walk.at();
    if present(walk)? {
        list(walk, "access-request-specification", access_specification)?;
    } else {
        walk.leaf("access-request-specification", from, "absent", Xml::Hidden);
    }
    data_list(walk, "access-response-list-of-data")?;
    list(walk, "access-response-specification", |walk| {
        walk.begin(
            "Access-Response-Specification",
            Xml::Element("Access-Response-Specification"),
        );
        let from = walk.at();
        let name = match walk.u8()? {
            1 => "access-response-get",
            2 => "access-response-set",
            3 => "access-response-action",
            other => return Err(Stop::new(format!("{other:02X} is no kind of access"))),
        };
        walk.begin_at(from, name, Xml::Element(name));
        result(walk, "result")?;
        walk.end();
        walk.end();
        Ok(())
    })?;
    walk.end();
    walk.end();
    Ok(Carried::Nothing)
}
