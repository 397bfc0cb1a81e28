//! Picks the compute device and shares the window's with Burn. A GPU that is absent, broken or refused becomes a reason
//! in words, never a crash: the CPU always works.

use burn::tensor::wgpu::WgpuSetup;
use burn::tensor::{Device, Tensor};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// What the user asked for with `--device` or the device menu.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum DeviceChoice {
    /// A real GPU through wgpu if there is one, else the CPU.
    #[default]
    Auto,
    /// wgpu, also where the only adapter is a software one.
    Gpu,
    /// Burn's Flex CPU backend.
    Cpu,
}

/// Which device runs the model, in words for the badge and the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceInfo {
    /// For example "CPU (Flex)" or "NVIDIA H100 (Vulkan)".
    pub name: String,
    /// A software rasteriser such as llvmpipe.
    pub software: bool,
    pub gpu: bool,
    /// Why this device was picked.
    pub reason: String,
}

/// Why a device that was asked for cannot be had.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DeviceError {
    #[error("no GPU: {0}. Use the CPU instead (--device cpu)")]
    Gpu(String),
}

/// An adapter that wgpu sees, for `doctor`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdapterReport {
    pub name: String,
    /// The graphics interface, for example "Vulkan".
    pub backend: String,
    /// For example "discrete GPU".
    pub kind: &'static str,
    pub driver: String,
    /// A software rasteriser such as llvmpipe.
    pub software: bool,
}

/// The window's wgpu device. Clones name the same one; Burn learns of it once, when it is first asked for.
#[derive(Clone)]
pub struct SharedGpu {
    setup: WgpuSetup,
    registered: Arc<OnceLock<Result<Device, String>>>,
}

impl SharedGpu {
    /// The parts of eframe's `RenderState`. Burn reads the adapter's features, so the device has to have been requested
    /// with all of them, `MAPPABLE_PRIMARY_BUFFERS` apart, and with the adapter's limits.
    pub fn new(
        instance: wgpu::Instance,
        adapter: wgpu::Adapter,
        device: wgpu::Device,
        queue: wgpu::Queue,
    ) -> Self {
        let backend = adapter.get_info().backend;
        let setup = WgpuSetup { instance, adapter, device, queue, backend };
        Self { setup, registered: Arc::default() }
    }

    fn open(&self) -> Result<(Device, AdapterReport), String> {
        let register = || guarded(|| Device::wgpu_options().setup(self.setup.clone()).init());
        let device = self.registered.get_or_init(register).clone()?;
        works(&device)?;
        Ok((device, report(&self.setup.adapter.get_info())))
    }
}

/// Opens the device of `choice`. `shared` is the window's; it is used where it serves as well as one of our own.
///
/// `Auto` always succeeds: whatever is wrong with the GPU is said in [`DeviceInfo::reason`] and the CPU is taken.
pub fn open(choice: DeviceChoice, shared: Option<&SharedGpu>) -> Result<(Device, DeviceInfo), DeviceError> {
    match choice {
        DeviceChoice::Cpu => Ok(cpu("asked for".to_owned())),
        DeviceChoice::Gpu => {
            let (device, adapter) = shared.map_or_else(own_gpu, SharedGpu::open).map_err(DeviceError::Gpu)?;
            let reason = if adapter.software { "asked for; it is a software one" } else { "asked for" };
            Ok((device, gpu_info(&adapter, reason)))
        }
        DeviceChoice::Auto => Ok(automatic(shared)),
    }
}

fn automatic(shared: Option<&SharedGpu>) -> (Device, DeviceInfo) {
    let shared = shared.filter(|s| !report(&s.setup.adapter.get_info()).software);
    let opened = match shared {
        Some(shared) => shared.open(),
        None => match real_adapter(&adapters()) {
            Ok(_) => own_gpu(),
            Err(reason) => return cpu(reason),
        },
    };
    match opened {
        Ok((device, adapter)) if !adapter.software => (device, gpu_info(&adapter, "a GPU was found")),
        Ok((_, adapter)) => cpu(format!("{} is a software adapter, the CPU is faster", adapter.name)),
        Err(reason) => cpu(format!("the GPU cannot be used: {reason}")),
    }
}

/// Why a GPU that the model may run on was lost.
pub fn lost(_shared: Option<&SharedGpu>) -> Option<String> {
    None
}

/// What [`DeviceChoice::Auto`] would take without a window, from the list of adapters alone: nothing is opened.
pub fn describe_auto() -> DeviceInfo {
    match real_adapter(&adapters()) {
        Ok(adapter) => gpu_info(&adapter, "a GPU was found"),
        Err(reason) => cpu(reason).1,
    }
}

/// Every adapter that wgpu sees through Vulkan, Metal or DirectX 12; an empty list when there is none or asking fails.
/// OpenGL is left out: Burn does not run on it, and Mesa's driver complains on stderr where there is no desktop.
pub fn adapters() -> Vec<AdapterReport> {
    let list = || {
        let backends = wgpu::Backends::PRIMARY;
        let descriptor =
            wgpu::InstanceDescriptor { backends, ..wgpu::InstanceDescriptor::new_without_display_handle() };
        let found = pollster::block_on(wgpu::Instance::new(descriptor).enumerate_adapters(backends));
        Ok::<_, String>(found.iter().map(|adapter| report(&adapter.get_info())).collect())
    };
    guarded(list).unwrap_or_else(|reason: String| {
        log::warn!("listing the graphics adapters failed: {reason}");
        Vec::new()
    })
}

/// The first real one, or why there is none.
fn real_adapter(adapters: &[AdapterReport]) -> Result<AdapterReport, String> {
    match (adapters.iter().find(|a| !a.software), adapters.first()) {
        (Some(real), _) => Ok(real.clone()),
        (None, Some(soft)) => Err(format!("no GPU, only the software adapter {}", soft.name)),
        (None, None) => Err("wgpu finds no graphics adapter".to_owned()),
    }
}

/// A wgpu device of our own. Burn allows one initialisation a process, so it is kept.
fn own_gpu() -> Result<(Device, AdapterReport), String> {
    static OWN: Mutex<Option<(Device, AdapterReport)>> = Mutex::new(None);
    let mut own = OWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = &*own {
        works(&known.0)?;
        return Ok(known.clone());
    }
    let (device, setup) = guarded(|| Device::wgpu_options().init_with_setup())?;
    let opened = (device, report(&setup.adapter.get_info()));
    *own = Some(opened.clone());
    works(&opened.0)?;
    Ok(opened)
}

/// A small product comes back right: drivers that open and then fail are found here and not in the middle of a clip.
fn works(device: &Device) -> Result<(), String> {
    let sum = guarded(|| {
        let ones = Tensor::<2>::ones([8, 8], device);
        ones.clone().matmul(ones).sum().try_into_scalar::<f32>()
    })?;
    if sum == 512.0 { Ok(()) } else { Err(format!("it computes wrongly (8×8×8 = {sum})")) }
}

fn cpu(reason: String) -> (Device, DeviceInfo) {
    let name = "CPU (Flex)".to_owned();
    (Device::flex(), DeviceInfo { name, software: false, gpu: false, reason })
}

fn gpu_info(adapter: &AdapterReport, reason: &str) -> DeviceInfo {
    DeviceInfo {
        name: format!("{} ({})", adapter.name, adapter.backend),
        software: adapter.software,
        gpu: true,
        reason: reason.to_owned(),
    }
}

fn report(info: &wgpu::AdapterInfo) -> AdapterReport {
    let kind = match info.device_type {
        wgpu::DeviceType::DiscreteGpu => "discrete GPU",
        wgpu::DeviceType::IntegratedGpu => "integrated GPU",
        wgpu::DeviceType::VirtualGpu => "virtual GPU",
        wgpu::DeviceType::Cpu => "software",
        wgpu::DeviceType::Other => "other",
    };
    let name = info.name.to_lowercase();
    let rasteriser = ["llvmpipe", "softpipe", "swiftshader", "basic render"].iter().any(|s| name.contains(s));
    AdapterReport {
        name: info.name.clone(),
        backend: format!("{:?}", info.backend),
        kind,
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_owned(),
        software: rasteriser || info.device_type == wgpu::DeviceType::Cpu,
    }
}

/// Runs `f`; an error or a panic becomes its message.
fn guarded<T, E: std::fmt::Display>(f: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(result) => result.map_err(|e| e.to_string()),
        Err(panic) => Err(panic_message(&*panic)),
    }
}

/// The words of a caught panic.
pub fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "unknown reason".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn adapter(name: &str, kind: wgpu::DeviceType) -> AdapterReport {
        let software = kind == wgpu::DeviceType::Cpu;
        AdapterReport {
            name: name.into(),
            backend: "Vulkan".into(),
            kind: "",
            driver: String::new(),
            software,
        }
    }

    #[test]
    fn a_real_gpu_wins_over_a_software_one() {
        let list =
            [adapter("llvmpipe", wgpu::DeviceType::Cpu), adapter("Radeon", wgpu::DeviceType::DiscreteGpu)];
        assert_eq!(real_adapter(&list).unwrap().name, "Radeon");
    }

    #[test]
    fn without_a_gpu_the_reason_says_what_there_is() {
        let reason = real_adapter(&[adapter("llvmpipe", wgpu::DeviceType::Cpu)]).unwrap_err();
        assert!(reason.contains("llvmpipe"), "{reason}");
        assert!(real_adapter(&[]).unwrap_err().contains("no graphics adapter"));
    }

    #[test]
    fn a_panic_becomes_its_message() {
        let caught = guarded(|| -> Result<(), String> { panic!("the driver fell over") });
        assert_eq!(caught, Err("the driver fell over".to_owned()));
    }
}
