//! Revisions: the templates that pods of a set are, or were, made from.

use serde::{Deserialize, Serialize};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::canonical::short_name;
use crate::{PodSpec, Text};

/// A template that pods of a stateful set or a daemon set are, or were, made from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TemplateRevision {
    /// The revision's name; of a daemon set, its hash.
    pub name: Text,
    /// Pod template.
    pub template: Arc<PodSpec>,
}

/// Templates of a daemon set that is there since before its present one. In canonical bytes the history of
/// a set that has had no other is nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DaemonHistory {
    /// Number of revisions beside the present one that are kept.
    pub limit: i32,
    /// Revisions by name, oldest first; the present one is missing where nothing but its template names it.
    pub revisions: Vec<TemplateRevision>,
}

impl Default for DaemonHistory {
    fn default() -> Self {
        Self {
            limit: 10,
            revisions: Vec::new(),
        }
    }
}

impl Hash for DaemonHistory {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if !self.is_plain() {
            (self.limit, &self.revisions).hash(state);
        }
    }
}

impl DaemonHistory {
    /// Whether nothing is known that a set begins without.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }

    /// Name of the revision of a template.
    pub fn name_of(&self, template: &PodSpec) -> Text {
        let mut newest_first = self.revisions.iter().rev();
        let known = newest_first.find(|own| *own.template == *template);
        known.map_or_else(|| short_name(template).into(), |known| known.name.clone())
    }

    /// The revisions once a template gives way to another. One that was there before is the newest again
    /// (`constructHistory`).
    pub fn after(&self, former: &Arc<PodSpec>, present: &PodSpec) -> Vec<TemplateRevision> {
        let mut revisions = self.revisions.clone();
        if **former == *present {
            return revisions;
        }
        if revisions
            .iter()
            .all(|revision| revision.template != *former)
        {
            revisions.push(TemplateRevision {
                name: self.name_of(former),
                template: former.clone(),
            });
        }
        raise(&mut revisions, present);
        revisions
    }
}

/// Makes the revision of a template the newest, if it is known.
pub fn raise(revisions: &mut Vec<TemplateRevision>, present: &PodSpec) {
    let known = revisions
        .iter()
        .rposition(|revision| *revision.template == *present);
    if let Some(place) = known {
        let own = revisions.remove(place);
        revisions.push(own);
    }
}

/// The template that a set had before its present one.
pub fn before<'r>(
    revisions: &'r [TemplateRevision],
    present: &PodSpec,
) -> Option<&'r Arc<PodSpec>> {
    let mut newest_first = revisions.iter().rev();
    let former = newest_first.find(|own| *own.template != *present)?;
    Some(&former.template)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(priority: i32) -> Arc<PodSpec> {
        Arc::new(PodSpec {
            priority,
            ..PodSpec::default()
        })
    }

    #[test]
    fn a_template_that_comes_back_is_the_newest_again() {
        let (one, two) = (template(1), template(2));
        let mut history = DaemonHistory::default();
        assert_eq!(history.after(&one, &one), []);
        history.revisions = history.after(&one, &two);
        let names = |history: &DaemonHistory| -> Vec<Text> {
            history
                .revisions
                .iter()
                .map(|revision| revision.name.clone())
                .collect()
        };
        let name_of_one: Text = short_name(&*one).into();
        assert_eq!(names(&history), std::slice::from_ref(&name_of_one));
        assert_eq!(before(&history.revisions, &two), Some(&one));
        history.revisions = history.after(&two, &one);
        assert_eq!(
            names(&history),
            [short_name(&*two).into(), name_of_one.clone()]
        );
        assert_eq!(history.name_of(&one), name_of_one);
        assert_eq!(before(&history.revisions, &one), Some(&two));
    }
}
