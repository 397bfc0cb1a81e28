//! Models of the hub in the window, from a hub on loopback: asked for in the menu and in the hint, shown before they are fetched,
//! stopped, gone on with, and switched to.

use super::hub_server::*;
use super::live::{clips, scored, wait};
use super::support::{self, Window};
use egui_kittest::kittest::Queryable;
use motionlens::device::DeviceChoice;
use motionlens::model::{Hub, HubId, HubModel};
use motionlens::prompt::PromptSet;
use motionlens::session::ModelSource;
use motionlens::ui::edit::PromptEdit;
use motionlens::ui::fetching::{Fetch, Step};
use motionlens::ui::intent::Intent;
use motionlens::ui::messages::Kind;
use motionlens::ui::probes::PatchAt;
use motionlens::ui::state::State;
use motionlens::ui::window::{WindowOptions, start};
use std::ffi::OsString;
use std::path::Path;

fn hub(server: &HubServer, cache: &Path, offline: bool) -> Hub {
    let mut variables = server.variables(cache);
    if offline {
        variables.push(("HF_HUB_OFFLINE", "1".to_owned()));
    }
    Hub::of(&|name| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v))).unwrap()
}

/// The menu of the models of the hub, opened.
fn menu(h: &mut Window) {
    h.get_by_label("Open").click();
    h.run_steps(3);
    h.get_by_label_contains("Models of the hub").click();
    h.run_steps(3);
}

fn told(s: &State) -> bool {
    s.fetching.now.as_ref().is_some_and(|w| matches!(w.step, Step::Told(_)))
}

fn coming(s: &State) -> bool {
    s.fetching.now.as_ref().is_some_and(|w| matches!(w.step, Step::Fetching))
}

#[test]
fn a_model_is_fetched_from_the_menu_after_its_licence_and_size_are_shown_and_can_be_stopped() {
    let (server, dir) = (HubServer::start(tiny_clip()), tempfile::tempdir().unwrap());
    let mut h = support::analysed([1280.0, 800.0], false);
    h.state_mut().use_hub(hub(&server, dir.path(), false));
    menu(&mut h);
    for known in
        ["Fetch openai/clip-vit-base-patch16…", "Fetch openai/clip-vit-large-patch14…", "Another id…"]
    {
        h.get_by_label(known);
    }
    assert!(server.asked().is_empty(), "a menu asks nobody");
    h.get_by_label("Fetch openai/clip-vit-base-patch32…").click();
    wait(&mut h, "what it is", told);
    h.run_steps(3);
    h.get_by_label("Fetch openai/clip-vit-base-patch32");
    h.get_by_label_contains("mit (http://127.0.0.1");
    h.get_by_label("5.88 MB in 4 files, 5.88 MB to fetch");
    h.get_by_label("Free there:");
    assert!(server.asked().iter().all(|a| a.path.starts_with("/api/models/")), "nothing is fetched yet");
    h.get_by_label("Cancel").click();
    h.run_steps(3);
    assert!(h.state().state().fetching.now.is_none());
    assert!(!dir.path().join("models--openai--clip-vit-base-patch32").exists());

    let before = (h.state().state().prompts().clone(), h.state().state().view);
    server.fault(Fault::Slow { bytes: 50_000 });
    menu(&mut h);
    h.get_by_label("Fetch openai/clip-vit-base-patch32…").click();
    wait(&mut h, "what it is", told);
    h.run_steps(3);
    h.get_by_label("Fetch 5.88 MB").click();
    wait(&mut h, "the fetch", coming);
    wait(&mut h, "some of it", |s| {
        s.fetching
            .now
            .as_ref()
            .is_some_and(|w| w.tracker.came.load(std::sync::atomic::Ordering::Relaxed) > 200_000)
    });
    h.get_by_label_contains("/s, ");
    h.get_by_label_contains("of 5.88 MB");
    h.get_by_label("Stop fetching").click();
    h.run_steps(3);
    assert!(h.state().state().fetching.now.is_none());
    h.get_by_label_contains("what has come is kept");

    // It goes on where it was.
    server.fault(None);
    menu(&mut h);
    h.get_by_label("Fetch openai/clip-vit-base-patch32…").click();
    wait(&mut h, "what it is", told);
    h.run_steps(3);
    h.get_by_label_contains("5.88 MB in 4 files, 5.");
    assert!(h.query_by_label("5.88 MB in 4 files, 5.88 MB to fetch").is_none(), "a part of it is here");
    h.get_by_label_contains("Fetch 5.").click();
    wait(&mut h, "the model", |s| s.loading.is_some());
    let asked = server.asked();
    assert!(asked.last().unwrap().range.is_some(), "{asked:?}");
    let s = h.state().state();
    assert!(s.loading.as_ref().unwrap().what.contains("openai/clip-vit-base-patch32"));
    assert!((s.prompts(), s.view) == (&before.0, before.1), "prompts and view stay");
    wait(&mut h, "the list", |s| s.fetching.cached.len() == 1);
}

#[test]
fn an_id_is_typed_and_what_cannot_be_had_is_said() {
    let (server, dir) = (HubServer::start(tiny_clip()), tempfile::tempdir().unwrap());
    let mut h = support::window([1280.0, 800.0], false);
    h.state_mut().use_hub(hub(&server, dir.path(), false));
    let type_id = |h: &mut Window, id: &str| {
        menu(h);
        h.get_by_label("Another id…").click();
        h.run_steps(4);
        h.get_by_label("Id of the model").type_text(id);
        h.run_steps(3);
        h.get_by_label("Go").click();
        h.run_steps(3);
    };
    type_id(&mut h, "clip");
    h.get_by_label_contains("is no id of the hub");
    h.get_by_label("Close").click();
    h.run_steps(3);
    type_id(&mut h, "someone/else");
    let problem = |s: &State| s.messages.all().iter().any(|m| m.kind == Kind::Problem);
    wait(&mut h, "the answer", problem);
    h.run_steps(2);
    h.get_by_label_contains("the hub has no someone/else");
    assert!(h.state().state().fetching.now.is_none());

    let mut h = support::window([1280.0, 800.0], false);
    h.state_mut().use_hub(hub(&server, dir.path(), true));
    server.forget();
    type_id(&mut h, ID);
    wait(&mut h, "the answer", problem);
    h.run_steps(2);
    h.get_by_label_contains("config.json, tokenizer.json");
    assert!(server.asked().is_empty(), "offline is offline");
}

#[test]
fn a_model_of_another_machines_cache_is_offered_and_not_fetched_unasked() {
    let (server, dir) = (HubServer::start(tiny_clip()), tempfile::tempdir().unwrap());
    let mut h = support::window([1280.0, 800.0], false);
    h.state_mut().use_hub(hub(&server, dir.path(), false));
    let folder = Path::new("/elsewhere/models--someone--tiny-clip/snapshots").join(COMMIT);
    let model = HubModel::in_folder(&folder).unwrap();
    let ctx = h.ctx.clone();
    h.state_mut().apply(&ctx, Intent::OpenModel(ModelSource::Hub(model)));
    h.run_steps(3);
    h.get_by_label(&format!("{ID}@{COMMIT} is not in the cache of the hub."));
    assert!(server.asked().is_empty());
    h.get_by_label("Use someone/tiny-clip…").click();
    wait(&mut h, "what it is", told);
    h.run_steps(3);
    h.get_by_label("Fetch 5.88 MB").click();
    wait(&mut h, "the model", |s| s.loading.is_some());
    assert!(dir.path().join("models--someone--tiny-clip/snapshots").join(COMMIT).is_dir());
}

#[test]
fn who_takes_another_model_meanwhile_is_not_torn_away_from_it() {
    let (server, dir) = (HubServer::start(tiny_clip()), tempfile::tempdir().unwrap());
    let mut h = support::analysed([1280.0, 800.0], false);
    let ctx = h.ctx.clone();
    h.state_mut().use_hub(hub(&server, dir.path(), false));
    h.state_mut().apply(&ctx, Intent::Model(Fetch::Want(ID.parse().unwrap())));
    wait(&mut h, "what it is", told);
    // Escape is of the window that asks, whatever else it could let go of.
    h.state_mut().apply(&ctx, Intent::Patch(Some(PatchAt { frame: 0, patch: 3, other: false })));
    h.run_steps(2);
    h.key_press(egui::Key::Escape);
    h.run_steps(3);
    assert!(h.state().state().fetching.now.is_none() && h.state().state().probes.patch.is_some());

    server.fault(Fault::Slow { bytes: 200_000 });
    h.state_mut().apply(&ctx, Intent::Model(Fetch::Want(ID.parse().unwrap())));
    wait(&mut h, "what it is", told);
    h.state_mut().apply(&ctx, Intent::Model(Fetch::Begin));
    let own = dir.path().join("own");
    h.state_mut().apply(&ctx, Intent::OpenModel(ModelSource::Folder(own)));
    server.fault(None);
    wait(&mut h, "the end of the fetch", |s| s.fetching.now.is_none());
    h.run_steps(3);
    h.get_by_label_contains(&format!("{ID} is here: Open"));
    assert!(h.state().state().loading.as_ref().is_none_or(|l| !l.what.contains(ID)));
}

#[test]
fn the_hint_on_a_persons_own_video_leads_to_a_stock_clip_and_switching_keeps_prompts_clip_and_view() {
    let (server, dir) = (HubServer::start(tiny_clip()), tempfile::tempdir().unwrap());
    let own = dir.path().join("own.mp4");
    std::fs::copy(clips().swap_remove(0), &own).unwrap();
    let cache = dir.path().join("cache");
    let options = WindowOptions {
        video: Some(own.clone()),
        device: DeviceChoice::Cpu,
        hub: Some(hub(&server, &cache, false)),
        ..Default::default()
    };
    let builder = egui_kittest::Harness::builder().with_size([1280.0, 800.0]).with_step_dt(0.02);
    let mut h = builder.build_eframe(|cc| start(cc, options));
    let ctx = h.ctx.clone();
    wait(&mut h, "scores", scored);
    wait(&mut h, "the hint", |s| s.messages.all().iter().any(|m| m.offer.is_some()));
    assert!(server.asked().is_empty(), "opening a video asks nobody");
    let set = PromptSet::from_names(["moving left", "moving up"]);
    h.state_mut().apply(&ctx, Intent::Edit(PromptEdit::Replace(set)));
    wait(&mut h, "scores of one's own prompts", scored);
    let kept = |s: &State| (s.prompts().classes.clone(), s.view, s.video.as_ref().unwrap().path.clone());
    let before = kept(h.state().state());
    h.get_by_label("Use openai/clip-vit-base-patch32…").click();
    wait(&mut h, "what it is", told);
    h.run_steps(3);
    h.get_by_label("Fetch 5.88 MB").click();
    wait(&mut h, "the model", |s| s.model.as_ref().is_some_and(|m| m.name == STOCK));
    wait(&mut h, "its scores", scored);
    let s = h.state().state();
    assert!(!s.model.as_ref().unwrap().head_trained && s.model.as_ref().unwrap().source.cast().is_none());
    assert_eq!(kept(s), before);
    assert_eq!(s.video.as_ref().unwrap().path, own);

    // Back, and again without the hub: it is here.
    h.state_mut().apply(&ctx, Intent::OpenModel(Default::default()));
    wait(&mut h, "the embedded model", |s| {
        s.model.as_ref().is_some_and(|m| m.source.cast().is_some()) && scored(s)
    });
    server.forget();
    let id: HubId = STOCK.parse().unwrap();
    menu(&mut h);
    h.get_by_label(&id.to_string()).click();
    wait(&mut h, "the model again", |s| s.model.as_ref().is_some_and(|m| m.name == STOCK) && scored(s));
    assert!(server.asked().is_empty());
    assert_eq!(kept(h.state().state()), before);
}
