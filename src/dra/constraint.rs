//! The constraint that devices have the same value of an attribute (spec: batch-on-kubernetes.md 2.5).

use model::Text;
use model::dra::{Attribute, Device, MatchAttribute};

/// Names of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names<'a> {
    /// The request.
    pub(crate) request: &'a str,
    /// The request with its alternative.
    pub(crate) whole: &'a str,
}

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

    /// `true` if it is about a request, or about an alternative of it by the whole name.
    fn applies(&self, names: Names<'_>) -> bool {
        let listed = &self.stated.requests;
        listed.is_empty()
            || listed
                .iter()
                .any(|own| **own == *names.request || **own == *names.whole)
    }

    /// Takes a device in if its value is that of the others; one that lacks the attribute never passes.
    pub(crate) fn add(&mut self, names: Names<'_>, driver: &Text, device: &'a Device) -> bool {
        if !self.applies(names) {
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
    pub(crate) fn remove(&mut self, names: Names<'_>) {
        if self.applies(names) {
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
