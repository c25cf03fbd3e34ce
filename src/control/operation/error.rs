//! Reasons that operations can't be carried out, in words.

use std::fmt;

use super::Target;
use cluster::Conflict;
use model::{Labels, Text};
use units::nearest::nearest;

/// Reason an operation can't be carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperationError {
    /// There is no such object; the one of the nearest name, as it is written.
    NoObject(Target, Option<String>),
    /// There is no such node.
    NoNode(Text),
    /// There is no pod of this namespace and name; the one of the nearest name.
    NoPod(Text, Text, Option<Text>),
    /// There is no pod of this namespace with these labels.
    NoPodWith(Text, Labels),
    /// The object has had no other template that is known.
    NoRevision(Target),
    /// Objects of the kind have nothing of the sort.
    Meaningless(Target),
    /// The API refused.
    Refused(Conflict),
}

/// The name that was most likely meant.
fn write_near(f: &mut fmt::Formatter<'_>, near: Option<&str>) -> fmt::Result {
    match near {
        Some(near) => write!(f, "; did you mean `{near}`?"),
        None => Ok(()),
    }
}

impl fmt::Display for OperationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoObject(target, near) => {
                write!(f, "{target} does not exist at that time")?;
                write_near(f, near.as_deref())
            }
            Self::NoNode(node) => write!(f, "there is no node `{node}` at that time"),
            Self::NoPod(namespace, name, near) => {
                write!(
                    f,
                    "there is no pod `{name}` in namespace `{namespace}` at that time"
                )?;
                write_near(f, near.as_deref())
            }
            Self::NoPodWith(namespace, labels) => {
                let labels = labels.iter().map(|(key, value)| format!("{key}={value}"));
                let labels = labels.collect::<Vec<String>>().join(", ");
                write!(
                    f,
                    "there is no pod with {labels} in namespace `{namespace}` at that time"
                )
            }
            Self::NoRevision(target) => {
                write!(
                    f,
                    "{target} has no last revision to roll back to at that time"
                )
            }
            Self::Meaningless(target) => write!(
                f,
                "a {} does not support it: `scale` applies to Deployment, ReplicaSet, \
                 ReplicationController and StatefulSet, `pause` and `resume` to Deployment, `rollBack` to \
                 Deployment, StatefulSet and DaemonSet",
                target.kind
            ),
            Self::Refused(conflict) => conflict.fmt(f),
        }
    }
}

/// The known object that a name was most likely meant to be: the one of the nearest name, or one that bears the
/// name, or one near it, in another place.
pub fn meant(written: &str, known: &[Target]) -> Option<String> {
    let whole: Vec<String> = known.iter().map(Target::to_string).collect();
    if let Some(near) = nearest(written, whole.iter().map(String::as_str)) {
        return Some(near.to_owned());
    }
    let name = written.rsplit('/').next()?;
    let named = nearest(name, known.iter().map(|own| &*own.name))?;
    let place = known.iter().position(|own| &*own.name == named)?;
    Some(whole[place].clone())
}
