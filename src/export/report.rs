//! A folder that shows one analysis without the program: a page that needs nothing else, a PNG per sampled frame and layer, a
//! contact sheet, the lanes, the scores, the prompts and the experiment as JSON. It is always a folder of its own, made for it inside the one that was
//! chosen: nothing that lies there is touched, an older report no more than anything else.

use super::json::Record;
use super::lanes::{self, Lanes};
use super::page::{self, Page, Row, Stage};
use super::{ExportError, repeat};
use crate::engine::Answer;
use crate::experiment::Experiment;
use crate::files::write_atomic;
use crate::prompt::PromptSet;
use crate::score::{ClassEmbedding, Scores};
use crate::session::ModelSource;
use crate::video::{Order, RgbImage};
use crate::view::{Layer, Style, draw};
use image::imageops::{self, FilterType};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Pictures are scaled down to this side at most: a report is for looking at, the clip is still there.
const LONGEST_SIDE: u32 = 960;
/// Width of a picture of the stage on the page, in pixels.
const STAGE_WIDTH: u32 = 480;
/// Width of one picture of the table of maps and in the contact sheet, in pixels.
const CELL_WIDTH: u32 = 200;
/// Rows between the views of the contact sheet, and columns between its frames, in pixels.
const GAP: u32 = 4;
/// The prompt set of a report, which its command reads.
pub const PROMPTS: &str = "prompts.json";
/// The experiment of a report, which `replay` reads.
pub const EXPERIMENT: &str = "experiment.json";

/// Everything that a report says.
pub struct Report<'a> {
    pub record: &'a Record,
    pub answer: &'a Answer,
    /// The sampled frames in display orientation, as many as `answer.frames`.
    pub pictures: &'a [Arc<RgbImage>],
    /// What the scores are of, with the templates that were filled.
    pub prompts: &'a PromptSet,
    pub style: Style,
    /// Where the model was read from.
    pub model: &'a ModelSource,
    pub on_gpu: bool,
}

/// What a report folder has beside the analysis.
pub struct Contents<'a> {
    pub experiment: &'a Experiment,
    /// With the cosine of every prompt; `None`: they are of other prompts than the report's.
    pub scores: Option<&'a Scores>,
    /// The text sides of their classes; empty where they are not known.
    pub texts: &'a [ClassEmbedding],
    /// What a sweep has found, and what of it is drawn.
    pub lanes: Option<(&'a Lanes, &'a lanes::Spec)>,
    /// The layer and the sampled frame on the stage.
    pub stage: (Layer, usize),
}

impl Report<'_> {
    /// What of it is not as it was filmed or trained, in a sentence; `None`: nothing.
    pub fn altered(&self) -> Option<String> {
        let question = &self.answer.question;
        let order = question.clip.order != Order::Forward;
        let what = match (order, !question.surgery.is_none()) {
            (false, false) => return None,
            (true, false) => "frames in another order",
            (false, true) => "the model is altered",
            (true, true) => "frames in another order, and the model is altered",
        };
        Some(format!("altered, not retrained: {what}"))
    }

    /// Writes the report into a new folder inside `parent`, which is made where it is missing, and gives the folder: in it are
    /// `index.html`, `{layer}-{frame}.png`, `contact-sheet.png`, `scores.json`, `prompts.json` and `experiment.json`, and where there
    /// are lanes `lanes.png` and `lanes.csv`.
    pub fn write(&self, parent: &Path, contents: &Contents<'_>) -> Result<PathBuf, ExportError> {
        let folder = new_folder(parent, &self.record.video.path)?;
        let mut rows = Vec::with_capacity(Layer::ALL.len());
        let pictures: Vec<RgbImage> = self.pictures.iter().map(|p| shrink(p, LONGEST_SIDE)).collect();
        for layer in Layer::ALL {
            let mut cells = Vec::with_capacity(pictures.len());
            for (t, picture) in pictures.iter().enumerate() {
                let drawn = draw(layer, self.answer, t, picture, self.style);
                let path = folder.join(format!("{}-{t:02}.png", layer.word()));
                write_atomic(&path, &png(&drawn, &path)?).map_err(at(&path))?;
                cells.push(scale_to_width(&drawn, CELL_WIDTH));
            }
            rows.push((layer, cells));
        }
        let path = folder.join("contact-sheet.png");
        let sheet = contact_sheet(rows.iter().map(|(_, cells)| &cells[..]));
        write_atomic(&path, &png(&sheet, &path)?).map_err(at(&path))?;
        let path = folder.join("scores.json");
        let json = self.record.to_json().map_err(|e| at(&path)(e.into()))?;
        write_atomic(&path, &json).map_err(at(&path))?;
        self.prompts.save(&folder.join(PROMPTS))?;
        let path = folder.join(EXPERIMENT);
        let experiment = contents.experiment.at(&path);
        let experiment = serde_json::to_string_pretty(&experiment).map_err(|e| at(&path)(e.into()))?;
        write_atomic(&path, experiment.as_bytes()).map_err(at(&path))?;
        if let Some((found, spec)) = contents.lanes {
            lanes::write(self, contents.experiment, (found, spec), &folder.join("lanes.png"))?;
            lanes::write_table(found, &folder.join("lanes.csv"))?;
        }

        let path = folder.join("index.html");
        let (layer, frame) = contents.stage;
        let stage = pictures.get(frame).map(|picture| {
            let picture = scale_to_width(picture, STAGE_WIDTH.min(picture.width));
            let drawn = draw(layer, self.answer, frame, &picture, self.style);
            Ok::<_, ExportError>(Stage {
                layer,
                frame,
                pictures: [png(&picture, &path)?, png(&drawn, &path)?],
            })
        });
        let stage = stage.transpose()?;
        let lanes = contents.lanes.map(|both| {
            Ok::<_, ExportError>((png(&lanes::picture(self, both, &[]), &path)?, both.0.in_words()))
        });
        let lanes = lanes.transpose()?;
        let rows = rows.iter().map(|(layer, cells)| {
            let pictures = cells.iter().map(|cell| png(cell, &path)).collect::<Result<_, _>>()?;
            let scale =
                layer.map(&self.answer.evidence.maps).map(|map| layer.normalise(map, self.style.motion));
            let cut = layer.cut(&self.answer.evidence.maps, self.style);
            Ok(Row { layer: *layer, pictures, scale, cut })
        });
        let rows = rows.collect::<Result<Vec<_>, ExportError>>()?;
        let command = repeat::command(self.record, &self.answer.question, self.model, self.on_gpu);
        let legend = |layer: Layer| png(&page::legend(layer, self.style), &path);
        let page = page::page(&Page {
            record: self.record,
            question: &self.answer.question,
            prompts: self.prompts,
            rows: &rows,
            legend: &legend,
            stage,
            lanes,
            numbers: &page::numbers(self.prompts, contents, &self.answer.evidence.embedding),
            command: &command,
            experiment: &experiment,
        })?;
        write_atomic(&path, page.as_bytes()).map_err(at(&path))?;
        Ok(folder)
    }
}

fn at(path: &Path) -> impl Fn(std::io::Error) -> ExportError {
    let path = path.to_owned();
    move |source| ExportError::Write { path: path.clone(), source }
}

/// Characters of a clip's name in that of its report's folder.
const NAME_LENGTH: usize = 60;

/// Makes `motionlens-report-<clip>`, or the first of `…-2`, `…-3` and so on that does not exist yet.
fn new_folder(parent: &Path, video: &str) -> Result<PathBuf, ExportError> {
    let stem = Path::new(video).file_stem().unwrap_or_default().to_string_lossy();
    let plain = |c: char| if c.is_alphanumeric() || "._-".contains(c) { c } else { '-' };
    let name: String = stem.chars().take(NAME_LENGTH).map(plain).collect();
    std::fs::create_dir_all(parent).map_err(at(parent))?;
    let mut number = 1;
    loop {
        let end = if number == 1 { String::new() } else { format!("-{number}") };
        let folder = parent.join(format!("motionlens-report-{name}{end}"));
        match std::fs::create_dir(&folder) {
            Ok(()) => return Ok(folder),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => number += 1,
            Err(e) => return Err(at(&folder)(e)),
        }
    }
}

pub(super) fn shrink(picture: &RgbImage, longest: u32) -> RgbImage {
    let side = picture.width.max(picture.height);
    if side <= longest {
        return picture.clone();
    }
    scale_to_width(picture, (u64::from(picture.width) * u64::from(longest) / u64::from(side)).max(1) as u32)
}

pub(super) fn scale_to_width(picture: &RgbImage, width: u32) -> RgbImage {
    // A picture that is a line would be a tower of pixels: no more than so many widths high, and then narrower.
    const HIGH: u64 = 4;
    let (w, h) = (u64::from(picture.width.max(1)), u64::from(picture.height.max(1)));
    let most = HIGH * u64::from(width.max(1));
    let (width, height) = match h * u64::from(width) / w {
        height if height > most => ((w * most / h).max(1) as u32, most),
        height => (width, height),
    };
    let Some(buffer) = image::RgbImage::from_raw(picture.width, picture.height, picture.data.clone()) else {
        return picture.clone();
    };
    let scaled = imageops::resize(&buffer, width, height.max(1) as u32, FilterType::Triangle);
    RgbImage { width: scaled.width(), height: scaled.height(), data: scaled.into_raw() }
}

/// Rows of pictures of one size on white.
fn contact_sheet<'a>(rows: impl Iterator<Item = &'a [RgbImage]> + Clone) -> RgbImage {
    let (mut width, mut height) = (0, 0);
    for row in rows.clone() {
        let cells: u32 = row.iter().map(|cell| cell.width + GAP).sum();
        width = width.max(cells.saturating_sub(GAP));
        height += row.iter().map(|cell| cell.height).max().unwrap_or(0) + GAP;
    }
    let mut sheet =
        image::RgbImage::from_pixel(width.max(1), height.saturating_sub(GAP).max(1), image::Rgb([255; 3]));
    let mut y = 0;
    for row in rows {
        let mut x = 0;
        for cell in row {
            if let Some(cell) = image::RgbImage::from_raw(cell.width, cell.height, cell.data.clone()) {
                imageops::replace(&mut sheet, &cell, i64::from(x), i64::from(y));
            }
            x += cell.width + GAP;
        }
        y += row.iter().map(|cell| cell.height).max().unwrap_or(0) + GAP;
    }
    RgbImage { width: sheet.width(), height: sheet.height(), data: sheet.into_raw() }
}

/// `path` is only for the error.
fn png(picture: &RgbImage, path: &Path) -> Result<Vec<u8>, ExportError> {
    use image::ImageEncoder as _;
    let mut bytes = Vec::new();
    image::codecs::png::PngEncoder::new(&mut bytes)
        .write_image(&picture.data, picture.width, picture.height, image::ExtendedColorType::Rgb8)
        .map_err(|source| ExportError::Picture { path: path.to_owned(), source })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_that_is_a_line_does_not_become_a_tower() {
        let line = RgbImage { width: 1, height: 3000, data: vec![9; 9000] };
        let scaled = scale_to_width(&line, 160);
        assert_eq!((scaled.width, scaled.height), (1, 640));
        let usual = RgbImage { width: 40, height: 30, data: vec![9; 3600] };
        assert_eq!((scale_to_width(&usual, 160).width, scale_to_width(&usual, 160).height), (160, 120));
    }

    #[test]
    fn a_sheet_has_a_row_a_view_and_odd_sizes_do_no_harm() {
        let cell =
            |w: u32, h: u32, v: u8| RgbImage { width: w, height: h, data: vec![v; (3 * w * h) as usize] };
        let rows = [vec![cell(4, 2, 0), cell(4, 2, 9)], vec![cell(3, 5, 7)], vec![]];
        let sheet = contact_sheet(rows.iter().map(Vec::as_slice));
        assert_eq!((sheet.width, sheet.height), (4 + GAP + 4, 2 + GAP + 5 + GAP));
        assert_eq!(sheet.data[0], 0);
        let none = contact_sheet([].iter().copied());
        assert_eq!((none.width, none.height), (1, 1));
        let thin = shrink(&cell(1, 5000, 3), LONGEST_SIDE);
        assert_eq!(thin.width, 1);
        assert_eq!(scale_to_width(&cell(300, 200, 3), 30).height, 20);
    }

    #[test]
    fn every_report_has_a_folder_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let name = |video: &str| {
            let folder = new_folder(dir.path(), video).unwrap();
            folder.strip_prefix(dir.path()).unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(name("/videos/a b/übung 1.mp4"), "motionlens-report-übung-1");
        assert_eq!(name("übung 1.webm"), "motionlens-report-übung-1-2");
        assert_eq!(name("übung 1.webm"), "motionlens-report-übung-1-3");
        assert_eq!(name(".."), "motionlens-report-");
        assert!(name(&"x".repeat(500)).len() < 100);
    }
}
