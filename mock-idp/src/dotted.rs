//! Dotted paths into JSON: `data.user.email`, `emails.0.address`.

use serde_json::{Map, Value};

/// Sets the member at `path`, making objects on the way where there are none.
pub(crate) fn set(root: &mut Value, path: &str, value: Value) {
    let mut here = root;
    for segment in path.split('.') {
        here = match here {
            Value::Array(items) => {
                let index = segment.parse::<usize>().unwrap_or(0).min(items.len());
                if index == items.len() {
                    items.push(Value::Null);
                }
                &mut items[index]
            }
            other => {
                if !other.is_object() {
                    *other = Value::Object(Map::new());
                }
                // The line above made it an object; indexing one by name inserts.
                &mut other[segment]
            }
        };
    }
    *here = value;
}

/// Removes the member at `path`, if it is there.
pub(crate) fn remove(root: &mut Value, path: &str) -> Option<Value> {
    let (parent, last) = match path.rsplit_once('.') {
        Some((parent, last)) => (
            root.pointer_mut(&format!("/{}", parent.replace('.', "/")))?,
            last,
        ),
        None => (root, path),
    };
    match parent {
        // Not `swap_remove`: the order of the others is part of what a test sees.
        Value::Object(members) => members.shift_remove(last),
        Value::Array(items) => {
            let index = last
                .parse::<usize>()
                .ok()
                .filter(|index| *index < items.len())?;
            Some(items.remove(index))
        }
        _ => None,
    }
}

/// Puts `inner` under the dotted `wrapper`, beside `extra`.
pub(crate) fn wrap(inner: Value, wrapper: Option<&str>, extra: &Map<String, Value>) -> Value {
    let mut whole = match wrapper {
        None => inner,
        Some(path) => {
            let mut whole = Value::Object(Map::new());
            set(&mut whole, path, inner);
            whole
        }
    };
    if let Value::Object(members) = &mut whole {
        for (name, value) in extra {
            members.insert(name.clone(), value.clone());
        }
    }
    whole
}
