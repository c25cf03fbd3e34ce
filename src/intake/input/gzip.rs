//! The members of a gzip file, one after the other, up to its end. Zeros may fill its last block, as they do on tapes; other
//! bytes behind the last member are named as such, as a file that holds them was put together wrongly.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;

use super::GZIP_MAGIC;
use crate::budget::Counted;

type Stored = BufReader<Counted<Box<dyn BufRead + Send>>>;

/// The text of all members.
pub(super) struct Members {
    /// The member that is read; `None` behind the last one.
    member: Option<GzDecoder<Stored>>,
}

impl Members {
    pub(super) fn new(stored: Stored) -> Self {
        Self {
            member: Some(GzDecoder::new(stored)),
        }
    }
}

impl Read for Members {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = self.member.as_mut().filter(|_| !buffer.is_empty()) {
            let length = member.read(buffer)?;
            if length > 0 {
                return Ok(length);
            }
            self.member = self.member.take().map(next).transpose()?.flatten();
        }
        Ok(0)
    }
}

/// The member behind another that has ended; `None` if that was the last.
fn next(ended: GzDecoder<Stored>) -> io::Result<Option<GzDecoder<Stored>>> {
    let mut stored = ended.into_inner();
    let end = stored.get_ref().count() - stored.buffer().len() as u64;
    loop {
        let more = match stored.fill_buf() {
            Ok(more) => more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        match more.iter().position(|&byte| byte != 0) {
            None if more.is_empty() => return Ok(None),
            None => {
                let zeros = more.len();
                stored.consume(zeros);
            }
            Some(0) if more[0] == GZIP_MAGIC[0] => return Ok(Some(GzDecoder::new(stored))),
            Some(_) => {
                return Err(io::Error::other(format!(
                    "has bytes behind the end of its compressed data, which is byte {end}, that are no gzip; cut them \
                     off (`head -c {end}`), or copy the file again"
                )));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use crate::Input;

    fn packed(text: &str) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).expect("memory");
        encoder.finish().expect("memory")
    }

    fn text(parts: &[&[u8]]) -> Result<String, String> {
        let input = Input::bytes("t.gz", parts.concat());
        input.read_to_string().map_err(|error| error.to_string())
    }

    #[test]
    fn members_are_one_text_and_zeros_may_follow() {
        let (one, two) = (packed("a\n"), packed("b\n"));
        let whole = Ok("a\nb\n".to_owned());
        assert_eq!(text(&[&one, &two]), whole);
        assert_eq!(text(&[&one, &packed(""), &two, &vec![0; 70_000]]), whole);
    }

    #[test]
    fn bytes_behind_the_end_are_not_told_as_a_truncation() {
        let (one, two) = (packed("a\n"), packed("b\n"));
        let end = one.len();
        for rest in [&b"xy"[..], b"junk of some length", b"\0\0x"] {
            let expected = format!(
                "t.gz: has bytes behind the end of its compressed data, which is byte {end}, that are no gzip; cut \
                 them off (`head -c {end}`), or copy the file again"
            );
            assert_eq!(text(&[&one, rest]), Err(expected), "{rest:?}");
        }
        for cut in [&two[..1], &two[..5], &two[..two.len() - 3]] {
            let error = text(&[&one, cut]).expect_err("cut");
            assert!(error.contains("ends too early"), "{error}");
        }
    }
}
