//! A port, worked through for an STM32F407 with an ADS131M08 on SPI1 and a serial NOR flash of 16 MB on SPI2. It compiles and links; it
//! has not seen the board. `docs/porting.md` says what each part must do.
//!
//! | part | pins and peripherals |
//! | --- | --- |
//! | converter | SPI1: PA5 clock, PA6 in, PA7 out, PA4 select; PB0 data-ready (EXTI0) |
//! | flash | SPI2: PB13 clock, PB14 in, PB15 out, PB12 select |
//! | optical port | USART1: PA9 out, PA10 in |
//! | switch | PC0 |
//! | thermometer | the processor's own, ADC1 |
//! | clocks | TIM5 microseconds; RTC on the 32 kHz crystal; the independent watchdog |
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod board;
#[cfg(target_os = "none")]
mod converter;
#[cfg(target_os = "none")]
mod meter_loop;
#[cfg(target_os = "none")]
mod serial_line;
#[cfg(target_os = "none")]
mod serial_nor;
#[cfg(target_os = "none")]
mod thermometer;

/// On a host there is nothing to run.
#[cfg(not(target_os = "none"))]
fn main() {}
