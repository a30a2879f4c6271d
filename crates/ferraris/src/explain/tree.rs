//! The tree that an explanation is: what stands where in the octets, and what it says.

use core::ops::Range;

/// A piece of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// What it is, in the words of the standard.
    pub(crate) name: String,
    /// Where it stands in the octets that its parent counts in.
    pub(crate) at: Range<usize>,
    /// What it says, for a reader.
    pub(crate) value: Option<String>,
    /// How the DLMS UA's XML form shows it.
    pub(crate) xml: Xml,
    /// Its pieces, in the order of the octets.
    pub(crate) children: Vec<Self>,
    /// The octets that the children count in, when they are others than the parent's: deciphered, or put together.
    pub(crate) octets: Option<Vec<u8>>,
    /// What is wrong with it.
    pub(crate) fault: Option<String>,
}

/// How the XML form shows a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Xml {
    /// It has no element; its children stand in its place.
    Through,
    /// Neither it nor its children are shown.
    Hidden,
    /// An element around the children.
    Element(&'static str),
    /// An element with text.
    Text(&'static str, String),
    /// The children in place of this element: they say what it hides.
    Instead(&'static str),
}

impl Node {
    pub(crate) fn new(name: impl Into<String>, at: Range<usize>) -> Self {
        Self {
            name: name.into(),
            at,
            value: None,
            xml: Xml::Through,
            children: Vec::new(),
            octets: None,
            fault: None,
        }
    }

    /// The first fault of this node and all below it.
    pub(crate) fn first_fault(&self) -> Option<&str> {
        self.fault
            .as_deref()
            .or_else(|| self.children.iter().find_map(Self::first_fault))
    }
}

/// Why a walk ended early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stop {
    pub(crate) why: String,
}

impl Stop {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self { why: why.into() }
    }
}

/// Walks over octets from the front and builds the tree while it goes.
///
/// Groups are opened and closed like brackets. When a walk stops, what it has seen stays, and the fault stands at the piece in which it
/// was noticed.
pub(crate) struct Walk<'a> {
    octets: &'a [u8],
    at: usize,
    open: Vec<Node>,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(octets: &'a [u8], name: impl Into<String>) -> Self {
        Self {
            octets,
            at: 0,
            open: vec![Node::new(name, 0..octets.len())],
        }
    }

    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.octets.get(self.at..).unwrap_or(&[])
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.rest().is_empty()
    }

    /// How deep the open groups are nested.
    pub(crate) fn depth(&self) -> usize {
        self.open.len()
    }

    /// The octets from `from` to here.
    pub(crate) fn since(&self, from: usize) -> &'a [u8] {
        self.octets.get(from..self.at).unwrap_or(&[])
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Stop> {
        let taken = self
            .at
            .checked_add(count)
            .and_then(|end| self.octets.get(self.at..end))
            .ok_or_else(|| {
                Stop::new(format!(
                    "{count} octets should follow at {:04X}, but only {} do",
                    self.at,
                    self.rest().len()
                ))
            })?;
        self.at += count;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Stop> {
        let taken = self.take(N)?;
        taken.try_into().map_err(|_| Stop::new("octets are missing"))
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Stop> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Stop> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Stop> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// A length as BER and A-XDR write it.
    pub(crate) fn length(&mut self) -> Result<usize, Stop> {
        match self.u8()? {
            short @ 0..=0x7F => Ok(usize::from(short)),
            0x81 => Ok(usize::from(self.u8()?)),
            0x82 => Ok(usize::from(self.u16()?)),
            0x83 => {
                let [a, b, c] = self.array()?;
                Ok(usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c))
            }
            0x84 => usize::try_from(self.u32()?).map_err(|_| Stop::new("a length that no machine has room for")),
            other => Err(Stop::new(format!("{other:02X} begins no length"))),
        }
    }

    /// Adds a leaf that began at `from` and ends here.
    pub(crate) fn leaf(&mut self, name: impl Into<String>, from: usize, value: impl Into<String>, xml: Xml) {
        let mut node = Node::new(name, from..self.at);
        node.value = Some(value.into());
        node.xml = xml;
        self.add(node);
    }

    /// Adds a node that was made elsewhere.
    pub(crate) fn add(&mut self, node: Node) {
        if let Some(parent) = self.open.last_mut() {
            parent.children.push(node);
        }
    }

    /// The innermost open group.
    pub(crate) fn group(&mut self) -> Option<&mut Node> {
        self.open.last_mut()
    }

    pub(crate) fn begin(&mut self, name: impl Into<String>, xml: Xml) {
        self.begin_at(self.at, name, xml);
    }

    pub(crate) fn begin_at(&mut self, from: usize, name: impl Into<String>, xml: Xml) {
        let mut node = Node::new(name, from..from);
        node.xml = xml;
        self.open.push(node);
    }

    pub(crate) fn end(&mut self) {
        if 1 < self.open.len()
            && let Some(mut node) = self.open.pop()
        {
            node.at.end = self.at;
            self.add(node);
        }
    }

    /// The tree; octets that are left over are a fault.
    pub(crate) fn finish(mut self, outcome: Result<(), Stop>) -> Node {
        let left = self.rest().len();
        if let Some(innermost) = self.open.last_mut() {
            match outcome {
                Err(Stop { why }) => innermost.fault = Some(why),
                Ok(()) if left != 0 => {
                    innermost.fault = Some(format!("{left} octets are left over at {:04X}", self.at))
                }
                Ok(()) => {}
            }
        }
        while 1 < self.open.len() {
            self.end();
        }
        self.open.pop().unwrap_or_else(|| Node::new("", 0..0))
    }
}
