//! The laboratory's own client: it sets the meter's clock as any management client does, over a link that has no wire.
//!
//! It shows the password (LLS), so that it uses up no invocation counter of a client that holds the keys.

use base::{Instant, Micros};
use cosem::axdr::{Octets, Writer};
use cosem::{Attribute, DateTime, Obis, Selection};
use dlms::apdu::Item;
use dlms::client::{Client, Command, Framing, Outcome, Patience, Settings};
use dlms::initiate::Conformance;
use dlms::server::{Link, WrapperLink};
use meter::{Input, MANAGEMENT_CLIENT};

/// Sets the clock of the meter behind `step` to `time`. False when the meter refuses.
pub(crate) fn set_clock(password: &[u8], time: DateTime, step: &mut dyn FnMut(Input<'_>)) -> bool {
    let mut value = [0; 14];
    let mut writer = Writer::new(&mut value);
    if writer.value(Octets(&time.octets())).is_err() {
        return false;
    }
    let clock = Item {
        attribute: CLOCK,
        selection: Selection::Whole,
    };
    let services = Conformance::GET.with(Conformance::SET);
    let settings = Settings::public(MANAGEMENT_CLIENT, LOGICAL_DEVICE, services).with_password(password);
    let patience = Patience {
        answer: Micros::MAX,
        retries: 0,
    };
    let mut lent = [0; 256];
    let mut client = Client::new(settings, Framing::Wrapper, patience, 0, &mut lent);
    let mut link = Box::new(Link::Wrapper(WrapperLink::new(Instant::START, Micros::MAX)));
    let set = [Command::Associate, Command::Set(clock, writer.written())]
        .into_iter()
        .all(|command| {
            let mut asked = Vec::new();
            let begun = client.start(Instant::START, command, &mut |octets| asked.extend_from_slice(octets));
            let mut answer = Vec::new();
            step(Input::Received {
                link: &mut link,
                at: Instant::START,
                octets: &asked,
                answer: &mut |octets| answer.extend_from_slice(octets),
            });
            begun.is_ok()
                && client.receive(Instant::START, &answer, &mut |_| {}).is_ok()
                && matches!(client.outcome(), Some(Outcome::Associated | Outcome::Written(Ok(()))))
        });
    step(Input::Lost { link: &mut link });
    set
}

const CLOCK: Attribute = Attribute::new(8, Obis::new("0-0:1.0.0"), 2);
const LOGICAL_DEVICE: u16 = 1;
