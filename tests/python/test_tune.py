"""Tests of the judge from Python, and of its adapters where Optuna and OpenEvolve are installed."""

import importlib.util
import os
import tempfile
import unittest
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
# Absolute, as a test changes the folder.
os.environ["WINDTUNNEL"] = str(Path(os.environ.get("WINDTUNNEL", PROJECT / "target/debug/windtunnel")).resolve())

import windtunnel
from windtunnel.tune import Tuner, openevolve_evaluator, optuna_objective

FILL_UP = PROJECT / "docs/manual/tune.in/fill-up.yaml"
FEW = {"metric": "allocation.gpu.end", "seeds": 3, "held_out": 3}
PROFILE = "system.scheduler.profile"
BEST_FIT = PROJECT / "python/examples/best_fit.py"


def needs(package):
    if importlib.util.find_spec(package) is None:
        print(f"skipped: needs {package}")
        return True
    return False


class Judge(unittest.TestCase):
    def test_candidates_are_answered_and_one_wins(self):
        with tempfile.TemporaryDirectory() as folder:
            with Tuner(FILL_UP, out=Path(folder) / "log", **FEW) as tuner:
                self.assertEqual(tuner.ready["goal"], "maximize")
                first = tuner.ask({PROFILE: "fgd"})
                self.assertEqual((first.status, first.best, first.seeds), ("done", True, 3))
                self.assertEqual(first.divergence["seed"], 42)
                both = tuner.ask_all([{"set": {PROFILE: "fdg"}}, {PROFILE: "gpu-packing"}])
                self.assertEqual([own.status for own in both], ["failed", "done"])
                self.assertIn("did you mean `fgd`?", both[0].error)
                final = tuner.finish()
                self.assertEqual(len(final["finalists"]), 2)
                self.assertEqual(final, tuner.finish())
                with self.assertRaisesRegex(windtunnel.InputError, "the search is over"):
                    tuner.ask({})
            with Tuner(FILL_UP, out=Path(folder) / "log", **FEW) as tuner:
                self.assertEqual(tuner.ask({PROFILE: "fgd"}), first)

    def test_texts_have_paths_from_here(self):
        before = os.getcwd()
        os.chdir(FILL_UP.parent)
        try:
            with Tuner(FILL_UP.read_text(encoding="utf-8"), **FEW) as tuner:
                self.assertEqual(tuner.ask({}).against_base["difference"], 0)
        finally:
            os.chdir(before)

    def test_mistakes_and_spent_budgets(self):
        with self.assertRaisesRegex(windtunnel.InputError, "there is no metric"):
            Tuner(FILL_UP, metric="allocation.gpu.ned")
        with Tuner(FILL_UP, budget=0, **FEW) as tuner:
            self.assertEqual(tuner.ask({}).status, "unmeasured")
            self.assertEqual(tuner.finish()["winner"], "base")

    def test_a_program_of_openevolve_is_a_candidate(self):
        with Tuner(FILL_UP, allow_external=True, **FEW) as tuner:
            evaluate = openevolve_evaluator(tuner, set={PROFILE: "first-fit"})
            found = evaluate(str(BEST_FIT))
            if not needs("openevolve"):
                self.assertIn("against_best", found.artifacts["judge"])
                found = found.metrics
            self.assertGreater(found["combined_score"], 0)
            with tempfile.NamedTemporaryFile("w", suffix=".py") as wrong:
                failed = evaluate(wrong.name)
                self.assertEqual(getattr(failed, "metrics", failed)["combined_score"], -1e9)

    def test_optuna_maximizes(self):
        if needs("optuna"):
            return
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=1))
        names = ["fgd", "gpu-packing", "worst-fit", "nothing"]
        with Tuner(FILL_UP, **FEW) as tuner:
            objective = optuna_objective(tuner, lambda own: {PROFILE: own.suggest_categorical("profile", names)})
            study.optimize(objective, n_trials=12)
        self.assertIn(study.best_params["profile"], ["fgd", "gpu-packing"])
        self.assertEqual(study.best_value, study.best_trial.user_attrs["answer"]["score"])
        states = {own.params["profile"]: own.state.name for own in study.trials}
        self.assertEqual(states["nothing"], "PRUNED")


if __name__ == "__main__":
    unittest.main()
