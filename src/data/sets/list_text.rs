//! Lists as text files: UTF-8, with or without the mark and the line ends of Windows.

use super::SetError;
use std::path::Path;

/// The whole file.
pub fn read(path: &Path) -> Result<String, SetError> {
    let fail = |reason: String| SetError::Read { path: path.to_owned(), reason };
    let bytes = crate::files::read_whole(path).map_err(|e| fail(e.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| fail("it is not UTF-8 text".to_owned()))?;
    Ok(text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_owned))
}

/// The lines that are not blank, trimmed, each with its number from 1.
pub fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().map(|(i, line)| (i + 1, line.trim())).filter(|(_, line)| !line.is_empty())
}

/// The error about a line.
pub fn wrong(path: &Path, line: usize, reason: impl Into<String>) -> SetError {
    SetError::Line { path: path.to_owned(), line, reason: reason.into() }
}

/// A path and the whole number after the last white space of a line, if there is one.
pub fn with_number(line: &str) -> (&str, Option<usize>) {
    match line.rsplit_once(char::is_whitespace) {
        Some((path, number)) => match number.parse() {
            Ok(number) => (path.trim_end(), Some(number)),
            Err(_) => (line, None),
        },
        None => (line, None),
    }
}
