//! Power that a machine draws as it is used, and emissions of its making (metrics.md 5.4, energy;
//! orchestrators-b.md 10.7).

use rng::math;
use units::Duration;

/// A power model.
#[derive(Clone, Debug, PartialEq)]
pub struct Power {
    /// Power while the machine is up.
    pub curve: PowerCurve,
    /// Drawn while it is there and down, in microwatts.
    pub off_micro_watt: i64,
    /// Drawn from its order until it joins, in microwatts.
    pub boot_micro_watt: i64,
    /// Emissions of the machine's manufacturing.
    pub embodied: Option<Embodied>,
}

/// Power of a machine by CPU utilization, in microwatts.
#[derive(Clone, Debug, PartialEq)]
pub enum PowerCurve {
    /// `idle + (max - idle) x u^exponent`.
    Formula {
        /// Drawn by a machine that does nothing.
        idle: i64,
        /// Drawn by a machine that is used in full.
        max: i64,
        /// Exponent of the utilization: 1 is linear.
        exponent: f64,
        /// Whether one that does nothing is switched off, as the formulas of `CloudSim` have it.
        sleeps: bool,
    },
    /// Measured at 0, 10, … 100 % and linear in between.
    Table([i64; STEPS]),
}

/// Values of a table.
pub const STEPS: usize = 11;

/// Emissions of a machine's manufacturing, spread evenly over its lifetime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Embodied {
    /// Milligrams of CO2.
    pub milligrams: i64,
    /// Time for which the machine is used.
    pub lifetime: Duration,
}

/// Measured machines (`SPECpower`, orchestrators-b.md 10.7), in milliwatts.
pub const MACHINES: &[(&str, [i64; STEPS])] = &[
    (
        "HpMl110G3",
        [
            105_000, 112_000, 118_000, 125_000, 131_000, 137_000, 147_000, 153_000, 157_000,
            164_000, 169_000,
        ],
    ),
    (
        "HpMl110G4",
        [
            86_000, 89_400, 92_600, 96_000, 99_500, 102_000, 106_000, 108_000, 112_000, 114_000,
            117_000,
        ],
    ),
    (
        "HpMl110G5",
        [
            93_700, 97_000, 101_000, 105_000, 110_000, 116_000, 121_000, 125_000, 129_000, 133_000,
            135_000,
        ],
    ),
    (
        "IbmX3250X3470",
        [
            41_600, 46_700, 52_300, 57_900, 65_400, 73_000, 80_700, 89_500, 99_600, 105_000,
            113_000,
        ],
    ),
    (
        "IbmX3250X3480",
        [
            42_300, 46_700, 49_700, 55_400, 61_800, 69_300, 76_100, 87_000, 96_100, 106_000,
            113_000,
        ],
    ),
    (
        "IbmX3550X5670",
        [
            66_000, 107_000, 120_000, 131_000, 143_000, 156_000, 173_000, 191_000, 211_000,
            229_000, 247_000,
        ],
    ),
    (
        "IbmX3550X5675",
        [
            58_400, 98_000, 109_000, 118_000, 128_000, 140_000, 153_000, 170_000, 189_000, 205_000,
            222_000,
        ],
    ),
];

impl PowerCurve {
    /// The curve of a measured machine.
    pub fn of_machine(name: &str) -> Option<Self> {
        let own = MACHINES.iter().find(|(known, _)| *known == name)?;
        Some(Self::Table(own.1.map(|milliwatts| milliwatts * 1_000)))
    }

    /// Power of a machine at this CPU utilization, in microwatts. The utilization is clamped to
    /// 0..1.
    pub fn drawn(&self, used: f64) -> i64 {
        let used = used.clamp(0.0, 1.0);
        match self {
            Self::Formula { sleeps: true, .. } if used <= 0.0 => 0,
            Self::Formula {
                idle,
                max,
                exponent,
                ..
            } => {
                let above = (max - idle) as f64 * math::pow(used, *exponent);
                idle + math::round_half_even(above) as i64
            }
            Self::Table(watts) => {
                let steps = used * (STEPS - 1) as f64;
                let below = (steps as usize).min(STEPS - 2);
                let rise = (watts[below + 1] - watts[below]) as f64;
                watts[below] + math::round_half_even(rise * (steps - below as f64)) as i64
            }
        }
    }

    /// Idle power, in microwatts.
    pub fn idle(&self) -> i64 {
        self.drawn(0.0)
    }
}

impl Embodied {
    /// Emissions attributed to a span, in milligrams of CO2.
    pub fn of(&self, nanos: i64) -> f64 {
        let life = self.lifetime.as_nanos().max(1);
        self.milligrams as f64 * (nanos as f64 / life as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked example of orchestrators-b.md 10.7.
    #[test]
    fn watts_are_those_of_the_example() {
        for (host, used, watts) in [
            ("HpMl110G4", 0.35, 97.75),
            ("HpMl110G5", 0.75, 127.0),
            ("IbmX3550X5675", 0.02, 66.32),
            ("IbmX3550X5675", 0.87, 200.2),
            ("HpMl110G3", 1.0, 169.0),
            ("HpMl110G3", 1.7, 169.0),
        ] {
            let curve = PowerCurve::of_machine(host).expect("a measured machine");
            let found = curve.drawn(used) as f64 / 1e6;
            assert!((found - watts).abs() < 1e-9, "{host} at {used}: {found}");
        }
        assert_eq!(PowerCurve::of_machine("HpMl110G9"), None);
        let linear = PowerCurve::Formula {
            idle: 175_000_000,
            max: 250_000_000,
            exponent: 1.0,
            sleeps: true,
        };
        assert_eq!((linear.drawn(0.5), linear.drawn(0.0)), (212_500_000, 0));
    }

    /// Example of a day of a G5.
    #[test]
    fn a_day_is_that_of_the_example() {
        let curve = PowerCurve::of_machine("HpMl110G5").expect("a measured machine");
        let hours = [(8, 0.2), (12, 0.6), (4, 0.0)];
        let energy: i64 = hours
            .iter()
            .map(|&(hours, used)| hours * curve.drawn(used))
            .sum();
        assert!((energy as f64 / 1e9 - 2.6348).abs() < 1e-9, "{energy}");
    }

    #[test]
    fn formulas_follow_their_exponent() {
        for (exponent, expected) in [(1.0, 200), (2.0, 150), (0.5, 241)] {
            let curve = PowerCurve::Formula {
                idle: 100,
                max: 300,
                exponent,
                sleeps: false,
            };
            assert_eq!((curve.drawn(0.5), curve.idle()), (expected, 100));
        }
        let embodied = Embodied {
            milligrams: 1_000,
            lifetime: Duration::from_secs(100),
        };
        assert!((embodied.of(50_000_000_000) - 500.0).abs() < 1e-9);
    }
}
