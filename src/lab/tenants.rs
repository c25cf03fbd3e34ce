//! Names of the tenants of a workload, known while it is read: a pod carries a number only.

use std::sync::{Arc, Mutex, PoisonError};

use super::watched_source::watched;
use arrivals::ArrivalSource;
use model::Text;
use units::TenantId;

/// Names of the tenants met so far, shared by the source that meets them and the tables that show
/// them.
#[derive(Clone, Debug, Default)]
pub struct TenantNames(Arc<Mutex<Vec<Text>>>);

impl TenantNames {
    /// Name of a tenant; empty if the workload names none.
    pub(super) fn name(&self, tenant: TenantId) -> String {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = names.get(tenant.0 as usize);
        name.map(ToString::to_string).unwrap_or_default()
    }

    /// The source, which from now on tells the names of its tenants.
    pub(super) fn of(&self, source: Box<dyn ArrivalSource>) -> Box<dyn ArrivalSource> {
        let names = self.clone();
        let mut known = names.add(&*source, 0);
        watched(source, move |source| {
            let next = source.next();
            known = names.add(source, known);
            next
        })
    }

    /// Adds the names that a source met after the first `known` ones; returns the number it has met.
    fn add(&self, source: &dyn ArrivalSource, known: usize) -> usize {
        let met = source.tenants();
        if met.len() > known {
            let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            names.extend(met[known..].iter().cloned());
        }
        met.len()
    }
}
