//! The gradients of a step: a batch goes through the head in parts, on a GPU in such that memory has room for, on the CPU in small ones
//! that stay in a core's cache, one on every core. They are summed in the order of the batch, so that the number of cores is nothing to a
//! run.

use super::features::Features;
use super::losses::{Lambdas, Targets, objective};
use super::recipe;
use super::zero_shot::TextSide;
use super::{RunError, in_words};
use crate::device::{guarded, panic_message};
use crate::model::head::MotionHead;
use crate::model::towers::{Towers, normalise};
use crate::session::Session;
use burn::module::Module;
use burn::nn::Linear;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Int, Tensor, TensorData};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::thread;

/// What stays the same from step to step.
pub(super) struct Learner<'a> {
    features: &'a Features,
    towers: &'a Towers,
    /// `visual_projection` where gradients are computed.
    projection: Linear,
    /// Of the trained classes.
    text: TextSide,
    /// The place of each class among the trained ones.
    places: Vec<Option<i32>>,
    lambdas: &'a Lambdas,
    tau: f32,
    /// Clips that go through the head together.
    part: usize,
    /// Threads that take a part each and share the work on it with no other; none where parts are taken one after another.
    pools: Vec<ThreadPool>,
    device: &'a Device,
}

impl<'a> Learner<'a> {
    pub fn new(
        (lambdas, at_once): (&'a Lambdas, usize),
        session: &'a Session,
        features: &'a Features,
        trained: &[usize],
        text: &TextSide,
        device: &'a Device,
    ) -> Result<Self, RunError> {
        let model = session.model();
        let mut places = vec![None; features.classes.len()];
        trained.iter().enumerate().for_each(|(place, class)| places[*class] = Some(place as i32));
        let cores = (*session.device() == Device::flex()).then(rayon::current_num_threads);
        let (part, threads) = recipe::parts(features.shape, at_once, cores);
        let pool = |i| {
            let name = move |_| format!("learner {i}");
            ThreadPoolBuilder::new().num_threads(1).thread_name(name).build()
        };
        let threads = if threads > 1 { threads } else { 0 };
        let pools = (0..threads).map(pool).collect::<Result<_, _>>();
        let pools = pools.map_err(|e| RunError::Other(format!("no thread can be started: {e}")))?;
        Ok(Self {
            features,
            towers: &model.towers,
            projection: model.towers.visual_projection.clone().fork(device).no_grad(),
            text: text.subset(trained, device),
            places,
            lambdas,
            tau: model.tau,
            part,
            pools,
            device,
        })
    }

    /// The loss on a batch of clips and its gradients. Every term of the objective is a mean over clips or does not depend on them, so
    /// that those of a batch are those of its parts, each weighed by its clips.
    pub fn gradients(&self, head: &MotionHead, batch: &[usize]) -> Result<(f32, GradientsParams), RunError> {
        let part = &|clips: &[usize]| {
            // What a GPU has no memory for comes as a panic.
            guarded(|| {
                let share = clips.len() as f32 / batch.len() as f32;
                // Parameters of its own: what shares them waits for one another. Made from the numbers alone: what comes of the
                // tracked ones (`fork`) stays in Burn's list of graphs, which every backward pass goes through, so that a step took
                // three times as long after 500.
                let head = &head.valid().train();
                let loss = self.loss(head, clips) * share;
                let value = loss.clone().try_into_scalar::<f32>().map_err(|e| e.to_string())?;
                Ok::<_, String>((value, GradientsParams::from_grads(loss.backward(), head)))
            })
        };
        let (mut value, mut sum) = (0.0, GradientsAccumulator::new());
        let parts: Vec<&[usize]> = batch.chunks(self.part).collect();
        for some in parts.chunks(self.pools.len().max(1)) {
            let found: Vec<_> = match &self.pools[..] {
                [] => some.iter().map(|clips| part(clips)).collect(),
                pools => thread::scope(|scope| {
                    let mut begun = Vec::new();
                    for (pool, clips) in pools.iter().zip(some) {
                        begun.push(scope.spawn(move || pool.install(|| part(clips))));
                    }
                    let join = |one: thread::ScopedJoinHandle<_>| {
                        one.join().unwrap_or_else(|p| Err(panic_message(&*p)))
                    };
                    begun.into_iter().map(join).collect()
                }),
            };
            for found in found {
                let (more, grads) = found.map_err(|why| self.failed(&why))?;
                value += more;
                sum.accumulate(head, grads);
            }
        }
        Ok((value, sum.grads()))
    }

    fn loss(&self, head: &MotionHead, clips: &[usize]) -> Tensor<1> {
        let x = self.features.batch(clips, self.device);
        let labels: Vec<i32> = clips.iter().filter_map(|&c| self.places[self.features.labels()[c]]).collect();
        let labels = Tensor::<1, Int>::from_data(TensorData::new(labels, [clips.len()]), self.device);
        let vanilla = normalise(self.towers.project_mean_class_token(x.clone().inner())).into_data();
        let output = head.forward(x.clone(), &self.projection);
        let targets = Targets {
            labels,
            positive: head.joint(self.text.positive.clone()),
            negative: head.joint(self.text.negative.clone()),
            tokens: x,
            static_stream: head.static_stream(&output.streams),
            tau: self.tau,
            vanilla: Tensor::from_data(vanilla, self.device),
        };
        objective(&output, targets, self.lambdas)
    }

    fn failed(&self, why: &str) -> RunError {
        let clips = self.part * self.pools.len().max(1);
        let bytes = recipe::step_bytes(self.features.shape, clips);
        RunError::Other(format!(
            "the device failed at a step of {clips} clips at once, which take about {} of its memory: {why}. Where memory is short, \
             --at-once with a smaller number takes less; what the last checkpoint has is kept",
            in_words(bytes)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::cast::Cast;
    use crate::session::ModelSource;
    use crate::train::features::Source;
    use crate::train::stage2::world_templates;
    use burn::module::{ModuleVisitor, Param};
    use burn::store::ModuleRecord;

    struct All<'a>(&'a GradientsParams, Vec<f32>);

    impl ModuleVisitor for All<'_> {
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = self.0.get::<D>(param.id) {
                self.1.extend(gradient.into_data().try_into_vec::<f32>().unwrap());
            }
        }
    }

    /// A batch of 11 clips in parts of 3, on several cores and on one, and clip by clip.
    #[test]
    fn the_gradients_of_a_batch_are_those_of_its_parts() {
        let dir = tempfile::tempdir().unwrap();
        let device = Device::flex();
        let mut session = Session::load(&ModelSource::Shapes, &device, &|_, _| ()).unwrap();
        let source = Source::World { classes: Cast::Shapes.seen(), per_class: 1, seed: 1 };
        let features = Features::load_or_compute(&source, &session, 8, dir.path(), &mut |_| ()).unwrap();
        let templates = world_templates(Cast::Shapes);
        let text = TextSide::encode(&mut session, &features.classes, &templates).unwrap();
        let (autodiff, trained, batch) = (device.autodiff(), Vec::from_iter(0..24), Vec::from_iter(3..14));
        // The trained head, on parameters that gradients are computed of, as a run that resumes has it.
        let record = session.model().head.clone().into_record().into_bytes().unwrap();
        let head = session
            .model()
            .head_config
            .init(&autodiff)
            .load_record(ModuleRecord::from_bytes(record).unwrap());
        let lambdas = Lambdas { distillation: 1.0, ..Lambdas::new(true) };
        let of = |at_once| {
            let learner =
                Learner::new((&lambdas, at_once), &session, &features, &trained, &text, &autodiff).unwrap();
            let (loss, grads) = learner.gradients(&head, &batch).unwrap();
            let mut all = All(&grads, Vec::new());
            head.visit(&mut all);
            (loss, all.1)
        };
        let ((loss, whole), (on_one, same), (in_parts, parts)) = (of(11), of(3), of(1));
        assert_eq!(recipe::parts(features.shape, 11, Some(2)), (3, 2));
        assert!(loss == on_one && whole == same, "the number of cores is nothing to a run");
        assert!((loss - in_parts).abs() < 1e-4 * loss.abs(), "{loss} {in_parts}");
        let largest = whole.iter().fold(0.0f32, |m, g| m.max(g.abs()));
        let apart = whole.iter().zip(&parts).fold(0.0f32, |m, (a, b)| m.max((a - b).abs()));
        assert!(largest > 1e-3 && apart < 1e-4 * largest, "{apart} of {largest}");
    }
}
