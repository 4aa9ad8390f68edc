//! What lies on the scales of the lanes: the weight that the next item of a lane asks for.
//!
//! In: what the scale of a lane says. Out: the weight for one item whose code says that it is sold by weight. Never:
//! one weight for two items, or a weight for an item that was not configured to have one.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tillgate_parsers::scale::OnScale;

use crate::normalize::reading::RawWeight;

/// One entry a lane with a scale.
#[derive(Default)]
pub struct Scales(Mutex<HashMap<String, Scale>>);

struct Scale {
    /// What codes of items sold by weight begin with.
    items: Vec<String>,
    /// None where the scale says nothing.
    on_scale: Option<OnScale>,
    /// The weight went with an item already.
    taken: bool,
}

/// What an item is told besides the scale's own words.
const SILENT: &str = "silent";
const TAKEN: &str = "taken";

impl Scales {
    /// A lane has a scale.
    pub fn add(&self, lane: &str, items: &[String]) {
        let scale = Scale { items: items.to_vec(), on_scale: None, taken: false };
        self.lock().insert(lane.to_owned(), scale);
    }

    /// A lane has a scale no more.
    pub fn remove(&self, lane: &str) {
        self.lock().remove(lane);
    }

    /// What the scale of a lane says now.
    pub fn show(&self, lane: &str, on_scale: Option<OnScale>) {
        if let Some(scale) = self.lock().get_mut(lane) {
            scale.on_scale = on_scale;
            scale.taken = false;
        }
    }

    /// What goes with a code: nothing, unless its lane has a scale and it is an item sold by weight.
    pub fn take(&self, lane: &str, code: &[u8]) -> Option<RawWeight> {
        let mut scales = self.lock();
        let scale = scales.get_mut(lane)?;
        if !scale.items.iter().any(|item| code.starts_with(item.as_bytes())) {
            return None;
        }
        let state = |state: &str| RawWeight { state: state.to_owned(), ..RawWeight::default() };
        Some(match &scale.on_scale {
            None => state(SILENT),
            Some(OnScale::Stable(_)) if scale.taken => state(TAKEN),
            Some(OnScale::Stable(weight)) => {
                scale.taken = true;
                RawWeight {
                    state: OnScale::Stable(weight.clone()).as_str().to_owned(),
                    value: Some(weight.value.clone()),
                    unit: Some(weight.unit.as_str().to_owned()),
                    net: weight.net,
                }
            }
            Some(other) => state(other.as_str()),
        })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Scale>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tillgate_parsers::scale::{Weight, WeightUnit};

    use super::*;

    #[test]
    fn a_weight_goes_with_one_item_that_is_sold_by_weight() {
        let scales = Scales::default();
        let stable = |value: &str| {
            let value = value.to_owned();
            Some(OnScale::Stable(Weight { value, unit: WeightUnit::Kilogram, net: Some(false) }))
        };
        let taken = |code: &str| {
            let weight = scales.take("3", code.as_bytes())?;
            Some(weight.value.unwrap_or(weight.state))
        };
        assert_eq!(taken("4011"), None, "no scale");
        scales.add("3", &["4011".to_owned(), "02".to_owned()]);
        assert_eq!(taken("4011").as_deref(), Some("silent"));
        scales.show("3", stable("1.255"));
        assert_eq!(taken("4006381333931"), None, "not sold by weight");
        assert_eq!(scales.take("4", b"4011"), None, "another lane");
        assert_eq!(taken("4011").as_deref(), Some("1.255"));
        assert_eq!(taken("4011").as_deref(), Some("taken"));
        scales.show("3", Some(OnScale::Moving));
        assert_eq!(taken("02345").as_deref(), Some("moving"));
        scales.show("3", stable("1.255"));
        assert_eq!(taken("02345").as_deref(), Some("1.255"), "weighed anew");
        scales.show("3", None);
        assert_eq!(taken("02345").as_deref(), Some("silent"));
        scales.remove("3");
        assert_eq!(taken("02345"), None);
    }
}
