//! Which device runs the model, with whatever adapters this machine has.

use motionlens::device::{self, DeviceChoice, SharedGpu};

#[test]
fn the_cpu_is_always_there() {
    let (_, info) = device::open(DeviceChoice::Cpu, None).expect("the CPU");
    assert!(!info.gpu && !info.software);
}

#[test]
fn auto_takes_what_it_says_and_never_a_software_adapter() {
    let said = device::describe_auto();
    let (_, info) = device::open(DeviceChoice::Auto, None).expect("auto always succeeds");
    assert!(!info.software, "{info:?}");
    assert!(!info.reason.is_empty());
    let real = device::adapters().iter().any(|a| !a.software);
    assert_eq!(said.gpu, real);
    assert!(real || !info.gpu, "{info:?}");
}

#[test]
fn asking_for_a_gpu_gives_one_or_words() {
    match device::open(DeviceChoice::Gpu, None) {
        Ok((_, info)) => assert!(info.gpu),
        Err(e) => assert!(e.to_string().contains("--device cpu"), "{e}"),
    }
}

#[test]
fn the_windows_device_is_registered_once() {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapters = pollster::block_on(instance.enumerate_adapters(wgpu::Backends::VULKAN));
    let Some(adapter) = adapters.into_iter().next() else {
        return eprintln!("skipped: no Vulkan adapter");
    };
    let wanted = wgpu::DeviceDescriptor {
        required_features: adapter.features() - wgpu::Features::MAPPABLE_PRIMARY_BUFFERS,
        required_limits: adapter.limits(),
        ..Default::default()
    };
    let (device, queue) = pollster::block_on(adapter.request_device(&wanted)).expect("a device");
    let shared = SharedGpu::new(instance, adapter, device, queue);
    let (first, info) = device::open(DeviceChoice::Gpu, Some(&shared)).expect("the shared device");
    let (second, _) = device::open(DeviceChoice::Gpu, Some(&shared.clone())).expect("it again");
    assert_eq!(first, second);
    assert!(info.gpu);
}
