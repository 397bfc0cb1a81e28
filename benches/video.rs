//! Decoding beside ffmpeg's own, exact seeks, and the conversion to RGB, on ten seconds of 1080p made by
//! `ffmpeg -f lavfi -i testsrc2` (H.264, x264's defaults).

mod test_clip;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use motionlens::video::decode::Decoder;
use motionlens::video::{Cancel, Preprocess, Pts};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;
use test_clip::test_clip;

const FRAMES: u64 = 300;

/// Ten seconds of 1080p.
fn video() -> Option<PathBuf> {
    test_clip("testsrc2=size=1920x1080:rate=30:duration=10", "")
}

fn open(path: &Path) -> Decoder {
    Decoder::open(path, &Cancel::default()).unwrap_or_else(|e| panic!("{e}"))
}

fn decode(c: &mut Criterion) {
    let Some(path) = video() else { return };
    let mut group = c.benchmark_group("decode 1080p");
    group.sample_size(10).measurement_time(Duration::from_secs(20)).throughput(Throughput::Elements(FRAMES));
    group.bench_function("motionlens", |b| {
        b.iter(|| {
            let mut decoder = open(&path);
            let mut frames = 0;
            while let Some(frame) = decoder.next_frame().expect("decodes") {
                black_box(&frame);
                frames += 1;
            }
            assert_eq!(frames, FRAMES);
        });
    });
    // The whole command, as a person would run it: what starting the process takes is in it.
    group.bench_function("ffmpeg -f null", |b| {
        b.iter(|| {
            let run = Command::new("ffmpeg")
                .args(["-v", "error", "-nostdin", "-i"])
                .arg(&path)
                .args(["-an", "-f", "null", "-"])
                .status();
            assert!(run.expect("runs").success());
        });
    });
    group.finish();
}

fn seek(c: &mut Criterion) {
    let Some(path) = video() else { return };
    let mut decoder = open(&path);
    decoder.know(Arc::new(decoder.scanner().run(&Cancel::default()).expect("scans")));
    let mut group = c.benchmark_group("exact seek 1080p");
    group.sample_size(20).measurement_time(Duration::from_secs(15));
    let mut at = 0u64;
    group.bench_function("anywhere", |b| {
        b.iter(|| {
            at = (at + 127) % FRAMES;
            let to = Pts::from_secs(at as f64 / 30.0);
            black_box(decoder.seek(to, &mut |_| true).expect("seeks"));
        });
    });
    group.bench_function("one frame back", |b| {
        b.iter(|| {
            at = if at < 2 { FRAMES - 1 } else { at - 1 };
            black_box(decoder.seek(Pts::from_secs(at as f64 / 30.0), &mut |_| true).expect("seeks"));
        });
    });
    group.finish();
}

fn convert(c: &mut Criterion) {
    let Some(path) = video() else { return };
    let mut decoder = open(&path);
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

criterion_group!(benches, decode, seek, convert);
criterion_main!(benches);
