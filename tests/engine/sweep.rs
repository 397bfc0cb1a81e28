//! The sweep over a whole video, and answers that are watched: what is told, what makes way, what a prompt edit costs.

use super::*;
use motionlens::engine::{Look, Rank, Sweep, Swept};
use motionlens::video::Order;
use std::collections::BTreeMap;

const NAMES: [&str; 3] = ["moving left", "moving right", "moving up"];

fn sweep_of(bench: &Bench, source: &Arc<Source>, end: f64, length: f64, hop: f64) -> Arc<Sweep> {
    let question = bench.question(source, span(0.0, end));
    Arc::new(Sweep::new(question, Pts::from_secs(end), Pts::from_secs(length), Pts::from_secs(hop)))
}

fn look(at: f64, running: bool) -> Look {
    Look { at: Pts::from_secs(at), view: Span::new(Pts(0), Pts(i64::MAX)), running }
}

/// Waits until the whole sweep is scored under the present prompts; every span's p of the first class, and what was told.
fn swept(bench: &Bench) -> (BTreeMap<u32, f32>, Vec<Arc<Swept>>) {
    let (mut p, mut told) = (BTreeMap::new(), Vec::new());
    bench.wait(|e| {
        let Event::Swept(new) = e else { return None };
        if new.whole {
            p.clear();
        }
        told.push(new.clone());
        for (row, k) in new.spans.iter().enumerate() {
            p.insert(*k, new.scores.p.get(row * new.scores.columns.len()).copied().unwrap_or(f32::NAN));
        }
        let progress = new.progress;
        (progress.done + progress.failed == progress.total && new.revision == bench.revision.get())
            .then_some(())
    });
    (p, told)
}

#[test]
fn a_sweep_scores_every_span_as_a_question_of_its_own_and_encodes_each_frame_once() {
    let folder = tempfile::tempdir().unwrap();
    let clip = source(&video(folder.path(), "clip.mp4", 64, true));
    let bench = ready();
    bench.set_prompts(prompts(&NAMES), None);
    let sweep = sweep_of(&bench, &clip, 4.0, 1.0, 0.25);
    assert_eq!(sweep.spans(), 13);
    bench.engine.sweep(Some((&clip, &sweep, look(0.0, true))));
    let (p, told) = swept(&bench);
    assert_eq!(p.len(), 13);
    assert_eq!(bench.engine.vision_frames(), 32, "the frames of the grid");
    // Every frame of the grid has its map, once.
    let mut steps: Vec<u32> = told.iter().flat_map(|t| t.moments.iter().map(|m| m.step)).collect();
    steps.sort_unstable();
    assert_eq!(steps, (0..32).collect::<Vec<_>>());
    for k in [0, 5, 12] {
        let id = bench.engine.ask(&clip, sweep.question(k), Rank::Screen);
        let (answer, alone) = bench.wait(|e| match e {
            Event::Answered { answer, scored: Some(s) } if answer.id == id => {
                Some((answer.clone(), s.scores.clone()))
            }
            _ => None,
        });
        assert_eq!(answer.encoded_frames, 0);
        let moments = told.iter().flat_map(|t| &t.moments).filter(|m| m.span == k);
        for moment in moments {
            let place = answer.frames.iter().position(|at| *at == moment.pts).unwrap();
            assert_eq!(moment.maps.motion.data, answer.evidence.maps.motion.frame(place));
        }
        assert!((alone.classes[0].p - p[&k]).abs() <= 1e-6, "span {k}");
    }
}

#[test]
fn an_edit_scores_every_span_anew_and_looks_at_no_frame() {
    let folder = tempfile::tempdir().unwrap();
    let clip = source(&video(folder.path(), "clip.mp4", 48, true));
    let bench = ready();
    bench.set_prompts(prompts(&NAMES), None);
    let sweep = sweep_of(&bench, &clip, 3.0, 1.0, 0.25);
    bench.engine.sweep(Some((&clip, &sweep, look(0.0, true))));
    let (before, _) = swept(&bench);
    let frames = bench.engine.vision_frames();
    bench.set_prompts(prompts(&["moving down", "moving right"]), None);
    let (after, told) = swept(&bench);
    assert_eq!((before.len(), after.len()), (9, 9));
    assert_eq!(told.len(), 1, "one event holds all of it");
    assert_eq!(&*told[0].names, ["moving down".to_owned(), "moving right".into()]);
    assert_ne!(before, after);
    assert_eq!(bench.engine.vision_frames(), frames);
}

#[test]
fn what_somebody_waits_for_comes_before_the_sweep_and_cancelling_it_leaves_the_sweep() {
    let folder = tempfile::tempdir().unwrap();
    let clip = source(&video(folder.path(), "clip.mp4", 160, true));
    let bench = ready();
    bench.set_prompts(prompts(&NAMES), None);
    let sweep = sweep_of(&bench, &clip, 10.0, 1.0, 0.125);
    bench.engine.sweep(Some((&clip, &sweep, look(0.0, true))));
    let id = bench.ask(&clip, span(0.0, 10.0));
    let mut done_before = 0;
    bench.wait(|e| match e {
        Event::Swept(s) => {
            done_before = s.progress.done;
            None
        }
        Event::Answered { answer, .. } if answer.id == id => Some(()),
        _ => None,
    });
    assert!(done_before < sweep.spans() / 2, "{done_before} spans came first");
    bench.engine.cancel();
    let (p, _) = swept(&bench);
    assert_eq!(p.len() as u32, sweep.spans());
}

#[test]
fn a_paused_sweep_stands_still_and_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let clip = source(&video(folder.path(), "clip.mp4", 96, true));
    let bench = ready();
    bench.set_prompts(prompts(&NAMES), None);
    let sweep = sweep_of(&bench, &clip, 6.0, 1.0, 0.125);
    bench.engine.sweep(Some((&clip, &sweep, look(0.0, false))));
    let last = |events: &[Event]| {
        events.iter().rev().find_map(|e| match e {
            Event::Swept(s) => Some(s.progress),
            _ => None,
        })
    };
    let told = last(&bench.rest()).unwrap();
    assert_eq!((told.done, told.total), (0, sweep.spans()));
    assert_eq!(bench.engine.vision_frames(), 0);
    bench.engine.sweep(Some((&clip, &sweep, look(0.0, true))));
    swept(&bench);
    let frames = bench.engine.vision_frames();
    // The same again is the same sweep; another one asks anew, and no frame is encoded twice.
    bench.engine.sweep(Some((&clip, &sweep, look(3.0, true))));
    assert!(last(&bench.rest()).is_none());
    let other = sweep_of(&bench, &clip, 6.0, 1.0, 0.25);
    bench.engine.sweep(Some((&clip, &other, look(0.0, true))));
    assert_eq!(swept(&bench).0.len() as u32, other.spans());
    assert_eq!(bench.engine.vision_frames(), frames);
    bench.engine.sweep(None);
    bench.set_prompts(prompts(&["moving up"]), None);
    assert!(last(&bench.rest()).is_none(), "nothing is told of a sweep that has ended");
}

#[test]
fn a_span_that_is_asked_for_by_itself_is_told_and_belongs_to_the_sweep_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let clip = source(&video(folder.path(), "clip.mp4", 48, true));
    let bench = ready();
    bench.set_prompts(prompts(&NAMES), None);
    let sweep = sweep_of(&bench, &clip, 3.0, 1.0, 0.25);
    bench.engine.sweep(Some((&clip, &sweep, look(0.0, false))));
    let id = bench.engine.ask(&clip, sweep.question(4), Rank::Background);
    let (mut answered, mut done) = (false, false);
    bench.wait(|e| {
        match e {
            Event::Answered { answer, .. } if answer.id == id => answered = true,
            Event::Swept(s) => done |= s.spans.contains(&4),
            _ => {}
        }
        (answered && done).then_some(())
    });
}

#[test]
fn watched_answers_are_scored_with_every_edit_beside_the_one_on_screen() {
    let folder = tempfile::tempdir().unwrap();
    let clip = source(&video(folder.path(), "clip.mp4", 48, true));
    let bench = ready();
    bench.set_prompts(prompts(&NAMES), None);
    let sweep = sweep_of(&bench, &clip, 3.0, 1.0, 0.25);
    bench.engine.sweep(Some((&clip, &sweep, look(0.0, true))));
    swept(&bench);
    let shown = bench.ask(&clip, span(0.0, 3.0));
    bench.answered(shown);
    // A span whose answer is not held, a question of its own, and one that nobody has answered.
    let mut reversed = bench.question(&clip, span(0.0, 2.0));
    reversed.clip.order = Order::Reversed;
    let other = bench.engine.ask(&clip, reversed.clone(), Rank::Background);
    bench.answered(other);
    let unknown = bench.question(&clip, span(0.5, 1.5));
    bench.engine.watch(&[sweep.question(3), reversed, unknown.clone()]);
    let ids = [sweep.question(3).id(), other];
    for id in ids {
        bench.scored(id);
    }
    bench.set_prompts(prompts(&["moving down"]), None);
    let mut order = Vec::new();
    for event in bench.rest() {
        if let Event::Scored(s) = event {
            assert_eq!((s.revision, &*s.scores.classes[0].name), (bench.revision.get(), "moving down"));
            order.push(s.question);
        }
    }
    assert_eq!(order, [shown, ids[0], ids[1]], "the one on screen first");
    assert!(!order.contains(&unknown.id()));
}
