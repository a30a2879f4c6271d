//! Which channel of a COMTRADE recording is which input of the meter: by unit, phase and name, or as `--map` says.

use core::str::FromStr;

use metrology::{Channel, N_CHANNELS};

use super::super::recording::{input_named, shown, unit_of};
use super::config::{Analog, Unit};

/// `--map INPUT=NAME`: the channel of this name, or of this number, feeds the input; `INPUT=` leaves the input out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Override {
    input: Channel,
    channel: String,
}

impl FromStr for Override {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (input, channel) = text
            .split_once('=')
            .ok_or_else(|| format!("\"{}\" is not INPUT=CHANNEL such as v1=UL1", shown(text)))?;
        Ok(Self {
            input: input_named(input.trim())?,
            channel: channel.trim().to_owned(),
        })
    }
}

/// The place among `channels` of each input's channel.
pub(crate) fn assign(channels: &[Analog], overrides: &[Override]) -> Result<[Option<usize>; N_CHANNELS], String> {
    let mut places: [Option<usize>; N_CHANNELS] = [None; N_CHANNELS];
    for input in Channel::ALL {
        let forced = overrides.iter().rev().find(|forced| forced.input == input);
        let place = match forced {
            Some(forced) if forced.channel.is_empty() => None,
            Some(forced) => Some(named(channels, forced)?),
            None => {
                let taken = |place: usize| {
                    overrides
                        .iter()
                        .any(|forced| is_called(channels, place, &forced.channel))
                };
                let mut fitting = channels
                    .iter()
                    .enumerate()
                    .filter(|(place, channel)| input_of(channel) == Some(input) && !taken(*place));
                match (fitting.next(), fitting.next()) {
                    (Some((_, first)), Some((_, second))) => {
                        return Err(format!(
                            "the channels \"{}\" and \"{}\" could both be {name}; choose with --map {name}=CHANNEL",
                            shown(&first.name),
                            shown(&second.name),
                            name = input.name()
                        ));
                    }
                    (first, _) => first.map(|(place, _)| place),
                }
            }
        };
        if let Some(slot) = places.get_mut(input.index()) {
            *slot = place;
        }
    }
    if places.iter().all(Option::is_none) {
        return Err(format!(
            "no channel is a phase voltage or current by its unit, phase and name ({}); choose with --map v1=CHANNEL",
            listed(channels)
        ));
    }
    Ok(places)
}

fn named(channels: &[Analog], forced: &Override) -> Result<usize, String> {
    let name = forced.input.name();
    let place = (0..channels.len())
        .find(|place| is_called(channels, *place, &forced.channel))
        .ok_or_else(|| {
            format!(
                "--map {name}: no channel is called \"{}\"; there are {}",
                shown(&forced.channel),
                listed(channels)
            )
        })?;
    let wanted = if forced.input.is_voltage() {
        Unit::Volt
    } else {
        Unit::Ampere
    };
    match channels.get(place) {
        // Recorders of 1991 may leave the unit out; then whoever names the channel knows it.
        Some(channel) if channel.unit != wanted && !channel.unit_text.is_empty() => Err(format!(
            "--map {name}: the channel \"{}\" is in \"{}\", but {name} needs {}",
            shown(&channel.name),
            shown(&channel.unit_text),
            unit_of(forced.input)
        )),
        _ => Ok(place),
    }
}

fn is_called(channels: &[Analog], place: usize, name: &str) -> bool {
    channels.get(place).is_some_and(|channel| {
        !name.is_empty()
            && (channel.name.eq_ignore_ascii_case(name) || name.strip_prefix('#') == Some(&channel.number.to_string()))
    })
}

fn listed(channels: &[Analog]) -> String {
    const MOST: usize = 24;
    let mut names: Vec<String> = channels
        .iter()
        .take(MOST)
        .map(|channel| format!("\"{}\"", shown(&channel.name)))
        .collect();
    if channels.len() > MOST {
        names.push(format!("{} more", channels.len() - MOST));
    }
    names.join(", ")
}

/// The input that a channel is for by its own words. Line-to-line voltages, sequence components and sums are for none.
fn input_of(channel: &Analog) -> Option<Channel> {
    // The phase column often says "A" for the voltage between A and B; then the name tells.
    let name = letters_of(&channel.name);
    let phase = letters_of(&channel.phase);
    if is_line_pair(&phase) || name.strip_prefix(['U', 'V']).is_some_and(is_line_pair) {
        return None;
    }
    let conductor = conductor(&phase).or_else(|| conductor_in_name(&name, channel.unit))?;
    match (channel.unit, conductor) {
        (Unit::Volt, Conductor::L1) => Some(Channel::V1),
        (Unit::Volt, Conductor::L2) => Some(Channel::V2),
        (Unit::Volt, Conductor::L3) => Some(Channel::V3),
        (Unit::Ampere, Conductor::L1) => Some(Channel::I1),
        (Unit::Ampere, Conductor::L2) => Some(Channel::I2),
        (Unit::Ampere, Conductor::L3) => Some(Channel::I3),
        (Unit::Ampere, Conductor::Neutral) => Some(Channel::In),
        (Unit::Volt, Conductor::Neutral) | (Unit::Other, _) => None,
    }
}

/// The conductors of a four-wire supply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Conductor {
    L1,
    L2,
    L3,
    Neutral,
}

/// A conductor by one of the names that the trades of the world give it.
fn conductor(name: &str) -> Option<Conductor> {
    match name {
        "A" | "L1" | "1" | "R" | "AN" | "L1N" | "1N" | "RN" | "L1E" | "AG" => Some(Conductor::L1),
        "B" | "L2" | "2" | "S" | "BN" | "L2N" | "2N" | "SN" | "L2E" | "BG" => Some(Conductor::L2),
        "C" | "L3" | "3" | "T" | "CN" | "L3N" | "3N" | "TN" | "L3E" | "CG" => Some(Conductor::L3),
        "N" | "L0" | "NEUTRAL" => Some(Conductor::Neutral),
        _ => None,
    }
}

/// The conductor that a name such as `Va`, `UL1`, `I_L2`, `Current C` or `IN` ends in.
fn conductor_in_name(letters: &str, unit: Unit) -> Option<Conductor> {
    let quantities: &[&str] = match unit {
        Unit::Volt => &["VOLTAGE", "VOLT", "V", "U", "E"],
        Unit::Ampere => &["CURRENT", "AMPS", "I"],
        Unit::Other => return None,
    };
    let rest = quantities.iter().find_map(|quantity| {
        // "Va" and "Line A V": the quantity stands before or behind the conductor.
        letters
            .strip_prefix(quantity)
            .or_else(|| letters.strip_suffix(quantity))
    });
    match rest {
        Some(rest) => conductor(
            rest.strip_prefix("PHASE")
                .or_else(|| rest.strip_prefix("PH"))
                .unwrap_or(rest),
        ),
        None => conductor(letters),
    }
}

/// Whether the letters name two phases: a voltage between them is none of a meter's inputs.
fn is_line_pair(letters: &str) -> bool {
    const PAIRS: [&str; 19] = [
        "AB", "BC", "CA", "BA", "CB", "AC", "L1L2", "L2L3", "L3L1", "L12", "L23", "L31", "12", "23", "31", "RS", "ST",
        "TR", "TS",
    ];
    PAIRS.contains(&letters)
}

fn letters_of(name: &str) -> String {
    name.chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|letter| letter.to_ascii_uppercase())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(number: u64, name: &str, phase: &str, unit: Unit) -> Analog {
        Analog {
            number,
            name: name.to_owned(),
            phase: phase.to_owned(),
            unit,
            unit_text: if unit == Unit::Volt { "V" } else { "A" }.to_owned(),
            a: 1.0,
            b: 0.0,
            skew_s: 0.0,
            range: (-1.0, 1.0),
            transformer: None,
        }
    }

    fn found(names: &[(&str, &str, Unit)]) -> Vec<&'static str> {
        let channels: Vec<Analog> = names
            .iter()
            .zip(1..)
            .map(|((name, phase, unit), n)| channel(n, name, phase, *unit))
            .collect();
        let places = assign(&channels, &[]).unwrap();
        (0..channels.len())
            .map(|place| {
                Channel::ALL
                    .into_iter()
                    .find(|input| places[input.index()] == Some(place))
                    .map_or("-", Channel::name)
            })
            .collect()
    }

    #[test]
    fn the_names_of_many_trades_are_known() {
        use Unit::{Ampere as A, Volt as V};
        for names in [
            ["VA", "VB", "VC", "IA", "IB", "IC", "IN"],
            ["v1", "v2", "v3", "i1", "i2", "i3", "in"],
            ["U_L1", "U_L2", "U_L3", "I_L1", "I_L2", "I_L3", "I_N"],
            ["UL1-N", "UL2-N", "UL3-N", "IL1", "IL2", "IL3", "IL0"],
            ["Van", "Vbn", "Vcn", "Current A", "Current B", "Current C", "Neutral"],
            ["UR", "US", "UT", "IR", "IS", "IT", "IN"],
            ["L1", "L2", "L3", "L1", "L2", "L3", "N"],
        ] {
            let units = [V, V, V, A, A, A, A];
            let listed: Vec<_> = names.iter().zip(units).map(|(name, unit)| (*name, "", unit)).collect();
            assert_eq!(found(&listed), ["v1", "v2", "v3", "i1", "i2", "i3", "in"], "{names:?}");
        }
        assert_eq!(
            found(&[
                ("Feeder 7 voltage", "A", V),
                ("Feeder 7 current", "A", A),
                ("UAB", "", V),
                ("Vab", "A", V)
            ]),
            ["v1", "i1", "-", "-"]
        );
    }

    #[test]
    fn two_channels_for_one_input_ask_for_a_choice() {
        let channels = [
            channel(1, "VA", "A", Unit::Volt),
            channel(2, "VA bus 2", "A", Unit::Volt),
        ];
        assert!(
            assign(&channels, &[])
                .unwrap_err()
                .contains("could both be v1; choose with --map v1=CHANNEL")
        );
        let places = assign(&channels, &["v1=VA bus 2".parse().unwrap()]).unwrap();
        assert_eq!(places[0], Some(1));
        let places = assign(&channels, &["v1=#1".parse().unwrap(), "v2=#2".parse().unwrap()]).unwrap();
        assert_eq!(places[..2], [Some(0), Some(1)]);
    }

    #[test]
    fn a_channel_without_a_unit_is_taken_when_it_is_named() {
        let mut bare = channel(1, "Va", "A", Unit::Other);
        bare.unit_text = String::new();
        let channels = [bare];
        assert!(assign(&channels, &[]).is_err());
        assert_eq!(assign(&channels, &["v1=Va".parse().unwrap()]).unwrap()[0], Some(0));
    }

    #[test]
    fn an_override_that_fits_nothing_is_refused() {
        let channels = [channel(1, "VA", "A", Unit::Volt)];
        let refused = |text: &str| assign(&channels, &[text.parse().unwrap()]).unwrap_err();
        assert!(refused("v1=VX").contains("no channel is called \"VX\"; there are \"VA\""));
        assert!(refused("i1=VA").contains("is in \"V\", but i1 needs A"));
        assert!(refused("v1=").contains("no channel is a phase voltage"));
        assert!(
            "v9=VA"
                .parse::<Override>()
                .unwrap_err()
                .contains("no input is called \"v9\"")
        );
        assert!("VA".parse::<Override>().unwrap_err().contains("is not INPUT=CHANNEL"));
    }
}
