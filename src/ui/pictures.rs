//! Textures of the window: the video picture and the maps. A map's texture is made once for (answer, source,
//! look, frame) and kept until the answer goes; nothing is made per drawn frame.

use super::look::{self, Quantity, View};
use super::thumbnails::Thumbnails;
use super::video_paint::VideoRenderer;
use crate::engine::Answer;
use crate::session::Maps;
use crate::video::{Frame, Pts};
use crate::view::{Colormap, Normalise};
use eframe::egui_wgpu::RenderState;
use egui::{TextureHandle, TextureId, TextureOptions};
use std::collections::HashMap;
use std::sync::Arc;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    /// Which of the kept answers it is of.
    answer: u64,
    quantity: Quantity,
    t: usize,
    palette: Colormap,
    /// The bits of both ends.
    range: [u32; 2],
    smooth: bool,
    /// Its bits.
    threshold: u32,
    tile: bool,
}

/// Tells one picture of a moment from another: the moment, and how it looks.
type MomentKey = ((usize, Pts), Key);

impl Key {
    fn new(view: &View, frame: MapFrame) -> Self {
        let MapFrame { quantity, range, t, tile } = frame;
        let range = [range.lo.to_bits(), range.hi.to_bits()];
        let threshold = frame.threshold(view).to_bits();
        Self { answer: 0, quantity, t, palette: view.palette, range, smooth: view.smooth, threshold, tile }
    }
}

/// One frame of a map, as it is to be drawn.
#[derive(Clone, Copy, Debug)]
pub struct MapFrame {
    pub quantity: Quantity,
    /// What the ends of the colours stand for.
    pub range: Normalise,
    /// The place of the sampled frame.
    pub t: usize,
    /// For the filmstrip: one pixel a patch, sampled linearly.
    pub tile: bool,
}

impl MapFrame {
    /// The filmstrip shows the whole map, also under a threshold.
    fn threshold(self, view: &View) -> f32 {
        if self.tile { 0.0 } else { view.threshold }
    }
}

/// Kept map textures; two answers of 32 frames in six views fit.
const MOST: usize = 512;
/// Answers whose textures are kept: what is shown, and what stands beside it.
const ANSWERS: usize = 4;

/// See the module.
#[derive(Default)]
pub struct Pictures {
    /// Used last at the end, each with a number of its own.
    answers: Vec<(u64, Arc<Answer>)>,
    numbered: u64,
    maps: HashMap<Key, TextureHandle>,
    /// Of the moment, one a quantity; another moment takes its place.
    moments: HashMap<Quantity, (MomentKey, TextureHandle)>,
    /// Made in total, for tests: drawing the same thing again must not add to it.
    pub made: usize,
    pub thumbnails: Thumbnails,
    /// The window's device, and the pictures of the open video and of another that stands beside it.
    gpu: Option<RenderState>,
    video: Option<Screen>,
    other: Option<Screen>,
}

/// The picture of one video on the window's device.
struct Screen {
    renderer: VideoRenderer,
    generation: u64,
    id: TextureId,
}

impl Screen {
    /// Makes the picture that of `frame`; costs nothing where it is already.
    fn show(screen: &mut Option<Self>, gpu: &RenderState, frame: &Arc<Frame>) {
        let device = &gpu.device;
        let filter = wgpu::FilterMode::Linear;
        match screen {
            Some(screen) => {
                let view = screen.renderer.upload(device, &gpu.queue, frame).clone();
                let generation = screen.renderer.generation();
                if generation != screen.generation {
                    screen.generation = generation;
                    gpu.renderer
                        .write()
                        .update_egui_texture_from_wgpu_texture(device, &view, filter, screen.id);
                }
            }
            None => {
                let mut renderer = VideoRenderer::new(device);
                let view = renderer.upload(device, &gpu.queue, frame).clone();
                let id = gpu.renderer.write().register_native_texture(device, &view, filter);
                *screen = Some(Self { generation: renderer.generation(), renderer, id });
            }
        }
    }
}

impl Pictures {
    /// Without a device (tests) the maps are drawn and the video picture is not.
    pub fn new(gpu: Option<RenderState>) -> Self {
        Self { gpu, ..Self::default() }
    }

    /// Makes the video picture that of `frame`.
    pub fn show_frame(&mut self, frame: &Arc<Frame>) {
        if let Some(gpu) = &self.gpu {
            Screen::show(&mut self.video, gpu, frame);
        }
    }

    /// The same for the video that stands beside it; `None`: there is none any more, and its picture goes.
    pub fn show_other(&mut self, frame: Option<&Arc<Frame>>) {
        let Some(gpu) = &self.gpu else { return };
        match frame {
            Some(frame) => Screen::show(&mut self.other, gpu, frame),
            None => {
                if let Some(gone) = self.other.take() {
                    gpu.renderer.write().free_texture(&gone.id);
                }
            }
        }
    }

    pub fn video(&self) -> Option<TextureId> {
        self.video.as_ref().map(|screen| screen.id)
    }

    pub fn other(&self) -> Option<TextureId> {
        self.other.as_ref().map(|screen| screen.id)
    }

    /// The number of this answer; the one that was used longest ago makes room for a new one, and its textures go.
    fn number(&mut self, answer: &Arc<Answer>) -> u64 {
        if let Some(place) = self.answers.iter().position(|(_, a)| Arc::ptr_eq(a, answer)) {
            let entry = self.answers.remove(place);
            self.answers.push(entry);
        } else {
            if self.answers.len() >= ANSWERS {
                let (gone, _) = self.answers.remove(0);
                self.maps.retain(|key, _| key.answer != gone);
            }
            self.numbered += 1;
            self.answers.push((self.numbered, answer.clone()));
        }
        self.answers[self.answers.len() - 1].0
    }

    /// The texture of a map of the moment, which is another one with nearly every frame that is displayed.
    pub fn moment(
        &mut self,
        ctx: &egui::Context,
        (maps, at): (&Maps, (usize, Pts)),
        view: &View,
        frame: MapFrame,
    ) -> TextureId {
        let key = (at, Key::new(view, frame));
        let options = if view.smooth { TextureOptions::LINEAR } else { TextureOptions::NEAREST };
        let threshold = frame.threshold(view);
        let image = || {
            look::picture(frame.quantity, view.palette, frame.range, maps, frame.t, view.smooth, threshold)
        };
        let (made, texture) = self
            .moments
            .entry(frame.quantity)
            .or_insert_with(|| (key, ctx.load_texture("moment", image(), options)));
        if *made != key {
            *made = key;
            texture.set(image(), options);
        }
        texture.id()
    }

    /// The texture of one map.
    pub fn map(
        &mut self,
        ctx: &egui::Context,
        answer: &Arc<Answer>,
        view: &View,
        frame: MapFrame,
    ) -> TextureId {
        let MapFrame { quantity, range, t, tile } = frame;
        let key = Key { answer: self.number(answer), ..Key::new(view, frame) };
        if self.maps.len() >= MOST && !self.maps.contains_key(&key) {
            self.maps.clear();
        }
        let made = &mut self.made;
        let texture = self.maps.entry(key).or_insert_with(|| {
            *made += 1;
            let (maps, fine) = (&answer.evidence.maps, view.smooth && !tile);
            let image = look::picture(quantity, view.palette, range, maps, t, fine, frame.threshold(view));
            let options = if view.smooth { TextureOptions::LINEAR } else { TextureOptions::NEAREST };
            ctx.load_texture("map", image, options)
        });
        texture.id()
    }
}
