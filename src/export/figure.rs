//! A figure with its receipt: sampled frames under the chosen layers, each layer with its colour bar, and under them what it is of
//! (clip, scope, digests, device) and the command that makes it again. The picture's metadata holds the same and the whole
//! experiment, so that the figure alone is enough.

use super::letters::Letters;
use super::report::{Report, scale_to_width};
use super::{ExportError, page};
use crate::experiment::Experiment;
use crate::files::write_atomic;
use crate::video::RgbImage;
use crate::view::{Colormap, Layer, Style, draw};
use egui::FontId;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Room around and between, in pixels.
const MARGIN: u32 = 16;
const GAP: u32 = 4;
/// Width of the column of names and colour bars.
const LABELS: u32 = 190;
const TEXT: FontId = FontId::proportional(14.0);
const SMALL: FontId = FontId::proportional(12.0);
const TINY: FontId = FontId::proportional(10.0);
pub(super) const INK: [u8; 3] = [20; 3];
pub(super) const FAINT: [u8; 3] = [90; 3];

/// The words of the metadata under which the experiment and the spec stand.
pub const EXPERIMENT: &str = "motionlens:experiment";
pub const SPEC: &str = "motionlens:figure";

/// What a figure shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Rows.
    pub layers: Vec<Layer>,
    /// Columns: places among the sampled frames; empty: all of them.
    pub frames: Vec<usize>,
    /// Width of one picture in pixels.
    pub cell: u32,
    pub magnitudes: Colormap,
    /// 0–1.
    pub opacity: f32,
    pub smooth: bool,
    /// See [`Style::threshold`].
    #[serde(default)]
    pub threshold: f32,
}

impl Spec {
    /// One layer over one sampled frame, large.
    pub fn stage(layer: Layer, frame: usize, style: Style) -> Self {
        Self { layers: vec![layer], frames: vec![frame], cell: 720, ..Self::strip(style) }
    }

    /// Every layer over every sampled frame.
    pub fn strip(style: Style) -> Self {
        Self {
            layers: Layer::ALL.to_vec(),
            frames: Vec::new(),
            cell: 160,
            magnitudes: style.magnitudes,
            opacity: style.opacity,
            smooth: style.smooth,
            threshold: style.threshold,
        }
    }
}

/// Writes the figure as PNG.
///
/// # Errors
/// The picture cannot be encoded or the file not written; what was there before is unchanged.
pub fn write(
    report: &Report<'_>,
    experiment: &Experiment,
    spec: &Spec,
    path: &Path,
) -> Result<(), ExportError> {
    let json = serde_json::to_string(spec).unwrap_or_default();
    save(experiment, path, receipt(report), (SPEC, json), |lines| compose(report, spec, lines))
}

/// Writes a picture with its receipt: what it is of (`about`, line by line) and the command that makes it again stand under it, and in its
/// metadata with the experiment and what it shows (`spec`: under which word, and its JSON).
pub(super) fn save(
    experiment: &Experiment,
    path: &Path,
    about: Vec<String>,
    (word, spec): (&str, String),
    compose: impl FnOnce(&[String]) -> RgbImage,
) -> Result<(), ExportError> {
    let experiment = experiment.at(path);
    let name = path.file_name().map_or_else(|| "figure.png".into(), |n| n.to_string_lossy());
    let command = command(&name);
    let texts = [
        ("Software", experiment.program.clone()),
        ("Description", about.join("\n")),
        ("motionlens:command", command.clone()),
        (word, spec),
        // Plain data with string keys: it always has a JSON form.
        (EXPERIMENT, serde_json::to_string(&experiment).unwrap_or_default()),
    ];
    let mut lines = about;
    lines.push(format!("{AGAIN}{command}"));
    let picture = compose(&lines);
    let bytes = encode(&picture, &texts)
        .map_err(|e| ExportError::Write { path: path.to_owned(), source: e.into() })?;
    write_atomic(path, &bytes).map_err(|source| ExportError::Write { path: path.to_owned(), source })
}

/// What stands before the command in a figure.
const AGAIN: &str = "made again by: ";

/// The letters of a line of the receipt: in others two hyphens look like a dash.
pub(super) fn font_of(line: &str) -> FontId {
    if line.starts_with(AGAIN) { FontId::monospace(11.0) } else { SMALL }
}

/// The command that makes the figure of this name again.
fn command(name: &str) -> String {
    let name = shlex::try_quote(name).unwrap_or_default();
    format!("motionlens replay {name} --figure again.png")
}

/// What the figure is of, line by line.
pub(super) fn receipt(report: &Report<'_>) -> Vec<String> {
    let r = report.record;
    let name = Path::new(&r.video.path).file_name().unwrap_or_default().to_string_lossy();
    let mut lines = vec![
        format!("{} · {}×{}, digest {}", name, r.video.width, r.video.height, r.video.digest),
        format!("{} · α {} · {}", r.scope.in_words(), r.alpha, winners(report)),
        format!(
            "model {} (digest {}), motion head {}, on {}",
            r.model.name, r.model.digest, r.model.head, r.device
        ),
    ];
    lines.extend(report.altered());
    lines
}

/// The three most likely classes.
fn winners(report: &Report<'_>) -> String {
    let mut classes: Vec<_> = report.record.classes.iter().filter(|c| c.p > 0.0).collect();
    classes.sort_by(|a, b| b.p.total_cmp(&a.p));
    let best: Vec<String> =
        classes.iter().take(3).map(|c| format!("{} {:.1}%", c.name, c.p * 100.0)).collect();
    if best.is_empty() { "no class has a share".to_owned() } else { best.join(", ") }
}

/// The pictures of the layers with these lines under them.
pub(super) fn compose(report: &Report<'_>, spec: &Spec, lines: &[String]) -> RgbImage {
    let style = Style {
        magnitudes: spec.magnitudes,
        opacity: spec.opacity,
        smooth: spec.smooth,
        threshold: spec.threshold,
        ..report.style
    };
    let all: Vec<usize> = (0..report.pictures.len()).collect();
    let frames: Vec<usize> = if spec.frames.is_empty() { all } else { spec.frames.clone() };
    let mut frames: Vec<usize> = frames.into_iter().filter(|t| *t < report.pictures.len()).collect();
    // What a receipt from elsewhere asks for is bounded: each frame once, and cells of a size to look at.
    let mut seen = std::collections::HashSet::new();
    frames.retain(|t| seen.insert(*t));
    let cell = spec.cell.clamp(16, 1024);
    let small: Vec<RgbImage> = frames.iter().map(|t| scale_to_width(&report.pictures[*t], cell)).collect();
    let cell_height = small.iter().map(|p| p.height).max().unwrap_or(0);
    let columns = (frames.len() as u32).max(1);
    let width = (2 * MARGIN + LABELS + columns * (cell + GAP)).max(640);
    let mut letters = Letters::default();
    let text_width = width - 2 * MARGIN;
    let head = 20;
    let mut layers = spec.layers.clone();
    let mut seen = std::collections::HashSet::new();
    layers.retain(|layer| seen.insert(*layer));
    let rows = layers.len() as u32 * (cell_height.max(70) + GAP);
    let foot: u32 = lines.iter().map(|line| letters.height(line, font_of(line), text_width) + 2).sum();
    let height = 2 * MARGIN + head + rows + GAP + foot;
    let mut out = RgbImage { width, height, data: vec![255; 3 * width as usize * height as usize] };
    for (column, t) in frames.iter().enumerate() {
        let x = MARGIN + LABELS + column as u32 * (cell + GAP);
        let at = report.answer.frames.get(*t).map_or(0.0, |pts| pts.secs());
        letters.write(&mut out, (x, MARGIN), &format!("{at:.3} s"), SMALL, cell, INK);
    }
    let mut y = MARGIN + head;
    for layer in &layers {
        label(&mut out, &mut letters, *layer, report, style, y);
        for (column, (t, picture)) in frames.iter().zip(&small).enumerate() {
            let x = MARGIN + LABELS + column as u32 * (cell + GAP);
            paste(&mut out, &draw(*layer, report.answer, *t, picture, style), (x, y));
        }
        y += cell_height.max(70) + GAP;
    }
    y += GAP;
    for line in lines {
        y += letters.write(&mut out, (MARGIN, y), line, font_of(line), text_width, FAINT) + 2;
    }
    out
}

/// Name, colour bar with its ends, and what the colours are.
fn label(
    out: &mut RgbImage,
    letters: &mut Letters,
    layer: Layer,
    report: &Report<'_>,
    style: Style,
    top: u32,
) {
    let width = LABELS - 2 * GAP;
    let mut y = top + letters.write(out, (MARGIN, top), layer.name(), TEXT, width, INK);
    if let Some(map) = layer.map(&report.answer.evidence.maps) {
        let range = layer.normalise(map, style.motion);
        let bar = page::legend(layer, style);
        paste(out, &bar, (MARGIN, y + 2));
        y += bar.height + 3;
        let (lo, hi) = (format!("{:.3}", range.lo), format!("{:.3}", range.hi));
        letters.write(out, (MARGIN, y), &lo, SMALL, width, INK);
        y += letters.write(out, (MARGIN + bar.width.saturating_sub(36), y), &hi, SMALL, width, INK);
    }
    if let Some(cut) = layer.cut(&report.answer.evidence.maps, style) {
        y += letters.write(out, (MARGIN, y), &cut, TINY, width, FAINT);
    }
    letters.write(out, (MARGIN, y), layer.quantity(), TINY, width, FAINT);
}

/// Lays a picture over another with its left upper corner there; what does not fit is left out.
pub(super) fn paste(out: &mut RgbImage, picture: &RgbImage, (x, y): (u32, u32)) {
    let wide = picture.width.min(out.width.saturating_sub(x)) as usize * 3;
    for row in 0..picture.height.min(out.height.saturating_sub(y)) {
        let from = row as usize * picture.width as usize * 3;
        let to = 3 * ((y + row) as usize * out.width as usize + x as usize);
        out.data[to..to + wide].copy_from_slice(&picture.data[from..from + wide]);
    }
}

/// PNG with texts (UTF-8) beside the picture.
pub(super) fn encode(picture: &RgbImage, texts: &[(&str, String)]) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, picture.width, picture.height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    for (word, text) in texts {
        encoder.add_itxt_chunk((*word).to_owned(), text.clone())?;
    }
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&picture.data)?;
    writer.finish()?;
    Ok(bytes)
}

/// The text of the metadata under this word; `None` where it is no PNG or has no such text.
pub fn text(png: &[u8], word: &str) -> Option<String> {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().ok()?;
    // Texts may stand after the picture as well.
    let mut found = find(reader.info(), word);
    if found.is_none() && reader.finish().is_ok() {
        found = find(reader.info(), word);
    }
    found
}

/// Bytes that a text may have when it is unpacked.
const LONGEST: usize = 64 << 20;

fn find(info: &png::Info<'_>, word: &str) -> Option<String> {
    let mut text = info.utf8_text.iter().find(|t| t.keyword == word)?.clone();
    text.decompress_text_with_limit(LONGEST).ok()?;
    text.get_text().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small file may hold a text that no memory does.
    #[test]
    fn a_text_that_unpacks_to_too_much_is_not_read() {
        let bomb = |bytes: usize| {
            let mut file = Vec::new();
            let mut encoder = png::Encoder::new(&mut file, 1, 1);
            encoder.set_color(png::ColorType::Rgb);
            let mut writer = encoder.write_header().unwrap();
            let mut chunk = png::text_metadata::ITXtChunk::new("a", "x".repeat(bytes));
            chunk.compressed = true;
            writer.write_text_chunk(&chunk).unwrap();
            writer.write_image_data(&[0; 3]).unwrap();
            writer.finish().unwrap();
            file
        };
        assert_eq!(text(&bomb(1000), "a").map(|t| t.len()), Some(1000));
        assert_eq!(text(&bomb(LONGEST + 1), "a"), None);
    }

    #[test]
    fn metadata_is_read_back() {
        let picture = RgbImage { width: 2, height: 1, data: vec![1, 2, 3, 4, 5, 6] };
        let bytes = encode(&picture, &[("a", "über".into()), (SPEC, "{}".into())]).unwrap();
        assert_eq!(text(&bytes, "a").as_deref(), Some("über"));
        assert_eq!(text(&bytes, SPEC).as_deref(), Some("{}"));
        assert_eq!(text(&bytes, "b"), None);
        assert_eq!(text(b"no picture", "a"), None);
        assert_eq!(image::load_from_memory(&bytes).unwrap().to_rgb8().into_raw(), picture.data);
    }

    #[test]
    fn a_command_is_quoted() {
        assert_eq!(command("a b.png"), "motionlens replay 'a b.png' --figure again.png");
    }
}
