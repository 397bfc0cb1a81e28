//! Scores and maps as CSV, for spreadsheets: one line a class, and one line a patch of a sampled frame.

use super::ExportError;
use super::json::Record;
use crate::files::write_atomic;
use std::path::{Path, PathBuf};

/// The file of the maps, beside that of the scores.
pub fn maps_path(path: &Path) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!("{stem}-maps.csv"))
}

/// Writes the scores to `path`, and the maps beside it with "-maps" added to the name; gives both.
///
/// # Errors
/// A file cannot be written; what was there before is unchanged.
pub fn write(record: &Record, path: &Path) -> Result<[PathBuf; 2], ExportError> {
    let maps_path = maps_path(path);
    let write = |path: &Path, bytes: csv::Result<Vec<u8>>| {
        let fail = |source| ExportError::Write { path: path.to_owned(), source };
        write_atomic(path, &bytes.map_err(|e| fail(e.into()))?).map_err(fail)
    };
    write(path, scores(record))?;
    write(&maps_path, maps(record))?;
    Ok([path.to_owned(), maps_path])
}

/// What a spreadsheet would take for a formula is quoted as text: names come from people and files.
pub(super) fn plain(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text.to_owned() }
}

pub(super) fn finish(writer: csv::Writer<Vec<u8>>) -> csv::Result<Vec<u8>> {
    writer.into_inner().map_err(|e| e.into_error().into())
}

fn scores(record: &Record) -> csv::Result<Vec<u8>> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(["class", "p", "s_pos", "s_neg", "margin", "yes", "counts"])?;
    let number = |v: Option<f32>| v.map_or_else(String::new, |v| v.to_string());
    for c in &record.classes {
        let numbers = [Some(c.p), c.s_pos, c.s_neg, c.margin, c.yes].map(number);
        let fields = std::iter::once(plain(&c.name)).chain(numbers).chain([c.counts.to_string()]);
        out.write_record(fields)?;
    }
    finish(out)
}

fn maps(record: &Record) -> csv::Result<Vec<u8>> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(["frame", "pts_s", "row", "column", "motion", "static", "gate", "evidence"])?;
    let m = &record.maps;
    for (t, frame) in m.motion.iter().enumerate() {
        let pts = record.frames.get(t).map_or(0.0, |f| f.pts_s).to_string();
        for (r, row) in frame.iter().enumerate() {
            for (c, motion) in row.iter().enumerate() {
                let others = [&m.static_energy, &m.gate, &m.evidence];
                let value = |map: &Vec<Vec<Vec<f32>>>| {
                    map.get(t).and_then(|f| f.get(r)?.get(c)).map_or_else(String::new, f32::to_string)
                };
                let place = [t.to_string(), pts.clone(), r.to_string(), c.to_string(), motion.to_string()];
                out.write_record(place.into_iter().chain(others.map(value)))?;
            }
        }
    }
    finish(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_is_a_formula() {
        for (name, want) in [("=1+1", "'=1+1"), ("@x", "'@x"), ("run", "run"), ("a=b", "a=b")] {
            assert_eq!(plain(name), want);
        }
    }
}
