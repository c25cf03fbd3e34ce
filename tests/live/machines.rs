//! Autoscaling for real: measured use of processors makes the horizontal autoscaler ask for more pods, the
//! pods that find no room make the cluster autoscaler order machines, and an executable brings agents and
//! takes them away again. Time passes a hundred times as fast.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use live::wire::request::Request;

use crate::agent::PROGRAM;
use crate::cluster::{Cluster, Shape};
use crate::sweep::{end_all, run_folder, run_name};
use crate::table::Test;
use crate::wait::{identity, kill, seconds, wait_calmly};
use crate::workload::RUN;

pub(crate) const TESTS: &[Test] = &[Test {
    fault: "A",
    name: "autoscalers bring pods and machines, and remove them",
    needs: &["pidfd", "cgroup-cpu", "cgroup-cpuacct"],
    run: autoscaling,
}];

const EXPERIMENT: &str = "\
windtunnel: v1
name: walk
cluster:
  nodes: [{count: 1, template: {allocatable: {cpu: 300m, memory: 1Gi, pods: 10}}}]
  provider:
    groups: [{name: small, template: {allocatable: {cpu: 300m, memory: 1Gi, pods: 10}}, max: 3}]
workload: [{manifests: web.yaml}]
system:
  name: kubernetes
  controllers: {}
  autoscaling: {cluster: {unneededTime: 60s, delayAfterAdd: 30s}}
models: {nodeLife: observed}
stop: {at: 1d}
";

/// The machines of a test: agents that an executable starts and ends.
struct Machines {
    folder: PathBuf,
    program: PathBuf,
}

impl Machines {
    fn new() -> Self {
        let folder = run_folder().join("machines-there");
        fs::create_dir_all(&folder).expect("a folder");
        let program = run_folder().join("machines.sh");
        let hosts = run_folder();
        // What it starts must hold none of its files, and no signal to the server reaches it.
        let text = format!(
            "#!/bin/sh\nset -e\ncase $1 in\nadd)\n  [ -e {there}/$2 ] && exit 0\n  \
             setsid {PROGRAM} -q agent --allow-root-pods --node $2 --folder {hosts}/host-machines-$2/state \
             --state $WINDTUNNEL_STATE --cpu $WINDTUNNEL_CPU --memory $WINDTUNNEL_MEMORY \
             </dev/null >/dev/null 2>&1 &\n  echo $! > {there}/$2 ;;\nremove)\n  \
             [ -e {there}/$2 ] || exit 0\n  kill -9 $(cat {there}/$2) || true\n  rm {there}/$2 ;;\n\
             list) ls {there} ;;\nesac\n",
            there = folder.display(),
            hosts = hosts.display(),
        );
        fs::write(&program, text).expect("a script");
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&program, executable).expect("a script");
        Self { folder, program }
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).expect("a folder").flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.collect()
    }

    fn pid(&self, name: &str) -> Option<u32> {
        let text = fs::read_to_string(self.folder.join(name)).ok()?;
        text.trim().parse().ok()
    }
}

impl Drop for Machines {
    fn drop(&mut self) {
        for name in self.names() {
            let alive = self.pid(&name).filter(|pid| is_agent(*pid, &name));
            if let Some(pid) = alive {
                kill(&identity(pid));
            }
        }
        let entries = fs::read_dir(run_folder()).into_iter().flatten().flatten();
        for entry in entries {
            let name = entry.file_name().to_string_lossy().into_owned();
            if let Some(node) = name.strip_prefix("host-machines-") {
                end_all(&entry.path(), node);
            }
        }
    }
}

/// Returns whether a process is the agent of a machine.
fn is_agent(pid: u32, node: &str) -> bool {
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    command
        .split(|byte| *byte == 0)
        .any(|word| word == node.as_bytes())
}

fn busy(this: &Path) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: busy}}\nspec:\n  replicas: 1\n  \
         selector: {{matchLabels: {{app: busy}}}}\n  template:\n    \
         metadata: {{labels: {{app: busy}}}}\n    spec:\n      terminationGracePeriodSeconds: 5\n      \
         containers:\n      - name: busy\n        image: none\n        \
         command: [{}, workload, spin, \"600000\", untracked]\n        \
         env: [{{name: {RUN}, value: {}}}]\n        resources:\n          \
         requests: {{cpu: 200m, memory: 8Mi}}\n          limits: {{cpu: 200m}}\n---\n\
         apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: {{name: busy}}\nspec:\n  \
         scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: busy}}\n  minReplicas: 1\n  \
         maxReplicas: 3\n  metrics:\n  - type: Resource\n    \
         resource: {{name: cpu, target: {{type: Utilization, averageUtilization: 50}}}}\n",
        this.display(),
        run_name()
    )
}

fn autoscaling() {
    let machines = Machines::new();
    let mut cluster = Cluster::with(
        Shape {
            name: "autoscaling",
            node_count: 1,
            pace: 100,
            is_networked: false,
        },
        EXPERIMENT,
        &["--machines", machines.program.to_str().expect("a path")],
    );
    cluster.start_agent_of(Path::new(PROGRAM), 0, &["--cpu", "300m"]);
    cluster.await_nodes();
    let this = std::env::current_exe().expect("this program");
    let outcome = cluster.ask(&Request::Apply {
        file: "busy.yaml".to_owned(),
        text: busy(&this),
    });
    assert_eq!(outcome.refused, Vec::<String>::new());
    // One pod fits on the node that is there: two more want two machines.
    wait_calmly("three pods on three nodes", seconds(30), || {
        let pods = cluster.pods();
        let ready = pods.iter().filter(|pod| pod.ready && !pod.terminating);
        let nodes: units::SortedSet<_> = ready.filter_map(|pod| pod.node.clone()).collect();
        (nodes.len() != 3).then_some((pods, cluster.nodes()))
    });
    let brought = machines.names();
    assert_eq!(brought.len(), 2, "{brought:?}");
    // A restart of the server in between orders nothing twice.
    cluster.kill_control();
    cluster.start_control();
    let object = "Deployment/default/busy".to_owned();
    let outcome = cluster.ask(&Request::Delete { object });
    assert_eq!(outcome.refused, Vec::<String>::new());
    wait_calmly("the machines are given back", seconds(20), || {
        let left = machines.names();
        let nodes = cluster.nodes();
        let is_over = left.is_empty() && nodes.len() == 1;
        (!is_over).then_some((left, nodes))
    });
    cluster.audit();
}
