//! Sixty prompts by people who knew the classes and had not seen the vocabulary (`tests/fixtures/people-prompts.tsv`, written after
//! it was made): what of them the embedded model of people takes for the class that was meant, by its text side alone.
//! `cargo test --release --test people_prompts -- --nocapture` prints each.

use burn::tensor::Device;
use motionlens::data::cast::Cast;
use motionlens::data::people::vocabulary;
use motionlens::prompt::{PromptSet, Templates};
use motionlens::score::negation::cosine;
use motionlens::session::{ModelSource, Session};
use std::collections::HashSet;
use std::sync::Arc;

const WRITTEN: &str = include_str!("fixtures/people-prompts.tsv");

fn prompts() -> Vec<(&'static str, &'static str)> {
    WRITTEN.lines().filter_map(|line| line.split_once('\t')).collect()
}

#[test]
fn most_of_what_strangers_type_is_in_the_vocabulary() {
    let words: HashSet<String> = vocabulary().into_iter().collect();
    let known = |prompt: &str| prompt.split_whitespace().all(|word| words.contains(word));
    let whole = prompts().iter().filter(|(prompt, _)| known(prompt)).count();
    let all: Vec<&str> = prompts().iter().flat_map(|(prompt, _)| prompt.split_whitespace()).collect();
    let single = all.iter().filter(|word| words.contains(**word)).count();
    println!("{whole} of {} prompts, {single} of {} words are known", prompts().len(), all.len());
    assert!(whole >= 41 && single * 100 >= all.len() * 90);
}

#[test]
fn what_strangers_type_lies_nearest_to_the_class_that_they_meant() {
    let mut session = Session::load(&ModelSource::People, &Device::flex(), &|_, _| ()).unwrap();
    let names: Vec<String> = Cast::People.classes().into_iter().map(|class| class.name()).collect();
    let bare = Templates { positive: vec!["{}".into()], negative: Vec::new() };
    let mut encode = |texts: Vec<&str>| -> Vec<Arc<[f32]>> {
        let set = PromptSet { templates: bare.clone(), ..PromptSet::from_names(texts) };
        let classes = session.classes(&set, &mut |_, _| true).unwrap().0;
        classes.into_iter().map(|class| class.positive.unwrap()).collect()
    };
    let classes = encode(names.iter().map(String::as_str).collect());
    let typed = encode(prompts().iter().map(|(prompt, _)| *prompt).collect());
    let mut right = 0;
    for ((prompt, meant), text) in prompts().iter().zip(&typed) {
        let near = |class: &usize| cosine(text, &classes[*class]);
        let nearest = (0..names.len()).max_by(|a, b| near(a).total_cmp(&near(b))).unwrap();
        right += usize::from(names[nearest] == *meant);
        if names[nearest] != *meant {
            println!("{prompt}: {} (meant: {meant})", names[nearest]);
        }
    }
    println!("{right} of {} lie nearest to what was meant", typed.len());
    // 51 when the model was made.
    assert!(right >= 50, "{right}");
}
