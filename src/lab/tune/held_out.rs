//! The end of a search: the best few candidates and the base on runs that none has seen.

use serde_json::{Value as Json, json};

use super::answer::{Final, Finalist, Versus, WorkloadDifference};
use super::trial::{Trial, measured};
use super::{TuneError, Tuner, hundredths};
use crate::compare::{Judgement, Verdict, decide};

impl Tuner<'_> {
    /// Decides between the best candidates and the base.
    ///
    /// # Errors
    /// If the base has no result on a held-out workload, or it was interrupted.
    pub fn finish(mut self) -> Result<Final, TuneError> {
        // Of each workload: the base, then the finalists.
        let mut workloads = self.held_out_trials();
        for (name, trials) in &mut workloads {
            let mut trials: Vec<&mut Trial> = trials.iter_mut().collect();
            if trials.len() < 2 || self.settings.held_out == 0 {
                continue;
            }
            self.bench.fill(&mut trials, self.settings.held_out)?;
            if let Some(why) = &trials[0].failure {
                return Err(TuneError::Base(format!("{name}: {why}")));
            }
            for trial in trials {
                self.log.keep(trial.line())?;
            }
        }
        let mut judgements: Vec<Judgement> = (1..=self.ranked.len())
            .map(|place| {
                let both: Vec<[&Trial; 2]> = (workloads.iter())
                    .filter(|(_, trials)| trials[place].failure.is_none())
                    .map(|(_, trials)| [&trials[0], &trials[place]])
                    .collect();
                measured(&self.question, &both)
            })
            .collect();
        decide(judgements.iter_mut());
        let finalists: Vec<Finalist> = (self.ranked.iter().zip(&judgements).zip(1..))
            .map(|((own, judgement), place)| {
                let error = workloads.iter().find_map(|(name, trials)| {
                    let why = trials[place].failure.as_ref()?;
                    Some(format!("{name}: {why}"))
                });
                Finalist {
                    id: own.id.clone(),
                    score: own.trial.score(),
                    held_out: judgement.head,
                    against_base: Versus::of("base".into(), judgement),
                    workloads: self.by_workload(&workloads, place),
                    error,
                }
            })
            .collect();
        let gain = |place: &usize| {
            -(self.question.direction).worsening(judgements[*place].difference.unwrap_or(0.0))
        };
        let is_shown = |place: &usize| {
            judgements[*place].verdict == Some(Verdict::Improved)
                && finalists[*place].error.is_none()
        };
        let winner = (0..finalists.len()).filter(is_shown);
        let winner = winner.max_by(|one, other| gain(one).total_cmp(&gain(other)));
        let [candidates, dropped, failed] = self.counts;
        Ok(Final {
            winner: winner.map_or(json!("base"), |place| finalists[place].id.clone()),
            candidate: winner.map_or(Json::Null, |place| self.ranked[place].settings.clone()),
            against_base: winner.map(|place| finalists[place].against_base.clone()),
            finalists,
            candidates,
            dropped,
            failed,
            budget_spent: self.is_spent,
            cpu_seconds: hundredths(self.spent_seconds),
        })
    }

    /// The base and the finalists on each held-out workload, by its name.
    fn held_out_trials(&self) -> Vec<(String, Vec<Trial>)> {
        let experiments = [&self.base]
            .into_iter()
            .chain(self.ranked.iter().map(|own| &own.trial));
        let experiments: Vec<_> = experiments
            .filter_map(|own| own.experiment.as_ref())
            .collect();
        let recalled = |mut trial: Trial| {
            trial.recall(&self.log);
            trial
        };
        if self.held_out.is_empty() {
            let trials = experiments.into_iter().map(|own| {
                recalled(Trial {
                    key: self.ground.key(own),
                    experiment: Some(own.clone()),
                    first: self.settings.seeds,
                    ..Trial::default()
                })
            });
            return vec![(self.ground.base.name.clone(), trials.collect())];
        }
        let of = |ground: &super::Ground| {
            let trials = experiments.iter().map(|own| {
                let experiment = ground.under_system_of(own);
                recalled(Trial {
                    key: ground.key(&experiment),
                    experiment: Some(experiment),
                    ..Trial::default()
                })
            });
            (ground.name(), trials.collect())
        };
        self.held_out.iter().map(of).collect()
    }

    fn by_workload(
        &self,
        workloads: &[(String, Vec<Trial>)],
        place: usize,
    ) -> Vec<WorkloadDifference> {
        let of = |(name, trials): &(String, Vec<Trial>)| {
            let found = measured(&self.question, &[[&trials[0], &trials[place]]]);
            WorkloadDifference {
                name: name.clone(),
                base: found.base,
                difference: found.difference,
                pairs: found.n,
            }
        };
        workloads.iter().map(of).collect()
    }
}
