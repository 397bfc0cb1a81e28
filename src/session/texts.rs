//! The text side (METHOD §6): every string goes through the text tower once, every class through DA_j once, so that an
//! edit costs what it changes and no more.

use super::{Session, WorkError, not_finite, read};
use crate::prompt::known::Known;
use crate::prompt::{Class, PromptSet, Tokenizer};
use crate::score::{ClassEmbedding, Without, mean_of_normalised, normalise};
use burn::tensor::{Tensor, TensorData};
use lru::LruCache;
use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::Arc;

/// Strings and classes that are kept; a large prompt set has some thousands.
const KEPT: NonZeroUsize = NonZeroUsize::new(16_384).unwrap();
/// Strings that go through the text tower at once.
const TEXT_BATCH: usize = 32;

/// A note on one prompt string of the present prompt set.
#[derive(Clone, Debug, PartialEq)]
pub struct PromptNote {
    pub text: String,
    /// Tokens cut to fit the context.
    pub cut: usize,
    /// Byte ranges of words that the tokenizer does not know.
    pub unknown: Vec<std::ops::Range<usize>>,
}

/// What one string gives.
struct Text {
    /// Before DA_j (E).
    embedding: Arc<[f32]>,
    /// After DA_j, unit norm (E).
    joint: Arc<[f32]>,
    note: Option<PromptNote>,
}

/// The prompts of a class, as they go to the tokenizer.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
struct Prompts {
    positive: Vec<String>,
    /// In the groups of [`PromptSet::negative_groups`].
    negative: Vec<Vec<String>>,
    /// Typed negatives that say nothing to the model ([`Known::says`]): they have a cosine and are in no group.
    silent: Vec<String>,
    /// [`PromptSet::negative_floor`].
    floor: Vec<String>,
}

impl Prompts {
    fn of(set: &PromptSet, class: &Class, tokenizer: &Tokenizer, known: &mut Known) -> Self {
        let floor = set.negative_floor(class);
        let mut says = |group: &Vec<String>| {
            group.iter().any(|text| floor.contains(text) || known.says(tokenizer, set, text))
        };
        let (negative, silent): (Vec<_>, Vec<_>) =
            set.negative_groups(class).into_iter().partition(|group| says(group));
        Self { positive: set.positive_prompts(class), negative, silent: silent.concat(), floor }
    }

    /// Those that the class has itself.
    fn own(&self) -> impl Iterator<Item = &String> {
        self.positive.iter().chain(self.negative.iter().flatten()).chain(&self.silent)
    }

    /// The group that a negative is in, and its place there; for a silent one the number of groups.
    fn group_of(&self, text: &String) -> (usize, Option<usize>) {
        let of = |group: &Vec<String>| group.iter().position(|t| t == text);
        let found = self.negative.iter().enumerate().find_map(|(at, group)| Some((at, of(group)?)));
        found.map_or((self.negative.len(), None), |(group, place)| (group, Some(place)))
    }

    /// How many of the groups are of the templates: the first or none.
    fn filled(&self) -> usize {
        let is = |group: &Vec<String>| group.first().is_some_and(|prompt| self.floor.contains(prompt));
        usize::from(self.negative.first().is_some_and(is))
    }

    /// The group of negatives that says just what the floor says: as a rule there is one.
    fn group_of_floor(&self) -> Option<usize> {
        self.negative.iter().position(|group| *group == self.floor)
    }
}

/// A class's t⁺ and every t⁻.
#[derive(Clone, Default)]
struct Joint {
    positive: Option<Arc<[f32]>>,
    negatives: Vec<Arc<[f32]>>,
    floor: Option<Arc<[f32]>>,
    /// The same without each prompt: t⁺, and the t⁻ of each group of negatives; absent where none is left.
    without: Option<(LeftOut, Vec<LeftOut>)>,
}

/// What one vector of several prompts becomes without each of them.
type LeftOut = Vec<Option<Arc<[f32]>>>;

/// Prompts are left out in turn where the set has no more than so many: each is a row for DA_j, and a vector to hold.
const MOST: usize = 4096;
/// A class with more prompts than this is not looked at that way: each mean is of all the others.
const MOST_OF_ONE: usize = 64;

/// Of which classes the prompts are left out in turn: of all, or in a large set of those whose prompts a person has written.
fn studied(set: &PromptSet, prompts: &[Prompts]) -> Vec<bool> {
    let count = |p: &Prompts| p.own().count();
    let small = |which: &dyn Fn(&Class) -> bool| {
        let counts = set.classes.iter().zip(prompts).filter(|(class, _)| which(class)).map(|(_, p)| count(p));
        counts.sum::<usize>() <= MOST
    };
    let own = |class: &Class| class.positive.is_some() || class.negative.is_some();
    let (all, written) = (small(&|_| true), small(&own));
    let classes = set.classes.iter().zip(prompts);
    classes.map(|(class, p)| count(p) <= MOST_OF_ONE && (all || (written && own(class)))).collect()
}

/// The list without each of its members.
fn each_left_out(list: &[String]) -> impl Iterator<Item = Vec<String>> {
    (0..list.len()).map(|i| [&list[..i], &list[i + 1..]].concat())
}

/// What has been computed and need not be again.
pub(super) struct Cache {
    texts: LruCache<String, Text>,
    /// t⁺ and the t⁻ of a class's prompts, after DA_j.
    classes: LruCache<Prompts, Joint>,
    /// Which texts hold a word that the model knows.
    known: Known,
}

impl Default for Cache {
    fn default() -> Self {
        Self { texts: LruCache::new(KEPT), classes: LruCache::new(KEPT), known: Known::default() }
    }
}

/// Per class the mean of its normalised positive and of its negative prompts before DA_j, unit norm (E); zero where a class
/// has none. What training starts from, as its DA_j changes at every step.
pub struct TextMeans {
    pub positive: Vec<Vec<f32>>,
    pub negative: Vec<Vec<f32>>,
}

impl Session {
    /// The text side of every class, and the notes on its prompts. Only strings not seen before go through the text tower;
    /// `go_on` hears between batches how many of them are done, and of how many, and says whether to go on. What was done is
    /// kept either way.
    pub fn classes(
        &mut self,
        set: &PromptSet,
        go_on: &mut dyn FnMut(usize, usize) -> bool,
    ) -> Result<(Vec<ClassEmbedding>, Vec<PromptNote>), WorkError> {
        let (tokenizer, known) = (&self.tokenizer, &mut self.texts.known);
        let prompts: Vec<Prompts> =
            set.classes.iter().map(|c| Prompts::of(set, c, tokenizer, known)).collect();
        let studied = studied(set, &prompts);
        self.encode(&prompts, go_on)?;
        self.join(&prompts, &studied)?;

        let mut noted = HashSet::new();
        let notes = prompts
            .iter()
            .flat_map(Prompts::own)
            .filter_map(|text| self.texts.texts.peek(text)?.note.as_ref())
            .filter(|note| noted.insert(note.text.as_str()))
            .cloned()
            .collect();
        let mut classes = Vec::with_capacity(prompts.len());
        for (class, prompts) in set.classes.iter().zip(&prompts) {
            let known = &mut self.texts.known;
            let counts = known.counts(&self.tokenizer, set, class);
            let joined = self.texts.classes.peek(prompts).cloned().unwrap_or_default();
            let joint = |text: &String| Some(self.texts.texts.peek(text)?.joint.clone());
            let negative = set.negative_prompts(class);
            let without = joined.without.map(|(positive, groups)| {
                let mut counts = |left: Vec<String>| {
                    known.counts(&self.tokenizer, set, &Class { positive: Some(left), ..class.clone() })
                };
                let left = each_left_out(&prompts.positive);
                let positive = positive.into_iter().zip(left).map(|(t, left)| (t, counts(left))).collect();
                let negative = negative.iter().map(|text| {
                    let (group, member) = prompts.group_of(text);
                    groups.get(group)?.get(member?)?.clone()
                });
                Arc::new(Without { positive, negative: negative.collect() })
            });
            let grouped = |text: &String| Some((prompts.group_of(text).0, joint(text)?));
            classes.push(ClassEmbedding {
                name: class.name.clone(),
                positive: joined.positive,
                negatives: joined.negatives,
                from_templates: prompts.filled(),
                floor: joined.floor,
                counts,
                positive_prompts: prompts.positive.iter().filter_map(joint).collect(),
                negative_prompts: negative.iter().filter_map(grouped).collect(),
                without,
            });
        }
        Ok((classes, notes))
    }

    /// The classes of `set` as they are without DA_j, in CLIP's own joint space (E), for what lives there: patch tokens, and
    /// surgery that leaves DA_j out. `adapted`: what [`Session::classes`] gave for the same set, whose texts are held.
    pub fn plain_classes(&self, set: &PromptSet, adapted: &[ClassEmbedding]) -> Vec<ClassEmbedding> {
        let unit = |text: &String| Some(Arc::<[f32]>::from(self.mean(std::slice::from_ref(text))?));
        let mean = |texts: &Vec<String>| Some(Arc::<[f32]>::from(self.mean(texts)?));
        let mut known = Known::default();
        let plain = |(class, adapted): (&crate::prompt::Class, &ClassEmbedding)| {
            let prompts = Prompts::of(set, class, &self.tokenizer, &mut known);
            let grouped = |text: &String| Some((prompts.group_of(text).0, unit(text)?));
            let negatives: Vec<Arc<[f32]>> = prompts.negative.iter().filter_map(mean).collect();
            let shared = prompts.group_of_floor().and_then(|group| negatives.get(group).cloned());
            ClassEmbedding {
                name: adapted.name.clone(),
                positive: mean(&prompts.positive),
                from_templates: prompts.filled(),
                floor: shared.or_else(|| mean(&prompts.floor)),
                negatives,
                counts: adapted.counts,
                positive_prompts: prompts.positive.iter().filter_map(unit).collect(),
                negative_prompts: set.negative_prompts(class).iter().filter_map(grouped).collect(),
                without: None,
            }
        };
        set.classes.iter().zip(adapted).map(plain).collect()
    }

    /// The means of every class before DA_j, all negatives of a class together.
    pub fn text_means(&mut self, set: &PromptSet) -> Result<TextMeans, WorkError> {
        let of = |class: &Class| Prompts {
            positive: set.positive_prompts(class),
            negative: vec![set.negative_prompts(class)],
            ..Prompts::default()
        };
        let prompts: Vec<Prompts> = set.classes.iter().map(of).collect();
        self.encode(&prompts, &mut |_, _| true)?;
        let zero = || vec![0.0; self.config().joint];
        let mean = |texts: &Vec<String>| self.mean(texts).unwrap_or_else(zero);
        Ok(TextMeans {
            positive: prompts.iter().map(|p| mean(&p.positive)).collect(),
            negative: prompts.iter().map(|p| mean(&p.negative[0])).collect(),
        })
    }

    /// Puts every string that is new through the text tower and DA_j.
    fn encode(
        &mut self,
        prompts: &[Prompts],
        go_on: &mut dyn FnMut(usize, usize) -> bool,
    ) -> Result<(), WorkError> {
        let all = || prompts.iter().flat_map(|p| p.own().chain(&p.floor));
        // A set with more strings than are kept must find all of them when the means are taken.
        let needed = NonZeroUsize::new(all().count()).map_or(KEPT, |n| n.max(KEPT));
        self.texts.texts.resize(needed);
        let mut seen = HashSet::new();
        let mut new: Vec<&String> = Vec::new();
        for text in all() {
            if self.texts.texts.get(text).is_none() && seen.insert(text) {
                new.push(text);
            }
        }
        let mut encoded: Vec<_> = new.into_iter().map(|text| (text, self.tokenizer.encode(text))).collect();
        // Texts of like length share a batch: each is padded to the longest in it.
        encoded.sort_by_key(|(_, e)| e.ids.len());
        let width = self.config().joint;
        let (mut done, total) = (0, encoded.len());
        for batch in encoded.chunks(TEXT_BATCH) {
            if !go_on(done, total) {
                return Err(WorkError::Interrupted);
            }
            done += batch.len();
            let ids: Vec<&[u32]> = batch.iter().map(|(_, e)| e.ids.as_slice()).collect();
            let rows = self.text_tower(&ids)?;
            if let Some(bad) = rows.chunks_exact(width).position(|row| row.iter().any(|v| !v.is_finite())) {
                let text = batch.get(bad).map_or("", |(text, _)| text.as_str());
                return Err(not_finite(&format!("the text tower, for \"{text}\",")));
            }
            // METHOD §6: DA_j takes what is normalised.
            let mut unit = rows.clone();
            unit.chunks_exact_mut(width).for_each(normalise);
            let joint = self.joint(unit)?;
            for (((text, e), row), joint) in
                batch.iter().zip(rows.chunks_exact(width)).zip(joint.chunks_exact(width))
            {
                let noteworthy = e.cut > 0 || !e.unknown.is_empty();
                let note = noteworthy.then(|| PromptNote {
                    text: (*text).clone(),
                    cut: e.cut,
                    unknown: e.unknown.clone(),
                });
                let text = (*text).clone();
                self.texts.texts.put(text, Text { embedding: row.into(), joint: joint.into(), note });
            }
        }
        Ok(())
    }

    /// Puts the means of every class whose prompts are new through DA_j; of those that are `studied` also the means without
    /// each prompt.
    fn join(&mut self, prompts: &[Prompts], studied: &[bool]) -> Result<(), WorkError> {
        let needed = NonZeroUsize::new(prompts.len()).map_or(KEPT, |n| n.max(KEPT));
        self.texts.classes.resize(needed);
        let mut seen = HashSet::new();
        let mut new: Vec<(&Prompts, bool)> = Vec::new();
        for (class, studied) in prompts.iter().zip(studied) {
            let held = self.texts.classes.get(class).is_some_and(|j| j.without.is_some() || !studied);
            if !held && seen.insert(class) {
                new.push((class, *studied));
            }
        }
        // One prompt is its own mean, and has been through DA_j; the others go through it together.
        let alone = |texts: &[String]| match texts {
            [text] => self.texts.texts.peek(text).map(|t| t.joint.clone()),
            _ => None,
        };
        let several = |texts: &[String]| if texts.len() > 1 { self.mean(texts) } else { None };
        let lists = |(class, studied): &(&Prompts, bool)| {
            let whole: Vec<Vec<String>> =
                std::iter::once(&class.positive).chain(&class.negative).cloned().collect();
            let left_out = whole.iter().filter(|_| *studied).flat_map(|list| each_left_out(list));
            let left_out: Vec<Vec<String>> = left_out.collect();
            // Nothing where a group has it already.
            let floor = class.group_of_floor().map_or_else(|| class.floor.clone(), |_| Vec::new());
            whole.into_iter().chain([floor]).chain(left_out).collect::<Vec<_>>()
        };
        let lists: Vec<Vec<Vec<String>>> = new.iter().map(lists).collect();
        let rows: Vec<f32> = lists.iter().flatten().filter_map(|list| several(list)).flatten().collect();
        let joint = self.joint(rows)?;
        let mut joint = joint.chunks_exact(self.config().joint).map(Arc::<[f32]>::from);
        let mut take =
            |texts: &Vec<String>| alone(texts).or_else(|| if texts.len() > 1 { joint.next() } else { None });
        let mut joined = Vec::with_capacity(new.len());
        for ((prompts, studied), lists) in new.iter().zip(&lists) {
            let mut vectors = lists.iter().map(&mut take);
            let positive = vectors.next().flatten();
            let negatives: Vec<Arc<[f32]>> =
                vectors.by_ref().take(prompts.negative.len()).flatten().collect();
            let alone = vectors.next().flatten();
            let floor = alone.or_else(|| negatives.get(prompts.group_of_floor()?).cloned());
            let mut class = Joint { positive, negatives, floor, without: None };
            if *studied {
                let positive = vectors.by_ref().take(prompts.positive.len()).collect();
                let groups =
                    prompts.negative.iter().map(|g| vectors.by_ref().take(g.len()).collect()).collect();
                class.without = Some((positive, groups));
            }
            joined.push(class);
        }
        for ((class, _), joined) in new.into_iter().zip(joined) {
            self.texts.classes.put(class.clone(), joined);
        }
        Ok(())
    }

    /// Embeddings (S,E) of token ids, row by row.
    pub(super) fn text_tower<T: AsRef<[u32]>>(&self, ids: &[T]) -> Result<Vec<f32>, WorkError> {
        read(self.model.towers.text(ids, &self.model.config))
    }

    /// METHOD §6: the mean of the normalised embeddings, normalised.
    fn mean(&self, texts: &[String]) -> Option<Vec<f32>> {
        let embedding = |t: &String| Some(self.texts.texts.peek(t)?.embedding.clone());
        mean_of_normalised(&texts.iter().filter_map(embedding).collect::<Vec<_>>())
    }

    /// DA_j and normalisation of rows (S,E).
    fn joint(&self, rows: Vec<f32>) -> Result<Vec<f32>, WorkError> {
        let width = self.model.config.joint;
        if rows.is_empty() {
            return Ok(rows);
        }
        let count = rows.len() / width;
        let rows = Tensor::<2>::from_data(TensorData::new(rows, [count, width]), &self.device);
        let rows = read(self.model.head.joint(rows))?;
        if rows.iter().any(|v| !v.is_finite()) {
            return Err(not_finite("the joint adapter"));
        }
        Ok(rows)
    }
}
