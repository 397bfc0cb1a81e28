//! What is altered, and what stands beside it: the original is held, and both are scored anew with every prompt edit.

use super::*;
use motionlens::model::GateClamp;
use motionlens::video::clip::{Freeze, Order};

const NAMES: [&str; 3] = ["moving left steadily", "moving right steadily", "moving up while growing"];

fn altered(bench: &Bench, clip: &Arc<Source>, f: impl FnOnce(&mut Question)) -> Question {
    let mut question = bench.question(clip, span(0.0, 2.0));
    f(&mut question);
    question
}

/// Which questions have been scored under the present prompts, until nothing comes any more.
fn scored_now(bench: &Bench) -> Vec<QuestionId> {
    let revision = bench.revision.get();
    let scored = |event| match event {
        Event::Scored(s) | Event::Answered { scored: Some(s), .. } if s.revision == revision => {
            Some(s.question)
        }
        _ => None,
    };
    bench.rest().into_iter().filter_map(scored).collect()
}

#[test]
fn the_original_stays_beside_what_is_altered_and_both_follow_a_prompt_edit() {
    let folder = tempfile::tempdir().unwrap();
    let bench = ready();
    let clip = source(&video(folder.path(), "clip.mp4", 32, true));
    bench.set_prompts(prompts(&NAMES), None);
    let question = altered(&bench, &clip, |q| q.clip.order = Order::Reversed);
    let original = question.original();
    let id = bench.engine.ask(&clip, question, Rank::Screen);
    bench.engine.beside(vec![(clip.clone(), original.clone())]);
    let answers = [bench.answered(id), bench.answered(original.id())];
    assert_ne!(answers[0].evidence.embedding, answers[1].evidence.embedding);
    bench.rest();

    let frames = bench.engine.vision_frames();
    bench.set_prompts(prompts(&NAMES[..2]), None);
    assert_eq!(scored_now(&bench), [id, original.id()]);
    assert_eq!(bench.engine.vision_frames(), frames, "no frame was encoded for that");

    // What is not wanted beside any more is not scored any more.
    bench.engine.beside(Vec::new());
    bench.set_prompts(prompts(&NAMES), None);
    assert_eq!(scored_now(&bench), [id]);
}

#[test]
fn what_stands_beside_survives_a_new_question_and_is_scored_once_where_it_is_on_screen() {
    let folder = tempfile::tempdir().unwrap();
    let bench = ready();
    let clip = source(&video(folder.path(), "clip.mp4", 32, true));
    bench.set_prompts(prompts(&NAMES), None);
    let original = bench.question(&clip, span(0.0, 2.0));
    bench.engine.beside(vec![(clip.clone(), original.clone())]);
    for seed in 0..3 {
        let question = altered(&bench, &clip, |q| q.clip.order = Order::Shuffled { seed });
        bench.engine.ask(&clip, question, Rank::Screen);
    }
    let answered =
        |event: &Event| matches!(event, Event::Answered { answer, .. } if answer.id == original.id());
    assert_eq!(bench.rest().iter().filter(|event| answered(event)).count(), 1);
    bench.engine.ask(&clip, original.clone(), Rank::Screen);
    bench.rest();
    bench.set_prompts(prompts(&NAMES[..2]), None);
    assert_eq!(scored_now(&bench), [original.id()]);
}

#[test]
fn alpha_and_negatives_change_the_scores_alone() {
    let folder = tempfile::tempdir().unwrap();
    let bench = ready();
    let clip = source(&video(folder.path(), "clip.mp4", 32, true));
    bench.set_prompts(prompts(&NAMES), None);
    let plain = bench.answer(&clip, span(0.0, 2.0));
    let id = bench.engine.ask(
        &clip,
        altered(&bench, &clip, |q| q.surgery.alpha_thousandths = Some(0)),
        Rank::Screen,
    );
    let without_weight = bench.scored(id);
    assert_eq!(without_weight.alpha, 0.0);
    assert!(without_weight.classes[0].s_neg.is_some());
    let id = bench.engine.ask(&clip, altered(&bench, &clip, |q| q.surgery.no_negatives = true), Rank::Screen);
    let answer = bench.wait(|event| match event {
        Event::Answered { answer, scored: Some(scored) } if answer.id == id => {
            Some((answer.clone(), scored.scores.clone()))
        }
        _ => None,
    });
    assert_eq!(answer.0.evidence, plain.evidence, "the evidence is held");
    let class = &answer.1.classes[0];
    assert_eq!((class.s_neg, class.yes, class.text_cos, answer.1.none), (None, None, None, 0.0));
    assert!(class.negatives.is_empty() && class.nearest.is_empty());
    assert_eq!(class.margin, class.s_pos);
    for (a, b) in answer.1.classes.iter().zip(&without_weight.classes) {
        assert!((a.p - b.p).abs() < 1e-6, "α = 0 and no negatives are the same softmax");
    }
}

#[test]
fn without_the_joint_adapter_video_and_texts_are_clips_own() {
    use burn::tensor::Device;
    use motionlens::model::Surgery;
    use motionlens::score::score;
    use motionlens::session::Session;
    let folder = tempfile::tempdir().unwrap();
    let bench = ready();
    let clip = source(&video(folder.path(), "clip.mp4", 32, true));
    bench.set_prompts(prompts(&NAMES), None);
    let off = Surgery { no_joint_adapter: true, no_motion: true, ..Surgery::default() };
    let id = bench.engine.ask(&clip, altered(&bench, &clip, |q| q.surgery = off), Rank::Screen);
    let (answer, scores) = bench.wait(|event| match event {
        Event::Answered { answer, scored: Some(s) } if answer.id == id => {
            Some((answer.clone(), s.scores.clone()))
        }
        _ => None,
    });
    // f is then the static part alone, normalised.
    let norm = answer.evidence.v_s.iter().map(|v| v * v).sum::<f32>().sqrt();
    for (f, v) in answer.evidence.embedding.iter().zip(&answer.evidence.v_s) {
        assert!((f - v / norm).abs() < 1e-5);
    }
    // An untrained head's DA_j is the identity: its texts are the plain ones.
    let session = Session::load(&ModelSource::Shapes, &Device::flex(), &|_, _| ()).unwrap();
    let head = session.model().head_config.clone().init(session.device());
    let mut untrained = session.with_head(head).unwrap();
    let (classes, _) = untrained.classes(&prompts(&NAMES), &mut |_, _| true).unwrap();
    let want = score(&answer.evidence.embedding, &classes, session.info.tau, scores.alpha);
    for (a, b) in scores.classes.iter().zip(&want.classes) {
        assert!((a.p - b.p).abs() < 1e-4 && (a.s_pos.unwrap() - b.s_pos.unwrap()).abs() < 1e-5);
    }
}

#[test]
fn frozen_pixels_are_encoded_again_and_a_wholly_frozen_clip_stands_still() {
    let folder = tempfile::tempdir().unwrap();
    let bench = ready();
    let clip = source(&video(folder.path(), "clip.mp4", 32, true));
    let plain = bench.answer(&clip, span(0.0, 2.0));
    let all: Vec<u16> = (0..64).collect();
    let question = altered(&bench, &clip, |q| q.surgery.frozen_pixels = all);
    let id = bench.engine.ask(&clip, question, Rank::Screen);
    let frozen = bench.answered(id);
    assert_eq!(frozen.encoded_frames, 8, "these frames are in no store");
    assert!(frozen.evidence.maps.motion.range().1 < 1e-3, "every frame is the same picture");
    // And they got into none.
    let again = bench.answer(&clip, span(0.0, 2.0));
    assert_eq!(again.evidence, plain.evidence);
    let one = altered(&bench, &clip, |q| q.surgery.frozen_pixels = vec![27]);
    let id = bench.engine.ask(&clip, one, Rank::Screen);
    assert_ne!(bench.answered(id).evidence.embedding, plain.evidence.embedding);
}

/// Without a trained head, motion does not enter the score: what the window says of it is true.
#[test]
fn an_untrained_head_is_moved_by_which_frames_and_pixels_and_by_nothing_inside_it() {
    use burn::tensor::Device;
    use motionlens::model::Surgery;
    use motionlens::session::Session;
    let session = Session::load(&ModelSource::Shapes, &Device::flex(), &|_, _| ()).unwrap();
    let head = session.model().head_config.clone().init(session.device());
    let untrained = session.with_head(head).unwrap();
    let pixels: Vec<Vec<f32>> = (0..8).map(|i| untrained.pixels(&picture(4 * i, true))).collect();
    let embed = |frames: &[Vec<f32>], order: &Order, surgery: &Surgery| {
        let tokens = untrained.encode_frames(frames, &Surgery::default()).unwrap();
        let tokens: Vec<_> = order.places(8).unwrap().into_iter().map(|p| tokens[p].clone()).collect();
        untrained.embed(untrained.clips(&tokens, 8), surgery).unwrap().remove(0)
    };
    let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    let none = Surgery::default();
    let plain = embed(&pixels, &Order::Forward, &none);
    let all = Surgery {
        no_motion: true,
        no_vision_adapter: true,
        no_joint_adapter: true,
        no_lifting: true,
        no_attention: true,
        gates: vec![GateClamp::all(1000)],
        frozen: vec![10, 11, 12],
        ..Surgery::default()
    };
    assert!(distance(&embed(&pixels, &Order::Forward, &all), &plain) < 1e-5);
    for order in [Order::Reversed, Order::Shuffled { seed: 3 }] {
        assert!(distance(&embed(&pixels, &order, &none), &plain) < 1e-5, "{order:?}");
    }
    for order in [Order::Frozen(Freeze::First), Order::HalfRate] {
        assert!(distance(&embed(&pixels, &order, &none), &plain) > 1e-3, "{order:?}");
    }
    let seen: Vec<&[f32]> = pixels.iter().map(Vec::as_slice).collect();
    let frozen = untrained.freeze_pixels(&seen, &[18, 19, 20, 26, 27, 28]);
    assert!(distance(&embed(&frozen, &Order::Forward, &none), &plain) > 1e-3);
}

/// Evaluation takes clips in batches and by another door; what is altered gives the same numbers there.
#[test]
fn evaluation_alters_as_the_window_does() {
    use burn::tensor::Device;
    use motionlens::model::Surgery;
    use motionlens::session::Session;
    use motionlens::video::{Cancel, FrameReader};
    let folder = tempfile::tempdir().unwrap();
    let clip = source(&video(folder.path(), "clip.mp4", 40, true));
    let bench = ready();
    let session = Session::load(&ModelSource::Shapes, &Device::flex(), &|_, _| ()).unwrap();
    let clamp = GateClamp { block: Some(1), head: None, thousandths: 900 };
    let cases = [
        (Order::Reversed, Surgery::default()),
        (Order::Hand(vec![0, 1, 1, 2, 5, 4, 3, 7]), Surgery { no_static: true, ..Surgery::default() }),
        (Order::Forward, Surgery { no_attention: true, no_lifting: true, ..Surgery::default() }),
        (Order::HalfRate, Surgery { gates: vec![clamp], no_joint_adapter: true, ..Surgery::default() }),
        (Order::Shuffled { seed: 5 }, Surgery { frozen: vec![19, 20], ..Surgery::default() }),
        (
            Order::Reversed,
            Surgery { frozen_pixels: vec![27, 28], no_vision_adapter: true, ..Surgery::default() },
        ),
        (Order::Forward, Surgery { motion_layer: Some(2), ..Surgery::default() }),
        // The same frames by the model's own layer are other tokens.
        (Order::Forward, Surgery::default()),
    ];
    for (order, surgery) in cases {
        let question = altered(&bench, &clip, |q| {
            (q.clip.order, q.surgery) = (order.clone(), surgery.clone());
        });
        let id = bench.engine.ask(&clip, question, Rank::Screen);
        let answer = bench.answered(id);
        let mut read = std::collections::BTreeMap::new();
        let mut reader = FrameReader::open(&clip, &Cancel::default()).unwrap();
        reader
            .read(&answer.frames, &Cancel::default(), &mut |_, _| {}, &mut |at, picture| {
                read.insert(at, session.pixels(&picture));
            })
            .unwrap();
        let pixels: Vec<&[f32]> = answer.frames.iter().map(|at| &*read[at]).collect();
        let tokens =
            session.encode_frames(&session.freeze_pixels(&pixels, &surgery.frozen_pixels), &surgery).unwrap();
        let f = session.embed(session.clips(&tokens, 8), &surgery).unwrap().remove(0);
        let largest =
            answer.evidence.embedding.iter().zip(&f).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(largest <= 1e-6, "{order:?} {surgery:?}: {largest}");
    }
}
