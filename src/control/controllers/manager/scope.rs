//! Scope of a controller manager: each cell of a federation has one, for the objects whose pods the
//! cell's scheduler places.

use std::sync::Arc;

use cluster::Store;
use model::Text;
use units::ObjectId;

/// Objects that a controller manager looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControllerScope {
    /// Those of a cell, by its name.
    Cell(Text),
    /// Those that belong to none of these cells.
    Outside(Arc<[Text]>),
}

impl Default for ControllerScope {
    fn default() -> Self {
        Self::Outside(Arc::default())
    }
}

impl ControllerScope {
    /// Name of the manager.
    pub(super) fn manager(&self) -> String {
        match self {
            Self::Cell(cell) => format!("{cell}/controller-manager"),
            Self::Outside(_) => "controller-manager".to_owned(),
        }
    }

    /// Whether the manager looks at an object.
    #[inline]
    pub(super) fn holds(&self, store: &Store, object: ObjectId) -> bool {
        match self {
            Self::Outside(cells) if cells.is_empty() => true,
            Self::Cell(cell) => scheduler(store, object) == Some(cell),
            Self::Outside(cells) => scheduler(store, object).is_none_or(|own| !cells.contains(own)),
        }
    }
}

/// The scheduler of an object's pods, if it has any.
fn scheduler(store: &Store, object: ObjectId) -> Option<&Text> {
    let row = store.objects().get(object)?;
    Some(&row.object.template()?.scheduler_name)
}
