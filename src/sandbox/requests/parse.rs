//! Parses the body of a request.

use serde_json::{Map, Value};

use super::spelling::Spelling;
use super::{check, found};
use crate::api::ErrorCode;
use crate::api::operation::{Op, Refusal};

/// A request in the types of the API document.
pub(in crate::sandbox) struct ParsedRequest {
    pub(in crate::sandbox) fields: Value,
    /// The values that came in another spelling, each as a sentence without the value.
    pub(in crate::sandbox) coercions: Vec<String>,
}

/// Parses a request body. A refusal names the field and the type of its value.
pub(in crate::sandbox) fn parse(
    op: Op,
    body: &[u8],
    spelling: Spelling,
) -> Result<ParsedRequest, Refusal> {
    let refusal = |detail: String| Refusal::new(ErrorCode::PARAMETER, detail);
    let fields: Value = serde_json::from_slice(body)
        .map_err(|error| refusal(format!("the body is not JSON: {error}")))?;
    let Value::Object(mut fields) = fields else {
        let found = found::describe(&fields);
        return Err(refusal(format!("expected a JSON object, not {found}")));
    };
    if op == Op::CreateOrganization {
        unify_creator(&mut fields, spelling).map_err(refusal)?;
    }
    let mut coercions = Vec::new();
    let fields = check::object(op.request_shape(), fields, spelling, &mut coercions);
    Ok(ParsedRequest {
        fields: fields.map_err(|error| refusal(error.to_string()))?,
        coercions,
    })
}

/// Renames `agentAccountId` to `creatorId`: the API document has two names for this field (5.2.2),
/// and some callers send both.
fn unify_creator(fields: &mut Map<String, Value>, spelling: Spelling) -> Result<(), String> {
    let Some(agent) = fields.remove("agentAccountId") else {
        return Ok(());
    };
    let is_absent = |value: &Value| spelling == Spelling::Lenient && found::is_blank(value);
    match fields.get("creatorId") {
        Some(creator) if *creator == agent || is_absent(&agent) => {}
        Some(creator) if !is_absent(creator) => {
            return Err("creatorId and agentAccountId differ".to_owned());
        }
        _ => drop(fields.insert("creatorId".to_owned(), agent)),
    }
    Ok(())
}
