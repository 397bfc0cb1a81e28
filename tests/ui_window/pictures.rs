//! The README's pictures, taken of the real window on a bundled clip: `make pictures`.

use super::live::{clips, open, scored, wait};
use super::support::Window;
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
}

fn picture(h: &mut Window, name: &str) {
    h.run_steps(8);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/pictures").join(format!("{name}.png"));
    h.render().unwrap().save(path).unwrap();
}
