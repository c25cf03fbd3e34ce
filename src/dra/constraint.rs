//! The constraint that devices have the same value of an attribute (spec: batch-on-kubernetes.md 2.5).

use model::Text;
use model::dra::{Attribute, Device, MatchAttribute};

/// A constraint with the value that its devices have so far.
#[derive(Clone, Debug)]
pub(crate) struct Constraint<'a> {
    stated: &'a MatchAttribute,
    value: Option<&'a Attribute>,
    /// Number of devices that it has looked at and let pass.
    devices: usize,
}

impl<'a> Constraint<'a> {
    pub(crate) const fn new(stated: &'a MatchAttribute) -> Self {
        Self {
            stated,
            value: None,
            devices: 0,
        }
    }

    /// Whether it is about a request, or an alternative of it by its whole name.
    fn applies(&self, request: &str, whole: &str) -> bool {
        let listed = &self.stated.requests;
        listed.is_empty()
            || listed
                .iter()
                .any(|own| **own == *request || **own == *whole)
    }

    /// Takes a device in if its value is that of the others; one that lacks the attribute never passes.
    pub(crate) fn add(
        &mut self,
        (request, whole): (&str, &str),
        driver: &Text,
        device: &'a Device,
    ) -> bool {
        if !self.applies(request, whole) {
            return true;
        }
        let Some(value) = attribute(&self.stated.attribute, driver, device) else {
            return false;
        };
        if self.devices == 0 {
            self.value = Some(value);
        } else if self.value != Some(value) {
            return false;
        }
        self.devices += 1;
        true
    }

    /// Undoes [`Constraint::add`] of a device that passed.
    pub(crate) fn remove(&mut self, (request, whole): (&str, &str)) {
        if self.applies(request, whole) {
            self.devices -= 1;
        }
    }
}

/// The attribute of a name with a domain; one that a device has without a domain is of its driver's.
fn attribute<'a>(name: &str, driver: &Text, device: &'a Device) -> Option<&'a Attribute> {
    let own = device.attributes.get(name);
    own.or_else(|| {
        let (domain, id) = name.split_once('/')?;
        (domain == &**driver).then(|| device.attributes.get(id))?
    })
}
