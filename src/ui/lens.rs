//! Which part of the picture the stage shows, and how large: one lens for all pictures that stand side by side.

use egui::{Pos2, Rect, Vec2};
use serde::{Deserialize, Serialize};

/// See the module. Places are fractions of the picture, from its top left corner.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lens {
    /// How often the shown part goes into the picture, per side; 1 shows the whole.
    zoom: f32,
    /// The place in the middle.
    centre: [f32; 2],
}

impl Default for Lens {
    fn default() -> Self {
        Self { zoom: 1.0, centre: [0.5; 2] }
    }
}

impl Lens {
    const LARGEST: f32 = 32.0;

    pub fn zoom(self) -> f32 {
        self.zoom
    }

    /// Where the whole picture lies, so that `frame` (the picture at zoom 1) shows the part in the lens.
    pub fn picture(self, frame: Rect) -> Rect {
        let size = frame.size() * self.zoom;
        Rect::from_min_size(frame.center() - Vec2::from(self.centre) * size, size)
    }

    /// `factor` times as large around the middle.
    pub fn closer(self, factor: f32) -> Self {
        Self { zoom: self.zoom * factor, ..self }.within()
    }

    /// `factor` times as large; what lies at `at` stays there.
    pub fn zoomed(self, factor: f32, frame: Rect, at: Pos2) -> Self {
        let before = self.picture(frame);
        let place = (at - before.min) / before.size();
        let zoom = (self.zoom * factor).clamp(1.0, Self::LARGEST);
        let centre = place - (at - frame.center()) / (frame.size() * zoom);
        Self { zoom, centre: centre.into() }.within()
    }

    /// The picture goes along with the pointer.
    pub fn moved(self, frame: Rect, by: Vec2) -> Self {
        let centre = Vec2::from(self.centre) - by / (frame.size() * self.zoom);
        Self { centre: centre.into(), ..self }.within()
    }

    /// The same, or the nearest with which the picture fills its frame.
    pub fn within(self) -> Self {
        let zoom = if self.zoom.is_finite() { self.zoom.clamp(1.0, Self::LARGEST) } else { 1.0 };
        let edge = 0.5 / zoom;
        let keep = |v: f32| if v.is_finite() { v.clamp(edge, 1.0 - edge) } else { 0.5 };
        Self { zoom, centre: self.centre.map(keep) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use egui::{pos2, vec2};
    use proptest::prelude::*;

    const FRAME: Rect = Rect { min: pos2(30.0, 10.0), max: pos2(430.0, 250.0) };

    proptest! {
        #[test]
        fn what_is_under_the_pointer_stays_and_the_frame_is_always_filled(
            steps in prop::collection::vec((0.2_f32..5.0, 0.0_f32..1.0, 0.0_f32..1.0, any::<bool>()), 1..20),
        ) {
            let mut lens = Lens::default();
            for (factor, x, y, drag) in steps {
                let at = FRAME.lerp_inside(vec2(x, y));
                let before = lens.picture(FRAME);
                lens = if drag {
                    lens.moved(FRAME, vec2(x - 0.5, y - 0.5) * 300.0)
                } else {
                    lens.zoomed(factor, FRAME, at)
                };
                let after = lens.picture(FRAME);
                prop_assert!(after.expand(0.05).contains_rect(FRAME), "{after:?}");
                if !drag && factor >= 1.0 {
                    let place = |r: Rect| (at - r.min) / r.size();
                    prop_assert!((place(before) - place(after)).length() < 1e-3);
                }
            }
        }
    }

    #[test]
    fn from_afar_the_picture_is_whole() {
        let close = Lens::default().zoomed(4.0, FRAME, pos2(40.0, 20.0));
        assert_eq!(close.zoom(), 4.0);
        assert_eq!(close.zoomed(0.01, FRAME, pos2(300.0, 200.0)).picture(FRAME), FRAME);
    }
}
