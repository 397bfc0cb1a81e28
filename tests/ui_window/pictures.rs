//! The README's pictures, taken of the real window on a bundled clip: `make pictures`.

use super::live::{clips, open, scored, wait};
use super::support::Window;
use motionlens::data::draw::{Object, Shape};
use motionlens::data::drawing::{Drawing, Ready};
use motionlens::data::world::Manner;
use motionlens::ui::easel::Draw;
use motionlens::ui::intent::Intent;
use motionlens::ui::panes::Pane;
use motionlens::ui::state::State;
use motionlens::video::clip::Order;
use std::path::Path;

#[test]
#[ignore = "writes files; make pictures"]
fn of_every_pane() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/pictures");
    std::fs::create_dir_all(&folder).unwrap();
    let clip = clips().pop().expect("bundled clips");
    let mut h = open(clip.clone(), true);
    let swept = |s: &State| s.record.as_ref().is_some_and(|r| r.progress.done == r.progress.total);
    wait(&mut h, "scores", |s| scored(s) && swept(s));
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, Intent::Pause);
    let middle = h.state().state().shown.as_ref().unwrap().answer.frames[3];
    h.state_mut().apply(&ctx, Intent::Seek(middle));
    wait(&mut h, "the frame", |s| s.playback.shown == Some(middle) && !s.playback.seeking);
    h.state_mut().apply(&ctx, Intent::Shelve(clip.parent().unwrap().to_owned()));
    let shelved = |s: &State| s.shelf.rows().len() > 1 && s.shelf.progress().0 == s.shelf.rows().len();
    wait(&mut h, "the shelf", shelved);
    // First what is altered, and its original beside it.
    h.state_mut().apply(&ctx, Intent::Pane(Pane::Surgery, true));
    h.state_mut().apply(&ctx, Intent::Order(Order::Reversed));
    wait(&mut h, "the reversed clip", |s| scored(s) && s.original_scores().is_some());
    picture(&mut h, "surgery");
    h.state_mut().apply(&ctx, Intent::ResetAltered);
    wait(&mut h, "the clip as it was filmed", |s| scored(s) && s.altered_words().is_none() && swept(s));
    for pane in [Pane::Lanes, Pane::Filmstrip, Pane::Shelf, Pane::History] {
        h.state_mut().apply(&ctx, Intent::Pane(pane, true));
        picture(&mut h, &pane.title().to_lowercase());
    }
    h.state_mut().apply(&ctx, Intent::Draw(Draw::Begin));
    let track = Ready::Circle.track();
    let mover = Object { shape: Shape::Cross, colour: 3 };
    let still = Some((Object { shape: Shape::Ring, colour: 2 }, [49.0, 13.0]));
    let drawing =
        Drawing { track, mover, still, manner: Manner::Spinning, background: 3, ..Drawing::default() };
    h.state_mut().apply(&ctx, Intent::Draw(Draw::Change(drawing)));
    wait(&mut h, "the drawing", |s| scored(s) && swept(s));
    h.state_mut().apply(&ctx, Intent::Pause);
    let third = h.state().state().shown.as_ref().unwrap().answer.frames[2];
    h.state_mut().apply(&ctx, Intent::Seek(third));
    h.state_mut().apply(&ctx, Intent::Pane(Pane::Lanes, true));
    picture(&mut h, "drawing");
}

fn picture(h: &mut Window, name: &str) {
    h.run_steps(8);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/pictures").join(format!("{name}.png"));
    h.render().unwrap().save(path).unwrap();
}
