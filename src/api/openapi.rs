//! The OpenAPI document, made from the table of routes.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::answer::ok;
use super::call::Call;
use super::problem::{self, Kind, Problem};
use super::table::{Content, Outcome, Parameter, Place, Route};
use crate::model::schema::rename_duration;

static DOCUMENT: OnceLock<Value> = OnceLock::new();

/// `GET /openapi.json`
pub fn serve(call: &Call) -> Outcome {
    ok(DOCUMENT.get_or_init(|| document(call.door.routes)))
}

/// The OpenAPI 3.1 document of these routes.
pub fn document(routes: &[Route]) -> Value {
    // What is written has its defaults, what is read need not.
    let mut written = generator(SchemaSettings::draft2020_12().for_serialize());
    let mut read = generator(SchemaSettings::draft2020_12().for_deserialize());
    written.subschema_for::<Problem>();
    let kinds = routes.iter().flat_map(Route::problems);
    let problems: Map<String, Value> = kinds.map(|kind| (kind.word().to_owned(), with_problem(None, kind))).collect();
    let mut paths: Map<String, Value> = Map::new();
    for route in routes {
        let operation = operation(route, &mut written, &mut read);
        let path = paths.entry(route.path).or_insert_with(|| json!({}));
        path[route.method.as_str()] = operation;
    }
    let mut schemas = written.take_definitions(true);
    schemas.extend(read.take_definitions(true));
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Wharf",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "The control API of a Wharf controller.",
            "description": DESCRIPTION,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": problems,
            "securitySchemes": {"token": {
                "type": "http",
                "scheme": "bearer",
                "description": "The text of the file that the controller was given as its token file. Not needed on the unix socket.",
            }},
        },
    });
    rename_duration(&mut document);
    document
}

const DESCRIPTION: &str = "Over the unix socket `wharf.sock` in the state directory, and over loopback where the controller was told to \
                           listen there. Reads answer from memory. What is asked for is recorded and answered with 202; the events and the \
                           workspace say what comes of it. Every problem is a document of RFC 9457 with the next step in `help`.";

fn generator(settings: SchemaSettings) -> SchemaGenerator {
    settings
        .with(|settings| {
            settings.meta_schema = None;
            settings.definitions_path = "/components/schemas".into();
        })
        .into_generator()
}

fn operation(route: &Route, written: &mut SchemaGenerator, read: &mut SchemaGenerator) -> Value {
    let parameters: Vec<Value> = route.parameters.iter().map(parameter).collect();
    let mut operation = json!({
        "operationId": route.id,
        "summary": route.summary,
        "description": route.description,
        "parameters": parameters,
        "responses": responses(route, written),
    });
    if let Some(body) = route.body {
        let content = json!({"application/json": {"schema": body(read)}});
        operation["requestBody"] = json!({"required": true, "content": content});
    }
    if route.open {
        operation["security"] = json!([]);
    }
    operation
}

fn parameter(parameter: &Parameter) -> Value {
    let place = match parameter.place {
        Place::Path => "path",
        Place::Query => "query",
        Place::Header => "header",
    };
    let mut described = json!({
        "name": parameter.name,
        "in": place,
        "description": parameter.description,
        "required": parameter.place == Place::Path,
        "schema": parameter.form.schema(),
    });
    if place == "query" {
        // Lists are written with commas, and nothing is said twice.
        described["explode"] = json!(false);
    }
    described
}

fn responses(route: &Route, written: &mut SchemaGenerator) -> Value {
    let mut answers = answers(route, written);
    let mut problems: BTreeMap<u16, Vec<Kind>> = BTreeMap::new();
    for kind in route.problems() {
        problems.entry(kind.status().as_u16()).or_default().push(kind);
    }
    for (status, kinds) in problems {
        let alone = answers.remove(&status);
        let described = match (alone, kinds.as_slice()) {
            (None, [kind]) => json!({"$ref": format!("#/components/responses/{}", kind.word())}),
            (answer, kinds) => {
                kinds.iter().fold(answer, |entry, kind| Some(with_problem(entry, *kind))).unwrap_or_default()
            }
        };
        answers.insert(status, described);
    }
    answers.into_iter().map(|(status, described)| (status.to_string(), described)).collect::<Map<_, _>>().into()
}

/// What a route answers when all is well.
fn answers(route: &Route, written: &mut SchemaGenerator) -> BTreeMap<u16, Value> {
    let answer = &route.answer;
    let content = match answer.content {
        Content::Json(schema) => Some(("application/json", json!({"schema": schema(written)}))),
        Content::Events(schema) => {
            let data =
                json!({"type": "string", "contentMediaType": "application/json", "contentSchema": schema(written)});
            Some(("text/event-stream", json!({"schema": {"type": "string"}, "x-event-data": data})))
        }
        Content::Text(content_type) => Some((content_type, json!({"schema": {"type": "string"}}))),
        Content::None => None,
    };
    let mut all = BTreeMap::new();
    for (status, description) in std::iter::once((answer.status, answer.description)).chain(answer.otherwise) {
        let mut described = json!({"description": description});
        if let Some((content_type, schema)) = &content {
            described["content"] = json!({ *content_type: schema });
        }
        if let Some((name, description)) = answer.header {
            described["headers"] =
                json!({name: {"description": description, "required": true, "schema": {"type": "string"}}});
        }
        all.insert(status.as_u16(), described);
    }
    all
}

/// One status code may stand for several problems, and for an answer besides.
fn with_problem(entry: Option<Value>, kind: Kind) -> Value {
    let mut entry = entry.unwrap_or_else(|| json!({"description": ""}));
    let texts = [entry["description"].as_str().unwrap_or_default(), kind.title()];
    entry["description"] = json!(texts.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("; or: "));
    entry["content"][problem::CONTENT_TYPE] = json!({"schema": {"$ref": "#/components/schemas/Problem"}});
    if let Some((name, value)) = kind.header() {
        let sample = value.to_str().unwrap_or_default();
        entry["headers"][name.as_str()] = json!({"schema": {"type": "string"}, "example": sample});
    }
    entry
}
