//! Parts of a Mesos cluster from its stated options.

use model::Text;
use model::start_date::second_of;
use units::SortedSet;

use super::chronos::section::ChronosFramework;
use super::marathon::section::MarathonFramework;
use super::observer::{ObserverOptions, removal_limit};
use super::options::{FrameworkKind, FrameworkOptions, MesosOptions};
use super::roles::{check_weight, is_at_or_above};
use super::section::{Mesos, MesosAmount, MesosFramework};
use crate::parts::quorum::check_odd;

impl MesosOptions {
    /// Parts of a cluster with these options.
    ///
    /// # Errors
    /// A value is none; the message begins with its field.
    pub fn new(stated: &Mesos) -> Result<Self, String> {
        let zero = stated.start_date.as_deref().map_or(Ok(0), second_of);
        let zero = zero.map_err(|why| format!("startDate: {why}"))?;
        let mut frameworks = Vec::new();
        for (number, own) in stated.frameworks.iter().enumerate() {
            let parts = own.parts(zero);
            frameworks.extend(parts.map_err(|why| format!("frameworks[{number}]{why}"))?);
        }
        let names: SortedSet<&Text> = frameworks.iter().map(|own| &own.name).collect();
        if names.len() < frameworks.len() {
            let why = "two have the same name; write `{}` into the name of several";
            return Err(format!("frameworks: {why}"));
        }
        let observer = ObserverOptions {
            ping_period: stated.agent_ping_timeout,
            max_missed: stated.max_agent_ping_timeouts,
            removal_limit: removal_limit(&stated.agent_removal_rate_limit)?,
        };
        let checked = check_odd("masters", stated.masters as usize);
        checked.map_err(|why| format!("masters: {why}"))?;
        stated.check_roles()?;
        stated.min_allocatable.check("minAllocatable")?;
        stated.check_reservations(&frameworks)?;
        stated.check_oversubscription()?;
        Ok(Self {
            stated: stated.clone(),
            observer,
            frameworks,
            seed: 0,
            place: None,
        })
    }
}

impl Mesos {
    fn check_roles(&self) -> Result<(), String> {
        for (name, role) in &self.roles {
            let checked = check_weight(name, role.weight);
            checked.map_err(|why| format!("roles.{name}.weight: {why}"))?;
            role.guarantee.check(&format!("roles.{name}.guarantee"))?;
            role.limit.check(&format!("roles.{name}.limit"))?;
            if role.has_quota() && name.contains('/') {
                let why = "only top-level roles have quotas; remove `guarantee` and `limit`";
                return Err(format!("roles.{name}: {why}"));
            }
        }
        Ok(())
    }

    fn check_reservations(&self, frameworks: &[FrameworkOptions]) -> Result<(), String> {
        let roles = frameworks.iter().flat_map(|own| &own.roles);
        let mut roles: SortedSet<&str> = roles.map(|role| &**role).collect();
        roles.extend(self.roles.keys().map(String::as_str));
        for (number, own) in self.reservations.iter().enumerate() {
            if !roles.iter().any(|role| is_at_or_above(&own.role, role)) {
                let known: Vec<String> = roles.iter().map(|role| format!("`{role}`")).collect();
                return Err(format!(
                    "reservations[{number}].role: no framework has the role `{}`; known are {}",
                    own.role,
                    known.join(", ")
                ));
            }
            let amount = own.amount.unwrap_or_default();
            amount.check(&format!("reservations[{number}].amount"))?;
        }
        Ok(())
    }

    fn check_oversubscription(&self) -> Result<(), String> {
        for (number, own) in self.frameworks.iter().enumerate() {
            let why = match &self.oversubscription {
                _ if !own.revocable => continue,
                _ if own.batch.is_none() => {
                    "only batch frameworks accept revocable resources; remove it"
                }
                None => {
                    "no agent offers revocable resources; write `oversubscription: {}` under \
                     `system.mesos`, or remove it"
                }
                Some(_) => continue,
            };
            return Err(format!("frameworks[{number}].revocable: {why}"));
        }
        let Some(own) = &self.oversubscription else {
            return Ok(());
        };
        if !self.frameworks.iter().any(|own| own.revocable) {
            let why = "no framework accepts revocable resources; write `revocable: true` at a batch \
                       framework";
            return Err(format!("oversubscription: {why}"));
        }
        let fixed = own.fixed.unwrap_or_default();
        fixed.check("oversubscription.fixed")
    }
}

impl MesosAmount {
    /// Refuses amounts that can't be counted.
    fn check(&self, field: &str) -> Result<(), String> {
        let wrong = |name| Err(format!("{field}.{name}: expected 0 or more"));
        if self.cpu.is_some() && self.cpu_milli().is_none_or(|own| own < 0) {
            return wrong("cpu");
        }
        if self.memory.is_some() && self.memory_bytes().is_none_or(|own| own < 0) {
            return wrong("memory");
        }
        Ok(())
    }
}

impl MesosFramework {
    /// Framework as often as it is there; the message of an error begins behind the place of the framework.
    fn parts(&self, zero: i64) -> Result<Vec<FrameworkOptions>, String> {
        if self.name.is_empty() {
            return Err(".name: a framework needs a name".to_owned());
        }
        let kind = match (&self.marathon, &self.chronos, &self.batch) {
            (Some(own), None, None) => {
                let own = MarathonFramework::new(own).map_err(|why| format!(".marathon.{why}"));
                FrameworkKind::Marathon(Box::new(own?))
            }
            (None, Some(own), None) => {
                let own = ChronosFramework::new(own, zero);
                FrameworkKind::Chronos(own.map_err(|why| format!(".chronos.{why}"))?)
            }
            (None, None, Some(own)) => FrameworkKind::Batch(*own),
            _ => {
                let why = "expected one of `marathon`, `chronos` and `batch`, such as `batch: {}`";
                return Err(format!(": {why}"));
            }
        };
        let namespaces = self.namespaces.iter().map(|name| name.as_str().into());
        let many = (0..self.count).map(|number| {
            let numbered = |text: &String| text.replace("{}", &number.to_string()).into();
            let name: Text = numbered(&self.name);
            let plain = FrameworkOptions::new(&name, kind.clone());
            FrameworkOptions {
                roles: self.roles.iter().map(numbered).collect(),
                namespaces: namespaces.clone().collect(),
                refusal: self.refuse.unwrap_or(plain.refusal),
                revive_interval: self.revive_interval.unwrap_or(plain.revive_interval),
                offer_delay: self.offer_delay,
                failover_timeout: self.failover_timeout.unwrap_or(plain.failover_timeout),
                suppresses: self.suppress,
                revocable_resources: self.revocable,
                gpu_resources: self.gpu_resources.unwrap_or(plain.gpu_resources),
                is_partition_aware: self.partition_aware.unwrap_or(plain.is_partition_aware),
                ..plain
            }
        });
        Ok(many.collect())
    }
}
