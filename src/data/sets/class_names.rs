//! What a class is called in a prompt.

/// What becomes of names that are written in one word, such as UCF-101's "ApplyEyeMakeup". The projects of the field differ:
/// some split them, ViFi-CLIP's own list does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Names {
    /// "Apply Eye Makeup"
    Split,
    /// "ApplyEyeMakeup"
    Keep,
}

/// A class's name as a prompt has it: underscores are spaces.
pub fn class_name(name: &str, names: Names) -> String {
    let spaced = name.replace('_', " ");
    let mut out = String::with_capacity(spaced.len() + 4);
    let mut before: Option<char> = None;
    let mut rest = spaced.chars().peekable();
    while let Some(c) = rest.next() {
        // "YoYo", and "GMXJump" after its capitals.
        let begins = c.is_uppercase()
            && (before.is_some_and(|b| b.is_lowercase() || b.is_numeric())
                || before.is_some_and(char::is_uppercase)
                    && rest.peek().is_some_and(|next| next.is_lowercase()));
        if begins && names == Names::Split {
            out.push(' ');
        }
        out.push(c);
        before = Some(c);
    }
    out.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_one_are_split_where_that_is_asked() {
        for (name, split) in [
            ("ApplyEyeMakeup", "Apply Eye Makeup"),
            ("YoYo", "Yo Yo"),
            ("TaiChi", "Tai Chi"),
            ("brush_hair", "brush hair"),
            ("Holding something, or not", "Holding something, or not"),
            ("BMXJump", "BMX Jump"),
            ("SaltSpin", "Salt Spin"),
        ] {
            assert_eq!(class_name(name, Names::Split), split);
        }
        assert_eq!(class_name("ApplyEyeMakeup", Names::Keep), "ApplyEyeMakeup");
        assert_eq!(class_name("brush_hair", Names::Keep), "brush hair");
    }
}
