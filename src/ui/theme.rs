//! Two calm themes, dark and light. In the dark one the picture is the bright thing in the window; the stage is dark in both, so that
//! pictures and maps look the same. Positive and negative have their own colours (a pair that colour-blind people can tell
//! apart), and are never told apart by colour alone.

use crate::view::LANE_COLOURS;
use egui::{Color32, CornerRadius, FontFamily, FontId, Margin, Stroke, TextStyle, Theme, Ui, Visuals, vec2};

/// The colours of one theme, by what they are for.
#[derive(Debug)]
pub struct Colours {
    /// Behind the pictures.
    pub stage: Color32,
    /// Side panels and bars.
    pub panel: Color32,
    /// A card on a panel.
    pub card: Color32,
    /// A field that takes text, and the track of a bar.
    pub field: Color32,
    pub line: Color32,
    pub text: Color32,
    pub weak: Color32,
    pub strong: Color32,
    pub accent: Color32,
    /// Words on the accent.
    pub on_accent: Color32,
    /// Positive prompts and s⁺.
    pub positive: Color32,
    /// Negative prompts and s⁻.
    pub negative: Color32,
    pub warn: Color32,
    /// The ground of what says that something is altered, and the words on it.
    pub altered: Color32,
    pub on_altered: Color32,
    pub error: Color32,
    pub good: Color32,
    /// What is chosen, and the filled part of a bar with a strong figure on it.
    pub chosen: Color32,
    /// The filled part of the bar of "none of these".
    pub none: Color32,
    /// In to out on the seek bar, and what has been played of it.
    pub range: Color32,
    pub played: Color32,
    /// Lanes: of the classes by their slot, of "none of these", of the gate. Those of the classes were searched for: as far apart
    /// as they get for everybody, people who see no red or no green among them, and still set apart from the ground.
    pub lanes: [Color32; LANE_COLOURS],
    pub lane_none: Color32,
    pub lane_gate: Color32,
    /// A panel behind what is only just set apart from it.
    faint: Color32,
    /// A control at rest, under the pointer, pressed, and opened.
    controls: [Color32; 4],
    /// The line around a control under the pointer.
    edge: Color32,
}

const fn rgb(r: u8, g: u8, b: u8) -> Color32 {
    Color32::from_rgb(r, g, b)
}

pub const DARK: Colours = Colours {
    stage: rgb(13, 14, 17),
    panel: rgb(26, 28, 33),
    card: rgb(34, 37, 43),
    field: rgb(18, 19, 23),
    line: rgb(56, 60, 69),
    text: rgb(222, 226, 232),
    weak: rgb(160, 168, 180),
    strong: rgb(250, 251, 253),
    accent: rgb(122, 162, 247),
    on_accent: rgb(30, 22, 8),
    positive: rgb(86, 180, 233),
    negative: rgb(236, 160, 48),
    warn: rgb(242, 201, 109),
    altered: rgb(242, 178, 60),
    on_altered: rgb(30, 22, 8),
    error: rgb(255, 128, 118),
    good: rgb(128, 205, 146),
    chosen: rgb(58, 84, 140),
    none: rgb(104, 84, 48),
    range: rgb(44, 58, 90),
    played: rgb(74, 98, 153),
    lanes: [
        rgb(23, 104, 247),
        rgb(205, 249, 28),
        rgb(58, 144, 59),
        rgb(152, 247, 255),
        rgb(255, 162, 1),
        rgb(238, 121, 255),
        rgb(173, 78, 142),
        rgb(27, 216, 140),
    ],
    lane_none: rgb(150, 156, 166),
    lane_gate: rgb(140, 190, 120),
    faint: rgb(30, 33, 38),
    controls: [rgb(48, 52, 60), rgb(62, 67, 78), rgb(74, 80, 94), rgb(54, 58, 68)],
    edge: rgb(104, 112, 128),
};

pub const LIGHT: Colours = Colours {
    stage: DARK.stage,
    panel: rgb(236, 238, 242),
    card: rgb(247, 248, 250),
    field: rgb(255, 255, 255),
    line: rgb(190, 195, 204),
    text: rgb(34, 38, 46),
    weak: rgb(80, 88, 102),
    strong: rgb(8, 10, 14),
    accent: rgb(36, 80, 190),
    on_accent: rgb(255, 255, 255),
    positive: rgb(0, 92, 150),
    negative: rgb(146, 76, 0),
    warn: rgb(124, 84, 0),
    altered: DARK.altered,
    on_altered: DARK.on_altered,
    error: rgb(172, 28, 22),
    good: rgb(16, 102, 50),
    chosen: rgb(170, 196, 248),
    none: rgb(238, 212, 158),
    range: rgb(190, 208, 244),
    played: rgb(122, 158, 232),
    lanes: [
        rgb(10, 6, 185),
        rgb(255, 55, 10),
        rgb(95, 125, 249),
        rgb(142, 31, 2),
        rgb(208, 66, 183),
        rgb(106, 9, 115),
        rgb(109, 8, 239),
        rgb(0, 151, 75),
    ],
    lane_none: rgb(100, 106, 116),
    lane_gate: rgb(50, 104, 30),
    faint: rgb(229, 231, 236),
    controls: [rgb(214, 218, 226), rgb(202, 208, 220), rgb(188, 196, 212), rgb(206, 211, 222)],
    edge: rgb(120, 128, 144),
};

/// The stage is dark in both themes, so that pictures and maps look the same.
pub const ON_STAGE: &Colours = &DARK;

/// The colours of the theme that is drawn in there.
pub fn of(ui: &Ui) -> &'static Colours {
    if ui.visuals().dark_mode { &DARK } else { &LIGHT }
}

/// What is drawn on the stage has the colours of the dark theme.
pub fn on_stage(ui: &mut Ui) {
    if !ui.visuals().dark_mode {
        *ui.visuals_mut() = visuals(Theme::Dark);
    }
}

/// The name of the text style of numbers in tables.
pub fn numbers() -> FontId {
    FontId::new(12.0, FontFamily::Monospace)
}

/// Small text that still reads on a projector.
pub fn small() -> FontId {
    FontId::new(11.5, FontFamily::Proportional)
}

/// What is written on and under pictures: small text, larger where presenter mode enlarges it.
pub fn caption(ui: &Ui) -> FontId {
    TextStyle::Small.resolve(ui.style())
}

/// How much larger than usual that is.
pub fn enlarged(ui: &Ui) -> f32 {
    caption(ui).size / small().size
}

/// Sets fonts, colours and spacing for the whole window. It is dark until a person says otherwise.
pub fn apply(ctx: &egui::Context) {
    ctx.set_theme(Theme::Dark);
    // The keys for the size of text are our own, with bounds of our own.
    ctx.options_mut(|o| o.zoom_with_keyboard = false);
    // Signs such as ‖ that the text font lacks come from the monospaced one.
    let mut fonts = egui::FontDefinitions::default();
    if let Some(list) = fonts.families.get_mut(&FontFamily::Proportional) {
        list.push("Hack".to_owned());
    }
    ctx.set_fonts(fonts);
    for theme in [Theme::Dark, Theme::Light] {
        ctx.style_mut_of(theme, |style| {
            style.text_styles = [
                (TextStyle::Small, FontId::new(11.5, FontFamily::Proportional)),
                (TextStyle::Body, FontId::new(13.5, FontFamily::Proportional)),
                (TextStyle::Button, FontId::new(13.5, FontFamily::Proportional)),
                (TextStyle::Monospace, FontId::new(12.0, FontFamily::Monospace)),
                (TextStyle::Heading, FontId::new(16.0, FontFamily::Proportional)),
            ]
            .into();
            style.spacing.item_spacing = vec2(6.0, 5.0);
            style.spacing.button_padding = vec2(8.0, 3.0);
            style.spacing.interact_size = vec2(28.0, 22.0);
            style.spacing.slider_width = 90.0;
            style.spacing.combo_width = 60.0;
            style.spacing.menu_margin = Margin::same(6);
            style.spacing.scroll = egui::style::ScrollStyle::solid();
            style.spacing.scroll.bar_width = 7.0;
            style.spacing.tooltip_width = 380.0;
            style.interaction.tooltip_delay = 0.35;
            style.visuals = visuals(theme);
        });
    }
}

fn visuals(theme: Theme) -> Visuals {
    let (mut v, c) = match theme {
        Theme::Dark => (Visuals::dark(), &DARK),
        Theme::Light => (Visuals::light(), &LIGHT),
    };
    v.panel_fill = c.panel;
    v.window_fill = c.card;
    v.window_stroke = Stroke::new(1.0, c.line);
    v.extreme_bg_color = c.field;
    v.faint_bg_color = c.faint;
    v.weak_text_color = Some(c.weak);
    v.warn_fg_color = c.warn;
    v.error_fg_color = c.error;
    v.hyperlink_color = c.accent;
    v.selection.bg_fill = c.chosen;
    v.selection.stroke = Stroke::new(1.0, c.strong);
    v.slider_trailing_fill = true;
    let radius = CornerRadius::same(4);
    let [rest, hovered, pressed, opened] = c.controls;
    for (w, fill, text, line) in [
        (&mut v.widgets.noninteractive, c.panel, c.text, c.line),
        (&mut v.widgets.inactive, rest, c.text, Color32::TRANSPARENT),
        (&mut v.widgets.hovered, hovered, c.strong, c.edge),
        (&mut v.widgets.active, pressed, c.strong, c.accent),
        (&mut v.widgets.open, opened, c.text, c.line),
    ] {
        w.bg_fill = fill;
        w.weak_bg_fill = fill;
        w.fg_stroke = Stroke::new(1.0, text);
        w.bg_stroke = Stroke::new(1.0, line);
        w.corner_radius = radius;
        w.expansion = 0.0;
    }
    v
}

/// The frame of a side panel or bar.
pub fn panel_frame(ui: &Ui) -> egui::Frame {
    egui::Frame::new().fill(of(ui).panel).inner_margin(Margin::symmetric(10, 8))
}

/// The frame of one card in a panel.
pub fn card_frame(ui: &Ui) -> egui::Frame {
    egui::Frame::new()
        .fill(of(ui).card)
        .corner_radius(CornerRadius::same(6))
        .inner_margin(Margin::symmetric(8, 6))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Red, green and blue as light, 0–1.
    fn linear(c: Color32) -> [f64; 3] {
        [c.r(), c.g(), c.b()].map(|v| {
            let v = f64::from(v) / 255.0;
            if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
        })
    }

    /// The contrast of WCAG 2, 1 to 21.
    fn contrast(a: Color32, b: Color32) -> f64 {
        let [a, b] = [a, b].map(|c| {
            let [r, g, b] = linear(c);
            0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05
        });
        a.max(b) / a.min(b)
    }

    type Matrix = [[f64; 3]; 3];

    fn times(m: &Matrix, v: [f64; 3]) -> [f64; 3] {
        m.map(|row| row.iter().zip(v).map(|(a, b)| a * b).sum())
    }

    /// What eyes without red or without green cones see (Machado, Oliveira and Fernandes 2009, severity 1).
    const EYES: [(&str, Matrix); 3] = [
        ("all cones", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
        (
            "protanopia",
            [
                [0.152286, 1.052583, -0.204868],
                [0.114503, 0.786281, 0.099216],
                [-0.003882, -0.048116, 1.051998],
            ],
        ),
        (
            "deuteranopia",
            [
                [0.367322, 0.860646, -0.227968],
                [0.280085, 0.672501, 0.047413],
                [-0.011820, 0.042940, 0.968881],
            ],
        ),
    ];

    /// How far apart two colours are in Oklab; black and white are 100 apart.
    fn distance(eyes: &Matrix, a: Color32, b: Color32) -> f64 {
        const CONES: Matrix = [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ];
        const LAB: Matrix = [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ];
        let [a, b] = [a, b].map(|c| {
            let seen = times(eyes, linear(c)).map(|v| v.clamp(0.0, 1.0));
            times(&LAB, times(&CONES, seen).map(f64::cbrt))
        });
        100.0 * a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
    }

    /// What is so far apart is told apart in thin lines.
    const APART: f64 = 9.0;

    #[test]
    fn contrast_is_that_of_the_guidelines() {
        assert!((contrast(Color32::BLACK, Color32::WHITE) - 21.0).abs() < 1e-9);
        // The lightest grey that passes on white.
        assert!(contrast(Color32::from_gray(118), Color32::WHITE) >= 4.5);
        assert!(contrast(Color32::from_gray(119), Color32::WHITE) < 4.5);
        assert!((distance(&EYES[0].1, Color32::BLACK, Color32::WHITE) - 100.0).abs() < 0.1);
        let (red, green) = (rgb(200, 60, 0), rgb(90, 130, 0));
        let [all, _, deutan] = EYES.map(|(_, m)| distance(&m, red, green));
        assert!(deutan < 0.4 * all, "{deutan} {all}");
    }

    #[test]
    fn every_word_stands_out_from_every_ground_it_is_written_on() {
        for (theme, c) in [("dark", &DARK), ("light", &LIGHT), ("stage", ON_STAGE)] {
            let inks = [
                ("text", c.text),
                ("weak", c.weak),
                ("strong", c.strong),
                ("accent", c.accent),
                ("positive", c.positive),
                ("negative", c.negative),
                ("warn", c.warn),
                ("error", c.error),
                ("good", c.good),
            ];
            let mut grounds =
                vec![("panel", c.panel), ("card", c.card), ("field", c.field), ("faint", c.faint)];
            if std::ptr::eq(c, ON_STAGE) {
                grounds.push(("stage", c.stage));
            }
            let everywhere = inks.iter().flat_map(|ink| grounds.iter().map(move |ground| (*ink, *ground)));
            let figures = [("chosen", c.chosen), ("none", c.none)];
            let controls = c.controls.map(|fill| ("a control", fill));
            let plain = [("text", c.text), ("strong", c.strong)];
            let pairs = everywhere
                .chain(plain.iter().flat_map(|ink| figures.iter().chain(&controls).map(move |g| (*ink, *g))))
                .chain([
                    (("on altered", c.on_altered), ("altered", c.altered)),
                    (("on accent", c.on_accent), ("accent", c.accent)),
                ]);
            for ((ink, a), (ground, b)) in pairs {
                let contrast = contrast(a, b);
                assert!(contrast >= 4.5, "{theme}: {ink} on {ground}: {contrast:.2}");
            }
        }
    }

    #[test]
    fn lines_that_are_drawn_together_are_told_apart_by_everybody() {
        for (theme, c) in [("dark", &DARK), ("light", &LIGHT)] {
            let lanes: Vec<Color32> = c.lanes.into_iter().chain([c.lane_none]).collect();
            let above = lanes.iter().enumerate().flat_map(|(i, a)| lanes[..i].iter().map(move |b| (*a, *b)));
            let pairs = above.chain([(c.text, c.lane_gate), (c.positive, c.negative)]);
            for (a, b) in pairs {
                for (eyes, matrix) in &EYES {
                    let apart = distance(matrix, a, b);
                    assert!(apart >= APART, "{theme}, {eyes}: {a:?} and {b:?} are {apart:.1} apart");
                }
            }
            // Lines need less contrast than words (WCAG 1.4.11).
            for (line, ground) in
                lanes.iter().chain([&c.lane_gate]).flat_map(|l| [(l, c.panel), (l, c.field)])
            {
                let contrast = contrast(*line, ground);
                assert!(contrast >= 3.0, "{theme}: {line:?}: {contrast:.2}");
            }
        }
    }
}
