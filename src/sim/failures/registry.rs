//! The registry of images: outages, in which nothing can be pulled, and images that come corrupted
//! (spec: orchestrators-b.md 10.3, 10.4).

use super::{Change, Strike, Timeline};
use model::Text;
use units::{Duration, Instant};

/// An outage of the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RegistryOutage {
    /// Beginning of the outage, after the start.
    pub at: Duration,
    /// Length of the outage; `None` is for good.
    pub lasts: Option<Duration>,
}

impl RegistryOutage {
    pub(super) fn timelines(self) -> Vec<Timeline> {
        let change = |is_up| Change::Registry { is_up };
        vec![scripted(self.at, self.lasts, &change)]
    }
}

/// An image that comes corrupted: it is transferred, found to be wrong and dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorruptedImage {
    /// The image.
    pub image: Text,
    /// Beginning of the corruption, after the start.
    pub at: Duration,
    /// Length of the corruption; `None` is for good.
    pub lasts: Option<Duration>,
}

impl CorruptedImage {
    pub(super) fn timelines(&self) -> Vec<Timeline> {
        let change = |is_whole: bool| Change::Image {
            image: self.image.clone(),
            is_corrupted: !is_whole,
        };
        vec![scripted(self.at, self.lasts, &change)]
    }
}

/// Something that breaks once and is whole again after a while.
fn scripted(at: Duration, lasts: Option<Duration>, change: &dyn Fn(bool) -> Change) -> Timeline {
    let at = Instant::ZERO.saturating_add(at);
    let mut strikes = vec![Strike {
        at,
        change: change(false),
    }];
    strikes.extend(lasts.map(|lasts| Strike {
        at: at.saturating_add(lasts),
        change: change(true),
    }));
    Timeline::scripted(strikes)
}
