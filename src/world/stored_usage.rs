//! Checkpoints of vertical autoscalers in a dump: the recommender goes on with the usage that it has stored.

use autoscale::vertical::{DecayingHistogram, Usage};
use autoscale::workloads::{AutoscalerOptions, StoredUsage};
use k8s::{StoredHistogram, VerticalCheckpoint};
use model::Object;
use units::{Instant, plural};

use super::residents::instant;
use super::{ManifestFiles, Remarks, Workload};

/// Has the recommender of a run begin with the checkpoints of its files; the run's zero is
/// when the dump was taken.
pub fn stored_usage(
    options: Option<&mut AutoscalerOptions>,
    manifests: &ManifestFiles,
    workload: &Workload,
    remarks: &mut Remarks,
) {
    let Some(options) = options else { return };
    let stored = manifests.all().flat_map(|file| &file.checkpoints);
    for own in stored {
        match usage(own, workload.dumped_unix_secs.unwrap_or_default()) {
            Ok(usage) => options.stored.push(StoredUsage {
                namespace: own.namespace.clone(),
                autoscaler: own.autoscaler.clone(),
                container: own.container.clone(),
                usage,
            }),
            Err(why) => remarks.note(format!(
                "the checkpoint of `{}/{}` for container `{}` is not loaded: {why}; nothing is known of its usage before",
                own.namespace, own.autoscaler, own.container
            )),
        }
    }
    let declared = manifests.all().flat_map(|file| &file.workloads);
    let anew: Vec<String> = declared
        .filter_map(|own| match &own.object {
            Object::VerticalPodAutoscaler(own) if !own.recommended.is_empty() => Some(own),
            _ => None,
        })
        .filter(|own| {
            let mut stored = options.stored.iter();
            !stored.any(|it| it.namespace == own.namespace && it.autoscaler == own.name)
        })
        .map(|own| format!("{}/{}", own.namespace, own.name))
        .collect();
    if let Some(first) = anew.first() {
        let (count, have) = (anew.len(), plural::either(anew.len(), "has", "have"));
        remarks.note(format!(
            "{} {have} a recommendation and no checkpoint (first: `{first}`): pods are sized by it until the \
             recommender looks, which knows nothing of the usage before; dump \
             `verticalpodautoscalercheckpoints` as well",
            plural::count(count, "vertical autoscaler")
        ));
    }
}

/// The usage that a checkpoint holds (`LoadFromCheckpoint` of the original).
fn usage(own: &VerticalCheckpoint, zero: i64) -> Result<Usage, String> {
    let at = |secs: Option<i64>| secs.and_then(|secs| instant(secs, zero));
    let mut usage = Usage::new(Instant::ZERO);
    load(&mut usage.cpu, &own.cpu, zero).map_err(|why| format!("status.cpuHistogram: {why}"))?;
    load(&mut usage.memory, &own.memory, zero)
        .map_err(|why| format!("status.memoryHistogram: {why}"))?;
    usage.resume(at(own.first_unix_secs), at(own.last_unix_secs), own.samples);
    Ok(usage)
}

fn load(into: &mut DecayingHistogram, stored: &StoredHistogram, zero: i64) -> Result<(), String> {
    let reference = stored.reference_unix_secs;
    let reference = reference.and_then(|secs| instant_of(secs, zero));
    into.load(&stored.parts, stored.total, reference)
}

/// Instant of a reference, which may lie half a day after the dump.
fn instant_of(secs: i64, zero: i64) -> Option<Instant> {
    let past = units::Duration::checked_from_secs(secs.saturating_sub(zero))?;
    Some(Instant::ZERO.saturating_add(past))
}
