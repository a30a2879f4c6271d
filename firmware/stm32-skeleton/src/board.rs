//! What the meter acts on: its flash, the switch, the backup clock.

use base::Utc;
use embedded_hal_bus::spi::{ExclusiveDevice, NoDelay};
use flash::Nor;
use meter::Board;
use stm32f4xx_hal::gpio::{Output, PB12, PC0};
use stm32f4xx_hal::pac::SPI2;
use stm32f4xx_hal::rtc::Rtc;
use stm32f4xx_hal::spi::Spi;

use crate::serial_nor::SerialNor;

/// The flash on its bus.
pub(crate) type Flash = SerialNor<ExclusiveDevice<Spi<SPI2>, PB12<Output>, NoDelay>>;

/// The meter's board.
pub(crate) struct Stm32 {
    pub(crate) flash: Flash,
    pub(crate) switch: PC0<Output>,
    pub(crate) rtc: Rtc,
}

impl Board for Stm32 {
    fn flash(&mut self) -> &mut dyn Nor {
        &mut self.flash
    }

    fn drive_disconnector(&mut self, closed: bool) {
        if closed {
            self.switch.set_high();
        } else {
            self.switch.set_low();
        }
    }

    fn set_rtc(&mut self, utc: Utc) {
        let civil = utc.civil();
        let rtc = &mut self.rtc;
        let set = rtc
            .set_year(civil.year())
            .and_then(|()| rtc.set_month(civil.month()))
            .and_then(|()| rtc.set_day(civil.day()))
            .and_then(|()| rtc.set_hours(civil.hour()))
            .and_then(|()| rtc.set_minutes(civil.minute()))
            .and_then(|()| rtc.set_seconds(civil.second()));
        // A clock that takes no time is read as one that has lost it, at the next boot.
        let _shown_at_boot = set;
    }
}

/// What the backup clock shows; none before the year 2024: nobody has set it then.
pub(crate) fn backup_time(rtc: &mut Rtc) -> Option<Utc> {
    let seconds = rtc.get_datetime().assume_utc().unix_timestamp();
    (FIRST_SECOND <= seconds).then(|| Utc::from_unix(seconds))
}

/// 2024-01-01T00:00:00Z.
const FIRST_SECOND: i64 = 1_704_067_200;
