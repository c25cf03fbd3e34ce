//! Shapes of pods: the pod that a file holds, or that its workload makes.

use std::path::Path;
use std::sync::Arc;

use super::files::is_heeded;
use super::{Snapshot, SnapshotError};
use intake::Input;
use k8s::{AdmissionClasses, Maker, ManifestPod, ManifestReader};
use model::dra::DeviceObjects;
use model::volume::EphemeralVolume;
use model::{IndexFailures, Object, PodPhase, PodVolume};

/// The one pod that a file holds, or that its one workload makes, with what the file states and the model leaves out. It may name
/// a class of `admission` as its priority.
///
/// # Errors
/// If the file can't be read or holds no pod or several.
pub fn read_pod(
    path: &Path,
    admission: &AdmissionClasses,
) -> Result<(ManifestPod, Vec<String>), SnapshotError> {
    let input = Input::argument(&path.display().to_string())?;
    read_pod_and_devices(&input, admission).map(|(pod, findings, _)| (pod, findings))
}

impl Snapshot {
    /// The only pod of a file, or one of its only workload; claims on devices that stand beside it are taken in.
    ///
    /// # Errors
    /// If the file can't be read or holds no pod or several, or the pod claims what no file has.
    pub fn read_pod(&mut self, path: &Path) -> Result<(ManifestPod, Vec<String>), SnapshotError> {
        self.read_pod_of(&Input::argument(&path.display().to_string())?)
    }

    /// As [`Self::read_pod`], of an input.
    ///
    /// # Errors
    /// As [`Self::read_pod`].
    pub fn read_pod_of(
        &mut self,
        input: &Input,
    ) -> Result<(ManifestPod, Vec<String>), SnapshotError> {
        let read = read_pod_and_devices(input, &self.admission)?;
        let (pod, findings, devices) = read;
        self.cache.objects.devices.merge(devices);
        let known = &self.cache.objects.devices;
        if let Some(what) = known.unknown_to(pod.namespace(), &pod.spec.device_claims) {
            return Err(SnapshotError::Input(format!("{}: {what}", input.name)));
        }
        Ok((pod, findings))
    }
}

/// A pod of a workload's template.
pub(super) fn template_pod(object: &Object) -> Option<ManifestPod> {
    let mut spec = object.template()?.clone();
    if let Object::StatefulSet(set) = object {
        let made = set.claims.0.iter().filter(|own| own.is_made);
        spec.volumes.extend(made.map(|own| {
            PodVolume::Ephemeral(EphemeralVolume {
                name: own.name.clone(),
                class: own.class.clone(),
                request: own.request,
                is_of_set: true,
            })
        }));
    }
    Some(ManifestPod {
        name: object.name().clone(),
        spec: Arc::new(spec),
        accounted: None,
        node_name: None,
        phase: PodPhase::Pending,
        uid: None,
        is_unknown: false,
        is_pending: false,
        is_terminating: false,
        deleted_unix_secs: None,
        created_unix_secs: None,
        started_unix_secs: None,
        ready_unix_secs: None,
        report: None,
        end: None,
        failures: IndexFailures::default(),
        is_tracked: false,
        nominated_node: None,
        is_preempted: false,
        at: None,
        time_limit: None,
        maker: Maker::Controller,
        controller: None,
    })
}

fn read_pod_and_devices(
    input: &Input,
    admission: &AdmissionClasses,
) -> Result<(ManifestPod, Vec<String>, DeviceObjects), SnapshotError> {
    let mut reader = ManifestReader::with_classes(admission.clone()).with_workloads();
    reader.read(input)?;
    let mut read = reader.finish();
    let templates = read.workloads.iter().map(|own| &own.object);
    read.pods.extend(templates.filter_map(template_pod));
    let found = read.pods.len();
    let Some(pod) = read.pods.pop().filter(|_| found == 1) else {
        let kinds: Vec<&str> = read.ignored_kinds.keys().map(String::as_str).collect();
        let instead = match (found, kinds.as_slice()) {
            (0, []) => "none".to_owned(),
            (0, [kind]) => format!("a {kind}"),
            (0, kinds) => format!("objects of the kinds {}", kinds.join(", ")),
            (found, _) => found.to_string(),
        };
        return Err(SnapshotError::Input(format!(
            "{}: expected one Pod, or one workload with a template of pods, found {instead}; take the \
             pod's own manifest, such as `kubectl run NAME --image IMAGE --dry-run=client -o yaml` writes",
            input.name
        )));
    };
    let findings = read.findings.iter().filter(|own| !is_heeded(own));
    let findings = findings.map(ToString::to_string).collect();
    Ok((pod, findings, read.objects.devices))
}
