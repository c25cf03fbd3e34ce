//! Fields of the configuration of kube-scheduler.

use model::scheduler_config::LeftOutSetting;
use serde_json::Value;

use super::Use::{Fields, LeftOut, Read, Silent};
use super::{List, Strays};

/// Settings of a configuration that the model leaves out.
pub(crate) fn left_out_settings(config: &Value) -> Vec<LeftOutSetting> {
    let mut strays = Strays::default();
    strays.walk(config, SCHEDULER_CONFIG, "");
    let settings = strays.iter().map(|stray| LeftOutSetting {
        field: stray.field.trim_start_matches('.').to_owned(),
        what: stray.what(),
        effect: stray.effect(),
    });
    settings.collect()
}

/// Top-level fields of `KubeSchedulerConfiguration`.
const SCHEDULER_CONFIG: List = &[
    ("apiVersion", Read),
    (
        "clientConnection",
        LeftOut("the scheduler's requests to the API are not limited by it"),
    ),
    ("delayCacheUntilActive", Silent),
    ("enableContentionProfiling", Silent),
    ("enableProfiling", Silent),
    (
        "extenders",
        LeftOut(
            "no extender is asked: nodes that one would refuse, prefer or bind count as any other",
        ),
    ),
    ("healthzBindAddress", Silent),
    ("kind", Read),
    ("leaderElection", Silent),
    ("metricsBindAddress", Silent),
    ("parallelism", Read),
    ("percentageOfNodesToScore", Read),
    ("podInitialBackoffSeconds", Read),
    ("podMaxBackoffSeconds", Read),
    (
        "profiles",
        Fields(&[
            ("percentageOfNodesToScore", Read),
            ("pluginConfig", Fields(&[("args", Read), ("name", Read)])),
            ("plugins", Fields(POINTS)),
            ("schedulerName", Read),
        ]),
    ),
];

const SET: List = &[
    ("disabled", Fields(&[("name", Read), ("weight", Silent)])),
    ("enabled", Fields(&[("name", Read), ("weight", Read)])),
];

const POINTS: List = &[
    ("bind", Fields(SET)),
    ("filter", Fields(SET)),
    ("multiPoint", Fields(SET)),
    ("permit", Fields(SET)),
    ("postBind", Fields(SET)),
    ("postFilter", Fields(SET)),
    ("preBind", Fields(SET)),
    ("preEnqueue", Fields(SET)),
    ("preFilter", Fields(SET)),
    ("preScore", Fields(SET)),
    ("queueSort", Fields(SET)),
    ("reserve", Fields(SET)),
    ("score", Fields(SET)),
];
