//! How activations lie in memory: in panels of 64 columns, each panel all rows of them one after another. A product then reads what it
//! multiplies in order and writes columns of its own, so that cores share neither lines nor borrows.

use std::ops::{Deref, DerefMut};

/// Columns of a panel.
pub const W: usize = 64;
/// Rows of a panel come in groups of so many, which a product keeps in registers.
pub const GROUP: usize = 6;

/// What a row has in one panel.
pub type Row = [f32; W];

/// Rows that begin where a line of the caches does: a tile is read a line a row.
pub struct Rows {
    numbers: Vec<f32>,
    /// Numbers before the first row.
    from: usize,
}

impl Rows {
    pub fn zeros(rows: usize) -> Self {
        const LINE: usize = 64;
        let numbers = vec![0.0; rows * W + LINE / size_of::<f32>()];
        let from = numbers.as_ptr().align_offset(LINE);
        Self { numbers, from }
    }
}

impl Clone for Rows {
    fn clone(&self) -> Self {
        let mut rows = Self::zeros(self.len());
        rows.copy_from_slice(self);
        rows
    }
}

impl Deref for Rows {
    type Target = [Row];

    fn deref(&self) -> &[Row] {
        self.numbers[self.from..].as_chunks().0
    }
}

impl DerefMut for Rows {
    fn deref_mut(&mut self) -> &mut [Row] {
        self.numbers[self.from..].as_chunks_mut().0
    }
}

/// Weights of the inputs of one panel for the outputs of another, copied together.
#[repr(align(64))]
pub struct Block(pub [Row; W]);

/// Panels for so many columns; columns past them are zero.
pub fn panels(columns: usize) -> usize {
    columns.div_ceil(W)
}

/// Rows in panels of a matrix with so many rows; what is in the rows past them is of no account.
pub fn padded(rows: usize) -> usize {
    rows.next_multiple_of(GROUP)
}

/// A row-major matrix (rows, columns) as panels.
pub fn from_rows(data: &[f32], columns: usize) -> Rows {
    let height = padded(data.len() / columns);
    let mut into = Rows::zeros(panels(columns) * height);
    for (p, panel) in into.chunks_mut(height).enumerate() {
        for (row, data) in panel.iter_mut().zip(data.chunks_exact(columns)) {
            let part = &data[p * W..columns.min((p + 1) * W)];
            row[..part.len()].copy_from_slice(part);
        }
    }
    into
}

/// The first `rows` rows of panels as a row-major matrix (rows, columns).
pub fn into_rows(panels: &[Row], rows: usize, columns: usize) -> Vec<f32> {
    let mut out = vec![0.0; rows * columns];
    for (p, panel) in panels.chunks(padded(rows)).enumerate() {
        for (out, row) in out.chunks_exact_mut(columns).zip(panel) {
            let part = &mut out[p * W..columns.min((p + 1) * W)];
            part.copy_from_slice(&row[..part.len()]);
        }
    }
    out
}

/// Columns `from..from + width` of so many rows from `first`, out of panels of `height` rows into panels of `into_height` rows.
pub fn copy_columns(
    panels: &[Row],
    height: usize,
    (first, rows): (usize, usize),
    (from, width): (usize, usize),
    into: &mut [Row],
    into_height: usize,
) {
    let mut done = 0;
    while done < width {
        let (column, to) = (from + done, done % W);
        let run = (W - column % W).min(W - to).min(width - done);
        let source = &panels[column / W * height + first..][..rows];
        let target = &mut into[done / W * into_height..][..rows];
        for (target, source) in target.iter_mut().zip(source) {
            target[to..to + run].copy_from_slice(&source[column % W..][..run]);
        }
        done += run;
    }
}
