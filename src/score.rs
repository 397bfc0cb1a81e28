//! Pure arithmetic from embeddings to scores (METHOD §6): no tensors, no device, no allocation worth naming,
//! so a prompt edit is as cheap as it looks.

/// The text side of one class, after DA_j: unit vectors of width E, absent where the class has no such prompts.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassEmbedding {
    pub name: String,
    /// t⁺ (E), unit norm.
    pub positive: Option<Vec<f32>>,
    /// t⁻ (E), unit norm.
    pub negative: Option<Vec<f32>>,
}

/// The scores of one class for one clip.
#[derive(Clone, Debug, PartialEq)]
pub struct ClassScore {
    pub name: String,
    /// s⁺ = f·t⁺, a cosine; absent for a class without positive prompts.
    pub s_pos: Option<f32>,
    /// s⁻ = f·t⁻, a cosine; absent for a class without negative prompts.
    pub s_neg: Option<f32>,
    /// s⁺ − s⁻ (s⁻ = nothing subtracted where there are no negatives); absent without positives.
    pub margin: Option<f32>,
    /// cos(t⁺, t⁻): near 1 means the text tower hardly tells the negative from the positive.
    pub text_cos: Option<f32>,
    /// z_c of METHOD §6; absent without positives.
    pub logit: Option<f32>,
    /// softmax of z over the classes that have positives; 0 for the others.
    pub p: f32,
    /// σ(τ(s⁺ − s⁻)); 1 for a class without negatives.
    pub yes: f32,
}

/// The scores of one clip against one prompt set.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scores {
    /// In the order of the prompt set.
    pub classes: Vec<ClassScore>,
    /// Σ p_c (1 − yes_c): the weight of "none of these".
    pub none: f32,
    /// The α that was used.
    pub alpha: f32,
}
