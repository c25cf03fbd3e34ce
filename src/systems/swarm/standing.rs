//! Standings of engines for containers that are alike: the fast form of [`Scheduler::choose`].
//!
//! Every filter and every weight looks at one engine alone, so an engine's standing changes when
//! something on that engine does, and only then. Each class of containers keeps a tournament over
//! all engines and, before it decides, looks again at those that were touched since it last did.

use std::collections::VecDeque;
use std::sync::Arc;

use rng::Stream;
use scheduler::{ScoreTree, Ties};
use units::NodeId;

use super::container::ContainerConfig;
use super::engine::Engine;
use super::filter::SoftExpressions;
use super::scheduler::{Scheduler, SelectError};
use super::strategy::Strategy;

/// Engines times classes that are kept at most; beyond it all are forgotten and begin anew.
const MOST_ENTRIES: usize = 1 << 24;

/// Knowledge of engines, class by class.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    classes: Vec<Seen>,
    kept: usize,
    /// Engines that were touched, in order; the first of them is touch number `forgotten`.
    touched: VecDeque<u32>,
    forgotten: u64,
}

/// Extent to which a class has been seen.
#[derive(Clone, Debug, Default)]
enum Seen {
    /// Nothing.
    #[default]
    Never,
    /// One container, which was decided on plainly: most are alone of their kind.
    Once,
    /// More than one.
    Kept(Box<Class>),
}

#[derive(Clone, Debug)]
struct Class {
    config: Arc<ContainerConfig>,
    /// Touches that have been looked at.
    read: u64,
    counted: ScoreTree,
    /// Standings without soft expressions, if there are any.
    ignored: Option<ScoreTree>,
    /// Reason no engine took the last container, if nothing was touched since.
    refusal: Option<SelectError>,
}

impl Standing {
    /// Something of an engine changed that a filter or a weight may look at.
    pub(super) fn touch(&mut self, engine: usize) {
        if self.kept > 0 {
            self.touched.push_back(engine as u32);
        }
    }

    /// Engines or the rules changed: everything is to be looked at anew.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// The engine for a container of a class; the same decision as [`Scheduler::choose`].
    pub(super) fn choose(
        &mut self,
        scheduler: &Scheduler,
        engines: &[Engine],
        config: &Arc<ContainerConfig>,
        class: u32,
        rng: &mut Stream,
    ) -> Result<usize, SelectError> {
        let number = class as usize;
        if self.classes.len() <= number {
            self.classes.resize_with(number + 1, Seen::default);
        }
        match &self.classes[number] {
            Seen::Never => {
                self.classes[number] = Seen::Once;
                return scheduler.choose(engines, config, rng);
            }
            Seen::Once => {
                if (self.kept + 1).saturating_mul(engines.len()) > MOST_ENTRIES {
                    self.forget();
                    return self.choose(scheduler, engines, config, class, rng);
                }
                let class = Class::new(scheduler, engines, config, self.newest());
                self.classes[number] = Seen::Kept(Box::new(class));
                self.kept += 1;
            }
            Seen::Kept(_) => {}
        }
        self.trim(engines.len());
        let (forgotten, newest) = (self.forgotten, self.newest());
        let Seen::Kept(known) = &mut self.classes[number] else {
            return scheduler.choose(engines, config, rng);
        };
        if known.read < forgotten {
            **known = Class::new(scheduler, engines, config, newest);
        } else if known.read < newest {
            known.refusal = None;
            let first = (known.read - forgotten) as usize;
            for &engine in self.touched.range(first..) {
                known.look(scheduler, engines, engine as usize);
            }
            known.read = newest;
        }
        known.choose(scheduler, engines, rng)
    }

    fn newest(&self) -> u64 {
        self.forgotten + self.touched.len() as u64
    }

    /// Forgets touches: whoever has more of them before it than there are engines begins anew.
    fn trim(&mut self, engines: usize) {
        let most = 2 * engines.max(32);
        if self.touched.len() > most {
            let gone = self.touched.len() - most / 2;
            self.touched.drain(..gone);
            self.forgotten += gone as u64;
        }
    }
}

impl Class {
    fn new(
        scheduler: &Scheduler,
        engines: &[Engine],
        config: &Arc<ContainerConfig>,
        read: u64,
    ) -> Self {
        let mut class = Self {
            config: Arc::clone(config),
            read,
            counted: ScoreTree::default(),
            ignored: config.has_soft().then(ScoreTree::default),
            refusal: None,
        };
        class.counted.reset(engines.len());
        if let Some(ignored) = &mut class.ignored {
            ignored.reset(engines.len());
        }
        for engine in 0..engines.len() {
            class.look(scheduler, engines, engine);
        }
        class
    }

    /// Looks at an engine again.
    fn look(&mut self, scheduler: &Scheduler, engines: &[Engine], engine: usize) {
        let (node, config) = (NodeId::from_index(engine), &self.config);
        let of = |soft| scheduler.standing(&engines[engine], config, soft);
        self.counted.set(node, of(SoftExpressions::Counted));
        if let Some(ignored) = &mut self.ignored {
            ignored.set(node, of(SoftExpressions::Ignored));
        }
    }

    fn choose(
        &mut self,
        scheduler: &Scheduler,
        engines: &[Engine],
        rng: &mut Stream,
    ) -> Result<usize, SelectError> {
        if let Some(refusal) = &self.refusal {
            return Err(refusal.clone());
        }
        let passes = [Some(&self.counted), self.ignored.as_ref()];
        let found = passes.into_iter().flatten().find(|own| own.feasible() > 0);
        let Some(standings) = found else {
            // Which filter it was is told by going through all of them.
            let outcome = scheduler.choose(engines, &self.config, rng);
            self.refusal = outcome.as_ref().err().cloned();
            return outcome;
        };
        let best = Ties::Best(standings);
        if scheduler.strategy == Strategy::Random {
            // All are equally good; the original draws for every one of them.
            let mut candidates: Vec<NodeId> = best.iter().collect();
            rng.shuffle(&mut candidates);
            return Ok(candidates[0].index());
        }
        Ok(best.nth(0).index())
    }
}
