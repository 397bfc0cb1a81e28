//! The page of a report: what was looked at, with which prompts, and what came of it, in one HTML file that needs nothing else: no
//! script, and every picture within it. Every text that people or files gave is escaped. The page is well-formed XML as well, which is
//! what a test can hold it to.

use super::ExportError;
use super::json::{Class, Record};
use super::report::{Contents, EXPERIMENT};
use crate::engine::Question;
use crate::prompt::PromptSet;
use crate::score::left_out;
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

/// A picture of the stage: the sampled frame alone, and under the layer.
pub struct Stage {
    pub layer: Layer,
    pub frame: usize,
    pub pictures: [Vec<u8>; 2],
}

/// One prompt in numbers.
pub struct Number {
    /// With the clip, by itself.
    pub cosine: f32,
    /// What p of the class loses without it, 0–1, where that is known.
    pub adds: Option<f64>,
    /// It is of the negatives that set s⁻.
    pub sets: bool,
}

/// Of one class: its positive prompts, then its negative ones.
pub type Numbers = [Vec<Number>; 2];

/// Everything on the page.
pub struct Page<'a> {
    pub record: &'a Record,
    pub question: &'a Question,
    pub prompts: &'a PromptSet,
    pub rows: &'a [Row],
    /// Gives the PNG of a layer's strip of colours.
    pub legend: &'a dyn Fn(Layer) -> Result<Vec<u8>, ExportError>,
    pub stage: Option<Stage>,
    /// The lanes as PNG, and what they are of.
    pub lanes: Option<(Vec<u8>, String)>,
    /// A class each, in the order of the prompt set; `None`: not known.
    pub numbers: &'a [Option<Numbers>],
    /// Computes it again from the prompts.
    pub command: &'a str,
    /// The experiment as JSON.
    pub experiment: &'a str,
}

/// A longer experiment stands in its file alone.
const LONGEST: usize = 1 << 20;

/// The numbers of every prompt of the set. `video`: f (E).
pub fn numbers(set: &PromptSet, contents: &Contents<'_>, video: &[f32]) -> Vec<Option<Numbers>> {
    let of = |c: usize| {
        let (scores, class) = (contents.scores?, set.classes.get(c)?);
        let own = scores.classes.get(c).filter(|own| own.name == class.name)?;
        let text = contents.texts.get(c).filter(|text| text.name == class.name);
        let without = text.and_then(|text| left_out(video, text, c, scores)).unwrap_or_default();
        let adds = |list: &[crate::score::Effect], i: usize| list.get(i).map(|e| f64::from(own.p) - e.p);
        let positive = own.positives.iter().enumerate().map(|(i, cosine)| Number {
            cosine: *cosine,
            adds: adds(&without.positive, i),
            sets: false,
        });
        let negative = own.negatives.iter().enumerate().map(|(i, cosine)| Number {
            cosine: *cosine,
            adds: adds(&without.negative, i),
            sets: own.nearest.contains(&i),
        });
        Some([positive.collect(), negative.collect()])
    };
    (0..set.classes.len()).map(of).collect()
}

/// The whole page.
pub fn page(page: &Page<'_>) -> Result<String, ExportError> {
    let Record { video, model, device, scope, alpha, .. } = page.record;
    let notes: String = page.record.notes.iter().map(|n| format!("<li>{}</li>\n", escape(n))).collect();
    let lanes = page.lanes.as_ref().map_or_else(String::new, |(picture, words)| {
        format!(
            "<h2>Over time</h2>\n<p>{}. Every number is in <code>lanes.csv</code>.</p>\n{}",
            escape(words),
            image("Scores, motion and gate over time", picture)
        )
    });
    let experiment = if page.experiment.len() <= LONGEST {
        format!(
            "<details>\n<summary>The experiment, as it is in {EXPERIMENT}</summary>\n<pre>{}</pre>\n</details>\n",
            escape(page.experiment)
        )
    } else {
        format!("<p>The experiment is in {EXPERIMENT}.</p>\n")
    };
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width\"/>\n<title>MotionLens: {title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n\
         <p>Scores of {scope}, α {alpha}.</p>\n{altered}\
         <p>Video: {width}×{height}, {duration:.3} s, digest {digest}.</p>\n\
         <p>Model: {model_name} (digest {model_digest}), motion head {head}, on {device}.</p>\n\
         <ul>\n{notes}</ul>\n\
         {stage}\
         <h2>Scores</h2>\n{scores}\
         {lanes}\
         <h2>Frames and maps</h2>\n{maps}\
         <h2>Prompts</h2>\n{prompts}\
         <h2>To compute this again</h2>\n<p>In this folder, from the experiment, which says whether the numbers are still the \
         same:</p>\n<pre>motionlens replay {EXPERIMENT}</pre>\n<p>Or from the prompts:</p>\n\
         <pre id=\"command\">{command}</pre>\n{experiment}\
         </body>\n</html>\n",
        title = escape(&video.path),
        scope = scope.in_words(),
        altered = altered(page),
        width = video.width,
        height = video.height,
        duration = video.duration_s,
        digest = escape(&video.digest),
        model_name = escape(&model.name),
        model_digest = escape(&model.digest),
        head = model.head,
        device = escape(device),
        stage = stage(page)?,
        scores = scores(page.record),
        maps = maps(page)?,
        prompts = classes(page.prompts, page.numbers),
        command = escape(page.command),
    ))
}

/// A picture within the page.
fn image(alt: &str, png: &[u8]) -> String {
    format!("<img alt=\"{}\" src=\"data:image/png;base64,{}\"/>\n", escape(alt), STANDARD.encode(png))
}

/// What was altered, in words and as the commands take it.
fn altered(page: &Page<'_>) -> String {
    let Some(altered) = &page.record.altered else { return String::new() };
    // Plain data with string keys: it always has a JSON form.
    let order = serde_json::to_string(&page.question.clip.order).unwrap_or_default();
    let surgery = serde_json::to_string(&page.question.surgery).unwrap_or_default();
    format!(
        "<p class=\"altered\"><strong>{}</strong></p>\n<p>Order of the frames: <code>{}</code>. In the model: <code>{}</code>.</p>\n",
        escape(&altered.in_words()),
        escape(&order),
        escape(&surgery)
    )
}

/// The stage as it was: the frame alone, and under its layer with the scale of that.
fn stage(page: &Page<'_>) -> Result<String, ExportError> {
    let Some(Stage { layer, frame, pictures: [alone, drawn] }) = &page.stage else {
        return Ok(String::new());
    };
    let at = page.record.frames.get(*frame).map_or(0.0, |f| f.pts_s);
    let scale = match page.rows.iter().find(|row| row.layer == *layer) {
        Some(row) => scale(row, page.legend)?,
        None => String::new(),
    };
    Ok(format!(
        "<h2>Stage</h2>\n<figure>{}{}<figcaption>Sampled frame {} at {at:.3} s, alone and under {}: {}{scale}</figcaption></figure>\n",
        image("The frame alone", alone),
        image(&format!("The frame under {}", layer.name()), drawn),
        frame + 1,
        layer.word(),
        escape(layer.quantity()),
    ))
}

/// The ends of a layer's colours, and what is not painted.
fn scale(row: &Row, legend: &dyn Fn(Layer) -> Result<Vec<u8>, ExportError>) -> Result<String, ExportError> {
    let Some(range) = row.scale else { return Ok(String::new()) };
    let strip = image("", &legend(row.layer)?);
    let cut = row.cut.as_ref().map_or_else(String::new, |cut| format!("<br/>{}", escape(cut)));
    Ok(format!("<br/>{:.4} {} {:.4}{cut}", range.lo, strip.trim_end(), range.hi))
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
fn maps(page: &Page<'_>) -> Result<String, ExportError> {
    let mut out = "<table class=\"maps\">\n<tr><th>layer</th>".to_owned();
    let times: Vec<String> = page.record.frames.iter().map(|f| format!("{:.3} s", f.pts_s)).collect();
    times.iter().for_each(|time| out += &format!("<th>{time}</th>"));
    out += "</tr>\n";
    for row in page.rows {
        let (word, quantity) = (row.layer.word(), escape(row.layer.quantity()));
        let scale = scale(row, page.legend)?;
        let _ = write!(out, "<tr><th scope=\"row\">{word}<br/><small>{quantity}{scale}</small></th>");
        for (picture, time) in row.pictures.iter().zip(&times) {
            let _ = write!(out, "<td>{}</td>", image(&format!("{word} at {time}"), picture).trim_end());
        }
        out += "</tr>\n";
    }
    Ok(out + "</table>\n")
}

/// Every prompt as it went to the model, and what it is worth.
fn classes(set: &PromptSet, numbers: &[Option<Numbers>]) -> String {
    let mut out = "<p>The cosine is that of the clip with the prompt by itself. “Adds” is the difference that leaving the prompt out would \
                   make to p of its class, in percentage points: computed, not estimated.</p>\n\
                   <table>\n<tr><th>class</th><th>sign</th><th>prompt</th><th>cosine</th><th>adds</th></tr>\n"
        .to_owned();
    for (class, numbers) in set.classes.iter().zip(numbers) {
        let lists = [set.positive_prompts(class), set.negative_prompts(class)];
        let lines = lists.iter().map(|list| list.len().max(1)).sum::<usize>();
        let name = format!("<th scope=\"rowgroup\" rowspan=\"{lines}\">{}</th>", escape(&class.name));
        let mut name = Some(name);
        for (side, sign) in ["+ positive", "− negative"].into_iter().enumerate() {
            if lists[side].is_empty() {
                let name = name.take().unwrap_or_default();
                let _ = writeln!(out, "<tr>{name}<td>{sign}</td><td>none</td><td></td><td></td></tr>");
            }
            for (i, prompt) in lists[side].iter().enumerate() {
                let number = numbers.as_ref().and_then(|n| n[side].get(i));
                let cosine = signed(number.map(|n| n.cosine));
                let sets = if number.is_some_and(|n| n.sets) { " (sets s⁻)" } else { "" };
                let adds = number.and_then(|n| n.adds).map_or_else(|| "–".to_owned(), points);
                let _ = writeln!(
                    out,
                    "<tr>{}<td>{sign}</td><td>{}</td><td>{cosine}{sets}</td><td>{adds}</td></tr>",
                    name.take().unwrap_or_default(),
                    escape(prompt)
                );
            }
        }
    }
    out + "</table>\n"
}

/// A share of p in percentage points, without "−0.0".
fn points(adds: f64) -> String {
    let points = adds * 100.0;
    format!("{:+.1} pp", if points.abs() < 0.05 { 0.0 } else { points })
}

const STYLE: &str =
    "body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem; color: #222; background: #fff }
table { border-collapse: collapse; margin: 1rem 0 }
th, td { padding: .2rem .8rem; text-align: left; vertical-align: top; border-bottom: 1px solid #ddd; overflow-wrap: anywhere }
td { font-variant-numeric: tabular-nums }
table.maps th, table.maps td { padding: .1rem }
img { max-width: 100%; height: auto }
figure { margin: 1rem 0 }
figure img { margin-right: .5rem }
p.altered { background: #ffe9b8; padding: .6rem 1rem }
table.maps th { max-width: 14rem; font-weight: normal }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #f4f4f4; padding: 1rem }
";
