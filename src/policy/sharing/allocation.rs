//! Allocation of time on devices of unlike models (Gavel, OSDI'20; spec: orchestrators-b.md section 8.2):
//! a job may have a share of its time on each model, all of them together at most the whole, and the
//! shares of all jobs must fit the devices of each model.
//!
//! Whether jobs can have the throughputs that they require is a linear program in which the devices
//! alone connect the jobs. It is solved by column generation (Dantzig and Wolfe 1960): at prices for the
//! devices each job takes the cheapest shares for itself, which are on two models at most, and a small
//! master program over as many rows as there are models mixes these answers and finds new prices.

/// A job's demand for devices.
#[derive(Clone, Debug)]
pub struct Demand {
    /// Number of devices.
    pub devices: f64,
    /// Throughput on each model; 0 on one that it may not have.
    pub rates: Vec<f64>,
}

/// Shares of the time by job and model.
pub type Shares = Vec<Vec<f64>>;

/// Errors of floats below this are none.
const TOLERANCE: f64 = 1e-9;

/// Most steps of one program; two or three models need some ten.
const MOST_STEPS: usize = 200;

/// Halvings of an interval.
const HALVINGS: usize = 40;

impl Demand {
    /// The greatest throughput on one model.
    pub(super) fn greatest(&self) -> f64 {
        self.rates.iter().copied().fold(0.0, f64::max)
    }

    /// The cheapest shares for a throughput, at prices of a device of each model; `None` if no model is
    /// fast enough.
    fn cheapest(&self, required: f64, prices: &[f64]) -> Option<Vec<f64>> {
        let models = self.rates.len();
        let mut shares = vec![0.0; models];
        if required <= 0.0 {
            return Some(shares);
        }
        let mut best: Option<(f64, [(usize, f64); 2])> = None;
        let mut offer = |mix: [(usize, f64); 2]| {
            let cost = mix.iter().map(|&(model, share)| prices[model] * share);
            let cost: f64 = cost.sum();
            if best.is_none_or(|(least, _)| cost < least) {
                best = Some((cost, mix));
            }
        };
        for fast in 0..models {
            let rate = self.rates[fast];
            if rate < required * (1.0 - TOLERANCE) {
                continue;
            }
            offer([(fast, (required / rate).min(1.0)), (fast, 0.0)]);
            for slow in 0..models {
                let other = self.rates[slow];
                if other > 0.0 && other < required && rate > other {
                    let share = ((required - other) / (rate - other)).min(1.0);
                    offer([(fast, share), (slow, 1.0 - share)]);
                }
            }
        }
        for (model, share) in best?.1 {
            shares[model] += share;
        }
        Some(shares)
    }
}

/// An answer of all jobs to prices.
struct Answer {
    shares: Shares,
    /// Devices of each model that it takes, over those that there are.
    loads: Vec<f64>,
}

fn answer(demands: &[Demand], required: &[f64], devices: &[f64], prices: &[f64]) -> Option<Answer> {
    let mut loads = vec![0.0; devices.len()];
    let mut shares = Vec::with_capacity(demands.len());
    for (demand, &required) in demands.iter().zip(required) {
        let own = demand.cheapest(required, prices)?;
        for (model, share) in own.iter().enumerate() {
            if *share > 0.0 {
                loads[model] += share * demand.devices / devices[model];
            }
        }
        shares.push(own);
    }
    Some(Answer { shares, loads })
}

/// A column of the master program.
#[derive(Clone, Copy, PartialEq)]
enum Basic {
    /// The greatest load, which is to be least.
    Load,
    /// Room below the greatest load on a model.
    Room(usize),
    /// The part of an answer in the mix.
    Part(usize),
}

/// Shares under which each job has the throughput that it requires and no model is loaded beyond its
/// devices; `None` if there are none.
pub fn fit(demands: &[Demand], required: &[f64], devices: &[f64]) -> Option<Shares> {
    let models = devices.len();
    let even = 1.0 / models.max(1) as f64;
    // A price for the load of a model is one for each of its devices.
    let per_device = |prices: &[f64]| -> Vec<f64> {
        let each = prices.iter().zip(devices);
        each.map(|(price, &count)| price.max(0.0) / count.max(1e-12))
            .collect()
    };
    let mut answers = vec![answer(
        demands,
        required,
        devices,
        &per_device(&vec![even; models]),
    )?];
    let first = &answers[0].loads;
    let heaviest = (0..models).max_by(|&one, &other| first[one].total_cmp(&first[other]))?;
    let mut basis: Vec<Basic> = (0..models)
        .filter(|&model| model != heaviest)
        .map(Basic::Room)
        .collect();
    basis.extend([Basic::Load, Basic::Part(0)]);
    for _ in 0..MOST_STEPS {
        let column = |basic: Basic| -> Vec<f64> {
            let mut column = vec![0.0; models + 1];
            match basic {
                Basic::Load => column[..models].fill(-1.0),
                Basic::Room(model) => column[model] = 1.0,
                Basic::Part(number) => {
                    column[..models].copy_from_slice(&answers[number].loads);
                    column[models] = 1.0;
                }
            }
            column
        };
        let inverse = inverse(&basis.iter().map(|&own| column(own)).collect::<Vec<_>>())?;
        let values: Vec<f64> = inverse.iter().map(|row| row[models]).collect();
        let load = basis.iter().position(|own| *own == Basic::Load)?;
        if values[load] <= 1.0 + TOLERANCE {
            return Some(mixed(&answers, &basis, &values));
        }
        // Only the load costs, so that its row of the inverse is the dual solution.
        let dual = &inverse[load];
        let prices: Vec<f64> = dual[..models].iter().map(|own| -own).collect();
        let below_zero = prices.iter().position(|&price| price < -TOLERANCE);
        let entering = if let Some(model) = below_zero {
            Basic::Room(model)
        } else {
            let next = answer(demands, required, devices, &per_device(&prices))?;
            let each = next.loads.iter().zip(&prices);
            let least: f64 = each.map(|(own, price)| own * price.max(0.0)).sum();
            if least > 1.0 + TOLERANCE || least >= dual[models] - TOLERANCE {
                return None;
            }
            answers.push(next);
            Basic::Part(answers.len() - 1)
        };
        let entering_column = match entering {
            Basic::Part(number) => {
                let mut own = answers[number].loads.clone();
                own.push(1.0);
                own
            }
            Basic::Room(model) => (0..=models).map(|row| f64::from(row == model)).collect(),
            Basic::Load => return None,
        };
        let leaving = leaving(&inverse, &values, &entering_column)?;
        basis[leaving] = entering;
    }
    None
}

/// The row of the basis that a column replaces.
fn leaving(inverse: &[Vec<f64>], values: &[f64], entering: &[f64]) -> Option<usize> {
    let mut best: Option<(f64, usize)> = None;
    for (row, value) in values.iter().enumerate() {
        let change: f64 = inverse[row].iter().zip(entering).map(|(a, b)| a * b).sum();
        if change > TOLERANCE {
            let ratio = value.max(0.0) / change;
            if best.is_none_or(|(least, _)| ratio < least) {
                best = Some((ratio, row));
            }
        }
    }
    best.map(|(_, row)| row)
}

/// The answers in the mix, each with its part.
fn mixed(answers: &[Answer], basis: &[Basic], values: &[f64]) -> Shares {
    let mut all = vec![vec![0.0; answers[0].loads.len()]; answers[0].shares.len()];
    for (own, &part) in basis.iter().zip(values) {
        if let Basic::Part(number) = own
            && part > 0.0
        {
            for (sum, shares) in all.iter_mut().zip(&answers[*number].shares) {
                for (sum, share) in sum.iter_mut().zip(shares) {
                    *sum += part * share;
                }
            }
        }
    }
    all
}

/// The inverse of a matrix that is given by its columns; `None` of a singular one.
fn inverse(columns: &[Vec<f64>]) -> Option<Vec<Vec<f64>>> {
    let size = columns.len();
    let mut left: Vec<Vec<f64>> = (0..size)
        .map(|row| columns.iter().map(|column| column[row]).collect())
        .collect();
    let mut right: Vec<Vec<f64>> = (0..size)
        .map(|row| (0..size).map(|at| f64::from(at == row)).collect())
        .collect();
    for at in 0..size {
        let size_of = |row: &usize| left[*row][at].abs();
        let pivot = (at..size).max_by(|one, other| size_of(one).total_cmp(&size_of(other)))?;
        if size_of(&pivot) < 1e-14 {
            return None;
        }
        left.swap(at, pivot);
        right.swap(at, pivot);
        let scale = left[at][at];
        for cell in left[at].iter_mut().chain(&mut right[at]) {
            *cell /= scale;
        }
        for row in (0..size).filter(|&row| row != at) {
            let factor = left[row][at];
            if factor != 0.0 {
                for column in 0..size {
                    let (own, other) = (left[at][column], right[at][column]);
                    left[row][column] -= factor * own;
                    right[row][column] -= factor * other;
                }
            }
        }
    }
    Some(right)
}

/// Shares for the greatest level at which all jobs have the throughput that it requires of them.
/// A level requires more of each job the greater it is, and at `most` more than some job can have, or
/// just as much.
pub fn greatest(
    demands: &[Demand],
    devices: &[f64],
    most: f64,
    required: impl Fn(usize, f64) -> f64,
) -> Shares {
    let at = |level: f64| {
        let each = demands.iter().enumerate();
        let required: Vec<f64> = each
            .map(|(place, demand)| required(place, level).min(demand.greatest()))
            .collect();
        fit(demands, &required, devices)
    };
    if let Some(shares) = at(most) {
        return shares;
    }
    let (mut low, mut high) = (0.0, most);
    let mut best = vec![vec![0.0; devices.len()]; demands.len()];
    for _ in 0..HALVINGS {
        let middle = low + (high - low) / 2.0;
        match at(middle) {
            Some(shares) => (low, best) = (middle, shares),
            None => high = middle,
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn demand(devices: f64, rates: &[f64]) -> Demand {
        Demand {
            devices,
            rates: rates.to_vec(),
        }
    }

    fn throughput(demand: &Demand, shares: &[f64]) -> f64 {
        demand.rates.iter().zip(shares).map(|(a, b)| a * b).sum()
    }

    #[test]
    fn two_jobs_share_two_models_as_in_the_worked_example() {
        let demands = [demand(1.0, &[40.0, 10.0]), demand(1.0, &[12.0, 10.0])];
        let equal = [25.0, 11.0];
        let shares = greatest(&demands, &[1.0, 1.0], 1.6, |place, level| {
            level * equal[place]
        });
        for own in &shares {
            assert!((own[0] - 0.5).abs() < 1e-6, "{shares:?}");
        }
        // At the other corner the first job has the fast model to itself.
        let shares = fit(&demands, &[40.0, 10.0], &[1.0, 1.0]).expect("fits");
        assert!((shares[0][0] - 1.0).abs() < 1e-9 && (shares[1][1] - 1.0).abs() < 1e-9);
        assert!(fit(&demands, &[40.0, 10.1], &[1.0, 1.0]).is_none());
        assert!(fit(&demands, &[41.0, 0.0], &[1.0, 1.0]).is_none());
    }

    #[test]
    fn jobs_of_several_devices_and_models_that_are_not_theirs_are_respected() {
        // Four devices of the first model carry the wide job half of the time.
        let demands = [demand(4.0, &[2.0, 0.0]), demand(2.0, &[1.0, 1.0])];
        let shares = fit(&demands, &[1.0, 1.0], &[4.0, 1.0]).expect("fits");
        let load: f64 = shares[0][0] * 4.0 + shares[1][0] * 2.0;
        assert!(load <= 4.0 + 1e-6 && shares[0][1] == 0.0, "{shares:?}");
        assert!(shares[1][1] * 2.0 <= 1.0 + 1e-6);
        assert!(fit(&demands, &[2.0, 1.0], &[4.0, 1.0]).is_none());
    }

    proptest! {
        /// Shares fit the devices and give what is required, and a program that has some with one
        /// device more of each model than another has none where that has none.
        #[test]
        fn shares_fit(
            jobs in prop::collection::vec((1u8..5, prop::array::uniform3(0u8..9), 0u8..10), 1..12),
            counts in prop::array::uniform3(1u8..9),
        ) {
            let demands: Vec<Demand> = jobs.iter()
                .map(|(devices, rates, _)| demand(f64::from(*devices), &rates.map(f64::from)))
                .collect();
            let required: Vec<f64> = jobs.iter().zip(&demands)
                .map(|((_, _, part), own)| own.greatest() * f64::from(*part) / 10.0)
                .collect();
            let devices = counts.map(f64::from);
            let found = fit(&demands, &required, &devices);
            if let Some(shares) = &found {
                for ((own, shares), required) in demands.iter().zip(shares).zip(&required) {
                    prop_assert!(shares.iter().sum::<f64>() <= 1.0 + 1e-6);
                    prop_assert!(throughput(own, shares) >= required - 1e-6);
                }
                for model in 0..3 {
                    let load: f64 = demands.iter().zip(shares)
                        .map(|(own, shares)| own.devices * shares[model])
                        .sum();
                    prop_assert!(load <= devices[model] * (1.0 + 1e-6), "{load} on {model}");
                }
            }
            let more = fit(&demands, &required, &devices.map(|count| count + 1.0));
            prop_assert!(found.is_none() || more.is_some());
            // The mean of all devices is a bound that every program keeps.
            let least: f64 = demands.iter().zip(&required)
                .map(|(own, required)| required / own.greatest().max(1e-9) * own.devices)
                .sum();
            prop_assert!(found.is_none() || least <= devices.iter().sum::<f64>() + 1e-6);
            // What drawn shares of the devices give must fit.
            let each = 1.0 / demands.len() as f64;
            let given: Vec<f64> = demands.iter().map(|demand| {
                let shares = devices.map(|count| (each * count / demand.devices).min(1.0 / 3.0));
                throughput(demand, &shares)
            }).collect();
            prop_assert!(fit(&demands, &given, &devices).is_some(), "{given:?}");
            let ample = fit(&demands, &required, &[1e4; 3]);
            prop_assert!(ample.is_some());
        }
    }
}
