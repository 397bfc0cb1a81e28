//! A window that is told what player and engine would tell it: every number known, nothing to wait for.

use egui_kittest::Harness;
use motionlens::data::cast::Cast;
use motionlens::device::DeviceInfo;
use motionlens::engine::{Answer, Event, Question, Scored};
use motionlens::model::Surgery;
use motionlens::model::folder::{MotionScale, Reach};
use motionlens::prompt::PromptSet;
use motionlens::score::{ClassScore, Scores};
use motionlens::session::{Evidence, Map, Maps, ModelInfo, ModelSource, PromptNote};
use motionlens::ui::App;
use motionlens::ui::edit::PromptEdit;
use motionlens::ui::intent::Intent;
use motionlens::ui::state::{Playback, VideoFile};
use motionlens::video::preprocess::CropRect;
use motionlens::video::{ClipSpec, FrameTimes, Pts, SourceId, Span, VideoInfo};
use std::sync::Arc;

pub const FRAME: i64 = 40_000_000;
pub const FRAMES: i64 = 100;
const T: usize = 8;
const GRID: usize = 8;

pub type Window = Harness<'static, App>;

/// The window's own device, on a software adapter where there is one: its pictures are the same everywhere.
pub fn renderer() -> egui_kittest::wgpu::WgpuTestRenderer {
    egui_kittest::wgpu::WgpuTestRenderer::from_setup(motionlens::ui::window::setup(true))
}

/// A window without engine or player, with a clip of 100 frames (25 fps, 320×240), a loaded model and two classes.
pub fn window(size: [f32; 2], wgpu: bool) -> Window {
    let builder = Harness::builder().with_size(size).with_max_steps(40).with_step_dt(0.05);
    let builder = if wgpu { builder.renderer(renderer()) } else { builder };
    let mut h = builder.build_eframe(|cc| App::new(&cc.egui_ctx, cc.wgpu_render_state.clone(), None));
    let ctx = h.ctx.clone();
    let app = h.state_mut();
    app.show_playback(Some(clip()), playback(0));
    app.on_event(model());
    let set = PromptSet::from_names(["moving left", "moving right"]);
    app.apply(&ctx, Intent::Edit(PromptEdit::Replace(set)));
    h.run();
    h
}

/// The same after an analysis and its scores.
pub fn analysed(size: [f32; 2], wgpu: bool) -> Window {
    let mut h = window(size, wgpu);
    let scored = scored(h.state(), [0.31, 0.12]);
    h.state_mut().show_answer(Arc::new(answer()), Some(scored));
    h.state_mut().on_event(notes());
    h.run();
    h
}

pub fn clip() -> VideoFile {
    VideoFile {
        path: "/clips/mover.mp4".into(),
        source: None,
        name: "mover.mp4".into(),
        bundled: Some(Cast::Shapes),
    }
}

pub fn info() -> VideoInfo {
    VideoInfo {
        width: 320,
        height: 240,
        duration: Some(Pts(FRAME * FRAMES)),
        fps: Some(25.0),
        variable_rate: false,
        format: "h264 (High), yuv420p, bt709, limited".into(),
        sound: false,
        frames: Some(Arc::new(FrameTimes::new(
            (0..FRAMES).map(|i| Pts(i * FRAME)).collect(),
            Pts(FRAME * FRAMES),
        ))),
        fault: None,
    }
}

pub fn playback(frame: i64) -> Playback {
    let at = Pts(frame * FRAME);
    Playback { info: Some(info()), position: at, shown: Some(at), ..Playback::default() }
}

pub fn model() -> Event {
    model_with(true)
}

/// The same with an untrained motion head.
pub fn untrained() -> Event {
    model_with(false)
}

fn model_with(head_trained: bool) -> Event {
    Event::ModelLoaded {
        info: Arc::new(ModelInfo {
            name: "small".into(),
            digest: "0123456789abcdef0123456789abcdef".into(),
            identity: "small".into(),
            word_level: true,
            scale: Some(scale()),
            pointing: None,
            head_trained,
            note: None,
            source: ModelSource::Shapes,
            frames: T,
            levels: 3,
            grid: GRID,
            image_size: 64,
            context: 20,
            tau: 100.0,
            alpha: 0.5,
            mab_blocks: 2,
            heads: 4,
            layers: 4,
            motion_layer: 4,
            parameters: 1_820_000,
            templates: None,
        }),
        device: DeviceInfo {
            name: "CPU (Flex)".into(),
            software: false,
            gpu: false,
            reason: "no graphics card was found".into(),
        },
    }
}

/// A map whose values grow towards a spot that moves from left to right.
fn map(lo: f32, hi: f32) -> Map {
    let mut data = Vec::new();
    for t in 0..T {
        for r in 0..GRID {
            for c in 0..GRID {
                let (dx, dy) = (c as f32 - t as f32, r as f32 - 3.5);
                data.push(lo + (hi - lo) * (-(dx * dx + dy * dy) / 4.0).exp());
            }
        }
    }
    Map { frames: T, rows: GRID, cols: GRID, data }
}

pub fn scale() -> MotionScale {
    let reach = Reach { floor: 0.01, reference: Some(0.5) };
    MotionScale { motion: reach, levels: vec![reach; 3] }
}

pub fn answer() -> Answer {
    answer_with(map(0.02, 0.61))
}

/// The answer for a clip whose motion map is this.
pub fn answer_with(motion: Map) -> Answer {
    let gates: Vec<Vec<Map>> =
        (0..2).map(|b| (0..4).map(|h| map(0.1 + 0.05 * b as f32, 0.3 + 0.15 * h as f32)).collect()).collect();
    let question = Question {
        source: SourceId::from("mover".to_owned()),
        clip: ClipSpec::segments(Span::new(Pts(0), Pts(95 * FRAME))),
        frames: T,
        model: "small".into(),
        device: "CPU (Flex)".into(),
        surgery: Surgery::default(),
    };
    Answer {
        id: question.id(),
        question: Arc::new(question),
        frames: (0..T as i64).map(|i| Pts((i * 12 + 6) * FRAME)).collect(),
        crop: CropRect { x0: 0.125, y0: 0.0, x1: 0.875, y1: 1.0 },
        evidence: Evidence {
            embedding: vec![1.0, 0.0],
            v_s: vec![0.6, 0.0],
            v_m: vec![0.4, 0.0],
            maps: Maps {
                motion,
                static_energy: map(0.9, 0.5),
                static_rgb: [map(0.2, 0.9), map(0.7, 0.3), map(0.4, 0.6)],
                signed: map(-0.4, 0.5),
                evidence: map(0.0, 0.012),
                gates,
                gate: map(0.2, 0.7),
                levels: vec![map(0.0, 0.5), map(0.0, 0.4), map(0.0, 0.3)],
            },
        },
        seconds: 0.42,
        encoded_frames: 8,
    }
}

pub fn notes() -> Event {
    let notes =
        vec![PromptNote { text: "not moving left".into(), cut: 0, unknown: std::iter::once(0..3).collect() }];
    Event::Texts { revision: 0, model: "small".into(), classes: Arc::new(Vec::new()), notes: Arc::new(notes) }
}

/// Scores of the two classes with these s⁺, of the answer and the prompts as they are now.
pub fn scored(app: &App, s_pos: [f32; 2]) -> Scored {
    let names = ["moving left", "moving right"];
    let total: f32 = s_pos.iter().sum();
    let class = |i: usize| ClassScore {
        name: names[i].into(),
        s_pos: Some(s_pos[i]),
        s_neg: Some(0.1),
        s_typed: None,
        s_floor: None,
        margin: Some(s_pos[i] - 0.1),
        text_cos: Some(-0.4),
        logit: Some(s_pos[i] * 100.0),
        p: s_pos[i] / total,
        counts: true,
        yes: Some(0.8),
        positives: vec![s_pos[i]],
        negatives: vec![0.1],
        nearest: vec![0],
    };
    let scores = Scores { classes: vec![class(0), class(1)], none: 0.07, alpha: 0.5, ..Scores::default() };
    Scored {
        question: answer().id,
        revision: app.state().revision,
        scores: Arc::new(scores),
        seconds: 0.0008,
    }
}
