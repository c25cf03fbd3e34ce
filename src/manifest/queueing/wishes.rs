//! Wishes about topologies in the annotations of pod templates (`kueue.x-k8s.io/podset-…`).

use super::super::field::{Path, Problem};
use super::super::keys;
use super::super::raw::Annotations;
use model::Text;
use model::queueing::{TopologyRequest, TopologySlice, TopologyWish};

/// Wishes of a template's pods; `None` where there are none.
pub(in super::super) fn wishes(
    annotations: &Annotations,
) -> Result<Option<TopologyRequest>, Problem> {
    let root = Path::root("metadata");
    let path = root.field("annotations");
    let text = |key: &str| annotations.get(key).filter(|text| !text.is_empty());
    let mut wishes: Vec<(&str, TopologyWish)> = Vec::new();
    for (key, wish) in [
        (
            keys::REQUIRED_TOPOLOGY,
            TopologyWish::Required as fn(Text) -> TopologyWish,
        ),
        (keys::PREFERRED_TOPOLOGY, TopologyWish::Preferred),
    ] {
        wishes.extend(text(key).map(|level| (key, wish(level.into()))));
    }
    match text(keys::ANY_TOPOLOGY) {
        None | Some("false") => {}
        Some("true") => wishes.push((keys::ANY_TOPOLOGY, TopologyWish::Unconstrained)),
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
