"""Tests of releases: what `.ci/package` makes, and the action and the template that take it, step by step."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import tarfile
import tempfile
import unittest
import zipfile
from pathlib import Path

try:
    import yaml
except ImportError:
    yaml = None

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(os.environ.get("WINDTUNNEL", ROOT / "target/debug/windtunnel")).absolute()
PROGRAMS = ["windtunnel", "windtunnel-live", "windtunnel-mcp", "windtunnel-serve"]
VERSION = re.search(r'^version = "(.+)"', (ROOT / "Cargo.toml").read_text(), re.M)[1]
SCENARIO = """\
windtunnel: v1
name: small
cluster:
  nodes: [{count: NODES, template: {allocatable: {cpu: 1, memory: 1Gi, pods: 1}}}]
workload:
  - generate: {model: lublin99, jobs: 150, processors: 12}
system: {name: batch, scheduler: {backfill: easy}}
stop: {when: drained}
objectives:
  - {metric: pending_time.mean, tolerance: 5%}
"""
SUITE = "suite: [{scenario: small.yaml, seeds: 4}]\n"


def bash(script, folder, **environment):
    """A step's exit code and output, run as the runner runs it."""
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    return done.returncode, done.stdout + done.stderr


class Packed(unittest.TestCase):
    """One release for the tests of a class."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.root = Path(cls.folder.name)
        # The program that is there already, as packing is what is tried here and not a build.
        programs = cls.root / "programs"
        programs.mkdir()
        for name in PROGRAMS:
            (programs / name).write_text(f'#!/bin/sh\nexec "{PROGRAM}" "$@"\n')
            (programs / name).chmod(0o755)
        wheel = cls.root / f"windtunnel-{VERSION}-cp310-abi3-any.whl"
        with zipfile.ZipFile(wheel, "w") as parts:
            parts.writestr("windtunnel/__init__.py", "")
            parts.writestr(f"windtunnel-{VERSION}.dist-info/METADATA", f"Metadata-Version: 2.1\nName: windtunnel\nVersion: {VERSION}\n")
            parts.writestr(f"windtunnel-{VERSION}.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: cp310-abi3-any\n")
            parts.writestr(f"windtunnel-{VERSION}.dist-info/RECORD", "")
        cls.package = [ROOT / ".ci/package", "--programs", programs, "--wheel", wheel]
        cls.out = cls.root / "releases" / f"v{VERSION}"
        cls.printed = subprocess.run([*cls.package, cls.out], check=True, capture_output=True, text=True).stdout

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def archive(self):
        return next(self.out.glob("*.tar.gz"))


class Release(Packed):
    """The files of a release."""

    def test_sums_are_those_of_all_files(self):
        lines = (self.out / "SHA256SUMS").read_text().splitlines()
        self.assertEqual(lines, self.printed.splitlines())
        stated = {name: text for text, name in (line.split("  ") for line in lines)}
        files = {file.name: file for file in self.out.iterdir() if file.name != "SHA256SUMS"}
        self.assertEqual(set(stated), set(files))
        for name, file in files.items():
            self.assertEqual(hashlib.sha256(file.read_bytes()).hexdigest(), stated[name], name)

    def test_a_second_time_gives_the_same_bytes(self):
        again = self.root / "again"
        subprocess.run([*self.package, again], check=True, capture_output=True)
        self.assertEqual((again / "SHA256SUMS").read_text(), (self.out / "SHA256SUMS").read_text())
        refused = subprocess.run([*self.package, again], capture_output=True, text=True)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("isn't empty", refused.stderr)

    def test_the_archive_has_programs_pages_and_completions(self):
        with tarfile.open(self.archive()) as archive:
            names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
            self.assertTrue(all(entry.uid == 0 for entry in archive))
        for name in [
            *(f"bin/{name}" for name in PROGRAMS),
            "share/man/man1/windtunnel.1.gz",
            "share/man/man1/windtunnel-check.1.gz",
            "share/bash-completion/completions/windtunnel",
            "share/zsh/site-functions/_windtunnel",
            "share/fish/vendor_completions.d/windtunnel.fish",
            "share/doc/windtunnel/LICENSE",
            "Containerfile",
        ]:
            self.assertIn(name, names)

    def test_what_the_image_copies_is_in_the_archive(self):
        with tarfile.open(self.archive()) as archive:
            names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
        recipe = (ROOT / ".ci/Containerfile").read_text()
        sources = re.search(r"^COPY (.+) /bin/$", recipe, re.M)[1].split()
        self.assertLessEqual(set(sources), names)
        self.assertIn("bin/windtunnel", sources)

    @unittest.skipUnless(shutil.which("dpkg-deb"), "needs dpkg-deb")
    def test_the_debian_package_unpacks_below_usr(self):
        package = next(self.out.glob("*.deb"))
        fields = subprocess.run(["dpkg-deb", "--field", package, "Package", "Version"], check=True, capture_output=True, text=True)
        self.assertEqual(fields.stdout, f"Package: windtunnel\nVersion: {VERSION}\n")
        root = self.root / "installed"
        subprocess.run(["dpkg-deb", "--extract", package, root], check=True)
        said = subprocess.run([root / "usr/bin/windtunnel", "--version"], check=True, capture_output=True, text=True)
        self.assertIn(f"windtunnel {VERSION}", said.stdout)
        self.assertTrue((root / "usr/share/doc/windtunnel/copyright").is_file())

    def test_the_wheel_brings_the_programs(self):
        with zipfile.ZipFile(next(self.out.glob("*.whl"))) as parts:
            record = parts.read(f"windtunnel-{VERSION}.dist-info/RECORD").decode()
            for name in PROGRAMS:
                entry = parts.getinfo(f"windtunnel-{VERSION}.data/scripts/{name}")
                self.assertEqual(entry.external_attr >> 16, 0o100755)
                self.assertIn(f"{entry.filename},sha256=", record)

    def test_the_list_of_parts_names_what_is_linked(self):
        parts = json.loads((self.out / f"windtunnel-{VERSION}.cdx.json").read_text())
        self.assertEqual((parts["bomFormat"], parts["specVersion"]), ("CycloneDX", "1.6"))
        named = {part["name"]: part for part in parts["components"]}
        self.assertEqual(named["serde"]["purl"], f"pkg:cargo/serde@{named['serde']['version']}")
        self.assertEqual(len(named["serde"]["hashes"][0]["content"]), 64)
        # What only tests and benchmarks use is no part of the programs.
        self.assertNotIn("criterion", named)
        self.assertNotIn("proptest", named)
        self.assertNotIn("windtunnel-verify", named)
        known = {part["bom-ref"] for part in [*parts["components"], parts["metadata"]["component"]]}
        for need in parts["dependencies"]:
            self.assertLessEqual({need["ref"], *need["dependsOn"]}, known)


class Rehearsal(unittest.TestCase):
    """What `.ci/release --dry-run` says."""

    def test_it_names_each_condition_and_builds_nothing(self):
        out = Path(tempfile.gettempdir()) / "no-release-is-made-here"
        done = subprocess.run([ROOT / ".ci/release", "--dry-run", out], capture_output=True, text=True, timeout=60)
        self.assertFalse(out.exists())
        self.assertIn(f"ok: CHANGELOG.md has a section {VERSION}", done.stdout)
        self.assertIn(f"would then: build and time the program", done.stdout)
        missing = [line for line in done.stdout.splitlines() if line.startswith("not yet: ")]
        self.assertEqual(done.returncode, 1 if missing else 0)
        # What stands in files that are committed has one version.
        for words in ["CITATION.cff", "the example", "that of GitLab", "Cargo.lock"]:
            self.assertTrue(any(line.startswith(f"ok: {words}") for line in done.stdout.splitlines()), words)


@unittest.skipIf(yaml is None, "needs PyYAML")
class Doors(Packed):
    """The GitHub action and the GitLab job, with the release at an address of files."""

    def repository(self, name, nodes):
        """A repository whose base has four racks of nodes, and whose head has some."""
        folder = self.root / name
        folder.mkdir()
        (folder / "quick.yaml").write_text(SUITE)
        git = ["git", "-c", "user.name=a", "-c", "user.email=a@localhost", "-C", folder]
        subprocess.run([*git, "init", "--quiet", "--initial-branch", "main"], check=True)
        for count in [4, nodes]:
            (folder / "small.yaml").write_text(SCENARIO.replace("NODES", str(4 * count)))
            subprocess.run([*git, "add", "."], check=True)
            subprocess.run([*git, "commit", "--quiet", "--allow-empty", "--message", f"{count} nodes"], check=True)
        return folder

    def action(self, folder, version=f"v{VERSION}"):
        """Runs the steps of the action; the exit codes of those that ran, and what all printed."""
        steps = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]
        values = {
            "inputs.version || github.action_ref": version,
            "inputs.releases": f"file://{self.out.parent}",
            "inputs.suite": "quick.yaml",
            "inputs.base": "HEAD~1",
            "inputs.arguments": "--strict",
        }
        runner = self.root / f"{folder.name}-runner"
        runner.mkdir()
        files = {name: runner / name for name in ["GITHUB_PATH", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"]}
        codes, said = [], ""
        for step in steps:
            environment = {name: re.sub(r"\$\{\{ (.+?) \}\}", lambda found: values[found[1]], value) for name, value in step["env"].items()}
            environment |= {name: str(file) for name, file in files.items()} | {"RUNNER_TEMP": str(runner)}
            if files["GITHUB_PATH"].exists():
                environment["PATH"] = f"{files['GITHUB_PATH'].read_text().strip()}:{os.environ['PATH']}"
            code, text = bash(step["run"], folder, **environment)
            codes.append(code)
            said += text
            if code:
                break
        read = {name: file.read_text() if file.exists() else "" for name, file in files.items()}
        return codes, said, read

    def test_the_action_passes_what_is_no_worse(self):
        codes, said, files = self.action(self.repository("same", 4))
        self.assertEqual(codes, [0, 0], said)
        self.assertIn("code=0", files["GITHUB_OUTPUT"])
        self.assertIn("quick", files["GITHUB_STEP_SUMMARY"])

    def test_the_action_fails_what_regressed_and_says_why(self):
        folder = self.repository("worse", 3)
        codes, said, files = self.action(folder)
        self.assertEqual(codes, [0, 100], said)
        self.assertIn("code=100", files["GITHUB_OUTPUT"])
        self.assertIn("count 16 → 12", files["GITHUB_STEP_SUMMARY"])
        self.assertIn("::error file=small.yaml", said)
        self.assertTrue((folder / "windtunnel.sarif").is_file())

    def test_the_action_refuses_a_release_that_is_not_there(self):
        codes, said, _ = self.action(self.repository("old", 4), version="v9.9.9")
        self.assertEqual(len(codes), 1)
        self.assertNotEqual(codes[0], 0, said)

    def test_the_action_refuses_other_bytes_than_the_release_states(self):
        archive = self.archive()
        whole = archive.read_bytes()
        archive.write_bytes(whole[:-1] + b"x")
        try:
            codes, said, _ = self.action(self.repository("forged", 4))
        finally:
            archive.write_bytes(whole)
        self.assertEqual(len(codes), 1)
        self.assertIn("did NOT match", said)

    def test_the_job_of_gitlab_takes_the_release(self):
        job = yaml.safe_load((ROOT / ".ci/examples/gitlab-ci.yml").read_text())["windtunnel"]
        folder = self.repository("gitlab", 2)
        (folder / "ci").mkdir()
        for name in ["quick.yaml", "small.yaml"]:
            (folder / "ci" / name).write_text((folder / name).read_text())
        base = subprocess.run(["git", "-C", folder, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
        variables = {**job["variables"], "WINDTUNNEL_VERSION": VERSION, "WINDTUNNEL_RELEASES": f"file://{self.out.parent}"}
        script = "\n".join([*job["before_script"], *job["script"]])
        code, said = bash(script, folder, CI_MERGE_REQUEST_DIFF_BASE_SHA=base, **variables)
        self.assertIn(code, [0, 2], said)
        self.assertIn("quick", said)
        self.assertTrue((folder / "windtunnel.codequality.json").is_file(), said)


if __name__ == "__main__":
    unittest.main()
