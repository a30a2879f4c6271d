//! Reads rows of the directory into rows of a journal: profiles, logs, billing.

use base::Utc;
use cosem::axdr::Writer;
use cosem::{AccessError, Attribute, CaptureObject, Obis};

use crate::model::Model;
use crate::objects::DIRECTORY;

/// The time column: it takes the row's own time stamp, not the moment at which the row happens to be written.
pub(crate) const TIME: Attribute = Attribute::new(8, Obis::new("0-0:1.0.0"), 2);

/// Appends the values of `columns`, one after the other, for a row stamped `stamp`.
///
/// # Errors
/// The refusal of the first column that cannot be read; columns of elements (data_index) are refused.
pub(crate) fn row(it: &Model, columns: &[CaptureObject], stamp: Utc, out: &mut Writer<'_>) -> Result<(), AccessError> {
    for CaptureObject { attribute, data_index } in columns {
        if *data_index != 0 {
            return Err(AccessError::ScopeOfAccessViolated);
        }
        if *attribute == TIME {
            out.value(it.clock.date_time(stamp))?;
            continue;
        }
        let object = DIRECTORY
            .find(it, attribute.class_id, attribute.name)
            .ok_or(AccessError::ObjectUndefined)?;
        let index = u8::try_from(attribute.index).map_err(|_| AccessError::ReadWriteDenied)?;
        if !(1..=object.class.attributes()).contains(&index) {
            return Err(AccessError::ReadWriteDenied);
        }
        DIRECTORY.get(it, object, index, out)?;
    }
    Ok(())
}

/// A digest of a capture list and its period, by which rows of other ones are told apart after a change of the firmware, the list or the
/// period, also when the power went between the change and the clearing of the rows.
pub(crate) fn tag(columns: &[CaptureObject], period: u32) -> u32 {
    let octets = columns.iter().flat_map(|column| {
        let [class_high, class_low] = column.attribute.class_id.to_be_bytes();
        let [a, b, c, d, e, f] = column.attribute.name.octets();
        let [index_high, index_low] = column.data_index.to_be_bytes();
        let attribute = column.attribute.index.cast_unsigned();
        [
            class_high, class_low, a, b, c, d, e, f, attribute, index_high, index_low,
        ]
    });
    fnv_1a(octets.chain(period.to_be_bytes()))
}

/// The 32-bit FNV-1a digest: for telling names apart, not against forgery.
pub(crate) fn fnv_1a(octets: impl IntoIterator<Item = u8>) -> u32 {
    octets.into_iter().fold(0x811C_9DC5, |digest, octet| {
        (digest ^ u32::from(octet)).wrapping_mul(0x0100_0193)
    })
}
