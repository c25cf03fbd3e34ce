//! DC/OS: its roles, and the autoscaler of its sample service (spec: orchestrators-b.md section 4;
//! mesosphere/marathon-autoscale `marathon_autoscaler.py`).

use thiserror::Error;
use units::plural;

/// The role of agents that face the outside.
pub const PUBLIC_ROLE: &str = "slave_public";
/// The roles of the root Marathon.
pub const ROOT_MARATHON_ROLES: [&str; 2] = [PUBLIC_ROLE, "*"];

/// Options of an autoscaler; no parameter has a default.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AutoscaleOptions {
    /// Factor by which the instances are multiplied or divided.
    pub multiplier: f64,
    /// Instances at least.
    pub min_instances: u64,
    /// Instances at most.
    pub max_instances: u64,
    /// Number of intervals above the range after which it scales up.
    pub scale_up_factor: u64,
    /// Number of intervals below the range after which it scales down.
    pub cool_down_factor: u64,
}

/// Options under which nothing could be scaled.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AutoscaleError {
    /// The multiplier moves nothing up.
    #[error("a multiplier of {0} scales nothing, expected more than 1")]
    Multiplier(String),
    /// The range is empty.
    #[error(
        "minimum {least} and maximum {}, expected a range",
        plural::count(*most, "instance")
    )]
    Range {
        /// At least.
        least: u64,
        /// At most.
        most: u64,
    },
}

/// Position of a measured mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Below the range.
    Down,
    /// In the range.
    Stay,
    /// Above the range.
    Up,
}

/// The direction of a mean against its range.
pub fn direction(mean: f64, least: f64, most: f64) -> Direction {
    if mean > most {
        Direction::Up
    } else if mean < least {
        Direction::Down
    } else {
        Direction::Stay
    }
}

impl Direction {
    /// Both dimensions have to agree.
    pub fn and(self, other: Self) -> Self {
        if self == other { self } else { Self::Stay }
    }

    /// One dimension is enough; down wins over up.
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Down, _) | (_, Self::Down) => Self::Down,
            (Self::Up, _) | (_, Self::Up) => Self::Up,
            _ => Self::Stay,
        }
    }
}

/// An autoscaler.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Autoscaler {
    options: AutoscaleOptions,
    up: u64,
    down: u64,
}

impl Autoscaler {
    /// An autoscaler that has counted nothing yet.
    ///
    /// # Errors
    /// The options scale nothing.
    pub fn new(options: AutoscaleOptions) -> Result<Self, AutoscaleError> {
        if !(options.multiplier > 1.0 && options.multiplier.is_finite()) {
            return Err(AutoscaleError::Multiplier(options.multiplier.to_string()));
        }
        if options.min_instances > options.max_instances {
            return Err(AutoscaleError::Range {
                least: options.min_instances,
                most: options.max_instances,
            });
        }
        Ok(Self {
            options,
            up: 0,
            down: 0,
        })
    }

    /// An interval has passed: how many instances there are to be.
    pub fn step(&mut self, direction: Direction, instances: u64) -> u64 {
        let options = self.options;
        match direction {
            Direction::Stay => {
                (self.up, self.down) = (0, 0);
                instances
            }
            Direction::Up => {
                (self.up, self.down) = (self.up + 1, 0);
                if self.up < options.scale_up_factor {
                    return instances;
                }
                self.up = 0;
                let more = (instances as f64 * options.multiplier).ceil() as u64;
                more.min(options.max_instances)
            }
            Direction::Down => {
                (self.up, self.down) = (0, self.down + 1);
                if self.down < options.cool_down_factor {
                    return instances;
                }
                self.down = 0;
                let fewer = (instances as f64 / options.multiplier).floor() as u64;
                fewer.max(options.min_instances)
            }
        }
    }
}
