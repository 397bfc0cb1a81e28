//! The page of a report: what was looked at, with which prompts, and what came of it, in one HTML file that needs nothing else.
//! Every text that people or files gave is escaped.

use super::ExportError;
use super::json::{Class, Record};
use crate::prompt::PromptSet;
use crate::video::RgbImage;
use crate::view::{self, Layer, Normalise, Style};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use html_escape::encode_double_quoted_attribute as escape;
use std::collections::HashMap;
use std::fmt::Write as _;

/// One layer: a PNG a sampled frame, and the range of its colours where they stand for numbers.
pub struct Row {
    pub layer: Layer,
    pub pictures: Vec<Vec<u8>>,
    pub scale: Option<Normalise>,
    /// What a threshold leaves out, in words.
    pub cut: Option<String>,
}

/// The strip of colours of a layer's legend.
pub fn legend(layer: Layer, style: Style) -> RgbImage {
    view::legend(layer.colormap(style.magnitudes), style.threshold, 160, 12)
}

/// The whole page. `legend` gives the PNG of a layer's strip of colours.
pub fn page(
    record: &Record,
    prompts: &PromptSet,
    rows: &[Row],
    legend: &dyn Fn(Layer) -> Result<Vec<u8>, ExportError>,
    command: &str,
) -> Result<String, ExportError> {
    let Record { video, model, device, scope, alpha, .. } = record;
    let altered = record.altered.as_ref().map_or_else(String::new, |a| {
        format!("<p class=\"altered\"><strong>{}</strong></p>\n", escape(&a.in_words()))
    });
    let notes: String = record.notes.iter().map(|n| format!("<li>{}</li>\n", escape(n))).collect();
    Ok(format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>MotionLens: {title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n\
         <p>Scores of {scope}, α {alpha}.</p>\n{altered}\
         <p>Video: {width}×{height}, {duration:.3} s, digest {digest}.</p>\n\
         <p>Model: {model_name} (digest {model_digest}), motion head {head}, on {device}.</p>\n\
         <ul>\n{notes}</ul>\n\
         <h2>Scores</h2>\n{scores}\
         <h2>Frames and maps</h2>\n{maps}\
         <h2>Prompts</h2>\n{prompts}\
         <h2>To compute this again</h2>\n<p>In this folder:</p>\n<pre id=\"command\">{command}</pre>\n\
         </body>\n</html>\n",
        title = escape(&video.path),
        scope = scope.in_words(),
        altered = altered,
        width = video.width,
        height = video.height,
        duration = video.duration_s,
        digest = escape(&video.digest),
        model_name = escape(&model.name),
        model_digest = escape(&model.digest),
        head = model.head,
        device = escape(device),
        scores = scores(record),
        maps = maps(record, rows, legend)?,
        prompts = classes(prompts),
        command = escape(command),
    ))
}

/// The classes, best first, beside the pinned baseline where there is one.
fn scores(record: &Record) -> String {
    let mut out = String::new();
    let pinned = record.pinned.as_ref();
    if let Some(pinned) = pinned {
        let _ = writeln!(out, "<p>Beside them the pinned baseline, at α {}.</p>", pinned.alpha);
    }
    let baseline: Option<HashMap<&str, &Class>> =
        pinned.map(|b| b.classes.iter().map(|c| (c.name.as_str(), c)).collect());
    let more = if pinned.is_some() {
        "<th>p pinned</th><th>Δp</th><th>s⁺ pinned</th><th>s⁻ pinned</th>"
    } else {
        ""
    };
    let _ = writeln!(
        out,
        "<table>\n<tr><th>class</th><th>p</th><th>s⁺</th><th>s⁻</th><th>margin</th><th>yes</th>{more}</tr>"
    );
    let mut ranked: Vec<_> = record.classes.iter().collect();
    ranked.sort_by(|a, b| b.p.total_cmp(&a.p));
    for c in ranked {
        let _ = write!(
            out,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td>",
            escape(&c.name),
            if c.counts { format!("{:.4}", c.p) } else { "left out: unknown words".to_owned() },
            signed(c.s_pos),
            signed(c.s_neg),
            signed(c.margin),
            c.yes.map_or_else(|| "–".to_owned(), |v| format!("{v:.4}"))
        );
        match baseline.as_ref().map(|b| b.get(c.name.as_str())) {
            Some(Some(b)) => {
                let (delta, s_pos, s_neg) = (signed(Some(c.p - b.p)), signed(b.s_pos), signed(b.s_neg));
                let _ = write!(out, "<td>{:.4}</td><td>{delta}</td><td>{s_pos}</td><td>{s_neg}</td>", b.p);
            }
            Some(None) => out.push_str(&"<td>–</td>".repeat(4)),
            None => {}
        }
        out.push_str("</tr>\n");
    }
    let none = match pinned {
        Some(b) => format!("<td>{:.4}</td><td>{}</td>", b.none, signed(Some(record.none - b.none))),
        None => String::new(),
    };
    let _ = writeln!(
        out,
        "<tr><th scope=\"row\">none of these</th><td>{:.4}</td>{}{none}</tr>\n</table>",
        record.none,
        "<td></td>".repeat(4)
    );
    out
}

/// A cosine, a margin or a difference.
fn signed(v: Option<f32>) -> String {
    v.map_or_else(|| "–".to_owned(), |v| format!("{v:+.4}"))
}

/// A row a layer, a column a sampled frame.
fn maps(
    record: &Record,
    rows: &[Row],
    legend: &dyn Fn(Layer) -> Result<Vec<u8>, ExportError>,
) -> Result<String, ExportError> {
    let mut out = "<table class=\"maps\">\n<tr><th>layer</th>".to_owned();
    let times: Vec<String> = record.frames.iter().map(|f| format!("{:.3} s", f.pts_s)).collect();
    times.iter().for_each(|time| out += &format!("<th>{time}</th>"));
    out += "</tr>\n";
    for Row { layer, pictures, scale, cut } in rows {
        let scale = match scale {
            Some(range) => {
                let strip = STANDARD.encode(legend(*layer)?);
                let (lo, hi) = (range.lo, range.hi);
                let cut = cut.as_ref().map_or_else(String::new, |cut| format!("<br>{cut}"));
                format!("<br>{lo:.4} <img alt=\"\" src=\"data:image/png;base64,{strip}\"> {hi:.4}{cut}")
            }
            None => String::new(),
        };
        let (word, quantity) = (layer.word(), escape(layer.quantity()));
        let _ = write!(out, "<tr><th scope=\"row\">{word}<br><small>{quantity}{scale}</small></th>");
        for (picture, time) in pictures.iter().zip(&times) {
            let picture = STANDARD.encode(picture);
            let _ = write!(
                out,
                "<td><img alt=\"{word} at {time}\" src=\"data:image/png;base64,{picture}\"></td>"
            );
        }
        out += "</tr>\n";
    }
    Ok(out + "</table>\n")
}

/// Every prompt as it went to the model.
fn classes(set: &PromptSet) -> String {
    let mut out = "<table>\n<tr><th>class</th><th>+ positive</th><th>− negative</th></tr>\n".to_owned();
    for class in &set.classes {
        let list = |prompts: Vec<String>| match prompts.is_empty() {
            true => "none".to_owned(),
            false => prompts.iter().map(|p| escape(p)).collect::<Vec<_>>().join("<br>"),
        };
        let (positive, negative) = (list(set.positive_prompts(class)), list(set.negative_prompts(class)));
        let name = escape(&class.name);
        let _ = writeln!(out, "<tr><th scope=\"row\">{name}</th><td>{positive}</td><td>{negative}</td></tr>");
    }
    out + "</table>\n"
}

const STYLE: &str =
    "body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem; color: #222; background: #fff }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { padding: .2rem .8rem; text-align: left; vertical-align: top; border-bottom: 1px solid #ddd; overflow-wrap: anywhere }
td { font-variant-numeric: tabular-nums }
table.maps th, table.maps td { padding: .1rem }
p.altered { background: #ffe9b8; padding: .6rem 1rem }
table.maps th { max-width: 14rem; font-weight: normal }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f4f4f4; padding: 1rem }
";
