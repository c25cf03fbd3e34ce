//! Options of `OpenShift` beside the routes of a cluster.

use std::sync::Arc;

use model::Object;
use model::service::Ingress;

use super::section::OpenShift;
use crate::setting::Setting;

/// Notes about options and weights that change nothing.
pub(crate) fn idle(stated: &OpenShift, setting: &Setting<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    let routes = setting.objects().filter_map(|own| match own {
        Object::Ingress(own) => Some(own),
        _ => None,
    });
    let routes: Vec<&Arc<Ingress>> = routes.collect();
    for own in &routes {
        let paths = own.rules.iter().flat_map(|rule| &rule.paths);
        let alone = paths.filter_map(|path| match &*path.backends {
            [only] => Some(only),
            _ => None,
        });
        for only in alone.filter(|own| !matches!(own.weight, 0 | 1 | 100)) {
            notes.push(format!(
                "Route/{}/{}: the weight {} of the service `{}` has no effect: it has all requests, as the \
                 route has no `alternateBackends`",
                own.namespace, own.name, only.weight, only.service
            ));
        }
    }
    if !stated.routers.is_empty() && routes.is_empty() {
        notes.push(
            "system.openshift.routers has no effect: there is no Route and no Ingress; add one to the \
             manifests, or leave it out"
                .to_owned(),
        );
    }
    notes
}
