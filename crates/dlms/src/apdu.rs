//! The xDLMS services with logical names (IEC 62056-5-3, 7.3): GET, SET, ACTION, ACCESS, notifications, general block
//! transfer, and how a request is refused.
//!
//! Requests and responses are read into borrowed values. What is written is split into a head and the data behind it,
//! so that a server can put a head before data that already stands in its buffer.

mod access;
mod action;
mod descriptor;
mod exception;
mod general_block;
mod get;
mod notification;
mod service_error;
mod set;

pub use access::{AccessRequest, AccessResponse, AccessSpec, AccessSpecs, LongInvoke};
pub use action::{ActionRequest, ActionResponse, ActionResult, Methods};
pub use descriptor::{Block, Invoke, Item, Items, put_attribute, put_item, put_method};
pub use exception::{Exception, ServiceFault, StateFault};
pub use general_block::GeneralBlock;
pub(crate) use general_block::data_room;
pub use get::{GetRequest, GetResponse, Results};
pub use notification::{Notification, NotificationConfirm};
pub use service_error::{SERVICE_ERROR, ServiceError};
pub use set::{SetRequest, SetResponse};

/// Tags of the APDUs.
pub mod tag {
    /// Get-Request.
    pub const GET_REQUEST: u8 = 0xC0;
    /// Get-Response.
    pub const GET_RESPONSE: u8 = 0xC4;
    /// Set-Request.
    pub const SET_REQUEST: u8 = 0xC1;
    /// Set-Response.
    pub const SET_RESPONSE: u8 = 0xC5;
    /// Action-Request.
    pub const ACTION_REQUEST: u8 = 0xC3;
    /// Action-Response.
    pub const ACTION_RESPONSE: u8 = 0xC7;
    /// ExceptionResponse.
    pub const EXCEPTION: u8 = 0xD8;
    /// Access-Request.
    pub const ACCESS_REQUEST: u8 = 0xD9;
    /// Access-Response.
    pub const ACCESS_RESPONSE: u8 = 0xDA;
    /// DataNotification.
    pub const DATA_NOTIFICATION: u8 = 0x0F;
    /// DataNotificationConfirm.
    pub const NOTIFICATION_CONFIRM: u8 = 0x10;
    /// EventNotification.
    pub const EVENT_NOTIFICATION: u8 = 0xC2;
    /// General block transfer.
    pub const GENERAL_BLOCK: u8 = 0xE0;
}
