//! The model on a GPU, a software one where there is no other: its first pass is called what it is, and where the GPU is lost the engine
//! goes on on the CPU, says so, and answers what is asked of it there.

use super::*;
use motionlens::device::SharedGpu;
use motionlens::device::gpu;

/// An engine on a device of the first adapter, with the embedded model; `None`, which it says, where there is no adapter at all.
fn on_a_gpu() -> Option<(wgpu::Adapter, SharedGpu, Bench)> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::PRIMARY));
    let Some(adapter) = adapters.first().cloned() else {
        eprintln!("skipped: no graphics adapter, not even a software one");
        return None;
    };
    let (_, (device, queue)) = gpu::open_adapter(&adapter).expect("a device");
    let shared = SharedGpu::new(instance, adapter.clone(), device, queue);
    let engine = Engine::spawn(DeviceChoice::Gpu, Some(shared.clone()), None, Arc::new(|| {}));
    let bench = Bench { engine, model: RefCell::default(), revision: Cell::new(0) };
    bench.load(ModelSource::Shapes);
    Some((adapter, shared, bench))
}

#[test]
fn the_first_pass_on_a_gpu_is_called_warming_up() {
    let Some((_, _, bench)) = on_a_gpu() else { return };
    let folder = tempfile::tempdir().unwrap();
    let clip = source(&video(folder.path(), "clip.mp4", 48, true));
    let stages = |from, to| {
        let asked = bench.ask(&clip, span(from, to));
        let mut stages = Vec::new();
        bench.wait(|e| match e {
            Event::Progress { question, stage, .. } if *question == asked => {
                stages.push(*stage);
                None
            }
            Event::Answered { answer, .. } => (answer.id == asked).then_some(()),
            _ => None,
        });
        stages
    };
    let warming = |stages: &[&str]| stages.iter().filter(|stage| stage.starts_with("warming up")).count();
    let (first, second) = (stages(0.0, 1.0), stages(1.5, 2.5));
    assert!(warming(&first) > 1 && first.contains(&"warming up the GPU: motion head"), "{first:?}");
    assert!(warming(&second) == 0 && second.contains(&"motion head"), "{second:?}");
}

#[test]
fn the_model_moves_to_the_cpu_when_its_gpu_is_lost() {
    let Some((adapter, shared, bench)) = on_a_gpu() else { return };
    let on_gpu = bench.model.borrow().as_ref().map(|(_, device)| device.clone()).expect("a model");
    assert!(on_gpu.contains(&adapter.get_info().name), "{on_gpu}");

    shared.destroy();
    let folder = tempfile::tempdir().unwrap();
    let clip = source(&video(folder.path(), "clip.mp4", 24, true));
    bench.set_prompts(prompts(&["moving left", "moving right"]), None);
    let asked = bench.ask(&clip, span(0.0, 1.0));
    let mut dropped = false;
    let (device, why) = bench.wait(|e| match e {
        Event::ModelLoaded { device, .. } => Some((device.name.clone(), device.reason.clone())),
        Event::Dropped { question } => {
            dropped |= *question == asked;
            None
        }
        _ => None,
    });
    assert!(device.contains("CPU") && why.contains("lost"), "{device}: {why}");
    // The question named the device that is gone; on the new one it is another question, and answered.
    let again = bench.ask(&clip, span(0.0, 1.0));
    assert_ne!(asked, again);
    let mut answered = false;
    bench.wait(|e| {
        match e {
            Event::Answered { answer, .. } => answered |= answer.id == again,
            Event::Dropped { question } => dropped |= *question == asked,
            _ => {}
        }
        (answered && dropped).then_some(())
    });
    bench.set_prompts(prompts(&["moving left", "moving right"]), Some(0.5));
    assert_eq!(bench.scored(again).classes.len(), 2);
}
