//! The model of METHOD §1–§5 on Burn.
