//! Header of a log in the Standard Workload Format: `; Key: value` comments before the first job
//! (spec: traces.md, section 1).

/// The header, in the file's order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SwfHeader {
    /// Keys and values; a repeated key (`Queue`, `Partition`, `Note`) stands once per line.
    pub entries: Vec<(String, String)>,
}

impl SwfHeader {
    /// The first value of a key, in whatever case it is written.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(key))
            .map(|(_, value)| value.as_str())
    }

    /// The first value of a key as a whole number; text after the number is ignored.
    pub fn number(&self, key: &str) -> Option<i64> {
        self.get(key)?.split_whitespace().next()?.parse().ok()
    }

    /// Processors of the machine: `MaxProcs`, else `MaxNodes`. It may describe the uncleaned log.
    pub fn processors(&self) -> Option<i64> {
        self.positive("MaxProcs").or_else(|| self.nodes_stated())
    }

    /// Nodes of the machine: `MaxNodes`, else as many as it has processors.
    pub fn nodes(&self) -> Option<i64> {
        self.nodes_stated().or_else(|| self.positive("MaxProcs"))
    }

    /// Processors of one node (`MaxProcs / MaxNodes`); 1 unless both are stated and divide.
    pub fn processors_per_node(&self) -> i64 {
        match (self.positive("MaxProcs"), self.nodes_stated()) {
            (Some(processors), Some(nodes)) if processors % nodes == 0 => processors / nodes,
            _ => 1,
        }
    }

    /// Second 0 of the log, in seconds since 1970 (UTC).
    pub fn unix_start_time(&self) -> Option<i64> {
        self.number("UnixStartTime")
    }

    /// Whether a remark says that the requested time (field 9) is CPU time; version 2.2 has it stand for either.
    pub(super) fn requests_cpu_time(&self) -> bool {
        self.entries.iter().any(|(_, value)| {
            let value = value.to_ascii_lowercase();
            value.contains("cpu time")
                && (value.contains("requested time") || value.contains("field 9"))
        })
    }

    fn nodes_stated(&self) -> Option<i64> {
        self.positive("MaxNodes")
    }

    fn positive(&self, key: &str) -> Option<i64> {
        self.number(key).filter(|&number| number > 0)
    }

    /// Takes one comment line, from its `;` on. A line with blanks where the key would be goes on
    /// with the value above; a line that is neither is a remark without meaning.
    pub(super) fn push_line(&mut self, line: &[u8]) {
        let text = String::from_utf8_lossy(line);
        let text = text.trim_start_matches([';', '#']);
        let trimmed = text.trim();
        let indent = text.len() - text.trim_start().len();
        if indent >= CONTINUATION_INDENT {
            if let Some((_, value)) = self.entries.last_mut() {
                value.push(' ');
                value.push_str(trimmed);
            }
            return;
        }
        if let Some((key, value)) = trimmed.split_once(':')
            && !key.is_empty()
            && key.bytes().all(|byte| byte.is_ascii_alphanumeric())
        {
            self.entries.push((key.to_owned(), value.trim().to_owned()));
        }
    }
}

/// Keys stand after one blank; continued values are indented further.
const CONTINUATION_INDENT: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn header(lines: &[&str]) -> SwfHeader {
        let mut header = SwfHeader::default();
        for line in lines {
            header.push_line(line.as_bytes());
        }
        header
    }

    #[test]
    fn keys_repeats_continuations_and_remarks() {
        let header = header(&[
            "; Version: 2.2",
            ";",
            "; Excerpt from the log: cleaned",
            "; Information: http://one",
            ";              http://two",
            "; Queue:  0  interactive    ",
            "; Queue:  1  batch",
            ";MaxProcs: 256 (of 300)",
            "; maxnodes: 128",
            "; UnixStartTime: 749458803",
        ]);
        assert_eq!(header.get("Information"), Some("http://one http://two"));
        assert_eq!(header.get("Queue"), Some("0  interactive"));
        assert_eq!(header.entries.len(), 7);
        assert_eq!(header.processors(), Some(256));
        assert_eq!(
            (header.nodes(), header.processors_per_node()),
            (Some(128), 2)
        );
        assert_eq!(header.unix_start_time(), Some(749_458_803));
    }

    #[test]
    fn a_remark_says_what_the_requested_time_is() {
        for (line, is_cpu_time) in [
            (
                "; Note: the requested time (field 9) is average CPU time per processor",
                true,
            ),
            ("; Note: Field 9 is CPU Time", true),
            ("; Note: field 6 is CPU time", false),
            ("; Note: the requested time is wall time", false),
        ] {
            assert_eq!(header(&[line]).requests_cpu_time(), is_cpu_time, "{line}");
        }
    }

    #[test]
    fn one_of_the_two_sizes_is_enough() {
        for (line, processors, nodes) in [
            ("; MaxProcs: 24515", Some(24_515), Some(24_515)),
            ("; MaxNodes: 256", Some(256), Some(256)),
            ("; MaxProcs: -1", None, None),
            ("; Note: none", None, None),
        ] {
            let header = header(&[line]);
            assert_eq!(
                (header.processors(), header.nodes()),
                (processors, nodes),
                "{line}"
            );
            assert_eq!(header.processors_per_node(), 1);
        }
    }
}
