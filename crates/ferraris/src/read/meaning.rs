//! What OBIS names mean (IEC 62056-6-1), in words.

use cosem::Obis;

/// What the object stands for; empty where these tables do not know it.
pub(crate) fn meaning(name: Obis) -> String {
    let [a, b, c, d, e, _] = name.octets();
    match a {
        0 => abstract_meaning(name).unwrap_or_default(),
        1 => electricity(b, c, d, e).unwrap_or_default(),
        _ => String::new(),
    }
}

fn abstract_meaning(name: Obis) -> Option<String> {
    let [_, b, c, d, e, _] = name.octets();
    Some(match (b, c, d, e) {
        (_, 1, 0, 0) => "clock".into(),
        (_, 40, 0, 0) => "current association".into(),
        (_, 40, 0, _) => format!("association {e}"),
        (_, 41, 0, 0) => "logical devices".into(),
        (_, 42, 0, 0) => "logical device name".into(),
        (_, 43, 0, _) => format!("security setup {e}"),
        (_, 43, 1, _) => format!("invocation counter {e}"),
        (_, 10, 0, 0..=255) => format!("script table {e}"),
        (_, 11, 0, _) => "special days".into(),
        (_, 13, 0, _) => "activity calendar".into(),
        (_, 15, 0, _) => "single-action schedule".into(),
        (_, 17, 0, _) => "limiter".into(),
        (_, 20, 0, _) => "optical port".into(),
        (_, 22, 0, _) => "HDLC set-up".into(),
        (_, 25, 0, _) => "TCP-UDP set-up".into(),
        (_, 25, 9, _) => "push set-up".into(),
        (_, 44, 0, _) => "image transfer".into(),
        (_, 94, 91, 0) => "error of clock and supply".into(),
        (_, 96, 1, _) => format!("device identification {}", u16::from(e) + 1),
        (_, 96, 2, _) => "configuration events".into(),
        (_, 96, 3, 10) => "disconnect control".into(),
        (_, 96, 3, _) => "input and output states".into(),
        (_, 96, 5, _) => "operating status".into(),
        (_, 96, 7, 21) => "power failures in any phase".into(),
        (_, 96, 7, _) => format!("power failures {e}"),
        (_, 96, 8, 0) => "operating time".into(),
        (_, 96, 10, _) => "status register".into(),
        (_, 96, 11, _) => format!("event code {e}"),
        (_, 96, 14, _) => "active tariff".into(),
        (_, 97, 97, _) => "error register".into(),
        (_, 97, 98, _) => format!("alarm register {e}"),
        (_, 98, 1, _) => "billing profile".into(),
        (_, 99, 98, _) => format!("event log {e}"),
        (_, 24, _, _) => format!("M-Bus, channel {b}"),
        _ => return None,
    })
}

fn electricity(b: u8, c: u8, d: u8, e: u8) -> Option<String> {
    match (c, d, e) {
        (0, 0, _) => return Some(format!("electricity identification {}", u16::from(e) + 1)),
        (0, 2, 0) if b == 1 => return Some("metrology firmware".into()),
        (0, 2, 0) => return Some("firmware".into()),
        (0, 2, 8) => return Some("firmware signature".into()),
        (0, 3, _) => return Some("meter constant".into()),
        (0, 4, 2) => return Some("current transformer ratio".into()),
        (0, 4, 3) => return Some("voltage transformer ratio".into()),
        (0, 6, 0) => return Some("nominal voltage".into()),
        (0, 6, 1) => return Some("basic current".into()),
        (0, 6, 2) => return Some("nominal frequency".into()),
        (0, 6, 3) => return Some("maximum current".into()),
        (0, 8, _) => return Some("integration period".into()),
        (0, 9, 1) => return Some("local time".into()),
        (0, 9, 2) => return Some("local date".into()),
        (0, 9, 11) => return Some("clock limit".into()),
        (99, 1 | 2, _) => return Some(format!("load profile {d}")),
        (99, 97, _) => return Some("power failure log".into()),
        (98, 1, _) => return Some("billing profile".into()),
        _ => {}
    }
    let phase = match c {
        21..=40 => ", L1",
        41..=60 => ", L2",
        61..=80 => ", L3",
        _ => "",
    };
    let kind = match c {
        1..=80 => (c - 1) % 20 + 1,
        91 => return Some(format!("neutral current{}", processing(d)?)),
        124..=126 => return Some(format!("voltage between phases {}{}", c - 123, processing(d)?)),
        81 => return Some("phase angle".into()),
        _ => return None,
    };
    let quantity = match kind {
        1 => "active, import",
        2 => "active, export",
        3 => "reactive, import",
        4 => "reactive, export",
        5..=8 => ["reactive, Q I", "reactive, Q II", "reactive, Q III", "reactive, Q IV"].get(usize::from(kind - 5))?,
        9 => "apparent, import",
        10 => "apparent, export",
        11 => "current",
        12 => "voltage",
        13 => "power factor",
        14 => "frequency",
        15 => "active, import + export",
        16 => "active, import - export",
        17..=20 => ["active, Q I", "active, Q II", "active, Q III", "active, Q IV"].get(usize::from(kind - 17))?,
        _ => return None,
    };
    let tariff = match (d, e) {
        (7, _) | (_, 0) => String::new(),
        _ => format!(", tariff {e}"),
    };
    let word = match (d, kind) {
        (_, 11..=14) => "",
        (8 | 9 | 29, _) => "energy ",
        _ => "power ",
    };
    Some(format!("{word}{quantity}{phase}{}{tariff}", processing(d)?))
}

/// The treatment of a quantity (value group D).
fn processing(d: u8) -> Option<&'static str> {
    Some(match d {
        0 | 7 | 8 => "",
        4 | 14 | 24 => ", average",
        2 => ", cumulative maximum",
        3 | 13 | 23 => ", minimum",
        5 | 15 | 25 => ", last average",
        6 | 16 | 26 => ", maximum",
        9 | 29 => ", in the period",
        27 => ", average of the period",
        31 => ", low threshold",
        32 => ", sags",
        33 => ", sag duration",
        34 => ", sag magnitude",
        35 => ", high threshold",
        36 => ", swells",
        37 => ", swell duration",
        38 => ", swell magnitude",
        39 => ", threshold of missing",
        43 | 44 => ", time threshold",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, expected: &str) {
        assert_eq!(meaning(Obis::parse(name).expect("a name")), expected);
    }

    #[test]
    fn names_are_explained() {
        check("1-0:1.8.0", "energy active, import");
        check("1-0:2.8.3", "energy active, export, tariff 3");
        check("1-0:5.8.0", "energy reactive, Q I");
        check("1-0:32.7.0", "voltage, L1");
        check("1-0:14.7.0", "frequency");
        check("1-0:21.7.0", "power active, import, L1");
        check("1-0:1.6.0", "power active, import, maximum");
        check("1-0:99.1.0", "load profile 1");
        check("0-0:1.0.0", "clock");
        check("0-0:42.0.0", "logical device name");
        check("0-0:96.1.0", "device identification 1");
        check("0-1:24.1.0", "M-Bus, channel 1");
        check("7-0:3.0.0", "");
    }
}
