//! The user and the group of the host that containers run as.

use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// File of the host's users.
const USERS: &str = "/etc/passwd";

/// A user and its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Number of the user.
    pub uid: u32,
    /// Number of the user's group.
    pub gid: u32,
}

impl Account {
    /// The user of a name of this host.
    ///
    /// # Errors
    /// The host has no such user, or its users can't be read.
    pub fn named(name: &str) -> io::Result<Self> {
        let users = std::fs::read_to_string(USERS)?;
        Self::among(&users, name).ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                format!("{USERS} has no user `{name}`"),
            )
        })
    }

    fn among(users: &str, name: &str) -> Option<Self> {
        let mut lines = users
            .lines()
            .map(|line| line.split(':').collect::<Vec<_>>());
        let fields = lines.find(|fields| fields.first() == Some(&name))?;
        Some(Self {
            uid: fields.get(2)?.parse().ok()?,
            gid: fields.get(3)?.parse().ok()?,
        })
    }

    /// Whether the user is root.
    pub const fn is_root(self) -> bool {
        self.uid == 0
    }

    /// The first folder on the way to a place that the user can't pass; `None` if there is none.
    pub fn closed_on_the_way(self, place: &Path) -> Option<&Path> {
        let mut folders: Vec<&Path> = place.ancestors().skip(1).collect();
        folders.reverse();
        folders.into_iter().find(|folder| {
            let found = std::fs::metadata(folder);
            found.is_ok_and(|found| {
                let bit = if found.uid() == self.uid {
                    0o100
                } else if found.gid() == self.gid {
                    0o010
                } else {
                    0o001
                };
                found.permissions().mode() & bit == 0
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_whole_name() {
        let users = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65533:nobody:/:/bin/false\n";
        let nobody = Account {
            uid: 65534,
            gid: 65533,
        };
        assert_eq!(Account::among(users, "nobody"), Some(nobody));
        assert_eq!(Account::among(users, "no"), None);
        assert_eq!(nobody.closed_on_the_way(Path::new("/tmp/here")), None);
    }
}
