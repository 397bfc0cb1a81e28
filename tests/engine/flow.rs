//! Questions and events: what is computed, what is not, and what is dropped.

use super::*;
use motionlens::engine::Rank;
use motionlens::session::Map;
use motionlens::video::{Crop, Order, Rule};
use std::collections::BTreeSet;

const NAMES: [&str; 3] = ["moving left", "moving right", "moving up"];

fn assert_same_scores(a: &Scores, b: &Scores) {
    assert_eq!(a.classes.len(), b.classes.len());
    for (a, b) in a.classes.iter().zip(&b.classes) {
        assert_eq!(a.name, b.name);
        let close = |x: f32, y: f32| (x - y).abs() <= 1e-6;
        assert!(close(a.p, b.p), "{a:?} {b:?}");
        assert!(close(a.s_pos.unwrap_or(9.0), b.s_pos.unwrap_or(9.0)), "{a:?} {b:?}");
        assert!(close(a.margin.unwrap_or(9.0), b.margin.unwrap_or(9.0)), "{a:?} {b:?}");
    }
}

#[test]
fn a_prompt_edit_leaves_the_vision_tower_alone_and_scores_as_a_full_run_does() {
    let folder = tempfile::tempdir().unwrap();
    let clip = source(&video(folder.path(), "clip.mp4", 24, true));
    let edited = prompts(&["moving left", "moving right steadily", "blinking"]);

    let bench = ready();
    bench.set_prompts(prompts(&NAMES), None);
    let id = bench.ask(&clip, span(0.0, 10.0));
    assert_eq!(bench.scored(id).classes.len(), 3);
    let frames = bench.engine.vision_frames();
    assert_eq!(frames, 8);
    bench.set_prompts(edited.clone(), None);
    let after_edit = bench.scored(id);
    assert_eq!(after_edit.classes[2].name, "blinking");
    bench.set_prompts(edited.clone(), Some(0.5));
    assert_eq!(bench.scored(id).alpha, 0.5);
    assert_eq!(bench.engine.vision_frames(), frames);

    let fresh = ready();
    fresh.set_prompts(edited, None);
    let texts = fresh.wait(|e| match e {
        Event::Texts { classes, .. } => Some(classes.clone()),
        _ => None,
    });
    assert!(texts.iter().all(|c| c.positive.is_some() && !c.negatives.is_empty()));
    let id = fresh.ask(&clip, span(0.0, 10.0));
    assert_same_scores(&after_edit, &fresh.scored(id));
}

#[test]
fn each_prompt_has_its_own_cosine_and_the_negative_that_won_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let clip = source(&video(folder.path(), "clip.mp4", 24, true));
    let bench = ready();
    let mut set = prompts(&["moving right"]);
    set.classes[0].positive = Some(vec!["moving right".into(), "moving up".into()]);
    set.classes[0].negative = Some(vec!["moving up".into(), "moving right".into()]);
    bench.set_prompts(set, None);
    let id = bench.ask(&clip, span(0.0, 10.0));
    let scores = bench.scored(id);
    let class = &scores.classes[0];
    // The same words give the same cosine on both sides, in the order in which they stand.
    assert_eq!(class.positives.len(), 2);
    assert_eq!(class.negatives, [class.positives[1], class.positives[0]]);
    let best = if class.negatives[0] > class.negatives[1] { 0 } else { 1 };
    assert_eq!(class.nearest, [best]);
    assert_eq!(class.s_neg, Some(class.negatives[best]));
}

#[test]
fn prompts_that_are_tried_out_change_no_score() {
    let folder = tempfile::tempdir().unwrap();
    let clip = source(&video(folder.path(), "clip.mp4", 24, true));
    let bench = ready();
    bench.set_prompts(prompts(&NAMES), None);
    let id = bench.ask(&clip, span(0.0, 10.0));
    let scores = bench.scored(id);
    let frames = bench.engine.vision_frames();
    let trial = Arc::new(prompts(&["blinking", "moving left"]));
    bench.engine.try_prompts(vec![trial.clone()]);
    let classes = bench.wait(|e| match e {
        Event::Scored(_) => panic!("nothing is scored"),
        Event::Tried { set, classes, .. } => Some((set.clone(), classes.clone())),
        _ => None,
    });
    assert_eq!(classes.0, trial);
    let classes = classes.1.expect("a text side");
    assert_eq!(classes.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["blinking", "moving left"]);
    // What is tried is what is had: the class that is there already.
    bench.set_prompts(prompts(&NAMES), None);
    assert_same_scores(&scores, &bench.scored(id));
    assert_eq!(bench.engine.vision_frames(), frames);
}

#[test]
fn overlapping_spans_encode_each_frame_once() {
    let folder = tempfile::tempdir().unwrap();
    let bench = ready();
    let clip = source(&video(folder.path(), "clip.mp4", 32, true));
    let mut seen = BTreeSet::new();
    let mut first = None;
    for (start, end) in [(0.0, 1.0), (0.5, 1.5), (0.25, 1.25), (0.1, 1.0)] {
        let known = seen.len();
        let answer = bench.answer(&clip, span(start, end));
        seen.extend(answer.frames.iter().copied());
        assert_eq!(answer.encoded_frames, seen.len() - known);
        first.get_or_insert(answer);
    }
    assert_eq!(bench.engine.vision_frames(), seen.len() as u64);
    // The same question again is the same answer.
    let again = bench.answer(&clip, span(0.0, 1.0));
    assert!(Arc::ptr_eq(&first.unwrap(), &again));
}

#[test]
fn on_the_common_grid_a_span_further_on_costs_its_new_frames_alone() {
    let folder = tempfile::tempdir().unwrap();
    let bench = ready();
    let clip = source(&video(folder.path(), "clip.mp4", 48, true));
    let step = Pts::from_secs(0.125);
    let grid = |k: i64| ClipSpec {
        rule: Rule::Grid { step },
        ..ClipSpec::segments(Span::new(Pts(k * step.0), Pts((k + 8) * step.0)))
    };
    assert_eq!(bench.answer(&clip, grid(0)).encoded_frames, 8);
    for k in 1..8 {
        assert_eq!(bench.answer(&clip, grid(k)).encoded_frames, 1, "span {k}");
    }
    assert_eq!(bench.answer(&clip, grid(11)).encoded_frames, 4);
}

#[test]
fn another_order_or_surgery_costs_no_frame_and_changes_the_answer() {
    let folder = tempfile::tempdir().unwrap();
    let bench = ready();
    let clip = source(&video(folder.path(), "clip.mp4", 32, true));
    let plain = bench.answer(&clip, span(0.0, 2.0));
    let mut reversed = bench.question(&clip, span(0.0, 2.0));
    reversed.clip.order = Order::Reversed;
    let mut without = bench.question(&clip, span(0.0, 2.0));
    without.surgery.no_motion = true;
    for question in [reversed, without] {
        let id = bench.engine.ask(&clip, question, Rank::Screen);
        let answer = bench.answered(id);
        assert_eq!(answer.encoded_frames, 0);
        assert_ne!(answer.evidence.embedding, plain.evidence.embedding);
    }
}

#[test]
fn what_follows_the_play_head_is_answered_and_the_newest_last() {
    let folder = tempfile::tempdir().unwrap();
    let bench = ready();
    let clip = source(&video(folder.path(), "clip.mp4", 48, true));
    let asked: Vec<QuestionId> = (0..40)
        .map(|i| {
            let at = 0.05 * f64::from(i);
            bench.engine.ask(&clip, bench.question(&clip, span(at, at + 1.0)), Rank::Follow)
        })
        .collect();
    let (mut answered, mut dropped) = (Vec::new(), Vec::new());
    for event in bench.rest() {
        match event {
            Event::Answered { answer, .. } => answered.push(answer.id),
            Event::Dropped { question } => dropped.push(question),
            _ => {}
        }
    }
    assert!(!answered.is_empty() && answered.len() < 20, "{} of 40 were done", answered.len());
    assert_eq!(answered.last(), asked.last());
    let ends: BTreeSet<QuestionId> = answered.iter().chain(&dropped).copied().collect();
    assert_eq!((ends.len(), answered.len() + dropped.len()), (40, 40), "each ends once");
}

#[test]
fn a_question_on_screen_replaces_the_one_before_and_overtakes_what_is_less_urgent() {
    let folder = tempfile::tempdir().unwrap();
    let bench = ready();
    let clip = source(&video(folder.path(), "clip.mp4", 64, true));
    let later: Vec<QuestionId> = (0..6)
        .map(|i| {
            let at = 0.5 * f64::from(i);
            bench.engine.ask(&clip, bench.question(&clip, span(at, at + 0.7)), Rank::Background)
        })
        .collect();
    let first = bench.ask(&clip, span(0.0, 1.0));
    let second = bench.ask(&clip, span(0.0, 3.0));
    let mut order = Vec::new();
    for event in bench.rest() {
        match event {
            Event::Answered { answer, .. } => order.push(answer.id),
            Event::Dropped { question } => assert_eq!(question, first, "nothing in the background is lost"),
            _ => {}
        }
    }
    assert_eq!(order.len(), 7);
    let place = |id| order.iter().position(|o| *o == id);
    assert!(place(second) <= Some(2), "{order:?}");
    assert!(later.iter().all(|id| place(*id).is_some()));
}

#[test]
fn a_cancelled_question_is_dropped_and_the_next_one_works() {
    let folder = tempfile::tempdir().unwrap();
    let bench = ready();
    let clip = source(&video(folder.path(), "clip.mp4", 24, true));
    bench.engine.cancel();
    assert!(bench.engine.try_event().is_none(), "nothing was under way");
    let id = bench.ask(&clip, span(0.0, 1.0));
    bench.engine.cancel();
    let events = bench.rest();
    let dropped = |e: &&Event| matches!(e, Event::Dropped { question } if *question == id);
    assert_eq!(events.iter().filter(dropped).count(), 1, "{events:?}");
    assert!(!events.iter().any(|e| matches!(e, Event::Answered { .. })), "{events:?}");
    bench.answer(&clip, span(0.0, 1.0));
}

#[test]
fn a_question_about_what_is_not_loaded_is_dropped_and_a_broken_file_fails_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let bench = ready();
    let broken = folder.path().join("broken.mp4");
    std::fs::write(&broken, "this is text").unwrap();
    let broken = source(&broken);
    let id = bench.ask(&broken, span(0.0, 1.0));
    let (failed, message) = bench.wait(|e| match e {
        Event::Failed { question, message } => Some((*question, message.clone())),
        _ => None,
    });
    assert_eq!(failed, id);
    assert!(message.contains("broken.mp4"), "{message}");

    let clip = source(&video(folder.path(), "clip.mp4", 8, true));
    let other = Question { model: "another".into(), ..bench.question(&clip, span(0.0, 1.0)) };
    let id = bench.engine.ask(&clip, other, Rank::Screen);
    bench.wait(|e| matches!(e, Event::Dropped { question } if *question == id).then_some(()));
}

#[test]
fn notes_name_the_words_that_are_not_known() {
    let bench = ready();
    bench.set_prompts(prompts(&["moving left", "moving flurbward"]), None);
    let notes = bench.wait(|e| match e {
        Event::Texts { notes, .. } => Some(notes.clone()),
        _ => None,
    });
    let note = notes.iter().find(|n| n.text == "moving flurbward").expect("a note");
    assert_eq!(&note.text[note.unknown[0].clone()], "flurbward");
    assert!(notes.iter().all(|n| n.text != "moving left"));
}

#[test]
fn a_new_model_takes_over_and_the_one_before_is_answered_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let other = folder.path().join("other");
    super::hostile_model::copy_of_the_embedded(&other);
    let head = super::hostile_model::random_head(4);
    super::hostile_model::write_head(&other, &head);
    let bench = ready();
    let clip = source(&video(folder.path(), "clip.mp4", 24, true));
    bench.set_prompts(prompts(&NAMES), None);
    let first = bench.answer(&clip, span(0.0, 1.5));
    let late = bench.ask(&clip, span(0.0, 1.2));
    let info = bench.load(ModelSource::Folder(other));
    assert_ne!(first.question.model, info.identity);
    let id = bench.ask(&clip, span(0.0, 1.5));
    let mut ends = Vec::new();
    let second = bench.wait(|e| match e {
        Event::Answered { answer, .. } if answer.id == id => Some(answer.clone()),
        Event::Answered { answer, .. } => {
            ends.push(answer.id);
            None
        }
        Event::Dropped { question } => {
            ends.push(*question);
            None
        }
        _ => None,
    });
    assert!(ends.is_empty() || ends == [late], "{ends:?}");
    // Another model knows nothing of the frames that the first one encoded.
    assert_eq!((first.encoded_frames, second.encoded_frames), (8, 8));
    bench.set_prompts(prompts(&NAMES), None);
    assert_eq!(bench.scored(id).classes.len(), 3);
}

#[test]
fn closing_the_engine_ends_both_threads() {
    let folder = tempfile::tempdir().unwrap();
    let clip = source(&video(folder.path(), "clip.mp4", 24, true));
    let wake: motionlens::video::Wake = Arc::new(|| {});
    let engine = Engine::spawn(DeviceChoice::Cpu, None, None, wake.clone());
    let bench = Bench { engine, model: RefCell::default(), revision: Cell::new(0) };
    bench.load(ModelSource::Shapes);
    bench.ask(&clip, span(0.0, 1.0));
    drop(bench);
    // Both threads hold one as long as they live.
    assert_eq!(Arc::strong_count(&wake), 1);
}

fn inside(map: &Map, low: f32, high: f32) -> bool {
    map.data.len() == map.frames * map.rows * map.cols && map.data.iter().all(|v| (low..=high).contains(v))
}

#[test]
fn the_maps_are_complete_and_in_range() {
    let folder = tempfile::tempdir().unwrap();
    let bench = ready();
    let clip = source(&video(folder.path(), "moving.mp4", 32, true));
    let answer = bench.answer(&clip, span(0.0, 2.0));
    let maps = &answer.evidence.maps;
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
    assert!((answer.crop.x0 - 1.0 / 6.0).abs() < 1e-6 && answer.crop.y1 == 1.0);
}

#[test]
fn a_still_picture_has_no_motion() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("still.png");
    let still = picture(3, false);
    image::RgbImage::from_raw(still.width, still.height, still.data).unwrap().save(&path).unwrap();
    let bench = ready();
    let answer = bench.answer(&source(&path), span(0.0, 1.0));
    assert_eq!(answer.encoded_frames, 1);
    assert_eq!(answer.evidence.maps.motion.range(), (0.0, 0.0));
    assert!(answer.evidence.maps.levels.iter().all(|m| m.range() == (0.0, 0.0)));
}

#[test]
fn the_colours_of_the_static_stream_are_those_of_the_video_and_not_of_the_span() {
    let folder = tempfile::tempdir().unwrap();
    let clip = source(&video(folder.path(), "clip.mp4", 48, true));
    let bench = ready();
    let first = bench.answer(&clip, span(0.0, 1.0));
    // The second half of the same span, frozen: what stands still is where it was, and keeps its colour.
    let second = bench.answer(&clip, span(0.5, 1.5));
    let corner = |answer: &Answer| answer.evidence.maps.static_rgb.each_ref().map(|m| m.frame(0)[0]);
    let change = |a: [f32; 3], b: [f32; 3]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(change(corner(&first), corner(&second)) < 0.1, "{:?} {:?}", corner(&first), corner(&second));
}

/// A model without a scale of its own (a stock CLIP folder) gets one measured on still footage.
#[test]
fn an_untrained_model_gets_a_floor_that_noise_stays_under() {
    let folder = tempfile::tempdir().unwrap();
    super::hostile_model::copy_of_the_embedded(folder.path());
    let bench = engine();
    let info = bench.load(ModelSource::Folder(folder.path().to_owned()));
    assert!(info.scale.is_none());
    let scale = bench.wait(|e| match e {
        Event::Scale { scale, .. } => Some(scale.clone()),
        _ => None,
    });
    assert_eq!((scale.motion.reference, scale.levels.len()), (None, 3));
    assert!(scale.motion.floor > 0.0 && scale.levels.iter().all(|l| l.floor > 0.0), "{scale:?}");
    let clip = source(&video(folder.path(), "moving.mp4", 32, true));
    let answer = bench.answer(&clip, span(0.0, 2.0));
    assert!(answer.evidence.maps.motion.range().1 > 3.0 * scale.motion.floor, "a mover is well above it");
}

/// Evaluation takes clips in batches and by another door; the numbers are the same.
#[test]
fn the_windows_numbers_are_those_of_evaluation() {
    use burn::tensor::Device;
    use motionlens::model::Surgery;
    use motionlens::session::Session;
    use motionlens::video::{Cancel, FrameReader};

    let folder = tempfile::tempdir().unwrap();
    let clip = source(&video(folder.path(), "clip.mp4", 40, true));
    let bench = ready();
    bench.set_prompts(prompts(&NAMES), None);
    let asked = [span(0.0, 2.0), span(0.3, 1.2)].map(|spec| bench.ask_in_background(&clip, spec));
    let answers = asked.map(|id| bench.answered(id));

    let mut session = Session::load(&ModelSource::Shapes, &Device::flex(), &|_, _| ()).unwrap();
    let mut tokens = Vec::new();
    for answer in &answers {
        let mut pixels = std::collections::BTreeMap::new();
        let mut reader = FrameReader::open(&clip, &Cancel::default()).unwrap();
        reader
            .read(&answer.frames, &Cancel::default(), &mut |_, _| {}, &mut |at, picture| {
                pixels.insert(at, session.pixels(&picture));
            })
            .unwrap();
        let each: Vec<&Vec<f32>> = answer.frames.iter().map(|at| &pixels[at]).collect();
        tokens.extend(session.encode_frames(&each, &Surgery::default()).unwrap());
    }
    let frames = session.info.frames;
    let f = session.embed(session.clips(&tokens, frames), &Surgery::default()).unwrap();
    let set = prompts(&NAMES).or_templates(session.info.templates.as_ref());
    let (classes, _) = session.classes(&set, &mut |_, _| true).unwrap();
    for (answer, f) in answers.iter().zip(&f) {
        let largest = answer.evidence.embedding.iter().zip(f).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(largest <= 1e-6, "{largest}");
        let again = motionlens::score::score(f, &classes, session.info.tau, session.info.alpha);
        assert_eq!(again.classes.len(), 3);
    }
    bench.set_prompts(set, None);
    let id = bench.ask(&clip, span(0.0, 2.0));
    let of_window = bench.scored(id);
    assert_same_scores(
        &of_window,
        &motionlens::score::score(&f[0], &classes, session.info.tau, session.info.alpha),
    );
}

/// A new set of many classes takes seconds to encode. It says so, and the clip that somebody looks at does not wait for it.
#[test]
fn a_clip_does_not_wait_for_thousands_of_new_prompts() {
    // A quick machine encodes a thousand while the frames are read.
    const MANY: usize = 6000;
    let folder = tempfile::tempdir().unwrap();
    let clip = source(&video(folder.path(), "clip.mp4", 24, true));
    let bench = ready();
    let names: Vec<String> = (0..MANY).map(|i| format!("moving left {i}")).collect();
    bench.set_prompts(PromptSet::from_names(&names), None);
    let id = bench.ask(&clip, span(0.0, 1.0));
    let (mut told, mut encoded) = (0, false);
    bench.wait(|e| {
        match e {
            Event::Encoding { done, total, .. } => {
                assert!(done < total);
                told += 1;
            }
            Event::Texts { .. } => encoded = true,
            _ => {}
        }
        matches!(e, Event::Answered { answer, .. } if answer.id == id).then_some(())
    });
    assert!(told > 0, "it says how far it is");
    assert!(!encoded, "the answer comes first");
    assert_eq!(bench.scored(id).classes.len(), MANY);
}

/// Another crop is another question: its frames are encoded anew, and what was held of the first is still held.
#[test]
fn each_crop_has_frames_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let bench = ready();
    let clip = source(&video(folder.path(), "clip.mp4", 32, true));
    let of = |crop: Crop| bench.answer(&clip, ClipSpec { crop, ..span(0.0, 2.0) });
    let centre = of(Crop::Centre);
    let mut seen = vec![centre.evidence.embedding.clone()];
    for crop in [Crop::at(0.0), Crop::at(1.0), Crop::Letterbox] {
        let other = of(crop);
        assert_eq!(other.encoded_frames, 8, "{crop:?}");
        assert!(!seen.contains(&other.evidence.embedding), "{crop:?}");
        seen.push(other.evidence.embedding.clone());
    }
    // 96×64: the square goes from one end to the other, and the whole is half as high again as the picture.
    let rect = |crop: Crop| of(crop).crop;
    assert_eq!((rect(Crop::at(0.0)).x0, rect(Crop::at(1.0)).x1), (0.0, 1.0));
    let whole = rect(Crop::Letterbox);
    assert!((whole.x0, whole.x1) == (0.0, 1.0) && (whole.y1 - whole.y0 - 1.5).abs() < 0.03, "{whole:?}");
    let again = of(Crop::Centre);
    assert_eq!(
        (again.encoded_frames, &again.evidence.embedding),
        (centre.encoded_frames, &centre.evidence.embedding)
    );
    let shorter = bench.answer(&clip, span(0.0, 0.5));
    assert!(shorter.encoded_frames < 8, "frames that the centre shares are held beside those of other crops");
}
