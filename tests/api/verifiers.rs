//! The files that merchants verify with, on what this service hands over.

use crate::harness::{Card, TestApp};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// What runs a verifier's file, and a program that has it verify what is on its
/// standard input: prints what was verified, or the codes of the refusals.
const RUNNERS: [(&str, &[&str], &str); 3] = [
    (
        "node",
        &["--input-type=module", "-e"],
        "import { verifyCallback, verifyResult } from 'FOLDER/vezne-verify.mjs';
         import { readFileSync } from 'node:fs';
         const { result, headers, body, secrets, webhookSecrets } = JSON.parse(readFileSync(0, 'utf8'));
         const tried = (verify) => { try { return verify(); } catch (error) { return error.code; } };
         console.log(JSON.stringify([tried(() => verifyResult(result, secrets)),
            tried(() => verifyCallback(headers, Buffer.from(body), webhookSecrets))]));",
    ),
    (
        "python3",
        &["-B", "-c"],
        "import json, sys
sys.path.insert(0, 'FOLDER')
import vezne_verify
given = json.load(sys.stdin)
def tried(verify, *values):
    try:
        return verify(*values)
    except vezne_verify.VerificationError as error:
        return error.code
print(json.dumps([tried(vezne_verify.verify_result, given['result'], given['secrets']),
    tried(vezne_verify.verify_callback, given['headers'], given['body'].encode(), given['webhookSecrets'])]))",
    ),
    (
        "php",
        &["-r"],
        "require 'FOLDER/vezne_verify.php';
         $given = json_decode(stream_get_contents(STDIN), true);
         function tried(callable $verify) {
            try { return $verify(); } catch (Vezne\\VerificationError $error) { return $error->reason; }
         }
         echo json_encode([tried(fn () => Vezne\\verifyResult($given['result'], $given['secrets'])),
            tried(fn () => Vezne\\verifyCallback($given['headers'], $given['body'], $given['webhookSecrets']))]);",
    ),
];

/// What each verifier that this machine can run says.
fn verified(given: &Value) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("static/sdk/server");
    let run = |(program, options, code): &(&str, &[&str], &str)| {
        let code = code.replace("FOLDER", folder.to_str().unwrap());
        let mut command = Command::new(program);
        let command = command.args(*options).arg(code).stdin(Stdio::piped()).stdout(Stdio::piped());
        // PHP need not be here; the other two run parts of this very suite.
        let mut child = match command.spawn() {
            Err(error) if *program == "php" && error.kind() == std::io::ErrorKind::NotFound => return None,
            child => child.unwrap(),
        };
        child.stdin.take().unwrap().write_all(given.to_string().as_bytes()).unwrap();
        Some(serde_json::from_slice(&child.wait_with_output().unwrap().stdout).expect(program))
    };
    RUNNERS.iter().filter_map(run).collect()
}

#[tokio::test]
async fn each_language_verifies_the_return_and_the_callback() {
    let app = TestApp::start().await;
    let session =
        app.create_session(json!({ "callbackUrl": app.merchant.url(), "conversationId": "sipariş-42" })).await;
    app.submit_card(&session, Card::visa()).await.expect(303);
    let result = app.done(&session).await.query.json();
    let callback = app.merchant.callback().await;
    let header =
        |(name, value): (&http::HeaderName, &http::HeaderValue)| (name.to_string(), json!(value.to_str().ok()));
    let headers: serde_json::Map<String, Value> = callback.headers.iter().map(header).collect();
    let given = |secret: &str, webhook_secret: &str| {
        json!({
            "result": result, "headers": headers, "body": String::from_utf8_lossy(&callback.body),
            "secrets": ["vzsig_older", secret], "webhookSecrets": ["whsec_b2xkZXI=", webhook_secret],
        })
    };

    let all = verified(&given(&app.shop.signing_secret, &app.shop.webhook_secret));
    assert!(all.len() >= 2);
    for said in all {
        assert_eq!(said[0]["session"], result["session"]);
        assert_eq!((&said[0]["status"], &said[0]["conversationId"]), (&json!("completed"), &json!("sipariş-42")));
        assert_eq!((said[1]["id"].as_str(), &said[1]["type"]), (Some(callback.id()), &json!("session.completed")));
        assert_eq!(said[1]["data"]["cardToken"], app.session(&session).await["cardToken"]);
    }
    for said in verified(&given("vzsig_other", "whsec_b3RoZXI=")) {
        assert_eq!(said, json!(["signature", "signature"]));
    }
}
