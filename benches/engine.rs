//! How long a person waits: from a prompt edit to new scores, and for the vision tower; and how fast training data is drawn.
//! On the CPU.

mod random_b16;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use criterion::{Criterion, criterion_group, criterion_main};
use motionlens::data::captions;
use motionlens::data::world::{Motion, Scene, rng};
use motionlens::device::DeviceChoice;
use motionlens::engine::{Engine, Event, Look, Question, Rank, Sweep};
use motionlens::model::{ClipConfig, Surgery, Towers};
use motionlens::prompt::PromptSet;
use motionlens::score::{ClassEmbedding, Kept, normalise};
use motionlens::session::ModelSource;
use motionlens::video::{ClipSpec, Mp4Writer, Pts, RgbImage, Source, Span};
use random_b16::random_b16;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn next<T>(engine: &Engine, mut wanted: impl FnMut(&Event) -> Option<T>) -> T {
    loop {
        let event = engine.wait_event(Duration::from_secs(600)).expect("an event");
        if let Event::ModelFailed { message } | Event::Failed { message, .. } = &event {
            panic!("{message}");
        }
        if let Some(found) = wanted(&event) {
            return found;
        }
    }
}

/// Eight classes with the default templates; an edit changes one positive prompt, to eight words not seen before (ten tokens
/// with the start and the end).
fn edits(c: &mut Criterion, name: &str, model: ModelSource) {
    let folder = tempfile::tempdir().expect("a folder");
    let still = folder.path().join("still.png");
    let picture = image::RgbImage::from_fn(64, 64, |x, y| image::Rgb([x as u8 * 3, y as u8 * 3, 90]));
    picture.save(&still).expect("a picture");
    let source = Source::open(&still, Arc::new(|| {}));
    let engine = Engine::spawn(DeviceChoice::Cpu, None, None, Arc::new(|| {}));
    engine.load_model(model);
    let (info, device) = next(&engine, |e| match e {
        Event::ModelLoaded { info, device } => Some((info.clone(), device.name.clone())),
        _ => None,
    });
    let mut set = PromptSet::from_names((0..8).map(|i| format!("w{i}")));
    let question = Question {
        source: source.id().clone(),
        clip: ClipSpec::segments(Span::new(Pts(0), Pts(0))),
        frames: info.frames,
        model: info.identity.clone(),
        device,
        surgery: Surgery::default(),
    };
    engine.ask(&source, question, Rank::Screen);
    next(&engine, |e| matches!(e, Event::Answered { .. }).then_some(()));
    let mut edit = 0u64;
    let mut one = || {
        edit += 1;
        let digits = |place: u32| format!("w{}", edit / 10u64.pow(place) % 10);
        let text = (0..8).map(digits).collect::<Vec<_>>().join(" ");
        set.classes[3].positive = Some(vec![text]);
        let start = Instant::now();
        engine.set_prompts(edit, Arc::new(set.clone()), None);
        next(&engine, |e| matches!(e, Event::Scored(s) if s.revision == edit).then_some(()));
        start.elapsed()
    };
    c.bench_function(name, |b| b.iter_custom(|n| (0..n).map(|_| one()).sum()));
}

fn edit_to_scores(c: &mut Criterion) {
    edits(c, "prompt edit to new scores, small model", ModelSource::Shapes);
    let folder = tempfile::tempdir().expect("a folder");
    random_b16(folder.path());
    edits(c, "prompt edit to new scores, B/16", ModelSource::Folder(folder.path().to_owned()));
}

fn vision_tower(c: &mut Criterion) {
    let device = Device::flex();
    let config = ClipConfig::vit_b16();
    let clip = Towers::init(&config, &device).valid();
    let pixels = Tensor::<4>::zeros([8, 3, 224, 224], &device);
    let mut group = c.benchmark_group("vision tower");
    group.sample_size(10);
    group.bench_function("8 frames, B/16", |b| {
        b.iter(|| black_box(clip.vision_model.forward(pixels.clone()).into_data()));
    });
    group.finish();
}

/// What a step of training eats, drawn on one core; training draws on all of them beside it.
fn training_data(c: &mut Criterion) {
    let mut group = c.benchmark_group("training data");
    group.bench_function("128 images with captions (stage 1)", |b| {
        b.iter(|| (0..128).map(|i| captions::sample(&mut rng(1, i), 64).pixels.len()).sum::<usize>());
    });
    group.bench_function("32 clips of 8 frames (stage 2)", |b| {
        let classes = Motion::seen();
        let clip = |i: usize| Scene::random(&mut rng(1, i as u64), classes[i % classes.len()]).frames(8, 64);
        b.iter(|| (0..32).map(|i| clip(i).len()).sum::<usize>());
    });
    group.finish();
}

/// 1,000 spans against 100 classes with the embedding's width of a ViT-B/16: the arithmetic alone, and with the small model all
/// the way from an edit to the event that holds the scores of every span.
fn many_spans(c: &mut Criterion) {
    let unit = |seed: u64| {
        let mut rng = rng(3, seed);
        let mut v: Vec<f32> = (0..512).map(|_| rand::Rng::random_range(&mut rng, -1.0..1.0)).collect();
        normalise(&mut v);
        v
    };
    let videos: Vec<Arc<[f32]>> = (0..1000).map(|i| unit(i).into()).collect();
    let class = |i: u64| ClassEmbedding {
        name: format!("class {i}"),
        positive: Some(unit(5000 + 2 * i).into()),
        negatives: vec![unit(5001 + 2 * i).into()],
        counts: true,
        ..ClassEmbedding::default()
    };
    for count in [100, 1000] {
        let mut classes: Vec<ClassEmbedding> = (0..count).map(class).collect();
        let columns: Vec<usize> = (0..classes.len()).collect();
        let score = |kept: &mut Kept, classes: &[ClassEmbedding]| {
            black_box(kept.score_all(&videos, classes, (100.0, 0.5), &columns, &|| true));
        };
        let mut group = c.benchmark_group(format!("scores of 1,000 spans × {count} classes, width 512"));
        group.bench_function("for the first time", |b| b.iter(|| score(&mut Kept::new(0), &classes)));
        let mut kept = Kept::new(32 << 20);
        group.bench_function("after an edit of one class", |b| {
            b.iter(|| {
                classes[3].positive = Some((*unit(9000)).into());
                score(&mut kept, &classes);
            });
        });
    }

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("long.mp4");
    let mut writer = Mp4Writer::create(&path, 64, 64, 8.0, 12).expect("an mp4");
    for i in 0..1007 {
        let data = (0..3 * 64 * 64).map(|p| ((p * 7 + i * 3) % 251) as u8).collect();
        writer.push(&RgbImage { width: 64, height: 64, data }).expect("a frame");
    }
    writer.finish().expect("an mp4");
    let source = Source::open(&path, Arc::new(|| {}));
    let engine = Engine::spawn(DeviceChoice::Cpu, None, None, Arc::new(|| {}));
    engine.load_model(ModelSource::Shapes);
    let (info, device) = next(&engine, |e| match e {
        Event::ModelLoaded { info, device } => Some((info.clone(), device.name.clone())),
        _ => None,
    });
    let end = Pts::from_secs(1007.0 / 8.0);
    let question = Question {
        source: source.id().clone(),
        clip: ClipSpec::segments(Span::new(Pts(0), end)),
        frames: info.frames,
        model: info.identity.clone(),
        device,
        surgery: Surgery::default(),
    };
    let sweep = Arc::new(Sweep::new(question, end, Pts::from_secs(1.0), Pts(0)));
    assert_eq!(sweep.spans(), 1000);
    let mut set = PromptSet::from_names((0..100).map(|i| format!("moving left {i}")));
    engine.set_prompts(1, Arc::new(set.clone()), None);
    let look = Look { at: Pts(0), view: Span::new(Pts(0), end), running: true };
    engine.sweep(Some((&source, &sweep, look)));
    next(&engine, |e| matches!(e, Event::Swept(s) if s.progress.done == 1000).then_some(()));
    let mut edit = 1u64;
    let mut one = || {
        edit += 1;
        set.classes[3].positive = Some(vec![format!("moving right {edit}")]);
        let start = Instant::now();
        engine.set_prompts(edit, Arc::new(set.clone()), None);
        next(&engine, |e| matches!(e, Event::Swept(s) if s.revision == edit && s.whole).then_some(()));
        start.elapsed()
    };
    c.bench_function("prompt edit to scores of 1,000 spans × 100 classes, small model", |b| {
        b.iter_custom(|n| (0..n).map(|_| one()).sum());
    });
}

criterion_group!(benches, edit_to_scores, many_spans, vision_tower, training_data);
criterion_main!(benches);
