//! Ends of containers in runs without kubelets: a pod whose containers end by themselves is over with the last of
//! them, so that it gives its room back as a job of a trace does.

use k8s::{ManifestPod, Manifests};
use model::PodSpec;
use model::pod_life::RestartPolicy;
use scenario::Scenario;
use units::{Duration, plural};

use super::Remarks;
use super::runs_workloads::{how_to_have_controllers, runs_workloads};

/// Time after its start at which a pod is over because its containers end by themselves: its init containers one
/// after the other, then the longest of the others, or its first init container that fails. `None` of a pod that goes on
/// or starts again, and of one whose run time is drawn.
pub(super) fn end_of_containers(spec: &PodSpec) -> Option<Duration> {
    let life = spec.life.as_deref()?;
    if life.restart == RestartPolicy::Always {
        return None;
    }
    let first = spec.init_containers.len();
    let run_time = |container: usize| -> Option<Duration> {
        let is_again = life.restart == RestartPolicy::OnFailure && spec.exit_code(container) != 0;
        spec.run_time(container).filter(|_| !is_again)?.parse().ok()
    };
    let mut init = Duration::ZERO;
    for container in (0..first).filter(|number| !spec.init_containers[*number].restartable) {
        init = init.saturating_add(run_time(container)?);
        if spec.exit_code(container) != 0 {
            return Some(init);
        }
    }
    let others = (first..first + spec.containers.len()).map(run_time);
    let longest = others
        .collect::<Option<Vec<Duration>>>()?
        .into_iter()
        .max()?;
    Some(init.saturating_add(longest))
}

/// Notes pods that would end or start again by themselves, and go on as nothing acts on their containers.
pub(super) fn note_run_times(manifests: &Manifests, scenario: &Scenario, remarks: &mut Remarks) {
    if runs_workloads(scenario) {
        return;
    }
    let ends = |pod: &&ManifestPod| {
        let spec = &pod.spec;
        let mut containers = 0..spec.init_containers.len() + spec.containers.len();
        let of_all = spec
            .behaviour
            .as_ref()
            .and_then(|own| own.run_time.as_ref());
        let of_one = |number| {
            spec.container_life(number)
                .is_some_and(|own| own.application.run_time.is_some())
        };
        let is_stated = of_all.is_some() || containers.any(of_one);
        is_stated && pod.waits_for_node() && end_of_containers(spec).is_none()
    };
    let count = manifests.pods.iter().filter(ends).count();
    if count > 0 {
        let has = how_to_have_controllers(&scenario.system.name);
        remarks.note(format!(
            "{} with `windtunnel.dev/run-time` won't end, as nothing draws their times or starts their containers \
             again; {has}",
            plural::count(count, "pod")
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_over_with_its_containers() {
        let check = |restart: &str, init: &str, annotations: &str, expected: Option<i64>| {
            let text = format!(
                "apiVersion: v1\nkind: Pod\nmetadata:\n  name: p\n  annotations: {{{annotations}}}\nspec:\n  \
                 restartPolicy: {restart}\n  initContainers: [{init}]\n  containers: [{{name: a, image: x}}, {{name: b, \
                 image: x}}]\n"
            );
            let manifests = k8s::read_manifests("p.yaml", &text).expect("a pod");
            let found = end_of_containers(&manifests.pods[0].spec);
            assert_eq!(found, expected.map(Duration::from_secs), "{text}");
        };
        let both = "windtunnel.dev/run-time: 30s";
        check("Never", "", both, Some(30));
        check("OnFailure", "", both, Some(30));
        check("Always", "", both, None);
        check("Never", "", "", None);
        check("Never", "", "windtunnel.dev/run-time.a: 30s", None);
        let apart = "windtunnel.dev/run-time.a: 30s, windtunnel.dev/run-time.b: 40s";
        check("Never", "", apart, Some(40));
        let fails = "windtunnel.dev/run-time: 30s, windtunnel.dev/exit-code: '1'";
        check("Never", "", fails, Some(30));
        check("OnFailure", "", fails, None);
        check(
            "Never",
            "",
            "windtunnel.dev/run-time: exponential(30s)",
            None,
        );
        let init = "{name: i, image: x}, {name: s, image: x, restartPolicy: Always}";
        let waits = format!("{apart}, windtunnel.dev/run-time.i: 5s");
        check("Never", init, &waits, Some(45));
        check("Never", init, apart, Some(40));
        let first = format!("{waits}, windtunnel.dev/exit-code.i: '3'");
        check("Never", init, &first, Some(5));
    }
}
