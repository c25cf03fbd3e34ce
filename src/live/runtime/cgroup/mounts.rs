//! Mounted hierarchies, and this process's own group in each.

use std::fs;
use std::path::{Path, PathBuf};

use super::Version;

/// A mounted hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Version of the interface.
    pub version: Version,
    /// Controllers of a hierarchy of version 1; empty of version 2, which lists its own.
    pub controllers: Vec<String>,
    /// Folder of the group that this process is in.
    pub own: PathBuf,
}

/// Mounted hierarchies; below a folder alone, if one is given.
pub fn mounts(root: Option<&Path>) -> Vec<Mount> {
    let mounted = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut found = parse(&mounted, &own);
    if let Some(root) = root {
        found.retain(|mount| mount.own.starts_with(root));
    }
    found
}

/// Mounted hierarchies, with the groups that another process is in.
pub(in crate::runtime) fn mounts_of(pid: u32) -> Vec<Mount> {
    let mounted = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let own = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap_or_default();
    parse(&mounted, &own)
}

fn parse(mounted: &str, own: &str) -> Vec<Mount> {
    mounted
        .lines()
        .filter_map(|line| mount(line, own))
        .collect()
}

/// A line of the table of mounts, if it is of a hierarchy:
/// `31 23 0:28 ROOT MOUNT OPTIONS FIELDS… - TYPE SOURCE OPTIONS`.
fn mount(line: &str, own: &str) -> Option<Mount> {
    let (left, right) = line.split_once(" - ")?;
    let mut left = left.split(' ').skip(3);
    let (root, folder) = (left.next()?, left.next()?);
    let mut right = right.split(' ');
    let version = match right.next()? {
        "cgroup" => Version::V1,
        "cgroup2" => Version::V2,
        _ => return None,
    };
    let controllers: Vec<String> = match version {
        Version::V1 => right
            .nth(1)?
            .split(',')
            .filter(|option| !matches!(*option, "rw" | "ro" | "xattr" | "clone_children"))
            .map(str::to_owned)
            .collect(),
        Version::V2 => Vec::new(),
    };
    let path = own
        .lines()
        .find_map(|line| own_group(line, version, &controllers))?;
    // A mount may show a part of the hierarchy, as in a container.
    let below = Path::new(path).strip_prefix(root).ok()?;
    Some(Mount {
        version,
        controllers,
        own: Path::new(folder)
            .components()
            .chain(below.components())
            .collect(),
    })
}

/// Path of a line `ID:CONTROLLERS:PATH`, if it is of the hierarchy.
fn own_group<'a>(line: &'a str, version: Version, controllers: &[String]) -> Option<&'a str> {
    let mut parts = line.splitn(3, ':');
    let (id, listed, path) = (parts.next()?, parts.next()?, parts.next()?);
    let is_own = match version {
        Version::V1 => listed
            .split(',')
            .any(|name| controllers.iter().any(|other| other == name)),
        Version::V2 => id == "0" && listed.is_empty(),
    };
    is_own.then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTED: &str = "\
30 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime shared:4 - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
41 31 0:38 /machine /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";

    #[test]
    fn own_groups_are_found_in_each_hierarchy() {
        let own = "5:memory:/jobs/7\n1:cpu,cpuacct:/\n0::/machine/a\n";
        let mounts = parse(MOUNTED, own);
        let folders: Vec<_> = mounts
            .iter()
            .map(|mount| mount.own.display().to_string())
            .collect();
        let expected = [
            "/sys/fs/cgroup/cpu",
            "/sys/fs/cgroup/memory/jobs/7",
            "/sys/fs/cgroup/unified/a",
        ];
        assert_eq!(folders, expected);
        assert_eq!(mounts[0].controllers, ["cpu", "cpuacct"]);
        assert_eq!(mounts[2].version, Version::V2);
    }

    #[test]
    fn a_group_outside_of_the_mounted_part_has_no_folder() {
        assert_eq!(parse(MOUNTED, "0::/other\n"), []);
    }
}
