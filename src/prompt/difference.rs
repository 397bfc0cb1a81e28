//! What makes one prompt set out of another, in a few words: "+ negative 'standing' in jumping".

use super::{Class, PromptSet};

/// In words, for a list of what was done. Several changes at once are counted.
pub fn in_words(before: &PromptSet, after: &PromptSet) -> String {
    let (a, b) = (&before.classes, &after.classes);
    if a.len() + 1 == b.len()
        && let Some(name) = one_more(a, b)
    {
        return format!("+ class “{name}”");
    }
    if a.len() == b.len() + 1
        && let Some(name) = one_more(b, a)
    {
        return format!("class “{name}” removed");
    }
    if a.len() != b.len() {
        return format!("another set: {}", classes(b.len()));
    }
    let changed: Vec<usize> = (0..a.len()).filter(|c| !same(&a[*c], &b[*c])).collect();
    let mut words = match changed[..] {
        [] => Vec::new(),
        [c] => class(before, after, c),
        [c, d] if same(&a[c], &b[d]) && same(&a[d], &b[c]) => {
            return format!("“{}” and “{}” change places", a[c].name, a[d].name);
        }
        _ => vec![format!("prompts of {} changed", classes(changed.len()))],
    };
    let lists = |set: &PromptSet| [set.templates.positive.clone(), set.templates.negative.clone()];
    for ((sign, before), after) in SIGNS.iter().zip(lists(before)).zip(lists(after)) {
        words.extend(list(&before, &after).map(|what| format!("{sign} template {what}")));
    }
    if before.count_unknown != after.count_unknown {
        let words_count = if after.count_unknown { "unknown words count" } else { "unknown words left out" };
        words.push(words_count.to_owned());
    }
    if words.is_empty() { "as before".to_owned() } else { words.join(", ") }
}

/// "1 class", "3 classes".
pub fn classes(n: usize) -> String {
    if n == 1 { "1 class".to_owned() } else { format!("{n} classes") }
}

const SIGNS: [&str; 2] = ["positive", "negative"];

/// The name of the class that `more` has beside those of `less`, which are in the same order.
fn one_more<'a>(less: &[Class], more: &'a [Class]) -> Option<&'a str> {
    let at = less.iter().zip(more).take_while(|(a, b)| same(a, b)).count();
    let rest = less[at..].iter().zip(&more[at + 1..]).all(|(a, b)| same(a, b));
    rest.then(|| more[at].name.as_str())
}

/// What a person has written is the same.
fn same(a: &Class, b: &Class) -> bool {
    a.name == b.name && a.positive == b.positive && a.negative == b.negative
}

fn class(before: &PromptSet, after: &PromptSet, c: usize) -> Vec<String> {
    let (a, b) = (&before.classes[c], &after.classes[c]);
    let mut words = Vec::new();
    if a.name != b.name {
        words.push(format!("“{}” is now “{}”", a.name, b.name));
    }
    let sides = [
        (&a.positive, &b.positive, before.positive_prompts(a), after.positive_prompts(b)),
        (&a.negative, &b.negative, before.negative_prompts(a), after.negative_prompts(b)),
    ];
    for (sign, (own_before, own, shown_before, shown)) in SIGNS.iter().zip(sides) {
        if own_before == own {
            continue;
        }
        // A list that is written for the first time starts as what the templates gave.
        let what = list(own_before.as_ref().unwrap_or(&shown_before), own.as_ref().unwrap_or(&shown));
        words.push(match (what, own) {
            (_, None) => format!("{sign} prompts of {} from the templates", b.name),
            (Some(what), _) => format!("{sign} {what} in {}", b.name),
            (None, _) => format!("own {sign} prompts in {}", b.name),
        });
    }
    words
}

/// What has become of a list of prompts; `None`: it is the same.
fn list(before: &[String], after: &[String]) -> Option<String> {
    let start = before.iter().zip(after).take_while(|(a, b)| a == b).count();
    let (a, b) = (&before[start..], &after[start..]);
    let end = a.iter().rev().zip(b.iter().rev()).take_while(|(a, b)| a == b).count();
    match (&a[..a.len() - end], &b[..b.len() - end]) {
        ([], []) => None,
        ([], [new]) => Some(format!("+ “{new}”")),
        ([old], []) => Some(format!("“{old}” removed")),
        ([old], [new]) => Some(format!("“{old}” is now “{new}”")),
        _ if before.len() == after.len() => Some("prompts in another order or wording".to_owned()),
        _ => Some(format!("prompts: {} before, {} now", before.len(), after.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_edit_has_its_words() {
        let base = PromptSet::from_names(["pig", "jump"]);
        let edited = |f: &dyn Fn(&mut PromptSet)| {
            let mut set = base.clone();
            f(&mut set);
            set
        };
        let own = |mut set: PromptSet, more: &[&str]| {
            let mut list = set.negative_prompts(&set.classes[0]);
            list.extend(more.iter().map(|&p| p.to_owned()));
            set.classes[0].negative = Some(list);
            set
        };
        for (after, words) in [
            (base.clone(), "as before"),
            (own(base.clone(), &["not jumping"]), "negative + “not jumping” in pig"),
            (own(base.clone(), &[]), "own negative prompts in pig"),
            (own(base.clone(), &["a", "b"]), "negative prompts: 1 before, 3 now in pig"),
            (edited(&|s| s.classes[1].name = "hop".into()), "“jump” is now “hop”"),
            (edited(&|s| s.classes.swap(0, 1)), "“pig” and “jump” change places"),
            (edited(&|s| drop(s.classes.remove(0))), "class “pig” removed"),
            (edited(&|s| s.classes.insert(1, Class { name: "x".into(), ..Class::default() })), "+ class “x”"),
            (edited(&|s| s.classes.clear()), "another set: 0 classes"),
            (edited(&|s| s.count_unknown = true), "unknown words count"),
            (edited(&|s| s.templates.negative.push("no {}".into())), "negative template + “no {}”"),
            (edited(&|s| s.templates.positive[0] = "x {}".into()), "positive template “{}” is now “x {}”"),
        ] {
            assert_eq!(in_words(&base, &after), words);
        }
        assert_eq!(in_words(&own(base.clone(), &["a"]), &base), "negative prompts of pig from the templates");
        let (two, one) = (own(base.clone(), &["a", "b"]), own(base.clone(), &["b"]));
        assert_eq!(in_words(&two, &one), "negative “a” removed in pig");
        assert_eq!(in_words(&one, &own(base, &["c"])), "negative “b” is now “c” in pig");
    }
}
