//! Where in slurm.conf the word stands that libslurm does not know.
//!
//! libslurm 22.05 names the key and neither the file nor the line; whoever mends it wants both.

use std::fs;
use std::path::Path;

/// What libslurm says before the key.
const UNKNOWN: &str = "unrecognized key: ";

/// Last words with the place they are about, as far as it can be found.
pub(super) fn with_place(words: &str, conf: &Path) -> String {
    let Some((_, rest)) = words.split_once(UNKNOWN) else {
        return words.to_owned();
    };
    let key = rest.split([';', ' ']).next().unwrap_or_default();
    // A file that is being written just now is looked at again at the next try.
    let text = fs::read_to_string(conf).unwrap_or_default();
    match line_of(key, &text) {
        Some(line) => format!("{words} ({key} is in line {line} of {})", conf.display()),
        None => format!("{words} ({key} is in a file that {} includes)", conf.display()),
    }
}

/// The first line, counted from 1, on which the key stands with a value.
fn line_of(key: &str, text: &str) -> Option<usize> {
    let has_key = |line: &str| {
        let line = line.split('#').next().unwrap_or_default();
        line.split_whitespace().any(|word| {
            let name = word.split('=').next().unwrap_or_default();
            name.eq_ignore_ascii_case(key)
        })
    };
    text.lines().position(has_key).map(|index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: &str = "_parse_next_key: Parsing error at unrecognized key: NoSuchKey; Unable to \
                         process configuration file";

    #[test]
    fn the_line_is_found_and_comments_are_not_taken_for_it() {
        let text = "ClusterName=x\n# NoSuchKey=1\nNodeName=n1 nosuchkey=1\n";
        assert_eq!(line_of("NoSuchKey", text), Some(3));
        assert_eq!(line_of("NoSuch", text), None);
    }

    #[test]
    fn the_place_is_added_to_the_words() {
        let conf = tempfile::NamedTempFile::new().unwrap();
        let file = conf.path().display();
        let said = with_place(WORDS, conf.path());
        assert!(
            said.ends_with(&format!("(NoSuchKey is in a file that {file} includes)")),
            "{said}"
        );
        fs::write(conf.path(), "ClusterName=x\nNoSuchKey = 1\n").unwrap();
        let said = with_place(WORDS, conf.path());
        assert!(said.ends_with(&format!("(NoSuchKey is in line 2 of {file})")), "{said}");
        assert_eq!(with_place("something else", conf.path()), "something else");
    }
}
