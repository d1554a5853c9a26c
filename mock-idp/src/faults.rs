//! Misbehaviour on command.
//!
//! Faults stand under an endpoint: `authorize`, `token`, `userinfo`, `discovery`, `jwks`,
//! `id_token` (whatever ID token is made), or any path such as `/user/emails`.

mod gzip;
mod kind;
mod spoil;

use std::collections::BTreeMap;

use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

pub use kind::FaultKind;
pub(crate) use spoil::{Spoilt, replacement, spoil};

/// One fault, and how often it strikes.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// How many times; none: always.
    pub times: Option<u32>,
}

impl From<FaultKind> for Fault {
    fn from(kind: FaultKind) -> Self {
        Self { kind, times: None }
    }
}

// By hand, not `#[serde(flatten)]`: that would let unknown keys pass.
impl<'de> Deserialize<'de> for Fault {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut members = Map::deserialize(deserializer)?;
        let times = match members.remove("times") {
            None | Some(Value::Null) => None,
            Some(times) => Some(u32::deserialize(times).map_err(D::Error::custom)?),
        };
        // serde ignores further keys of a variant without fields; a typing mistake there
        // (`{"kind":"hang","time":1}`) would make a test lie.
        if let Some(Value::String(kind)) = members.get("kind")
            && members.len() > 1
            && FaultKind::deserialize(serde_json::json!({ "kind": kind }))
                .is_ok_and(|bare| bare.has_no_fields())
        {
            return Err(D::Error::custom(format!(
                "the fault {kind} takes no field but times"
            )));
        }
        let kind = FaultKind::deserialize(Value::Object(members)).map_err(D::Error::custom)?;
        Ok(Self { kind, times })
    }
}

impl Serialize for Fault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut value = serde_json::to_value(&self.kind).map_err(S::Error::custom)?;
        if let Some(times) = self.times {
            value["times"] = times.into();
        }
        value.serialize(serializer)
    }
}

/// All faults, by endpoint; those of an endpoint strike together, in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Faults(BTreeMap<String, Vec<Fault>>);

/// The endpoints that have a name; others go by their path.
const NAMED: [&str; 6] = [
    "authorize",
    "token",
    "userinfo",
    "discovery",
    "jwks",
    "id_token",
];

impl<'de> Deserialize<'de> for Faults {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let by_endpoint = BTreeMap::<String, OneOrMany>::deserialize(deserializer)?;
        let mut faults = Self::none();
        for (endpoint, listed) in by_endpoint {
            let listed = match listed.0 {
                Value::Array(items) => items,
                one => vec![one],
            };
            for item in listed {
                let fault = Fault::deserialize(item).map_err(D::Error::custom)?;
                faults.add(&endpoint, fault).map_err(D::Error::custom)?;
            }
        }
        Ok(faults)
    }
}

/// A fault or a list of faults, read in a second step so that its errors stay readable.
#[derive(Deserialize)]
struct OneOrMany(Value);

impl Faults {
    /// None: everything works.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds a fault that strikes always.
    ///
    /// # Panics
    /// If that endpoint can't have that fault: a test that spoils nothing proves nothing.
    #[must_use]
    pub fn on(self, endpoint: &str, kind: FaultKind) -> Self {
        self.plus(endpoint, Fault { kind, times: None })
    }

    /// Adds a fault that strikes once.
    ///
    /// # Panics
    /// As [`Faults::on`].
    #[must_use]
    pub fn once(self, endpoint: &str, kind: FaultKind) -> Self {
        self.times(endpoint, kind, 1)
    }

    /// Adds a fault that strikes a number of times.
    ///
    /// # Panics
    /// As [`Faults::on`].
    #[must_use]
    pub fn times(self, endpoint: &str, kind: FaultKind, times: u32) -> Self {
        self.plus(
            endpoint,
            Fault {
                kind,
                times: Some(times),
            },
        )
    }

    fn plus(mut self, endpoint: &str, fault: Fault) -> Self {
        if let Err(problem) = self.add(endpoint, fault) {
            panic!("{problem}");
        }
        self
    }

    /// Adds a fault; an error says why that endpoint can't have it.
    pub fn add(&mut self, endpoint: &str, fault: Fault) -> Result<(), String> {
        if !endpoint.starts_with('/') && !NAMED.contains(&endpoint) {
            return Err(format!(
                "there is no endpoint {endpoint}: use {} or a path",
                NAMED.join(", ")
            ));
        }
        if !fault.kind.fits(endpoint) {
            return Err(format!(
                "the endpoint {endpoint} can't have the fault {}",
                fault.kind.name()
            ));
        }
        self.0.entry(endpoint.to_owned()).or_default().push(fault);
        Ok(())
    }

    /// Whether there are none (left).
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The faults that strike now at this endpoint, of those `wanted`; counts them down.
    pub(crate) fn take(
        &mut self,
        endpoint: &str,
        wanted: impl Fn(&FaultKind) -> bool,
    ) -> Vec<FaultKind> {
        let Some(listed) = self.0.get_mut(endpoint) else {
            return Vec::new();
        };
        let mut striking = Vec::new();
        listed.retain_mut(|fault| {
            if !wanted(&fault.kind) {
                return true;
            }
            match &mut fault.times {
                None => {}
                Some(0) => return false,
                Some(times) => *times -= 1,
            }
            striking.push(fault.kind.clone());
            fault.times != Some(0)
        });
        if listed.is_empty() {
            self.0.remove(endpoint);
        }
        striking
    }
}
