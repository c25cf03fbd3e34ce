//! Points that a sweep visits: grids crossed, lists in step, ranges sampled at random, by Latin
//! hypercube, or by the design that variance-based sensitivity needs.
//!
//! A Latin hypercube of N points cuts every range into N strata and visits each once (`McKay`,
//! Beckman and Conover 1979). The sensitivity design (Saltelli 2002, 2010) has two independent
//! samples A and B of N points and, for every range i, the sample `AB_i`: A with column i from B;
//! A and B are the halves of one Latin hypercube of twice the width, which keeps them independent
//! by column and converges faster than plain draws.

use super::SweepError;
use super::axis::{Axis, Range, Values};
use rng::Stream;
use units::plural;

/// Sampling of ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sampling {
    /// N independent points.
    Random(u32),
    /// N points of a Latin hypercube.
    Latin(u32),
    /// N base points of a sensitivity design over k ranges: N · (k + 2) points.
    Sobol(u32),
}

impl Sampling {
    /// Name of the sampling in `sweep.json`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Random(_) => "random",
            Self::Latin(_) => "latin",
            Self::Sobol(_) => "sobol",
        }
    }

    /// Number of points, or base points, asked for.
    pub const fn samples(self) -> u32 {
        match self {
            Self::Random(samples) | Self::Latin(samples) | Self::Sobol(samples) => samples,
        }
    }
}

/// Varied fields and their sampling.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Design {
    /// The fields, in the order of the table's columns.
    pub axes: Vec<Axis>,
    /// Sampling of ranges, where there are any.
    pub sampling: Option<Sampling>,
    /// Seed of the samples; not that of the runs.
    pub sampling_seed: u64,
}

/// No sweep has more points than this.
pub const POINTS_MAX: usize = 1_000_000;

impl Design {
    /// The points: one value per field, in order. The last grid changes fastest, then lists, then
    /// samples.
    ///
    /// # Errors
    /// If fields and sampling don't go together.
    pub fn points(&self) -> Result<Vec<Vec<String>>, SweepError> {
        let ranges = self.ranges();
        let samples = self.checked(&ranges)?;
        let grids = self.axes.iter().filter_map(|axis| match &axis.values {
            Values::Grid(values) => Some(values.len()),
            _ => None,
        });
        let lists = self.axes.iter().find_map(|axis| match &axis.values {
            Values::List(values) => Some(values.len()),
            _ => None,
        });
        let lists = lists.unwrap_or(1);
        let crossed = grids.clone().try_fold(1_usize, usize::checked_mul);
        let count = crossed
            .and_then(|count| count.checked_mul(lists))
            .and_then(|count| count.checked_mul(samples.len().max(1)))
            .filter(|&count| count <= POINTS_MAX);
        let count = count.ok_or(SweepError::TooMany(POINTS_MAX))?;
        let sizes: Vec<usize> = grids.collect();
        let mut points = Vec::with_capacity(count);
        for position in 0..count {
            let (rest, sample) = (
                position / samples.len().max(1),
                position % samples.len().max(1),
            );
            let (grid, list) = (rest / lists, rest % lists);
            points.push(self.point(&digits(grid, &sizes), list, samples.get(sample)));
        }
        Ok(points)
    }

    fn ranges(&self) -> Vec<&Range> {
        let ranges = self.axes.iter().filter_map(|axis| match &axis.values {
            Values::Range(range) => Some(range),
            _ => None,
        });
        ranges.collect()
    }

    /// The samples of the ranges as shares, if everything goes together.
    fn checked(&self, ranges: &[&Range]) -> Result<Vec<Vec<f64>>, SweepError> {
        let wrong = |words: String| Err(SweepError::Design(words));
        for (position, axis) in self.axes.iter().enumerate() {
            if self.axes[..position]
                .iter()
                .any(|other| other.path == axis.path)
            {
                return wrong(format!("`{}` is varied twice; give it once", axis.path));
            }
        }
        let lists: Vec<(&str, usize)> = (self.axes.iter())
            .filter_map(|axis| match &axis.values {
                Values::List(values) => Some((axis.path.as_str(), values.len())),
                _ => None,
            })
            .collect();
        if let [(first, length), rest @ ..] = lists.as_slice()
            && let Some((other, another)) = rest.iter().find(|(_, other)| other != length)
        {
            return wrong(format!(
                "--list `{first}` has {} and `{other}` has {another}; lists advance \
                 together, so give them equal lengths, or use --grid to cross them",
                plural::count(*length, "value")
            ));
        }
        match (self.sampling, ranges) {
            (None, []) => Ok(Vec::new()),
            (None, _) => wrong(
                "--vary gives a range without a sampling method; add --random N, --latin N or \
                 --sobol N"
                    .to_owned(),
            ),
            (Some(sampling), []) => wrong(format!(
                "--{} samples ranges, but none is given; add --vary PATH=LOW..HIGH",
                sampling.name()
            )),
            (Some(Sampling::Sobol(_)), _) if ranges.len() < self.axes.len() => wrong(
                "--sobol varies only ranges; leave out --grid and --list, or fix their values \
                 with --set"
                    .to_owned(),
            ),
            (Some(sampling), _) if sampling.samples() < 2 => {
                wrong(format!("--{} needs at least 2 samples", sampling.name()))
            }
            (Some(sampling), _) => {
                let most = sampling.samples() as usize * (ranges.len() + 2);
                if most > POINTS_MAX {
                    return Err(SweepError::TooMany(POINTS_MAX));
                }
                Ok(samples(sampling, ranges.len(), self.sampling_seed))
            }
        }
    }

    fn point(&self, grid: &[usize], list: usize, sample: Option<&Vec<f64>>) -> Vec<String> {
        let mut grid = grid.iter();
        let mut shares = sample.into_iter().flatten();
        let values = self.axes.iter().map(|axis| match &axis.values {
            Values::Grid(values) => values[grid.next().copied().unwrap_or(0)].clone(),
            Values::List(values) => values[list].clone(),
            Values::Range(range) => range.at(shares.next().copied().unwrap_or(0.0)),
        });
        values.collect()
    }
}

/// A number written with a base per digit, the last digit fastest.
fn digits(mut number: usize, sizes: &[usize]) -> Vec<usize> {
    let mut digits = vec![0; sizes.len()];
    for (digit, size) in digits.iter_mut().zip(sizes).rev() {
        *digit = number % size;
        number /= size;
    }
    digits
}

/// Samples of the unit cube.
pub fn samples(sampling: Sampling, width: usize, seed: u64) -> Vec<Vec<f64>> {
    match sampling {
        Sampling::Random(count) => {
            let mut stream = Stream::new(seed, "sweep/random", 0);
            let mut point = || (0..width).map(|_| stream.unit_f64()).collect();
            (0..count).map(|_| point()).collect()
        }
        Sampling::Latin(count) => latin(count as usize, width, seed),
        Sampling::Sobol(count) => {
            let both = latin(count as usize, 2 * width, seed);
            let a = both.iter().map(|point| point[..width].to_vec());
            let b = both.iter().map(|point| point[width..].to_vec());
            let mut points: Vec<Vec<f64>> = a.chain(b).collect();
            for column in 0..width {
                points.extend(both.iter().map(|point| {
                    let mut mixed = point[..width].to_vec();
                    mixed[column] = point[width + column];
                    mixed
                }));
            }
            points
        }
    }
}

fn latin(count: usize, width: usize, seed: u64) -> Vec<Vec<f64>> {
    let mut points = vec![vec![0.0; width]; count];
    for column in 0..width {
        let mut stream = Stream::new(seed, "sweep/latin", column as u64);
        let mut strata: Vec<usize> = (0..count).collect();
        stream.shuffle(&mut strata);
        for (point, stratum) in points.iter_mut().zip(strata) {
            point[column] = (stratum as f64 + stream.unit_f64()) / count as f64;
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    fn design(axes: &[Axis], sampling: Option<Sampling>) -> Design {
        Design {
            axes: axes.to_vec(),
            sampling,
            sampling_seed: 1,
        }
    }

    fn grid(text: &str) -> Axis {
        Axis::grid(text).expect(text)
    }

    #[test]
    fn grids_are_crossed_and_lists_go_in_step() {
        let axes = [
            grid("a=1,2"),
            grid("b=x,y"),
            Axis::list("c=3,4").expect("a list"),
            Axis::list("d=5,6").expect("a list"),
        ];
        let points = design(&axes, None).points().expect("points");
        let points: Vec<String> = points.iter().map(|point| point.concat()).collect();
        let expected = [
            "1x35", "1x46", "1y35", "1y46", "2x35", "2x46", "2y35", "2y46",
        ];
        assert_eq!(points, expected);
        assert_eq!(design(&[], None).points().expect("one"), [[""; 0]; 1]);
    }

    #[test]
    fn a_latin_hypercube_visits_every_stratum_once() {
        for seed in 0..20 {
            let points = samples(Sampling::Latin(17), 3, seed);
            for column in 0..3 {
                let strata = points.iter().map(|point| (point[column] * 17.0) as usize);
                let mut strata: Vec<usize> = strata.collect();
                strata.sort_unstable();
                assert!(strata.into_iter().eq(0..17), "seed {seed}, column {column}");
            }
        }
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        let range = Axis::range("r=0..1").expect("a range");
        let check = |axes: &[Axis], sampling, part: &str| {
            let told = design(axes, sampling).points().expect_err(part);
            assert!(told.to_string().contains(part), "{told}");
        };
        let lists = [
            Axis::list("c=3,4").expect("a list"),
            Axis::list("d=5").expect("a list"),
        ];
        let random = Some(Sampling::Random(3));
        check(&lists, None, "has 2 values and `d` has 1");
        check(&[grid("a=1"), grid("a=2")], None, "varied twice");
        check(std::slice::from_ref(&range), None, "add --random N");
        check(&[grid("a=1")], random, "none is given");
        check(
            &[grid("a=1"), range.clone()],
            Some(Sampling::Sobol(8)),
            "varies only ranges",
        );
        check(&[range], Some(Sampling::Latin(1)), "at least 2 samples");
        let many: Vec<String> = (0..1_001).map(|value| value.to_string()).collect();
        let many = many.join(",");
        let axes = [grid(&format!("a={many}")), grid(&format!("b={many}"))];
        check(&axes, None, "more than 1000000 points");
    }
}
