//! softmax(q·kᵀ / √dh)·v of every head, some rows of queries at a time: their scores stay in the nearest caches.

use crate::panels::{Row, W, copy_columns, padded, panels};
use crate::pointwise::Softmax;
use crate::processor::Processor;
use crate::product::Tile;
use rayon::prelude::*;

/// Queries that are answered at once, a multiple of the rows of a group.
const QUERIES: usize = 48;
/// Fewer multiply-adds than this are done on one core.
const SMALL: usize = 1 << 17;

/// Sizes of an attention.
#[derive(Clone, Copy)]
pub struct Attention {
    pub batch: usize,
    /// n
    pub tokens: usize,
    /// D, of each of q, k and v
    pub width: usize,
    pub heads: usize,
    /// A token sees itself and those before it alone.
    pub causal: bool,
}

/// Panels of q, of k and of v one after the other, each `section` rows in panels of `height`.
struct Qkv<'a> {
    rows: &'a [Row],
    height: usize,
    section: usize,
}

/// What one head works in; kept from one to the next.
#[derive(Default)]
struct Scratch {
    /// Queries and values, in panels.
    q: Vec<Row>,
    v: Vec<Row>,
    /// For every 64 tokens and 64 columns of the head a block: keys turned around, a row a column.
    keys: Vec<[Row; W]>,
    scores: Vec<Row>,
    out: Vec<Row>,
}

impl Attention {
    /// `qkv`: panels of q, of k and of v, of `height` rows; `out`: panels of the heads' answers side by side.
    pub fn run(&self, processor: Processor, qkv: &[Row], height: usize, out: &mut [Row]) {
        let qkv = Qkv { rows: qkv, height, section: panels(self.width) * height };
        let tasks: Vec<_> = out
            .chunks_mut(height)
            .enumerate()
            .flat_map(|(p, panel)| {
                let each = panel.chunks_mut(self.tokens).take(self.batch).enumerate();
                each.map(move |(item, out)| (p, item, out))
            })
            .collect();
        let answer = |scratch: &mut Scratch, (p, item, out): (usize, usize, &mut [Row])| {
            // A head whose width does not divide 64 may lie in two panels; it is worked out for both.
            let side = self.width / self.heads;
            for head in p * W / side..self.heads.min(((p + 1) * W).div_ceil(side)) {
                self.head(processor, &qkv, (item, head), p, out, scratch);
            }
        };
        if self.batch * self.tokens * self.tokens * self.width < SMALL {
            let mut scratch = Scratch::default();
            tasks.into_iter().for_each(|task| answer(&mut scratch, task));
        } else {
            tasks.into_par_iter().for_each_init(Scratch::default, answer);
        }
    }

    /// The part of a head's answers for one item of the batch that lies in panel `p`.
    fn head(
        &self,
        processor: Processor,
        qkv: &Qkv,
        (item, head): (usize, usize),
        p: usize,
        out: &mut [Row],
        scratch: &mut Scratch,
    ) {
        let (n, side) = (self.tokens, self.width / self.heads);
        let (rows, parts) = (padded(n), panels(side));
        scratch.gather(qkv, (item * n, n), (head * side, side));
        let Scratch { q, v, keys, scores, out: answers } = scratch;
        let mut sums = [0.0; QUERIES];
        for first in (0..rows).step_by(QUERIES) {
            let some = QUERIES.min(rows - first);
            let seen = if self.causal { n.min(first + some) } else { n };
            scores.clear();
            scores.resize(panels(seen) * some, [0.0; W]);
            for (scores, keys) in scores.chunks_mut(some).zip(keys.chunks(parts)) {
                for (part, keys) in keys.iter().enumerate() {
                    let a = &q[part * rows + first..][..some];
                    let depth = W.min(side - part * W);
                    processor.dispatch(Tile {
                        a,
                        first: 0,
                        b: keys.as_flattened(),
                        stride: W,
                        depth,
                        out: scores,
                    });
                }
            }
            processor.dispatch(Softmax {
                scores,
                height: some,
                scale: (side as f32).sqrt().recip(),
                seen: |i: usize| if self.causal { n.min(first + i + 1) } else { n },
                sums: &mut sums,
            });
            answers.clear();
            answers.resize(parts * some, [0.0; W]);
            for (part, answers) in answers.chunks_mut(some).enumerate() {
                for (scores, token) in scores.chunks(some).zip((0..seen).step_by(W)) {
                    let b = v[part * n + token..].as_flattened();
                    processor.dispatch(Tile {
                        a: scores,
                        first: 0,
                        b,
                        stride: W,
                        depth: W.min(seen - token),
                        out: answers,
                    });
                }
            }
            // The head's columns `skip..` lie in this panel from `at`.
            let (at, skip) = ((head * side).saturating_sub(p * W), (p * W).saturating_sub(head * side));
            let width = (side - skip).min(W - at);
            for (i, out) in out[first.min(n)..n.min(first + some)].iter_mut().enumerate() {
                for (column, out) in (skip..skip + width).zip(&mut out[at..]) {
                    *out = answers[column / W * some + i][column % W] / sums[i];
                }
            }
        }
    }
}

impl Scratch {
    /// A head's queries, values and keys: `n` rows from `first` and `side` columns from `from`.
    fn gather(&mut self, qkv: &Qkv, (first, n): (usize, usize), (from, side): (usize, usize)) {
        let Qkv { rows: qkv, height, section } = *qkv;
        let (rows, parts) = (padded(n), panels(side));
        self.q.resize(parts * rows, [0.0; W]);
        self.v.resize(parts * n, [0.0; W]);
        self.keys.resize(panels(n) * parts, [[0.0; W]; W]);
        copy_columns(&qkv[..section], height, (first, n), (from, side), &mut self.q, rows);
        copy_columns(&qkv[2 * section..], height, (first, n), (from, side), &mut self.v, n);
        let k = &qkv[section..2 * section];
        for (tokens, blocks) in (0..n).step_by(W).zip(self.keys.chunks_mut(parts)) {
            for token in 0..W.min(n - tokens) {
                for column in 0..side {
                    let at = from + column;
                    blocks[column / W][column % W][token] =
                        k[at / W * height + first + tokens + token][at % W];
                }
            }
        }
    }
}
