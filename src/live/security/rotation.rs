//! The rotation of an authority, in three steps: a new one is trusted beside the present one, then it
//! signs, then the old one goes. Every step waits until all parties have taken the one before it in,
//! so nobody is locked out.

use rustls::pki_types::CertificateDer;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::SecurityError;
use super::authority::Authority;
use super::place::Place;

/// A step of a rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// Makes a new authority, which all parties trust from their next renewal on.
    Add,
    /// The new authority signs from now on; the old one is still trusted.
    Switch,
    /// The old authority is trusted no more.
    Drop,
}

impl Step {
    /// Name of the step.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Switch => "switch",
            Self::Drop => "drop",
        }
    }
}

/// The state of a rotation as the roster keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Rotation {
    /// Number of the present authority.
    pub(super) current: u32,
    /// Number of the new authority, during a rotation.
    pub(super) next: Option<u32>,
    /// `true` once the new authority signs.
    pub(super) is_switched: bool,
    /// Number of steps so far; a certificate is up to date if it was issued after the last one.
    pub(super) generation: u64,
    /// Name of the cluster, which outlives its authorities.
    pub(super) cluster: Option<String>,
}

/// A rotation as its users see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RotationStatus {
    /// Pin of the authority that signs.
    pub signs: String,
    /// Pins of the authorities that are trusted, the older one first.
    pub trusted: Vec<String>,
    /// Step that comes next.
    pub next: Step,
    /// Parties that have yet to take the last step in.
    pub behind: Vec<String>,
}

/// Reason that a step is not taken.
#[derive(Debug, Error)]
pub enum RotationError {
    /// Another step comes next.
    #[error("`{0}` comes next: `windtunnel live authority {0}`")]
    Order(&'static str),
    /// Parties have not taken the last step in.
    #[error(
        "{0} have yet to renew their certificates, which they do with their next message; wait for \
         them, or take back the certificates of those that are gone: `windtunnel live revoke ROLE/NAME`"
    )]
    Behind(String),
    /// Join tokens name the old authority.
    #[error(
        "the join tokens {0} name the old authority; wait until they are used, or delete them: \
         `windtunnel live token delete ID`"
    )]
    Tokens(String),
    /// The state can't be written.
    #[error(transparent)]
    Security(#[from] SecurityError),
    /// The roster can't be written.
    #[error(transparent)]
    Refused(#[from] super::Refused),
}

impl Rotation {
    /// The step that comes next.
    pub(super) const fn next_step(&self) -> Step {
        match (self.next, self.is_switched) {
            (None, _) => Step::Add,
            (Some(_), false) => Step::Switch,
            (Some(_), true) => Step::Drop,
        }
    }

    /// The state after a step.
    #[must_use]
    pub(super) fn after(&self, step: Step) -> Self {
        let mut after = self.clone();
        after.generation += 1;
        match step {
            Step::Add => after.next = Some(self.current + 1),
            Step::Switch => after.is_switched = true,
            Step::Drop => {
                after.current = self.next.unwrap_or(self.current);
                (after.next, after.is_switched) = (None, false);
            }
        }
        after
    }
}

/// The authorities of a control server at a time.
pub struct Authorities {
    current: Authority,
    next: Option<Authority>,
    is_switched: bool,
    generation: u64,
}

impl Authorities {
    /// The authorities of a state's folder.
    ///
    /// # Errors
    /// The folder can't be read or written, or its files are damaged.
    pub(super) fn of_place(
        place: &Place,
        rotation: &Rotation,
        now_s: i64,
    ) -> Result<Self, SecurityError> {
        let next = rotation.next;
        let next = next.map(|number| Authority::numbered(place, number, now_s));
        Ok(Self {
            current: Authority::numbered(place, rotation.current, now_s)?,
            next: next.transpose()?,
            is_switched: rotation.is_switched,
            generation: rotation.generation,
        })
    }

    /// The authority that signs.
    pub fn signer(&self) -> &Authority {
        match &self.next {
            Some(next) if self.is_switched => next,
            _ => &self.current,
        }
    }

    /// Number of steps so far.
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    fn trusted(&self) -> impl Iterator<Item = &Authority> {
        std::iter::once(&self.current).chain(&self.next)
    }

    /// Certificates of the authorities that are trusted, the older one first.
    pub(super) fn certificates(&self) -> Vec<CertificateDer<'static>> {
        let trusted = self.trusted();
        trusted.map(|one| one.certificate().clone()).collect()
    }

    /// Pins of the authorities that are trusted.
    pub(super) fn pins(&self) -> Vec<String> {
        self.trusted().map(|one| one.pin().to_owned()).collect()
    }

    /// Certificates of the authorities that are trusted, as a text.
    pub(super) fn pem(&self) -> String {
        self.trusted().map(Authority::pem).collect()
    }
}
