//! The list of a device's objects: found by class and name, read and changed by those who may.

use core::cmp::Ordering;
use core::fmt;

use crate::axdr::{Full, Null, Reader, Writer};
use crate::class::Stream;
use crate::{AccessError, ActionError, Attribute, Attributes, Class, Grant, Method, Obis, Policy, Returned, Role};

/// One object: a row that says all there is to say. Rows are `static` and own nothing.
pub struct Object<M: 'static> {
    /// The logical name, attribute 1.
    pub name: Obis,
    /// The class, bound to the model.
    pub class: &'static dyn Class<M>,
    /// Who may do what.
    pub policy: &'static Policy,
    /// The attributes that are saved after a SET and restored at boot.
    pub kept: Attributes,
    /// Whether this device has the object: options are ordered per meter.
    pub present: fn(&M) -> bool,
    /// The most octets of A-XDR that attribute 2 has when it varies in type or length; none when the class knows.
    pub longest: Option<u16>,
}

/// All objects of a device: groups of rows, a group per feature, each sorted by name and class.
pub struct Directory<M: 'static> {
    groups: &'static [&'static [Object<M>]],
}

impl<M> Clone for Object<M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for Object<M> {}

impl<M> Object<M> {
    /// A row of a class under a name that every device has, nothing of it kept in flash.
    ///
    /// # Panics
    /// When the name is none; in a `const` it does not compile.
    #[must_use]
    pub const fn new(name: &str, class: &'static dyn Class<M>, policy: &'static Policy) -> Self {
        Self {
            name: Obis::new(name),
            class,
            policy,
            kept: Attributes::NONE,
            present: |_| true,
            longest: None,
        }
    }

    /// This row, and attribute 2 varies in type or length but never has more than so many octets of A-XDR: it may be captured.
    #[must_use]
    pub const fn up_to(self, octets: u16) -> Self {
        Self {
            longest: Some(octets),
            ..self
        }
    }

    /// The most octets of A-XDR that an attribute has when its values vary in type or length; none when they do not, or nobody can say.
    #[must_use]
    pub fn longest(&self, attribute: u8) -> Option<u16> {
        self.longest
            .filter(|_| attribute == 2)
            .or_else(|| self.class.longest(attribute))
    }

    /// This row, and these attributes are saved after a SET and restored at boot.
    #[must_use]
    pub const fn kept(self, attributes: &[u8]) -> Self {
        Self {
            kept: Attributes::of(attributes),
            ..self
        }
    }

    /// This row, for devices only of which `present` is true.
    #[must_use]
    pub const fn present_when(self, present: fn(&M) -> bool) -> Self {
        Self { present, ..self }
    }

    /// The class_id.
    #[must_use]
    pub fn class_id(&self) -> u16 {
        self.class.id()
    }

    /// How the row compares with the object that is looked for: by name, then by class.
    fn order(&self, class_id: u16, name: Obis) -> Ordering {
        self.name
            .number()
            .cmp(&name.number())
            .then_with(|| self.class.id().cmp(&class_id))
    }

    /// What `role` may do with the object.
    #[must_use]
    pub const fn grant(&self, role: Role) -> Grant {
        self.policy.grant(role)
    }

    /// Writes the object's element of object_list with the access rights of `role` (class 15, attribute 2).
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn describe(&self, role: Role, out: &mut Writer<'_>) -> Result<(), Full> {
        let grant = self.grant(role);
        out.structure(4)?;
        out.value(self.class.id())?;
        out.value(self.class.version())?;
        out.value(self.name)?;
        out.structure(2)?;
        out.array(usize::from(self.class.attributes()))?;
        for attribute in 1..=self.class.attributes() {
            out.structure(3)?;
            out.value(attribute.cast_signed())?;
            out.value(crate::axdr::Enumerated(attribute_mode(grant, attribute)))?;
            match self.class.stream(attribute) {
                Some(Stream::Journal(_)) => {
                    out.array(2)?;
                    out.value(1_i8)?;
                    out.value(2_i8)?;
                }
                _ => out.value(Null)?,
            }
        }
        out.array(usize::from(self.class.methods()))?;
        for method in 1..=self.class.methods() {
            out.structure(2)?;
            out.value(method.cast_signed())?;
            out.value(crate::axdr::Enumerated(u8::from(grant.invoke.contains(method))))?;
        }
        Ok(())
    }
}

/// access_mode of class 15 version 1: 0 none, 1 read, 2 write, 3 both. The logical name can be read wherever the object is visible.
fn attribute_mode(grant: Grant, attribute: u8) -> u8 {
    let read = if attribute == 1 {
        grant.is_visible()
    } else {
        grant.read.contains(attribute)
    };
    u8::from(read) | u8::from(grant.write.contains(attribute)) << 1
}

impl<M> Directory<M> {
    /// The directory of these groups.
    ///
    /// Each group must be sorted by name and class, and no object may stand twice; [`Directory::misplaced`] is for the device's test.
    #[must_use]
    pub const fn new(groups: &'static [&'static [Object<M>]]) -> Self {
        Self { groups }
    }

    /// The first row that finding relies on to stand elsewhere: out of order in its group, or in two groups.
    #[must_use]
    pub fn misplaced(&self) -> Option<&'static Object<M>> {
        let unsorted = |group: &'static [Object<M>]| {
            group.windows(2).find_map(|pair| match pair {
                [before, after] if before.order(after.class.id(), after.name).is_ge() => Some(after),
                _ => None,
            })
        };
        let doubled = |row: &&'static Object<M>| {
            self.rows()
                .filter(|other| other.order(row.class.id(), row.name).is_eq())
                .count()
                != 1
        };
        self.groups
            .iter()
            .find_map(|group| unsorted(group))
            .or_else(|| self.rows().find(doubled))
    }

    /// All rows, whether the device has them or not.
    pub fn rows(&self) -> impl Iterator<Item = &'static Object<M>> + use<M> {
        self.groups.iter().flat_map(|group| group.iter())
    }

    /// The object of this class and name, if the device has it.
    #[must_use]
    pub fn find(&self, it: &M, class_id: u16, name: Obis) -> Option<&'static Object<M>> {
        let of_group = |group: &&'static [Object<M>]| {
            let at = group.binary_search_by(|object| object.order(class_id, name)).ok()?;
            group.get(at)
        };
        self.groups
            .iter()
            .find_map(of_group)
            .filter(|object| (object.present)(it))
    }

    /// The objects that `role` sees.
    pub fn visible<'a>(&self, it: &'a M, role: Role) -> impl Iterator<Item = &'static Object<M>> + use<'a, M> {
        self.rows()
            .filter(move |object| object.grant(role).is_visible() && (object.present)(it))
    }

    /// The object that a request names, or why there is none.
    fn resolve(&self, it: &M, class_id: u16, name: Obis) -> Result<&'static Object<M>, AccessError> {
        self.find(it, class_id, name).ok_or_else(|| {
            let other_class = self.rows().any(|object| object.name == name && (object.present)(it));
            if other_class {
                AccessError::ObjectClassInconsistent
            } else {
                AccessError::ObjectUndefined
            }
        })
    }

    /// The object whose attribute `role` wants to read.
    ///
    /// # Errors
    /// `ObjectUndefined` when there is none, `ObjectClassInconsistent` when the name stands under another class, `ReadWriteDenied`
    /// when the role has no right or the class no such attribute.
    pub fn readable(&self, it: &M, role: Role, what: Attribute) -> Result<(&'static Object<M>, u8), AccessError> {
        let object = self.resolve(it, what.class_id, what.name)?;
        let attribute = u8::try_from(what.index).map_err(|_| AccessError::ReadWriteDenied)?;
        let known = (1..=object.class.attributes()).contains(&attribute);
        if known && attribute_mode(object.grant(role), attribute) & 1 == 1 {
            Ok((object, attribute))
        } else {
            Err(AccessError::ReadWriteDenied)
        }
    }

    /// The object whose attribute `role` wants to write.
    ///
    /// # Errors
    /// As [`Directory::readable`].
    pub fn writable(&self, it: &M, role: Role, what: Attribute) -> Result<(&'static Object<M>, u8), AccessError> {
        let object = self.resolve(it, what.class_id, what.name)?;
        let attribute = u8::try_from(what.index).map_err(|_| AccessError::ReadWriteDenied)?;
        let known = (2..=object.class.attributes()).contains(&attribute);
        if known && object.grant(role).write.contains(attribute) {
            Ok((object, attribute))
        } else {
            Err(AccessError::ReadWriteDenied)
        }
    }

    /// The object whose method `role` wants to invoke.
    ///
    /// # Errors
    /// As [`Directory::readable`].
    pub fn invocable(&self, it: &M, role: Role, what: Method) -> Result<(&'static Object<M>, u8), ActionError> {
        let object = self.resolve(it, what.class_id, what.name)?;
        let method = u8::try_from(what.index).map_err(|_| ActionError::ReadWriteDenied)?;
        let known = (1..=object.class.methods()).contains(&method);
        if known && object.grant(role).invoke.contains(method) {
            Ok((object, method))
        } else {
            Err(ActionError::ReadWriteDenied)
        }
    }

    /// Appends the value of an attribute that lies in the model.
    ///
    /// # Errors
    /// The refusal that goes on the wire. Streamed attributes are refused here: their owner is asked by [`Class::stream`].
    pub fn get(&self, it: &M, object: &Object<M>, attribute: u8, out: &mut Writer<'_>) -> Result<(), AccessError> {
        match attribute {
            1 => Ok(out.value(object.name)?),
            _ => object.class.get(it, attribute, out),
        }
    }

    /// Takes one value for an attribute; nothing may be left over.
    ///
    /// # Errors
    /// The refusal that goes on the wire; then nothing has changed.
    pub fn set(&self, it: &mut M, object: &Object<M>, attribute: u8, value: &[u8]) -> Result<(), AccessError> {
        let mut check = Reader::new(value);
        check.skip_value()?;
        check.end()?;
        object.class.set(it, attribute, &mut Reader::new(value))
    }

    /// Carries out a method; without parameters the reader is empty.
    ///
    /// # Errors
    /// The refusal that goes on the wire; then nothing has changed.
    pub fn invoke(
        &self,
        it: &mut M,
        object: &Object<M>,
        method: u8,
        parameters: Option<&[u8]>,
        out: &mut Writer<'_>,
    ) -> Result<Returned, ActionError> {
        let parameters = parameters.unwrap_or(&[]);
        if !parameters.is_empty() {
            let mut check = Reader::new(parameters);
            check
                .skip_value()
                .and_then(|_value| check.end())
                .map_err(|_| ActionError::TypeUnmatched)?;
        }
        object.class.invoke(it, method, &mut Reader::new(parameters), out)
    }
}

impl<M> fmt::Debug for Object<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} class {} version {}",
            self.name,
            self.class.id(),
            self.class.version()
        )
    }
}

impl<M> fmt::Debug for Directory<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.rows()).finish()
    }
}
