//! Pictures of 1080p to RGB and to the model's size, on ten seconds made by `ffmpeg -f lavfi -i testsrc2`. Decoding and seeking are in
//! the bench "performance", beside others.

mod test_clip;

use criterion::{Criterion, criterion_group, criterion_main};
use motionlens::video::decode::Decoder;
use motionlens::video::{Cancel, Preprocess};
use std::hint::black_box;
use std::sync::Arc;
use test_clip::test_clip;

fn convert(c: &mut Criterion) {
    let Some(path) = test_clip("testsrc2=size=1920x1080:rate=30:duration=10", "libx264") else { return };
    let mut decoder = Decoder::open(&path, &Cancel::default()).unwrap_or_else(|e| panic!("{e}"));
    let frames: Vec<_> = (0..8).filter_map(|_| decoder.next_frame().expect("decodes")).collect();
    let mut group = c.benchmark_group("8 frames 1080p");
    group.sample_size(20);
    group.bench_function("to RGB", |b| {
        b.iter(|| frames.iter().map(|f| black_box(f.to_rgb()).data.len()).sum::<usize>())
    });
    let pictures: Vec<_> = frames.iter().map(|f| Arc::new(f.to_rgb())).collect();
    let preprocess = Preprocess::clip(224);
    group.bench_function("preprocess to 224", |b| {
        b.iter(|| pictures.iter().map(|p| black_box(preprocess.apply(p)).len()).sum::<usize>());
    });
    group.finish();
}

criterion_group!(benches, convert);
criterion_main!(benches);
