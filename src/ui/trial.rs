//! What if there were a class more? A name is typed, and its place among the classes shows at once: what it would get, and who
//! would pay. The set is as it was until a person adds the class.

use super::edit::PromptEdit;
use super::field::goes;
use super::intent::Intent;
use super::prompt_rows::{about, marked};
use super::state::State;
use super::{elide, score_row, theme};
use crate::prompt::{Class, PromptSet};
use crate::score::{ClassEmbedding, Landing, Scores, with_class};
use crate::session::PromptNote;
use egui::{Align, Id, Layout, RichText, Ui, WidgetInfo};
use std::ops::Range;
use std::sync::Arc;

/// The text side of the class, and the same without DA_j.
type Sides = [ClassEmbedding; 2];

/// The class that is tried out.
#[derive(Clone, Debug, Default)]
pub struct Trial {
    /// Its name; empty: none is.
    pub name: String,
    /// Its text side by the model of that identity, or why there is none, for the name as it was when it was asked for.
    pub found: Option<(String, String, Result<Sides, String>)>,
    /// What is to be said of the words of the name, where they were read under that name.
    note: Option<PromptNote>,
}

impl Trial {
    /// The class as a set of its own, filled from the templates of the present one.
    pub fn set(&self, beside: &PromptSet) -> Option<Arc<PromptSet>> {
        let class = Class { name: self.name.clone(), ..Class::default() };
        let set = PromptSet {
            classes: vec![class],
            version: beside.version,
            templates: beside.templates.clone(),
            count_unknown: beside.count_unknown,
        };
        (!self.name.trim().is_empty()).then(|| Arc::new(set))
    }

    /// What has come back.
    pub fn take(
        &mut self,
        set: &PromptSet,
        model: String,
        (classes, plain): (Result<Arc<Vec<ClassEmbedding>>, String>, &[ClassEmbedding]),
        notes: &[PromptNote],
    ) {
        // Of another name it answers what is not asked any more.
        if let [class] = set.classes.as_slice()
            && class.name == self.name
        {
            self.note = notes.iter().find_map(|note| of_name(note, &class.name));
            let first = |list: &[ClassEmbedding]| list.first().cloned().unwrap_or_default();
            let both = classes.map(|adapted| [first(&adapted), first(plain)]);
            self.found = Some((class.name.clone(), model, both));
        }
    }
}

/// What a note on a prompt says of the words of the name that it was filled with.
fn of_name(note: &PromptNote, name: &str) -> Option<PromptNote> {
    let start = note.text.find(name)?;
    let within = |r: &Range<usize>| {
        (start <= r.start && r.end <= start + name.len()).then(|| r.start - start..r.end - start)
    };
    let unknown: Vec<_> = note.unknown.iter().filter_map(within).collect();
    (!unknown.is_empty()).then(|| PromptNote { text: name.to_owned(), unknown, cut: 0 })
}

/// Two lines: the field with the button that adds the class, and what would come of it.
pub fn show(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    let name = s.trial.name.trim();
    let mut add = || {
        out.push(Intent::Edit(PromptEdit::AddClass(name.to_owned())));
        out.push(Intent::Try(String::new()));
    };
    let mut tried = None;
    ui.horizontal(|ui| {
        let mut text = s.trial.name.clone();
        let note = s.trial.note.as_ref();
        let mut layouter = |ui: &Ui, buffer: &dyn egui::TextBuffer, _wrap: f32| {
            let mut job = marked(ui, buffer.as_str(), note, theme::of(ui).text);
            job.keep_trailing_whitespace = true;
            ui.fonts_mut(|f| f.layout_job(job))
        };
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let button = ui.add_enabled(!name.is_empty(), egui::Button::new("Add it").small());
            if button.on_hover_text("Make it a class of the set (Enter)").clicked() {
                add();
            }
            if let Some(note) = note.filter(|note| note.text == s.trial.name) {
                let (mark, tip) = about(note, s);
                let label = ui.label(RichText::new(mark).font(theme::small()).color(theme::of(ui).warn));
                let told = format!("Try a class: {tip}");
                label.widget_info(|| WidgetInfo::labeled(egui::accesskit::Role::Label, true, &told));
                label.on_hover_text(tip);
            }
            let field = egui::TextEdit::singleline(&mut text)
                .id(Id::unique(("field", "try a class")))
                .hint_text("what if… a class more")
                .desired_width(ui.available_width() - 8.0)
                .layouter(&mut layouter);
            let r = ui.add(field).accessible_name("Try a class");
            if r.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter)) && !name.is_empty() {
                // The name of the new class has the keyboard next.
                goes(ui.ctx());
                add();
            } else if r.changed() {
                tried = Some(text);
            }
            r.on_hover_text(
                "Type a name: where would it land, and who would lose? The set stays as it is; Enter makes it a class of it.",
            );
        });
    });
    // The line has its room whether there is something to say or not: nothing below moves while one types.
    let (text, tip) = match name.is_empty() {
        true => ("Type a name to see what it would get.".to_owned(), String::new()),
        false => said(s),
    };
    let font = theme::small();
    let shown = elide::middle(ui, &text, &font, ui.available_width() - 2.0);
    let colour = if name.is_empty() { theme::of(ui).weak } else { theme::of(ui).text };
    let label = ui.add(egui::Label::new(RichText::new(shown.as_ref()).font(font).color(colour)));
    label.on_hover_text(format!("{text}\n{tip}")).accessible_name(&text);
    out.extend(tried.map(Intent::Try));
}

/// What would come of it, short and long.
fn said(s: &State) -> (String, String) {
    let plain = |text: &str| (text.to_owned(), String::new());
    if s.moment {
        return plain("only beside the clip's scores, not the moment's");
    }
    let (Some(scores), Some(shown)) = (s.scores_of_shown(), &s.shown) else { return plain("no scores yet") };
    let found = s.trial.found.as_ref().filter(|(name, model, _)| {
        *name == s.trial.name && *model == shown.answer.question.model && s.scores_fresh()
    });
    match found {
        None => plain("…"),
        Some((_, _, Err(why))) => plain(why),
        Some((_, _, Ok([class, _]))) if !class.counts => (
            "left out of p".to_owned(),
            "The model knows none of these words. “Count unknown words”, below the list, would count it all the same."
                .to_owned(),
        ),
        Some((_, _, Ok([adapted, plain]))) => {
            let surgery = &shown.answer.question.surgery;
            let class = if surgery.no_joint_adapter { plain } else { adapted };
            let video = &shown.answer.evidence.embedding;
            landing(scores, &with_class(video, class, scores, !surgery.no_negatives))
        }
    }
}

fn landing(scores: &Scores, landing: &Landing) -> (String, String) {
    let before: Vec<f64> = scores.classes.iter().map(|c| f64::from(c.p)).collect();
    let losses = score_row::changes(scores, &before, &landing.others);
    let counting = scores.classes.iter().zip(&landing.others).filter(|(class, _)| class.counts);
    let place = 1 + counting.filter(|(_, p)| **p > landing.p).count();
    let mut text = format!("would get {:.1}%, place {place}", landing.p * 100.0);
    if let Some((name, change)) = losses.first().filter(|(_, change)| *change < 0.0) {
        text += &format!("; most from {name} ({:+.1} pp)", change * 100.0);
    }
    let cosine = |v: Option<f64>| v.map_or("–".to_owned(), |v| format!("{v:+.3}"));
    let mut tip = format!(
        "If it were in the set it would have p {:.1}%, s+ {}, s− {}.",
        landing.p * 100.0,
        cosine(landing.own.positive),
        cosine(landing.own.negative)
    );
    for (name, change) in losses.iter().take(6) {
        tip += &format!("\n{name}: {:+.1} pp", change * 100.0);
    }
    tip += "\n(pp: percentage points of p)";
    (text, tip)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_on_a_prompt_is_read_off_for_the_name_in_it() {
        let note = PromptNote { text: "a vidoe of wild hopping".into(), cut: 3, unknown: vec![2..7, 16..23] };
        let of = of_name(&note, "wild hopping").unwrap();
        assert_eq!(
            (of.text.as_str(), &of.unknown[..], of.cut),
            ("wild hopping", &std::iter::once(5..12).collect::<Vec<_>>()[..], 0)
        );
        assert_eq!(of_name(&note, "wild"), None, "its own words are known");
        assert_eq!(of_name(&note, "running"), None);
    }
}
