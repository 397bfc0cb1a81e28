//! Random weights and inputs for the tests of the model.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor, TensorData};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Seeded numbers in −1..1 (uniform).
pub struct Noise(ChaCha8Rng);

impl Noise {
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    pub fn tensor<const D: usize>(&mut self, shape: [usize; D], device: &Device) -> Tensor<D> {
        let data: Vec<f32> = (0..shape.iter().product()).map(|_| self.0.random_range(-1.0..1.0)).collect();
        Tensor::from_data(TensorData::new(data, shape), device)
    }
}

struct Randomise(Noise);

impl ModuleMapper for Randomise {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|value| {
            let noise = self.0.tensor(value.dims(), &value.device());
            value + noise * 0.3
        })
    }
}

/// Moves every parameter away from where it starts, the zero-initialised ones too: weights as training might leave them.
pub fn randomised<M: Module>(module: M, seed: u64) -> M {
    module.map(&mut Randomise(Noise::new(seed)))
}

pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_vec_as::<f32>().expect("a readable tensor")
}

/// Largest absolute difference.
pub fn distance<const D: usize>(a: Tensor<D>, b: Tensor<D>) -> f32 {
    let (a, b) = (values(a), values(b));
    assert_eq!(a.len(), b.len());
    a.iter().zip(&b).map(|(x, y)| (x - y).abs()).fold(0.0, f32::max)
}

pub fn largest<const D: usize>(a: Tensor<D>) -> f32 {
    values(a).iter().fold(0.0, |m, x| m.max(x.abs()))
}
