//! Wishes about topologies in the annotations of pod templates (`kueue.x-k8s.io/podset-…`).

use super::super::field::{Path, Problem};
use super::super::keys;
use super::super::raw::Annotations;
use serde_json::Value;

use model::Text;
use model::queueing::{TopologyConstraint, TopologyRequest, TopologySlice};

/// Most layers of slices.
const MOST_LAYERS: usize = 3;

/// Wishes of a template's pods; `None` where there are none.
pub(in super::super) fn wishes(
    annotations: &Annotations,
) -> Result<Option<TopologyRequest>, Problem> {
    let root = Path::root("metadata");
    let path = root.field("annotations");
    let text = |key: &str| annotations.get(key).filter(|text| !text.is_empty());
    let mut wishes: Vec<(&str, TopologyConstraint)> = Vec::new();
    for (key, wish) in [
        (
            keys::REQUIRED_TOPOLOGY,
            TopologyConstraint::Required as fn(Text) -> TopologyConstraint,
        ),
        (keys::PREFERRED_TOPOLOGY, TopologyConstraint::Preferred),
    ] {
        wishes.extend(text(key).map(|level| (key, wish(level.into()))));
    }
    match text(keys::ANY_TOPOLOGY) {
        None | Some("false") => {}
        Some("true") => wishes.push((keys::ANY_TOPOLOGY, TopologyConstraint::Unconstrained)),
        Some(other) => {
            let path = path.key(keys::ANY_TOPOLOGY);
            return Err(path.problem("`true` or `false`", other));
        }
    }
    if let [(first, _), (second, _), ..] = wishes.as_slice() {
        let found = text(second).unwrap_or_default();
        let expected = format!("no `{second}` beside `{first}`");
        return Err(path.key(second).problem(&expected, found));
    }
    let slices = slices(annotations, &path)?;
    let group = text(keys::TOPOLOGY_GROUP).map(Text::from);
    let wish = wishes.pop().map(|(_, wish)| wish);
    if wish.is_none() && slices.is_empty() && group.is_none() {
        return Ok(None);
    }
    Ok(Some(TopologyRequest {
        wish,
        slices,
        group,
    }))
}

/// Numbers of pods that lie in one domain together.
fn slices(annotations: &Annotations, path: &Path<'_>) -> Result<Vec<TopologySlice>, Problem> {
    let level = annotations.get(keys::SLICE_TOPOLOGY);
    let level = level.filter(|text| !text.is_empty());
    let layers = annotations.get(keys::SLICE_LAYERS);
    if let Some(layers) = layers.filter(|text| !text.is_empty()) {
        let layers_path = path.key(keys::SLICE_LAYERS);
        if level.is_some() {
            let expected = format!("no `{}` beside it", keys::SLICE_TOPOLOGY);
            return Err(layers_path.problem(&expected, layers));
        }
        return slice_layers(layers).ok_or_else(|| {
            let expected = "a JSON list of one to three layers, each with `topology` and `size`";
            layers_path.problem(expected, layers)
        });
    }
    let size_path = path.key(keys::SLICE_SIZE);
    let size = annotations.get(keys::SLICE_SIZE).map(|text| {
        let size = text.parse::<i64>().ok().filter(|size| *size > 0);
        size.ok_or_else(|| size_path.problem("a number of pods, 1 or more", text))
    });
    match (level, size.transpose()?) {
        (Some(level), Some(size)) => Ok(vec![TopologySlice {
            level: level.into(),
            size,
        }]),
        (Some(_), None) => Err(size_path.missing("a number of pods")),
        (None, Some(size)) => {
            let expected = format!("`{}` beside it", keys::SLICE_TOPOLOGY);
            Err(size_path.problem(&expected, size))
        }
        (None, None) => Ok(Vec::new()),
    }
}

/// Layers of slices, from the outermost on.
fn slice_layers(text: &str) -> Option<Vec<TopologySlice>> {
    let layers: Vec<Value> = serde_json::from_str(text).ok()?;
    let layers = layers.iter().map(|own| {
        let size = &own["size"];
        let size = size.as_i64().or_else(|| size.as_str()?.parse().ok());
        Some(TopologySlice {
            level: own["topology"]
                .as_str()
                .filter(|own| !own.is_empty())?
                .into(),
            size: size.filter(|size| *size > 0)?,
        })
    });
    let layers: Vec<TopologySlice> = layers.collect::<Option<_>>()?;
    (1..=MOST_LAYERS).contains(&layers.len()).then_some(layers)
}
