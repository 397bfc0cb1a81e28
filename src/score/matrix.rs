//! The scores of many clips at once: one matrix product in double precision, then the same arithmetic as for one clip.

use super::{ClassEmbedding, Cosines, weigh};
use nalgebra::DMatrix;
use rayon::prelude::*;

/// Clips in one piece of the work: pieces are shared out among the processor's cores.
const ROWS: usize = 128;
/// Classes whose embeddings are in double precision at one time, so that ten thousand classes need no second copy.
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

/// Scores every clip of `videos` (each E, unit norm) against all classes as [`super::score`] does (METHOD §6), and keeps what
/// `columns` names. `go_on` is asked between pieces of the work; `None` where it said no.
pub fn score_all<V: AsRef<[f32]> + Sync>(
    videos: &[V],
    classes: &[ClassEmbedding],
    (tau, alpha): (f32, f32),
    columns: &[usize],
    go_on: &(dyn Fn() -> bool + Sync),
) -> Option<Matrix> {
    let piece = |videos: &[V]| go_on().then(|| rows(videos, classes, (tau, alpha), columns));
    let pieces: Option<Vec<Matrix>> = videos.par_chunks(ROWS).map(piece).collect();
    let mut whole = Matrix { columns: columns.to_vec(), ..Matrix::default() };
    pieces?.into_iter().for_each(|piece| whole.append(piece));
    Some(whole)
}

fn rows<V: AsRef<[f32]>>(
    videos: &[V],
    classes: &[ClassEmbedding],
    (tau, alpha): (f32, f32),
    columns: &[usize],
) -> Matrix {
    let width = videos.first().map_or(0, |v| v.as_ref().len());
    let clips = double(videos.iter().map(AsRef::as_ref), width, videos.len());
    // Row by row: s⁺ and s⁻ of every class.
    let blank = classes.iter().map(|c| Cosines { counts: c.counts, ..Cosines::default() });
    let mut rows = vec![blank.collect::<Vec<_>>(); videos.len()];
    for (part, some) in classes.chunks(COLUMNS).enumerate() {
        let texts = || some.iter().flat_map(|c| c.positive.iter().chain(&c.negatives)).map(|t| &**t);
        let cosines = double(texts(), width, texts().count()).transpose() * &clips;
        let mut at = 0;
        for (i, class) in some.iter().enumerate() {
            let c = part * COLUMNS + i;
            let after = at + usize::from(class.positive.is_some());
            let end = after + class.negatives.len();
            for (v, row) in rows.iter_mut().enumerate() {
                if after > at {
                    row[c].positive = Some(cosines[(at, v)]);
                }
                row[c].negative = (after..end).map(|k| cosines[(k, v)]).max_by(f64::total_cmp);
            }
            at = end;
        }
    }
    let mut found = Matrix::default();
    for row in &rows {
        let weighed = weigh(row, tau, alpha);
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
