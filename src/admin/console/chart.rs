//! A provider's last day as bars.

use serde_json::{Value, json};

use super::sentences::say_with;
use crate::base::Timestamp;
use crate::login::health::{HOURS, Hour, State};

/// The height of a chart, in its own units.
const HEIGHT: u64 = 40;

/// What the charts and the numbers beside them show.
pub(super) fn health(state: &State, now: Timestamp) -> Value {
    let this = now.as_secs() / 3600;
    let count = u64::try_from(HOURS).unwrap_or(24);
    let hours: Vec<Hour> = (0..count)
        .map(|i| {
            let hour = (this + i + 1).saturating_sub(count);
            let found = state.hours.iter().find(|known| known.hour == hour);
            found.copied().unwrap_or(Hour {
                hour,
                ..Hour::default()
            })
        })
        .collect();
    let worked: u64 = hours.iter().map(|hour| u64::from(hour.worked)).sum();
    let failed: u64 = hours.iter().map(|hour| u64::from(hour.failed)).sum();
    let millis: u64 = hours.iter().map(|hour| hour.millis).sum();
    let most = hours
        .iter()
        .map(|hour| u64::from(hour.worked) + u64::from(hour.failed))
        .max()
        .unwrap_or(0)
        .max(1);
    let mean = |hour: &Hour| hour.millis / u64::from(hour.worked).max(1);
    let slowest = hours.iter().map(mean).max().unwrap_or(0).max(1);
    let bars: Vec<Value> = hours
        .iter()
        .zip(0_u64..)
        .map(|(hour, i)| {
            let part = |n: u64, of: u64| (n * HEIGHT).div_ceil(of);
            let good = part(hour.worked.into(), most);
            let bad = part(hour.failed.into(), most);
            let slow = part(mean(hour), slowest);
            let at = Timestamp::from_secs(hour.hour * 3600).rfc3339();
            json!({
                "x": i * 10,
                "good": good, "good_y": HEIGHT.saturating_sub(good),
                "bad": bad, "bad_y": HEIGHT.saturating_sub(good + bad),
                "slow": slow, "slow_y": HEIGHT.saturating_sub(slow),
                "label": say_with("provider.bar", &[("at", &at), ("worked", &hour.worked), ("failed", &hour.failed), ("mean", &mean(hour))]),
            })
        })
        .collect();
    let failures: Vec<Value> = state
        .failures
        .iter()
        .map(
            |failed| json!({ "step": failed.step, "code": failed.code, "at": failed.at.rfc3339() }),
        )
        .collect();
    json!({
        "any": worked + failed > 0,
        "worked": worked,
        "failed": failed,
        "rate": (worked * 1000).checked_div(worked + failed).map(|permille| format!("{}.{} %", permille / 10, permille % 10)),
        "mean": millis.checked_div(worked),
        "bars": bars,
        "failures": failures,
    })
}
