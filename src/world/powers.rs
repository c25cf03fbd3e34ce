//! Power of the machines of a provider, as the experiment states it.

use std::sync::Arc;

use metrics::power::Power;
use scenario::schema;
use units::SortedMap;

use super::BuildError;
use super::catalogue::matches;
use super::instance_type::InstanceType;

/// Power of instance types, by patterns of their names.
pub(super) struct Powers(Vec<(String, Arc<Power>)>);

impl Powers {
    pub(super) fn new(
        written: &schema::Provider,
        types: &SortedMap<String, InstanceType>,
    ) -> Result<Self, BuildError> {
        let mut powers = Vec::new();
        for (pattern, own) in &written.power {
            let field = format!("cluster.provider.power[\"{pattern}\"]");
            let groups = written.groups.iter().map(|group| &group.name);
            if !types
                .keys()
                .chain(groups)
                .any(|name| matches(pattern, name))
            {
                return Err(BuildError::Experiment(format!(
                    "{field}: no instance type and no group has this name"
                )));
            }
            powers.push((
                pattern.clone(),
                Arc::new(super::economics::power(&field, own)?),
            ));
        }
        // An exact name goes before a pattern.
        powers.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.len()));
        Ok(Self(powers))
    }

    pub(super) fn of(&self, name: &str) -> Option<Arc<Power>> {
        let mut own = self.0.iter();
        let found = own.find(|(pattern, _)| matches(pattern, name));
        found.map(|(_, power)| Arc::clone(power))
    }
}
