//! What a server asks the device behind it.

use core::fmt;

use cosem::axdr::Writer;
use cosem::{AccessError, ActionError, Attribute, Cursor, Method, Returned, Selection, Step};

use crate::acse::{Context, Diagnostic, Mechanism};
use crate::apdu::LongInvoke;
use crate::iec62056_21::Text;
use crate::initiate::Conformance;
use crate::security::{
    Algorithms, CertificateFault, Dialect, Key, KeySet, Keys, Policy, PrivateKey, Protection, PublicKey, Purpose,
    SYMMETRIC, Suite, Title,
};

/// The most octets that one step of a GET may append.
pub const STEP_MAX: usize = 512;

/// An association that a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The client's service access point.
    pub client: u16,
    /// The logical device's service access point.
    pub server: u16,
    /// Plain or ciphered, always with logical names.
    pub context: Context,
    /// How the client wants to show who it is. The server does all of them; which of them are good enough, and that
    /// mechanisms 3 and 4 are not, is for the application to say.
    pub mechanism: Mechanism,
}

/// What a client may have once it is associated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The protection that its requests must have and its responses get. A plain context can have none.
    pub policy: Policy,
    /// The services it may use.
    pub conformance: Conformance,
    /// The longest PDU it may send; 0 and anything over it mean [`super::PDU_MAX`].
    pub receive_max: u16,
    /// Which of the forms that implementations differ in it is spoken to in.
    pub dialect: Dialect,
}

/// An association that stands without having been asked for (IEC 62056-5-3, 6.3): between a meter and client 102.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PreEstablished {
    /// What the client may do. Its requests must be protected as the policy says.
    pub profile: Profile,
    /// The system title of the client, when it is known; else its requests must say it.
    pub title: Option<Title>,
    /// The longest PDU that the client takes; 0 for any.
    pub send_max: u16,
}

/// How far an association has come (class 15, association_status).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 1: the challenges are not answered yet.
    Pending,
    /// 2: it stands.
    Associated,
}

/// Who asks, and what its association allows. Rights are decided on this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The client's service access point.
    pub client: u16,
    /// The logical device's service access point.
    pub server: u16,
    /// The context of the association.
    pub context: Context,
    /// How the client has shown who it is.
    pub mechanism: Mechanism,
    /// The suite that its context is ciphered with.
    pub suite: Option<Suite>,
    /// The protection of this very request.
    pub protection: Protection,
    /// What was negotiated.
    pub conformance: Conformance,
    /// The longest PDU that the client takes; 0 for any.
    pub send_max: u16,
    /// The longest PDU that the server takes.
    pub receive_max: u16,
    /// How far the association has come.
    pub status: Status,
}

/// The counter has no numbers left: the key must be changed before anything is sealed with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted;

/// The counter is not greater than the last one that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replay;

/// What the security log and the counters of class 15 and 64 want to know. Keys and octets are never part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecurityEvent {
    /// An association stands.
    Associated {
        /// How the client has shown who it is.
        mechanism: Mechanism,
        /// The system title that it came with.
        title: Option<Title>,
    },
    /// It ended: by request, by silence, by a new one in its place, or because the link is gone.
    Released,
    /// A wrong password, or a wrong answer to a challenge.
    AuthenticationFailed,
    /// A protection that does not open.
    DecryptionFailed,
    /// A signature that is not that of who claims to have signed.
    SignatureFailed,
    /// A certificate that nobody here vouches for, or none where one is needed.
    Certificate(CertificateFault),
    /// A message that opens, but whose counter was used before. A message that has a signature alone has a transaction identifier instead, of
    /// which the last four octets are told.
    Replayed {
        /// The counter it came with.
        received: u32,
        /// The least one that is accepted.
        expected: u32,
    },
    /// A message with less protection than the policy asks for, or an association asked for with less than the client must show.
    Unprotected,
    /// A system title that nobody may come with here: a stranger's, or our own.
    TitleRefused,
    /// A PDU that is none of this protocol, or longer than it may be.
    Malformed,
    /// A block that is not the next one, belongs to nothing, or is more than there is room for.
    OutOfSequence,
    /// A handshake or a PDU that was begun and never ended, or a connection that never asked for an association.
    Abandoned,
    /// A message could not be sealed since the counter has no numbers left.
    CounterExhausted,
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the invocation counter has no numbers left")
    }
}

impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the invocation counter was used before")
    }
}

impl core::error::Error for Exhausted {}
impl core::error::Error for Replay {}

/// The device behind a server: objects, clients, keys, counters. Every answer is immediate.
pub trait Application {
    /// Whether this client may have this association, and with what. It is asked when the client proposes it, and again before an answer
    /// to a challenge is looked at.
    ///
    /// # Errors
    /// The diagnostic of the refusal: [`Diagnostic::NoReason`] for a client or logical device that does not exist,
    /// [`Diagnostic::ContextNotSupported`], [`Diagnostic::MechanismRequired`] when the client named none but must,
    /// [`Diagnostic::MechanismNotRecognised`] for any other that it may not use.
    fn admit(&self, proposal: Proposal) -> Result<Profile, Diagnostic>;

    /// The system title of this device.
    fn system_title(&self) -> Title;

    /// The password of a client, or the secret that it shows by mechanism 2, 3, 4 or 6.
    fn secret(&self, client: u16, mechanism: Mechanism) -> Option<&[u8]>;

    /// A global encryption key and the authentication key that are shared with a client.
    fn keys(&self, client: u16, set: KeySet) -> Option<Keys<'_>>;

    /// The algorithms that are there. Suites 1 and 2 and mechanism 7 need [`crate::security::ASYMMETRIC`].
    fn algorithms(&self) -> &'static dyn Algorithms {
        SYMMETRIC
    }

    /// The master key, under which clients wrap the keys of their messages.
    fn master_key(&self) -> Option<&Key> {
        None
    }

    /// The private key of this device.
    fn private_key(&self, purpose: Purpose) -> Option<&PrivateKey> {
        let _none = purpose;
        None
    }

    /// Writes the certificate of this device; answers how many octets it has, or `None` when there is none or no room.
    fn certificate(&mut self, purpose: Purpose, out: &mut [u8]) -> Option<usize> {
        let _none = (purpose, out);
        None
    }

    /// The public key of a client with this title, by a certificate that is stored and is good now.
    ///
    /// # Errors
    /// What is wrong with its certificates.
    fn public_key(&mut self, client: u16, title: &Title, purpose: Purpose) -> Result<PublicKey, CertificateFault> {
        let _none = (client, title, purpose);
        Err(CertificateFault::Missing)
    }

    /// The public key in the certificate (DER) that a client presents for its signatures.
    ///
    /// # Errors
    /// What is wrong with it.
    fn present(&mut self, client: u16, title: &Title, certificate: &[u8]) -> Result<PublicKey, CertificateFault> {
        let _none = (client, title, certificate);
        Err(CertificateFault::Untrusted)
    }

    /// Whether a client may come with this system title. The server itself refuses its own title.
    fn expects_title(&self, client: u16, title: &Title) -> bool;

    /// The next number to seal a message to this client with. It never comes twice for one key, not even after a power
    /// cut.
    ///
    /// # Errors
    /// [`Exhausted`] when there is none left.
    fn next_counter(&mut self, client: u16) -> Result<u32, Exhausted>;

    /// The greatest number that was accepted from this client under this key; `None` when there was none yet.
    fn last_counter(&self, client: u16, set: KeySet) -> Option<u32>;

    /// Accepts a number. It is called only after the message's tag was verified.
    ///
    /// # Errors
    /// [`Replay`] when it is not greater than the last one.
    fn accept_counter(&mut self, client: u16, set: KeySet, received: u32) -> Result<(), Replay>;

    /// Fills `out` with octets that nobody can guess.
    fn entropy(&mut self, out: &mut [u8]);

    /// Takes note of what happened with a client.
    fn observe(&mut self, client: u16, event: SecurityEvent);

    /// Appends one step of an attribute's value: at most [`STEP_MAX`] octets, A-XDR that goes on where the step before
    /// ended.
    ///
    /// The session counts `cursor.step`; `cursor.words` belong to the object. Between two steps other requests may be
    /// served and the model may move on. A step may append nothing, but it must come nearer to the end. Attribute 0 is
    /// for the application to know.
    ///
    /// # Errors
    /// Why it is refused; at a later step the transfer ends with it.
    fn get(
        &mut self,
        caller: &Caller,
        what: Attribute,
        selection: Selection<'_>,
        cursor: &mut Cursor,
        out: &mut Writer<'_>,
    ) -> Result<Step, AccessError>;

    /// Sets an attribute to `value`, one whole A-XDR value.
    ///
    /// # Errors
    /// Why it is refused; then nothing has changed.
    fn set(
        &mut self,
        caller: &Caller,
        what: Attribute,
        selection: Selection<'_>,
        value: &[u8],
    ) -> Result<(), AccessError>;

    /// The association that this client has without asking for it. It takes unconfirmed SET, ACTION and ACCESS, and the
    /// confirmation of what was pushed to it; [`super::Session::notify`] pushes by its terms.
    fn pre_established(&self, client: u16, server: u16) -> Option<PreEstablished> {
        let _none = (client, server);
        None
    }

    /// A client has confirmed the DataNotification with this long invoke id.
    fn confirmed(&mut self, caller: &Caller, invoke: LongInvoke) {
        let _nobody_waits = (caller, invoke);
    }

    /// Appends line number `line` of the optical port's read-out (IEC 62056-21), such as `1.8.0(00001234.567*kWh)`;
    /// answers false when there are no more. Whoever stands before the meter may read it.
    fn read_out(&self, line: usize, text: &mut Text) -> bool {
        let _nothing_is_read_out = (line, text);
        false
    }

    /// Services that this client may use although they were not negotiated. The standard's form is none; some clients
    /// send ACCESS or general blocks without having proposed them.
    fn tolerates(&self, client: u16) -> Conformance {
        let _nobody = client;
        Conformance::NONE
    }

    /// Whether a long answer to a request that came whole goes in general blocks when both these and the blocks of GET were negotiated.
    /// The standard's form is yes; some clients propose general blocks and do not know them. A request that came in general blocks is
    /// answered in general blocks anyway.
    fn begins_general_blocks(&self, client: u16) -> bool {
        let _anybody = client;
        true
    }

    /// How many attributes the object has whose attribute 0 is read or set.
    ///
    /// # Errors
    /// Why attribute 0 is refused.
    fn attributes(&self, caller: &Caller, what: Attribute) -> Result<u8, AccessError> {
        let _not_served = (caller, what);
        Err(AccessError::ReadWriteDenied)
    }

    /// Whether values of this attribute are too long to be held in RAM. One that is set whole then comes by
    /// [`Application::stage`] and [`Application::set_staged`] instead of [`Application::set`], however the client cuts
    /// it.
    fn is_large(&self, caller: &Caller, what: Attribute) -> bool {
        let _nothing_is = (caller, what);
        false
    }

    /// Takes the next part of a large value, which begins `offset` octets behind the value's start. Nothing has changed
    /// until [`Application::set_staged`].
    ///
    /// Parts come in order and without gaps; offset 0 begins a value anew and forgets what was staged before. Several
    /// associations may stage at once: a part that does not go on where the same caller's part before ended is refused.
    ///
    /// # Errors
    /// Why it is refused (no right, no room, another client's value in its place); the transfer ends with it.
    fn stage(&mut self, caller: &Caller, what: Attribute, offset: u32, octets: &[u8]) -> Result<(), AccessError> {
        let _nothing_is_large = (caller, what, offset, octets);
        Err(AccessError::ReadWriteDenied)
    }

    /// Sets a large attribute to the `length` octets that were staged. That they are one whole A-XDR value of the right
    /// type is for the application to check: the server has not seen them together.
    ///
    /// # Errors
    /// Why it is refused; then nothing has changed.
    fn set_staged(&mut self, caller: &Caller, what: Attribute, length: u32) -> Result<(), AccessError> {
        let _nothing_is_large = (caller, what, length);
        Err(AccessError::ReadWriteDenied)
    }

    /// Invokes a method with `parameters`, one whole A-XDR value if any; what it returns is appended to `out` as one
    /// value. reply_to_HLS_authentication (class 15, method 1 of 0-0:40.0.0) never comes here.
    ///
    /// # Errors
    /// Why it is refused; then nothing has changed.
    fn invoke(
        &mut self,
        caller: &Caller,
        what: Method,
        parameters: Option<&[u8]>,
        out: &mut Writer<'_>,
    ) -> Result<Returned, ActionError>;
}
