//! The pane of the negation bench: class and idea, the numbers of the three ways beside those of the class as it is, and what
//! each way does in a sentence.

use super::class_card::ALIKE;
use super::edit::{PromptEdit, Side as List};
use super::intent::Intent;
use super::negation::{Evidence, MOST, Negated, Side, Way, denied};
use super::score_row::{MARGIN, P, S_NEG, S_POS, YES};
use super::state::State;
use super::theme::{self, Colours};
use super::{focus, prompt_rows};
use crate::score::negation::cosine;
use egui::{Color32, Id, Label, RichText, Ui, WidgetInfo, vec2};

/// Classes that the menu lists: more nobody looks through.
const LISTED: usize = 500;
/// The columns, and what each is.
const COLUMNS: [(&str, &str, &str); 4] = [
    ("as is", "the class as it is", "The class with its prompts as they are"),
    (
        "− neg.",
        "typed as a negative",
        "Way 1: the idea is one more negative prompt; the text vector t+ stays",
    ),
    ("+ not", "typed as “not …”", "Way 2: “not …” is one more positive prompt; t+ becomes the mean with it"),
    ("− λ t−", "subtracted", "Way 3: λ times the idea's vector is subtracted from t+"),
];
/// A narrow pane has the names of the rows on lines of their own.
const NARROW: f32 = 300.0;
const NAME: f32 = 76.0;

pub fn show(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    egui::ScrollArea::vertical().id_salt("negation").auto_shrink([false, false]).show(ui, |ui| {
        weak(
            ui,
            "What is this class not? One idea said in three ways, scored beside each other. Nothing changes until you add it.",
        );
        question(ui, s, out);
        let idea = s.negation.asked.idea.trim();
        let (Some(c), false) = (s.negated_class(), idea.is_empty()) else {
            weak(
                ui,
                "Type an idea, such as “moving left”: how it weighs against the class is shown as you type, and whether the \
                 model understands “not” at all.",
            );
            return;
        };
        let evidence = match s.negation_evidence() {
            Ok(evidence) => evidence,
            Err(why) => return warn(ui, why),
        };
        read_from(ui, s);
        if evidence.plain {
            weak(ui, "The joint adapter is off (Surgery): the text vectors are CLIP's own, before what was trained here.");
        }
        vocabulary(ui, s, idea, &evidence);
        if let Some(Err(why)) = s.negation.found.as_ref().map(|found| &found.texts) {
            return warn(ui, why);
        }
        subtract(ui, s, out);
        let (ways, fresh) = s.negation_ways(&evidence).map_or((None, false), |(w, fresh)| (Some(w), fresh));
        ui.scope(|ui| {
            if !fresh {
                ui.set_opacity(0.6);
            }
            table(ui, ways.as_ref(), evidence.scores.classes.len());
        });
        as_negative(ui, s, (c, idea), (ways.as_ref(), &evidence), out);
        as_not(ui, s, (c, idea), &evidence, out);
        as_vector(ui, ways.as_ref());
        focus::follow(ui);
    });
}

fn weak(ui: &mut Ui, text: &str) {
    ui.add(Label::new(RichText::new(text).font(theme::small()).color(theme::of(ui).weak)).wrap());
}

fn warn(ui: &mut Ui, text: &str) {
    ui.add(Label::new(RichText::new(text).font(theme::small()).color(theme::of(ui).warn)).wrap());
}

/// Which class, and what it is not.
fn question(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    let asked = &s.negation.asked;
    let own = s.negated_class().and_then(|c| s.prompts().classes.get(c));
    let name = own.map_or("no class", |class| class.name.as_str());
    ui.horizontal(|ui| {
        weak(ui, "Class");
        let menu = egui::ComboBox::from_id_salt("negated class").selected_text(name).truncate();
        let shown = menu.width((ui.available_width() - 8.0).clamp(60.0, 320.0)).show_ui(ui, |ui| {
            let mut item = |ui: &mut Ui, on: bool, text: &str, class: Option<String>| {
                if ui.selectable_label(on, text).clicked() {
                    out.push(Intent::Negate(Negated { class, ..asked.clone() }));
                }
            };
            item(ui, asked.class.is_none(), "the likeliest", None);
            for class in s.prompts().classes.iter().take(LISTED) {
                let on = asked.class.as_ref() == Some(&class.name);
                item(ui, on, &class.name, Some(class.name.clone()));
            }
        });
        let prompts = own.map(|class| s.prompts().positive_prompts(class)).unwrap_or_default().join("\n");
        let tip = format!("The class whose text vector t+ is the mean of its positive prompts:\n{prompts}");
        shown.response.on_hover_text(tip).accessible_name("Class of the negation bench");
    });
    ui.horizontal(|ui| {
        weak(ui, "is not");
        let mut text = asked.idea.clone();
        let field = egui::TextEdit::singleline(&mut text)
            .id(Id::unique(("field", "negated idea")))
            .hint_text("moving left")
            .desired_width((ui.available_width() - 8.0).clamp(60.0, 320.0));
        let field = ui.add(field).accessible_name("What the class is not");
        if field.changed() {
            out.push(Intent::Negate(Negated { idea: text, ..asked.clone() }));
        }
        field.on_hover_text("The idea whose text vector is t−; without the word “not”");
    });
}

/// How much way 3 subtracts.
fn subtract(ui: &mut Ui, s: &State, out: &mut Vec<Intent>) {
    let asked = &s.negation.asked;
    let mut lambda = asked.lambda;
    let slider = egui::Slider::new(&mut lambda, 0.0..=MOST).text("λ").step_by(0.01).fixed_decimals(2);
    let slider = ui.add(slider).accessible_name("λ, how much is subtracted");
    if slider.changed() {
        out.push(Intent::Negate(Negated { lambda, ..asked.clone() }));
    }
    slider.on_hover_text("0: the class as it is; 1: as much as t+ itself; at most 2. No unit.");
}

/// Which evidence the numbers are of.
fn read_from(ui: &mut Ui, s: &State) {
    let mut words = s.scope_words().unwrap_or_default();
    if let Some(altered) = s.altered_words() {
        words += &format!("; {altered}");
    }
    if s.compare.is_some() {
        words += "; side A of the comparison";
    }
    ui.add(Label::new(RichText::new(format!("Read from: {words}")).font(theme::small())).wrap());
    if s.is_stale() {
        warn(ui, "Something else is selected now; these are the scores of what was.");
    }
}

/// Whether the model has words for it.
fn vocabulary(ui: &mut Ui, s: &State, idea: &str, evidence: &Evidence<'_>) {
    let Some(found) = s.negation_found(evidence) else {
        // A line of its room, so that nothing moves with every letter.
        return weak(ui, " ");
    };
    let not = denied(idea);
    let word_level = s.model.as_ref().is_some_and(|m| m.word_level);
    let unknown = found.note(&not).is_some_and(|n| n.unknown.iter().any(|r| r.start == 0));
    match (unknown, word_level) {
        (true, _) => warn(
            ui,
            "The model's vocabulary has no word “not”: way 2 says nothing more than the idea itself.",
        ),
        (false, true) => weak(
            ui,
            "The word “not” is in the model's vocabulary. Whether it is understood is measured below.",
        ),
        (false, false) => {
            weak(ui, "The model reads every word; whether it understands “not” is measured below.")
        }
    }
    if let Some(note) = found.note(idea) {
        warn(ui, &prompt_rows::about(note, s).1);
        let mut rest = note.text.clone();
        note.unknown.iter().rev().for_each(|word| rest.replace_range(word.clone(), ""));
        if word_level && !rest.contains(char::is_alphanumeric) {
            warn(
                ui,
                "As a negative it weighs nothing; the numbers of the other two ways are there and mean nothing.",
            );
        }
    }
}

/// One row of numbers.
struct Row {
    name: &'static str,
    tip: &'static str,
    colour: Color32,
    cells: [String; 4],
}

/// Of one width with and without a value, so that nothing moves.
fn number(v: Option<f64>) -> String {
    v.map_or("  –   ".to_owned(), |v| format!("{v:+.3}"))
}

fn rows(colours: &Colours, ways: Option<&[Way; 4]>) -> Vec<Row> {
    let cells = |of: &dyn Fn(&Way, &Way) -> String| {
        std::array::from_fn(|i| ways.map_or(number(None), |ways| of(&ways[i], &ways[0])))
    };
    let row =
        |name, tip, colour, of: &dyn Fn(&Way, &Way) -> String| Row { name, tip, colour, cells: cells(of) };
    let share = |way: &Way| way.outcome.rank.map(|_| 100.0 * way.outcome.p);
    // Of the class as it is there is no change.
    let change = |way: &Way, own: &Way, of: &dyn Fn(&Way) -> Option<f64>, smallest: f64| {
        let change = of(way).zip(of(own)).filter(|_| !std::ptr::eq(way, own)).map(|(now, was)| now - was);
        // No "−0.0".
        change.map(|v| if v.abs() < smallest { 0.0 } else { v })
    };
    vec![
        row(
            "cos t+",
            "Cosine of the way's text vector with t+, that of the class as it is. 1: the same direction.",
            colours.text,
            &|way, _| number(way.with.map(|[plus, _]| plus)),
        ),
        row(
            "cos t−",
            "Cosine of the way's text vector with t−, that of the idea. Near 1: the model hardly tells them apart; near 0: they \
             have nothing in common; below 0: they point away from each other.",
            colours.text,
            &|way, _| number(way.with.map(|[_, minus]| minus)),
        ),
        row("s+", S_POS, colours.positive, &|way, _| number(way.outcome.own.positive)),
        row("s−", S_NEG, colours.negative, &|way, _| number(way.outcome.own.negative)),
        row("margin", MARGIN, colours.text, &|way, _| number(way.outcome.margin)),
        row("p", P, colours.strong, &|way, _| share(way).map_or(number(None), |p| format!("{p:5.1}%"))),
        row(
            "Δ p, pp",
            "Change of p against the class as it is, in percentage points (pp): what adding it would do.",
            colours.text,
            &|way, own| change(way, own, &share, 0.05).map_or(number(None), |pp| format!("{pp:+6.1}")),
        ),
        row("yes", YES, colours.strong, &|way, _| {
            way.outcome.yes.map_or(number(None), |yes| format!("{yes:6.3}"))
        }),
        row("Δ yes", "Change of yes against the class as it is.", colours.text, &|way, own| {
            number(change(way, own, &|way| way.outcome.yes, 5e-4))
        }),
        row(
            "rank",
            "Its place by p among the classes that have a share: 1 is the likeliest.",
            colours.text,
            &|way, _| way.outcome.rank.map_or(number(None), |rank| format!("{rank:6}")),
        ),
    ]
}

fn table(ui: &mut Ui, ways: Option<&[Way; 4]>, classes: usize) {
    let width = ui.available_width() - 8.0;
    let narrow = width < NARROW;
    let column = ((if narrow { width } else { width - NAME }) / 4.0 - 2.0).clamp(44.0, 84.0);
    let line = |ui: &mut Ui, name: &str, tip: &str, cells: &mut dyn FnMut(&mut Ui)| {
        let label = |ui: &mut Ui, size| {
            let text = RichText::new(name).font(theme::small()).color(theme::of(ui).weak);
            ui.allocate_ui_with_layout(size, egui::Layout::left_to_right(egui::Align::Center), |ui| {
                ui.set_min_size(size);
                let label = ui.add(Label::new(text));
                if !tip.is_empty() {
                    label.on_hover_text(tip);
                }
            });
        };
        ui.spacing_mut().item_spacing = vec2(2.0, 1.0);
        if narrow && !name.is_empty() {
            ui.add_space(3.0);
            label(ui, vec2(width, 13.0));
        }
        ui.horizontal(|ui| {
            if !narrow {
                label(ui, vec2(NAME, 16.0));
            }
            cells(ui);
        });
    };
    // Beside a lesson there is no room for four numbers.
    egui::ScrollArea::horizontal().id_salt("ways").show(ui, |ui| {
        line(ui, "", "", &mut |ui| {
            for (short, _, tip) in COLUMNS {
                let text = RichText::new(short).font(theme::small()).color(theme::of(ui).accent);
                ui.add_sized(vec2(column, 16.0), Label::new(text)).on_hover_text(tip);
            }
        });
        for row in rows(theme::of(ui), ways) {
            let tip = match row.name {
                "rank" => format!("{} There are {classes} classes.", row.tip),
                _ => row.tip.to_owned(),
            };
            line(ui, row.name, &tip, &mut |ui| {
                for (value, (_, long, way)) in row.cells.iter().zip(COLUMNS) {
                    let text = RichText::new(value).font(theme::numbers()).color(row.colour);
                    let cell = ui.add_sized(vec2(column, 16.0), Label::new(text));
                    // A label's name is its value, so the whole of it is said.
                    let said = format!("{} {long}: {}", row.name, value.trim());
                    cell.widget_info(|| WidgetInfo::labeled(egui::accesskit::Role::Label, true, &said));
                    cell.on_hover_text(format!("{tip}\n{way}"));
                }
            });
        }
    });
}

fn heading(ui: &mut Ui, text: &str) {
    ui.add_space(5.0);
    ui.add(Label::new(RichText::new(text).strong().color(theme::of(ui).strong)).wrap());
}

/// A button that takes a way over; the bench stays with the class that it was about.
fn take_over(
    ui: &mut Ui,
    s: &State,
    (c, list, text): (usize, List, String),
    (name, tip): (&str, &str),
    out: &mut Vec<Intent>,
) {
    let Some(class) = s.prompts().classes.get(c) else { return };
    let there = list.prompts(s.prompts(), class).contains(&text);
    let button = ui.add_enabled(!there, egui::Button::new(name).small());
    let button = button.on_disabled_hover_text("The class has this prompt already");
    if button.on_hover_text(format!("{tip}; Undo takes it back")).clicked() {
        let asked = Negated { class: Some(class.name.clone()), ..s.negation.asked.clone() };
        out.push(Intent::Negate(asked));
        out.push(Intent::Edit(PromptEdit::AddPrompt(c, list, text)));
    }
}

fn as_negative(
    ui: &mut Ui,
    s: &State,
    (c, idea): (usize, &str),
    (ways, evidence): (Option<&[Way; 4]>, &Evidence<'_>),
    out: &mut Vec<Intent>,
) {
    heading(ui, &format!("1 · a negative prompt: “{idea}”"));
    weak(
        ui,
        "A text of its own that speaks against the class: s− is the cosine of the negative that fits the clip best.",
    );
    if !evidence.negatives {
        warn(ui, "Negatives are off (Surgery), so this way changes nothing now.");
    } else if evidence.scores.alpha == 0.0 {
        weak(ui, "α is 0 for this model: negatives do not enter p, only “yes”.");
    }
    let nearest = |i: usize| ways.and_then(|ways| ways[i].outcome.own.negative);
    if nearest(0).is_some() && nearest(0) == nearest(1) {
        weak(
            ui,
            "Another negative of the class fits this clip as well or better, so this one changes nothing here.",
        );
    }
    if let Some([_, minus]) =
        ways.and_then(|ways| ways[0].with).filter(|[_, minus]| *minus > f64::from(ALIKE))
    {
        warn(
            ui,
            &format!(
                "cos(t+, t−) is {minus:.2}: the text model hardly tells the idea from the class, and s− acts like s+."
            ),
        );
    }
    let tip = "The idea becomes a negative prompt of the class";
    take_over(ui, s, (c, List::Negative, idea.to_owned()), ("Add as negative", tip), out);
}

fn as_not(ui: &mut Ui, s: &State, (c, idea): (usize, &str), evidence: &Evidence<'_>, out: &mut Vec<Intent>) {
    let not = denied(idea);
    heading(ui, &format!("2 · the word “not”: “{not}”"));
    weak(ui, "One more positive prompt; it works only where the text model has learned what “not” does.");
    let found = s.negation_found(evidence).and_then(|found| found.sides(evidence));
    let alone = |side: Side| found?.get(side as usize)?.positive.as_deref();
    if let Some((yes, no)) = alone(Side::Idea).zip(alone(Side::Not)) {
        let cos = cosine(yes, no);
        let clip = |t: &[f32]| cosine(evidence.embedding, t);
        let verdict = match cos {
            v if v > f64::from(ALIKE) => {
                "to this model they are all but the same: it does not understand “not” here."
            }
            v if v > 0.5 => "it tells them apart, but “not” is mostly read as what it denies.",
            _ => "it tells them apart.",
        };
        let text = format!("cos(“{idea}”, “{not}”) = {cos:+.3}: {verdict}");
        let label =
            ui.add(Label::new(RichText::new(text).font(theme::small()).color(theme::of(ui).text)).wrap());
        label.on_hover_text(
            "The cosine of the two texts by themselves. Near 1: the same to the model. That they differ does not yet mean that the \
             right one fits the clip: compare the two cosines with the clip.",
        );
        weak(ui, &format!("With the clip: {:+.3} for “{idea}”, {:+.3} for “{not}”.", clip(yes), clip(no)));
    }
    let tip = "“not …” becomes a positive prompt of the class";
    take_over(ui, s, (c, List::Positive, not), ("Add as positive", tip), out);
}

fn as_vector(ui: &mut Ui, ways: Option<&[Way; 4]>) {
    heading(ui, "3 · subtracted: t = t+ − λ t−, as a unit vector");
    weak(
        ui,
        "Arithmetic, no word has to be understood; λ, above the numbers, says how much. It cannot be typed as a prompt, so it stays \
         in this pane.",
    );
    if ways.is_some_and(|ways| ways[0].with.is_some() && ways[3].with.is_none()) {
        warn(ui, "t+ and t− are the same here, so nothing is left to score.");
    }
}
