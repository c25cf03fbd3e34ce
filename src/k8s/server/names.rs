//! Names as the API server has them. Source: apimachinery, `pkg/util/validation/validation.go`.

use crate::field::{Path, Problem};

/// Words about a label of DNS.
pub(super) const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', \
    and must start and end with an alphanumeric character, and have at most 63 characters";

/// Words about a name of DNS.
pub(super) const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, \
    '-' or '.', and must start and end with an alphanumeric character, and have at most 253 characters";

/// Words about the name of a service.
const SERVICE: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an \
    alphabetic character, and end with an alphanumeric character, and have at most 63 characters";

/// Words about the name of a port.
pub(super) const PORT_NAME: &str = "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-), at least \
    one letter, no hyphens at its ends or beside each other, and no more than 15 characters";

/// Characters of a cron job's name at most: its jobs have 11 more.
const CRON_JOB: usize = 52;

/// `true` for a label of DNS.
pub(super) fn is_label(name: &str) -> bool {
    let bytes = name.as_bytes();
    let is_plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let has_ends = bytes.first().is_some_and(is_plain) && bytes.last().is_some_and(is_plain);
    has_ends && bytes.len() <= 63 && bytes.iter().all(|byte| is_plain(byte) || *byte == b'-')
}

/// `true` for a name of DNS.
pub(super) fn is_subdomain(name: &str) -> bool {
    // A part of it may be longer than a label.
    let is_part = |part: &str| {
        let bytes = part.as_bytes();
        let is_plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let has_ends = bytes.first().is_some_and(is_plain) && bytes.last().is_some_and(is_plain);
        has_ends && bytes.iter().all(|byte| is_plain(byte) || *byte == b'-')
    };
    name.len() <= 253 && name.split('.').all(is_part)
}

/// `true` for the name of a container in a task definition of ECS (`ContainerDefinition.name`).
pub(super) fn is_task_container(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !name.is_empty() && name.len() <= 255 && name.bytes().all(is_plain)
}

/// `true` for the name of a port.
pub(super) fn is_port_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.len() <= 15
        && name.bytes().all(|byte| is_plain(byte) || byte == b'-')
        && name.bytes().any(|byte| byte.is_ascii_lowercase())
        && !name.starts_with('-')
        && !name.ends_with('-')
        && !name.contains("--")
}

/// Refuses the name of an object of a kind. Source: the `ValidateObjectMeta` of each kind.
///
/// # Errors
/// The API server takes no such name.
pub(in super::super) fn check_name(kind: &str, name: &str) -> Result<(), Problem> {
    let path = Path::root("metadata");
    let path = path.field("name");
    let (is_good, words) = match kind {
        "Namespace" => (is_label(name), LABEL),
        "Service" => {
            let begins = name.starts_with(|first: char| first.is_ascii_lowercase());
            (begins && is_label(name), SERVICE)
        }
        "CronJob" if name.len() > CRON_JOB => (false, "must be no more than 52 characters"),
        _ => (is_subdomain(name), SUBDOMAIN),
    };
    if is_good {
        return Ok(());
    }
    Err(path.broken(format!("{words}, found `{name}`")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules_of_dns() {
        for (name, label, subdomain) in [
            ("web", true, true),
            ("web-0", true, true),
            ("10", true, true),
            ("a.b", false, true),
            ("a..b", false, false),
            ("Web", false, false),
            ("-a", false, false),
            ("a-", false, false),
            ("a_b", false, false),
            ("", false, false),
            (&"x".repeat(64), false, true),
            (&"x".repeat(254), false, false),
        ] {
            assert_eq!(
                (is_label(name), is_subdomain(name)),
                (label, subdomain),
                "{name}"
            );
        }
        for (name, expected) in [
            ("http", true),
            ("80", false),
            ("a--b", false),
            ("Http", false),
            ("sixteen-letters-", false),
        ] {
            assert_eq!(is_port_name(name), expected, "{name}");
        }
        assert!(check_name("Service", "1a").is_err());
        assert!(check_name("CronJob", &"x".repeat(53)).is_err());
        assert!(check_name("Job", &"x".repeat(53)).is_ok());
    }
}
