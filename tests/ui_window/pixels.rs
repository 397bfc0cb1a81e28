//! Every view drawn by a GPU (software Vulkan where there is no other). With `MOTIONLENS_SHOTS=FOLDER` the
//! pictures are written there, to be looked at.

use super::support::*;
use egui_kittest::kittest::Queryable;
use motionlens::view::Layer;

pub fn shot(h: &mut Window, name: &str) -> image::RgbaImage {
    let image = h.render().expect("a picture");
    if let Some(folder) = std::env::var_os("MOTIONLENS_SHOTS") {
        image.save(std::path::Path::new(&folder).join(format!("{name}.png"))).expect("written");
    }
    image
}

#[test]
fn each_overlay_gives_another_picture_at_both_sizes() {
    for (size, tag) in [([1280.0, 800.0], "1280"), ([1920.0, 1080.0], "1920"), ([900.0, 600.0], "900")] {
        let mut h = analysed(size, true);
        h.state_mut().show_playback(Some(clip()), playback(30));
        let mut seen: Vec<image::RgbaImage> = Vec::new();
        for layer in Layer::ALL {
            h.get_by_label(layer.name()).click();
            h.run();
            let image = shot(&mut h, &format!("{tag}-{}", layer.name()));
            // Only the stage: the buttons differ anyway.
            let stage = h.state().state().stage_rect.shrink(60.0);
            let view = image::imageops::crop_imm(
                &image,
                stage.min.x as u32,
                stage.min.y as u32 + 40,
                stage.width() as u32,
                stage.height() as u32 - 40,
            );
            let view = view.to_image();
            assert!(!seen.contains(&view), "{} looks like another view", layer.name());
            seen.push(view);
        }
        for (key, name) in [(egui::Key::Num2, "wipe"), (egui::Key::Num3, "beside"), (egui::Key::Num4, "grid")]
        {
            h.key_press(key);
            h.run();
            shot(&mut h, &format!("{tag}-{name}"));
        }
    }
}
