//! The prompts of one class on one side. Its own are fields: Enter adds the next, Escape leaves and takes an empty new one
//! back; those from the templates are plain text. Each shows its own cosine, and which negative sets s−.

use super::class_card::menu;
use super::document::PromptKey;
use super::edit::{PromptEdit, Side};
use super::field::{Left, Line, goes};
use super::icon::{self, Icon};
use super::intent::Intent;
use super::state::State;
use super::{elide, theme};
use crate::score::{ClassScore, Effect, LeftOut};
use crate::session::PromptNote;
use egui::text::{LayoutJob, TextFormat};
use egui::{Color32, RichText, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};

/// The room for a cosine, for what the prompt adds to p, for the sign of the negative that sets s−, and for a mark.
const COSINE: f32 = 42.0;
const ADDS: f32 = 54.0;
const SETS: f32 = 24.0;
const MARK: f32 = 20.0;
/// In less room than this a prompt of one's own has a line to itself, and its numbers the next: a whole sentence is to be seen.
const WIDE: f32 = 520.0;
/// The button that lays the prompt's support map over the stage, with its gap.
const WHERE: f32 = 22.0;

pub fn show(ui: &mut Ui, s: &State, c: usize, side: Side, out: &mut Vec<Intent>) {
    let document = s.history.present();
    let Some(class) = s.prompts().classes.get(c) else { return };
    let own = side.list(class).is_some();
    ui.add_space(2.0);
    ui.horizontal_wrapped(|ui| {
        sign(ui, side);
        ui.label(RichText::new(format!("{} prompts", side.word())).color(colour(ui, side)));
        let whose = if own { "own" } else { "from templates" };
        ui.label(RichText::new(whose).font(theme::small()).color(theme::of(ui).weak));
        let (text, tip, e) = if own {
            (
                "Use templates",
                "Drop the own prompts and fill the templates with the name",
                PromptEdit::UseTemplates(c, side),
            )
        } else {
            ("Write own", "Keep a copy of these prompts and change it", PromptEdit::WriteOwn(c, side))
        };
        let name = format!("{text}, {} prompts of {}", side.word(), class.name);
        if ui.small_button(text).on_hover_text(tip).accessible_name(name).clicked() {
            out.push(Intent::Edit(e));
        }
    });
    let list = side.shown(s.prompts(), class);
    let left_out = s.left_out(c);
    let numbers = Numbers::new(
        s.score(c),
        left_out.as_ref(),
        side,
        list.iter().filter(|p| !p.trim().is_empty()).count(),
    );
    let keys = document.prompt_keys(c).map_or(&[][..], |keys| keys.side(side));
    ui.scope(|ui| {
        if !own {
            ui.spacing_mut().interact_size.y = 16.0;
            ui.spacing_mut().item_spacing.y = 3.0;
        }
        // Blank prompts are not scored: the numbers are those of the others, in their order.
        let mut scored = 0;
        for (i, text) in list.iter().enumerate() {
            let number = (!text.trim().is_empty()).then(|| {
                scored += 1;
                numbers.of(scored - 1)
            });
            let row = Row { c, side, i, class: &class.name, text, number: number.flatten() };
            match keys.get(i).filter(|_| own) {
                Some(key) => row.field(ui, s, *key, out),
                None => row.filled(ui, s, out),
            }
        }
    });
    if list.is_empty() {
        let text = match side {
            Side::Positive => "None: the class gets no s+.",
            Side::Negative => "None: nothing pushes against this class.",
        };
        ui.label(RichText::new(text).font(theme::small()).color(theme::of(ui).weak));
    }
    let name = format!("Add {} prompt to {}", side.word(), class.name);
    let button = egui::Button::new(format!("{} Add {} prompt", side.sign(), side.word())).small();
    if ui.add(button).accessible_name(name).clicked() {
        goes(ui.ctx());
        out.push(Intent::Edit(PromptEdit::AddPrompt(c, side, String::new())));
    }
}

/// The numbers of the prompts of one side, where they are of as many prompts as there are.
struct Numbers<'a> {
    score: Option<&'a ClassScore>,
    cosines: &'a [f32],
    nearest: &'a [usize],
    effects: &'a [Effect],
}

/// What is known of one prompt.
#[derive(Clone, Copy)]
struct Number {
    cosine: f32,
    /// It is one of the negatives that set s−.
    sets: bool,
    /// The margin and p of the class as they are, and without the prompt.
    effect: Option<(Effect, Effect)>,
}

impl<'a> Numbers<'a> {
    fn new(score: Option<&'a ClassScore>, out: Option<&'a LeftOut>, side: Side, count: usize) -> Self {
        let (cosines, nearest) = match (score, side) {
            (None, _) => (&[][..], &[][..]),
            (Some(x), Side::Positive) => (&x.positives[..], &[][..]),
            (Some(x), Side::Negative) => (&x.negatives[..], &x.nearest[..]),
        };
        let effects = match (out, side) {
            (None, _) => &[][..],
            (Some(x), Side::Positive) => &x.positive[..],
            (Some(x), Side::Negative) => &x.negative[..],
        };
        let there = cosines.len() == count;
        let cosines = if there { cosines } else { &[] };
        Self { score, cosines, nearest, effects: if effects.len() == count { effects } else { &[] } }
    }

    fn of(&self, i: usize) -> Option<Number> {
        let now = self.score.map(|x| Effect { margin: x.margin.map(f64::from), p: f64::from(x.p) });
        Some(Number {
            cosine: *self.cosines.get(i)?,
            sets: self.nearest.contains(&i),
            effect: now.zip(self.effects.get(i).copied()),
        })
    }
}

struct Row<'a> {
    c: usize,
    side: Side,
    i: usize,
    class: &'a str,
    text: &'a str,
    number: Option<Number>,
}

impl Row<'_> {
    fn name(&self) -> String {
        format!("{} prompt {} of {}", capital(self.side.word()), self.i + 1, self.class)
    }

    /// No positive prompt sets s−.
    fn sets_width(&self) -> f32 {
        if self.side == Side::Negative { SETS } else { 0.0 }
    }

    fn field(&self, ui: &mut Ui, s: &State, key: PromptKey, out: &mut Vec<Intent>) {
        let note = s.notes.get(self.text);
        let wide = ui.available_width() >= WIDE;
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            ui.label(RichText::new(self.side.sign()).font(theme::numbers()).color(colour(ui, self.side)));
            let numbers = COSINE + ADDS + self.sets_width() + MARK + WHERE + 16.0;
            let width = ui.available_width() - 24.0 - if wide { numbers } else { 0.0 };
            self.line(ui, s, (key, width.max(60.0)), note, out);
            if wide {
                self.numbers(ui, note, s);
                self.find(ui, s, out);
            }
            self.menu(ui, out);
        });
        if !wide {
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = 4.0;
                ui.add_space(12.0);
                self.numbers(ui, note, s);
                self.find(ui, s, out);
            });
        }
    }

    /// The text itself, `width` points wide.
    fn line(
        &self,
        ui: &mut Ui,
        s: &State,
        (key, width): (PromptKey, f32),
        note: Option<&PromptNote>,
        out: &mut Vec<Intent>,
    ) {
        let (c, side, i) = (self.c, self.side, self.i);
        let line = Line {
            key: key.into(),
            text: self.text,
            hint: "write a prompt",
            name: self.name(),
            width,
            newest: s.history.newest() == Some(key.into()),
            select: false,
        };
        let newest = line.newest;
        // The note is on the text as it was when it was scored; on another text it says nothing.
        let done = line.show(ui, |ui, text| marked(ui, text, note, theme::of(ui).text));
        let blank = done.changed.as_deref().unwrap_or(self.text).trim().is_empty();
        if let Some(text) = done.changed {
            out.push(Intent::Edit(PromptEdit::SetPrompt(c, side, i, text)));
        }
        match done.left {
            Some(Left::Escape | Left::Enter(_)) if blank => {
                goes(ui.ctx());
                if newest {
                    out.push(Intent::Edit(PromptEdit::DropNewest));
                }
            }
            Some(Left::Enter(more)) => {
                goes(ui.ctx());
                out.push(Intent::Edit(PromptEdit::AddPrompt(c, side, more)));
            }
            _ => {}
        }
    }

    fn menu(&self, ui: &mut Ui, out: &mut Vec<Intent>) {
        let (c, side, i) = (self.c, self.side, self.i);
        menu(ui, format!("Menu of {}", self.name()), |ui| {
            for (what, e) in [
                ("Move up", PromptEdit::MovePrompt(c, side, i, -1)),
                ("Move down", PromptEdit::MovePrompt(c, side, i, 1)),
                ("Remove", PromptEdit::RemovePrompt(c, side, i)),
            ] {
                if ui.button(what).clicked() {
                    out.push(Intent::Edit(e));
                    ui.close();
                }
            }
        });
    }

    /// A prompt from a template.
    fn filled(&self, ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
        let note = s.notes.get(self.text);
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = 4.0;
            ui.label(RichText::new(self.side.sign()).font(theme::numbers()).color(colour(ui, self.side)));
            let width =
                (ui.available_width() - COSINE - ADDS - self.sets_width() - MARK - WHERE - 16.0).max(60.0);
            // One line, whatever is typed into the template.
            let font = egui::TextStyle::Body.resolve(ui.style());
            let shown = elide::inner(ui, self.text, self.class, &font, width);
            let (rect, r) = ui.allocate_exact_size(vec2(width, 16.0), Sense::hover());
            let galley = ui.fonts_mut(|f| f.layout_job(marked(ui, &shown, note, theme::of(ui).weak)));
            ui.painter().galley(
                rect.left_center() - vec2(0.0, galley.size().y / 2.0),
                galley,
                theme::of(ui).weak,
            );
            r.widget_info(|| WidgetInfo::labeled(egui::accesskit::Role::Label, true, self.text));
            if shown.len() != self.text.len() {
                r.on_hover_text(self.text);
            }
            self.numbers(ui, note, s);
            self.find(ui, s, out);
        });
    }

    /// Lays the prompt's support map over the stage, or takes it away.
    fn find(&self, ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
        let at = (self.c, self.side, self.i);
        let on = s.probes.prompt.is_some() && s.prompt_at(at) == s.probes.prompt;
        let tip = "Where does this prompt find support? Its map over the stage (Esc takes it away)";
        let name = format!("Where: {}", self.name());
        if icon::toggle(ui, Icon::Where, vec2(18.0, 16.0), on, name, tip).clicked() {
            out.push(Intent::Where((!on).then_some(at)));
        }
    }

    /// Cosine, what the prompt adds to p, the sign of the negative that sets s−, and a mark: each in a place of its own, full or empty.
    fn numbers(&self, ui: &mut Ui, note: Option<&PromptNote>, s: &State) {
        let place = |ui: &mut Ui, width: f32, text: &str, font, colour, name: String, tip: &str| {
            let (rect, r) = ui.allocate_exact_size(vec2(width, 16.0), Sense::hover());
            if text.is_empty() {
                return;
            }
            ui.painter().text(rect.right_center(), egui::Align2::RIGHT_CENTER, text, font, colour);
            r.widget_info(|| WidgetInfo::labeled(egui::accesskit::Role::Label, true, &name));
            r.on_hover_text(tip);
        };
        let faint = |colour: Color32| if s.scores_fresh() { colour } else { colour.gamma_multiply(0.6) };
        let cosine = self.number.map_or(String::new(), |n| format!("{:+.3}", n.cosine));
        let tip = "Cosine of the clip and this prompt by itself";
        let name = format!("Cosine of {}: {cosine}", self.name());
        place(ui, COSINE, &cosine, theme::numbers(), faint(colour(ui, self.side)), name, tip);
        let (adds, tip) = self.number.and_then(|n| n.effect).map_or_else(Default::default, adds);
        let name = format!("{} adds {adds} to p", self.name());
        place(ui, ADDS, &adds, theme::small(), faint(theme::of(ui).text), name, &tip);
        let sets = self.number.is_some_and(|n| n.sets);
        let tip = "Of the negative prompts this one fits the clip best and sets s−; those of the templates do so together";
        let name = format!("{} sets s−", self.name());
        place(
            ui,
            self.sets_width(),
            if sets { "won" } else { "" },
            theme::small(),
            faint(theme::of(ui).strong),
            name,
            tip,
        );
        let (mark, tip) = note.map_or(("", String::new()), |n| about(n, s));
        let name = format!("{}: {tip}", self.name());
        place(ui, MARK, mark, theme::small(), theme::of(ui).warn, name, &tip);
    }
}

/// What a prompt adds to p of its class, short, and all that would be without it.
fn adds((now, without): (Effect, Effect)) -> (String, String) {
    let margin = |v: Option<f64>| v.map_or("–".to_owned(), |v| format!("{v:+.3}"));
    let tip = format!(
        "Left out: without this prompt the class would have margin {} (now {}) and p {:.1}% (now {:.1}%). What is shown is \
         the difference, in percentage points (pp) of p.",
        margin(without.margin),
        margin(now.margin),
        without.p * 100.0,
        now.p * 100.0
    );
    let points = (now.p - without.p) * 100.0;
    // No "−0.0".
    let points = if points.abs() < 0.05 { 0.0 } else { points };
    (format!("{points:+.1} pp"), tip)
}

/// A mark for a note, and the note in words.
pub fn about(n: &PromptNote, s: &State) -> (&'static str, String) {
    let mut tips = Vec::new();
    if !n.unknown.is_empty() {
        let words: Vec<&str> = n.unknown.iter().filter_map(|r| n.text.get(r.clone())).collect();
        let words = words.join(", ");
        tips.push(if s.model.as_ref().is_some_and(|m| m.word_level) {
            format!("The model does not know: {words}. These words say nothing to it.")
        } else {
            format!("Nothing but single bytes to the model: {words}. It has hardly seen these words.")
        });
    }
    if n.cut > 0 {
        tips.push(format!("Too long for the text model: the last {} tokens were cut.", n.cut));
    }
    (if n.unknown.is_empty() { "cut" } else { "?" }, tips.join("\n"))
}

/// Plus in a disc or minus in a square: the side by shape as well as by sign, word and colour.
pub fn sign(ui: &mut Ui, side: Side) {
    let (rect, _) = ui.allocate_exact_size(vec2(15.0, 15.0), Sense::hover());
    let (painter, colour, c) = (ui.painter(), colour(ui, side), rect.center());
    match side {
        Side::Positive => painter.circle_filled(c, 7.0, colour),
        Side::Negative => painter.rect_filled(rect.shrink(1.0), 2, colour),
    };
    let ink = Stroke::new(2.0, theme::of(ui).field);
    painter.line_segment([pos2(c.x - 4.0, c.y), pos2(c.x + 4.0, c.y)], ink);
    if side == Side::Positive {
        painter.line_segment([pos2(c.x, c.y - 4.0), pos2(c.x, c.y + 4.0)], ink);
    }
}

fn colour(ui: &Ui, side: Side) -> Color32 {
    match side {
        Side::Positive => theme::of(ui).positive,
        Side::Negative => theme::of(ui).negative,
    }
}

/// The word with a capital.
pub fn capital(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or(String::new(), |f| f.to_uppercase().chain(chars).collect())
}

/// The text on one line with the words that the tokenizer does not know underlined.
pub fn marked(ui: &Ui, text: &str, note: Option<&PromptNote>, colour: Color32) -> LayoutJob {
    let font = egui::TextStyle::Body.resolve(ui.style());
    let plain = TextFormat { font_id: font.clone(), color: colour, ..Default::default() };
    let unknown = TextFormat {
        underline: Stroke::new(1.5, theme::of(ui).warn),
        color: theme::of(ui).warn,
        ..plain.clone()
    };
    let mut job = LayoutJob { break_on_newline: false, ..Default::default() };
    let mut at = 0;
    let ranges = note.filter(|n| n.text == text).map(|n| n.unknown.as_slice());
    for range in ranges.unwrap_or_default() {
        let (Some(before), Some(word)) = (text.get(at..range.start), text.get(range.clone())) else {
            continue;
        };
        job.append(before, 0.0, plain.clone());
        job.append(word, 0.0, unknown.clone());
        at = range.end;
    }
    job.append(text.get(at..).unwrap_or_default(), 0.0, plain);
    job
}
