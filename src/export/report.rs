//! A folder that shows one analysis without the program: a PNG per sampled frame and layer, a contact sheet, the
//! scores as JSON, and a page that needs nothing else. Names are stable; what else lies in the folder stays.

use super::ExportError;
use super::json::Record;
use super::overlay::{Layer, Style, draw, legend};
use crate::engine::Answer;
use crate::files::write_atomic;
use crate::video::RgbImage;
use image::imageops::{self, FilterType};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

/// Pictures are scaled down to this side at most: a report is for looking at, the clip is still there.
const LONGEST_SIDE: u32 = 960;
/// Width of one picture in the contact sheet, in pixels.
const CELL_WIDTH: u32 = 200;
/// Rows between the views of the contact sheet, and columns between its frames, in pixels.
const GAP: u32 = 4;

/// Everything that a report says.
pub struct Report<'a> {
    pub record: &'a Record,
    pub answer: &'a Answer,
    /// The sampled frames in display orientation, as many as `answer.frames`.
    pub pictures: &'a [Arc<RgbImage>],
    /// Plain sentences for the reader, for example that the motion head is untrained, or that a prompt was cut.
    pub notes: &'a [String],
    pub style: Style,
}

impl Report<'_> {
    /// Writes `{layer}-{frame}.png`, `contact-sheet.png`, `scores.json` and `index.html` into `folder`, which is
    /// made where it is missing.
    pub fn write(&self, folder: &Path) -> Result<(), ExportError> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |source| ExportError::Write { path, source }
        };
        std::fs::create_dir_all(folder).map_err(at(folder))?;
        let mut cells = Vec::with_capacity(Layer::ALL.len());
        let pictures: Vec<RgbImage> = self.pictures.iter().map(|p| shrink(p, LONGEST_SIDE)).collect();
        for layer in Layer::ALL {
            let mut row = Vec::with_capacity(pictures.len());
            for (t, picture) in pictures.iter().enumerate() {
                let drawn = draw(layer, self.answer, t, picture, self.style);
                let path = folder.join(format!("{}-{t:02}.png", layer.word()));
                write_atomic(&path, &png(&drawn, &path)?).map_err(at(&path))?;
                row.push(scale_to_width(&drawn, CELL_WIDTH));
            }
            cells.push(row);
        }
        let path = folder.join("contact-sheet.png");
        let sheet = png(&contact_sheet(&cells), &path)?;
        write_atomic(&path, &sheet).map_err(at(&path))?;
        let path = folder.join("scores.json");
        let json = self.record.to_json().map_err(|e| at(&path)(e.into()))?;
        write_atomic(&path, &json).map_err(at(&path))?;
        let path = folder.join("index.html");
        let page = self.page(&sheet, &path)?;
        write_atomic(&path, page.as_bytes()).map_err(at(&path))
    }

    fn page(&self, sheet: &[u8], path: &Path) -> Result<String, ExportError> {
        let Record { video, model, device, frames, classes, none, .. } = self.record;
        let number = |v: Option<f32>| v.map_or_else(|| "–".to_owned(), |v| format!("{v:+.4}"));
        let mut scores = String::new();
        let mut ranked: Vec<_> = classes.iter().collect();
        ranked.sort_by(|a, b| b.p.total_cmp(&a.p));
        for c in ranked {
            let _ = writeln!(
                scores,
                "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
                escape(&c.name),
                if c.counts { format!("{:.4}", c.p) } else { "left out: unknown words".to_owned() },
                number(c.s_pos),
                number(c.s_neg),
                number(c.margin),
                c.yes.map_or_else(|| "–".to_owned(), |v| format!("{v:.4}"))
            );
        }
        let mut views = String::new();
        for layer in Layer::ALL {
            let scale = match layer.map(&self.answer.evidence.maps) {
                Some(map) => {
                    let range = layer.normalise(map, self.style.motion);
                    let strip = legend(layer.colormap(self.style.magnitudes), 160, 12);
                    let strip = base64(&png(&strip, path)?);
                    format!(
                        "{:.4} <img alt=\"\" src=\"data:image/png;base64,{strip}\"> {:.4}",
                        range.lo, range.hi
                    )
                }
                None => String::new(),
            };
            let _ = writeln!(
                views,
                "<tr><th scope=\"row\">{}</th><td>{}</td><td>{scale}</td></tr>",
                layer.word(),
                escape(layer.quantity())
            );
        }
        let times: Vec<String> = frames.iter().map(|f| format!("{:.3} s", f.pts_s)).collect();
        let notes: String = self.notes.iter().map(|n| format!("<li>{}</li>\n", escape(n))).collect();
        Ok(format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width\">\n<title>MotionLens: {title}</title>\n\
             <style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n\
             <p>{width}×{height}, {duration:.3} s, digest {digest}</p>\n\
             <p>Model {model_name} (digest {model_digest}), motion head {head}, on {device}.</p>\n\
             <ul>\n{notes}</ul>\n\
             <h2>Frames and maps</h2>\n\
             <p>Columns are the sampled frames, at {times}. Rows from the top are the views below. The colours \
             of a map span its range over the clip, those of the gate the fixed 0 to 1.</p>\n\
             <img class=\"sheet\" alt=\"Contact sheet: one row a layer, one column a sampled frame\" \
             src=\"data:image/png;base64,{sheet}\">\n\
             <table>\n<tr><th>layer</th><th>what the colours mean</th><th>range</th></tr>\n{views}</table>\n\
             <h2>Scores</h2>\n\
             <table>\n<tr><th>class</th><th>p</th><th>s⁺</th><th>s⁻</th><th>margin</th><th>yes</th></tr>\n{scores}\
             <tr><th scope=\"row\">none of these</th><td>{none:.4}</td><td></td><td></td><td></td><td></td></tr>\n\
             </table>\n</body>\n</html>\n",
            title = escape(&video.path),
            width = video.width,
            height = video.height,
            duration = video.duration_s,
            digest = escape(&video.digest),
            model_name = escape(&model.name),
            model_digest = escape(&model.digest),
            head = model.head,
            device = escape(device),
            times = times.join(", "),
            sheet = base64(sheet),
        ))
    }
}

const STYLE: &str =
    "body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem; color: #222; background: #fff }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { padding: .2rem .8rem; text-align: left; border-bottom: 1px solid #ddd; overflow-wrap: anywhere }
td { font-variant-numeric: tabular-nums }
img.sheet { max-width: 100% }
";

/// Text as it may stand in HTML, in an attribute as well.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let at = |i: usize| u32::from(three.get(i).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..4 {
            let known = digit <= three.len();
            let index = (bits >> (18 - 6 * digit)) as usize & 63;
            out.push(if known { char::from(DIGITS[index]) } else { '=' });
        }
    }
    out
}

fn shrink(picture: &RgbImage, longest: u32) -> RgbImage {
    let side = picture.width.max(picture.height);
    if side <= longest {
        return picture.clone();
    }
    scale_to_width(picture, (u64::from(picture.width) * u64::from(longest) / u64::from(side)).max(1) as u32)
}

fn scale_to_width(picture: &RgbImage, width: u32) -> RgbImage {
    let height = u64::from(picture.height) * u64::from(width) / u64::from(picture.width.max(1));
    let Some(buffer) = image::RgbImage::from_raw(picture.width, picture.height, picture.data.clone()) else {
        return picture.clone();
    };
    let scaled = imageops::resize(&buffer, width, height.max(1) as u32, FilterType::Triangle);
    RgbImage { width: scaled.width(), height: scaled.height(), data: scaled.into_raw() }
}

/// Rows of pictures of one size on white.
fn contact_sheet(rows: &[Vec<RgbImage>]) -> RgbImage {
    let (mut width, mut height) = (0, 0);
    for row in rows {
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
    fn base64_is_the_standard_s() {
        for (plain, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
        ] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
    }

    #[test]
    fn text_cannot_leave_its_place_in_the_page() {
        assert_eq!(escape("<a href='x'>\"&\"</a>"), "&lt;a href=&#39;x&#39;&gt;&quot;&amp;&quot;&lt;/a&gt;");
    }

    #[test]
    fn a_sheet_has_a_row_a_view_and_odd_sizes_do_no_harm() {
        let cell =
            |w: u32, h: u32, v: u8| RgbImage { width: w, height: h, data: vec![v; (3 * w * h) as usize] };
        let sheet = contact_sheet(&[vec![cell(4, 2, 0), cell(4, 2, 9)], vec![cell(3, 5, 7)], vec![]]);
        assert_eq!((sheet.width, sheet.height), (4 + GAP + 4, 2 + GAP + 5 + GAP));
        assert_eq!(sheet.data[0], 0);
        assert_eq!((contact_sheet(&[]).width, contact_sheet(&[]).height), (1, 1));
        let thin = shrink(&cell(1, 5000, 3), LONGEST_SIDE);
        assert_eq!(thin.width, 1);
        assert_eq!(scale_to_width(&cell(300, 200, 3), 30).height, 20);
    }
}
