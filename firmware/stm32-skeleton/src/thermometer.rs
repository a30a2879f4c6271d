//! The processor's own thermometer, channel 16 of ADC1, with the two readings that ST wrote into each part.
//!
//! It shows the die, some degrees above the air; the curves are found with the same thermometer, so that only its steadiness counts. A board
//! whose shunts or transformers are far from the processor has a part of its own beside them.

use frontend::Thermometer;
use stm32f4xx_hal::adc::config::{AdcConfig, SampleTime};
use stm32f4xx_hal::adc::{Adc, Temperature};
use stm32f4xx_hal::pac::ADC1;
use stm32f4xx_hal::rcc::Rcc;
use stm32f4xx_hal::signature::{VtempCal30, VtempCal110};

/// The converter of the processor, with nothing else on it.
pub(crate) struct DieThermometer(Adc<ADC1>);

impl DieThermometer {
    pub(crate) fn start(adc: ADC1, rcc: &mut Rcc) -> Self {
        let mut adc = Adc::new(adc, true, AdcConfig::default(), rcc);
        adc.enable_temperature_and_vref();
        Self(adc)
    }
}

impl Thermometer for DieThermometer {
    fn millicelsius(&mut self) -> Option<i32> {
        let Self(adc) = self;
        let sum: i32 = (0..CONVERSIONS)
            .map(|_| i32::from(adc.convert(&Temperature, SampleTime::Cycles_480)))
            .sum();
        let (at_30, at_110) = (
            i32::from(VtempCal30::get().read()),
            i32::from(VtempCal110::get().read()),
        );
        // The part was measured at a supply of 3.3 V.
        let supply_millivolts = i32::try_from(adc.reference_voltage()).ok()?;
        let code = i64::from(sum) * i64::from(supply_millivolts) * CODE_PARTS / (i64::from(CONVERSIONS) * 3_300);
        // Without the two readings, which a copy of the part may not have, there is no thermometer.
        let span = i64::from(at_110.checked_sub(at_30).filter(|span| 0 < *span)?) * CODE_PARTS;
        let above_30 = (code - i64::from(at_30) * CODE_PARTS) * 80_000 / span;
        i32::try_from(30_000 + above_30).ok()
    }
}

/// Conversions of 23 us of which the mean is taken: a single one is half a degree off.
const CONVERSIONS: i32 = 16;
/// Parts of a code that the mean keeps.
const CODE_PARTS: i64 = 16;
