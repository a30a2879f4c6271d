//! HDLC addresses of one, two or four octets (IEC 62056-46, 6.4.2).

/// An address: the upper part names the logical device (or the client), the lower part the physical one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// Upper part alone, 7 bits.
    One(u8),
    /// Upper and lower part, 7 bits each.
    Two(u8, u8),
    /// Upper and lower part, 14 bits each.
    Four(u16, u16),
}

impl Address {
    /// The address at the start of `octets` and how many octets it takes.
    /// `None` when it has no end within them, or ends after the third octet, a form that does not exist.
    #[must_use]
    pub fn parse(octets: &[u8]) -> Option<(Self, usize)> {
        let pair = |high: u8, low: u8| u16::from(high >> 1) << 7 | u16::from(low >> 1);
        match *octets {
            [a, ..] if a & 1 == 1 => Some((Self::One(a >> 1), 1)),
            [a, b, ..] if b & 1 == 1 => Some((Self::Two(a >> 1, b >> 1), 2)),
            [a, b, c, d, ..] if c & 1 == 0 && d & 1 == 1 => Some((Self::Four(pair(a, b), pair(c, d)), 4)),
            _ => None,
        }
    }

    /// The octets on the wire and how many of them count. Bits over 7 (or 14) are not sent.
    #[must_use]
    pub const fn octets(self) -> ([u8; 4], usize) {
        match self {
            Self::One(upper) => ([upper << 1 | 1, 0, 0, 0], 1),
            Self::Two(upper, lower) => ([upper << 1, lower << 1 | 1, 0, 0], 2),
            Self::Four(upper, lower) => {
                // Shifted by one, the border of the octets lies above the low seven bits.
                let [upper_high, upper_low] = (upper << 1).to_be_bytes();
                let [lower_high, lower_low] = (lower << 1).to_be_bytes();
                ([upper_high << 1, upper_low, lower_high << 1, lower_low | 1], 4)
            }
        }
    }

    /// The logical device, or the client.
    #[must_use]
    pub const fn upper(self) -> u16 {
        match self {
            Self::One(upper) | Self::Two(upper, _) => upper as u16,
            Self::Four(upper, _) => upper,
        }
    }

    /// The physical device; `None` in the form that has none.
    #[must_use]
    pub const fn lower(self) -> Option<u16> {
        match self {
            Self::One(_) => None,
            Self::Two(_, lower) => Some(lower as u16),
            Self::Four(_, lower) => Some(lower),
        }
    }

    /// True for the upper address of all stations.
    #[must_use]
    pub const fn is_all_stations(self) -> bool {
        matches!(self, Self::One(0x7F) | Self::Two(0x7F, _) | Self::Four(0x3FFF, _))
    }

    /// True for the lower address of all physical devices.
    #[must_use]
    pub const fn is_all_devices(self) -> bool {
        matches!(self, Self::Two(_, 0x7F) | Self::Four(_, 0x3FFF))
    }

    /// True for the lower address by which a client calls the one device on its line without knowing its address.
    #[must_use]
    pub const fn is_calling(self) -> bool {
        matches!(self, Self::Two(_, 0x7E) | Self::Four(_, 0x3FFE))
    }

    /// The same address with another physical device, where the form has one.
    #[must_use]
    pub fn with_lower(self, lower: u16) -> Self {
        match self {
            Self::One(_) => self,
            Self::Two(upper, _) => u8::try_from(lower).map_or(self, |lower| Self::Two(upper, lower & 0x7F)),
            Self::Four(upper, _) => Self::Four(upper, lower & 0x3FFF),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(octets: &[u8], expected: Address) {
        assert_eq!(Address::parse(octets), Some((expected, octets.len())));
        let (written, count) = expected.octets();
        assert_eq!(&written[..count], octets);
        for cut in 0..octets.len() {
            assert_eq!(Address::parse(&octets[..cut]), None);
        }
    }

    #[test]
    fn addresses_of_each_width_read_and_write_as_in_the_captures() {
        check(&[0x03], Address::One(1));
        check(&[0x21], Address::One(16));
        check(&[0xCD], Address::One(102));
        check(&[0x02, 0x23], Address::Two(1, 17));
        check(&[0x00, 0x02, 0x00, 0x23], Address::Four(1, 17));
        check(&[0xFE, 0xFE, 0xFE, 0xFF], Address::Four(0x3FFF, 0x3FFF));
        check(&[0x02, 0x04, 0x7E, 0x81], Address::Four(0x82, 0x1FC0));
    }

    #[test]
    fn every_four_octet_address_survives_the_round_trip() {
        for upper in 0..0x4000 {
            let address = Address::Four(upper, upper ^ 0x1555);
            let (octets, count) = address.octets();
            assert_eq!(Address::parse(&octets[..count]), Some((address, 4)));
        }
    }

    #[test]
    fn three_octets_and_endless_addresses_are_none() {
        assert_eq!(Address::parse(&[0x02, 0x02, 0x03]), None);
        assert_eq!(Address::parse(&[0x02, 0x02, 0x03, 0x03]), None);
        assert_eq!(Address::parse(&[0x02, 0x02, 0x02, 0x02, 0x03]), None);
    }
}
