//! Commits of the repository that a suite is in. Their files are read as `git` stores them: neither a
//! hook nor a filter runs, and nothing is fetched.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Component, Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::sync::atomic::Ordering;

use lab::check::CheckReport;
use lab::shell::quoted;
use units::{SortedMap, plural};

use super::Failure;
use crate::interrupt;
use crate::source::repository;
use crate::temporary::TemporaryFolder;

/// Beginning of a file that stands for one of Git LFS.
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/v1\n";
/// Files up to this size may be pointers.
const POINTER_BYTES_MAX: u64 = 1024;
/// Variables by which a hook names a repository that is not that of the suite.
const OF_HOOKS: [&str; 4] = ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX"];

/// Repository of a suite.
#[derive(Debug)]
pub(super) struct Repository {
    /// Its uppermost folder.
    pub(super) top: PathBuf,
}

/// File of a commit.
#[derive(Clone, Debug)]
pub(super) struct Blob {
    /// Its mode, such as `100644`.
    mode: String,
    /// Its name in the repository.
    id: String,
}

/// Files of a commit in a folder of their own, removed with it.
#[derive(Debug)]
pub(super) struct Tree {
    /// The folder.
    pub(super) folder: TemporaryFolder,
    /// Files that Git LFS holds elsewhere.
    pub(super) pointers: Vec<PathBuf>,
    /// Submodules, which are repositories of their own.
    pub(super) submodules: Vec<PathBuf>,
}

impl Repository {
    /// The repository that a folder is in.
    pub(super) fn of(folder: &Path) -> Result<Self, Failure> {
        let here = Self {
            top: folder.to_path_buf(),
        };
        let top = here.told(&["rev-parse", "--show-toplevel"])?;
        let top = top.map_err(|why| {
            if why.contains("dubious ownership") {
                let top = folder.canonicalize().map(|folder| repository(&folder));
                let top = top.unwrap_or_else(|_| folder.to_path_buf());
                return Failure::input(format!(
                    "{}: git reads no repository of another user; allow it: `git config --global --add \
                     safe.directory {}`",
                    folder.display(),
                    quoted(&top.display().to_string())
                ));
            }
            Failure::input(format!(
                "{}: in no git repository ({why}); give the base as a folder: `--base DIR`",
                folder.display()
            ))
        })?;
        let top = Path::new(OsStr::from_bytes(&top));
        Ok(Self {
            top: top.canonicalize().unwrap_or_else(|_| top.to_path_buf()),
        })
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.top);
        command.args(["-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor="]);
        command.args(arguments).stdin(Stdio::null());
        command.env("GIT_NO_LAZY_FETCH", "1").env("LC_ALL", "C");
        for name in OF_HOOKS {
            command.env_remove(name);
        }
        command
    }

    fn output(&self, arguments: &[&str]) -> Result<Output, Failure> {
        let output = self.command(arguments).output();
        output.map_err(|error| {
            Failure::input(format!(
                "git: {error}; install it, or give the base as a folder: `--base DIR`"
            ))
        })
    }

    /// Output of `git`, or the reason of its failure.
    fn told(&self, arguments: &[&str]) -> Result<Result<Vec<u8>, String>, Failure> {
        let output = self.output(arguments)?;
        if output.status.success() {
            let mut bytes = output.stdout;
            if bytes.last() == Some(&b'\n') {
                bytes.pop();
            }
            return Ok(Ok(bytes));
        }
        let words = String::from_utf8_lossy(&output.stderr);
        let line = words.lines().next().unwrap_or("no reason was given");
        Ok(Err(line.trim_start_matches("fatal: ").to_owned()))
    }

    fn text(&self, arguments: &[&str]) -> Result<Option<String>, Failure> {
        let told = self.told(arguments)?.ok();
        Ok(told.and_then(|bytes| String::from_utf8(bytes).ok()))
    }

    /// The id of a commit by one of its names.
    pub(super) fn commit(&self, name: &str, option: &str) -> Result<String, Failure> {
        if name.is_empty() || name.ends_with('/') {
            return Err(Failure::input(format!(
                "{option} {}: names no commit: is a variable in it empty, such as GITHUB_BASE_REF, which is \
                 set for pull requests alone?",
                quoted(name)
            )));
        }
        let written = format!("{name}^{{commit}}");
        // What begins like an option would be one.
        if !name.starts_with('-')
            && let Some(id) = self.text(&["rev-parse", "--verify", "--quiet", &written])?
        {
            return Ok(id);
        }
        let is_shallow = self.text(&["rev-parse", "--is-shallow-repository"])?;
        let is_shallow = is_shallow.as_deref() == Some("true");
        let remotes = self.text(&["remote"])?.unwrap_or_default();
        let remotes: Vec<&str> = remotes.lines().collect();
        let kind = if is_shallow { "shallow clone" } else { "clone" };
        let advice = fetch(name, is_shallow, &remotes).map_or_else(
            || "correct it, or give a folder".to_owned(),
            |line| format!("fetch it first: `{line}`"),
        );
        Err(Failure::input(format!(
            "{option} {name}: there is no such folder, and this {kind} has no such commit; {advice}"
        )))
    }

    /// Number of the commits that another one has and the checkout lacks, where both come of one commit.
    fn lacking(&self, commit: &str) -> Result<u64, Failure> {
        let fork = self.text(&["merge-base", "HEAD", commit])?;
        if fork.is_none_or(|fork| fork == commit) {
            return Ok(0);
        }
        let count = self.text(&["rev-list", "--count", &format!("HEAD..{commit}")])?;
        Ok(count.and_then(|count| count.parse().ok()).unwrap_or(0))
    }

    /// The files of a commit by their paths.
    pub(super) fn blobs(&self, commit: &str) -> Result<SortedMap<PathBuf, Blob>, Failure> {
        let list = self.told(&["ls-tree", "-r", "-z", "--full-tree", commit])?;
        let list = list.map_err(|why| Failure::input(format!("git: {commit}: {why}")))?;
        let mut blobs = SortedMap::new();
        for line in list
            .split(|byte| *byte == 0)
            .filter(|line| !line.is_empty())
        {
            let blob = blob(line);
            let (path, blob) =
                blob.ok_or_else(|| Failure::incomplete("git: a tree can't be read"))?;
            blobs.insert(path, blob);
        }
        Ok(blobs)
    }

    /// Writes the files of a commit into a folder of their own.
    pub(super) fn tree(&self, commit: &str) -> Result<Tree, Failure> {
        let blobs = self.blobs(commit)?;
        let failed = |error: io::Error| Failure::incomplete(format!("the base's files: {error}"));
        let mut tree = Tree {
            folder: TemporaryFolder::new()?,
            pointers: Vec::new(),
            submodules: Vec::new(),
        };
        let mut objects = Objects::of(self).map_err(failed)?;
        let mut links = Vec::new();
        for (path, blob) in &blobs {
            if interrupt::flag().load(Ordering::Relaxed) {
                return Err(Failure::silent(interrupt::exit()));
            }
            let place = tree.folder.path().join(path);
            match blob.mode.as_str() {
                "160000" => tree.submodules.push(path.clone()),
                "120000" => links.push((place, objects.bytes(&blob.id).map_err(failed)?)),
                mode => {
                    let is_program = mode == "100755";
                    let is_pointer = objects.write(&blob.id, &place, is_program);
                    if is_pointer.map_err(failed)? && !self.write_large(&place)? {
                        tree.pointers.push(place);
                    }
                }
            }
        }
        objects.end();
        // After all others: no file is written through one.
        for (place, target) in links {
            let target = OsStr::from_bytes(&target);
            let made = in_folder(&place).and_then(|()| symlink(target, &place));
            made.map_err(failed)?;
        }
        Ok(tree)
    }

    /// Puts a file of Git LFS in the place of its pointer, if this clone has it.
    fn write_large(&self, place: &Path) -> Result<bool, Failure> {
        let pointer = fs::read_to_string(place).map_err(Failure::incomplete)?;
        let id = pointer
            .lines()
            .find_map(|line| line.strip_prefix("oid sha256:"));
        let id =
            id.filter(|id| id.len() == 64 && id.bytes().all(|digit| digit.is_ascii_hexdigit()));
        let folder = self.text(&["rev-parse", "--git-common-dir"])?;
        let Some((id, folder)) = id.zip(folder) else {
            return Ok(false);
        };
        let place_of = format!("lfs/objects/{}/{}/{id}", &id[..2], &id[2..4]);
        let whole = self.top.join(folder).join(place_of);
        Ok(whole.is_file() && fs::copy(whole, place).is_ok())
    }

    /// The ids that files on disk would have in the repository, in their order.
    pub(super) fn ids(&self, files: &[PathBuf]) -> Result<Vec<String>, Failure> {
        let lines = { files.iter() }
            .flat_map(|path| [path.as_os_str().as_bytes(), b"\n"].concat())
            .collect();
        self.hashed(&["hash-object", "--no-filters", "--stdin-paths"], lines)
    }

    /// Id that git has for a link: that of where it leads, as text.
    pub(super) fn link_id(&self, link: &Path) -> Result<Option<String>, Failure> {
        let to = link.read_link().unwrap_or_default();
        let ids = self.hashed(&["hash-object", "--stdin"], to.into_os_string().into_vec())?;
        Ok(ids.into_iter().next())
    }

    /// Ids that a command of git prints for its input.
    fn hashed(&self, words: &[&str], lines: Vec<u8>) -> Result<Vec<String>, Failure> {
        let mut command = self.command(words);
        let run = || {
            let mut child = command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()?;
            let mut input = child.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
            let written = std::thread::spawn(move || input.write_all(&lines));
            let output = child.wait_with_output()?;
            // A reader that ends early says so by what it leaves out.
            let _ = written.join();
            Ok(output.stdout)
        };
        let printed = run().map_err(|error: io::Error| Failure::input(format!("git: {error}")))?;
        let printed = String::from_utf8_lossy(&printed);
        Ok(printed.lines().map(str::to_owned).collect())
    }
}

/// The command that fetches a commit; none where nothing says from where.
fn fetch(name: &str, is_shallow: bool, remotes: &[&str]) -> Option<String> {
    let remote = remotes.iter().find(|remote| **remote == "origin");
    let remote = remote.or(remotes.first())?;
    let depth = if is_shallow { " --depth=1" } else { "" };
    let is_id = name.len() >= 7 && name.bytes().all(|digit| digit.is_ascii_hexdigit());
    if name.starts_with('-') || name.contains(['~', '^', '@', ':']) || is_id && name.len() < 40 {
        return is_shallow.then(|| format!("git fetch --unshallow {remote}"));
    }
    if is_id {
        return Some(format!("git fetch{depth} {remote} {name}"));
    }
    let of_remote = remotes.iter().find_map(|remote| {
        let branch = name.strip_prefix(remote)?.strip_prefix('/')?;
        let refs = quoted(&format!("+refs/heads/{branch}:refs/remotes/{name}"));
        Some(format!("git fetch{depth} {remote} {refs}"))
    });
    of_remote.or_else(|| {
        let refs = quoted(&format!("{name}:{name}"));
        Some(format!("git fetch{depth} {remote} {refs}"))
    })
}

/// A line of `git ls-tree`; none where a path leads anywhere else.
fn blob(line: &[u8]) -> Option<(PathBuf, Blob)> {
    let tab = line.iter().position(|byte| *byte == b'\t')?;
    let path = Path::new(OsStr::from_bytes(&line[tab + 1..]));
    let mut parts = path.components();
    let is_inside = parts.all(|part| matches!(part, Component::Normal(_)));
    let facts = std::str::from_utf8(&line[..tab]).ok()?;
    let [mode, _, id] = facts.split(' ').collect::<Vec<_>>().try_into().ok()?;
    let (mode, id): (&str, &str) = (mode, id);
    is_inside.then(|| {
        let blob = Blob {
            mode: mode.to_owned(),
            id: id.to_owned(),
        };
        (path.to_path_buf(), blob)
    })
}

impl Blob {
    /// Whether a file of this id is the same.
    pub(super) fn is(&self, id: &str) -> bool {
        self.id == id
    }
}

/// A process of `git` that prints objects.
struct Objects {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Objects {
    fn of(repository: &Repository) -> io::Result<Self> {
        let mut command = repository.command(&["cat-file", "--batch"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (input, output) = input.zip(output).ok_or(io::ErrorKind::BrokenPipe)?;
        let output = BufReader::new(output);
        Ok(Self {
            child,
            input,
            output,
        })
    }

    /// Asks for an object, whose bytes come next; their number.
    fn find(&mut self, id: &str) -> io::Result<u64> {
        writeln!(self.input, "{id}")?;
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        let size = line.trim_end().rsplit(' ').next();
        size.and_then(|size| size.parse().ok()).ok_or_else(|| {
            let words = format!(
                "this clone lacks the object {id} (a partial clone?); `git fetch --refetch` fetches it"
            );
            io::Error::new(io::ErrorKind::NotFound, words)
        })
    }

    /// Reads the bytes that were asked for, and the end of their line.
    fn bytes(&mut self, id: &str) -> io::Result<Vec<u8>> {
        let size = self.find(id)?;
        let mut bytes = Vec::new();
        (&mut self.output).take(size + 1).read_to_end(&mut bytes)?;
        bytes.pop();
        Ok(bytes)
    }

    /// Writes an object as a file; whether it is a pointer of Git LFS.
    fn write(&mut self, id: &str, place: &Path, is_program: bool) -> io::Result<bool> {
        in_folder(place)?;
        let size = self.find(id)?;
        let mut file = fs::File::create(place)?;
        let mut start = Vec::new();
        let least = size.min(POINTER_BYTES_MAX);
        (&mut self.output).take(least).read_to_end(&mut start)?;
        file.write_all(&start)?;
        io::copy(&mut (&mut self.output).take(size - least), &mut file)?;
        self.output.read_exact(&mut [0])?;
        if is_program {
            file.set_permissions(fs::Permissions::from_mode(0o700))?;
        }
        Ok(size <= POINTER_BYTES_MAX && start.starts_with(POINTER))
    }

    fn end(mut self) {
        drop(self.input);
        // It ends with its input, and everything it printed was read.
        let _ = self.child.wait();
    }
}

/// Makes the folder that a file is to be in.
fn in_folder(place: &Path) -> io::Result<()> {
    place.parent().map_or(Ok(()), fs::create_dir_all)
}

/// Commit whose files were written out.
pub(super) struct Commit {
    /// Name of the commit.
    pub(super) id: String,
    pub(super) repository: Repository,
    pub(super) tree: Tree,
}

impl Commit {
    /// Tells of commits that it has and the checkout lacks: what they changed looks as if it were taken back.
    pub(super) fn lag(&self, name: &str) -> Result<Option<String>, Failure> {
        let count = self.repository.lacking(&self.id)?;
        Ok((count > 0).then(|| {
            let name = quoted(name);
            format!(
                "{name} has {} that this checkout lacks, and what they changed counts as if it were taken back; \
                 compare with the commit that it branched off from: `--base \"$(git merge-base {name} HEAD)\"`",
                plural::count(count, "commit")
            )
        }))
    }

    /// Names the commit's files in a report by its name.
    pub(super) fn name_files(&self, report: &mut CheckReport, name: &str) {
        report.baseline_hash = Some(self.id.clone());
        let folder = format!("{}/", self.tree.folder.path().display());
        for note in &mut report.notes {
            *note = note.replace(&folder, &format!("{name}:"));
        }
        for change in &mut report.changes {
            if let Some(inside) = self.inside(&change.file) {
                change.file = format!("{name}:{}", inside.display());
            }
        }
    }

    /// The place of a file in the repository, if it is one of the tree.
    pub(super) fn inside(&self, file: &str) -> Option<PathBuf> {
        let file = std::path::absolute(file).ok()?;
        let inside = file.strip_prefix(self.tree.folder.path());
        inside.ok().map(Path::to_path_buf)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_is_fetched_by_its_name() {
        let line = |name: &str, is_shallow: bool| fetch(name, is_shallow, &["fork", "origin"]);
        let check = |name: &str, is_shallow: bool, expected: Option<&str>| {
            assert_eq!(line(name, is_shallow).as_deref(), expected, "{name}");
        };
        check("main", false, Some("git fetch origin main:main"));
        check("v1.2", true, Some("git fetch --depth=1 origin v1.2:v1.2"));
        let refs = "git fetch --depth=1 origin +refs/heads/main:refs/remotes/origin/main";
        check("origin/main", true, Some(refs));
        check("HEAD~1", true, Some("git fetch --unshallow origin"));
        check("HEAD~1", false, None);
        check("1a2b3c4", true, Some("git fetch --unshallow origin"));
        let id = "1a2b3c4d5e6f1a2b3c4d5e6f1a2b3c4d5e6f1a2b";
        let whole = format!("git fetch --depth=1 origin {id}");
        check(id, true, Some(&whole));
        assert_eq!(fetch("main", true, &[]), None);
    }

    #[test]
    fn paths_of_a_tree_stay_in_it() {
        let path = |path: &str| {
            let line = format!("100644 blob 1a2b\t{path}");
            blob(line.as_bytes()).map(|(path, _)| path.display().to_string())
        };
        assert_eq!(path("ci/quick.yaml").as_deref(), Some("ci/quick.yaml"));
        assert_eq!(path("../outside"), None);
        assert_eq!(path("/etc/passwd"), None);
    }
}
