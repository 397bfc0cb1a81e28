//! Requests and events: what is computed, what is not, and what is dropped.

use super::*;
use motionlens::engine::Map;

const NAMES: [&str; 3] = ["moving left", "moving right", "moving up"];

fn assert_same_scores(a: &Scores, b: &Scores) {
    assert_eq!(a.classes.len(), b.classes.len());
    for (a, b) in a.classes.iter().zip(&b.classes) {
        assert_eq!(a.name, b.name);
        let close = |x: f32, y: f32| (x - y).abs() <= 1e-6;
        assert!(close(a.p, b.p) && close(a.yes.unwrap_or(1.0), b.yes.unwrap_or(1.0)), "{a:?} {b:?}");
        assert!(close(a.s_pos.unwrap_or(9.0), b.s_pos.unwrap_or(9.0)), "{a:?} {b:?}");
    }
}

#[test]
fn a_prompt_edit_leaves_the_vision_tower_alone_and_scores_as_a_full_run_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = video(folder.path(), "clip.mp4", 24, true);
    let edited = prompts(&["moving left", "moving right steadily", "blinking"]);

    let engine = ready();
    engine.set_video(Some(&path));
    engine.set_prompts(prompts(&NAMES));
    engine.analyse(window(0.0, 10.0));
    analysed(&engine);
    assert_eq!(scored(&engine).classes.len(), 3);
    let frames = engine.vision_frames();
    assert_eq!(frames, 8);
    engine.set_prompts(edited.clone());
    let after_edit = scored(&engine);
    assert_eq!(after_edit.classes[2].name, "blinking");
    engine.set_alpha(Some(0.5));
    let with_alpha = scored(&engine);
    assert_eq!(with_alpha.alpha, 0.5);
    assert_eq!(engine.vision_frames(), frames);

    let fresh = ready();
    fresh.set_video(Some(&path));
    fresh.set_prompts(edited);
    fresh.analyse(window(0.0, 10.0));
    assert_same_scores(&after_edit, &scored(&fresh));
    let texts = fresh.class_embeddings().expect("embeddings of the classes");
    assert!(texts.iter().all(|c| c.positive.is_some() && !c.negatives.is_empty()));
}

#[test]
fn overlapping_windows_encode_each_frame_once() {
    let folder = tempfile::tempdir().unwrap();
    let engine = ready();
    engine.set_video(Some(&video(folder.path(), "clip.mp4", 32, true)));
    let mut seen = std::collections::BTreeSet::new();
    let mut first = None;
    for (start, end) in [(0.0, 1.0), (0.5, 1.5), (0.25, 1.25), (0.0, 1.0)] {
        let known = seen.len();
        engine.analyse(window(start, end));
        let analysis = analysed(&engine);
        seen.extend(analysis.frames.iter().copied());
        assert_eq!(analysis.encoded_frames, seen.len() - known);
        first.get_or_insert(analysis);
    }
    assert_eq!(engine.vision_frames(), seen.len() as u64);
    // From the cache alone the result is the same to the bit.
    engine.analyse(window(0.0, 1.0));
    let again = analysed(&engine);
    assert_eq!(again.encoded_frames, 0);
    assert_eq!(first.map(|a| a.embedding.clone()), Some(again.embedding.clone()));
}

#[test]
fn of_many_windows_the_newest_is_done_and_most_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let engine = ready();
    engine.set_video(Some(&video(folder.path(), "clip.mp4", 48, true)));
    for i in 0..40 {
        engine.analyse(window(0.05 * f64::from(i), 0.05 * f64::from(i) + 1.0));
    }
    let done: Vec<_> = rest(&engine)
        .into_iter()
        .filter_map(|e| if let Event::Analysed(a) = e { Some(a) } else { None })
        .collect();
    assert!(!done.is_empty() && done.len() < 20, "{} of 40 were done", done.len());
    let last = done.last().unwrap();
    assert!(last.frames[0] >= Pts::from_secs(1.95), "the last is {:?}", last.frames);
}

#[test]
fn a_cancelled_window_is_never_heard_of_and_the_next_one_works() {
    let folder = tempfile::tempdir().unwrap();
    let engine = ready();
    engine.set_video(Some(&video(folder.path(), "clip.mp4", 24, true)));
    engine.cancel();
    assert!(engine.try_event().is_none(), "nothing was under way");
    engine.analyse(window(0.0, 1.0));
    engine.cancel();
    let events = rest(&engine);
    assert!(events.iter().any(|e| matches!(e, Event::AnalysisCancelled)), "{events:?}");
    assert!(!events.iter().any(|e| matches!(e, Event::Analysed(_))), "{events:?}");
    engine.analyse(window(0.0, 1.0));
    analysed(&engine);
}

#[test]
fn an_event_of_another_video_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let engine = ready();
    engine.set_prompts(prompts(&NAMES));
    let (a, b) = (video(folder.path(), "a.mp4", 24, true), video(folder.path(), "b.mp4", 24, false));
    engine.set_video(Some(&a));
    engine.analyse(window(0.0, 2.0));
    let first = analysed(&engine);
    engine.analyse(window(0.0, 1.0));
    engine.set_video(Some(&b));
    engine.analyse(window(0.0, 2.0));
    for event in rest(&engine) {
        if let Event::Analysed(analysis) = event {
            assert_ne!(analysis.video, first.video);
        }
    }
}

#[test]
fn a_window_without_video_or_model_fails_in_words() {
    let failure = |engine: &Engine| loop {
        match engine.wait_event(PATIENCE).expect("an event") {
            Event::AnalysisFailed { message } => return message,
            Event::Analysed(_) => panic!("analysed nothing"),
            _ => {}
        }
    };
    let engine = ready();
    engine.analyse(window(0.0, 1.0));
    assert!(failure(&engine).contains("no video"));
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.mp4");
    std::fs::write(&broken, "this is text").unwrap();
    engine.set_video(Some(&broken));
    engine.analyse(window(0.0, 1.0));
    assert!(failure(&engine).contains("broken.mp4"));

    let bare = super::engine();
    bare.set_video(Some(&video(folder.path(), "clip.mp4", 8, true)));
    bare.analyse(window(0.0, 1.0));
    assert!(failure(&bare).contains("no model"));
}

#[test]
fn notes_name_the_words_that_are_not_known() {
    let engine = ready();
    engine.set_prompts(prompts(&["moving left", "moving flurbward"]));
    let notes = wait(&engine, |e| match e {
        Event::Scored { notes, .. } => Some(notes.clone()),
        _ => None,
    });
    let note = notes.iter().find(|n| n.text == "moving flurbward").expect("a note");
    assert_eq!(&note.text[note.unknown[0].clone()], "flurbward");
    assert!(notes.iter().all(|n| n.text != "moving left"));
}

#[test]
fn a_new_model_takes_over_windows_and_prompts() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other");
    super::hostile_model::copy_of_the_embedded(&other);
    let head = super::hostile_model::random_head(4);
    super::hostile_model::write_head(&other, &head);
    let engine = engine();
    engine.set_video(Some(&video(folder.path(), "clip.mp4", 24, true)));
    engine.set_prompts(prompts(&NAMES));
    engine.load_model(ModelSource::Embedded);
    engine.analyse(window(0.0, 1.5));
    let first = analysed(&engine);
    engine.analyse(window(0.0, 1.5));
    engine.load_model(ModelSource::Folder(other));
    let digest = wait(&engine, |e| match e {
        Event::ModelLoaded { info, .. } => Some(info.digest.clone()),
        _ => None,
    });
    assert_ne!(first.model_digest, digest);
    engine.analyse(window(0.0, 1.5));
    let second = wait(&engine, |e| match e {
        Event::Analysed(a) if a.model_digest == digest => Some(a.clone()),
        _ => None,
    });
    // Another model knows nothing of the frames that the first one encoded.
    assert_eq!((first.encoded_frames, second.encoded_frames), (8, 8));
    assert_eq!(scored(&engine).classes.len(), 3);
}

#[test]
fn closing_the_engine_ends_both_threads() {
    let folder = tempfile::tempdir().unwrap();
    let path = video(folder.path(), "clip.mp4", 24, true);
    let wake: motionlens::video::Wake = Arc::new(|| {});
    let engine = Engine::spawn(DeviceChoice::Cpu, None, wake.clone());
    engine.load_model(ModelSource::Embedded);
    engine.set_video(Some(&path));
    engine.analyse(window(0.0, 1.0));
    drop(engine);
    // Both threads hold one as long as they live.
    assert_eq!(Arc::strong_count(&wake), 1);
}

fn inside(map: &Map, low: f32, high: f32) -> bool {
    map.data.len() == map.frames * map.rows * map.cols && map.data.iter().all(|v| (low..=high).contains(v))
}

#[test]
fn the_maps_are_complete_and_in_range() {
    let folder = tempfile::tempdir().unwrap();
    let engine = ready();
    engine.set_video(Some(&video(folder.path(), "moving.mp4", 32, true)));
    engine.analyse(window(0.0, 2.0));
    let analysis = analysed(&engine);
    let maps = &analysis.maps;
    assert_eq!((maps.motion.frames, maps.motion.rows, maps.motion.cols), (8, 8, 8));
    assert!(inside(&maps.motion, 0.0, 10.0) && maps.motion.range().1 > 0.01);
    assert!(inside(&maps.static_energy, 0.0, f32::MAX));
    assert!(maps.static_rgb.iter().all(|m| inside(m, 0.0, 1.0) && m.range().1 > m.range().0));
    assert!(maps.gates.iter().flatten().chain([&maps.gate]).all(|m| inside(m, 0.0, 1.0)));
    assert_eq!((maps.gates.len(), maps.gates[0].len(), maps.levels.len()), (2, 4, 3));
    let evidence: f32 = maps.evidence.data.iter().sum();
    assert!(evidence > 0.0 && evidence <= 1.0 + 1e-5, "{evidence}");
    assert!(maps.signed.range().0 < 0.0 && maps.signed.range().1 > 0.0);
    // The wide picture's middle: 64 of 96 columns.
    assert!((analysis.crop.x0 - 1.0 / 6.0).abs() < 1e-6 && analysis.crop.y1 == 1.0);
}

#[test]
fn a_still_picture_has_no_motion() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("still.png");
    let still = picture(3, false);
    image::RgbImage::from_raw(still.width, still.height, still.data).unwrap().save(&path).unwrap();
    let engine = ready();
    engine.set_video(Some(&path));
    engine.analyse(window(0.0, 1.0));
    let analysis = analysed(&engine);
    assert_eq!(analysis.encoded_frames, 1);
    assert_eq!(analysis.maps.motion.range(), (0.0, 0.0));
    assert!(analysis.maps.levels.iter().all(|m| m.range() == (0.0, 0.0)));
}
