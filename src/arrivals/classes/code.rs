//! Pod specs as few bytes. What tasks of a trace differ in is written out; the rest of a spec, which most of
//! them share, is written once and has a number.

use std::sync::Arc;

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;

use super::bytes::{Broken, Taken, put, put_signed, put_text};
use model::{Behaviour, GpuRequest, Labels, PodSpec, ResourceList};
use units::Quantity;

/// Most rests that have a number; others are written out.
const MOST_RESTS: usize = 1 << 10;

/// The rests of the specs up to now, by their numbers.
#[derive(Debug, Default)]
pub(crate) struct Code {
    rests: IndexSet<Arc<PodSpec>, FxBuildHasher>,
}

impl Code {
    /// Appends a spec; `None`, and nothing useful, if it has no bytes.
    pub(crate) fn put(&mut self, out: &mut Vec<u8>, spec: &PodSpec) -> Option<()> {
        let mut rest = spec.clone();
        put_text(out, &std::mem::take(&mut rest.namespace));
        put_signed(out, i64::from(std::mem::take(&mut rest.priority)));
        put_labels(out, &std::mem::take(&mut rest.labels));
        put_gpu(out, &std::mem::take(&mut rest.gpu));
        if let Some(container) = rest.containers.first_mut() {
            put_amounts(out, &std::mem::take(&mut container.requests));
            put_amounts(out, &std::mem::take(&mut container.limits));
        } else {
            put_amounts(out, &ResourceList::default());
            put_amounts(out, &ResourceList::default());
        }
        let behaviour = rest.behaviour.take();
        let text = behaviour.map(|own| serde_json::to_string(&*own));
        put_text(out, &text.transpose().ok()?.unwrap_or_default());
        self.put_rest(out, rest)
    }

    /// The rests from a number on.
    pub(crate) fn rests(&self, first: usize) -> Vec<Arc<PodSpec>> {
        self.rests.iter().skip(first).cloned().collect()
    }

    /// Adds the rests that follow.
    pub(crate) fn add_rests(&mut self, rests: Vec<Arc<PodSpec>>) {
        self.rests.extend(rests);
    }

    fn put_rest(&mut self, out: &mut Vec<u8>, rest: PodSpec) -> Option<()> {
        let known = self.rests.get_index_of(&rest);
        let number = match known {
            None if self.rests.len() == MOST_RESTS => {
                put(out, 0);
                put_text(out, &serde_json::to_string(&rest).ok()?);
                return Some(());
            }
            None => self.rests.insert_full(Arc::new(rest)).0,
            Some(number) => number,
        };
        put(out, number as u64 + 1);
        Some(())
    }

    /// Takes the spec that bytes say.
    pub(crate) fn take(&self, bytes: &[u8]) -> Result<PodSpec, Broken> {
        let mut bytes = Taken(bytes);
        let namespace = bytes.shared_text()?;
        let priority = i32::try_from(bytes.signed()?).map_err(|_| Broken)?;
        let labels = take_labels(&mut bytes)?;
        let gpu = take_gpu(&mut bytes)?;
        let [requests, limits] = [take_amounts(&mut bytes)?, take_amounts(&mut bytes)?];
        let behaviour = match bytes.text()? {
            "" => None,
            text => {
                let own: Behaviour = serde_json::from_str(text).map_err(|_| Broken)?;
                Some(Arc::new(own))
            }
        };
        let mut spec = match bytes.count()? {
            0 => serde_json::from_str(bytes.text()?).map_err(|_| Broken)?,
            number => PodSpec::clone(self.rests.get_index(number - 1).ok_or(Broken)?),
        };
        if let Some(container) = spec.containers.first_mut() {
            container.requests = requests;
            container.limits = limits;
        }
        Ok(PodSpec {
            namespace,
            labels,
            priority,
            gpu,
            behaviour,
            ..spec
        })
    }
}

fn put_labels(out: &mut Vec<u8>, labels: &Labels) {
    put(out, labels.len() as u64);
    for (label, value) in labels {
        put_text(out, label);
        put_text(out, value);
    }
}

fn take_labels(bytes: &mut Taken<'_>) -> Result<Labels, Broken> {
    let mut labels = Labels::new();
    for _ in 0..bytes.count()? {
        let label = bytes.shared_text()?;
        labels.insert(label, bytes.shared_text()?);
    }
    Ok(labels)
}

fn put_gpu(out: &mut Vec<u8>, gpu: &GpuRequest) {
    put(out, u64::from(gpu.devices));
    put(out, u64::from(gpu.milli_per_device));
    put(out, gpu.models.len() as u64);
    for model in &gpu.models {
        put_text(out, model);
    }
}

fn take_gpu(bytes: &mut Taken<'_>) -> Result<GpuRequest, Broken> {
    let devices = u8::try_from(bytes.number()?).map_err(|_| Broken)?;
    let milli_per_device = u16::try_from(bytes.number()?).map_err(|_| Broken)?;
    let mut models = Vec::new();
    for _ in 0..bytes.count()? {
        models.push(bytes.shared_text()?);
    }
    Ok(GpuRequest {
        devices,
        milli_per_device,
        models,
    })
}

fn put_amounts(out: &mut Vec<u8>, amounts: &ResourceList) {
    put(out, amounts.len() as u64);
    for (name, amount) in amounts.iter() {
        put_text(out, name);
        put_text(out, &amount.to_string());
    }
}

fn take_amounts(bytes: &mut Taken<'_>) -> Result<ResourceList, Broken> {
    let mut amounts = ResourceList::default();
    for _ in 0..bytes.count()? {
        let name = bytes.text()?;
        let amount: Quantity = bytes.text()?.parse().map_err(|_| Broken)?;
        amounts.set(name, amount);
    }
    Ok(amounts)
}
