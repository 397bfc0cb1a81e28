//! The README's pictures, taken of the real window on a bundled clip: `make pictures`.

use super::live::{clips, open, scored, wait};
use motionlens::ui::intent::Intent;
use motionlens::ui::panes::Pane;
use motionlens::ui::state::State;
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
    for pane in Pane::ALL {
        h.state_mut().apply(&ctx, Intent::Pane(pane, true));
        h.run_steps(8);
        let name = pane.title().to_lowercase().replace(' ', "-");
        h.render().unwrap().save(folder.join(format!("{name}.png"))).unwrap();
    }
}
