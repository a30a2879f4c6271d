//! The lists of the display (C9): 0-0:21.0.1 rolls by itself, 0-0:21.0.2 is led by the button, 0-0:21.0.3 is the service mode.
//!
//! Profile generic with one row, which is read when it is asked for.

use cosem::axdr::{Enumerated, Reader, Writer};
use cosem::class::Class;
use cosem::{AccessError, CaptureObject, Object, Role};

use super::DIRECTORY;
use super::policy::DISPLAY_LIST;
use crate::display::{Entries, Which};
use crate::model::Model;

pub(super) const OBJECTS: &[Object<Model>] = &[
    Object::new("0-0:21.0.1", &DisplayList(Which::Automatic), &DISPLAY_LIST).kept(&[3]),
    Object::new("0-0:21.0.2", &DisplayList(Which::Manual), &DISPLAY_LIST).kept(&[3]),
    Object::new("0-0:21.0.3", &DisplayList(Which::Service), &DISPLAY_LIST).kept(&[3]),
];

/// Class 7 version 1 over one list.
struct DisplayList(Which);

impl Class<Model> for DisplayList {
    fn id(&self) -> u16 {
        7
    }

    fn version(&self) -> u8 {
        1
    }

    fn attributes(&self) -> u8 {
        8
    }

    fn methods(&self) -> u8 {
        2
    }

    fn get(&self, it: &Model, attribute: u8, out: &mut Writer<'_>) -> Result<(), AccessError> {
        // The factory's lists name objects of all variants: those that this meter has are shown.
        let readable = |entry: &&CaptureObject| DIRECTORY.readable(it, Role::Management, entry.attribute);
        let entries = it.display.entries(self.0).iter();
        let entries = entries.filter(|entry| readable(entry).is_ok());
        match attribute {
            2 => {
                out.array(1)?;
                out.structure(entries.clone().count())?;
                for entry in entries {
                    let (object, attribute) = readable(&entry)?;
                    DIRECTORY.get(it, object, attribute, out)?;
                }
                Ok(())
            }
            3 => {
                out.array(entries.clone().count())?;
                entries.into_iter().try_for_each(|entry| out.value(entry))
            }
            4 => out.value(0_u32),
            5 => out.value(Enumerated(1)),
            6 => out.value(CaptureObject::NONE),
            _ => out.value(1_u32),
        }?;
        Ok(())
    }

    fn set(&self, it: &mut Model, attribute: u8, value: &mut Reader<'_>) -> Result<(), AccessError> {
        if attribute != 3 {
            return Err(AccessError::ReadWriteDenied);
        }
        let mut entries = Entries::new();
        for _ in 0..value.array()? {
            let entry: CaptureObject = value.value()?;
            let (object, index) = DIRECTORY
                .readable(it, Role::Management, entry.attribute)
                .map_err(|_| AccessError::OtherReason)?;
            if entry.data_index != 0 || object.class.stream(index).is_some() || entries.contains(&entry) {
                return Err(AccessError::OtherReason);
            }
            entries.push(entry).map_err(|_| AccessError::OtherReason)?;
        }
        if entries.is_empty() {
            return Err(AccessError::OtherReason);
        }
        it.display.set_entries(self.0, entries);
        Ok(())
    }
}
