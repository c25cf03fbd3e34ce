//! Accounts of the tenants that pay, each with its present rate and its total.

use crate::record::window::MeasuredWindow;
use crate::statistics::integral::Integral;
use crate::statistics::span::Span;
use cluster::Store;
use model::{Pod, Text};
use units::{Instant, SortedMap, TenantId};

/// Account of a tenant.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Account {
    rate: i128,
    since: Instant,
    area: Integral,
}

impl Account {
    fn settle(&mut self, at: Instant, measured: &MeasuredWindow) {
        let span = Span {
            from: self.since,
            to: at,
        };
        if let Some(span) = measured.clip(span) {
            self.area.add(self.rate, span.nanos());
        }
        self.since = at;
    }

    /// Current rate.
    pub(super) const fn rate(&self) -> i128 {
        self.rate
    }

    /// Adds to the rate of the account from an instant on.
    pub(super) fn change(&mut self, at: Instant, rate: i128, measured: &MeasuredWindow) {
        self.settle(at, measured);
        self.rate += rate;
    }

    /// Amount paid until an instant.
    pub(super) fn paid(mut self, at: Instant, measured: &MeasuredWindow) -> Integral {
        self.settle(at, measured);
        self.area
    }
}

/// Payers of pods: the tenant of a trace, the value of a label, or the namespace.
#[derive(Clone, Debug, Default)]
pub(super) struct Payers {
    label: Option<Text>,
    names: Vec<Text>,
    by_name: SortedMap<Text, usize>,
    /// The payer of pods of a class that have no tenant of their own, by class.
    of_class: Vec<Option<usize>>,
    /// The payer of the tenants of a trace, by number.
    of_tenant: Vec<Option<usize>>,
}

impl Payers {
    pub(super) fn new(label: Option<Text>) -> Self {
        Self {
            label,
            ..Self::default()
        }
    }

    /// Their names, by number.
    pub(super) fn names(&self) -> &[Text] {
        &self.names
    }

    /// Whether their names are namespaces, as those of services are.
    pub(super) const fn are_namespaces(&self) -> bool {
        self.label.is_none()
    }

    /// Number of the payer of a pod.
    pub(super) fn of(&mut self, pod: &Pod, store: &Store) -> usize {
        if pod.tenant != TenantId(0) && self.label.is_none() {
            let place = pod.tenant.index();
            if let Some(Some(known)) = self.of_tenant.get(place) {
                return *known;
            }
            let payer = self.named(format!("tenant {}", pod.tenant.0).into());
            self.of_tenant
                .resize(self.of_tenant.len().max(place + 1), None);
            self.of_tenant[place] = Some(payer);
            return payer;
        }
        let place = pod.class.index();
        if let Some(Some(known)) = self.of_class.get(place) {
            return *known;
        }
        let spec = &store.class(pod.class).spec;
        let labelled = self.label.as_ref().and_then(|key| spec.labels.get(key));
        let name = match labelled {
            Some(value) => value.clone(),
            None if spec.namespace.is_empty() => format!("tenant {}", pod.tenant.0).into(),
            None => spec.namespace.clone(),
        };
        let payer = self.named(name);
        self.of_class
            .resize(self.of_class.len().max(place + 1), None);
        self.of_class[place] = Some(payer);
        payer
    }

    fn named(&mut self, name: Text) -> usize {
        let (names, by_name) = (&mut self.names, &mut self.by_name);
        *by_name.entry(name).or_insert_with_key(|name| {
            names.push(name.clone());
            names.len() - 1
        })
    }
}
