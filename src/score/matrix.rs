//! The scores of many clips at once: matrix products in double precision of what is new, then the same arithmetic as for one clip.

use super::{ClassEmbedding, Cosines, weigh};
use nalgebra::DMatrix;
use rayon::prelude::*;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Clips in one piece of the work: pieces are shared out among the processor's cores.
const ROWS: usize = 128;
/// Texts that are in double precision at one time, so that ten thousand classes need no second copy.
const COLUMNS: usize = 256;

/// The scores of many clips: rows are clips, columns the chosen classes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Matrix {
    /// The places of the columns in the list of classes, rising.
    pub columns: Vec<usize>,
    /// p, margin and s⁺ row by row; not a number where a class has none.
    pub p: Vec<f32>,
    pub margin: Vec<f32>,
    pub s_pos: Vec<f32>,
    /// The weight of "none of these", one a clip.
    pub none: Vec<f32>,
    /// The place of the class with the largest p, one a clip; absent where no class has any.
    pub winner: Vec<Option<usize>>,
}

impl Matrix {
    /// Number of clips.
    pub fn rows(&self) -> usize {
        self.none.len()
    }

    fn append(&mut self, mut other: Self) {
        self.p.append(&mut other.p);
        self.margin.append(&mut other.margin);
        self.s_pos.append(&mut other.s_pos);
        self.none.append(&mut other.none);
        self.winner.append(&mut other.winner);
    }
}

/// The cosines of clips with texts, kept from one call of [`Kept::score_all`] to the next: an edit changes few texts, so it costs
/// few products.
pub struct Kept {
    texts: Vec<Held>,
    /// Of each clip its cosines with all of them.
    rows: HashMap<Held, Vec<f64>>,
    /// What would take more bytes is not kept.
    limit: usize,
}

/// A vector (E) that is known by where it is in memory, and held so that nothing else can come to be there.
#[derive(Clone)]
struct Held(Arc<[f32]>);

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Held {}

impl Hash for Held {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.as_ptr().hash(state);
    }
}

impl Kept {
    /// Nothing yet, and never more bytes than `limit`.
    pub fn new(limit: usize) -> Self {
        Self { texts: Vec::new(), rows: HashMap::new(), limit }
    }

    /// Scores every clip of `videos` (each E, unit norm) against all classes as [`super::score`] does (METHOD §6), and gives what
    /// `columns` names. `go_on` is asked between pieces of the work; `None` where it said no.
    pub fn score_all(
        &mut self,
        videos: &[Arc<[f32]>],
        classes: &[ClassEmbedding],
        (tau, alpha): (f32, f32),
        columns: &[usize],
        go_on: &(dyn Fn() -> bool + Sync),
    ) -> Option<Matrix> {
        let floor = |c: &ClassEmbedding| c.floor.clone().filter(|_| c.place_of_floor().is_none());
        let texts =
            classes.iter().flat_map(|c| c.positive.iter().chain(&c.negatives).cloned().chain(floor(c)));
        let texts: Vec<Held> = texts.map(Held).collect();
        // Where the cosine with each text stands in a row that is kept.
        let places: HashMap<&Held, usize> = self.texts.iter().enumerate().map(|(at, t)| (t, at)).collect();
        let known: Vec<Option<usize>> = texts.iter().map(|t| places.get(t).copied()).collect();
        let piece = |videos: &[Arc<[f32]>]| {
            go_on().then(|| {
                let rows = self.cosines(videos, &texts, &known);
                let matrix = weigh_rows(&rows, classes, (tau, alpha), columns);
                (rows, matrix)
            })
        };
        let pieces: Option<Vec<(Vec<Vec<f64>>, Matrix)>> = videos.par_chunks(ROWS).map(piece).collect();
        let mut whole = Matrix { columns: columns.to_vec(), ..Matrix::default() };
        let mut rows = Vec::with_capacity(videos.len());
        for (some, matrix) in pieces? {
            rows.extend(some);
            whole.append(matrix);
        }
        self.keep(videos, rows, texts);
        Some(whole)
    }

    fn keep(&mut self, videos: &[Arc<[f32]>], rows: Vec<Vec<f64>>, texts: Vec<Held>) {
        if texts != self.texts {
            self.texts = texts;
            self.rows.clear();
        }
        let each = size_of::<(Held, Vec<f64>)>() + self.texts.len() * size_of::<f64>();
        for (clip, cosines) in videos.iter().zip(rows) {
            if (self.rows.len() + 1) * each > self.limit {
                break;
            }
            self.rows.insert(Held(clip.clone()), cosines);
        }
    }

    /// The cosines of each of `videos` with all `texts`, of which `known` tells where they stand in what is kept.
    fn cosines(&self, videos: &[Arc<[f32]>], texts: &[Held], known: &[Option<usize>]) -> Vec<Vec<f64>> {
        let held: Vec<Option<&Vec<f64>>> = videos.iter().map(|v| self.rows.get(&Held(v.clone()))).collect();
        let copy = |row: &Option<&Vec<f64>>| match row {
            Some(cosines) => known.iter().map(|at| at.map_or(0.0, |at| cosines[at])).collect(),
            None => vec![0.0; texts.len()],
        };
        let mut rows: Vec<Vec<f64>> = held.iter().map(copy).collect();
        let missing: Vec<usize> = (0..texts.len()).filter(|t| known[*t].is_none()).collect();
        let (mut old, mut new) = (Vec::new(), Vec::new());
        for (v, row) in held.iter().enumerate() {
            if row.is_some() { old.push(v) } else { new.push(v) }
        }
        let all: Vec<usize> = (0..texts.len()).collect();
        for (videos_at, texts_at) in [(old, missing), (new, all)] {
            let width = videos.first().map_or(0, |v| v.len());
            let clips = double(videos_at.iter().map(|v| &*videos[*v]), width, videos_at.len());
            for some in texts_at.chunks(COLUMNS) {
                let texts = double(some.iter().map(|t| &*texts[*t].0), width, some.len());
                // Not `tr_mul`: nalgebra has a blocked product for two matrices as they are, plain loops where one is transposed.
                let products = texts.transpose() * &clips;
                for (column, v) in videos_at.iter().enumerate() {
                    some.iter().enumerate().for_each(|(k, t)| rows[*v][*t] = products[(k, column)]);
                }
            }
        }
        rows
    }
}

/// METHOD §6 on the cosines of each clip with all texts, in the order in which the classes have them.
fn weigh_rows(
    rows: &[Vec<f64>],
    classes: &[ClassEmbedding],
    (tau, alpha): (f32, f32),
    columns: &[usize],
) -> Matrix {
    let mut found = Matrix::default();
    let floors: Vec<Option<usize>> = classes.iter().map(ClassEmbedding::place_of_floor).collect();
    for row in rows {
        let mut rest = &row[..];
        let of = |(class, place): (&ClassEmbedding, &Option<usize>)| {
            let mut take = |count: usize| rest.split_off(..count).unwrap_or_default();
            let positive = take(usize::from(class.positive.is_some())).first().copied();
            let negatives = take(class.negatives.len());
            let floor = class.floor.as_ref().and_then(|_| match place {
                Some(place) => negatives.get(*place).copied(),
                None => take(1).first().copied(),
            });
            let negative = negatives.iter().copied().max_by(f64::total_cmp);
            let typed = negatives.iter().copied().skip(class.from_templates).max_by(f64::total_cmp);
            Cosines { positive, negative, typed, floor, counts: class.counts }
        };
        let row: Vec<Cosines> = classes.iter().zip(&floors).map(of).collect();
        let weighed = weigh(&row, tau, alpha);
        let single = |v: Option<f64>| v.map_or(f32::NAN, |v| v as f32);
        found.p.extend(columns.iter().map(|c| weighed.p[*c] as f32));
        found.s_pos.extend(columns.iter().map(|c| single(row[*c].positive)));
        let margin = |c: &usize| row[*c].positive.map(|s| s - row[*c].negative.unwrap_or(0.0));
        found.margin.extend(columns.iter().map(|c| single(margin(c))));
        found.none.push(weighed.none as f32);
        let best = weighed.p.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        found.winner.push(best.filter(|(_, p)| **p > 0.0).map(|(c, _)| c));
    }
    found
}

/// Vectors of `width` as the columns of a matrix.
fn double<'a>(vectors: impl Iterator<Item = &'a [f32]>, width: usize, count: usize) -> DMatrix<f64> {
    DMatrix::from_iterator(width, count, vectors.flat_map(|v| v.iter().map(|x| f64::from(*x))))
}
