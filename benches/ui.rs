//! The window's own work on the CPU for one drawn frame: state, layout of every panel, and tessellation. What the
//! GPU does with it, and what player and engine do on their threads, is not in it.

use criterion::{Criterion, criterion_group, criterion_main};
use motionlens::data::cast::Cast;
use motionlens::engine::{Answer, Event, Question, Scored};
use motionlens::model::Surgery;
use motionlens::prompt::PromptSet;
use motionlens::score::{ClassScore, Scores};
use motionlens::session::{Evidence, Map, Maps};
use motionlens::ui::App;
use motionlens::ui::edit::PromptEdit;
use motionlens::ui::intent::Intent;
use motionlens::ui::look::{Arrangement, View};
use motionlens::ui::state::{Playback, VideoFile};
use motionlens::video::preprocess::CropRect;
use motionlens::video::{ClipSpec, FrameTimes, Pts, SourceId, Span, VideoInfo};
use motionlens::view::Layer;
use std::hint::black_box;
use std::sync::Arc;

const GRID: usize = 14;
const FRAMES: usize = 8;

fn map(seed: usize) -> Map {
    let data = (0..FRAMES * GRID * GRID).map(|i| ((i * 37 + seed * 101) % 97) as f32 / 97.0).collect();
    Map { frames: FRAMES, rows: GRID, cols: GRID, data }
}

fn answer() -> Answer {
    let question = Question {
        source: SourceId::from("clip".to_owned()),
        clip: ClipSpec::segments(Span::new(Pts(0), Pts(10_000_000_000))),
        frames: FRAMES,
        model: "00".into(),
        device: "CPU".into(),
        surgery: Surgery::default(),
    };
    Answer {
        id: question.id(),
        question: Arc::new(question),
        frames: (0..FRAMES as i64).map(|i| Pts(i * 1_250_000_000)).collect(),
        crop: CropRect { x0: 0.2, y0: 0.0, x1: 0.8, y1: 1.0 },
        evidence: Evidence {
            embedding: vec![1.0],
            v_s: vec![1.0],
            v_m: vec![0.0],
            maps: Maps {
                motion: map(0),
                static_energy: map(1),
                static_rgb: [map(2), map(3), map(4)],
                signed: map(5),
                evidence: map(6),
                gates: (0..2).map(|b| (0..8).map(|h| map(b * 8 + h)).collect()).collect(),
                gate: map(7),
                levels: vec![map(8), map(9), map(10)],
            },
        },
        seconds: 1.0,
        encoded_frames: FRAMES,
    }
}

fn scored(app: &App, n: usize) -> Scored {
    let class = |i: usize| ClassScore {
        name: format!("action {i}"),
        s_pos: Some(0.2 + i as f32 * 1e-3),
        s_neg: Some(0.1),
        s_typed: None,
        s_floor: None,
        margin: Some(0.1),
        text_cos: Some(0.9),
        logit: Some(20.0),
        p: 1.0 / n as f32,
        counts: true,
        yes: Some(0.9),
        positives: vec![0.2; 4],
        negatives: vec![0.1],
        nearest: vec![0],
    };
    let scores = Scores { classes: (0..n).map(class).collect(), none: 0.1, alpha: 0.5, ..Scores::default() };
    let revision = app.state().revision;
    Scored { question: answer().id, revision, scores: Arc::new(scores), seconds: 1e-3 }
}

fn window(ctx: &egui::Context, classes: usize) -> App {
    let mut app = App::new(ctx, None, None);
    let info = VideoInfo {
        width: 1920,
        height: 1080,
        duration: Some(Pts(10_000_000_000)),
        fps: Some(25.0),
        variable_rate: false,
        format: "h264".into(),
        sound: false,
        frames: Some(Arc::new(FrameTimes::new(
            (0..250).map(|i| Pts(i * 40_000_000)).collect(),
            Pts(10_000_000_000),
        ))),
        fault: None,
    };
    let file = VideoFile {
        path: "clip.mp4".into(),
        source: None,
        name: "clip.mp4".into(),
        bundled: Some(Cast::Shapes),
    };
    app.show_playback(Some(file), Playback { info: Some(info), shown: Some(Pts(0)), ..Playback::default() });
    let set = PromptSet::from_names((0..classes).map(|i| format!("action {i}")));
    app.apply(ctx, Intent::Edit(PromptEdit::Replace(set)));
    let scored = scored(&app, classes);
    app.show_answer(Arc::new(answer()), Some(scored));
    app
}

fn draw(ctx: &egui::Context, app: &mut App, time: &mut f64) -> usize {
    *time += 1.0 / 60.0;
    let input = egui::RawInput {
        screen_rect: Some(egui::Rect::from_min_size(egui::Pos2::ZERO, egui::vec2(1920.0, 1080.0))),
        time: Some(*time),
        ..Default::default()
    };
    let output = ctx.run_ui(input, |ui| app.draw(ui));
    ctx.tessellate(output.shapes, output.pixels_per_point).len()
}

fn frames(c: &mut Criterion) {
    let mut group = c.benchmark_group("window frame, 1920×1080");
    for (name, arrangement, classes) in [
        ("single, 5 classes", Arrangement::Single, 5),
        ("2×2, 51 classes", Arrangement::Grid, 51),
        ("2×2, 400 classes", Arrangement::Grid, 400),
    ] {
        let ctx = egui::Context::default();
        let mut app = window(&ctx, classes);
        app.apply(&ctx, Intent::SetView(View { arrangement, layer: Layer::Motion, ..View::default() }));
        let mut time = 0.0;
        draw(&ctx, &mut app, &mut time);
        group.bench_function(name, |b| b.iter(|| black_box(draw(&ctx, &mut app, &mut time))));
    }
    // One letter: the edit, the set that goes to the model, and the next frame, sorted by p.
    for classes in [1_000, 10_000] {
        let ctx = egui::Context::default();
        let mut app = window(&ctx, classes);
        app.apply(&ctx, Intent::SortByScore(true));
        let mut time = 0.0;
        draw(&ctx, &mut app, &mut time);
        let mut letters = 0_usize;
        group.bench_function(format!("a letter and new scores, {classes} classes"), |b| {
            b.iter(|| {
                letters += 1;
                let name = format!("action {letters}");
                app.apply(&ctx, Intent::Edit(PromptEdit::RenameClass(classes / 2, name)));
                black_box(motionlens::ui::hold::held(app.state()));
                let scored = scored(&app, classes);
                app.on_event(Event::Scored(scored));
                black_box(draw(&ctx, &mut app, &mut time))
            });
        });
    }
    let ctx = egui::Context::default();
    let mut app = window(&ctx, 51);
    let mut time = 0.0;
    let answers = [Arc::new(answer()), Arc::new(answer())];
    let scored = scored(&app, 51);
    let mut i = 0;
    group.bench_function("single, 51 classes, a new answer in every frame", |b| {
        b.iter(|| {
            i += 1;
            app.show_answer(answers[i % 2].clone(), Some(scored.clone()));
            black_box(draw(&ctx, &mut app, &mut time))
        });
    });
    group.finish();
}

criterion_group!(benches, frames);
criterion_main!(benches);
