//! A statistic: one number of a family, with its unit and the direction that is better.

/// The direction in which a metric gets better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// Less is better.
    Lower,
    /// More is better.
    Higher,
    /// Neither is better.
    None,
}

impl Direction {
    /// All directions.
    pub const ALL: [Self; 3] = [Self::Lower, Self::Higher, Self::None];

    /// The name in result files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lower => "lower",
            Self::Higher => "higher",
            Self::None => "none",
        }
    }

    /// The direction of a name; any other text names none.
    pub fn of_name(name: &str) -> Self {
        let mut all = Self::ALL.into_iter();
        all.find(|own| own.name() == name).unwrap_or(Self::None)
    }

    /// Amount by which a difference makes a value worse; any difference makes worse if neither
    /// direction is better.
    pub fn worsening(self, difference: f64) -> f64 {
        match self {
            Self::Lower => difference,
            Self::Higher => -difference,
            Self::None => difference.abs(),
        }
    }

    /// The direction in words, for people; empty if neither is better.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Lower => "lower is better",
            Self::Higher => "higher is better",
            Self::None => "",
        }
    }
}

/// The values that a statistic can have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The least.
    pub least: f64,
    /// The most.
    pub most: f64,
}

impl Range {
    /// Any number.
    pub const ANY: Self = Self {
        least: f64::NEG_INFINITY,
        most: f64::INFINITY,
    };
    /// No negative number.
    pub const FROM_ZERO: Self = Self {
        least: 0.0,
        most: f64::INFINITY,
    };
    /// A share of a whole.
    pub const SHARE: Self = Self {
        least: 0.0,
        most: 1.0,
    };

    /// Whether a value lies within, but for the rounding of floats.
    pub fn has(self, value: f64) -> bool {
        const ROUNDING: f64 = 1e-9;
        value >= self.least - ROUNDING && value <= self.most + ROUNDING
    }
}

/// One number of a family. A family declares each statistic once as a constant, lists the constant in
/// its entry, and hands the reading back under the same constant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistic {
    /// The part of a family that the statistic is about, such as a resource; often empty.
    pub part: &'static str,
    /// The name within the family or its part.
    pub name: &'static str,
    /// The unit: `ratio`, `times`, `s`, `cores`, `bytes`, `gpus`, `pods`, `jobs`, `nodes`, `1/h`,
    /// `W`, `kWh`, `currency` …
    pub unit: &'static str,
    /// The direction that is better.
    pub direction: Direction,
    /// The values that it can have.
    pub range: Range,
    /// Relative change below which a difference is taken for noise by default; 0 takes none.
    pub threshold: f64,
    /// Smallest difference of practical relevance, in the unit of the statistic: a smaller one is noise
    /// however small the values are.
    pub floor: f64,
    /// Marks an estimate of a steady state, which has no value in a window without one.
    pub steady: bool,
    /// Marks a statistic that is known only at the end of a run, so that no alert rule can read it.
    pub only_at_end: bool,
}

impl Statistic {
    /// A count or amount, never negative; every difference counts from the usual floor of the unit on.
    pub const fn amount(name: &'static str, unit: &'static str, direction: Direction) -> Self {
        Self {
            part: "",
            name,
            unit,
            direction,
            range: Range::FROM_ZERO,
            threshold: 0.0,
            floor: usual_floor(unit),
            steady: false,
            only_at_end: false,
        }
    }

    /// A number of occurrences, of which every one counts.
    pub const fn occurrences(name: &'static str, direction: Direction) -> Self {
        Self::amount(name, "times", direction).relevant_from(0.05)
    }

    /// A time in seconds; differences below 2 % are noise.
    pub const fn seconds(name: &'static str) -> Self {
        Self::amount(name, "s", Direction::Lower).noise(0.02)
    }

    /// A multiple of something; differences below 2 % are noise.
    pub const fn times(name: &'static str, direction: Direction) -> Self {
        Self::amount(name, "times", direction).noise(0.02)
    }

    /// A ratio from 0 to 1, 1 being all; differences below 1 % are noise.
    pub const fn ratio(name: &'static str, direction: Direction) -> Self {
        Self::amount(name, "ratio", direction)
            .noise(0.01)
            .within(Range::SHARE)
    }

    /// The statistic with another range.
    pub const fn within(self, range: Range) -> Self {
        Self { range, ..self }
    }

    /// The statistic of a part of the family: `mean` of `cpu` is `cpu.mean`.
    pub const fn of(self, part: &'static str) -> Self {
        Self { part, ..self }
    }

    /// The statistic with another threshold for noise.
    pub const fn noise(self, threshold: f64) -> Self {
        Self { threshold, ..self }
    }

    /// The statistic with another smallest relevant difference, in the unit of the statistic.
    pub const fn relevant_from(self, floor: f64) -> Self {
        Self { floor, ..self }
    }

    /// The statistic as an estimate of a steady state.
    pub const fn steady(self) -> Self {
        Self {
            steady: true,
            ..self
        }
    }

    /// The statistic as one that is known only at the end of a run.
    pub const fn only_at_end(self) -> Self {
        Self {
            only_at_end: true,
            ..self
        }
    }

    /// The statistic with another direction.
    pub const fn toward(self, direction: Direction) -> Self {
        Self { direction, ..self }
    }

    /// The statistic in another unit, with the usual floor of that unit.
    pub const fn measured_in(self, unit: &'static str) -> Self {
        Self {
            unit,
            floor: usual_floor(unit),
            ..self
        }
    }

    /// The part of an id after the subject of the family.
    pub fn path(&self) -> String {
        if self.part.is_empty() {
            self.name.to_owned()
        } else {
            format!("{}.{}", self.part, self.name)
        }
    }

    /// Whether a path is that of the statistic.
    pub fn has_path(&self, path: &str) -> bool {
        if self.part.is_empty() {
            return path == self.name;
        }
        let rest = path.strip_prefix(self.part);
        rest.and_then(|rest| rest.strip_prefix('.')) == Some(self.name)
    }

    /// Whether two statistics are one, whatever their units and thresholds.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.name == other.name && self.part == other.part
    }
}

/// The smallest relevant difference of a unit, unless a statistic states another one. Counts have
/// one in twenty: a single event more in one of the twenty runs that a comparison makes by default.
///
/// # Panics
/// At compile time, if the unit has no floor: a new unit gets its own here.
const fn usual_floor(unit: &str) -> f64 {
    match unit.as_bytes() {
        b"bytes" => 1_048_576.0,
        b"decisions" | b"looks" | b"requests" => 1.0,
        b"s" | b"W" => 0.1,
        b"cores" | b"pods" | b"jobs" | b"nodes" | b"gpus" | b"instances" | b"tenants"
        | b"groups" | b"alerts" | b"notifications" | b"failures" | b"losses" | b"restarts"
        | b"rollouts" | b"pushes" | b"backups" | b"snapshots" | b"volumes" | b"bool" => 0.05,
        b"times" | b"nines" | b"core-hours" | b"gpu-hours" | b"node-hours" | b"pod-hours"
        | b"1/h" | b"1/s" | b"1/day" | b"1/1000 pod-hours" | b"pods/h" | b"currency" | b"kWh"
        | b"Wh" | b"kgCO2" | b"GiB s" => 0.01,
        b"ratio" => 0.001,
        _ => panic!("a unit without a smallest relevant difference"),
    }
}

/// The statistics of each of some parts, part by part; `ALL` is the number of both multiplied.
pub const fn of_each<const PARTS: usize, const EACH: usize, const ALL: usize>(
    parts: [&'static str; PARTS],
    each: [Statistic; EACH],
) -> [Statistic; ALL] {
    assert!(
        ALL == PARTS * EACH,
        "as many statistics as parts times those of each"
    );
    let mut all = [each[0]; ALL];
    let mut place = 0;
    while place < ALL {
        all[place] = each[place % EACH].of(parts[place / EACH]);
        place += 1;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_of_parts_come_part_by_part() {
        const MEAN: Statistic = Statistic::seconds("mean");
        const MAX: Statistic = Statistic::seconds("tail.max");
        let all: [Statistic; 4] = of_each(["cpu", "gpu"], [MEAN, MAX]);
        let paths = all.map(|own| own.path());
        assert_eq!(
            paths,
            ["cpu.mean", "cpu.tail.max", "gpu.mean", "gpu.tail.max"]
        );
        assert!(all[3].has_path("gpu.tail.max") && !all[3].has_path("gpu.max"));
        assert!(MEAN.has_path("mean") && !MEAN.has_path("cpu.mean"));
    }

    #[test]
    fn floors_follow_the_unit_unless_stated() {
        const WAIT: Statistic = Statistic::seconds("mean");
        const LATENCY: Statistic = Statistic::seconds("mean").relevant_from(0.001);
        const COUNT: Statistic = Statistic::times("count", Direction::Lower).measured_in("pods");
        let floors = [WAIT, LATENCY, COUNT].map(|own| own.floor);
        assert_eq!(
            floors.map(f64::to_bits),
            [0.1, 0.001, 0.05].map(f64::to_bits)
        );
    }

    #[test]
    fn directions_are_read_back_from_their_names() {
        for direction in Direction::ALL {
            assert_eq!(Direction::of_name(direction.name()), direction);
        }
        assert_eq!(Direction::of_name("sideways"), Direction::None);
    }
}
