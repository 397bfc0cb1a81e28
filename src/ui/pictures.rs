//! Textures of the window: the video picture and the maps. A map's texture is made once for (analysis, source,
//! look, frame) and kept until the analysis goes; nothing is made per drawn frame.

use super::overlay::{self, Source, View};
use crate::engine::Analysis;
use crate::export::overlay::Colormap;
use egui::{TextureHandle, TextureId, TextureOptions};
use std::collections::HashMap;
use std::sync::Arc;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    source: Source,
    t: usize,
    palette: Colormap,
    per_frame: bool,
    stretch: bool,
    smooth: bool,
    tile: bool,
}

/// Kept map textures; an analysis of 32 frames in four views fits.
const MOST: usize = 256;

/// See the module.
#[derive(Default)]
pub struct Pictures {
    analysis: Option<Arc<Analysis>>,
    maps: HashMap<Key, TextureHandle>,
    /// Made in total, for tests: drawing the same thing again must not add to it.
    pub made: usize,
    pub video: Option<TextureId>,
}

impl Pictures {
    /// The texture of one map. `tile`: for the filmstrip, one pixel a patch sampled linearly.
    pub fn map(
        &mut self,
        ctx: &egui::Context,
        analysis: &Arc<Analysis>,
        source: Source,
        view: &View,
        t: usize,
        tile: bool,
    ) -> TextureId {
        if !self.analysis.as_ref().is_some_and(|a| Arc::ptr_eq(a, analysis)) {
            self.analysis = Some(analysis.clone());
            self.maps.clear();
        }
        let key = Key {
            source,
            t,
            palette: view.palette,
            per_frame: view.per_frame,
            stretch: view.gate_stretch,
            smooth: view.smooth,
            tile,
        };
        if self.maps.len() >= MOST && !self.maps.contains_key(&key) {
            self.maps.clear();
        }
        let made = &mut self.made;
        let texture = self.maps.entry(key).or_insert_with(|| {
            *made += 1;
            let image = overlay::picture(source, view, analysis, t, view.smooth && !tile);
            let options = if view.smooth { TextureOptions::LINEAR } else { TextureOptions::NEAREST };
            ctx.load_texture("map", image, options)
        });
        texture.id()
    }
}
