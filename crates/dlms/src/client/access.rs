//! ACCESS, the client's side.

use cosem::axdr::Writer;

use super::error::{ClientError, Protocol};
use super::session::{Kind, Next, Session, Work, put_lent};
use crate::apdu::{AccessRequest, AccessResponse, AccessSpec, AccessSpecs, LongInvoke};
use crate::server::PDU_MAX;

impl Session<'_> {
    /// Asks for all of `wanted`, each with its value (null-data for what is read).
    pub(super) fn begin_access(
        &mut self,
        wanted: &[(AccessSpec<'_>, &[u8])],
        break_on_error: bool,
    ) -> Result<(), ClientError> {
        let mut specs = [0; PDU_MAX];
        let mut specs = Writer::new(&mut specs);
        let put = wanted.iter().try_for_each(|(spec, _)| spec.emit(&mut specs));
        put.map_err(|_| ClientError::TooLong)?;
        let length = self.lend(|out| wanted.iter().try_for_each(|(_, value)| out.put(value)))?;
        self.long_invoke = self.long_invoke.wrapping_add(1);
        let invoke = LongInvoke::confirmed(self.long_invoke);
        let invoke = if break_on_error {
            invoke.breaking_on_error()
        } else {
            invoke
        };
        self.work = Work::Access;
        self.request_with_lent(length, |out, data| {
            let specs = AccessSpecs {
                count: wanted.len(),
                octets: specs.written(),
            };
            let request = AccessRequest {
                invoke,
                time: &[],
                specs,
                data,
            };
            request.emit(out)
        })
    }

    /// Takes the response, which stands in `octets`.
    pub(super) fn accessed(&mut self, length: usize) -> Result<Next, ClientError> {
        let response = AccessResponse::parse(self.lent.get(..length).unwrap_or(&[]));
        let response = response.map_err(|_| ClientError::Protocol(Protocol::Apdu))?;
        if response.invoke.id() != LongInvoke::confirmed(self.long_invoke).id() {
            return Err(ClientError::Protocol(Protocol::Invoke));
        }
        self.finished(Kind::Accessed(length))
    }

    /// Takes the response out of the inbox.
    pub(super) fn access_answered(&mut self, apdu: core::ops::Range<usize>) -> Result<Next, ClientError> {
        let length = put_lent(self.lent, 0, self.inbox.get(apdu).unwrap_or(&[]))?;
        self.accessed(length)
    }
}
