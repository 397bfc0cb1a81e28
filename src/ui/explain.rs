//! What each number of a class means, with the numbers themselves in the formula (METHOD §6), and what would become of the
//! others without the class. It stands where the numbers stand.

use super::edit::PromptEdit;
use super::intent::Intent;
use super::score_row::{self, MARGIN, P, S_NEG, S_POS, YES};
use super::state::State;
use super::theme;
use crate::score::{ClassScore, Cosines, Scores, mean_negative, without_class};
use egui::{RichText, Ui, vec2};

/// The formulas of one class with its numbers in them.
#[derive(Clone, Copy, Debug)]
pub struct Explained<'a> {
    scores: &'a Scores,
    own: Cosines,
    score: &'a ClassScore,
    place: usize,
}

impl<'a> Explained<'a> {
    /// Of a class of these scores; `None` where they do not say what they were made of.
    pub fn new(scores: &'a Scores, score: &'a ClassScore) -> Option<Self> {
        let place = scores.classes.iter().position(|x| std::ptr::eq(x, score))?;
        Some(Self { scores, own: *scores.cosines.get(place)?, score, place })
    }

    /// The formula of the number with this sign, as `score_row` writes it.
    pub fn of(&self, sign: &str) -> Option<String> {
        let (positive, negative) = (self.own.positive, self.own.negative);
        let (tau, alpha) = (f64::from(self.scores.tau), f64::from(self.scores.alpha));
        Some(match sign {
            "s+" => format!(
                "s+ = f · t+ = {:+.4}   (f: the clip, t+: the mean of {} as a unit vector)",
                positive?,
                prompts(self.score.positives.len())
            ),
            "s−" => {
                let which = self.score.nearest.len();
                let of = self.score.negatives.len();
                let set = match which {
                    0 | 1 => format!("set by {which} of {}", prompts(of)),
                    // Their own cosines, listed beside them, may well lie above that of their mean.
                    _ => format!(
                        "t−: the mean of {which} of {} that count as one, as a unit vector",
                        prompts(of)
                    ),
                };
                format!("s− = max f · t− = {:+.4}   ({set})", negative?)
            }
            "margin" => match negative {
                Some(n) => {
                    format!("margin = s+ − s− = {:+.4} − ({n:+.4}) = {:+.4}", positive?, positive? - n)
                }
                None => format!("margin = s+ = {:+.4}   (no negative prompts)", positive?),
            },
            "yes" => {
                let x = tau * (positive? - negative?);
                format!(
                    "yes = σ(τ (s+ − s−)) = σ({tau:.1} × {:+.4}) = {:.4}",
                    positive? - negative?,
                    1.0 / (1.0 + (-x).exp())
                )
            }
            "p" => self.softmax(tau, alpha)?,
            _ => return None,
        })
    }

    fn softmax(&self, tau: f64, alpha: f64) -> Option<String> {
        if !self.score.counts {
            return Some("Left out: the model knows none of its words. p = 0.".to_owned());
        }
        let (z, s) = (f64::from(self.score.logit?), self.own.positive?);
        let logit = match (self.own.typed, self.own.floor) {
            (Some(n), Some(floor)) => format!(
                "z = τ (s+ − α max(0, s− − s0)) = {tau:.1} × ({s:+.4} − {alpha} × max(0, {n:+.4} − ({floor:+.4}))) = {z:+.3}\n\
                 (s− here: of the typed negatives, s0: of the templates' “not …”)"
            ),
            (Some(n), None) => {
                let mean = mean_negative(&self.scores.cosines);
                format!(
                    "z = τ (s+ − α (s− − mean s−)) = {tau:.1} × ({s:+.4} − {alpha} × ({n:+.4} − ({mean:+.4}))) = {z:+.3}"
                )
            }
            (None, _) => format!("z = τ s+ = {tau:.1} × {s:+.4} = {z:+.3}   (no typed negatives)"),
        };
        let all: Vec<f64> = self.scores.classes.iter().filter_map(|c| c.logit.map(f64::from)).collect();
        let largest = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = all.iter().map(|other| (other - largest).exp()).sum();
        // Relative to the largest z, so that no number runs away.
        Some(format!(
            "{logit}\np = e^(z − z max) / Σ e^(z − z max) over {} classes = {:.4} / {sum:.4} = {:.2}%",
            all.len(),
            (z - largest).exp(),
            self.score.p * 100.0
        ))
    }
}

fn prompts(n: usize) -> String {
    if n == 1 { "1 prompt".to_owned() } else { format!("{n} prompts") }
}

/// The button that opens the page about the numbers of class `c`.
pub fn button(ui: &mut Ui, s: &State, c: usize, out: &mut Vec<Intent>) {
    let Some(class) = s.prompts().classes.get(c) else { return };
    let explained = s.score(c).and_then(|score| Explained::new(s.scores()?, score));
    let button = egui::Button::new(RichText::new("?").color(theme::of(ui).weak)).min_size(vec2(18.0, 18.0));
    let button = button.frame_when_inactive(false);
    ui.add_enabled_ui(explained.is_some(), |ui| {
        let (menu, _) = egui::containers::menu::MenuButton::from_button(button).ui(ui, |ui| {
            if let Some(explained) = explained {
                let room = ui.ctx().content_rect().height() - 60.0;
                egui::ScrollArea::vertical()
                    .max_height(room)
                    .min_scrolled_height(room)
                    .show(ui, |ui| page(ui, &explained, c, out));
            }
        });
        let tip = "What these numbers mean, and what the others would have without this class";
        menu.on_hover_text(tip).accessible_name(format!("Explain {}", class.name));
    });
}

fn page(ui: &mut Ui, e: &Explained<'_>, c: usize, out: &mut Vec<Intent>) {
    ui.set_width(460.0);
    let title =
        |ui: &mut Ui, text: String| ui.label(RichText::new(text).strong().color(theme::of(ui).strong));
    title(ui, format!("The numbers of {}", e.score.name));
    for (head, sign, about) in [
        ("Cosine with the positive prompts", "s+", S_POS),
        ("Cosine with the negative prompts", "s−", S_NEG),
        ("Margin", "margin", MARGIN),
        ("Softmax", "p", P),
        ("Yes or no", "yes", YES),
    ] {
        let Some(formula) = e.of(sign) else { continue };
        ui.add_space(4.0);
        ui.label(RichText::new(head).font(theme::small()).color(theme::of(ui).accent));
        ui.label(RichText::new(about).font(theme::small()).color(theme::of(ui).weak));
        ui.label(RichText::new(formula).font(theme::numbers()).color(theme::of(ui).text));
    }
    ui.separator();
    title(ui, format!("Without {}", e.score.name));
    let before: Vec<f64> = e.scores.classes.iter().map(|c| f64::from(c.p)).collect();
    let after = without_class(e.scores, e.place);
    let others = score_row::changes(e.scores, &before, &after);
    let others: Vec<_> = others.into_iter().filter(|(name, _)| *name != e.score.name).collect();
    if others.is_empty() {
        ui.label(RichText::new("No other class would have more or less.").color(theme::of(ui).weak));
    } else {
        let text = "Its share would go to (in percentage points of p; exact, as if it were removed):";
        ui.label(RichText::new(text).font(theme::small()).color(theme::of(ui).weak));
        egui::Grid::new("without").num_columns(3).spacing([14.0, 2.0]).show(ui, |ui| {
            for (name, change) in others.iter().take(6) {
                ui.label(*name);
                let place = e.scores.classes.iter().position(|c| c.name == *name);
                let (was, would) = place.map_or((0.0, 0.0), |i| (before[i], after[i]));
                let shares = format!("{:.1}% to {:.1}%", was * 100.0, would * 100.0);
                ui.label(RichText::new(shares).font(theme::numbers()));
                ui.label(RichText::new(format!("{:+.1} pp", change * 100.0)).font(theme::numbers()));
                ui.end_row();
            }
        });
        if others.len() > 6 {
            ui.label(RichText::new(format!("and {} more", others.len() - 6)).font(theme::small()));
        }
    }
    ui.add_space(4.0);
    let remove = ui.button("Remove class").on_hover_text("Take it out of the set; Undo brings it back");
    if remove.accessible_name(format!("Remove {}", e.score.name)).clicked() {
        out.push(Intent::Edit(PromptEdit::RemoveClass(c)));
        ui.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::score::{ClassEmbedding, score};
    use std::sync::Arc;

    #[test]
    fn the_formulas_hold_the_numbers_of_the_class() {
        let unit = |x: f32, y: f32| Arc::<[f32]>::from([x, y]);
        let class = |name: &str, positive, negatives| ClassEmbedding {
            name: name.into(),
            positive: Some(positive),
            negatives,
            counts: true,
            ..ClassEmbedding::default()
        };
        let list = [
            class("a", unit(0.6, 0.8), vec![unit(0.0, 1.0), unit(0.28, 0.96)]),
            class("b", unit(0.0, 1.0), vec![]),
        ];
        let scores = score(&[1.0, 0.0], &list, 2.0, 0.5);
        let of = |c: usize, sign| Explained::new(&scores, &scores.classes[c]).unwrap().of(sign);
        assert!(of(0, "s−").unwrap().contains("+0.2800"));
        assert!(of(0, "margin").unwrap().ends_with("+0.6000 − (+0.2800) = +0.3200"));
        // s̄⁻ is that of a alone, so nothing is subtracted: z = 2 × 0.6, and b has 0.
        let p = of(0, "p").unwrap();
        assert!(p.contains("= +1.200\n") && p.contains("over 2 classes = 1.0000 / 1.3012 = 76.85%"), "{p}");
        // Against a floor only what lies above it counts: z = 2 × (0.6 − 0.5 × 0.18).
        let mut list = list.clone();
        list[0].floor = Some(unit(0.1, 0.995));
        let floored = score(&[1.0, 0.0], &list, 2.0, 0.5);
        let p = Explained::new(&floored, &floored.classes[0]).unwrap().of("p").unwrap();
        assert!(p.contains("max(0, +0.2800 − (+0.1000))) = +1.020\n"), "{p}");
        assert_eq!(of(1, "s−"), None);
        assert_eq!(of(1, "yes"), None);
        assert!(of(1, "margin").unwrap().contains("no negative prompts"));
        assert!(Explained::new(&scores, &scores.classes[0].clone()).is_none());
    }
}
