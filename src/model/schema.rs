//! What JSON Schemas made from the model's types need before others can use them.

use serde_json::{Value, json};

/// JSON Schema's own `duration` is that of ISO 8601 (`PT10S`): a validator that knows it would refuse `10s`.
pub fn rename_duration(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            for (key, value) in object.iter_mut() {
                if key == "format" && value == "duration" {
                    *value = json!("wharf-duration");
                } else {
                    rename_duration(value);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(rename_duration),
        _ => {}
    }
}
