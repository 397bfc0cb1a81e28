//! One calm dark theme: the picture is the bright thing in the window. Positive and negative have their own
//! colours (a pair that colour-blind people can tell apart), and are never told apart by colour alone.

use egui::{Color32, CornerRadius, FontFamily, FontId, Margin, Stroke, TextStyle, Visuals, vec2};

/// Behind the pictures.
pub const STAGE: Color32 = Color32::from_rgb(13, 14, 17);
/// Side panels and bars.
pub const PANEL: Color32 = Color32::from_rgb(26, 28, 33);
/// A card on a panel.
pub const CARD: Color32 = Color32::from_rgb(34, 37, 43);
/// A field that takes text, and the track of a bar.
pub const FIELD: Color32 = Color32::from_rgb(18, 19, 23);
pub const LINE: Color32 = Color32::from_rgb(56, 60, 69);
pub const TEXT: Color32 = Color32::from_rgb(222, 226, 232);
pub const WEAK: Color32 = Color32::from_rgb(160, 168, 180);
pub const STRONG: Color32 = Color32::from_rgb(250, 251, 253);
pub const ACCENT: Color32 = Color32::from_rgb(122, 162, 247);
/// Positive prompts and s⁺.
pub const POSITIVE: Color32 = Color32::from_rgb(86, 180, 233);
/// Negative prompts and s⁻.
pub const NEGATIVE: Color32 = Color32::from_rgb(236, 160, 48);
pub const WARN: Color32 = Color32::from_rgb(242, 201, 109);
/// The ground of what says that something is altered, and the words on it.
pub const ALTERED: Color32 = Color32::from_rgb(242, 178, 60);
pub const ON_ALTERED: Color32 = Color32::from_rgb(30, 22, 8);
pub const ERROR: Color32 = Color32::from_rgb(255, 128, 118);
pub const GOOD: Color32 = Color32::from_rgb(128, 205, 146);

/// The name of the text style of numbers in tables.
pub fn numbers() -> FontId {
    FontId::new(12.0, FontFamily::Monospace)
}

/// Small text that still reads on a projector.
pub fn small() -> FontId {
    FontId::new(11.5, FontFamily::Proportional)
}

/// Sets fonts, colours and spacing for the whole window.
pub fn apply(ctx: &egui::Context) {
    ctx.set_theme(egui::Theme::Dark);
    // Signs such as ‖ that the text font lacks come from the monospaced one.
    let mut fonts = egui::FontDefinitions::default();
    if let Some(list) = fonts.families.get_mut(&FontFamily::Proportional) {
        list.push("Hack".to_owned());
    }
    ctx.set_fonts(fonts);
    ctx.style_mut_of(egui::Theme::Dark, |style| {
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
        style.visuals = visuals();
    });
}

fn visuals() -> Visuals {
    let mut v = Visuals::dark();
    v.panel_fill = PANEL;
    v.window_fill = CARD;
    v.window_stroke = Stroke::new(1.0, LINE);
    v.extreme_bg_color = FIELD;
    v.faint_bg_color = Color32::from_rgb(30, 33, 38);
    v.weak_text_color = Some(WEAK);
    v.warn_fg_color = WARN;
    v.error_fg_color = ERROR;
    v.hyperlink_color = ACCENT;
    v.selection.bg_fill = Color32::from_rgb(58, 84, 140);
    v.selection.stroke = Stroke::new(1.0, STRONG);
    v.slider_trailing_fill = true;
    let radius = CornerRadius::same(4);
    for (w, fill, text, line) in [
        (&mut v.widgets.noninteractive, PANEL, TEXT, LINE),
        (&mut v.widgets.inactive, Color32::from_rgb(48, 52, 60), TEXT, Color32::TRANSPARENT),
        (&mut v.widgets.hovered, Color32::from_rgb(62, 67, 78), STRONG, Color32::from_rgb(104, 112, 128)),
        (&mut v.widgets.active, Color32::from_rgb(74, 80, 94), STRONG, ACCENT),
        (&mut v.widgets.open, Color32::from_rgb(54, 58, 68), TEXT, LINE),
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
pub fn panel_frame() -> egui::Frame {
    egui::Frame::new().fill(PANEL).inner_margin(Margin::symmetric(10, 8))
}

/// The frame of one card in a panel.
pub fn card_frame() -> egui::Frame {
    egui::Frame::new().fill(CARD).corner_radius(CornerRadius::same(6)).inner_margin(Margin::symmetric(8, 6))
}
