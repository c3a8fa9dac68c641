//! Every sentence of the pages, in both languages.
//!
//! A [`Text`] cannot exist in one language only, so no page can miss a translation. Sentences with a
//! figure in them have a named gap, `{count}`, which both languages must have (tested below). One
//! file per page; [`word`] has the words for states and codes that come from the database.

pub(crate) mod agency;
pub(crate) mod crisis;
pub(crate) mod finance;
pub(crate) mod frame;
pub(crate) mod fund;
pub(crate) mod home;
pub(crate) mod job;
pub(crate) mod operator;
pub(crate) mod problem;
pub(crate) mod project;
pub(crate) mod why;
pub(crate) mod word;

use crate::Language;

/// One sentence or word in both languages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text {
    pub(crate) english: &'static str,
    pub(crate) swedish: &'static str,
}

/// Saying things in a language.
pub(crate) trait Say: Copy {
    /// The sentence in this language.
    fn say(self, text: Text) -> &'static str;

    /// The sentence in this language with its gaps filled.
    fn fill(self, text: Text, gaps: &[(&str, &str)]) -> String;

    /// The word for a code, or the code itself if there is none.
    fn word(self, words: word::Words, code: &str) -> &str;
}

impl Say for Language {
    fn say(self, text: Text) -> &'static str {
        match self {
            Self::English => text.english,
            Self::Swedish => text.swedish,
        }
    }

    fn fill(self, text: Text, gaps: &[(&str, &str)]) -> String {
        let mut sentence = self.say(text).to_owned();
        for (gap, value) in gaps {
            sentence = sentence.replace(&format!("{{{gap}}}"), value);
        }
        sentence
    }

    fn word(self, words: word::Words, code: &str) -> &str {
        words.iter().find(|(known, _)| *known == code).map_or(code, |(_, text)| self.say(*text))
    }
}

/// Declares texts as `NAME: "English", "Svenska";` and, for the tests, the list of them all.
macro_rules! texts {
    ($($name:ident: $english:literal, $swedish:literal;)+) => {
        use crate::text::Text;

        $(pub(crate) const $name: Text = Text { english: $english, swedish: $swedish };)+

        #[cfg(test)]
        pub(crate) const ALL: &[(&str, Text)] = &[$((stringify!($name), $name)),+];
    };
}
pub(crate) use texts;

#[cfg(test)]
mod tests {
    use super::*;

    fn gaps(sentence: &str) -> Vec<&str> {
        let mut names: Vec<&str> =
            sentence.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn every_text_says_something_in_both_languages_with_the_same_gaps() {
        let files = [
            agency::ALL,
            crisis::ALL,
            finance::ALL,
            frame::ALL,
            fund::ALL,
            home::ALL,
            job::ALL,
            operator::ALL,
            problem::ALL,
            project::ALL,
            why::ALL,
            word::ALL,
        ];
        for (name, text) in files.into_iter().flatten() {
            assert!(!text.english.trim().is_empty(), "{name} says nothing in English");
            assert!(!text.swedish.trim().is_empty(), "{name} says nothing in Swedish");
            assert_eq!(gaps(text.english), gaps(text.swedish), "{name} differs in its gaps");
        }
    }

    #[test]
    fn a_gap_is_filled_by_name() {
        let text = Text { english: "{count} of {all}", swedish: "{count} av {all}" };
        let filled = Language::Swedish.fill(text, &[("count", "1"), ("all", "3")]);
        assert_eq!(filled, "1 av 3");
    }
}
