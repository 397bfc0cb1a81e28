//! Text on a picture, with the window's own letters and without a window.

use crate::video::RgbImage;
use egui::Color32;
use egui::epaint::text::{FontDefinitions, FontId, Fonts, TextOptions};

/// The letters, ready to be written with.
pub struct Letters {
    fonts: Fonts,
}

impl Default for Letters {
    fn default() -> Self {
        Self { fonts: Fonts::new(TextOptions::default(), FontDefinitions::default()) }
    }
}

impl Letters {
    /// Writes `text` with its left upper corner at `(x, y)` in pixels, broken into lines of at most `width` pixels; what lies outside the picture is left out. Gives the height of what was written.
    pub fn write(
        &mut self,
        picture: &mut RgbImage,
        (x, y): (u32, u32),
        text: &str,
        font: FontId,
        width: u32,
        colour: [u8; 3],
    ) -> u32 {
        let mut view = self.fonts.with_pixels_per_point(1.0);
        let galley = view.layout(known(text), font, Color32::WHITE, width as f32);
        let atlas = view.image();
        for row in &galley.rows {
            for glyph in row.row.glyphs.iter().filter(|g| !g.uv_rect.is_nothing()) {
                let corner = row.pos + glyph.pos.to_vec2() + glyph.uv_rect.offset;
                let (left, top) =
                    (corner.x.round() as i64 + i64::from(x), corner.y.round() as i64 + i64::from(y));
                let (from, to) = (glyph.uv_rect.min, glyph.uv_rect.max);
                for v in from[1]..to[1] {
                    for u in from[0]..to[0] {
                        let cover = atlas.pixels[usize::from(v) * atlas.size[0] + usize::from(u)].a();
                        let at = (left + i64::from(u - from[0]), top + i64::from(v - from[1]));
                        blend(picture, at, colour, cover);
                    }
                }
            }
        }
        galley.size().y.ceil() as u32
    }

    /// The width of `text` on one line, in pixels.
    pub fn width(&mut self, text: &str, font: FontId) -> u32 {
        let mut view = self.fonts.with_pixels_per_point(1.0);
        view.layout_no_wrap(known(text), font, Color32::WHITE).size().x.ceil() as u32
    }

    /// The height that [`Letters::write`] would give.
    pub fn height(&mut self, text: &str, font: FontId, width: u32) -> u32 {
        self.write(&mut RgbImage { width: 0, height: 0, data: Vec::new() }, (0, 0), text, font, width, [0; 3])
    }
}

/// The same with letters that the fonts within the program have: they lack the sign of a norm.
fn known(text: &str) -> String {
    text.replace('‖', "|")
}

fn blend(picture: &mut RgbImage, (x, y): (i64, i64), colour: [u8; 3], cover: u8) {
    let inside = (0..i64::from(picture.width)).contains(&x) && (0..i64::from(picture.height)).contains(&y);
    if !inside || cover == 0 {
        return;
    }
    let at = 3 * (y as usize * picture.width as usize + x as usize);
    let a = u16::from(cover);
    for (p, c) in picture.data[at..at + 3].iter_mut().zip(colour) {
        *p = ((u16::from(*p) * (255 - a) + u16::from(c) * a) / 255) as u8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_black_on_white_and_break_into_lines() {
        let mut letters = Letters::default();
        let white = RgbImage { width: 120, height: 40, data: vec![255; 3 * 120 * 40] };
        let mut picture = white.clone();
        let one = letters.write(&mut picture, (2, 2), "motion 0.5", FontId::proportional(14.0), 1000, [0; 3]);
        let dark = picture.data.chunks_exact(3).filter(|p| p[0] < 100).count();
        assert!((20..1000).contains(&dark), "{dark} dark pixels");
        assert!((10..30).contains(&one), "{one}");
        assert!(
            letters.height("many words that need more than a line", FontId::proportional(14.0), 60)
                >= 3 * one
        );
        // Outside the picture nothing happens.
        let mut outside = white.clone();
        letters.write(&mut outside, (500, 500), "x", FontId::proportional(14.0), 100, [0; 3]);
        assert_eq!(outside, white);
    }
}
