//! The cluster as its manager holds it: unique names, pending creations, retries
//! (spec: orchestrators-a.md section 1.2; classicswarm `cluster/swarm/cluster.go`).

use std::sync::Arc;

use thiserror::Error;

use model::Text;
use rng::Stream;

use super::container::{Container, ContainerConfig, ContainerState};
use super::engine::Engine;
use super::expression::Expression;
use super::scheduler::{Scheduler, SelectError};
use super::standing::Standing;
use units::SortedMap;

/// The engines and what is on them.
#[derive(Clone, Debug)]
pub struct Cluster {
    scheduler: Scheduler,
    /// Number of times that a creation that an engine refused is tried again elsewhere.
    pub create_retries: u32,
    engines: Vec<Engine>,
    names: SortedMap<Text, usize>,
    standing: Standing,
    rng: Stream,
}

/// Reason a container is not created.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CreateError {
    /// Another container has the name.
    #[error(
        "Conflict: the name {name} is already assigned; expected a name that is unique in the \
         cluster"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// No engine takes it.
    #[error(transparent)]
    Select(#[from] SelectError),
    /// The engine refused it.
    #[error("engine {engine} can't create {name}: {}", failure.reason())]
    Engine {
        /// The container.
        name: String,
        /// The engine's name.
        engine: String,
        /// Error of the engine.
        failure: EngineFailure,
    },
}

/// Error of an engine that can't create a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineFailure {
    /// It has no such image and can't get it.
    ImageNotFound,
    /// Anything else.
    Other,
}

impl EngineFailure {
    fn reason(self) -> &'static str {
        match self {
            Self::ImageNotFound => "image not found",
            Self::Other => "the engine failed",
        }
    }
}

/// A creation under way: what it may still try.
#[derive(Clone, Debug)]
pub struct Creation {
    /// Configuration of the container.
    pub config: Arc<ContainerConfig>,
    /// The engine that it is pending on.
    pub engine: usize,
    retries_left: u32,
    is_image_tried: bool,
    original: Arc<ContainerConfig>,
}

impl Cluster {
    /// A cluster without engines. `seed` is the run's: the random strategy draws from the stream
    /// `swarm.random`.
    pub fn new(scheduler: Scheduler, seed: u64) -> Self {
        Self {
            scheduler,
            create_retries: 0,
            engines: Vec::new(),
            names: SortedMap::new(),
            standing: Standing::default(),
            rng: Stream::new(seed, "swarm.random", 0),
        }
    }

    /// Adds an engine at the end of the order; its position.
    pub fn add_engine(&mut self, engine: Engine) -> usize {
        let position = self.engines.len();
        for container in engine.containers() {
            self.names.insert(container.config.name.clone(), position);
        }
        self.engines.push(engine);
        self.standing.forget();
        position
    }

    /// Scheduler that chooses engines.
    pub fn scheduler(&self) -> &Scheduler {
        &self.scheduler
    }

    /// The engines in their order.
    pub fn engines(&self) -> &[Engine] {
        &self.engines
    }

    /// An engine, to change its health, labels or images.
    pub fn engine_mut(&mut self, position: usize) -> Option<&mut Engine> {
        if position < self.engines.len() {
            self.standing.touch(position);
        }
        self.engines.get_mut(position)
    }

    /// Engine of a container, by its position.
    pub fn engine_of(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    /// An engine's health, in per cent.
    pub fn set_health(&mut self, position: usize, health: i64) {
        if let Some(engine) = self.engines.get_mut(position)
            && engine.health != health
        {
            engine.health = health;
            self.standing.touch(position);
        }
    }

    /// [`Cluster::create`] of one of many containers that differ in their names alone: those of one
    /// `class`. The same decision, without looking at every engine.
    ///
    /// # Errors
    /// As there.
    pub fn create_as(
        &mut self,
        config: Arc<ContainerConfig>,
        class: u32,
    ) -> Result<Creation, CreateError> {
        self.check_name(&config)?;
        let engine = self.standing.choose(
            &self.scheduler,
            &self.engines,
            &config,
            class,
            &mut self.rng,
        )?;
        Ok(self.begin(config, engine))
    }

    /// Chooses an engine and enters the container there as pending.
    ///
    /// # Errors
    /// The name is taken, or no engine takes it.
    pub fn create(&mut self, config: Arc<ContainerConfig>) -> Result<Creation, CreateError> {
        self.check_name(&config)?;
        let engine = self
            .scheduler
            .choose(&self.engines, &config, &mut self.rng)?;
        Ok(self.begin(config, engine))
    }

    fn check_name(&self, config: &ContainerConfig) -> Result<(), CreateError> {
        if self.names.contains_key(&config.name) {
            return Err(CreateError::Name {
                name: config.name.to_string(),
            });
        }
        Ok(())
    }

    fn begin(&mut self, config: Arc<ContainerConfig>, engine: usize) -> Creation {
        self.enter(engine, &config, config.name.clone());
        Creation {
            original: Arc::clone(&config),
            config,
            engine,
            retries_left: self.create_retries,
            is_image_tried: false,
        }
    }

    /// The engine created the container.
    pub fn created(&mut self, creation: &Creation, id: Text) {
        if let Some(container) = self.entry(creation.engine, &creation.config.name) {
            container.id = id;
            container.state = ContainerState::Stopped;
            self.standing.touch(creation.engine);
        }
    }

    /// The engine refused the container: once more where the image is, then plain retries.
    ///
    /// # Errors
    /// There is nothing left to try.
    pub fn refused(
        &mut self,
        creation: &Creation,
        failure: EngineFailure,
    ) -> Result<Creation, CreateError> {
        self.remove(&creation.config.name);
        let original = Arc::clone(&creation.original);
        let is_somewhere = self.has_image(&original.image);
        let can_follow_image = failure == EngineFailure::ImageNotFound
            && !creation.is_image_tried
            && !original.is_pinned()
            && is_somewhere;
        if can_follow_image
            && let Ok(affinity) = Expression::parse(&format!("image=={}", original.image))
        {
            let mut near_image = (*original).clone();
            near_image.affinities.push(affinity);
            if let Ok(next) = self.create(Arc::new(near_image)) {
                return Ok(Creation {
                    original,
                    is_image_tried: true,
                    retries_left: creation.retries_left,
                    ..next
                });
            }
        }
        if creation.retries_left == 0 {
            let engine = &self.engines[creation.engine];
            return Err(CreateError::Engine {
                name: original.name.to_string(),
                engine: engine.name.to_string(),
                failure,
            });
        }
        let next = self.create(original)?;
        Ok(Creation {
            is_image_tried: true,
            retries_left: creation.retries_left - 1,
            ..next
        })
    }

    /// A container runs, or has ended.
    pub fn set_running(&mut self, name: &str, is_running: bool) {
        let state = if is_running {
            ContainerState::Running
        } else {
            ContainerState::Stopped
        };
        if let Some(engine) = self.engine_of(name)
            && let Some(container) = self.entry(engine, name)
        {
            container.state = state;
        }
    }

    /// Takes a container away; frees its name.
    pub fn remove(&mut self, name: &str) -> Option<Container> {
        let engine = self.names.remove(name)?;
        self.standing.touch(engine);
        self.engines[engine].take(name)
    }

    /// Puts a container that was taken away back on an engine.
    pub fn put_back(&mut self, engine: usize, container: Container) {
        self.names.insert(container.config.name.clone(), engine);
        self.standing.touch(engine);
        self.engines[engine].insert(container);
    }

    fn enter(&mut self, engine: usize, config: &Arc<ContainerConfig>, swarm_id: Text) {
        self.put_back(
            engine,
            Container {
                config: Arc::clone(config),
                id: Text::default(),
                swarm_id,
                state: ContainerState::Pending,
            },
        );
    }

    fn entry(&mut self, engine: usize, name: &str) -> Option<&mut Container> {
        self.engines.get_mut(engine)?.container_mut(name)
    }

    fn has_image(&self, image: &str) -> bool {
        let mut images = self.engines.iter().flat_map(|engine| &engine.images);
        images.any(|known| known.words().any(|word| word == image))
    }
}
