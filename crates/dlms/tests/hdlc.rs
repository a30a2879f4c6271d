//! HDLC lines through the server's own door: several clients on one line, frames of every size, broadcast, rules that are
//! broken, readers with an echo, meters that are not ready.

mod device;
mod pair;

use base::{Instant, Micros};
use device::{Device, SERVICES, octets, register};
use ferraris_dlms::client::{Client, ClientError, Command, Framing, Outcome, Settings};
use ferraris_dlms::hdlc::{Address, Control, Deframer, Frame, INFO_MAX, Limits};
use ferraris_dlms::server::{HdlcLink, HdlcSettings};
use pair::{PATIENCE, Pair, Transport, whole};

const LIMITS: Limits = Limits {
    transmit: 128,
    receive: 128,
    transmit_window: 1,
    receive_window: 1,
};

/// What a line answers to one frame.
fn ask<const CLIENTS: usize>(
    link: &mut HdlcLink<CLIENTS>,
    device: &mut Device,
    source: Address,
    destination: Address,
    control: Control,
    information: &[u8],
) -> Vec<(Control, Vec<u8>)> {
    let frame = Frame {
        destination,
        source,
        control,
        segmented: false,
        information,
    };
    let mut buffer = [0; 2100];
    let frame = frame.emit(&mut buffer).expect("it fits").to_vec();
    let mut answers = Vec::new();
    link.receive(Instant::START, &frame, device, &mut |octets| {
        answers.push(octets.to_vec())
    });
    let parse = |answer: &Vec<u8>| {
        let (frame, _) = Frame::parse(answer).expect("a frame").expect("whole");
        assert_eq!((frame.destination, frame.source), (source, destination));
        (frame.control, frame.information.to_vec())
    };
    answers.iter().map(parse).collect()
}

const METER: Address = Address::Four(1, 17);
const SNRM: Control = Control::SetNormal { poll: true };
const UA: Control = Control::Acknowledge { poll: true };
const DM: Control = Control::Disconnected { poll: true };

const fn information(send: u8, receive: u8) -> Control {
    Control::Information {
        send,
        receive,
        poll: true,
    }
}

fn aarq(client: u8) -> Vec<u8> {
    match client {
        16 => octets("E6E600 601DA109060760857405080101BE10040E01000000065F1F0400007E1F04B0"),
        _ => octets(
            "E6E600 6036A1090607608574050801018A0207808B0760857405080201AC0A80083132333435363738BE10040E01000000065F1F0400007E1F04B0",
        ),
    }
}

fn get() -> Vec<u8> {
    octets("E6E600 C001C1 0003 0100010800FF 02 00")
}

#[test]
fn several_clients_on_one_line_have_numbers_and_associations_of_their_own() {
    let mut link = HdlcLink::<3>::new(HdlcSettings::standard(17));
    let mut device = Device::new();
    let clients = [16_u8, 1];
    for client in clients {
        let answers = ask(&mut link, &mut device, Address::One(client), METER, SNRM, &[]);
        assert_eq!(answers[0].0, UA);
        let answers = ask(
            &mut link,
            &mut device,
            Address::One(client),
            METER,
            information(0, 0),
            &aarq(client),
        );
        assert_eq!(answers[0].0, information(0, 1), "the association of client {client}");
    }
    // In turns, each with the numbers of its own link.
    for round in 1..20_u8 {
        for client in clients {
            let control = information(round & 7, round & 7);
            let answers = ask(&mut link, &mut device, Address::One(client), METER, control, &get());
            assert_eq!(answers[0].0, information(round & 7, (round + 1) & 7));
            assert_eq!(answers[0].1, octets("E6E700 C401C1 00 0600001391"), "client {client}");
        }
    }
    assert_eq!(
        device
            .callers
            .iter()
            .map(|caller| caller.client)
            .take(4)
            .collect::<Vec<_>>(),
        [16, 1, 16, 1]
    );
    // One goes, the other stays.
    let gone = Control::Disconnect { poll: true };
    assert_eq!(ask(&mut link, &mut device, Address::One(16), METER, gone, &[])[0].0, UA);
    assert_eq!(
        ask(
            &mut link,
            &mut device,
            Address::One(16),
            METER,
            information(4, 4),
            &get()
        )[0]
        .0,
        DM
    );
    let answers = ask(
        &mut link,
        &mut device,
        Address::One(1),
        METER,
        information(4, 4),
        &get(),
    );
    assert_eq!(answers[0].0, information(4, 5));
    assert_eq!(link.sessions().filter(|session| session.client().is_some()).count(), 1);
}

#[test]
fn a_client_too_many_takes_the_place_of_one_without_association() {
    let mut link = HdlcLink::<2>::new(HdlcSettings::standard(17));
    let mut device = Device::new();
    for client in [1, 2] {
        ask(&mut link, &mut device, Address::One(client), METER, SNRM, &[]);
    }
    ask(
        &mut link,
        &mut device,
        Address::One(1),
        METER,
        information(0, 0),
        &aarq(1),
    );
    assert_eq!(ask(&mut link, &mut device, Address::One(3), METER, SNRM, &[])[0].0, UA);
    assert_eq!(
        ask(
            &mut link,
            &mut device,
            Address::One(2),
            METER,
            information(0, 0),
            &aarq(16)
        )[0]
        .0,
        DM,
        "client 2 had no association and gave way"
    );
    let answers = ask(
        &mut link,
        &mut device,
        Address::One(1),
        METER,
        information(1, 1),
        &get(),
    );
    assert_eq!(answers[0].0, information(1, 2), "client 1 has its association still");
}

#[test]
fn one_client_with_two_forms_of_address_has_one_link() {
    // The upper address names the logical device: a client that changes the form of the address has not become another.
    let mut link = HdlcLink::<2>::new(HdlcSettings::standard(17));
    let mut device = Device::new();
    ask(&mut link, &mut device, Address::One(16), METER, SNRM, &[]);
    let short = Address::One(1);
    let answers = ask(
        &mut link,
        &mut device,
        Address::One(16),
        short,
        information(0, 0),
        &aarq(16),
    );
    assert_eq!(answers[0].0, information(0, 1));
}

#[test]
fn a_broadcast_is_served_and_answered_by_nobody() {
    for everybody in [
        Address::One(0x7F),
        Address::Two(1, 0x7F),
        Address::Four(0x3FFF, 0x3FFF),
        Address::Four(1, 0x3FFF),
    ] {
        let mut link = HdlcLink::<2>::new(HdlcSettings::standard(17));
        let mut device = Device::new();
        let ui = Control::Unnumbered { poll: false };
        let set = octets("E6E600 C10181 0003 0100010800FF 02 00 0600000007");
        assert_eq!(ask(&mut link, &mut device, Address::One(16), everybody, ui, &set), []);
        assert_eq!(
            device.objects[&register(1)],
            [6, 0, 0, 0x13, 0x91],
            "nobody is associated"
        );
        ask(&mut link, &mut device, Address::One(16), METER, SNRM, &[]);
        ask(
            &mut link,
            &mut device,
            Address::One(16),
            METER,
            information(0, 0),
            &aarq(16),
        );
        assert_eq!(ask(&mut link, &mut device, Address::One(16), everybody, ui, &set), []);
        assert_eq!(device.objects[&register(1)], [6, 0, 0, 0, 7], "{everybody:?}");
        // Anything else that goes to everybody is passed over, polled or not.
        for control in [
            SNRM,
            information(1, 1),
            Control::ReceiveReady { receive: 1, poll: true },
            ui,
        ] {
            assert_eq!(
                ask(&mut link, &mut device, Address::One(16), everybody, control, &[]),
                []
            );
        }
        let answers = ask(
            &mut link,
            &mut device,
            Address::One(16),
            METER,
            information(1, 1),
            &get(),
        );
        assert_eq!(
            answers[0].1,
            octets("E6E700 C401C1 00 0600000007"),
            "the link's numbers did not move"
        );
    }
}

#[test]
fn frames_against_the_rules_are_rejected_with_their_reason() {
    for (control, info, reason) in [
        (Control::Unknown(0xDF), vec![], 0x01),
        (Control::ReceiveReady { receive: 0, poll: true }, vec![1], 0x03),
        (information(0, 0), vec![0; 129], 0x04),
        (Control::ReceiveReady { receive: 5, poll: true }, vec![], 0x08),
    ] {
        let mut link = HdlcLink::<1>::new(HdlcSettings::standard(17));
        let mut device = Device::new();
        ask(&mut link, &mut device, Address::One(16), METER, SNRM, &[]);
        let rejected = ask(&mut link, &mut device, Address::One(16), METER, control, &info);
        assert_eq!(
            rejected,
            [(Control::Reject { poll: true }, vec![control.octet(), 0, reason])]
        );
        // Until the client connects anew.
        let again = ask(
            &mut link,
            &mut device,
            Address::One(16),
            METER,
            information(0, 0),
            &get(),
        );
        assert_eq!(again[0].0, Control::Reject { poll: true });
        assert_eq!(ask(&mut link, &mut device, Address::One(16), METER, SNRM, &[])[0].0, UA);
        let served = ask(
            &mut link,
            &mut device,
            Address::One(16),
            METER,
            information(0, 0),
            &aarq(16),
        );
        assert_eq!(served[0].0, information(0, 1));
    }
}

#[test]
fn information_fields_of_every_size_and_windows_of_every_width() {
    for (size, window) in [
        (32, 1),
        (33, 7),
        (127, 2),
        (128, 7),
        (255, 3),
        (256, 4),
        (1024, 5),
        (2029, 6),
        (2030, 7),
    ] {
        let mut lent = vec![0; 16384];
        let settings = Settings {
            receive_max: 0,
            ..Settings::public(16, 1, SERVICES)
        };
        let mut pair = Pair::new(Transport::Hdlc(size, window), settings, PATIENCE, &mut lent);
        pair.run(Command::Associate).expect("the association is granted");
        let value = pair.device.put_long(10, 9000);
        pair.run(Command::Get(whole(register(10)))).expect("it is read");
        assert_eq!(
            pair.client.outcome(),
            Some(Outcome::Value(Ok(&value))),
            "{size} octets, window {window}"
        );
        pair.run(Command::Set(
            whole(register(10)),
            &value[..1500].iter().fold(vec![9, 0x82, 5, 220], |mut all, it| {
                all.push(*it);
                all
            }),
        ))
        .expect("it is answered");
        let longest = pair.sent.iter().map(|sent| sent.1).max().expect("frames");
        assert!(longest <= usize::from(size) + 16, "{longest} octets for {size}");
        if size == 2030 {
            assert!(2030 < longest, "the longest frames are used: {longest}");
        }
    }
    assert_eq!(INFO_MAX, 2030);
}

#[test]
fn a_reader_with_an_echo_is_no_problem() {
    // Defect of a peer (u9n/dlms-cosem issue 62): optical heads give back what was sent.
    for (meter, client) in [
        (METER, 16_u16),
        (Address::Two(1, 17), 1),
        (Address::One(1), 16),
        (Address::One(1), 1),
    ] {
        let settings = match client {
            1 => Settings::public(1, 1, SERVICES).with_password(device::PASSWORD),
            _ => Settings::public(16, 1, SERVICES),
        };
        let mut lent = vec![0; 8192];
        let mut client = Client::new(settings, Framing::Hdlc(meter, LIMITS), PATIENCE, 1, &mut lent);
        let mut link = HdlcLink::<1>::new(HdlcSettings::standard(17));
        let mut device = Device::new();
        let value = device.put_long(10, 900);
        let mut now = Instant::START;
        for command in [Command::Associate, Command::Get(whole(register(10))), Command::Release] {
            let mut up = Vec::new();
            client
                .start(now, command, &mut |it| up.extend_from_slice(it))
                .expect("it is sent");
            let mut rounds = 0;
            loop {
                rounds += 1;
                assert!(rounds < 200, "no end over {meter:?}");
                if up.is_empty() {
                    now = client.deadline();
                    client
                        .elapse(now, &mut |it| up.extend_from_slice(it))
                        .expect("patience is not over");
                }
                let sent = core::mem::take(&mut up);
                let mut down = sent.clone();
                link.receive(now, &sent, &mut device, &mut |it| down.extend_from_slice(it));
                if client
                    .receive(now, &down, &mut |it| up.extend_from_slice(it))
                    .expect("by the rules")
                {
                    break;
                }
            }
            if let Command::Get(_) = command {
                assert_eq!(client.outcome(), Some(Outcome::Value(Ok(&value))), "{meter:?}");
            }
        }
        assert_eq!(now, Instant::START, "no time was lost over {meter:?}");
    }
}

/// A meter that is a script: answers to the client's frames by number of the frame.
struct Script {
    deframer: Deframer,
    answers: Vec<Vec<(Control, Vec<u8>)>>,
    heard: Vec<Control>,
}

impl Script {
    fn hear(&mut self, sent: &[u8]) -> Vec<u8> {
        let mut answer = Vec::new();
        for &octet in sent {
            if let Some(Ok(frame)) = self.deframer.take(octet) {
                self.heard.push(frame.control);
                if !frame.control.is_polling() || self.answers.is_empty() {
                    continue;
                }
                for (control, information) in self.answers.remove(0) {
                    let reply = Frame {
                        destination: frame.source,
                        source: METER,
                        control,
                        segmented: false,
                        information: &information,
                    };
                    let mut buffer = [0; 300];
                    answer.extend_from_slice(reply.emit(&mut buffer).expect("it fits"));
                }
            }
        }
        answer
    }
}

fn associate_with(answers: Vec<Vec<(Control, Vec<u8>)>>) -> (Result<bool, ClientError>, Vec<Control>, Micros) {
    let mut lent = vec![0; 1024];
    let settings = Settings::public(16, 1, SERVICES);
    let mut client = Client::new(settings, Framing::Hdlc(METER, LIMITS), PATIENCE, 1, &mut lent);
    let mut script = Script {
        deframer: Deframer::new(),
        answers,
        heard: Vec::new(),
    };
    let mut now = Instant::START;
    let mut up = Vec::new();
    client
        .start(now, Command::Associate, &mut |it| up.extend_from_slice(it))
        .expect("sent");
    let result = loop {
        let down = script.hear(&core::mem::take(&mut up));
        match client.receive(now, &down, &mut |it| up.extend_from_slice(it)) {
            Ok(false) if up.is_empty() => {
                now = client.deadline();
                if let Err(error) = client.elapse(now, &mut |it| up.extend_from_slice(it)) {
                    break Err(error);
                }
            }
            Ok(false) => {}
            other => break other,
        }
    };
    (result, script.heard, now.since(Instant::START))
}

#[test]
fn a_meter_that_is_not_ready_is_asked_until_it_is() {
    let aare = octets("E6E700 6129A109060760857405080101A203020100A305A103020100BE10040E0800065F1F040000501F01F40007");
    let rnr = Control::ReceiveNotReady { receive: 0, poll: true };
    let ready = Control::ReceiveReady { receive: 0, poll: true };
    let (done, heard, took) = associate_with(vec![
        vec![(UA, vec![])],
        vec![(rnr, vec![])],
        vec![(ready, vec![])],
        vec![(information(0, 1), aare)],
    ]);
    assert_eq!(done, Ok(true));
    assert_eq!(heard, [SNRM, information(0, 0), ready, information(0, 0)]);
    assert_eq!(took, PATIENCE.answer);
    let never = vec![vec![(rnr, vec![])]; 20];
    let (done, _, _) = associate_with([vec![vec![(UA, vec![])]], never].concat());
    assert_eq!(done, Err(ClientError::NoAnswer), "but not for ever");
}

#[test]
fn a_rejected_frame_is_an_error_with_its_reason() {
    let (done, ..) = associate_with(vec![
        vec![(UA, vec![])],
        vec![(Control::Reject { poll: true }, vec![0x10, 0, 0x04])],
    ]);
    assert_eq!(done, Err(ClientError::Rejected(0x04)));
    let said = ClientError::Rejected(0x04).to_string();
    assert_eq!(
        said,
        "the meter rejected a frame (FRMR 04): more information than was agreed"
    );
}

#[test]
fn a_refusal_without_initiate_response_is_a_refusal() {
    // Defect of a peer (Gurux/gurux.dlms.java pull 23): a rejected AARE without user-information was taken for success.
    let aare = octets("E6E700 6117A109060760857405080101A203020101A305A10302010D");
    let (done, ..) = associate_with(vec![vec![(UA, vec![])], vec![(information(0, 1), aare)]]);
    let Err(ClientError::Refused {
        diagnostic, initiate, ..
    }) = done
    else {
        panic!("refused, not {done:?}")
    };
    assert_eq!(diagnostic, ferraris_dlms::acse::Diagnostic::AuthenticationFailure);
    assert_eq!(initiate, None);
}

#[test]
fn another_client_after_the_first_is_understood_at_once() {
    // Complaint about a peer (u9n/dlms-cosem issue 95): frames could not be parsed when switching clients.
    let mut device = Device::new();
    let mut link = HdlcLink::<1>::new(HdlcSettings::standard(17));
    for round in 0..6 {
        let public = round % 2 == 0;
        let settings = match public {
            true => Settings::public(16, 1, SERVICES),
            false => Settings::public(1, 1, SERVICES).with_password(device::PASSWORD),
        };
        let mut lent = vec![0; 1024];
        let mut client = Client::new(settings, Framing::Hdlc(METER, LIMITS), PATIENCE, 1, &mut lent);
        for command in [Command::Associate, Command::Get(whole(register(1)))] {
            let mut up = Vec::new();
            client
                .start(Instant::START, command, &mut |it| up.extend_from_slice(it))
                .expect("sent");
            loop {
                let (sent, mut down) = (core::mem::take(&mut up), Vec::new());
                link.receive(Instant::START, &sent, &mut device, &mut |it| down.extend_from_slice(it));
                if client
                    .receive(Instant::START, &down, &mut |it| up.extend_from_slice(it))
                    .expect("by the rules")
                {
                    break;
                }
            }
        }
        let expected: &[u8] = &[6, 0, 0, 0x13, 0x91];
        assert_eq!(client.outcome(), Some(Outcome::Value(Ok(expected))), "round {round}");
    }
}

/// Inter-octet and inactivity timeouts (class 23, attributes 7 and 8): a frame that pauses for too long is none, and takes nothing of the
/// next one with it; a client that is silent for too long is not connected any more.
#[test]
fn a_pause_ends_a_frame_and_silence_a_connection() {
    let at = |milliseconds| Instant::START + Micros::from_millis(milliseconds);
    let emit = |control| {
        let frame = Frame {
            destination: METER,
            source: Address::One(16),
            control,
            segmented: false,
            information: &[],
        };
        frame.emit(&mut [0; 64]).expect("it fits").to_vec()
    };
    let heard = |link: &mut HdlcLink<2>, device: &mut Device, when, octets: &[u8]| {
        let mut said = Vec::new();
        link.receive(when, octets, device, &mut |frame| said.push(frame.to_vec()));
        said.iter()
            .map(|frame| Frame::parse(frame).expect("a frame").expect("whole").0.control)
            .collect::<Vec<_>>()
    };
    let frame = emit(SNRM);
    for cut in 1..frame.len() {
        for (pause, answer) in [(24, vec![UA]), (25, vec![])] {
            let mut device = Device::new();
            let mut link = HdlcLink::<2>::new(HdlcSettings::standard(17));
            assert_eq!(heard(&mut link, &mut device, at(0), &frame[..cut]), []);
            assert!(cut == 1 || link.deadline() == at(25), "cut {cut}");
            // The flag alone may stand for as long as it likes: it is the end of one frame and the beginning of the next.
            let answer = if cut == 1 { vec![UA] } else { answer };
            let rest = &frame[usize::from(cut != 1 || pause == 24) * cut..];
            assert_eq!(
                heard(&mut link, &mut device, at(pause), rest),
                answer,
                "cut {cut}, {pause} ms"
            );
            assert_eq!(
                heard(&mut link, &mut device, at(100), &frame),
                [UA],
                "cut {cut}: the next one"
            );
        }
    }
    let mut device = Device::new();
    let mut link = HdlcLink::<2>::new(HdlcSettings::standard(17));
    assert_eq!(heard(&mut link, &mut device, at(0), &frame), [UA]);
    let ready = emit(Control::ReceiveReady { receive: 0, poll: true });
    assert_eq!(
        heard(&mut link, &mut device, at(119_999), &ready),
        [Control::ReceiveReady { receive: 0, poll: true }]
    );
    assert_eq!(link.deadline(), at(239_999));
    assert_eq!(
        heard(&mut link, &mut device, at(239_999), &ready),
        [DM],
        "it is forgotten"
    );
}
