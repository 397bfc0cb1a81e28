//! softmax(q·kᵀ / √dh)·v of every head, some rows of queries at a time: their scores stay in the nearest caches.

use crate::panels::{Row, W, copy_columns, padded, panels};
use crate::pointwise::{Softmax, SoftmaxBack};
use crate::processor::Processor;
use crate::product::{SMALL, Tile};
use rayon::prelude::*;

/// Queries that are answered at once, a multiple of the rows of a group.
const QUERIES: usize = 48;

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

/// What the gradients of one head are worked out in; kept from one to the next.
#[derive(Default)]
struct Workings {
    /// The head's columns of q, k, v and of what is due to the answers.
    parts: [Vec<Row>; 4],
    /// One of the others with rows and columns exchanged.
    turned: Vec<Row>,
    /// The weights P of the attention (a row a query, a column a token), and what is due to them.
    weights: Vec<Row>,
    due: Vec<Row>,
    made: Vec<Row>,
}

impl Attention {
    /// What is due to q, k and v, in panels as they are, where `upstream` is due to the answers.
    pub fn gradient(
        &self,
        processor: Processor,
        qkv: &[Row],
        height: usize,
        upstream: &[Row],
        out: &mut [Row],
    ) {
        let (n, side) = (self.tokens, self.width / self.heads);
        let section = panels(self.width) * height;
        // Every item's rows of all panels.
        let mut items: Vec<Vec<&mut [Row]>> = (0..self.batch).map(|_| Vec::new()).collect();
        for panel in out.chunks_mut(height) {
            items.iter_mut().zip(panel.chunks_mut(n)).for_each(|(item, rows)| item.push(rows));
        }
        items.into_par_iter().enumerate().for_each_init(Workings::default, |workings, (item, mut out)| {
            for head in 0..self.heads {
                for (i, part) in workings.parts.iter_mut().enumerate() {
                    let from = if i < 3 { &qkv[i * section..][..section] } else { upstream };
                    clear(part, panels(side) * padded(n));
                    copy_columns(from, height, (item * n, n), (head * side, side), part, padded(n));
                }
                self.head_gradient(processor, workings, &mut out, head * side);
            }
        });
    }

    /// A head's part of [`Self::gradient`], into columns from `from`. With A = P·v, P = softmax(s·q·kᵀ) and G due to A:
    /// dv = Pᵀ·G; dP = G·vᵀ; dS = P∘(dP − Σ P∘dP along the row); dq = s·dS·k; dk = s·dSᵀ·q.
    fn head_gradient(
        &self,
        processor: Processor,
        workings: &mut Workings,
        out: &mut [&mut [Row]],
        from: usize,
    ) {
        let (n, side) = (self.tokens, self.width / self.heads);
        let rows = padded(n);
        let scale = (side as f32).sqrt().recip();
        let Workings { parts: [q, k, v, upstream], turned, weights, due, made } = workings;
        turn(k, (n, side), turned);
        times(processor, q, rows, side, turned, padded(side), weights);
        let mut sums = vec![0.0; rows];
        let seen = |i: usize| if self.causal { n.min(i + 1) } else { n };
        processor.dispatch(Softmax { scores: weights, height: rows, scale, seen, sums: &mut sums });
        turn(v, (n, side), turned);
        times(processor, upstream, rows, side, turned, padded(side), due);
        processor.dispatch(SoftmaxBack { weights, due, scale, sums: &sums });

        let mut give = |of: usize, made: &[Row]| {
            let out = &mut out[of * panels(self.width)..];
            for (column, panel) in (0..side).step_by(W).zip(made.chunks(rows)) {
                let mut done = 0;
                while done < W.min(side - column) {
                    let to = from + column + done;
                    let run = (W - to % W).min(W.min(side - column) - done);
                    for (out, made) in out[to / W].iter_mut().zip(panel) {
                        out[to % W..][..run].copy_from_slice(&made[done..][..run]);
                    }
                    done += run;
                }
            }
        };
        times(processor, due, rows, n, k, rows, made);
        give(0, made);
        turn(due, (n, n), turned);
        times(processor, turned, rows, n, q, rows, made);
        give(1, made);
        turn(weights, (n, n), turned);
        times(processor, turned, rows, n, upstream, rows, made);
        give(2, made);
    }
}

fn clear(panels: &mut Vec<Row>, rows: usize) {
    panels.clear();
    panels.resize(rows, [0.0; W]);
}

/// A matrix (rows, columns) in panels of padded rows, with rows and columns exchanged.
fn turn(from: &[Row], (rows, columns): (usize, usize), into: &mut Vec<Row>) {
    let (height, turned) = (padded(rows), padded(columns));
    clear(into, panels(rows) * turned);
    for (p, panel) in from.chunks(height).enumerate() {
        for (row, numbers) in panel[..rows].iter().enumerate() {
            let into = &mut into[row / W * turned + p * W..];
            let some = W.min(columns - p * W);
            into.iter_mut().zip(&numbers[..some]).for_each(|(into, number)| into[row % W] = *number);
        }
    }
}

/// a·b: `a` in panels of `rows` rows, of which `depth` columns count, `b` in panels of `b_rows`.
fn times(
    processor: Processor,
    a: &[Row],
    rows: usize,
    depth: usize,
    b: &[Row],
    b_rows: usize,
    out: &mut Vec<Row>,
) {
    clear(out, b.len() / b_rows * rows);
    for (b, out) in b.chunks(b_rows).zip(out.chunks_mut(rows)) {
        for (a, at) in a.chunks(rows).zip((0..depth).step_by(W)) {
            let (b, depth) = (b[at..].as_flattened(), W.min(depth - at));
            processor.dispatch(Tile { a, first: 0, b, stride: W, depth, out });
        }
    }
}
