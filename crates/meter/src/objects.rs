//! How the meter shows itself: the rows of all objects, a file per feature, a line per feature here.

mod alarms;
mod association;
mod billing;
mod clock;
mod connection;
mod contacts;
mod demand;
mod display;
mod energy;
mod identification;
mod instantaneous;
mod interval;
mod legal;
mod local_ports;
mod logs;
mod mbus;
mod nominal;
mod outages;
mod policy;
mod port_protection;
mod profile;
mod quality;
mod security;
mod tariff;
mod transformers;

use cosem::Directory;

use crate::model::Model;

/// Classes whose accessors are closures: naming the model here spares each row to say it.
type Data = cosem::class::Data<Model>;
type Register = cosem::class::Register<Model>;

/// All objects of all variants; which of them a meter has is said by each row.
pub static DIRECTORY: Directory<Model> = Directory::new(&[
    identification::OBJECTS,
    clock::OBJECTS,
    association::OBJECTS,
    security::OBJECTS,
    port_protection::OBJECTS,
    local_ports::OBJECTS,
    contacts::OBJECTS,
    logs::OBJECTS,
    alarms::OBJECTS,
    outages::OBJECTS,
    nominal::OBJECTS,
    energy::OBJECTS,
    instantaneous::OBJECTS,
    interval::PERIODS,
    interval::OBJECTS,
    profile::OBJECTS,
    &mbus::CHANNEL_1,
    &mbus::CHANNEL_2,
    &mbus::CHANNEL_3,
    &mbus::CHANNEL_4,
    demand::OBJECTS,
    display::OBJECTS,
    billing::OBJECTS,
    tariff::OBJECTS,
    quality::OBJECTS,
    quality::TABLES,
    legal::OBJECTS,
    transformers::OBJECTS,
    connection::OBJECTS,
]);

pub(crate) use tariff::DAY_TABLES;

/// Whether the meter has L2 and L3.
fn three_phase(it: &Model) -> bool {
    it.config.variant.is_three_phase()
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::config::{Config, Variant, test_secrets};
    use base::Instant;
    use core::fmt::Write as _;
    use cosem::axdr::{Reader, Writer};
    use cosem::class::Stream;
    use cosem::{Object, Role};
    use std::collections::BTreeSet;
    use std::path::Path;
    use std::string::String;

    fn model(variant: Variant) -> Model {
        Model::new(&Config::new(variant, 40_200_001, test_secrets()), Instant::START, None)
    }

    #[test]
    fn rows_stand_where_they_are_looked_for() {
        assert!(DIRECTORY.misplaced().is_none(), "{:?}", DIRECTORY.misplaced());
        let it = model(Variant::St402d);
        for object in DIRECTORY.rows().filter(|object| (object.present)(&it)) {
            assert!(
                DIRECTORY.find(&it, object.class_id(), object.name).is_some(),
                "{object:?}"
            );
        }
    }

    /// C1: every attribute that is not streamed can be encoded, is one whole A-XDR value, and fits a step; kept ones read back.
    #[test]
    fn every_attribute_is_one_whole_value_and_what_is_kept_can_be_restored() {
        for variant in [Variant::Sm402d, Variant::St402d, Variant::St402c] {
            let mut it = model(variant);
            for object in DIRECTORY.rows().filter(|object| (object.present)(&model(variant))) {
                for attribute in 1..=object.class.attributes() {
                    if object.class.stream(attribute).is_some() || (object.class_id(), attribute) == (15, 7) {
                        continue;
                    }
                    let mut buffer = [0; crate::limits::STEP_OCTETS];
                    let mut out = Writer::new(&mut buffer);
                    DIRECTORY
                        .get(&it, object, attribute, &mut out)
                        .unwrap_or_else(|error| panic!("{object:?} {attribute}: {error}"));
                    let mut reader = Reader::new(out.written());
                    reader
                        .skip_value()
                        .unwrap_or_else(|error| panic!("{object:?} {attribute}: {error}"));
                    reader
                        .end()
                        .unwrap_or_else(|error| panic!("{object:?} {attribute}: {error}"));
                    if object.kept.contains(attribute) {
                        let value = out.written().to_vec();
                        DIRECTORY
                            .set(&mut it, object, attribute, &value)
                            .unwrap_or_else(|error| panic!("{object:?} {attribute}: {error}"));
                    }
                }
            }
        }
    }

    /// Each row fits a step of the object list, for every role.
    #[test]
    fn every_row_can_be_described_in_one_step() {
        for object in DIRECTORY.rows() {
            for role in Role::ALL {
                let mut buffer = [0; crate::limits::STEP_OCTETS];
                object
                    .describe(role, &mut Writer::new(&mut buffer))
                    .unwrap_or_else(|_| panic!("{object:?} {role:?}"));
            }
        }
    }

    #[test]
    fn records_of_kept_attributes_do_not_share_a_key() {
        let mut keys = BTreeSet::new();
        for object in DIRECTORY.rows() {
            for attribute in object.kept.iter(object.class.attributes()) {
                assert!(
                    keys.insert(crate::memory::attribute_key(object, attribute)),
                    "{object:?} {attribute}"
                );
            }
        }
    }

    /// `docs/objects.md` is printed from the directory. `UPDATE=1` rewrites it.
    #[test]
    fn the_list_of_objects_in_the_manual_is_the_one_in_the_code() {
        let mut text = String::from(
            "# Objects\n\nPrinted from the directory by a test of `crates/meter`; `UPDATE=1 cargo test -p ferraris-meter` rewrites it.\n\
             Access is written R (read), W (write), A (method) with attribute or method numbers, by role. A streamed buffer takes selective \
             access by range and by entry.\n",
        );
        let variants = [Variant::Sm402d, Variant::St402d, Variant::St402c];
        let models = variants.map(model);
        writeln!(text).expect("a string takes all");
        for (variant, it) in variants.iter().zip(&models) {
            let count = DIRECTORY.rows().filter(|object| (object.present)(it)).count();
            writeln!(text, "- {}: {count} objects", variant.name()).expect("a string takes all");
        }
        text.push_str("\n| name | class/version | public | management | pre-established | kept | variants |\n| --- | --- | --- | --- | --- | --- | --- |\n");
        for object in DIRECTORY.rows() {
            let has = |it: &Model| (object.present)(it);
            let on = if models.iter().all(has) {
                String::from("all")
            } else {
                let names = variants
                    .iter()
                    .zip(&models)
                    .filter(|(_, it)| has(it))
                    .map(|(variant, _)| variant.name());
                names.collect::<std::vec::Vec<_>>().join(", ")
            };
            writeln!(
                text,
                "| {} | {}/{} | {} | {} | {} | {} | {on} |",
                object.name,
                object.class_id(),
                object.class.version(),
                access(object, Role::Public),
                access(object, Role::Management),
                access(object, Role::PreEstablished),
                numbers(object.kept.iter(object.class.attributes())),
            )
            .expect("a string takes all");
        }
        crate::golden::check_file(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/objects.md"),
            &text,
        );
    }

    fn access(object: &Object<Model>, role: Role) -> String {
        let grant = object.grant(role);
        if !grant.is_visible() {
            return "-".into();
        }
        let last = object.class.attributes();
        let read: std::vec::Vec<u8> = (2..=last).filter(|&it| grant.read.contains(it)).collect();
        let mut text = String::new();
        if read.len() == usize::from(last) - 1 {
            text.push('R');
        } else if !read.is_empty() {
            write!(text, "R({})", numbers(read.into_iter())).expect("a string takes all");
        }
        let streamed = (1..=last).any(|it| matches!(object.class.stream(it), Some(Stream::Journal(_))));
        if streamed {
            text.push_str(" selective");
        }
        for (letter, set, last) in [('W', grant.write, last), ('A', grant.invoke, object.class.methods())] {
            let numbers = numbers(set.iter(last));
            if !numbers.is_empty() {
                write!(text, " {letter}({numbers})").expect("a string takes all");
            }
        }
        text
    }

    fn numbers(numbers: impl Iterator<Item = u8>) -> String {
        numbers
            .map(|number| std::format!("{number}"))
            .collect::<std::vec::Vec<_>>()
            .join(" ")
    }
}
