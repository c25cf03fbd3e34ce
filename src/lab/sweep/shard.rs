//! Shards: the part of a sweep that one process runs, by its number or by what its engine says.
//!
//! Runs are dealt by a hash of their position: what costs alike stands at regular distances in a
//! grid (every second run is that of the slow variant), and must not fall to one shard. Shards finer
//! than there are workers leave the balance to the engine's own queue, and a lost machine costs one
//! of them.

use units::plural;

use super::SweepError;

/// A part of a sweep: the runs whose hashes fall to its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Number of the shard, from 1.
    pub number: usize,
    /// Number of all shards.
    pub of: usize,
}

/// Variables by which an engine tells a process its index and their count.
struct Variables {
    engine: &'static str,
    index: &'static str,
    /// Count, where the engine tells it.
    count: Option<&'static str>,
    first: First,
}

/// First index of an array.
enum First {
    Zero,
    /// By a variable, with a step by another.
    Told {
        first: &'static str,
        step: &'static str,
    },
    /// 0 or 1, as the user who submitted it liked.
    Free,
}

/// Engines, those whose variables are the most specific first: a rank of MPI may stand inside of an
/// allocation of Slurm, whose own index is then that of the whole step.
///
/// Sources: sbatch(1) "job arrays", srun(1); Kubernetes "Indexed Job for Parallel Processing with
/// Static Work Assignment"; AWS Batch "job environment variables"; Cloud Run "container runtime
/// contract"; PBS Professional user's guide 8.6; Open MPI and MPICH (Hydra) launchers.
const ENGINES: [Variables; 9] = [
    Variables {
        engine: "Slurm's job array",
        index: "SLURM_ARRAY_TASK_ID",
        count: Some("SLURM_ARRAY_TASK_COUNT"),
        first: First::Told {
            first: "SLURM_ARRAY_TASK_MIN",
            step: "SLURM_ARRAY_TASK_STEP",
        },
    },
    Variables {
        engine: "Kubernetes' Indexed Job",
        index: "JOB_COMPLETION_INDEX",
        count: None,
        first: First::Zero,
    },
    Variables {
        engine: "AWS Batch",
        index: "AWS_BATCH_JOB_ARRAY_INDEX",
        count: Some("AWS_BATCH_JOB_ARRAY_SIZE"),
        first: First::Zero,
    },
    Variables {
        engine: "Cloud Run",
        index: "CLOUD_RUN_TASK_INDEX",
        count: Some("CLOUD_RUN_TASK_COUNT"),
        first: First::Zero,
    },
    Variables {
        engine: "PBS",
        index: "PBS_ARRAY_INDEX",
        count: None,
        first: First::Free,
    },
    Variables {
        engine: "Torque",
        index: "PBS_ARRAYID",
        count: None,
        first: First::Free,
    },
    Variables {
        engine: "Open MPI",
        index: "OMPI_COMM_WORLD_RANK",
        count: Some("OMPI_COMM_WORLD_SIZE"),
        first: First::Zero,
    },
    Variables {
        engine: "MPI",
        index: "PMI_RANK",
        count: Some("PMI_SIZE"),
        first: First::Zero,
    },
    Variables {
        engine: "Slurm's tasks",
        index: "SLURM_PROCID",
        count: Some("SLURM_NTASKS"),
        first: First::Zero,
    },
];

const NUMBERS: &str = "write I/N with I from 1 to N, such as 1/4";
const COUNTS: &str = "write `auto/N` with the number of shards, such as `auto/64`";

impl Shard {
    /// The whole.
    pub const WHOLE: Self = Self { number: 1, of: 1 };

    /// Whether a run, by its key in hexadecimal digits, is in it.
    pub(crate) fn has_key(self, key: &str) -> bool {
        let start = key.get(..16).unwrap_or(key);
        let hash = u64::from_str_radix(start, 16).unwrap_or(0);
        hash % self.of as u64 == self.number as u64 - 1
    }

    /// Whether a run, by its position, is in it. The hash is the finalizer of `SplitMix64` (Steele,
    /// Lea and Flood, 2014).
    pub const fn has(self, run: usize) -> bool {
        let mut hash = (run as u64).wrapping_add(0x9e37_79b9_7f4a_7c15);
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (hash ^ (hash >> 31)) % self.of as u64 == self.number as u64 - 1
    }

    /// Name of the shard among those that write one folder; empty for the whole.
    pub(crate) fn writer(self) -> String {
        match self.of {
            1 => String::new(),
            of => format!("{}-of-{of}", self.number),
        }
    }

    /// Shard of `I/N`, or of `auto` or `auto/N`: then the engine's variables say which, looked up
    /// by `variable`.
    ///
    /// # Errors
    /// If the text is neither, no engine tells an index, or its index lies beyond the count.
    pub fn read(text: &str, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, SweepError> {
        let wrong = |why: String, help| SweepError::Shard {
            text: text.to_owned(),
            why,
            help,
        };
        let number = |part: &str, of: &str| {
            part.parse::<usize>()
                .map_err(|_| wrong(format!("{of}`{part}` is not a whole number"), NUMBERS))
        };
        let (number, of) = match text.split_once('/') {
            Some(("auto", of)) => engine_shard(text, Some(number(of, "")?), variable)?,
            None if text == "auto" => engine_shard(text, None, variable)?,
            Some((part, of)) => (number(part, "")?, number(of, "")?),
            None => return Err(wrong("`/` is missing".to_owned(), NUMBERS)),
        };
        if of == 0 {
            return Err(wrong("there are no shards".to_owned(), NUMBERS));
        }
        if number == 0 || number > of {
            return Err(wrong(
                format!("there is no shard {number} of {of}"),
                NUMBERS,
            ));
        }
        Ok(Self { number, of })
    }
}

/// Number and count of a shard by the variables of the engine that runs this process.
fn engine_shard(
    text: &str,
    stated: Option<usize>,
    variable: &dyn Fn(&str) -> Option<String>,
) -> Result<(usize, usize), SweepError> {
    let wrong = |why: String, help| SweepError::Shard {
        text: text.to_owned(),
        why,
        help,
    };
    let found = ENGINES
        .iter()
        .find_map(|engine| variable(engine.index).map(|index| (engine, index)));
    let Some((engine, index)) = found else {
        let names: Vec<&str> = ENGINES.iter().map(|engine| engine.index).collect();
        let why = format!(
            "no engine tells an index (none of {} is set)",
            names.join(", ")
        );
        return Err(wrong(why, NUMBERS));
    };
    let read = |name: &str, value: String| {
        let parsed: Result<usize, _> = value.trim().parse();
        parsed.map_err(|_| wrong(format!("{name} is `{value}`, no whole number"), NUMBERS))
    };
    let index = read(engine.index, index)?;
    let told = match engine.count.and_then(|name| Some((name, variable(name)?))) {
        Some((name, value)) => Some(read(name, value)?),
        None => None,
    };
    let of = match (told, stated) {
        (Some(told), Some(stated)) if told != stated => {
            let told = plural::count(told, "task");
            let why = format!("{} has {told}, not {stated}", engine.engine);
            return Err(wrong(why, COUNTS));
        }
        (Some(count), _) | (None, Some(count)) => count,
        (None, None) => {
            let why = format!("{} tells the index {index} and no count", engine.engine);
            return Err(wrong(why, COUNTS));
        }
    };
    let beyond = || {
        let tasks = plural::count(of, "task");
        let why = format!("{} tells the index {index}, beyond {tasks}", engine.engine);
        wrong(why, COUNTS)
    };
    let position = match engine.first {
        First::Zero if index < of => index,
        // Modulo the count, indices from 0 and from 1 are both one to one.
        First::Free if of > 0 && index <= of => index % of,
        First::Told { first, step } => {
            let told = |name: &str, or| variable(name).map_or(Ok(or), |value| read(name, value));
            let (first, step) = (told(first, 0)?, told(step, 1)?.max(1));
            let offset = index.checked_sub(first).ok_or_else(beyond)?;
            if offset % step > 0 || offset / step >= of {
                return Err(beyond());
            }
            offset / step
        }
        First::Zero | First::Free => return Err(beyond()),
    };
    Ok((position + 1, of))
}

impl std::fmt::Display for Shard {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.number, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, variables: &[(&str, &str)]) -> Result<Shard, String> {
        let of = |name: &str| {
            let mut all = variables.iter();
            all.find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        };
        Shard::read(text, &of).map_err(|error| error.to_string())
    }

    fn refused(text: &str, variables: &[(&str, &str)], part: &str) {
        let told = read(text, variables).expect_err(text);
        assert!(told.contains(part), "{told}");
    }

    #[test]
    fn words_say_number_and_count() {
        assert_eq!(read("2/4", &[]), Ok(Shard { number: 2, of: 4 }));
        refused("5/4", &[], "there is no shard 5 of 4");
        refused("0/4", &[], "there is no shard 0 of 4");
        refused("1/0", &[], "there are no shards");
        refused("auto/0", &[("PBS_ARRAY_INDEX", "0")], "beyond 0 tasks");
        refused("1", &[], "`/` is missing");
        refused("a/4", &[], "`a` is not a whole number");
    }

    #[test]
    fn engines_say_number_and_count() {
        let slurm = |id| {
            [
                ("SLURM_ARRAY_TASK_ID", id),
                ("SLURM_ARRAY_TASK_COUNT", "4"),
                ("SLURM_ARRAY_TASK_MIN", "10"),
                ("SLURM_ARRAY_TASK_STEP", "2"),
                ("SLURM_PROCID", "0"),
            ]
        };
        for (id, number) in [("10", 1), ("12", 2), ("16", 4)] {
            assert_eq!(read("auto", &slurm(id)), Ok(Shard { number, of: 4 }));
        }
        for id in ["8", "11", "18"] {
            refused("auto", &slurm(id), "beyond 4 tasks");
        }
        for (index, count) in [
            ("AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE"),
            ("CLOUD_RUN_TASK_INDEX", "CLOUD_RUN_TASK_COUNT"),
            ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
            ("PMI_RANK", "PMI_SIZE"),
            ("SLURM_PROCID", "SLURM_NTASKS"),
        ] {
            let told = read("auto", &[(index, "2"), (count, "3")]);
            assert_eq!(told, Ok(Shard { number: 3, of: 3 }), "{index}");
            refused("auto", &[(index, "3"), (count, "3")], "beyond 3 tasks");
            refused(
                "auto/5",
                &[(index, "1"), (count, "3")],
                "has 3 tasks, not 5",
            );
            refused("auto", &[(index, "x"), (count, "3")], "no whole number");
        }
    }

    #[test]
    fn a_count_that_no_engine_tells_is_stated() {
        let kubernetes = [("JOB_COMPLETION_INDEX", "63")];
        assert_eq!(
            read("auto/64", &kubernetes),
            Ok(Shard { number: 64, of: 64 })
        );
        refused("auto", &kubernetes, "and no count; write `auto/N`");
        refused("auto/63", &kubernetes, "the index 63, beyond 63 tasks");
        refused("auto", &[], "no engine tells an index");
        // An array of PBS from 0 and one from 1: each task has a shard of its own.
        for from in [0, 1] {
            let mut all: Vec<usize> = (from..from + 4)
                .map(|index: usize| {
                    let index = index.to_string();
                    read("auto/4", &[("PBS_ARRAY_INDEX", &index)])
                        .expect("a shard")
                        .number
                })
                .collect();
            all.sort_unstable();
            assert_eq!(all, [1, 2, 3, 4]);
        }
    }

    /// Every second run of a grid costs three times the others; over eight shards of 1,000 runs no
    /// shard is further than a third from the mean, and each run falls to one of them.
    #[test]
    fn shards_are_alike_in_cost() {
        let cost = |run: usize| if run.is_multiple_of(2) { 3 } else { 1 };
        let costs: Vec<usize> = (1..=8)
            .map(|number| {
                let shard = Shard { number, of: 8 };
                (0..1000).filter(|run| shard.has(*run)).map(cost).sum()
            })
            .collect();
        assert_eq!(costs.iter().sum::<usize>(), 2000);
        assert!(
            costs.iter().all(|cost| (167..=333).contains(cost)),
            "{costs:?}"
        );
    }
}
