//! Identities: a role and a name, as they stand in a certificate, and what a role may do.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Greatest length of a name, in bytes.
const NAME_MAX: usize = 253;

/// Beginning of an identity in a certificate.
const SCHEME: &str = "wt://";

/// Role of a party.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Every request is allowed.
    Admin,
    /// Reads, and changes workloads and pods.
    Submitter,
    /// Reads.
    Viewer,
    /// Speaks for the node of its own name.
    Agent,
}

/// Act that a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act<'a> {
    /// To speak for a node.
    Speak {
        /// Name of the node.
        node: &'a str,
    },
    /// To read lists, events, usage and logs.
    Read,
    /// To create, change or delete workloads and pods.
    Submit,
    /// To change nodes, read the record, and hand out and take away access.
    Operate,
}

/// A party.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Identity {
    /// Role of the party.
    pub role: Role,
    /// Name of the party; that of its node for an agent.
    pub name: String,
}

impl Role {
    /// Every role, the most powerful first.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Submitter, Self::Viewer, Self::Agent];

    /// Name of the role.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Submitter => "submitter",
            Self::Viewer => "viewer",
            Self::Agent => "agent",
        }
    }
}

impl Identity {
    /// An identity; `None` if the name can't be one.
    pub fn new(role: Role, name: &str) -> Option<Self> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
        let is_name = !name.is_empty() && name.len() <= NAME_MAX && name.chars().all(is_plain);
        is_name.then(|| Self {
            role,
            name: name.to_owned(),
        })
    }

    /// Whether the party may do something.
    pub fn may(&self, act: Act<'_>) -> bool {
        match (self.role, act) {
            (Role::Agent, Act::Speak { node }) => node == self.name,
            (Role::Agent, _) | (_, Act::Speak { .. }) | (Role::Submitter, Act::Operate) => false,
            (Role::Admin, _) | (Role::Submitter, Act::Submit | Act::Read) => true,
            (Role::Viewer, act) => act == Act::Read,
        }
    }
}

impl Identity {
    /// The identity as it stands in a certificate.
    pub(super) fn uri(&self) -> String {
        format!("{SCHEME}{self}")
    }

    /// The identity of a certificate's text; `None` of any other text.
    pub(super) fn of_uri(uri: &str) -> Option<Self> {
        uri.strip_prefix(SCHEME)?.parse().ok()
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.role.name(), self.name)
    }
}

/// A text that is no identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected ROLE/NAME such as `agent/n0`; the roles are admin, submitter, viewer and agent")]
pub struct NotAnIdentity;

impl FromStr for Identity {
    type Err = NotAnIdentity;

    fn from_str(text: &str) -> Result<Self, NotAnIdentity> {
        let (role, name) = text.split_once('/').ok_or(NotAnIdentity)?;
        let mut roles = Role::ALL.into_iter();
        let role = roles.find(|known| known.name() == role);
        let role = role.ok_or(NotAnIdentity)?;
        Self::new(role, name).ok_or(NotAnIdentity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(text: &str) -> Identity {
        text.parse().expect("an identity")
    }

    #[test]
    fn each_role_may_do_its_own_and_no_more() {
        let own = Act::Speak { node: "n0" };
        let other = Act::Speak { node: "n1" };
        let acts = [own, other, Act::Read, Act::Submit, Act::Operate];
        let may = |text: &str| acts.map(|act| identity(text).may(act));
        assert_eq!(may("admin/n0"), [false, false, true, true, true]);
        assert_eq!(may("submitter/n0"), [false, false, true, true, false]);
        assert_eq!(may("viewer/n0"), [false, false, true, false, false]);
        assert_eq!(may("agent/n0"), [true, false, false, false, false]);
    }

    #[test]
    fn a_name_can_not_smuggle_in_another_identity() {
        let agent = identity("agent/n0");
        assert_eq!(agent.uri(), "wt://agent/n0");
        assert_eq!(Identity::of_uri("wt://agent/n0"), Some(agent));
        for text in [
            "",
            "agent",
            "agent/",
            "root/x",
            "agent/a/b",
            "agent/..%2f",
            "agent/n 0",
        ] {
            assert_eq!(text.parse::<Identity>(), Err(NotAnIdentity), "{text}");
        }
        for uri in ["wt://agent/n0/x", "http://agent/n0", "agent/n0"] {
            assert_eq!(Identity::of_uri(uri), None, "{uri}");
        }
    }
}
