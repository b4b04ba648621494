//! Splits a command into words, as a shell does: at spaces, with quotes and backslashes. Nothing is expanded.

/// The words of a text, or what it must be.
pub(super) fn split(text: &str) -> Result<Vec<String>, &'static str> {
    const QUOTE: &str = "words whose quotes are closed; or write a list";
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (None | Some('"'), '\\') => {
                let next = characters.next().ok_or(QUOTE)?;
                let word = word.get_or_insert_default();
                if quote.is_some() && !matches!(next, '"' | '\\' | '$' | '`') {
                    word.push('\\');
                }
                word.push(next);
            }
            (Some(_), _) => word.get_or_insert_default().push(character),
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, _) if character.is_whitespace() => words.extend(word.take()),
            (None, _) => word.get_or_insert_default().push(character),
        }
    }
    if quote.is_some() {
        return Err(QUOTE);
    }
    words.extend(word);
    Ok(words)
}
