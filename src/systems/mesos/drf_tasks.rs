//! Dominant-resource fairness task by task, as the paper has it: a strategy apart from offers
//! (spec: orchestrators-b.md section 1.3; Ghodsi et al., NSDI 2011).

use thiserror::Error;

use model::Text;

/// Behaviour when the next user's task does not fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Blocked {
    /// The others go on.
    #[default]
    Skip,
    /// Nobody gets anything more, as in the paper.
    Stop,
}

/// A user and the demand of each of its tasks, by resource in the order of the capacities.
#[derive(Clone, Debug)]
pub struct User {
    /// The user's name.
    pub name: Text,
    /// Demand of one task of the user.
    pub demand: Vec<i64>,
    /// The user's weight.
    pub weight: f64,
}

/// A demand for which there can be no fair division.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DemandError {
    /// A task that needs nothing would be given without end.
    #[error("a task of `{user}` has no demand, expected a demand above 0 of some resource")]
    Nothing {
        /// User of the task.
        user: String,
    },
    /// The weight is no weight.
    #[error("the weight of `{user}` is {weight}, expected a number above 0")]
    Weight {
        /// User of the weight.
        user: String,
        /// Weight asked for.
        weight: String,
    },
}

/// Result of the division.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Division {
    /// Users, by position, in the order in which they got a task.
    pub sequence: Vec<usize>,
    /// Number of tasks of each user.
    pub tasks: Vec<u64>,
    /// The dominant share of each, without weights.
    pub dominant_shares: Vec<f64>,
}

/// Divides capacities among users, task by task. Equal shares go to whoever has fewer tasks, then
/// by name.
///
/// # Errors
/// A task needs nothing, or a weight is not above 0.
pub fn divide(
    capacities: &[i64],
    users: &[User],
    blocked: Blocked,
) -> Result<Division, DemandError> {
    check(users)?;
    let mut left = capacities.to_vec();
    let mut tasks = vec![0_u64; users.len()];
    let mut is_out = vec![false; users.len()];
    let mut sequence = Vec::new();
    loop {
        let weighted = |&user: &usize| {
            let held = &users[user];
            share(capacities, held, tasks[user]) / held.weight
        };
        let open = (0..users.len()).filter(|&user| !is_out[user]);
        let next = open.min_by(|one, other| {
            let by_share = weighted(one).total_cmp(&weighted(other));
            by_share
                .then(tasks[*one].cmp(&tasks[*other]))
                .then_with(|| users[*one].name.cmp(&users[*other].name))
        });
        let Some(user) = next else { break };
        let demand = &users[user].demand;
        if demand.iter().zip(&left).any(|(asked, left)| asked > left) {
            if blocked == Blocked::Stop {
                break;
            }
            is_out[user] = true;
            continue;
        }
        for (asked, left) in demand.iter().zip(&mut left) {
            *left -= asked;
        }
        tasks[user] += 1;
        sequence.push(user);
    }
    let dominant = |(user, &tasks): (&User, &u64)| share(capacities, user, tasks);
    Ok(Division {
        dominant_shares: users.iter().zip(&tasks).map(dominant).collect(),
        sequence,
        tasks,
    })
}

fn check(users: &[User]) -> Result<(), DemandError> {
    for user in users {
        let name = user.name.to_string();
        if user.demand.iter().all(|&asked| asked <= 0) {
            return Err(DemandError::Nothing { user: name });
        }
        if !(user.weight > 0.0 && user.weight.is_finite()) {
            return Err(DemandError::Weight {
                user: name,
                weight: user.weight.to_string(),
            });
        }
    }
    Ok(())
}

/// Tasks × demand / capacity, so that equal fractions are equal; what there is none of is left out.
fn share(capacities: &[i64], user: &User, tasks: u64) -> f64 {
    let shares = user
        .demand
        .iter()
        .zip(capacities)
        .filter(|&(_, &capacity)| capacity > 0)
        .map(|(&asked, &capacity)| {
            (i128::from(asked) * i128::from(tasks)) as f64 / capacity as f64
        });
    shares.fold(0.0, f64::max)
}
