//! Everything numeric of one analysis as NPZ, for NumPy: `numpy.load(path)` gives the arrays by name.

use super::ExportError;
use super::stored_zip::Archive;
use crate::engine::Answer;
use crate::files::write_atomic;
use crate::score::{ClassScore, Scores};
use crate::session::Map;
use std::io;
use std::path::Path;

/// Writes the arrays: `motion`, `static`, `gate`, `evidence`, `signed` (frame, row, column); `levels` (level, frame, row, column);
/// `gates` (block, head, frame, row, column); `pts_s` (frame); `embedding`, `v_s`, `v_m` (E); `p`, `s_pos`, `s_neg`, `margin`, `yes`
/// (class; not a number where a class has none); `classes`, the names as the bytes of a JSON array.
///
/// # Errors
/// The file cannot be written; what was there before is unchanged.
pub fn write(answer: &Answer, scores: &Scores, path: &Path) -> Result<(), ExportError> {
    let fail = |source| ExportError::Write { path: path.to_owned(), source };
    write_atomic(path, &archive(answer, scores).map_err(fail)?).map_err(fail)
}

fn archive(answer: &Answer, scores: &Scores) -> io::Result<Vec<u8>> {
    let mut out = Archive::default();
    let evidence = &answer.evidence;
    let maps = &evidence.maps;
    for (name, map) in [
        ("motion", &maps.motion),
        ("static", &maps.static_energy),
        ("gate", &maps.gate),
        ("evidence", &maps.evidence),
        ("signed", &maps.signed),
    ] {
        put(&mut out, name, &shape(&[], map), map.data.iter().copied())?;
    }
    if let Some(first) = maps.levels.first() {
        let values = maps.levels.iter().flat_map(|m| m.data.iter().copied());
        put(&mut out, "levels", &shape(&[maps.levels.len()], first), values)?;
    }
    if let Some(first) = maps.gates.first().and_then(|heads| heads.first()) {
        let values = maps.gates.iter().flatten().flat_map(|m| m.data.iter().copied());
        put(&mut out, "gates", &shape(&[maps.gates.len(), maps.gates[0].len()], first), values)?;
    }
    for (name, vector) in [("embedding", &evidence.embedding), ("v_s", &evidence.v_s), ("v_m", &evidence.v_m)]
    {
        put(&mut out, name, &[vector.len() as u64], vector.iter().copied())?;
    }
    let classes = [scores.classes.len() as u64];
    let mut of = |name: &str, value: fn(&ClassScore) -> Option<f32>| {
        put(&mut out, name, &classes, scores.classes.iter().map(|c| value(c).unwrap_or(f32::NAN)))
    };
    of("p", |c| Some(c.p))?;
    of("s_pos", |c| c.s_pos)?;
    of("s_neg", |c| c.s_neg)?;
    of("margin", |c| c.margin)?;
    of("yes", |c| c.yes)?;
    put(&mut out, "pts_s", &[answer.frames.len() as u64], answer.frames.iter().map(|pts| pts.secs()))?;
    let names: Vec<&str> = scores.classes.iter().map(|c| c.name.as_str()).collect();
    let names = serde_json::to_vec(&names)?;
    put(&mut out, "classes", &[names.len() as u64], names.into_iter())?;
    out.finish()
}

/// The dimensions of maps like this one within these outer ones.
fn shape(outer: &[usize], map: &Map) -> Vec<u64> {
    outer.iter().chain(&[map.frames, map.rows, map.cols]).map(|n| *n as u64).collect()
}

/// A number as NumPy keeps it.
trait Number {
    /// NumPy's name of the type, little-endian.
    const TYPE: &'static str;
    fn write(self, out: &mut Vec<u8>);
}

impl Number for f32 {
    const TYPE: &'static str = "<f4";
    fn write(self, out: &mut Vec<u8>) {
        out.extend(self.to_le_bytes());
    }
}

impl Number for f64 {
    const TYPE: &'static str = "<f8";
    fn write(self, out: &mut Vec<u8>) {
        out.extend(self.to_le_bytes());
    }
}

impl Number for u8 {
    const TYPE: &'static str = "|u1";
    fn write(self, out: &mut Vec<u8>) {
        out.push(self);
    }
}

/// Adds one array in NumPy's format 1.0: magic, length of the header, header, values row by row.
fn put<T: Number>(
    out: &mut Archive,
    name: &str,
    shape: &[u64],
    values: impl Iterator<Item = T>,
) -> io::Result<()> {
    let sizes: String = shape.iter().map(|n| format!("{n},")).collect();
    let mut header = format!("{{'descr': '{}', 'fortran_order': False, 'shape': ({sizes}), }}", T::TYPE);
    // The values begin at a multiple of 64 bytes.
    let padding = 63 - (10 + header.len()) % 64;
    header.push_str(&" ".repeat(padding));
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    let length = u16::try_from(header.len()).map_err(io::Error::other)?;
    bytes.extend(length.to_le_bytes());
    bytes.extend(header.into_bytes());
    values.for_each(|v| v.write(&mut bytes));
    out.add(&format!("{name}.npy"), &bytes)
}
