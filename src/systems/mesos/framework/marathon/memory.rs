//! The storage of Marathon: its applications and their instances
//! (spec: orchestrators-b.md section 2).

use serde::{Deserialize, Serialize};

use model::PodRef;
use units::{PodId, SortedMap};

use super::Marathon;
use super::app::App;
use crate::mesos::framework::{OwnPod, damaged};

/// What is remembered.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Remembered {
    apps: Vec<App>,
}

impl Marathon {
    pub(super) fn remembered(&self) -> Option<String> {
        let apps = self.apps.values().cloned().collect();
        serde_json::to_string(&Remembered { apps }).ok()
    }

    pub(super) fn taken_up(&mut self, memory: &str, own: &[OwnPod]) -> Result<(), String> {
        let memory: Remembered = serde_json::from_str(memory).map_err(|why| damaged(&why))?;
        let rows: SortedMap<PodId, PodRef> = own.iter().map(|own| (own.pod.id, own.pod)).collect();
        for mut app in memory.apps {
            app.settle_in(&rows, &self.options);
            let id = app.object;
            for pod in app.instances.values().map(|instance| instance.pod) {
                self.belongs(pod, id);
            }
            self.apps.insert(id, app);
            self.touched.insert(id);
            self.look_at(id);
        }
        self.has_news = true;
        Ok(())
    }
}
