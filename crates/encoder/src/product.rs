//! Products of activations and weights: `a·w + bias`, by one kernel that holds six rows by as many columns as the registers take.
//!
//! Every number is a chain of fused multiply-adds over the inputs in their order, starting from the bias, whatever the batch, the
//! number of threads and the way the work is cut. The weights are read where they are; a block of 64 by 64 is copied together before
//! it is used for all rows, which costs little beside them. Where a processor multiplies by tiles, the module `tiles` has the kernel and
//! says what its numbers are.

use crate::panels::{Block, GROUP, Row, W, panels};
use crate::processor::Processor;
#[cfg(target_arch = "x86_64")]
use crate::tiles::Thread;
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// Fewer multiply-adds than this are done where they are asked for: waking other cores takes longer.
pub const SMALL: usize = 1 << 17;
/// Panels of the output that are made together, so that what is read of the input serves both.
const TOGETHER: usize = 2;
/// Rows that are taken through all blocks of weights at hand before the next are read.
const STEP: usize = 96;
/// Up to so many rows, copying weights together costs more than it saves, and waiting for them is most of the work.
const FEW: usize = 24;
/// Inputs whose weights are read side by side where there are few rows: each is read along its outputs, as memory likes it.
const STREAMS: usize = 16;

/// Weights (inputs, outputs), and a bias for every output.
#[derive(Clone, Copy)]
pub struct Weights<'a> {
    pub data: &'a [f32],
    pub inputs: usize,
    pub outputs: usize,
    /// From one input to the next, and from one output to the next.
    pub strides: (usize, usize),
    pub bias: Option<&'a [f32]>,
}

impl Weights<'_> {
    /// From the outputs to the inputs, as gradients go; without a bias.
    pub fn turned(&self) -> Self {
        let (along, across) = self.strides;
        Self { inputs: self.outputs, outputs: self.inputs, strides: (across, along), bias: None, ..*self }
    }

    /// The bias of a panel's columns.
    fn bias(&self, panel: usize) -> Row {
        let mut row = [0.0; W];
        if let Some(bias) = self.bias {
            let part = &bias[panel * W..self.outputs.min((panel + 1) * W)];
            row[..part.len()].copy_from_slice(part);
        }
        row
    }

    /// Inputs from `input` and a panel's columns, copied together; what is past the inputs or the outputs is zero.
    fn block(&self, input: usize, panel: usize, Block(block): &mut Block) {
        let columns = panel * W..self.outputs.min((panel + 1) * W);
        let (along, across) = self.strides;
        for (row, input) in block.iter_mut().zip(input..self.inputs) {
            let from = &self.data[input * along..];
            let (used, rest) = row.split_at_mut(columns.len());
            if across == 1 {
                used.copy_from_slice(&from[columns.clone()]);
            } else {
                used.iter_mut().zip(columns.clone()).for_each(|(to, column)| *to = from[column * across]);
            }
            rest.fill(0.0);
        }
        block[W.min(self.inputs - input)..].fill([0.0; W]);
    }

    /// Asks for a whole panel's columns of `depth` inputs from `input`, which lie side by side, so that they are near when their turn
    /// comes. A processor foresees what is read on and on in one place; these are a few lines in each of many.
    fn ask_for(&self, input: usize, depth: usize, panel: usize) {
        for input in input..self.inputs.min(input + depth) {
            self.data[input * self.strides.0 + panel * W..][..W].chunks(LINE).for_each(near);
        }
    }
}

/// Numbers in a line of the caches.
const LINE: usize = 16;

/// Has the line that these numbers begin in brought near, and waits for nothing.
#[inline(always)]
fn near(numbers: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint; it reads and changes nothing that the program sees, and any address may be given.
        #[allow(unsafe_code)]
        unsafe {
            _mm_prefetch::<_MM_HINT_T0>(numbers.as_ptr().cast())
        };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = numbers;
}

/// A part of a product that one core makes: some rows of some panels.
struct Part<'a> {
    weights: Weights<'a>,
    panel: usize,
    row: usize,
    out: Vec<&'a mut [Row]>,
}

/// `a` (panels of `height` rows, after [`Processor::operand`]) times each of `weights`, one after the other into `out`; `finish` is given every part of a panel
/// when it is done.
pub fn product<'a>(
    processor: Processor,
    a: &[Row],
    height: usize,
    weights: &[Weights<'a>],
    out: &'a mut [Row],
    finish: impl Fn(&mut [Row]) + Sync,
) {
    let count: usize = weights.iter().map(|w| panels(w.outputs)).sum();
    let work = count * W * height * weights.iter().map(|w| w.inputs).max().unwrap_or(0);
    let threads = if work < SMALL { 1 } else { rayon::current_num_threads() };
    let together = match height <= FEW {
        true => count.div_ceil(2 * threads).max(1),
        false if count >= 2 * TOGETHER * threads => TOGETHER,
        false => 1,
    };
    let pieces = (2 * threads).div_ceil(count.max(1)).clamp(1, height.div_ceil(STEP));
    let rows = height.div_ceil(pieces).next_multiple_of(GROUP);

    let mut parts = Vec::new();
    let mut rest = out;
    for weights in weights {
        let (of_these, after) = rest.split_at_mut(panels(weights.outputs) * height);
        rest = after;
        for (i, some) in of_these.chunks_mut(together * height).enumerate() {
            let mut cut: Vec<_> = some.chunks_mut(height).map(|panel| panel.chunks_mut(rows)).collect();
            for row in (0..height).step_by(rows) {
                let out = cut.iter_mut().filter_map(Iterator::next).collect();
                parts.push(Part { weights: *weights, panel: i * together, row, out });
            }
        }
    }
    let make = |mut part: Part| {
        multiply(processor, a, height, &mut part);
        part.out.into_iter().for_each(&finish);
    };
    if threads == 1 {
        parts.into_iter().for_each(make);
    } else {
        parts.into_par_iter().with_max_len(1).for_each(make);
    }
}

fn multiply(processor: Processor, a: &[Row], height: usize, part: &mut Part) {
    let Part { weights, panel, row, out } = part;
    for (i, out) in out.iter_mut().enumerate() {
        out.fill(weights.bias(*panel + i));
    }
    #[cfg(target_arch = "x86_64")]
    if let Processor::Tiles(tiles) = processor {
        let mut thread = Thread::new(tiles);
        let prepare = |block: &mut Block| tiles.split_block(block);
        return by_blocks(a, height, part, prepare, |a, block, _, out| thread.multiply(a, block, out));
    }
    let rows = out.first().map_or(0, |out| out.len());
    let whole = (*panel + out.len()) * W <= weights.outputs;
    let panels = out.len();
    if rows <= FEW && whole && weights.strides.1 == 1 {
        for input in (0..weights.inputs).step_by(STREAMS) {
            let depth = STREAMS.min(weights.inputs - input);
            let a = &a[input / W * height + *row..][..rows];
            for (i, out) in out.iter_mut().enumerate() {
                let (next, i_next) = if i + 1 < panels { (input, i + 1) } else { (input + STREAMS, 0) };
                weights.ask_for(next, STREAMS, *panel + i_next);
                let b = &weights.data[input * weights.strides.0 + (*panel + i) * W..];
                processor.dispatch(Tile { a, first: input % W, b, stride: weights.strides.0, depth, out });
            }
        }
        return;
    }
    by_blocks(
        a,
        height,
        part,
        |_| (),
        |a, Block(b), depth, out| {
            processor.dispatch(Tile { a, first: 0, b: b.as_flattened(), stride: W, depth, out });
        },
    );
}

/// Copies the weights block by block, brings each into the form in which `multiply` wants it, and takes all rows through it: `multiply`
/// adds to its last argument its first times the block, of which so many inputs count.
fn by_blocks(
    a: &[Row],
    height: usize,
    Part { weights, panel, row, out }: &mut Part,
    prepare: impl Fn(&mut Block),
    mut multiply: impl FnMut(&[Row], &Block, usize, &mut [Row]),
) {
    let rows = out.first().map_or(0, |out| out.len());
    let mut blocks = [const { Block([[0.0; W]; W]) }; TOGETHER];
    for (a, input) in a.chunks(height).zip((0..weights.inputs).step_by(W)) {
        let (a, depth) = (&a[*row..][..rows], W.min(weights.inputs - input));
        // Few rows of weights that do not lie for STREAMS may have many panels.
        for (i, some) in out.chunks_mut(TOGETHER).enumerate() {
            for (j, block) in blocks.iter_mut().take(some.len()).enumerate() {
                weights.block(input, *panel + TOGETHER * i + j, block);
                prepare(block);
            }
            for row in (0..rows).step_by(STEP) {
                let rows = row..rows.min(row + STEP);
                for (block, out) in blocks.iter().zip(some.iter_mut()) {
                    multiply(&a[rows.clone()], block, depth, &mut out[rows.clone()]);
                }
            }
        }
    }
}

/// `out += a·b`: of the rows of `a` `depth` columns from `first`, of `b` a row every `stride` numbers. There are as many rows in `out`
/// as in `a`, whole groups of them.
pub struct Tile<'a> {
    pub a: &'a [Row],
    pub first: usize,
    pub b: &'a [f32],
    pub stride: usize,
    pub depth: usize,
    pub out: &'a mut [Row],
}

impl WithSimd for Tile<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // Six rows by two registers are what sixteen hold beside the operands, by four what thirty-two do.
        if S::REGISTER_COUNT >= 32 { self.run::<S, 4>(simd) } else { self.run::<S, 2>(simd) }
    }
}

impl Tile<'_> {
    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        let width = V * S::F32_LANES;
        for column in (0..W).step_by(width) {
            let columns = column..column + width;
            let groups = self.a.as_chunks::<GROUP>().0.iter();
            for (a, out) in groups.zip(self.out.as_chunks_mut::<GROUP>().0) {
                let mut sums = [[simd.splat_f32s(0.0); V]; GROUP];
                for (sums, out) in sums.iter_mut().zip(&*out) {
                    let (out, _) = S::as_simd_f32s(&out[columns.clone()]);
                    sums.iter_mut().zip(out).for_each(|(sum, out)| *sum = *out);
                }
                let last = W.min(self.first + self.depth);
                for (k, b) in (self.first.min(last)..last).zip(self.b.chunks(self.stride)) {
                    let (b, _) = S::as_simd_f32s(&b[columns.clone()]);
                    let mut held = [simd.splat_f32s(0.0); V];
                    held.iter_mut().zip(b).for_each(|(held, b)| *held = *b);
                    for (sums, a) in sums.iter_mut().zip(a) {
                        let a = simd.splat_f32s(a[k]);
                        for (sum, b) in sums.iter_mut().zip(held) {
                            *sum = simd.mul_add_e_f32s(a, b, *sum);
                        }
                    }
                }
                for (sums, out) in sums.iter().zip(out.iter_mut()) {
                    let (out, _) = S::as_mut_simd_f32s(&mut out[columns.clone()]);
                    out.iter_mut().zip(sums).for_each(|(out, sum)| *out = *sum);
                }
            }
        }
    }
}

/// Rows whose outer products are summed before the next are read.
const BLOCK: usize = 128;

/// aᵀ·b over the first `rows` rows, `inputs` by `outputs` row by row, and the sum of those rows of b: what is due to weights that made
/// `b` from `a`, both in panels of `height` rows.
pub fn outer(
    processor: Processor,
    a: &[Row],
    b: &[Row],
    (height, rows): (usize, usize),
    (inputs, outputs): (usize, usize),
) -> (Vec<f32>, Vec<f32>) {
    let across = panels(outputs);
    let tile = |i: usize| {
        let (a, b) = (&a[i / across * height..][..rows], &b[i % across * height..][..rows]);
        let mut out = [[0.0; W]; W];
        for (a, b) in a.chunks(BLOCK).zip(b.chunks(BLOCK)) {
            processor.dispatch(Outer { a, b, out: &mut out });
        }
        out
    };
    let tiles: Vec<[Row; W]> = (0..panels(inputs) * across).into_par_iter().map(tile).collect();
    let mut weight = vec![0.0; inputs * outputs];
    for (input, row) in weight.chunks_exact_mut(outputs).enumerate() {
        for (row, tile) in row.chunks_mut(W).zip(&tiles[input / W * across..]) {
            row.copy_from_slice(&tile[input % W][..row.len()]);
        }
    }
    let mut bias = vec![0.0; outputs];
    bias.par_chunks_mut(W).zip(b.par_chunks(height)).for_each(|(bias, b)| {
        let mut sums = [0.0; W];
        for row in &b[..rows] {
            sums.iter_mut().zip(row).for_each(|(sum, b)| *sum += b);
        }
        bias.copy_from_slice(&sums[..bias.len()]);
    });
    (weight, bias)
}

/// `out += aᵀ·b`, of as many rows of each.
struct Outer<'a> {
    a: &'a [Row],
    b: &'a [Row],
    out: &'a mut [Row; W],
}

impl WithSimd for Outer<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        if S::REGISTER_COUNT >= 32 { self.run::<S, 4>(simd) } else { self.run::<S, 2>(simd) }
    }
}

impl Outer<'_> {
    #[inline(always)]
    fn run<S: Simd, const V: usize>(self, simd: S) {
        const AT_ONCE: usize = 4;
        let width = V * S::F32_LANES;
        for column in (0..W).step_by(width) {
            let columns = column..column + width;
            for (i, out) in self.out.as_chunks_mut::<AT_ONCE>().0.iter_mut().enumerate() {
                let mut sums = [[simd.splat_f32s(0.0); V]; AT_ONCE];
                for (sums, out) in sums.iter_mut().zip(&*out) {
                    let (out, _) = S::as_simd_f32s(&out[columns.clone()]);
                    sums.iter_mut().zip(out).for_each(|(sum, out)| *sum = *out);
                }
                for (a, b) in self.a.iter().zip(self.b) {
                    let (b, _) = S::as_simd_f32s(&b[columns.clone()]);
                    let mut held = [simd.splat_f32s(0.0); V];
                    held.iter_mut().zip(b).for_each(|(held, b)| *held = *b);
                    let (a, _) = a[AT_ONCE * i..].as_chunks::<AT_ONCE>();
                    for (sums, a) in sums.iter_mut().zip(a[0]) {
                        let a = simd.splat_f32s(a);
                        for (sum, b) in sums.iter_mut().zip(held) {
                            *sum = simd.mul_add_e_f32s(a, b, *sum);
                        }
                    }
                }
                for (sums, out) in sums.iter().zip(out.iter_mut()) {
                    let (out, _) = S::as_mut_simd_f32s(&mut out[columns.clone()]);
                    out.iter_mut().zip(sums).for_each(|(out, sum)| *out = *sum);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::panels::{from_rows, padded};
    use crate::tests::{noise, tolerances};

    #[test]
    fn a_product_is_the_sum_of_products_on_every_processor() {
        // Few rows and many, whole panels and parts, inputs over several blocks, weights along either axis.
        for (rows, inputs, outputs) in [(1, 1, 1), (5, 70, 64), (25, 64, 65), (130, 150, 200), (3, 30, 128)] {
            let (a, w, bias) = (noise(rows * inputs, 1.0), noise(inputs * outputs, 2.0), noise(outputs, 3.0));
            let panel_rows = padded(rows);
            for strides in [(outputs, 1), (1, inputs)] {
                let weights = Weights { data: &w, inputs, outputs, strides, bias: Some(&bias) };
                let want = |row: usize, column: usize| {
                    let each = (0..inputs).map(|i| {
                        f64::from(a[row * inputs + i]) * f64::from(w[i * strides.0 + column * strides.1])
                    });
                    f64::from(bias[column]) + each.sum::<f64>()
                };
                for (processor, tolerance) in tolerances() {
                    let mut out = vec![[f32::NAN; W]; 2 * panels(outputs) * panel_rows];
                    let double =
                        |rows: &mut [Row]| rows.as_flattened_mut().iter_mut().for_each(|x| *x *= 2.0);
                    let mut panels_of_a = from_rows(&a, inputs);
                    processor.operand(&mut panels_of_a);
                    product(processor, &panels_of_a, panel_rows, &[weights, weights], &mut out, double);
                    for (panel, section) in out.chunks(panel_rows).zip((0..panels(outputs)).cycle()) {
                        for (i, got) in panel[..rows].as_flattened().iter().enumerate() {
                            let (row, column) = (i / W, section * W + i % W);
                            let want = if column < outputs { 2.0 * want(row, column) } else { 0.0 };
                            let close = (f64::from(*got) - want).abs() < 5.0 * tolerance;
                            assert!(close, "{processor:?} {rows} {inputs} {outputs}: {got} for {want}");
                        }
                    }
                }
            }
        }
    }
}
