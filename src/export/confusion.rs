//! A confusion matrix as a picture: row by row the class of a clip, column by column what a model said, the colour the share of
//! the row's clips. Under it what it is of.

use super::ExportError;
use super::figure::{FAINT, INK, encode, paste};
use super::letters::Letters;
use crate::files::write_atomic;
use crate::video::RgbImage;
use crate::view::{self, Colormap};
use egui::FontId;
use std::path::Path;

/// Classes of which a picture can be made: of more it has hundreds of millions of pixels.
pub const MOST_CLASSES: usize = 2000;

const MARGIN: u32 = 16;
const NAMES: u32 = 300;
/// The row of a class without clips.
const NOTHING: [u8; 3] = [225; 3];
const TEXT: FontId = FontId::proportional(10.0);
const SMALL: FontId = FontId::proportional(12.0);

/// Characters of a name that fit beside its row.
const LONGEST: usize = 44;
/// Height of the column numbers above the matrix.
const HEAD: u32 = 36;

/// Side of a cell in pixels: large enough for a number while there are few classes, for a name beside it while there are not
/// hundreds.
fn side(classes: usize) -> u32 {
    match classes {
        0..=25 => 32,
        26..=300 => 13,
        _ => 5,
    }
}

/// Writes a PNG. `counts`: row by row the clips of a class, column by column what was said of them; `caption`: what it is of.
///
/// # Errors
/// The picture cannot be encoded or the file not written; what was there before is unchanged.
pub fn write(classes: &[String], counts: &[u32], caption: &[String], path: &Path) -> Result<(), ExportError> {
    let picture = draw(classes, counts, caption);
    let fail = |source: std::io::Error| ExportError::Write { path: path.to_owned(), source };
    let texts = [("Software", "motionlens".to_owned()), ("Description", caption.join("\n"))];
    let bytes = encode(&picture, &texts).map_err(|e| fail(e.into()))?;
    write_atomic(path, &bytes).map_err(fail)
}

fn draw(classes: &[String], counts: &[u32], caption: &[String]) -> RgbImage {
    let (count, side) = (classes.len(), side(classes.len()));
    let matrix = side * count as u32;
    let width = (2 * MARGIN + NAMES + matrix).max(720);
    let mut letters = Letters::default();
    let lines: Vec<&str> = caption.iter().map(String::as_str).chain([
        "Rows: the class of a clip. Columns: the class that was said, by the numbers of the rows. Colour: the share of the row's clips, 0 to 100%; grey: it has none.",
    ]).collect();
    let foot: u32 = lines.iter().map(|line| letters.height(line, SMALL, width - 2 * MARGIN) + 2).sum();
    let height = 2 * MARGIN + HEAD + matrix + 24 + foot;
    let mut out = RgbImage { width, height, data: vec![255; 3 * width as usize * height as usize] };
    let (left, top) = (MARGIN + NAMES, MARGIN + HEAD);
    // Numbers of columns stand as far apart as they need.
    let apart = (26 / side).max(1) as usize;
    for (i, name) in classes.iter().enumerate() {
        let along = i as u32 * side;
        if i % apart == 0 {
            letters.write(&mut out, (left + along, top - 14), &(i + 1).to_string(), TEXT, 60, FAINT);
        }
        if side >= TEXT.size as u32 {
            let more = if name.chars().count() > LONGEST { "…" } else { "" };
            let name: String = name.chars().take(LONGEST).collect();
            let at = (MARGIN, top + along + (side - TEXT.size as u32) / 2);
            letters.write(&mut out, at, &format!("{} {name}{more}", i + 1), TEXT, 10_000, INK);
        }
    }
    for (row, cells) in counts.chunks(count.max(1)).enumerate() {
        let all: u32 = cells.iter().sum();
        for (column, cell) in cells.iter().enumerate() {
            let share = *cell as f32 / all.max(1) as f32;
            let colour = if all == 0 { NOTHING } else { Colormap::Viridis.color(share) };
            // A line of white between cells that are large enough to spare it.
            let inner = if side > 8 { side - 1 } else { side };
            let data = colour.repeat((inner * inner) as usize);
            let at = (left + column as u32 * side, top + row as u32 * side);
            paste(&mut out, &RgbImage { width: inner, height: inner, data }, at);
            if side >= 30 && *cell > 0 {
                let ink = if share > 0.6 { INK } else { [255; 3] };
                letters.write(&mut out, (at.0 + 4, at.1 + 9), &cell.to_string(), TEXT, side, ink);
            }
        }
    }
    let mut y = top + matrix + 8;
    let bar = view::legend(Colormap::Viridis, 0.0, 160, 10);
    paste(&mut out, &bar, (left, y));
    letters.write(&mut out, (left - 24, y - 1), "0%", TEXT, 60, FAINT);
    letters.write(&mut out, (left + 166, y - 1), "100%", TEXT, 60, FAINT);
    y += 16;
    for line in lines {
        y += letters.write(&mut out, (MARGIN, y), line, SMALL, width - 2 * MARGIN, FAINT) + 2;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_has_the_colour_of_its_share() {
        let classes = ["left", "right, or \"not\""].map(str::to_owned);
        let picture = draw(&classes, &[3, 1, 0, 2], &["a line".to_owned()]);
        let at = |row: u32, column: u32| {
            // The lower right corner of a cell, where no number stands.
            let (x, y) = (MARGIN + NAMES + column * 32 + 28, MARGIN + HEAD + row * 32 + 28);
            let i = 3 * (y * picture.width + x) as usize;
            [picture.data[i], picture.data[i + 1], picture.data[i + 2]]
        };
        assert_eq!(at(0, 0), Colormap::Viridis.color(0.75));
        assert_eq!(at(0, 1), Colormap::Viridis.color(0.25));
        assert_eq!(at(1, 0), Colormap::Viridis.color(0.0));
        assert_eq!(at(1, 1), Colormap::Viridis.color(1.0));
        // None, and hundreds of them, are pictures too.
        assert!(draw(&[], &[], &[]).height > 0);
        let many: Vec<String> = (0..400).map(|i| i.to_string()).collect();
        assert_eq!(draw(&many, &vec![0; 160_000], &[]).width, 2 * MARGIN + NAMES + 2000);
    }

    #[test]
    fn the_file_says_what_it_is_of() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c.png");
        write(&["a".to_owned()], &[1], &["of this".to_owned()], &path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(super::super::figure::text(&bytes, "Description").as_deref(), Some("of this"));
    }
}
