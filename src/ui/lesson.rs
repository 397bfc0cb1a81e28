//! Lessons: Markdown that acts on the window. A lesson is a title (`#`) and steps (`##`); what a step does stands between its
//! paragraphs in fenced blocks of JSON, and is reached one after the other:
//!
//! - `do`: [intents](super::intent::Intent), carried out when the step gets there;
//! - `guess`: a question with options, each with the condition under which it is right; what follows waits for an answer,
//!   and which one is right is measured after the `do` that follows;
//! - `until`: a condition that the learner has to bring about before what follows is shown;
//! - `claim`: a condition that the text speaks of, looked up on the model that is loaded.
//!
//! A lesson looks and acts, it never writes a file, and opens none outside its own folder but the bundled clips.

use super::bundled;
use super::easel::Draw;
use super::edit::Side;
use super::intent::Intent;
use super::state::State;
use crate::score::{ClassScore, Scores};
use crate::view::Layer;
use serde::{Deserialize, Serialize};
use std::path::{Component, Path, PathBuf};

/// The folder name that stands for the bundled clips in a lesson's `open_video`.
const BUNDLED: &str = "bundled";
/// A lesson is text for a person; what is larger is something else.
const LARGEST: u64 = 1 << 20;

/// Intents that a `do` has at most: they are carried out between two frames.
const MOST: usize = 32;

/// The lessons that come with the program, the first minute first.
const SHIPPED: [&str; 7] = [
    include_str!("../../assets/lessons/first-minute.md"),
    include_str!("../../assets/lessons/motion-map.md"),
    include_str!("../../assets/lessons/other-order.md"),
    include_str!("../../assets/lessons/time-has-a-direction.md"),
    include_str!("../../assets/lessons/negative-prompt.md"),
    include_str!("../../assets/lessons/negation-fails.md"),
    include_str!("../../assets/lessons/gates-and-stillness.md"),
];

/// See the module.
#[derive(Clone, Debug, PartialEq)]
pub struct Lesson {
    pub title: String,
    pub steps: Vec<Step>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    pub title: String,
    pub blocks: Vec<Block>,
}

/// One part of a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// Markdown.
    Text(String),
    Do(Vec<Intent>),
    Guess(Guess),
    Until(Condition),
    Claim(Condition),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guess {
    pub question: String,
    /// What a person may think, and when that is so; the first that is so is the right one.
    pub options: Vec<(String, Condition)>,
}

/// What can be so of the window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Condition {
    Playing(bool),
    Layer(Layer),
    /// Frames or model are altered.
    Altered(bool),
    /// The likeliest class has that name.
    Winner(String),
    /// The likeliest class is another than before the last `do`.
    WinnerChanged(bool),
    /// The class has so many negatives of its own at least.
    Negatives {
        of: String,
        at_least: usize,
    },
    /// One of the prompts of the class on that side, its own or from the templates, reads exactly so; or none does.
    Prompt {
        of: String,
        side: Side,
        reads: String,
        so: bool,
    },
    /// A number of a class.
    Score {
        of: String,
        number: Number,
        is: Is,
    },
    /// That number of the first class is larger than that of the second.
    Larger {
        number: Number,
        of: String,
        than: String,
    },
    All(Vec<Condition>),
}

/// Which number of a class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Number {
    P,
    Yes,
    SPos,
    SNeg,
    Margin,
}

/// By itself, or against what it was before the last `do`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Is {
    Above(f32),
    Below(f32),
    RisesBy(f32),
    FallsBy(f32),
    /// Changes by no more than this.
    StaysWithin(f32),
}

impl Number {
    pub fn name(self) -> &'static str {
        match self {
            Self::P => "p",
            Self::Yes => "yes",
            Self::SPos => "s+",
            Self::SNeg => "s−",
            Self::Margin => "margin",
        }
    }

    fn of(self, class: &ClassScore) -> Option<f32> {
        match self {
            Self::P => Some(class.p),
            Self::Yes => class.yes,
            Self::SPos => class.s_pos,
            Self::SNeg => class.s_neg,
            Self::Margin => class.margin,
        }
    }

    fn in_words(self, value: f32) -> String {
        match self {
            Self::P => format!("{:.1}%", 100.0 * value),
            _ => format!("{value:.3}"),
        }
    }
}

/// The likeliest of the classes that count.
fn winner(scores: &Scores) -> Option<&str> {
    let counting = scores.classes.iter().filter(|c| c.counts);
    Some(counting.max_by(|a, b| a.p.total_cmp(&b.p))?.name.as_str())
}

fn value(scores: &Scores, of: &str, number: Number) -> Option<f32> {
    number.of(scores.classes.iter().find(|c| c.name == of)?)
}

impl Condition {
    /// Whether it is so; `None` where that cannot be known, as there are no scores or no such class. `before`: the scores
    /// before the last `do`.
    pub fn holds(&self, s: &State, before: Option<&Scores>) -> Option<bool> {
        let now = s.scores();
        Some(match self {
            Self::Playing(on) => s.playback.playing == *on,
            Self::Layer(layer) => s.view.layer == *layer,
            Self::Altered(on) => s.altered_words().is_some() == *on,
            Self::Winner(name) => winner(now?)? == name,
            Self::WinnerChanged(on) => (winner(now?)? != winner(before?)?) == *on,
            Self::Negatives { of, at_least } => {
                let class = s.prompts().classes.iter().find(|c| c.name == *of)?;
                class.negative.as_ref().map_or(0, Vec::len) >= *at_least
            }
            Self::Prompt { of, side, reads, so } => {
                let class = s.prompts().classes.iter().find(|c| c.name == *of)?;
                side.shown(s.prompts(), class).contains(reads) == *so
            }
            Self::Score { of, number, is } => {
                let value = value(now?, of, *number)?;
                let change = || Some(value - self::value(before?, of, *number)?);
                match is {
                    Is::Above(v) => value > *v,
                    Is::Below(v) => value < *v,
                    Is::RisesBy(v) => change()? >= *v,
                    Is::FallsBy(v) => change()? <= -*v,
                    Is::StaysWithin(v) => change()?.abs() <= *v,
                }
            }
            Self::Larger { number, of, than } => value(now?, of, *number)? > value(now?, than, *number)?,
            Self::All(all) => {
                let all: Option<Vec<bool>> = all.iter().map(|c| c.holds(s, before)).collect();
                all?.into_iter().all(|held| held)
            }
        })
    }

    /// The numbers that it is about, as they are: "yes of moving right: 0.941 → 0.526".
    pub fn in_words(&self, s: &State, before: Option<&Scores>) -> String {
        let now = s.scores();
        let told = |of: &str, number: Number| {
            let one = |scores: Option<&Scores>| Some(number.in_words(value(scores?, of, number)?));
            let now = one(now).unwrap_or_else(|| "not known".to_owned());
            (now, one(before))
        };
        match self {
            Self::Playing(on) => format!("the video {}", if *on { "plays" } else { "stands still" }),
            Self::Layer(layer) => format!("the stage shows {}", layer.name()),
            Self::Altered(on) => format!("something is {}altered", if *on { "" } else { "not " }),
            Self::Winner(_) | Self::WinnerChanged(_) => {
                format!("the likeliest: {}", now.and_then(winner).unwrap_or("not known"))
            }
            Self::Negatives { of, .. } => {
                let class = s.prompts().classes.iter().find(|c| c.name == *of);
                let count = class.and_then(|c| c.negative.as_ref()).map_or(0, Vec::len);
                format!("negatives of {of}: {count}")
            }
            Self::Prompt { side, reads, so, .. } => {
                let one = if *so { "a" } else { "no" };
                format!("{one} {} prompt reads “{reads}”", side.word())
            }
            Self::Score { of, number, is } => {
                let (now, before) = told(of, *number);
                let changes = matches!(is, Is::RisesBy(_) | Is::FallsBy(_) | Is::StaysWithin(_));
                let from = before.filter(|_| changes).map_or(String::new(), |b| format!("{b} → "));
                format!("{} of {of}: {from}{now}", number.name())
            }
            Self::Larger { number, of, than } => {
                let (a, b) = (told(of, *number).0, told(than, *number).0);
                format!("{} of {of}: {a}, of {than}: {b}", number.name())
            }
            Self::All(all) => all.iter().map(|c| c.in_words(s, before)).collect::<Vec<_>>().join("; "),
        }
    }
}

impl Lesson {
    /// Whether a step of it chooses a part of the clip.
    pub fn chooses_a_part(&self) -> bool {
        let chooses = |intent: &Intent| {
            matches!(
                intent,
                Intent::SetIn
                    | Intent::SetOut
                    | Intent::Range(..)
                    | Intent::LoopStrongest(_)
                    | Intent::Scope(_)
            )
        };
        let acts = |block: &Block| matches!(block, Block::Do(intents) if intents.iter().any(chooses));
        self.steps.iter().any(|step| step.blocks.iter().any(acts))
    }

    /// The lessons that come with the program; a test holds that each can be read.
    pub fn shipped() -> Vec<Self> {
        let read = |text: &&str| match Self::parse(text, Path::new("")) {
            Ok(lesson) => Some(lesson),
            Err(why) => {
                log::error!("a lesson of the program: {why}");
                None
            }
        };
        SHIPPED.iter().filter_map(read).collect()
    }

    /// Reads the lesson of a file.
    pub fn read(path: &Path) -> Result<Self, String> {
        let told = |why: String| format!("{}: {why}", path.display());
        let size = std::fs::metadata(path).map_err(|e| told(e.to_string()))?.len();
        if size > LARGEST {
            return Err(told("too large for a lesson (more than 1 MiB)".to_owned()));
        }
        let text = std::fs::read_to_string(path).map_err(|e| told(e.to_string()))?;
        Self::parse(&text, path.parent().unwrap_or(Path::new(""))).map_err(told)
    }

    /// `folder`: where the lesson's clips lie. An error begins with the line that is at fault.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, String> {
        let mut lesson = Self { title: String::new(), steps: Vec::new() };
        let mut lines = text.lines().enumerate();
        let mut prose = String::new();
        while let Some((i, line)) = lines.next() {
            let fault = |at: usize, why: &str| format!("line {}: {why}", at + 1);
            if let Some(title) = line.strip_prefix("# ") {
                if !lesson.title.is_empty() {
                    return Err(fault(i, "a second title; a step begins with ##"));
                }
                title.trim().clone_into(&mut lesson.title);
                continue;
            }
            if let Some(title) = line.strip_prefix("## ") {
                lesson.close(&mut prose);
                lesson.steps.push(Step { title: title.trim().to_owned(), ..Step::default() });
                continue;
            }
            let kind = line.trim_end().strip_prefix("```").map(str::trim);
            let Some(kind) = kind.filter(|k| ["do", "guess", "until", "claim"].contains(k)) else {
                if lesson.steps.is_empty() && !line.trim().is_empty() {
                    return Err(fault(i, "text before the first step; a step begins with ##"));
                }
                prose.push_str(line);
                prose.push('\n');
                continue;
            };
            lesson.close(&mut prose);
            let mut json = String::new();
            loop {
                match lines.next() {
                    Some((_, end)) if end.trim_end() == "```" => break,
                    Some((_, more)) => {
                        json.push_str(more);
                        json.push('\n');
                    }
                    None => return Err(fault(i, "this block has no end (```)")),
                }
            }
            let block = block(kind, &json, folder).map_err(|(line, why)| fault(i + line, &why))?;
            match lesson.steps.last_mut() {
                Some(step) => step.blocks.push(block),
                None => return Err(fault(i, "a block before the first step; a step begins with ##")),
            }
        }
        lesson.close(&mut prose);
        if lesson.title.is_empty() {
            return Err("line 1: a lesson begins with its title (# …)".to_owned());
        }
        if lesson.steps.is_empty() {
            return Err("line 1: there is no step (## …)".to_owned());
        }
        Ok(lesson)
    }

    /// The paragraphs so far belong to the last step.
    fn close(&mut self, prose: &mut String) {
        let text = std::mem::take(prose);
        if let Some(step) = self.steps.last_mut().filter(|_| !text.trim().is_empty()) {
            step.blocks.push(Block::Text(text.trim().to_owned()));
        }
    }
}

/// An error says in which line of the block.
fn block(kind: &str, json: &str, folder: &Path) -> Result<Block, (usize, String)> {
    fn read<T: serde::de::DeserializeOwned>(json: &str) -> Result<T, (usize, String)> {
        serde_json::from_str(json).map_err(|e| (e.line().max(1), e.to_string()))
    }
    match kind {
        "do" => {
            let intents: Vec<Intent> = read(json)?;
            let clips = intents.iter().filter(|i| matches!(i, Intent::OpenVideo(_))).count();
            if intents.len() > MOST || clips > 1 {
                return Err((0, format!("a do has {MOST} intents at most, and one clip")));
            }
            let within = |intent| within(intent, folder).map_err(|why| (0, why));
            Ok(Block::Do(intents.into_iter().map(within).collect::<Result<_, _>>()?))
        }
        "guess" => {
            let guess: Guess = read(json)?;
            match guess.options.len() {
                2..=6 => Ok(Block::Guess(guess)),
                _ => Err((0, "a guess has two to six options".to_owned())),
            }
        }
        "until" => Ok(Block::Until(read(json)?)),
        _ => Ok(Block::Claim(read(json)?)),
    }
}

/// The intent with its clip found, if a lesson may ask for it.
fn within(intent: Intent, folder: &Path) -> Result<Intent, String> {
    match intent {
        Intent::OpenVideo(path) => Ok(Intent::OpenVideo(clip(&path, folder)?)),
        Intent::Draw(Draw::Save(_)) => Err("a lesson writes no files".to_owned()),
        Intent::BundledPrompts
        | Intent::TogglePlay
        | Intent::Pause
        | Intent::Seek(_)
        | Intent::SeekBy(_)
        | Intent::Step(_)
        | Intent::SetSpeed(_)
        | Intent::ToggleLoop
        | Intent::SetIn
        | Intent::SetOut
        | Intent::ClearRange
        | Intent::Range(..)
        | Intent::LoopStrongest(_)
        | Intent::Scope(_)
        | Intent::Around(_)
        | Intent::Order(_)
        | Intent::Crop(_)
        | Intent::Surgery(_)
        | Intent::ResetAltered
        | Intent::GateWorth(_)
        | Intent::FreezeClass(_)
        | Intent::Brush(_)
        | Intent::Patch(_)
        | Intent::Where(_)
        | Intent::SetView(_)
        | Intent::Lanes(_)
        | Intent::Moment(_)
        | Intent::Lens(_)
        | Intent::Edit(_)
        | Intent::ShowClass(_)
        | Intent::TypeInto(..)
        | Intent::SortByScore(_)
        | Intent::Watch(_)
        | Intent::Try(_)
        | Intent::Negate(_)
        | Intent::Draw(_)
        | Intent::Pane(..) => Ok(intent),
        _ => Err("a lesson may look and alter, but not read or write files, change the model, or act for the person".to_owned()),
    }
}

fn clip(path: &Path, folder: &Path) -> Result<PathBuf, String> {
    let plain = path.components().all(|c| matches!(c, Component::Normal(_)));
    if !plain || path.as_os_str().is_empty() {
        return Err(format!("{}: a clip is named from the lesson's own folder", path.display()));
    }
    if let Ok(name) = path.strip_prefix(BUNDLED) {
        let found = bundled::clips().into_iter().find(|c| c.path.file_name() == Some(name.as_os_str()));
        return found.map(|c| c.path).ok_or_else(|| format!("there is no bundled clip {}", name.display()));
    }
    // Also where a link leads out of it.
    let (path, folder) = (folder.join(path), folder.canonicalize().unwrap_or_default());
    match path.canonicalize() {
        Ok(real) if real.is_file() && real.starts_with(&folder) => Ok(path),
        Ok(_) => Err(format!("{} is no file of the lesson's own folder", path.display())),
        Err(_) => Err(format!("{} is not there", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: &str = "# T\n\n## One\n\nText.\n\n```do\n[\"toggle_play\"]\n```\n\nMore.\n\n```until\n{\"playing\": true}\n```\n";

    #[test]
    fn a_step_is_its_blocks_in_order() {
        let lesson = Lesson::parse(SHORT, Path::new("")).unwrap();
        assert_eq!((lesson.title.as_str(), lesson.steps.len()), ("T", 1));
        assert_eq!(
            lesson.steps[0].blocks,
            [
                Block::Text("Text.".into()),
                Block::Do(vec![Intent::TogglePlay]),
                Block::Text("More.".into()),
                Block::Until(Condition::Playing(true)),
            ]
        );
    }

    #[test]
    fn what_is_broken_is_said_with_its_line() {
        for (text, line, word) in [
            ("", 1, "title"),
            ("# T\n", 1, "no step"),
            ("# T\nhello\n## S\n", 2, "before the first step"),
            ("# T\n## S\n```do\n[]\n", 3, "no end"),
            ("# T\n## S\n\n```do\n[\"toggle_play\",\n \"flay\"]\n```\n", 6, "flay"),
            ("# T\n## S\n```until\n{\"playing\": 3}\n```\n", 4, "bool"),
            ("# T\n## S\n```guess\n{\"question\":\"?\",\"options\":[]}\n```\n", 3, "options"),
            ("# T\n## S\n```do\n[{\"save_prompts\":\"/tmp/x\"}]\n```\n", 3, "may look"),
            ("# T\n## S\n```do\n[{\"open_video\":\"/etc/passwd\"}]\n```\n", 3, "own folder"),
            ("# T\n## S\n```do\n[{\"open_video\":\"../x.mp4\"}]\n```\n", 3, "own folder"),
            ("# T\n## S\n```do\n[{\"open_video\":\"bundled/none.mp4\"}]\n```\n", 3, "no bundled clip"),
            ("# T\n## S\n```do\n[{\"open_model\":\"embedded\"}]\n```\n", 3, "may look"),
            ("# T\n## S\n```do\n[\"default_panes\"]\n```\n", 3, "may look"),
            ("# T\n## S\n```do\n[{\"draw\":{\"save\":\"x.mp4\"}}]\n```\n", 3, "no files"),
            ("# T\n# U\n## S\n", 2, "second title"),
        ] {
            let why = Lesson::parse(text, Path::new("/nowhere")).unwrap_err();
            assert!(why.starts_with(&format!("line {line}: ")) && why.contains(word), "{text:?}: {why}");
        }
    }

    #[test]
    fn a_do_that_would_take_the_window_long_is_refused() {
        let many = vec![r#"{"edit":{"add_class":"x"}}"#; MOST + 1].join(",");
        let why = Lesson::parse(&format!("# T\n## S\n```do\n[{many}]\n```\n"), Path::new("")).unwrap_err();
        assert!(why.contains("at most"), "{why}");
    }

    #[test]
    fn every_lesson_of_the_program_can_be_read() {
        let lessons: Vec<Lesson> =
            SHIPPED.iter().map(|text| Lesson::parse(text, Path::new("")).unwrap()).collect();
        assert!(lessons.iter().all(|l| l.steps.iter().all(|s| !s.blocks.is_empty() && !s.title.is_empty())));
    }
}
