//! One wgpu device for drawing and computing: what is asked of a driver, how Burn comes to share it, and how its loss is
//! noticed.
//!
//! Burn (cubecl 0.11) believes the *adapter*: it uses every feature and every compute limit that the adapter lists,
//! whether or not the device was opened with them. So everything is asked for, except what costs speed or is refused;
//! and where a driver grants less than that, the device draws and Burn is kept off it ([`missing_for_burn`]).

use super::{AdapterReport, guarded, report, works};
use burn::tensor::Device;
use burn::tensor::wgpu::WgpuSetup;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use wgpu::{Features, Limits};

/// The features of an adapter that change what Burn does.
const BURN_READS: Features = Features::SUBGROUP
    .union(Features::SHADER_INT64)
    .union(Features::SHADER_F64)
    .union(Features::SHADER_F16)
    .union(Features::SHADER_FLOAT32_ATOMIC)
    .union(Features::TIMESTAMP_QUERY);

/// What to ask of a driver, the best first: each step asks for less than the one before, and the last is what WebGL 2
/// needs. A step that another has already asked for is left out.
///
/// Never asked for: experimental features (mesh shaders, ray queries, cooperative matrices: wgpu refuses a device with
/// them unless it is opened unsafely) and `MAPPABLE_PRIMARY_BUFFERS` (on a card with its own memory it makes every
/// buffer slow).
pub fn requests(features: Features, limits: &Limits) -> Vec<wgpu::DeviceDescriptor<'static>> {
    let all = features - Features::MAPPABLE_PRIMARY_BUFFERS - Features::all_experimental_mask();
    let at_this_size = |limits: Limits, own: &Limits| limits.using_resolution(own.clone());
    let steps = [
        (all, limits.clone()),
        (all & BURN_READS, limits.clone()),
        (Features::empty(), limits.clone()),
        (Features::empty(), at_this_size(Limits::default(), limits)),
        (Features::empty(), at_this_size(Limits::downlevel_webgl2_defaults(), limits)),
    ];
    let mut list: Vec<wgpu::DeviceDescriptor<'static>> = Vec::new();
    for (required_features, required_limits) in steps {
        let known = |d: &wgpu::DeviceDescriptor| {
            d.required_features == required_features && d.required_limits == required_limits
        };
        if !list.iter().any(known) {
            list.push(wgpu::DeviceDescriptor {
                label: Some("motionlens"),
                required_features,
                required_limits,
                // Burn asks for memory in large pieces and divides them itself.
                memory_hints: wgpu::MemoryHints::MemoryUsage,
                ..Default::default()
            });
        }
    }
    list
}

/// The first of `requests` that is granted, with what it gave; otherwise every refusal in words.
pub fn first_granted<T>(
    requests: Vec<wgpu::DeviceDescriptor<'static>>,
    mut open: impl FnMut(&wgpu::DeviceDescriptor<'static>) -> Result<T, String>,
) -> Result<(wgpu::DeviceDescriptor<'static>, T), String> {
    let mut refusals: Vec<String> = Vec::new();
    for request in requests {
        match open(&request) {
            Ok(opened) => {
                if !refusals.is_empty() {
                    log::warn!("the graphics driver grants less than it lists: {}", refusals.join("; "));
                }
                return Ok((request, opened));
            }
            Err(why) if refusals.contains(&why) => {}
            Err(why) => refusals.push(why),
        }
    }
    Err(refusals.join("; "))
}

/// Opens a device of this adapter with as much as its driver grants.
///
/// # Errors
/// In words, where even the least is refused.
pub fn open_adapter(
    adapter: &wgpu::Adapter,
) -> Result<(wgpu::DeviceDescriptor<'static>, (wgpu::Device, wgpu::Queue)), String> {
    let requests = requests(adapter.features(), &adapter.limits());
    first_granted(requests, |request| guarded(|| pollster::block_on(adapter.request_device(request))))
}

/// [`missing_for_burn`] of a device and the adapter that it was opened on.
pub fn lacking(adapter: &wgpu::Adapter, device: &wgpu::Device) -> Option<String> {
    let limits = (adapter.limits(), device.limits());
    missing_for_burn((adapter.features(), &limits.0), (device.features(), &limits.1))
}

/// What Burn would use of this adapter and this device lacks; `None`: they go together.
pub fn missing_for_burn(adapter: (Features, &Limits), device: (Features, &Limits)) -> Option<String> {
    let lacking = (adapter.0 & BURN_READS) - device.0;
    if !lacking.is_empty() {
        let names: Vec<&str> = lacking.iter_names().map(|(name, _)| name).collect();
        return Some(format!("the driver lists {} and does not grant it", names.join(", ")));
    }
    let sizes = |l: &Limits| {
        [
            ("work groups", l.max_compute_workgroups_per_dimension),
            ("invocations a work group", l.max_compute_invocations_per_workgroup),
            ("work group width", l.max_compute_workgroup_size_x),
            ("work group height", l.max_compute_workgroup_size_y),
            ("work group depth", l.max_compute_workgroup_size_z),
        ]
    };
    let short = sizes(adapter.1).into_iter().zip(sizes(device.1)).find(|(a, d)| a.1 > d.1)?;
    let ((what, listed), (_, granted)) = short;
    Some(format!("the driver lists {listed} {what} and grants {granted}"))
}

/// Called from another thread when the device is lost.
pub type OnLoss = Box<dyn Fn() + Send + Sync>;

/// Why the device was lost, and whom to tell. wgpu says it once, and every call after it does nothing.
#[derive(Default)]
struct Loss {
    reason: OnceLock<String>,
    tell: OnceLock<OnLoss>,
}

impl Loss {
    fn note(&self, why: String) {
        if self.reason.set(why).is_ok()
            && let Some(tell) = self.tell.get()
        {
            tell();
        }
    }

    /// Until the loss is noted, for a moment.
    fn wait(&self) {
        for _ in 0..50 {
            if self.reason.get().is_some() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// A wgpu device that draws the window, runs the model, or both. Clones name the same one; Burn learns of it once, when
/// it is first asked for.
#[derive(Clone)]
pub struct SharedGpu(Arc<Inner>);

struct Inner {
    setup: WgpuSetup,
    registered: OnceLock<Result<Device, String>>,
    loss: Arc<Loss>,
}

impl SharedGpu {
    /// The parts of eframe's `RenderState`, or of a device of our own; opened with [`requests`].
    pub fn new(
        instance: wgpu::Instance,
        adapter: wgpu::Adapter,
        device: wgpu::Device,
        queue: wgpu::Queue,
    ) -> Self {
        let backend = adapter.get_info().backend;
        let loss = Arc::default();
        watch(&device, &loss);
        let setup = WgpuSetup { instance, adapter, device, queue, backend };
        Self(Arc::new(Inner { setup, registered: OnceLock::new(), loss }))
    }

    /// What is known of the adapter.
    pub fn report(&self) -> AdapterReport {
        report(&self.0.setup.adapter.get_info())
    }

    /// Why the device was lost (a driver that was reset, a card that went away, its memory full); `None` while it lives.
    pub fn lost(&self) -> Option<String> {
        self.0.loss.reason.get().cloned()
    }

    /// As [`SharedGpu::lost`], where something has just failed on the device: the news of its loss may be a moment behind.
    pub fn lost_lately(&self) -> Option<String> {
        self.0.loss.wait();
        self.lost()
    }

    /// `tell` is called when the device is lost, from whichever thread notices; at once where it is lost already. Only the
    /// first one given counts.
    pub fn on_loss(&self, tell: OnLoss) {
        let tell = self.0.loss.tell.get_or_init(|| tell);
        if self.lost().is_some() {
            tell();
        }
    }

    /// Loses the device as a broken driver would, for tests.
    pub fn destroy(&self) {
        // Where a driver falls over wgpu tells at once; of this it would tell only after all work that is under way.
        self.0.setup.device.destroy();
        self.0.loss.note("it was destroyed".to_owned());
    }

    /// Burn's device on this one. A small product is computed on it each time, so a device that does not work is found
    /// out here.
    pub(super) fn burn(&self) -> Result<Device, String> {
        if let Some(why) = self.lost() {
            return Err(format!("it was lost: {why}"));
        }
        let Inner { setup, registered, loss } = &*self.0;
        let device = registered.get_or_init(|| {
            if let Some(lacking) = lacking(&setup.adapter, &setup.device) {
                return Err(lacking);
            }
            let device = guarded(|| Device::wgpu_options().setup(setup.clone()).init());
            // cubecl puts its own callbacks in the place of ours, and tells nobody.
            watch(&setup.device, loss);
            device
        });
        let device = device.clone()?;
        works(&device)?;
        Ok(device)
    }
}

/// Notes the loss of a device; until then an error that nobody asked for is a fault of ours and panics, as it does in
/// wgpu itself (a worker thread turns it into words).
fn watch(device: &wgpu::Device, loss: &Arc<Loss>) {
    let noted = loss.clone();
    device.set_device_lost_callback(move |reason, message| {
        let words = if message.trim().is_empty() { format!("{reason:?}").to_lowercase() } else { message };
        log::error!("the GPU was lost: {words}");
        noted.note(words);
    });
    let noted = loss.clone();
    device.on_uncaptured_error(Arc::new(move |error| {
        // wgpu marks a device as lost before it says so; what fails on another thread in between is not our fault.
        noted.wait();
        match noted.reason.get() {
            Some(_) => log::debug!("an error of a lost GPU: {error}"),
            None => panic!("wgpu: {error}"),
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn experimental_features_are_never_asked_for() {
        for request in requests(Features::all(), &Limits::default()) {
            let asked = request.required_features;
            assert!(!asked.intersects(Features::all_experimental_mask()), "{asked:?}");
            assert!(!asked.contains(Features::MAPPABLE_PRIMARY_BUFFERS));
        }
        let first = &requests(Features::all(), &Limits::default())[0];
        assert!(first.required_features.contains(BURN_READS));
    }

    #[test]
    fn each_request_asks_for_less_and_a_driver_that_grants_little_still_draws() {
        let large = Limits { max_compute_workgroup_size_x: 1024, ..Limits::default() };
        let list = requests(Features::all(), &large);
        assert!(list.len() > 3);
        for pair in list.windows(2) {
            assert!(pair[0].required_features.contains(pair[1].required_features));
        }
        // Nothing to leave out: nothing is asked for twice.
        let plain = requests(Features::empty(), &Limits::default());
        assert_eq!(plain.len(), 2);

        let refuse_features = |d: &wgpu::DeviceDescriptor| {
            if d.required_features.is_empty() { Ok(7) } else { Err("no such feature".to_owned()) }
        };
        let (granted, opened) = first_granted(list.clone(), refuse_features).unwrap();
        assert_eq!((granted.required_limits, opened), (large, 7));
        let all = first_granted(list, |_| Err::<(), _>("the driver is broken".to_owned())).unwrap_err();
        assert_eq!(all, "the driver is broken", "the same refusal is said once");
    }

    #[test]
    fn burn_is_kept_off_a_device_that_lacks_what_the_adapter_lists() {
        let limits = Limits::default();
        let full = BURN_READS | Features::POLYGON_MODE_LINE;
        assert_eq!(missing_for_burn((full, &limits), (BURN_READS, &limits)), None);
        let why = missing_for_burn((full, &limits), (Features::empty(), &limits)).unwrap();
        assert!(why.contains("SHADER_F16"), "{why}");
        let large = Limits { max_compute_invocations_per_workgroup: 1024, ..limits.clone() };
        let why = missing_for_burn((full, &large), (full, &limits)).unwrap();
        assert!(why.contains("1024 invocations"), "{why}");
        assert_eq!(missing_for_burn((full, &limits), (full, &large)), None);
    }
}
