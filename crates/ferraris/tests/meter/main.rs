//! `ferraris meter` as its users have it: the built command, its ports, its state folder, and clients that we did not write.

mod bad_input;
mod calibration;
mod control;
mod display;
mod dlms;
mod foreign;
mod garbage;
mod quality;
mod refusals;
mod running;
mod services;
mod survival;
mod temperature;
mod timing;
mod transformers;
