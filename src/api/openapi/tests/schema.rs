//! Holds values against the document's schemas: the part of JSON Schema 2020-12
//! that the document uses. Patterns and formats are for readers.

use serde_json::Value;
use std::collections::BTreeSet;

/// The document, as tools read it.
pub struct Document(pub Value);

impl Document {
    pub fn load() -> Self {
        Self(serde_json::from_str(super::super::DOCUMENT).unwrap())
    }

    /// What a JSON pointer leads to.
    pub fn at(&self, pointer: &str) -> &Value {
        self.0.pointer(pointer).unwrap_or_else(|| panic!("nothing at {pointer}"))
    }

    /// What stands for a value that may be a reference.
    pub fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(target) => self.resolve(self.at(target.strip_prefix('#').unwrap())),
            None => value,
        }
    }

    pub fn schema(&self, name: &str) -> &Value {
        self.at(&format!("/components/schemas/{name}"))
    }

    /// The names of an object's documented properties.
    pub fn properties<'a>(&'a self, schema: &'a Value) -> BTreeSet<&'a str> {
        self.property_schemas(schema).into_iter().map(|(name, _)| name).collect()
    }

    /// Every documented property of an object, those of its parts included.
    pub fn property_schemas<'a>(&'a self, schema: &'a Value) -> Vec<(&'a str, &'a Value)> {
        let schema = self.resolve(schema);
        let own = schema["properties"].as_object().into_iter().flatten();
        let parts = schema["allOf"].as_array().into_iter().flatten();
        own.map(|(name, schema)| (name.as_str(), schema))
            .chain(parts.flat_map(|part| self.property_schemas(part)))
            .collect()
    }

    /// Pointers to every documented property, those of nested objects included.
    pub fn pointers(&self, schema: &Value) -> Vec<String> {
        let nested = |(name, schema): (&str, &Value)| {
            let below = self.pointers(schema).into_iter().map(move |pointer| format!("/{name}{pointer}"));
            std::iter::once(format!("/{name}")).chain(below).collect::<Vec<_>>()
        };
        self.property_schemas(schema).into_iter().flat_map(nested).collect()
    }

    /// Fails unless the value is what the schema says, without a property that
    /// the schema does not name.
    pub fn check(&self, schema: &Value, value: &Value, place: &str) {
        let resolved = self.resolve(schema);
        let known = self.properties(resolved);
        if let (Some(object), false) = (value.as_object(), known.is_empty()) {
            for name in object.keys() {
                assert!(known.contains(name.as_str()), "{place}/{name} is not documented");
            }
        }
        self.check_rules(resolved, value, place);
    }

    fn check_rules(&self, schema: &Value, value: &Value, place: &str) {
        for (keyword, rule) in self.resolve(schema).as_object().unwrap() {
            let holds = match keyword.as_str() {
                "allOf" | "properties" | "items" | "additionalProperties" | "propertyNames" => {
                    self.descend(keyword, schema, rule, value, place);
                    true
                }
                "type" => rule.as_array().map_or_else(|| is(rule, value), |any| any.iter().any(|one| is(one, value))),
                "const" => rule == value,
                "enum" => rule.as_array().unwrap().contains(value),
                "required" => rule.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some()),
                "minimum" | "minLength" | "minItems" => size(value) >= rule.as_i64().unwrap(),
                "maximum" | "maxLength" | "maxItems" | "maxProperties" => size(value) <= rule.as_i64().unwrap(),
                "pattern" | "format" | "description" | "default" | "examples" => true,
                other => panic!("{other} is not checked"),
            };
            assert!(holds, "{place} is {value}, against {keyword} {rule}");
        }
    }

    fn descend(&self, keyword: &str, schema: &Value, rule: &Value, value: &Value, place: &str) {
        let schema = self.resolve(schema);
        let entries = || value.as_object().into_iter().flatten();
        match keyword {
            "allOf" => rule.as_array().unwrap().iter().for_each(|part| self.check_rules(part, value, place)),
            "items" => value.as_array().unwrap().iter().for_each(|item| self.check(rule, item, place)),
            "propertyNames" => {
                entries().for_each(|(name, _)| self.check_rules(rule, &Value::from(name.as_str()), place));
            }
            "properties" => {
                for (name, value) in entries().filter(|(name, _)| rule.get(name).is_some()) {
                    self.check(&rule[name], value, &format!("{place}/{name}"));
                }
            }
            // `false` is what `check` asks of every object.
            _ if rule == &Value::Bool(false) => {}
            _ => {
                for (name, value) in entries().filter(|(name, _)| schema["properties"].get(name).is_none()) {
                    self.check(rule, value, &format!("{place}/{name}"));
                }
            }
        }
    }
}

fn is(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("there is no type {other}"),
    }
}

/// What bounds are about: a number itself, characters, items or entries.
fn size(value: &Value) -> i64 {
    let count = match value {
        Value::String(text) => text.chars().count(),
        Value::Array(items) => items.len(),
        Value::Object(entries) => entries.len(),
        number => return number.as_i64().unwrap(),
    };
    i64::try_from(count).unwrap()
}
