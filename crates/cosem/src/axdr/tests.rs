//! A-XDR in fours: parse, emit, round trip, cut at each length; and the killers that parsers die of.

extern crate std;

use std::vec::Vec;

use super::{Bits, Enumerated, Full, Null, Octets, Reader, Visible, Writer};
use crate::Obis;

fn written(write: impl FnOnce(&mut Writer<'_>) -> Result<(), Full>) -> Vec<u8> {
    let mut buffer = [0; 600];
    let mut out = Writer::new(&mut buffer);
    write(&mut out).expect("it fits");
    out.written().to_vec()
}

fn sample() -> Vec<u8> {
    written(|out| {
        out.structure(12)?;
        out.value(-1_i8)?;
        out.value(-2_i16)?;
        out.value(-3_i32)?;
        out.value(-4_i64)?;
        out.value(1_u8)?;
        out.value(2_u16)?;
        out.value(5009_u32)?;
        out.value(4_u64)?;
        out.value(true)?;
        out.value(Enumerated(30))?;
        out.value(Null)?;
        out.array(2)?;
        out.value(Octets(&[0xAA; 200]))?;
        out.value(Bits {
            count: 9,
            octets: &[0x80, 0x80],
        })
    })
}

#[test]
fn numbers_have_the_octets_of_the_published_responses() {
    assert_eq!(written(|out| out.value(5009_u32)), [0x06, 0x00, 0x00, 0x13, 0x91]);
    assert_eq!(written(|out| out.value(0x1234_u16)), [0x12, 0x12, 0x34]);
    assert_eq!(written(|out| out.value(Visible("AB"))), [0x0A, 2, b'A', b'B']);
    assert_eq!(
        written(|out| out.value(Obis::new("1-0:1.8.0"))),
        [9, 6, 1, 0, 1, 8, 0, 255]
    );
}

#[test]
fn lengths_take_their_shortest_form_and_read_back() {
    for (length, octets) in [
        (0, &[0][..]),
        (127, &[127]),
        (128, &[0x81, 128]),
        (255, &[0x81, 255]),
        (256, &[0x82, 1, 0]),
        (65_536, &[0x84, 0, 1, 0, 0]),
    ] {
        let out = written(|out| out.length(length));
        assert_eq!(out, octets);
        assert_eq!(Reader::new(&out).length(), Ok(length));
    }
}

#[test]
fn values_read_back() {
    let octets = sample();
    let mut reader = Reader::new(&octets);
    reader.structure(12).expect("twelve fields");
    assert_eq!(reader.value(), Ok(-1_i8));
    assert_eq!(reader.value(), Ok(-2_i16));
    assert_eq!(reader.value(), Ok(-3_i32));
    assert_eq!(reader.value(), Ok(-4_i64));
    assert_eq!(reader.value(), Ok(1_u8));
    assert_eq!(reader.value(), Ok(2_u16));
    assert_eq!(reader.value(), Ok(5009_u32));
    assert_eq!(reader.value(), Ok(4_u64));
    assert_eq!(reader.value(), Ok(true));
    assert_eq!(reader.value(), Ok(Enumerated(30)));
    assert_eq!(reader.value(), Ok(Null));
    assert_eq!(reader.array(), Ok(2));
    assert_eq!(reader.value(), Ok(Octets(&[0xAA; 200])));
    assert_eq!(
        reader.value(),
        Ok(Bits {
            count: 9,
            octets: &[0x80, 0x80]
        })
    );
    assert_eq!(reader.end(), Ok(()));
}

#[test]
fn a_value_that_is_cut_at_any_length_is_refused_and_one_that_is_too_long_is_noticed() {
    let octets = sample();
    for length in 0..octets.len() {
        assert!(Reader::new(&octets[..length]).skip_value().is_err(), "cut at {length}");
    }
    let mut longer = octets.clone();
    longer.push(0);
    let mut reader = Reader::new(&longer);
    assert_eq!(reader.skip_value().map(<[u8]>::len), Ok(octets.len()));
    assert!(reader.end().is_err());
}

#[test]
fn a_full_buffer_keeps_what_was_whole() {
    let mut buffer = [0; 6];
    let mut out = Writer::new(&mut buffer);
    assert_eq!(out.value(1_u32), Ok(()));
    assert_eq!(out.put(&[1, 2]), Err(Full));
    assert_eq!(out.written(), [6, 0, 0, 0, 1]);
}

#[test]
fn killers_are_refused_in_bounded_steps() {
    // nesting a thousand deep
    assert!(Reader::new(&[0x02, 0x01].repeat(1_000)).skip_value().is_err());
    // an array of four thousand million elements that take no octets
    assert!(Reader::new(&[0x01, 0x84, 0xFF, 0xFF, 0xFF, 0xFF]).skip_value().is_err());
    assert!(
        Reader::new(&[0x01, 0x84, 0xFF, 0xFF, 0xFF, 0xFF, 0x00])
            .array()
            .is_err()
    );
    // an octet-string longer than the address space
    assert!(Reader::new(&[0x09, 0x84, 0xFF, 0xFF, 0xFF, 0xFF]).skip_value().is_err());
    // a compact array of a structure without elements, content zero: one value, no loop
    assert!(Reader::new(&[0x13, 0x02, 0x00, 0x00]).skip_value().is_ok());
    // lengths in forbidden forms
    assert!(Reader::new(&[0x09, 0x80]).skip_value().is_err());
    assert!(Reader::new(&[0x09, 0x85, 0, 0, 0, 0, 1, 0]).skip_value().is_err());
    // a description of a compact array with four thousand million elements
    assert!(
        Reader::new(&[0x13, 0x02, 0x84, 0xFF, 0xFF, 0xFF, 0xFF, 0x00])
            .skip_value()
            .is_err()
    );
}

#[test]
fn no_octets_make_the_reader_panic() {
    let seed = 0x5EED_u64;
    let mut state = seed;
    for round in 0..200_000 {
        let mut octets = [0_u8; 24];
        for octet in &mut octets {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            *octet = (state >> 56).to_le_bytes()[0] & if round % 2 == 0 { 0x1F } else { 0xFF };
        }
        let mut reader = Reader::new(&octets);
        if let Ok(value) = reader.skip_value() {
            assert!(value.len() <= octets.len(), "seed {seed:#x} round {round}");
        }
    }
}

/// The compact arrays of `vectors.md`: of numbers, structures, arrays, strings and of nothing; and two that are none.
#[test]
fn published_compact_arrays_are_one_value_or_refused() {
    let whole: [&[u8]; 5] = [
        &[0x13, 0x12, 0x06, 0, 1, 0, 2, 3, 4],
        &[0x13, 0x02, 0x02, 0x12, 0x03, 0x06, 0, 5, 1, 0, 6, 0],
        &[0x13, 0x01, 0x00, 0x02, 0x11, 0x02, 0x01, 0x02],
        &[0x13, 0x09, 0x04, 0x02, 0x61, 0x62, 0x00],
        &[0x13, 0x12, 0x00],
    ];
    for octets in whole {
        assert_eq!(Reader::new(octets).skip_value(), Ok(octets), "{octets:02X?}");
    }
    // One whose last element is cut is none either; that says who takes the elements out.
    let wrong: [&[u8]; 2] = [&[0x13, 0x07, 0x00], &[0x13, 0x13, 0x00]];
    for octets in wrong {
        assert!(Reader::new(octets).skip_value().is_err(), "{octets:02X?}");
    }
}
