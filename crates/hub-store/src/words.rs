//! Enums that are stored as words.

/// Gives an enum the words by which it is stored.
macro_rules! words {
    ($name:ident { $($variant:ident = $word:literal,)* }) => {
        impl $name {
            /// The word by which it is stored.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)*
                }
            }

            /// The one with this word.
            #[must_use]
            pub fn of_word(word: &str) -> Option<Self> {
                match word {
                    $($word => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }

        impl crate::sql::Column for $name {
            fn arg(&self) -> crate::sql::Arg {
                crate::sql::Arg::Text(Some(self.word().to_owned()))
            }

            fn read(row: &crate::sql::Row, index: usize) -> Result<Self, crate::Error> {
                Self::of_word(&row.text(index)?).ok_or_else(|| row.corrupt(index, &"no such word"))
            }

            fn read_option(
                row: &crate::sql::Row,
                index: usize,
            ) -> Result<Option<Self>, crate::Error> {
                row.text_option(index)?
                    .map(|text| Self::of_word(&text).ok_or_else(|| row.corrupt(index, &"no such word")))
                    .transpose()
            }

            fn none() -> crate::sql::Arg {
                crate::sql::Arg::Text(None)
            }
        }
    };
}

pub(crate) use words;
