//! Fields of the configuration of kube-scheduler.

use model::scheduler_config::LeftOutSetting;
use serde_json::Value;

use super::{KEPT, List, SILENT, UnreadFields, fields, left_out};

/// Settings of a configuration that the model leaves out.
pub(crate) fn left_out_settings(config: &Value) -> Vec<LeftOutSetting> {
    let mut strays = UnreadFields::default();
    strays.walk(config, SCHEDULER_CONFIG, "");
    let settings = strays.iter().map(|stray| LeftOutSetting {
        field: stray.field.trim_start_matches('.').to_owned(),
        what: stray.what(),
        effect: stray.effect(),
    });
    settings.collect()
}

/// Top-level fields of `KubeSchedulerConfiguration`.
const SCHEDULER_CONFIG: List = table! {
    apiVersion kind parallelism percentageOfNodesToScore podInitialBackoffSeconds
        podMaxBackoffSeconds: KEPT,
    profiles: fields(table! {
        percentageOfNodesToScore schedulerName: KEPT,
        pluginConfig: fields(table! { args name: KEPT }),
        plugins: fields(POINTS),
    }),
    clientConnection: left_out("the scheduler's requests to the API are not limited by it"),
    extenders: fields(table! {
        bindVerb filterVerb httpTimeout ignorable nodeCacheCapable preemptVerb prioritizeVerb
            urlPrefix weight: KEPT,
        managedResources: fields(table! { ignoredByScheduler name: KEPT }),
        enableHTTPS tlsConfig: KEPT,
    }),
    delayCacheUntilActive enableContentionProfiling enableProfiling healthzBindAddress
        leaderElection metricsBindAddress: SILENT,
};

const SET: List = table! {
    disabled: fields(table! {
        name: KEPT,
        weight: SILENT,
    }),
    enabled: fields(table! { name weight: KEPT }),
};

const POINTS: List = table! {
    bind filter multiPoint permit postBind postFilter preBind preEnqueue preFilter preScore
        queueSort reserve score: fields(SET),
};
