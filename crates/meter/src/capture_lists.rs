//! What profiles and logs capture as they come from the factory.

use cosem::{Attribute, CaptureObject, Obis};

use crate::profile::JournalId;

/// The clock, first column of everything.
const TIME: CaptureObject = column(8, "0-0:1.0.0");

/// The list of a profile or log, and its period in seconds; 0 is off.
pub(crate) const fn of_factory(journal: JournalId) -> (&'static [CaptureObject], u32) {
    match journal {
        JournalId::LoadProfile1 => (&LOAD_PROFILE_1, 900),
        JournalId::LoadProfile2 => (&LOAD_PROFILE_2, 86_400),
        JournalId::LoadProfile3 => (&LOAD_PROFILE_3, 0),
        JournalId::LoadProfile4 => (&LOAD_PROFILE_4, 0),
        JournalId::MBusProfile1 => (const { &mbus(1) }, 3_600),
        JournalId::MBusProfile2 => (const { &mbus(2) }, 3_600),
        JournalId::MBusProfile3 => (const { &mbus(3) }, 3_600),
        JournalId::MBusProfile4 => (const { &mbus(4) }, 3_600),
        // The clock is the end of the failure.
        JournalId::PowerInterruptionLog => (const { &[TIME, column(3, "0-0:96.7.19")] }, 0),
        JournalId::StandardLog => (const { &[TIME, column(1, "0-0:96.11.0")] }, 0),
        JournalId::FraudLog => (const { &[TIME, column(1, "0-0:96.11.1")] }, 0),
        // The threshold of the limiter where there is one.
        JournalId::DisconnectLog => (
            const {
                &[
                    TIME,
                    column(1, "0-0:96.11.2"),
                    column(1, "0-0:96.11.130"),
                    CaptureObject::whole(Attribute::new(71, Obis::new("0-0:17.0.0"), 3)),
                ]
            },
            0,
        ),
        JournalId::QualityLog => (const { &[TIME, column(1, "0-0:96.11.4")] }, 0),
        JournalId::CommunicationLog => (
            const {
                &[
                    TIME,
                    column(1, "0-0:96.11.5"),
                    column(1, "0-0:96.11.133"),
                    column(1, "0-0:96.12.1"),
                ]
            },
            0,
        ),
        JournalId::SecurityLog => (
            const { &[TIME, column(1, "0-0:96.11.9"), column(1, "0-0:96.11.137")] },
            0,
        ),
        JournalId::MBusLog1 => (const { &[TIME, column(1, "0-1:96.11.3")] }, 0),
        JournalId::MBusLog2 => (const { &[TIME, column(1, "0-2:96.11.3")] }, 0),
        JournalId::MBusLog3 => (const { &[TIME, column(1, "0-3:96.11.3")] }, 0),
        JournalId::MBusLog4 => (const { &[TIME, column(1, "0-4:96.11.3")] }, 0),
        JournalId::ParameterChangeLog => (
            const {
                &[
                    TIME,
                    column(1, "0-0:96.2.128"),
                    column(1, "0-0:96.2.129"),
                    column(1, "0-0:96.2.130"),
                    column(1, "0-0:96.2.131"),
                ]
            },
            0,
        ),
        JournalId::BillingProfile1 => (&BILLING_1, 0),
        JournalId::BillingProfile2 => (&BILLING_2, 0),
    }
}

/// Clock, status, A+ and A-, R+ and R-.
const LOAD_PROFILE_1: [CaptureObject; 6] = [
    TIME,
    column(1, "0-0:96.10.1"),
    column(3, "1-0:1.8.0"),
    column(3, "1-0:2.8.0"),
    column(3, "1-0:3.8.0"),
    column(3, "1-0:4.8.0"),
];

/// Clock, status, A+ and A- with their first four tariffs.
const LOAD_PROFILE_2: [CaptureObject; 12] = [
    TIME,
    column(1, "0-0:96.10.2"),
    column(3, "1-0:1.8.0"),
    column(3, "1-0:1.8.1"),
    column(3, "1-0:1.8.2"),
    column(3, "1-0:1.8.3"),
    column(3, "1-0:1.8.4"),
    column(3, "1-0:2.8.0"),
    column(3, "1-0:2.8.1"),
    column(3, "1-0:2.8.2"),
    column(3, "1-0:2.8.3"),
    column(3, "1-0:2.8.4"),
];

/// Clock, status, averages of voltages, currents and powers; off until somebody wants it.
const LOAD_PROFILE_3: [CaptureObject; 10] = [
    TIME,
    column(1, "0-0:96.10.3"),
    column(3, "1-0:32.24.0"),
    column(3, "1-0:52.24.0"),
    column(3, "1-0:72.24.0"),
    column(3, "1-0:31.24.0"),
    column(3, "1-0:51.24.0"),
    column(3, "1-0:71.24.0"),
    column(3, "1-0:1.24.0"),
    column(3, "1-0:2.24.0"),
];

/// Clock, status, consumptions of load profile 1's period; off until somebody wants it.
const LOAD_PROFILE_4: [CaptureObject; 6] = [
    TIME,
    column(1, "0-0:96.10.4"),
    column(3, "1-0:1.29.0"),
    column(3, "1-0:2.29.0"),
    column(3, "1-0:3.29.0"),
    column(3, "1-0:4.29.0"),
];

/// Clock, status, the first value of a channel and when it came.
const fn mbus(channel: u8) -> [CaptureObject; 4] {
    let status = Obis::from_octets([0, channel, 96, 10, 3, 255]);
    let value = Obis::from_octets([0, channel, 24, 2, 1, 255]);
    [
        TIME,
        CaptureObject::whole(Attribute::new(1, status, 2)),
        CaptureObject::whole(Attribute::new(4, value, 2)),
        CaptureObject::whole(Attribute::new(4, value, 5)),
    ]
}

/// What a billing period records: clock, status, energies by tariff, maxima with their times, by tariff for A+.
const BILLING_1: [CaptureObject; 32] = billing("0-0:96.10.8");
/// The same for the second scheme.
const BILLING_2: [CaptureObject; 32] = billing("0-0:96.10.9");

const fn billing(status: &str) -> [CaptureObject; 32] {
    [
        TIME,
        column(1, status),
        column(3, "1-0:1.8.0"),
        column(3, "1-0:1.8.1"),
        column(3, "1-0:1.8.2"),
        column(3, "1-0:1.8.3"),
        column(3, "1-0:1.8.4"),
        column(3, "1-0:1.8.5"),
        column(3, "1-0:1.8.6"),
        column(3, "1-0:1.8.7"),
        column(3, "1-0:1.8.8"),
        column(3, "1-0:2.8.0"),
        column(3, "1-0:2.8.1"),
        column(3, "1-0:2.8.2"),
        column(3, "1-0:2.8.3"),
        column(3, "1-0:2.8.4"),
        column(3, "1-0:2.8.5"),
        column(3, "1-0:2.8.6"),
        column(3, "1-0:2.8.7"),
        column(3, "1-0:2.8.8"),
        column(3, "1-0:3.8.0"),
        column(3, "1-0:4.8.0"),
        column(4, "1-0:1.6.0"),
        at(5, 4, "1-0:1.6.0"),
        column(4, "1-0:1.6.1"),
        at(5, 4, "1-0:1.6.1"),
        column(4, "1-0:1.6.2"),
        at(5, 4, "1-0:1.6.2"),
        column(4, "1-0:2.6.0"),
        at(5, 4, "1-0:2.6.0"),
        column(3, "1-0:1.2.0"),
        column(1, "1-0:0.1.0"),
    ]
}

/// Another attribute of an object as a column.
const fn at(index: i8, class_id: u16, name: &str) -> CaptureObject {
    CaptureObject::whole(Attribute::new(class_id, Obis::new(name), index))
}

/// Attribute 2 of an object as a column.
const fn column(class_id: u16, name: &str) -> CaptureObject {
    CaptureObject::whole(Attribute::new(class_id, Obis::new(name), 2))
}
