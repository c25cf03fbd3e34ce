//! A deployment of this program as a workload, as tests of clusters apply it.

use std::path::Path;

use crate::sweep::run_name;
use crate::workload::{RUN, TRACK};

/// A deployment of this program as a workload.
#[derive(Clone, Copy)]
pub(crate) struct Web {
    pub(crate) replicas: u32,
    /// Version of the template.
    pub(crate) version: u32,
    /// Time that its pods stay on a node that is lost, in seconds.
    pub(crate) tolerated_s: u32,
}

impl Web {
    pub(crate) const fn of(replicas: u32) -> Self {
        Self {
            replicas,
            version: 1,
            tolerated_s: 60,
        }
    }

    pub(crate) fn text(self, track: &Path) -> String {
        let this = std::env::current_exe().expect("this program");
        let tolerated = |taint: &str| {
            format!(
                "      - {{key: node.kubernetes.io/{taint}, operator: Exists, effect: NoExecute, \
                 tolerationSeconds: {}}}\n",
                self.tolerated_s
            )
        };
        let tolerations = tolerated("unreachable") + &tolerated("not-ready");
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec:\n  \
             replicas: {}\n  selector: {{matchLabels: {{app: web}}}}\n  template:\n    \
             metadata: {{labels: {{app: web}}}}\n    spec:\n      tolerations:\n{tolerations}      \
             containers:\n      - name: web\n        image: none\n        \
             command: [{}, workload, sleep, \"600000\"]\n        \
             env:\n        - {{name: {TRACK}, value: {}}}\n        - {{name: {RUN}, value: {}}}\n        \
             - {{name: VERSION, value: \"{}\"}}\n        \
             resources: {{requests: {{cpu: 10m, memory: 8Mi}}}}\n",
            self.replicas,
            this.display(),
            track.display(),
            run_name(),
            self.version
        )
    }
}
