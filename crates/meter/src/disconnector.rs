//! The switch in the supply: who may open and close it, and when (D1; class 70).
//!
//! ```text
//!                   b                       f g
//!   Disconnected <------- Connected ------------------> Ready
//!        |   |    ------->    ^ <---------------------    ^
//!        |   |       a        |          e h i            |
//!        |   +------------------------- d ----------------+
//!        +<---------------------------- c ---------------- (from Ready)
//! ```
//! The letters are the transitions of IEC 62056-6-2; the control mode says which of them exist.

use crate::event_log::{Log, disconnect};

/// Where the switch and its permission stand (attribute 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Open; only a remote command leads out.
    Disconnected = 0,
    /// Closed.
    Connected = 1,
    /// Open; the customer may close it.
    Ready = 2,
}

/// Which transitions exist (attribute 4), 0 to 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(u8);

/// Somebody's wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Method 1, by a client.
    RemoteDisconnect,
    /// Method 2, by a client.
    RemoteReconnect,
    /// By the button.
    ManualDisconnect,
    /// By the button.
    ManualReconnect,
    /// By a function of the meter, as the limiter.
    LocalDisconnect,
    /// By a function of the meter.
    LocalReconnect,
}

/// Why a command changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The control mode has no such transition at all.
    NotInThisMode,
    /// There is such a transition, but not from this state.
    NotFromThisState,
}

/// The switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disconnector {
    state: State,
    mode: Mode,
}

impl Mode {
    /// Mode 4: remote disconnection and reconnection, no manual disconnection.
    pub const DEFAULT: Self = Self(4);

    /// The mode with this number, if there is one.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        if number <= 7 { Some(Self(number)) } else { None }
    }

    /// 0 to 7.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }

    const fn allows_manual_disconnect(self) -> bool {
        matches!(self.0, 1 | 2 | 5)
    }

    const fn allows_local_reconnect(self) -> bool {
        5 <= self.0
    }

    /// Whether a remote reconnection closes at once (a), rather than leave it to the customer (d).
    const fn reconnects_directly(self) -> bool {
        matches!(self.0, 2 | 4 | 7)
    }
}

impl State {
    /// The state with this number, if there is one.
    #[must_use]
    pub const fn new(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Disconnected),
            1 => Some(Self::Connected),
            2 => Some(Self::Ready),
            _ => None,
        }
    }
}

/// The state that `command` leads to, or why it leads nowhere. One decision, the whole table of the standard.
const fn transition(mode: Mode, state: State, command: Command) -> Result<State, Refusal> {
    use Command as C;
    use State as S;
    if mode.0 == 0 {
        return Err(Refusal::NotInThisMode);
    }
    match (command, state) {
        (C::RemoteDisconnect, S::Connected | S::Ready) => Ok(S::Disconnected), // b, c
        (C::RemoteReconnect, S::Disconnected) if mode.reconnects_directly() => Ok(S::Connected), // a
        (C::RemoteReconnect, S::Disconnected) => Ok(S::Ready),                 // d
        (C::RemoteReconnect, S::Ready) if mode.0 == 7 => Ok(S::Connected),     // i
        (C::ManualDisconnect, S::Connected) if mode.allows_manual_disconnect() => Ok(S::Ready), // f
        (C::LocalDisconnect, S::Connected) => Ok(S::Ready),                    // g
        (C::ManualReconnect, S::Ready) => Ok(S::Connected),                    // e
        (C::LocalReconnect, S::Ready) if mode.allows_local_reconnect() => Ok(S::Connected), // h
        (C::ManualDisconnect, _) if !mode.allows_manual_disconnect() => Err(Refusal::NotInThisMode),
        (C::LocalReconnect, _) if !mode.allows_local_reconnect() => Err(Refusal::NotInThisMode),
        _ => Err(Refusal::NotFromThisState),
    }
}

impl Disconnector {
    /// A closed switch in the default mode, as it leaves the factory.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            state: State::Connected,
            mode: Mode::DEFAULT,
        }
    }

    /// The switch as it was stored.
    #[must_use]
    pub const fn restored(state: State, mode: Mode) -> Self {
        Self { state, mode }
    }

    /// Attribute 3.
    #[must_use]
    pub const fn state(&self) -> State {
        self.state
    }

    /// Attribute 4.
    #[must_use]
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// Attribute 2: whether the supply is connected.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.state == State::Connected
    }

    /// Carries out a command and answers the event that it is worth; none when the state was already the wanted one.
    ///
    /// # Errors
    /// Why nothing changed.
    pub fn command(&mut self, command: Command) -> Result<Option<(Log, u8)>, Refusal> {
        let wanted_already = match command {
            Command::RemoteDisconnect => self.state == State::Disconnected,
            Command::RemoteReconnect => {
                self.state == State::Connected || self.state == State::Ready && !self.mode.reconnects_directly()
            }
            Command::ManualReconnect | Command::LocalReconnect => self.state == State::Connected,
            Command::ManualDisconnect | Command::LocalDisconnect => self.state != State::Connected,
        };
        match transition(self.mode, self.state, command) {
            Ok(state) => {
                self.state = state;
                Ok(Some((Log::Disconnect, event(command))))
            }
            Err(Refusal::NotFromThisState) if wanted_already => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }

    /// Sets the mode. Mode 0 means always connected, so an open switch closes.
    pub fn set_mode(&mut self, mode: Mode) {
        self.mode = mode;
        if mode.0 == 0 {
            self.state = State::Connected;
        }
    }
}

impl Default for Disconnector {
    fn default() -> Self {
        Self::new()
    }
}

/// The code in the disconnect control log.
const fn event(command: Command) -> u8 {
    match command {
        Command::RemoteDisconnect => disconnect::REMOTE_DISCONNECTION,
        Command::RemoteReconnect => disconnect::REMOTE_CONNECTION,
        Command::ManualDisconnect => disconnect::MANUAL_DISCONNECTION,
        Command::ManualReconnect => disconnect::MANUAL_CONNECTION,
        Command::LocalDisconnect => disconnect::LOCAL_DISCONNECTION,
        Command::LocalReconnect => disconnect::LOCAL_RECONNECTION,
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use core::fmt::Write as _;
    use std::string::String;

    const COMMANDS: [Command; 6] = [
        Command::RemoteDisconnect,
        Command::RemoteReconnect,
        Command::ManualDisconnect,
        Command::ManualReconnect,
        Command::LocalDisconnect,
        Command::LocalReconnect,
    ];

    /// D1; IEC 62056-6-2 class 70: every mode, state and command, as a golden file. `UPDATE=1` rewrites it.
    #[test]
    fn the_whole_transition_table_is_the_golden_one() {
        let mut table = String::from("mode state         command           -> state\n");
        for number in 0..=7 {
            let mode = Mode::new(number).expect("0 to 7");
            for state in [State::Disconnected, State::Connected, State::Ready] {
                for command in COMMANDS {
                    let mut switch = Disconnector::restored(state, mode);
                    let outcome = match switch.command(command) {
                        Ok(Some((_, code))) => std::format!("{:?} (event {code})", switch.state()),
                        Ok(None) => "already so".into(),
                        Err(refusal) => std::format!("{refusal:?}"),
                    };
                    let (state, command) = (std::format!("{state:?}"), std::format!("{command:?}"));
                    writeln!(table, "{number:4} {state:13} {command:17} -> {outcome}").expect("a string takes all");
                }
            }
        }
        crate::golden::check("disconnector.txt", &table);
    }

    #[test]
    fn numbers_beyond_the_standard_are_no_modes_and_no_states() {
        assert_eq!(Mode::new(8), None);
        assert_eq!(State::new(3), None);
    }

    #[test]
    fn mode_zero_closes_an_open_switch() {
        let mut switch = Disconnector::new();
        assert!(switch.command(Command::RemoteDisconnect).is_ok());
        switch.set_mode(Mode::new(0).expect("0 to 7"));
        assert!(switch.is_connected());
        assert_eq!(switch.command(Command::RemoteDisconnect), Err(Refusal::NotInThisMode));
    }
}
