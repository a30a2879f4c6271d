//! An image of numbers made small: most of its words of 8 octets have leading zeros, and few of them change in a minute.

/// Octets of a word.
pub(super) const WORD: usize = 8;

/// Appends octets to a buffer that may be too small for them.
struct Out<'a> {
    room: &'a mut [u8],
    used: usize,
}

impl Out<'_> {
    fn put(&mut self, octet: u8) -> Option<()> {
        *self.room.get_mut(self.used)? = octet;
        self.used += 1;
        Some(())
    }
}

/// Packs the words of `image` into `out` and answers how many octets that takes: for each two words one octet with their lengths without
/// leading zeros, then the words, least octet first. `None` when it does not fit.
pub(super) fn pack(image: &[u8], out: &mut [u8]) -> Option<usize> {
    let mut out = Out { room: out, used: 0 };
    for pair in image.chunks(2 * WORD) {
        let (low, high) = pair.split_at(pair.len().min(WORD));
        let [low, high] = [significant(low), significant(high)];
        let lengths = u8::try_from(low.len() | high.len() << 4).ok()?;
        out.put(lengths)?;
        for octet in low.iter().chain(high) {
            out.put(*octet)?;
        }
    }
    Some(out.used)
}

fn significant(word: &[u8]) -> &[u8] {
    let length = word.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
    word.get(..length).unwrap_or(word)
}

/// Unpacks what [`pack`] made into `image`, all of it. `None` when it is not that; octets behind it are not looked at.
pub(super) fn unpack(packed: &[u8], image: &mut [u8]) -> Option<()> {
    let mut packed = packed;
    for pair in image.chunks_mut(2 * WORD) {
        let (lengths, rest) = packed.split_first()?;
        packed = rest;
        let (low, high) = pair.split_at_mut(pair.len().min(WORD));
        for (word, length) in [(low, lengths & 15), (high, lengths >> 4)] {
            let (octets, rest) = packed.split_at_checked(usize::from(length))?;
            packed = rest;
            word.fill(0);
            word.get_mut(..octets.len())?.copy_from_slice(octets);
        }
    }
    Some(())
}

/// What makes `image` of `base`: one octet that names this coding, then for each sixty-four words an octet of bits that says which of their eight
/// groups differ, for each such group an octet that says which of its eight words do, and for each such word the difference, zigzag and in groups
/// of seven bits. Answers the octets in `out`; `None` when they do not fit.
pub(super) fn difference(base: &[u8], image: &[u8], out: &mut [u8]) -> Option<usize> {
    let mut out = Out { room: out, used: 0 };
    out.put(CODING)?;
    for (base, image) in base.chunks(BLOCK).zip(image.chunks(BLOCK)) {
        let groups = || base.chunks(GROUP).zip(image.chunks(GROUP));
        out.put(unequal(groups()))?;
        for (base, image) in groups().filter(|(before, now)| before != now) {
            let words = || base.chunks(WORD).zip(image.chunks(WORD));
            out.put(unequal(words()))?;
            for (before, now) in words().filter(|(before, now)| before != now) {
                let change = word(now).wrapping_sub(word(before)).cast_signed();
                let mut left = (change << 1 ^ change >> 63).cast_unsigned();
                while 0x7F < left {
                    out.put(left.to_le_bytes()[0] | 0x80)?;
                    left >>= 7;
                }
                out.put(left.to_le_bytes()[0])?;
            }
        }
    }
    Some(out.used)
}

/// A bit for each of at most eight pairs that differ.
fn unequal<'a>(pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> u8 {
    pairs
        .enumerate()
        .filter(|(_, (before, now))| before != now)
        .fold(0, |bits, (index, _)| bits | 1 << index)
}

/// Changes `image` by what [`difference`] found, in this coding or the first one, which had an octet for each group and no name. `None` when it is
/// neither; `image` is half changed then.
pub(super) fn apply(difference: &[u8], image: &mut [u8]) -> Option<()> {
    let (name, rest) = difference.split_first()?;
    // The first word of an image holds its number, which differs always: so the first coding begins with an odd octet.
    let is_named = *name == CODING;
    let mut octets = if is_named { rest } else { difference }.iter().copied();
    for block in image.chunks_mut(BLOCK) {
        let groups = if is_named { octets.next()? } else { 0xFF };
        let mut places = block.chunks_mut(GROUP);
        for index in 0..8 {
            let place = places.next();
            if groups >> index & 1 == 0 {
                continue;
            }
            match place {
                Some(group) => apply_group(&mut octets, group)?,
                // A group behind the end belongs to a longer image; the first coding has none there.
                None if is_named => apply_group(&mut octets, &mut [])?,
                None => {}
            }
        }
    }
    Some(())
}

/// Changes a group of eight words.
fn apply_group(octets: &mut impl Iterator<Item = u8>, group: &mut [u8]) -> Option<()> {
    let bits = octets.next()?;
    let mut words = group.chunks_mut(WORD);
    for index in 0..8 {
        let place = words.next();
        if bits >> index & 1 == 0 {
            continue;
        }
        let (mut left, mut shift) = (0_u64, 0_u32);
        loop {
            let octet = octets.next()?;
            left |= u64::from(octet & 0x7F).checked_shl(shift)?;
            shift += 7;
            if octet & 0x80 == 0 {
                break;
            }
        }
        let change = left >> 1 ^ (left & 1).wrapping_neg();
        // A word behind the end belongs to a longer image.
        if let Some(place) = place {
            let now = word(place).wrapping_add(change).to_le_bytes();
            place.copy_from_slice(now.get(..place.len())?);
        }
    }
    Some(())
}

/// Octets of a group of words, and of a block of groups.
const GROUP: usize = 8 * WORD;
const BLOCK: usize = 8 * GROUP;
/// The name of the coding; the first one had none.
const CODING: u8 = 2;

fn word(octets: &[u8]) -> u64 {
    let mut word = [0; WORD];
    for (to, from) in word.iter_mut().zip(octets) {
        *to = *from;
    }
    u64::from_le_bytes(word)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec;
    use std::vec::Vec;

    use super::*;

    fn image(words: &[u64]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    fn check(base: &[u64], now: &[u64]) -> (usize, usize) {
        let (base, now) = (image(base), image(now));
        let (mut packed, mut changes) = (vec![0xFF; 1_000], vec![0xFF; 1_000]);
        let used = pack(&base, &mut packed).expect("it fits");
        let length = difference(&base, &now, &mut changes).expect("it fits");
        let mut again = vec![0xAA; base.len()];
        unpack(&packed[..used], &mut again).expect("it was packed");
        assert_eq!(again, base);
        apply(&changes[..length], &mut again).expect("it was a difference");
        assert_eq!(again, now);
        for cut in 0..used {
            assert_eq!(unpack(&packed[..cut], &mut again), None, "{cut} of {used}");
        }
        for cut in 0..length {
            assert_eq!(apply(&changes[..cut], &mut again), None, "{cut} of {length}");
        }
        (used, length)
    }

    #[test]
    fn every_word_comes_back_and_small_ones_are_short() {
        let odd = [0, 1, 0xFF, 0x1_0000, u64::MAX, 1 << 63, 3_599_999_999, 7, 0, 12, 5];
        check(&odd, &odd);
        let mut other = odd;
        other.reverse();
        check(&odd, &other);
        assert_eq!(check(&[0; 16], &[0; 16]), (8, 2));
        // 17 Wh more are one octet, a remainder of a few thousand microjoules less are two.
        assert_eq!(check(&[1_000_000, 90_000], &[1_000_017, 85_000]), (7, 6));
    }

    #[test]
    fn differences_of_the_first_coding_are_still_read() {
        let (base, now) = (
            image(&[1, 0, 5, 0, 0, 0, 0, 0, 9, 10]),
            image(&[2, 0, 5, 0, 0, 0, 0, 0, 9, 8]),
        );
        let mut again = base;
        apply(&[0x01, 0x02, 0x02, 0x03], &mut again).expect("it was a difference");
        assert_eq!(again, now);
    }

    #[test]
    fn octets_that_were_never_packed_are_refused() {
        let mut image = [0; 16];
        assert_eq!(unpack(&[0x09, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &mut image), None);
        assert_eq!(
            apply(
                &[
                    2, 1, 1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01
                ],
                &mut image
            ),
            None
        );
    }
}
