//! A link over UDP (IEC 62056-4-7): wrapped PDUs in datagrams of one client.

use base::{Instant, Micros};

use super::{Application, Closed, DataLink, Standing, WrapperLink};

/// The datagrams of one client's address and port, with their session.
///
/// A datagram holds whole PDUs, one or several. What is cut, or no wrapper, is passed over: anybody can send a datagram
/// in somebody's name, and an association is not ended by it. Only silence ends it.
pub struct DatagramLink {
    link: WrapperLink,
}

impl DatagramLink {
    /// A client that was heard first at `now`, and is forgotten after `patience` without a datagram.
    #[must_use]
    pub fn new(now: Instant, patience: Micros) -> Self {
        Self {
            link: WrapperLink::new(now, patience),
        }
    }

    /// The session on it.
    #[must_use]
    pub const fn session(&self) -> &super::Session {
        self.link.session()
    }
}

impl DataLink for DatagramLink {
    fn receive(
        &mut self,
        now: Instant,
        octets: &[u8],
        app: &mut dyn Application,
        out: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Closed> {
        self.link.receive_datagram(now, octets, app, out);
        Ok(())
    }

    fn deadline(&self) -> Instant {
        self.link.deadline()
    }

    fn elapse(&mut self, now: Instant, app: &mut dyn Application) -> Result<(), Closed> {
        self.link.elapse(now, app)
    }

    fn lost(&mut self, app: &mut dyn Application) {
        self.link.lost(app);
    }

    fn standing(&self) -> Standing {
        self.link.session().standing()
    }
}
