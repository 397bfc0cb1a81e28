//! The gradients: right, and reaching everything that is to be trained.

use super::support::{Noise, largest, randomised, values};
use super::{B, D, E, T, TOKENS, clip, config, device, mab, msm, projection};
use burn::module::{Module, ModuleMapper, ModuleVisitor, Param};
use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::{Gradients, Tensor};
use motionlens::model::mab::unit;

/// Adds `step` times a fixed random direction to the parameter number `index`.
struct Nudge {
    index: usize,
    step: f32,
    at: usize,
}

fn direction<const N: usize>(index: usize, shape: [usize; N]) -> Tensor<N> {
    Noise::new(1000 + index as u64).tensor(shape, &device())
}

impl ModuleMapper for Nudge {
    fn map_float<const N: usize>(&mut self, param: Param<Tensor<N>>) -> Param<Tensor<N>> {
        let here = self.at;
        self.at += 1;
        if here != self.index {
            return param;
        }
        param.map(|v| {
            let shape = v.dims();
            v + direction(here, shape) * self.step
        })
    }
}

/// ⟨gradient, direction⟩ of every parameter; `None` for one without a gradient.
struct Slopes<'a> {
    grads: &'a Gradients,
    slopes: Vec<Option<f64>>,
}

impl ModuleVisitor for Slopes<'_> {
    fn visit_float<const N: usize>(&mut self, param: &Param<Tensor<N>>) {
        let index = self.slopes.len();
        let slope = param.val().grad(self.grads).map(|grad| {
            let direction = values(direction(index, grad.dims()));
            values(grad).iter().zip(direction).map(|(g, d)| f64::from(*g) * f64::from(d)).sum()
        });
        self.slopes.push(slope);
    }
}

/// Compares autodiff with central differences, one random direction a parameter tensor. `outputs` maps the module to what
/// is summed under fixed random weights.
fn check_gradients<M: Module>(module: M, outputs: impl Fn(&M) -> Vec<Tensor<4>>) {
    let weighted = |module: &M| -> Tensor<1> {
        let terms = outputs(module).into_iter().enumerate().map(|(i, out)| {
            let weights = Noise::new(500 + i as u64).tensor(out.dims(), &device());
            (out * weights).sum()
        });
        Tensor::cat(terms.collect(), 0).sum()
    };
    let exact = |module: &M| -> f64 {
        let dot = |(i, out): (usize, Tensor<4>)| -> f64 {
            let weights = values(Noise::new(500 + i as u64).tensor(out.dims(), &device()));
            values(out).iter().zip(weights).map(|(o, w)| f64::from(*o) * f64::from(w)).sum()
        };
        outputs(module).into_iter().enumerate().map(dot).sum()
    };
    let training = module.clone().train();
    let grads = weighted(&training).backward();
    let mut visitor = Slopes { grads: &grads, slopes: Vec::new() };
    training.visit(&mut visitor);
    let scale = visitor.slopes.iter().flatten().fold(0.0f64, |m, s| m.max(s.abs()));
    assert!(scale > 0.1, "no gradient at all");
    for (index, slope) in visitor.slopes.into_iter().enumerate() {
        let step = 2e-3;
        let at = |step: f32| exact(&module.clone().map(&mut Nudge { index, step, at: 0 }));
        let numeric = (at(step) - at(-step)) / (2.0 * f64::from(step));
        let slope = slope.unwrap_or(0.0);
        let error = (numeric - slope).abs() / slope.abs().max(1e-2 * scale);
        assert!(error < 1e-2, "parameter {index}: autodiff {slope}, differences {numeric}");
    }
}

#[test]
fn gradients_of_the_separation_agree_with_differences() {
    let x = clip(T, 24);
    check_gradients(randomised(msm(false), 23), |m| {
        let out = m.forward(x.clone());
        let mut outputs = out.details.clone();
        outputs.push(out.approximation());
        outputs
    });
}

#[test]
fn gradients_of_the_attention_agree_with_differences() {
    let mut noise = Noise::new(25);
    let motion = noise.tensor([B, 7, TOKENS, D], &device());
    let still = noise.tensor([B, TOKENS, D], &device());
    let along: Tensor<4> = unit(still.clone()).unsqueeze_dim(1);
    check_gradients(randomised(mab(true), 26), |m| {
        vec![m.forward(motion.clone(), still.clone(), along.clone()).motion]
    });
}

/// Names of the parameters, and those that have had a nonzero gradient.
struct Reached<'a> {
    grads: &'a Gradients,
    path: Vec<String>,
    all: Vec<String>,
    reached: Vec<String>,
}

impl ModuleVisitor for Reached<'_> {
    fn enter_module(&mut self, name: &str, _container: &str) {
        self.path.push(name.to_owned());
    }
    fn exit_module(&mut self, _name: &str, _container: &str) {
        self.path.pop();
    }
    fn visit_float<const N: usize>(&mut self, param: &Param<Tensor<N>>) {
        let name = self.path.join(".");
        if param.val().grad(self.grads).is_some_and(|g| largest(g) > 0.0) {
            self.reached.push(name.clone());
        }
        self.all.push(name);
    }
}

#[test]
fn three_steps_reach_every_trainable_tensor_and_leave_the_projection_alone() {
    let device = device().autodiff();
    device.seed(27);
    let config = config();
    let mut head = config.init(&device);
    let visual_projection = projection(&device).no_grad();
    let frozen = values(visual_projection.weight.val());
    let mut optimiser = AdamWConfig::new().init();
    let target = Noise::new(28).tensor([B, E], &device);
    let mut reached = std::collections::BTreeSet::new();
    let mut all = Vec::new();
    for step in 0..3 {
        // 16 frames: with 8 the third predictor sees a single step, which has no difference over time.
        let x = Tensor::from_data(clip(2 * T, 30 + step).into_data(), &device);
        let out = head.forward(x, &visual_projection);
        let fit = (out.embedding.clone() - target.clone()).square().sum();
        let loss = fit + out.detail_loss() + out.mean_loss() + out.decoupling_loss();
        let grads = loss.backward();
        let mut visitor = Reached { grads: &grads, path: vec![], all: vec![], reached: vec![] };
        head.visit(&mut visitor);
        all = visitor.all;
        reached.extend(visitor.reached);
        let grads = GradientsParams::from_grads(grads, &head);
        head = optimiser.step(1e-3.into(), head, grads);
    }
    // The softmax does not see what is the same in every score.
    let exempt = |name: &str| name.ends_with("key.bias") || name == "motion.pool_score.bias";
    let dead: Vec<_> = all.iter().filter(|n| !exempt(n) && !reached.contains(*n)).collect();
    assert!(all.len() > 50, "only {} tensors were looked at", all.len());
    assert!(dead.is_empty(), "without a gradient: {dead:?}");
    assert_eq!(values(visual_projection.weight.val()), frozen);
}
