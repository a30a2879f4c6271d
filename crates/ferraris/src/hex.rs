//! Octets as hexadecimal digits, and back.

use anyhow::bail;

/// Octets in capital hexadecimal digits.
pub(crate) fn hex(octets: &[u8]) -> String {
    use core::fmt::Write as _;
    octets
        .iter()
        .fold(String::with_capacity(2 * octets.len()), |mut text, octet| {
            let _a_string_takes_all = write!(text, "{octet:02X}");
            text
        })
}

/// Octets from hexadecimal digits; spaces, colons, dashes and line ends between them do not count.
///
/// # Errors
/// Which character is no digit, or that a digit is missing.
pub(crate) fn from_hex(text: &str) -> anyhow::Result<Vec<u8>> {
    let mut octets = Vec::with_capacity(text.len() / 2);
    let mut high = None;
    for (at, character) in text.char_indices() {
        if character.is_whitespace() || matches!(character, ':' | '-' | ',') {
            continue;
        }
        let Some(digit) = character.to_digit(16).and_then(|digit| u8::try_from(digit).ok()) else {
            bail!("{character:?} at character {} is no hexadecimal digit", at + 1);
        };
        match high.take() {
            None => high = Some(digit),
            Some(high) => octets.push(high << 4 | digit),
        }
    }
    if high.is_some() {
        bail!("an odd number of hexadecimal digits: half an octet is missing");
    }
    Ok(octets)
}

/// Octets from an even number of hexadecimal digits and nothing else.
pub(crate) fn exact(text: &str) -> Option<Vec<u8>> {
    let is_digits = text.chars().all(|character| character.is_ascii_hexdigit());
    is_digits.then(|| from_hex(text).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_may_be_grouped_as_one_likes() {
        assert_eq!(
            from_hex("7E a0:07-03\n21").expect("digits"),
            [0x7E, 0xA0, 0x07, 0x03, 0x21]
        );
        assert!(from_hex("7E A").expect_err("half").to_string().contains("odd number"));
        assert!(
            from_hex("7G")
                .expect_err("no digit")
                .to_string()
                .contains("'G' at character 2")
        );
    }

    #[test]
    fn exact_digits_have_nothing_between_them() {
        assert_eq!(exact("0aF1"), Some(vec![0x0A, 0xF1]));
        for none in ["0aF", "0g", "0a F1", "0a:F1"] {
            assert_eq!(exact(none), None, "{none}");
        }
        assert_eq!(hex(&[0x0A, 0xF1]), "0AF1");
    }
}
