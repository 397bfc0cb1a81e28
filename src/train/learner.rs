//! The gradients of a step: a batch goes through the head in parts that memory has room for.

use super::features::Features;
use super::losses::{Lambdas, Targets, objective};
use super::recipe;
use super::zero_shot::TextSide;
use super::{RunError, in_words};
use crate::device::guarded;
use crate::model::head::MotionHead;
use crate::model::towers::{Towers, normalise};
use crate::session::Session;
use burn::module::Module;
use burn::nn::Linear;
use burn::optim::{GradientsAccumulator, GradientsParams};
use burn::tensor::{Device, Int, Tensor, TensorData};

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
    at_once: usize,
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
    ) -> Self {
        let model = session.model();
        let mut places = vec![None; features.classes.len()];
        trained.iter().enumerate().for_each(|(place, class)| places[*class] = Some(place as i32));
        Self {
            features,
            towers: &model.towers,
            projection: model.towers.visual_projection.clone().fork(device).no_grad(),
            text: text.subset(trained, device),
            places,
            lambdas,
            tau: model.tau,
            at_once: at_once.max(1),
            device,
        }
    }

    /// The loss on a batch of clips and its gradients. Every term of the objective is a mean over clips or does not depend on them, so
    /// that those of a batch are those of its parts, each weighed by its clips.
    pub fn gradients(&self, head: &MotionHead, batch: &[usize]) -> Result<(f32, GradientsParams), RunError> {
        let part = |clips: &[usize]| {
            // What a GPU has no memory for comes as a panic.
            guarded(|| {
                let share = clips.len() as f32 / batch.len() as f32;
                let loss = self.loss(head, clips);
                let loss = if share < 1.0 { loss * share } else { loss };
                let value = loss.clone().try_into_scalar::<f32>().map_err(|e| e.to_string())?;
                Ok::<_, String>((value, GradientsParams::from_grads(loss.backward(), head)))
            })
            .map_err(|why| self.failed(&why))
        };
        let mut parts = batch.chunks(self.at_once);
        let (mut value, grads) = part(parts.next().unwrap_or_default())?;
        if parts.len() == 0 {
            return Ok((value, grads));
        }
        let mut sum = GradientsAccumulator::new();
        sum.accumulate(head, grads);
        for clips in parts {
            let (more, grads) = part(clips)?;
            value += more;
            sum.accumulate(head, grads);
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
        let bytes = recipe::step_bytes(self.features.shape, self.at_once);
        RunError::Other(format!(
            "the device failed at a step of {} clips at once, which take about {} of its memory: {why}. Where memory is short, \
             --at-once with a smaller number takes less; what the last checkpoint has is kept",
            self.at_once,
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

    /// A batch of 11 clips at once, and in parts of 4, 4 and 3.
    #[test]
    fn the_gradients_of_a_batch_are_those_of_its_parts() {
        let dir = tempfile::tempdir().unwrap();
        let device = Device::flex();
        let mut session = Session::load(&ModelSource::Embedded, &device, &|_, _| ()).unwrap();
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
            let learner = Learner::new((&lambdas, at_once), &session, &features, &trained, &text, &autodiff);
            let (loss, grads) = learner.gradients(&head, &batch).unwrap();
            let mut all = All(&grads, Vec::new());
            head.visit(&mut all);
            (loss, all.1)
        };
        let ((loss, whole), (in_parts, parts)) = (of(11), of(4));
        assert!((loss - in_parts).abs() < 1e-4 * loss.abs(), "{loss} {in_parts}");
        let largest = whole.iter().fold(0.0f32, |m, g| m.max(g.abs()));
        let apart = whole.iter().zip(&parts).fold(0.0f32, |m, (a, b)| m.max((a - b).abs()));
        assert!(largest > 1e-3 && apart < 1e-4 * largest, "{apart} of {largest}");
    }
}
